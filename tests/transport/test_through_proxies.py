"""Both clients through real proxies: what httpcore gets wrong is put right."""

from __future__ import annotations

import gc
from collections.abc import Callable

import anyio
import pytest

from kubemetrics import AsyncClient, Client
from kubemetrics.config.model import AuthInfo, Config
from kubemetrics.errors import ConfigError, TransportError
from kubemetrics.transport.connections import exchange
from tests.cluster.socks import SocksProxy

from .certs import leaf, ordinary
from .servers import ConnectProxy, PlainServer, TlsServer

Ask = Callable[[Config], bytes]


def blocking(config: Config) -> bytes:
    with Client(config) as client:
        return client.get_raw("/version", timeout=60)


def awaiting(config: Config) -> bytes:
    async def ask() -> bytes:
        async with AsyncClient(config) as client:
            return await client.get_raw("/version", timeout=60)

    return anyio.run(ask)


@pytest.fixture(params=[blocking, awaiting])
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen


def behind(proxy_url: str, server: str = "https://127.0.0.1:1") -> Config:
    return Config(
        server=server,
        proxy_url=proxy_url,
        certificate_authority_data=ordinary().pem,
        auth=AuthInfo(token="t"),
    )


def failure(ask: Ask, config: Config) -> TransportError:
    with pytest.raises(TransportError) as caught:
        ask(config)
    gc.collect()  # a socket that was left open would be told of now
    return caught.value


def test_an_ipv6_server_is_asked_for_in_brackets(ask: Ask) -> None:
    """Item 21: httpcore says `CONNECT ::1:6443`."""
    with TlsServer(leaf(ordinary(), "::1"), host="::1") as server, ConnectProxy() as p:
        url = f"https://[::1]:{server.port}"
        assert ask(behind(f"http://127.0.0.1:{p.port}", url)) == b"ok"
    assert p.requests[0].startswith(f"CONNECT [::1]:{server.port} HTTP/1.1\r\n")
    assert server.names in ([], [None])


@pytest.mark.parametrize("answer", [b"", b"\x05", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_proxy_that_speaks_no_socks_is_told_of(ask: Ask, answer: bytes) -> None:
    """Its own library's error would come out as a traceback."""
    with PlainServer(answer) as proxy:
        error = failure(ask, behind(f"socks5://me:pw@127.0.0.1:{proxy.port}"))
    assert error.reason == "proxy"
    assert "does not answer as a SOCKS5 proxy" in str(error)
    assert f"socks5://127.0.0.1:{proxy.port}" in str(error)
    assert "pw" not in str(error).replace("https://", "")


@pytest.mark.parametrize("credentials", ["", "me:wrong@"])
def test_a_socks_proxy_that_refuses_leaves_no_socket(
    ask: Ask, credentials: str
) -> None:
    with SocksProxy(credentials="me:right") as proxy:
        error = failure(ask, behind(f"socks5://{credentials}127.0.0.1:{proxy.port}"))
    assert error.reason == "proxy"
    assert "wrong" not in str(error)


def test_what_fetches_a_credential_tells_of_such_a_proxy_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with PlainServer(b"no SOCKS") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"socks5://me:pw@127.0.0.1:{proxy.port}")
        with pytest.raises(TransportError) as caught:
            exchange("GET", "https://issuer.example/", {}, b"", None)
    assert caught.value.reason == "proxy"
    assert "does not answer as a SOCKS5 proxy" in str(caught.value)


@pytest.mark.parametrize("host", ["[v1.x]:1", "a%zz:1", "-:1", "a_b.-:1"])
def test_a_proxy_whose_url_httpx_cannot_read_is_told_of(ask: Ask, host: str) -> None:
    with pytest.raises((ConfigError, TransportError)) as caught:
        ask(behind(f"http://me:h1dden@{host}"))
    assert "h1dden" not in str(caught.value)
