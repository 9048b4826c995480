"""One asynchronous client in several event loops, one after the other and at once.

kr8s#353, kubernetes_asyncio#67.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from kubemetrics import AsyncClient
from kubemetrics.config.model import Config
from kubemetrics.files import read_file
from kubemetrics.transport import endpoint, tls
from kubemetrics.transport.async_network import in_a_thread
from kubemetrics.transport.tls import build_context

from .certs import leaf, ordinary
from .sending import WATCHDOG
from .servers import ScriptedServer, server_context
from .test_forks import echo

COUNT = 20


class Echo:
    """A TLS server that answers each request with its path; counts connections."""

    def __init__(self) -> None:
        self._context = server_context(leaf(ordinary(), "127.0.0.1"))
        self.connections = itertools.count()
        self.server = ScriptedServer(self._serve)

    def _serve(self, sock: socket.socket) -> None:
        next(self.connections)
        with self._context.wrap_socket(sock, server_side=True) as secure:
            echo(secure)


@pytest.fixture
def listening() -> Iterator[Echo]:
    found = Echo()
    with found.server:
        yield found


def config_of(listening: Echo, folder: Path) -> Config:
    authority = folder / "ca.pem"
    authority.write_bytes(ordinary().pem)
    return Config(
        server=f"https://127.0.0.1:{listening.server.port}",
        certificate_authority=str(authority),
    )


async def wrong_answers(client: AsyncClient, who: str) -> int:
    paths = [f"/{who}/{number}" for number in range(COUNT)]
    bodies = [await client.get_raw(path) for path in paths]
    return sum(a != b.encode() for a, b in zip(bodies, paths, strict=True))


@pytest.mark.parametrize(
    "loops", [("asyncio", "asyncio"), ("trio", "asyncio"), ("asyncio", "trio")]
)
def test_one_loop_after_the_other(
    listening: Echo, tmp_path: Path, loops: tuple[str, str]
) -> None:
    client = AsyncClient(config_of(listening, tmp_path))
    for backend in loops:
        assert anyio.run(wrong_answers, client, backend, backend=backend) == 0
    anyio.run(client.close)
    assert next(listening.connections) == 2
    del client
    gc.collect()  # a socket that was left open would be told of now


def test_a_client_may_be_closed_in_another_loop(
    listening: Echo, tmp_path: Path
) -> None:
    client = AsyncClient(config_of(listening, tmp_path))
    assert asyncio.run(wrong_answers(client, "one")) == 0
    asyncio.run(client.close())


def test_two_loops_at_once(listening: Echo, tmp_path: Path) -> None:
    client = AsyncClient(config_of(listening, tmp_path))
    both = threading.Barrier(2)
    wrong: list[int] = []

    def work(who: str) -> None:
        async def ask() -> None:
            both.wait(WATCHDOG)
            wrong.append(await wrong_answers(client, who))

        anyio.run(ask)

    threads = [threading.Thread(target=work, args=(who,)) for who in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WATCHDOG)
    asyncio.run(client.close())
    assert wrong == [0, 0]
    assert next(listening.connections) == 2


def test_no_context_is_built_and_no_file_is_read_in_the_loop(
    listening: Echo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def noting(real: Callable[..., object]) -> Callable[..., object]:
        def noted(*args: object) -> object:
            threads.append(threading.get_ident())
            return real(*args)

        return noted

    monkeypatch.setattr(endpoint, "build_context", noting(build_context))
    monkeypatch.setattr(tls, "read_file", noting(read_file))
    client = AsyncClient(config_of(listening, tmp_path))
    assert asyncio.run(wrong_answers(client, "one")) == 0
    assert len(threads) >= 2
    assert threading.get_ident() not in threads
    asyncio.run(client.close())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_error_of_the_work_itself_is_no_lack_of_threads(backend: str) -> None:
    """Without a thread it is done again, in the loop."""
    done: list[int] = []

    def work() -> None:
        done.append(threading.get_ident())
        raise RuntimeError("the work's own")

    with pytest.raises(RuntimeError, match="the work's own"):
        anyio.run(in_a_thread, work, backend=backend)
    assert len(done) == 1
