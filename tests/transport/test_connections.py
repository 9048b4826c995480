"""Pools of connections by key, and the address a request is sent to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import httpcore
import pytest

from kubemetrics.auth import ClientCertificate, Credential
from kubemetrics.config.model import Config
from kubemetrics.errors import CredentialError, TransportError
from kubemetrics.flow import Request
from kubemetrics.transport import connections as connections_module
from kubemetrics.transport.connections import Connections, Places, Pools
from kubemetrics.transport.endpoint import ConnectionKey, Endpoint, Headers
from kubemetrics.transport.network import Call, RequestContext

from .certs import leaf, ordinary
from .sending import WATCHDOG, get, get_async
from .servers import ScriptedServer, TlsServer

OLD: ConnectionKey = (None, b"old")
NEW: ConnectionKey = (None, b"new")


def name(key: ConnectionKey) -> str:
    return (key[1] or b"").decode()


def test_one_pool_serves_a_key_until_another_is_asked_for() -> None:
    pools = Pools(name)
    first, none = pools.borrow(OLD)
    again, neither = pools.borrow(OLD)
    assert (first.handle, none, neither) == ("old", None, None)
    assert again is first
    following, idle = pools.borrow(NEW)
    assert (following.handle, idle) == ("new", None)  # the old one is in use
    assert pools.give_back(first) is None
    assert pools.give_back(first) == "old"


def test_a_pool_that_nobody_uses_is_closed_by_who_takes_the_next() -> None:
    pools = Pools(name)
    lease, _ = pools.borrow(OLD)
    assert pools.give_back(lease) is None
    assert pools.borrow(NEW)[1] == "old"


def test_where_the_next_cannot_be_made_the_old_one_stays() -> None:
    """A bad pair in the midst of a rotation: what was there is nobody's else."""

    def make(key: ConnectionKey) -> str:
        if key == NEW:
            raise CredentialError("not a pair")
        return name(key)

    pools = Pools(make)
    lease, _ = pools.borrow(OLD)
    pools.give_back(lease)
    with pytest.raises(CredentialError):
        pools.borrow(NEW)
    assert pools.borrow(OLD) == (lease, None)
    assert pools.drain() == ["old"]


def test_who_has_a_pool_does_not_wait_while_another_is_made() -> None:
    making, go_on = threading.Event(), threading.Event()

    def make(key: ConnectionKey) -> str:
        if key == NEW:
            making.set()
            go_on.wait(WATCHDOG)
        return name(key)

    pools = Pools(make)
    pools.borrow(OLD)
    thread = threading.Thread(target=pools.borrow, args=(NEW,))
    thread.start()
    assert making.wait(WATCHDOG)
    assert pools.borrow(OLD)[0].handle == "old"
    go_on.set()
    thread.join(WATCHDOG)
    assert pools.borrow(NEW)[0].handle == "new"


def test_two_that_make_the_same_share_one_and_close_the_other() -> None:
    both = threading.Barrier(2)

    def make(key: ConnectionKey) -> str:
        both.wait(WATCHDOG)
        return name(key)

    pools = Pools(make)
    borrowed: list[tuple[object, str | None]] = []
    threads = [
        threading.Thread(target=lambda: borrowed.append(pools.borrow(NEW)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WATCHDOG)
    assert len({id(lease) for lease, _ in borrowed}) == 1
    assert sorted(str(idle) for _, idle in borrowed) == ["None", "new"]


def open_one(connections: Connections, url: str) -> bytes:
    answer = connections.open("GET", url, Headers(), None, Call(WATCHDOG), None)
    body = answer.read()
    assert answer.read() == b""
    answer.close()
    return body


def test_an_answer_says_whether_its_connection_was_kept() -> None:
    with TlsServer(leaf(ordinary(), "127.0.0.1")) as server:
        url = f"https://127.0.0.1:{server.port}"
        config = Config(server=url, certificate_authority_data=ordinary().pem)
        connections = Connections(Endpoint(config, environ={}), (None, None))
        reused = []
        for _ in range(2):
            answer = connections.open(
                "GET", f"{url}/", Headers(), None, Call(WATCHDOG), None
            )
            reused.append(answer.reused)
            shown = answer.certificate()
            assert shown is not None
            assert shown.names == ("127.0.0.1",)
            while answer.read():
                pass
            answer.close()
        connections.close()
    assert reused == [False, True]
    assert server.heads[0].startswith(
        f"GET / HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n"
    )


def test_a_closed_pool_says_so() -> None:
    connections = Connections(
        Endpoint(Config(server="http://127.0.0.1:1"), environ={}), (None, None)
    )
    connections.close()
    with pytest.raises(TransportError) as caught:
        open_one(connections, "http://127.0.0.1:1/")
    assert caught.value.reason == "closed"


def test_a_certificate_that_is_none_makes_no_connections() -> None:
    endpoint = Endpoint(Config(server="https://x"), environ={})
    with pytest.raises(CredentialError):
        Connections(endpoint, (ClientCertificate(b"", b""), None))


def destination(server: str, path: str = "/") -> tuple[bytes, bytes, bytes]:
    endpoint = Endpoint(Config(server=server), environ={})
    host, url = endpoint.destination(endpoint.url(Request(path=path)))
    return host, url.host, url.target


@pytest.mark.parametrize(
    ("server", "shown", "dialled"),
    [
        ("https://Cluster.Example:443", b"cluster.example", b"cluster.example"),
        ("https://a:6443", b"a:6443", b"a"),
        ("https://[FE80::1]:6443", b"[fe80::1]:6443", b"fe80::1"),
        ("https://[fe80::1%25eth0]:6443", b"[fe80::1]:6443", b"fe80::1%eth0"),
        ("https://示例.com", b"xn--fsq092h.com", b"xn--fsq092h.com"),
    ],
)
def test_a_host_is_dialled_with_its_zone_and_shown_without(
    server: str, shown: bytes, dialled: bytes
) -> None:
    """RFC 6874: a zone says something to this machine alone."""
    assert destination(server)[:2] == (shown, dialled)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/v1", b"/api/v1"),
        ("/a%2Fb/ü?x=ü y", b"/a%2Fb/%C3%BC?x=%C3%BC%20y"),
        ("/100%/\udcff", b"/100%25/%ED%B3%BF"),
        ('/<"`{}>', b"/%3C%22%60%7B%7D%3E"),
    ],
)
def test_what_may_not_stand_in_an_address_is_escaped(path: str, target: bytes) -> None:
    assert destination("https://a", path)[2] == target


def test_a_name_that_cannot_be_is_told() -> None:
    with pytest.raises(TransportError, match="no host name") as caught:
        destination(f"https://{'ü' * 70}.example")
    assert caught.value.reason == "dns"


@pytest.mark.parametrize("ask", [get, get_async])
def test_an_ipv6_zone_is_dialled(ask: Callable[[Config], bytes]) -> None:
    heads: list[bytes] = []

    def script(sock: socket.socket) -> None:
        heads.append(sock.recv(65536))
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    # Its number: a name goes with a link's own addresses alone.
    zone = socket.if_nameindex()[0][0]
    with ScriptedServer(script, host="::1") as server:
        config = Config(server=f"http://[::1%25{zone}]:{server.port}")
        assert ask(config) == b"ok"
    assert b"host: [::1]:%d\r\n" % server.port in heads[0]


def test_a_token_is_not_shown_with_the_headers() -> None:
    endpoint = Endpoint(Config(server="https://a"), environ={})
    credential = Credential(authorization="Bearer h1dden")
    headers = endpoint.headers(Request(path="/"), credential)
    assert (b"authorization", b"Bearer h1dden") in headers
    assert "h1dden" not in repr(headers)


def hold(places: Places, call: Call, outcome: list[str]) -> None:
    try:
        places.take(RequestContext(call).limit(None))
        outcome.append("a place")
    except (httpcore.PoolTimeout, TimeoutError) as error:
        outcome.append(type(error).__name__)


def test_who_waits_for_a_place_is_woken_with_its_call_and_leaves_the_queue() -> None:
    places, first, second = Places(1), Call(), Call()
    outcomes: tuple[list[str], list[str], list[str]] = ([], [], [])
    hold(places, Call(), outcomes[0])
    threads = [
        threading.Thread(target=hold, args=(places, call, outcome))
        for call, outcome in ((first, outcomes[1]), (second, outcomes[2]))
    ]
    for thread in threads:
        thread.start()
    first.cancel()
    threads[0].join(WATCHDOG)
    assert outcomes[1] in (["PoolTimeout"], ["TimeoutError"])
    places.give_back()
    threads[1].join(WATCHDOG)
    assert (outcomes[0], outcomes[2]) == (["a place"], ["a place"])
    places.give_back()
    hold(places, Call(0.0), outcomes[0])
    assert outcomes[0][1:] == ["a place"]  # it is there: nobody need wait
    hold(places, Call(0.0), outcomes[0])
    assert outcomes[0][2:] == ["TimeoutError"]


def test_every_place_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """After answers, refusals and answers that were left in the middle."""
    monkeypatch.setattr(connections_module, "MOST", 1)
    with TlsServer(leaf(ordinary(), "127.0.0.1")) as server:
        url = f"https://127.0.0.1:{server.port}"
        config = Config(server=url, certificate_authority_data=ordinary().pem)
        connections = Connections(Endpoint(config, environ={}), (None, None))
        for _ in range(3):
            assert open_one(connections, f"{url}/") == b"ok"
            with pytest.raises(TransportError):
                open_one(connections, "https://127.0.0.1:1/")
            answer = connections.open(
                "GET", f"{url}/", Headers(), None, Call(WATCHDOG), None
            )
            answer.close()
            answer.close()
        connections.close()
