"""Waits on the network: each ends with its call, and none outlives its connection."""

from __future__ import annotations

import contextlib
import itertools
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

import anyio
import pytest

from kubemetrics import AsyncClient, Client, TransportError
from kubemetrics.config.model import Config
from kubemetrics.transport import backend
from kubemetrics.transport.backend import Race
from kubemetrics.transport.network import Call, Deadline, RequestContext

from .certs import leaf, ordinary
from .sending import WATCHDOG, get, get_async
from .servers import (
    ConnectProxy,
    PlainServer,
    ScriptedServer,
    TlsServer,
    server_context,
)

TIMEOUT = 0.2
"""Seconds of a call that is to run out of time: nothing asks how soon it ends."""

Ask = Callable[[Config, float], bytes]


def blocking(config: Config, timeout: float) -> bytes:
    with Client(config) as client:
        return client.get_raw("/version", timeout=timeout)


def awaiting(config: Config, timeout: float) -> bytes:
    async def ask() -> bytes:
        async with AsyncClient(config) as client:
            return await client.get_raw("/version", timeout=timeout)

    return anyio.run(ask)


@pytest.fixture(params=[blocking, awaiting])
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen


def plain(port: int) -> Config:
    return Config(server=f"http://127.0.0.1:{port}")


def again_and_again(data: Callable[[], Iterator[bytes]]) -> ScriptedServer:
    """Make a server that goes on until its client hangs up."""

    def script(sock: socket.socket) -> None:
        sock.recv(65536)
        with contextlib.suppress(OSError):
            for piece in data():
                sock.sendall(piece)

    return ScriptedServer(script)


def early_hints() -> Iterator[bytes]:
    return itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")


def dripping_head() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    pause = threading.Event()
    while not pause.wait(0.01):
        yield b"a: b\r\n"


def dripping_body() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
    pause = threading.Event()
    while not pause.wait(0.01):
        yield b"x"


@pytest.mark.parametrize("data", [early_hints, dripping_head, dripping_body])
def test_what_comes_without_end_ends_with_the_call(
    ask: Ask, data: Callable[[], Iterator[bytes]]
) -> None:
    """encode/httpx#1450: a time-out between two bytes bounds nothing."""
    with again_and_again(data) as server, pytest.raises(TransportError) as caught:
        ask(plain(server.port), TIMEOUT)
    assert caught.value.reason == "deadline"
    assert f"within {TIMEOUT:g} s" in str(caught.value)


def test_a_handshake_that_drips_ends_with_the_call(ask: Ask) -> None:
    def script(sock: socket.socket) -> None:
        pause = threading.Event()
        with contextlib.suppress(OSError):
            sock.sendall(b"\x16\x03\x03\x40\x00")
            while not pause.wait(0.01):
                sock.sendall(b"\x02")

    with ScriptedServer(script) as server, pytest.raises(TransportError) as caught:
        ask(Config(server=f"https://127.0.0.1:{server.port}"), TIMEOUT)
    assert caught.value.reason == "deadline"


def _is_numeric(options: Mapping[str, int]) -> bool:
    return bool(options.get("flags", 0) & socket.AI_NUMERICHOST)


@pytest.fixture
def deaf_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have no name answered before the test is over."""
    over, before = threading.Event(), set(threading.enumerate())
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *rest: int, **options: int) -> object:
        if host == "deaf.example" and not _is_numeric(options):
            over.wait(WATCHDOG)
            raise socket.gaierror(socket.EAI_AGAIN, "too late")
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    over.set()
    for thread in set(threading.enumerate()) - before:
        if thread.daemon:
            thread.join(WATCHDOG)


@pytest.mark.usefixtures("deaf_resolver")
def test_a_resolver_that_never_answers_ends_with_the_call(ask: Ask) -> None:
    """python/cpython#112169: what looks a name up in a loop's thread is waited for."""
    with pytest.raises(TransportError) as caught:
        ask(Config(server="https://deaf.example:6443"), TIMEOUT)
    assert caught.value.reason == "deadline"


@pytest.mark.usefixtures("deaf_resolver")
def test_closing_wakes_who_waits_for_a_resolver() -> None:
    client = Client(Config(server="https://deaf.example:6443"))
    errors: queue.Queue[TransportError] = queue.Queue()

    def read() -> None:
        try:
            client.get_raw("/version")
        except TransportError as error:
            errors.put(error)

    thread = threading.Thread(target=read)
    thread.start()
    client.close()
    assert errors.get(timeout=WATCHDOG).reason == "closed"
    thread.join(WATCHDOG)


def test_without_threads_a_name_is_looked_up_in_this_one(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """python/cpython#113964: none can be had while the interpreter ends."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with PlainServer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") as server:
        config = Config(server=f"http://localhost:{server.port}")
        context = RequestContext(Call(WATCHDOG))
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            until = Deadline(context.limit(None))
            found = backend.resolve("localhost", server.port, until)
        assert ("127.0.0.1", server.port) in [address[4] for address in found]
        assert ask(config, WATCHDOG) == b"ok"


class Swallowing:
    """An address whose SYNs nobody answers: its queue is full."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._fillers: list[socket.socket] = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)  # noqa: FBT003 - as sockets have it
            filler.connect_ex(self.address)
            self._fillers.append(filler)

    def close(self) -> None:
        for sock in (self._listener, *self._fillers):
            sock.close()


@pytest.fixture
def swallowing() -> Iterator[Swallowing]:
    found = Swallowing()
    with contextlib.closing(found):
        yield found


def found_at(*addresses: tuple[str, int]) -> list[backend.Address]:
    return [
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses
    ]


def names(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Have ``many.example`` stand for *addresses*, in their order."""
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *rest: int, **options: int) -> object:
        if host != "many.example":
            return real(host, *rest, **options)
        if _is_numeric(options):
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return found_at(*addresses)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_an_address_that_swallows_everything_costs_a_moment(
    ask: Ask, swallowing: Swallowing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """python/cpython#105249, urllib3#797: one was waited for before the next."""
    with PlainServer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") as server:
        names(monkeypatch, swallowing.address, ("127.0.0.1", server.port))
        assert ask(Config(server="http://many.example:80"), WATCHDOG) == b"ok"


def test_attempts_end_with_the_call(
    ask: Ask, swallowing: Swallowing, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, swallowing.address, swallowing.address)
    with pytest.raises(TransportError) as caught:
        ask(Config(server="http://many.example:80"), TIMEOUT)
    assert caught.value.reason == "deadline"


def test_closing_wakes_who_connects(swallowing: Swallowing) -> None:
    client = Client(plain(swallowing.address[1]))
    errors: queue.Queue[TransportError] = queue.Queue()

    def read() -> None:
        try:
            client.get_raw("/version")
        except TransportError as error:
            errors.put(error)

    thread = threading.Thread(target=read)
    thread.start()
    client.close()
    assert errors.get(timeout=WATCHDOG).reason == "closed"
    thread.join(WATCHDOG)


def refusing() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address: tuple[str, int] = sock.getsockname()
    return address


def test_an_address_that_refuses_is_left_at_once_for_the_next() -> None:
    """The next does not wait for its turn: no time passes."""
    with PlainServer(b"") as server:
        addresses = found_at(refusing(), ("127.0.0.1", server.port))
        race = Race(addresses).run(lambda: WATCHDOG)
        waits: list[float | None] = []
        try:
            wanted = next(race)
            while True:
                waits.append(wanted[1])
                wanted = race.send(backend._ready(*wanted))
        except StopIteration as stop:
            stop.value.close()
    assert len(waits) <= 2


def test_addresses_take_turns_by_family() -> None:
    """RFC 8305, section 4."""
    six = [(socket.AF_INET6, 1, 0, "", (f"::{n}", 1, 0, 0)) for n in (1, 2, 3)]
    four = [(socket.AF_INET, 1, 0, "", (f"10.0.0.{n}", 1)) for n in (1, 2)]
    turns = [address[4][0] for address in backend.interleave([*six, *four])]
    assert turns == ["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]


def test_what_another_address_said_goes_before_there_is_no_way() -> None:
    """A machine without IPv6 is not what is wrong with a server that refuses."""
    nowhere = (9999, socket.SOCK_STREAM, 0, "", ("2001:db8::1", 1, 0, 0))
    addresses = [nowhere, *found_at(refusing())]
    until = Deadline(RequestContext(Call(WATCHDOG)).limit(None))
    with pytest.raises(ConnectionRefusedError):
        backend.connect(addresses, until)


def test_no_attempt_is_left_open(swallowing: Swallowing) -> None:
    with PlainServer(b"") as server:
        addresses = found_at(swallowing.address, ("127.0.0.1", server.port))
        until = Deadline(RequestContext(Call(WATCHDOG)).limit(None))
        attempts, sockets = Race(addresses).run(until.left), set[socket.socket]()
        won: list[socket.socket] = []
        try:
            wanted = next(attempts)
            while True:
                sockets.update(wanted[0])
                wanted = attempts.send(backend._ready(*wanted))
        except StopIteration as stop:
            won.append(stop.value)
        with won[0]:
            assert won[0].getpeername()[1] == server.port
    assert {sock.fileno() for sock in sockets} == {-1}


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
EVIL = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"


@pytest.mark.parametrize("first", [OK, CHUNKED])
@pytest.mark.parametrize("cut", [1, 20, len(EVIL) - 4, len(EVIL)])
@pytest.mark.parametrize("client", ["sync", "async"])
def test_a_second_answer_to_one_request_is_nobodys(
    first: bytes, cut: int, client: str
) -> None:
    """Go: "Unsolicited response received on idle HTTP channel"."""
    connections = itertools.count()

    def script(sock: socket.socket) -> None:
        answer = first + EVIL[:cut] if next(connections) == 0 else first
        while sock.recv(65536):
            sock.sendall(answer)
            answer = first

    with ScriptedServer(script) as server:
        assert _three_times(plain(server.port), client) == [b"ok"] * 3
    assert next(connections) == 2


def _three_times(config: Config, client: str) -> list[bytes]:
    if client == "sync":
        with Client(config) as blocking_client:
            return [blocking_client.get_raw("/version") for _ in range(3)]

    async def ask() -> list[bytes]:
        async with AsyncClient(config) as asking:
            return [await asking.get_raw("/version") for _ in range(3)]

    return anyio.run(ask)


@pytest.mark.parametrize("first", [OK, CHUNKED])
def test_an_ordinary_answer_keeps_its_connection(first: bytes) -> None:
    connections = itertools.count()

    def script(sock: socket.socket) -> None:
        next(connections)
        while sock.recv(65536):
            sock.sendall(first)

    with ScriptedServer(script) as server:
        for client in ("sync", "async"):
            assert _three_times(plain(server.port), client) == [b"ok"] * 3
    assert next(connections) == 2


def test_an_answer_that_was_there_before_the_request_is_not_its() -> None:
    """A whole second answer ends as the first one does: in a blank line."""
    empty = b"HTTP/1.1 204 No Content\r\n\r\n"
    both = CHUNKED + empty

    def script(sock: socket.socket) -> None:
        answer = both
        while sock.recv(65536):
            sock.sendall(answer)
            answer = CHUNKED

    with ScriptedServer(script) as server, Client(plain(server.port)) as client:
        assert client.get_raw("/version") == b"ok"
        assert client.get_raw("/version") == b"ok"


@pytest.mark.parametrize("ask_once", [get, get_async])
def test_tls_in_tls_carries_more_than_a_record(
    ask_once: Callable[[Config], bytes],
) -> None:
    body = b"x" * 300_000
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    front = server_context(leaf(ordinary(), "localhost"))
    with (
        TlsServer(leaf(ordinary(), "127.0.0.1"), answer=head + body) as server,
        ConnectProxy(context=front) as proxy,
    ):
        config = Config(
            server=f"https://127.0.0.1:{server.port}",
            certificate_authority_data=ordinary().pem,
            proxy_url=f"https://localhost:{proxy.port}",
        )
        assert ask_once(config) == body
