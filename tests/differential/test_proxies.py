# ruff: noqa: E501, S104 - a case a line; nothing listens on 0.0.0.0
"""Which way kubectl and we go to the server, and what the proxy is told on it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import pytest

from tests.cluster.proxy import HttpProxy, HttpsProxy, Proxy
from tests.cluster.socks import SocksProxy
from tests.transport.certs import leaf, ordinary
from tests.transport.servers import server_context

from .bench import Bench, Case, needs_kubectl, same
from .conftest import Benches

pytestmark = needs_kubectl

ME = "me:p%40ss%2Fw%C3%B6rd"  # p@ss/wörd
ME_PLAIN = "me:p@ss/wörd"


def _proxy_context(*hosts: str) -> ssl.SSLContext:
    return server_context(leaf(ordinary(), *hosts, name="proxy"))


PROXIES: dict[str, Callable[..., Proxy]] = {
    "http": HttpProxy,
    "http, locked": partial(HttpProxy, credentials=ME_PLAIN),
    "https": lambda **given: HttpsProxy(context=_proxy_context("127.0.0.1"), **given),
    "https, locked": lambda **given: HttpsProxy(context=_proxy_context("127.0.0.1"), credentials=ME_PLAIN, **given),
    "https, wrong host": lambda **given: HttpsProxy(context=_proxy_context("other.example"), **given),
    "socks5": SocksProxy,
    "socks5, locked": partial(SocksProxy, credentials=ME_PLAIN),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Through(Case):
    """A case with a *proxy* of the kind, that knows api.example and others."""

    proxy: str = "http"


def by_url(url: str = "<proxy>", **cluster: object) -> dict[str, object]:
    return {"proxy-url": url, **cluster}


def at(server: str, **cluster: object) -> dict[str, object]:
    return {"server": server, **cluster}


NAMED = at("https://api.example:<port>")
ANY = at("https://0.0.0.0:<port>")  # this machine, and no loopback by its number
ANY6 = at("https://[::]:<port>")


def env(**variables: str) -> Mapping[str, str]:
    return variables


HTTPS = env(HTTPS_PROXY="<proxy>")

CONFIGURED = [
    Through(name="http", cluster=by_url()),
    Through(name="http, a name", cluster={**NAMED, **by_url()}),
    Through(name="http, IPv6", cluster={**ANY6, **by_url()}, place="IPv6", refused=True),
    Through(name="http, IPv6 loopback", cluster=by_url(), place="IPv6"),
    Through(name="http, server name", cluster={**NAMED, **by_url(), "tls-server-name": "localhost"}),
    Through(name="http, wrong server name", cluster={**NAMED, **by_url(), "tls-server-name": "wrong.example"}, refused=True),
    Through(name="http, a certificate that fits not", cluster=by_url(), place="wrong host", refused=True),
    Through(name="http, insecure", cluster={**by_url(), "certificate-authority-data": None, "insecure-skip-tls-verify": True}, place="wrong host"),
    Through(name="http, with credentials", cluster=by_url(f"http://{ME}@127.0.0.1:<proxyport>"), proxy="http, locked"),
    Through(name="http, credentials unasked", cluster=by_url("http://me:pw@127.0.0.1:<proxyport>")),
    Through(name="http, a user alone", cluster=by_url("http://me@127.0.0.1:<proxyport>")),
    Through(name="http, credentials missing", cluster=by_url(), proxy="http, locked", refused=True),
    Through(name="http, credentials wrong", cluster=by_url("http://me:no@127.0.0.1:<proxyport>"), proxy="http, locked", refused=True),
    Through(name="http, to a plain server", cluster={**by_url(), "certificate-authority-data": None}, place="plain"),
    Through(name="http, with credentials, to a plain server", cluster={**by_url(f"http://{ME}@127.0.0.1:<proxyport>"), "certificate-authority-data": None}, place="plain", proxy="http, locked"),
    Through(name="http, to nowhere", cluster={**at("https://127.0.0.1:1"), **by_url()}, refused=True),
    Through(name="https", cluster=by_url(), proxy="https"),
    Through(name="https, server name", cluster={**NAMED, **by_url()}, proxy="https"),
    Through(name="https, with credentials", cluster=by_url(f"https://{ME}@127.0.0.1:<proxyport>"), proxy="https, locked"),
    Through(name="https, a proxy's certificate that fits not", cluster=by_url(), proxy="https, wrong host", refused=True),
    Through(name="https, insecure", cluster={**by_url(), "certificate-authority-data": None, "insecure-skip-tls-verify": True}, proxy="https, wrong host"),
    Through(name="socks5", cluster=by_url(), proxy="socks5"),
    Through(name="socks5, a name", cluster={**NAMED, **by_url()}, proxy="socks5"),
    Through(name="socks5, IPv6", cluster=by_url(), proxy="socks5", place="IPv6"),
    Through(name="socks5, server name", cluster={**by_url(), "tls-server-name": "api.example"}, proxy="socks5"),
    Through(name="socks5, with credentials", cluster=by_url(f"socks5://{ME}@127.0.0.1:<proxyport>"), proxy="socks5, locked"),
    Through(name="socks5, credentials missing", cluster=by_url(), proxy="socks5, locked", refused=True),
    Through(name="socks5, credentials wrong", cluster=by_url("socks5://me:no@127.0.0.1:<proxyport>"), proxy="socks5, locked", refused=True),
    Through(name="socks5h", cluster=by_url("socks5h://127.0.0.1:<proxyport>"), proxy="socks5", refused=True),
    Through(name="another scheme", cluster=by_url("ftp://127.0.0.1:<proxyport>"), refused=True),
    Through(name="no scheme", cluster=by_url("127.0.0.1:<proxyport>"), refused=True),
    Through(name="a proxy that is not there", cluster=by_url("http://127.0.0.1:1"), refused=True),
    Through(name="a slash and a path", cluster=by_url("http://127.0.0.1:<proxyport>/path")),
    Through(name="before the environment", cluster=by_url(), environ=env(HTTPS_PROXY="http://127.0.0.1:1", NO_PROXY="*")),
]  # fmt: skip

ENVIRONMENT = [
    Through(name="HTTPS_PROXY", cluster=NAMED, environ=HTTPS),
    Through(name="https_proxy", cluster=NAMED, environ=env(https_proxy="<proxy>")),
    Through(name="both spellings", cluster=NAMED, environ=env(HTTPS_PROXY="<proxy>", https_proxy="http://127.0.0.1:1")),
    Through(name="without a scheme", cluster=NAMED, environ=env(HTTPS_PROXY="127.0.0.1:<proxyport>")),
    Through(name="with credentials", cluster=NAMED, environ=env(HTTPS_PROXY=f"http://{ME}@127.0.0.1:<proxyport>"), proxy="http, locked"),
    Through(name="an https proxy", cluster=NAMED, environ=HTTPS, proxy="https"),
    Through(name="a socks5 proxy", cluster=NAMED, environ=HTTPS, proxy="socks5"),
    Through(name="a socks5h proxy", cluster=NAMED, environ=env(HTTPS_PROXY="socks5h://127.0.0.1:<proxyport>"), proxy="socks5"),
    Through(name="server name", cluster={**NAMED, "tls-server-name": "localhost"}, environ=HTTPS),
    Through(name="HTTP_PROXY is not for https", cluster=ANY, environ=env(HTTP_PROXY="<proxy>")),
    Through(name="ALL_PROXY is not read", cluster=ANY, environ=env(ALL_PROXY="<proxy>", all_proxy="<proxy>")),
    Through(name="HTTP_PROXY for http", cluster=at("http://api.example:<port>", **{"certificate-authority-data": None}), environ=env(HTTP_PROXY="<proxy>"), place="plain"),
    Through(name="HTTP_PROXY in CGI", cluster=at("http://api.example:<port>", **{"certificate-authority-data": None}), environ=env(HTTP_PROXY="<proxy>", REQUEST_METHOD="GET"), place="plain", refused=True),
    Through(name="an address", cluster=ANY, environ=HTTPS),
    Through(name="loopback", environ=HTTPS),
    Through(name="localhost", cluster=at("https://localhost:<port>"), environ=HTTPS),
    Through(name="IPv6 loopback", environ=HTTPS, place="IPv6"),
    Through(name="NO_PROXY *", cluster=ANY, environ={**HTTPS, "NO_PROXY": "*"}),
    Through(name="NO_PROXY * among others", cluster=ANY, environ={**HTTPS, "NO_PROXY": "x.example, *"}),
    Through(name="no_proxy", cluster=ANY, environ={**HTTPS, "no_proxy": "0.0.0.0"}),
    Through(name="NO_PROXY an address", cluster=ANY, environ={**HTTPS, "NO_PROXY": "0.0.0.0"}),
    Through(name="NO_PROXY another address", cluster=ANY, environ={**HTTPS, "NO_PROXY": "0.0.0.1"}),
    Through(name="NO_PROXY an address and its port", cluster=ANY, environ={**HTTPS, "NO_PROXY": "0.0.0.0:<port>"}),
    Through(name="NO_PROXY an address and another port", cluster=ANY, environ={**HTTPS, "NO_PROXY": "0.0.0.0:1"}),
    Through(name="NO_PROXY a block", cluster=ANY, environ={**HTTPS, "NO_PROXY": "10.0.0.0/8,0.0.0.0/8"}),
    Through(name="NO_PROXY a block of one", cluster=ANY, environ={**HTTPS, "NO_PROXY": "0.0.0.0/32"}),
    Through(name="NO_PROXY another block", cluster=ANY, environ={**HTTPS, "NO_PROXY": "10.0.0.0/8"}),
    Through(name="NO_PROXY a block that is none", cluster=ANY, environ={**HTTPS, "NO_PROXY": "0.0.0.0/99"}),
    Through(name="NO_PROXY a block does not mean names", cluster=NAMED, environ={**HTTPS, "NO_PROXY": "0.0.0.0/0,::/0"}),
    Through(name="NO_PROXY another name", cluster=NAMED, environ={**HTTPS, "NO_PROXY": "other.example"}),
    Through(name="NO_PROXY the end of a label", cluster=NAMED, environ={**HTTPS, "NO_PROXY": "pi.example,.api.example"}),
    Through(name="NO_PROXY a name and another port", cluster=NAMED, environ={**HTTPS, "NO_PROXY": "api.example:1"}),
    Through(name="NO_PROXY separated by blanks is one name", cluster=NAMED, environ={**HTTPS, "NO_PROXY": "x.example api.example"}),
]  # fmt: skip

# The name leads nowhere without the proxy: both fail, and the proxy is not asked.
BYPASSED = [
    Through(name=f"NO_PROXY {listed}", cluster=at("https://api.kubemetrics.invalid:<port>"), environ={**HTTPS, "NO_PROXY": listed}, refused=True)
    for listed in ("api.kubemetrics.invalid", "kubemetrics.invalid", ".kubemetrics.invalid", "*.kubemetrics.invalid", "invalid", "KUBEMETRICS.invalid", "x, .invalid ,y", "kubemetrics.invalid:<port>")
]  # fmt: skip


@pytest.fixture
def proxies() -> Iterator[Callable[[Bench, Through], Bench]]:
    running: list[Proxy] = []

    def through(bench: Bench, case: Through) -> Bench:
        here = ("127.0.0.1", bench.place.server.port)
        names = ("api.example", "0.0.0.0")
        routes = {f"{name}:{here[1]}": here for name in names}
        running.append(PROXIES[case.proxy](routes=routes))
        return replace(bench, proxy=running[-1])

    yield through
    for proxy in running:
        proxy.close()


Start = Callable[[Bench, Through], Bench]


@pytest.mark.parametrize("case", CONFIGURED, ids=str)
def test_the_proxy_of_the_kubeconfig_is_asked_as_by_kubectl(
    case: Through, benches: Benches, proxies: Start
) -> None:
    """Item 10: kubernetes-client/python#1862, #2183; ansible kubernetes.core#1172."""
    bench = proxies(benches(case.place), case)
    found = same(bench, case)
    assert found.asked or case.refused or case.cluster["proxy-url"] != "<proxy>"


@pytest.mark.parametrize("case", ENVIRONMENT, ids=str)
def test_the_environments_proxy_is_asked_when_kubectl_asks_it(
    case: Through, benches: Benches, proxies: Start
) -> None:
    """Item 10: kubernetes-client/python#333, #1578, #1995; python/cpython#149746."""
    same(proxies(benches(case.place), case), case)


@pytest.fixture(scope="module")
def nowhere() -> None:
    """Names that do not exist are known not to, and before a resolver asks again."""
    started = time.monotonic()
    with contextlib.suppress(OSError):
        socket.getaddrinfo("api.kubemetrics.invalid", 443)
    if time.monotonic() - started > 5:
        pytest.skip("here it takes long to learn that a name does not exist")


@pytest.mark.parametrize("case", BYPASSED, ids=str)
@pytest.mark.usefixtures("nowhere")
def test_a_name_that_kubectl_takes_no_proxy_for_has_none(
    case: Through, benches: Benches, proxies: Start
) -> None:
    found = same(proxies(benches(case.place), case), case)
    assert found.asked == ()
