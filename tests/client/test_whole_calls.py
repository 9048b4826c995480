"""Whole calls over TLS: pages ahead, redirects, kept connections, loops, no threads."""

from __future__ import annotations

import asyncio
import copy
import gc
import gzip
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from kubemetrics import AsyncClient, Client, Config, KubeMetricsError
from kubemetrics.api import RetryPolicy
from kubemetrics.config.model import AuthInfo
from kubemetrics.errors import INTERRUPTION, ApiError, Forbidden, TransportError
from tests.cluster import Cluster, faults
from tests.cluster.exchange import Answer
from tests.cluster.scripts import Attempt, Fault

from .listening import DRIVERS
from .waiting import WATCHDOG, settled, until

PODS = "/api/v1/pods"
QUICK = RetryPolicy(first_wait=0.01, random=lambda: 0.0)


def pods_of(driver: str, config: Config, **options: Any) -> list[str]:  # noqa: ANN401
    """List all pods by one of the drivers, and return their names."""
    if driver == "sync":
        with Client(config, retry=QUICK) as client:
            return [
                f"{pod.namespace}/{pod.name}" for pod in client.list_pods(**options)
            ]

    async def main() -> list[str]:
        async with AsyncClient(config, retry=QUICK) as client:
            return [
                f"{pod.namespace}/{pod.name}"
                for pod in await client.list_pods(**options)
            ]

    return anyio.run(main, backend=driver)


def pages(cluster: Cluster) -> list[str]:
    """Return the continue tokens in the order they were asked for."""
    return [
        seen.query.get("continue", "") for seen in cluster.requests if seen.path == PODS
    ]


@dataclass(slots=True)
class Held:
    """A fault that sends a page's head and metadata, and the rest when *go* is set."""

    go: threading.Event

    def __call__(self, attempt: Attempt) -> Answer:
        body = attempt.answer.body
        packed = dict(attempt.answer.headers).get("Content-Encoding") == "gzip"
        plain = gzip.decompress(body) if packed else body
        whole = json.loads(plain)
        head = {key: whole[key] for key in ("kind", "apiVersion", "metadata")}
        first = json.dumps(head, separators=(",", ":"))[:-1].encode()
        rest = b',"items":' + json.dumps(whole["items"]).encode() + b"}"

        def stream() -> Iterator[bytes]:
            yield first + rest[:1]
            assert self.go.wait(WATCHDOG)
            yield rest[1:]

        return plainly(attempt.answer, stream())


def plainly(answer: Answer, stream: Iterator[bytes]) -> Answer:
    headers = tuple(
        (name, value)
        for name, value in answer.headers
        if name.lower() not in {"content-encoding", "content-length"}
    )
    return replace(answer, headers=headers, body=b"", stream=stream)


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_next_page_is_asked_for_while_this_one_is_still_coming(
    cluster: Cluster, config: Config, driver: str
) -> None:
    go = threading.Event()
    cluster.faults.add(Held(go), path=PODS)
    asked: list[bool] = []

    def release() -> None:
        asked.append(settled(lambda: len(pages(cluster)) == 2))
        go.set()

    watcher = threading.Thread(target=release)
    watcher.start()
    names = pods_of(driver, config, chunk_size=30)
    watcher.join()
    assert asked == [True]
    assert len(names) == len(set(names)) == 100
    assert len(pages(cluster)) == 4
    assert settled(lambda: cluster.open_connections == 0)


@pytest.mark.parametrize("driver", DRIVERS)
def test_pages_ahead_come_in_their_order(
    cluster: Cluster, config: Config, driver: str
) -> None:
    whole = pods_of(driver, config, chunk_size=0)
    cluster.forget_requests()
    assert pods_of(driver, config, chunk_size=7) == whole
    assert len(pages(cluster)) == len(set(pages(cluster))) == 15


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    "fault",
    [faults.reset_after_headers(), faults.throttled("0"), faults.html(503)],
    ids=["reset", "429", "503"],
)
def test_a_page_ahead_that_fails_once_is_asked_for_again(
    cluster: Cluster, config: Config, driver: str, fault: Fault
) -> None:
    cluster.faults.add(fault, path=PODS, first=2)
    assert len(set(pods_of(driver, config, chunk_size=20))) == 100


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_page_ahead_that_is_refused_ends_the_list(
    cluster: Cluster, config: Config, driver: str
) -> None:
    fault = faults.api_error(403, "Forbidden", "no", ())
    cluster.faults.add(fault, path=PODS, first=2, times=None)
    with pytest.raises(Forbidden):
        pods_of(driver, config, chunk_size=20)
    assert settled(lambda: cluster.open_connections == 0)


def test_who_leaves_the_pages_early_has_no_more_asked_for(
    cluster: Cluster, config: Config
) -> None:
    with Client(config) as client:
        for page in client.iter_pods(chunk_size=5):
            assert len(page) == 5
            break
        assert settled(
            lambda: all(seen.status is not None for seen in cluster.requests)
        )
        asked = len(pages(cluster))
        assert asked <= 3
        client.get_raw("/version")
        assert len(pages(cluster)) == asked


def test_pages_by_turns_stay_in_order_in_tasks(
    cluster: Cluster, config: Config
) -> None:
    async def main() -> list[int]:
        async with AsyncClient(config) as client:
            return [len(page) async for page in client.iter_pods(chunk_size=30)]

    assert anyio.run(main) == [30, 30, 30, 10]
    assert len(pages(cluster)) == 4


class TestWithoutThreads:
    """W10: a limit of processes, or an interpreter that ends (cpython#113964)."""

    @pytest.fixture(autouse=True)
    def no_threads(self, config: Config) -> Iterator[None]:
        del config  # its cluster is a thread
        with none_can_be_had():
            yield

    def test_a_snapshot_is_read_one_list_after_the_other(
        self, cluster: Cluster, config: Config
    ) -> None:
        with Client(config) as client:
            found = client.snapshot(chunk_size=30, timeout=WATCHDOG)
        assert len(found.pods) == 100
        assert len(cluster.requests) == 7

    def test_pages_are_read_one_after_the_other(
        self, cluster: Cluster, config: Config
    ) -> None:
        assert len(pods_of("sync", config, chunk_size=30)) == 100
        assert len(pages(cluster)) == 4

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_credentials_are_fetched_by_the_loop_itself(
        self, config: Config, tmp_path: Path, backend: str, cluster: Cluster
    ) -> None:
        path = tmp_path / "token"
        path.write_text(cluster.token("viewer"))
        filed = replace(config, auth=AuthInfo(token_file=str(path)))
        assert len(pods_of(backend, filed)) == 100


@contextmanager
def none_can_be_had() -> Iterator[None]:
    """Have every thread that this one begins fail as the system's limit does."""
    start, mine = threading.Thread.start, threading.get_ident()

    def refuse(thread: threading.Thread) -> None:
        if threading.get_ident() == mine:
            raise RuntimeError("can't start new thread")
        start(thread)

    threading.Thread.start = refuse  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_connection_of_a_401_is_used_again(
    cluster: Cluster, config: Config, driver: str, tmp_path: Path
) -> None:
    """W13: each renewal cost a handshake, and held a connection meanwhile."""
    path = tmp_path / "token"
    path.write_text("out of date")
    filed = replace(config, auth=AuthInfo(token_file=str(path)))

    def renew(attempt: Attempt) -> Answer:
        path.write_text(cluster.token("viewer"))
        return attempt.answer

    cluster.faults.add(renew, path=PODS)
    assert len(pods_of(driver, filed)) == 100
    assert [seen.status for seen in cluster.requests] == [401, 200]
    assert cluster.accepted_connections == 1


class TestRedirects:
    """W15, k/k#93129."""

    @pytest.mark.parametrize("driver", DRIVERS)
    def test_one_to_the_same_server_is_followed(
        self, cluster: Cluster, config: Config, driver: str
    ) -> None:
        cluster.faults.add(faults.redirect(f"{PODS}?limit=3"), path=PODS)
        assert len(pods_of(driver, config, chunk_size=0)) == 100
        assert [seen.path for seen in cluster.requests][:2] == [PODS, PODS]

    @pytest.mark.parametrize("driver", DRIVERS)
    def test_one_to_another_is_refused_and_the_token_stays(
        self, cluster: Cluster, config: Config, driver: str
    ) -> None:
        with Cluster.recorded() as other:
            cluster.faults.add(faults.redirect(f"{other.url}{PODS}"), path=PODS)
            with pytest.raises(ApiError, match="not followed"):
                pods_of(driver, config)
            assert other.requests == []


class TestLoops:
    """W9: one client in several event loops, one after the other and at once."""

    @pytest.fixture(autouse=True)
    def collected(self, cluster: Cluster) -> Iterator[None]:
        """Collect what a loop that has ended held: it closes its own descriptors."""
        del cluster  # before the ledger looks
        yield
        for _ in range(3):  # what ends with one thing is found the next time
            gc.collect()

    def test_one_after_the_other(self, cluster: Cluster, config: Config) -> None:
        client = AsyncClient(config)

        async def count() -> int:
            return len(await client.list_pods())

        assert [asyncio.run(count()) for _ in range(2)] == [100, 100]
        assert anyio.run(count, backend="trio") == 100
        asyncio.run(client.close())
        assert settled(lambda: cluster.open_connections == 0)

    def test_at_once_in_two_threads(self, config: Config) -> None:
        client = AsyncClient(config)
        found: list[set[int]] = []

        async def work() -> None:
            counts = [len(await client.list_pods(chunk_size=30)) for _ in range(4)]
            found.append({*counts})

        threads = [
            threading.Thread(target=anyio.run, args=(work,), kwargs={"backend": name})
            for name in ("asyncio", "trio", "asyncio")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [{100}] * 3
        asyncio.run(client.close())

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_closing_in_one_loop_ends_what_waits_in_another(
        self, cluster: Cluster, config: Config, backend: str
    ) -> None:
        cluster.faults.add(faults.silence(), times=None)
        client = AsyncClient(config)
        reasons: list[str] = []

        async def wait() -> None:
            with pytest.raises(TransportError) as caught:
                await client.list_pods()
            reasons.append(caught.value.reason)

        async def close() -> None:
            await until(lambda: len(cluster.requests) == 1)
            await client.close()

        waiting = threading.Thread(
            target=anyio.run, args=(wait,), kwargs={"backend": backend}
        )
        waiting.start()
        asyncio.run(close())
        waiting.join(WATCHDOG)
        assert reasons == ["closed"]


class TestErrors:
    """L7: every error is a `KubeMetricsError`, or a sentence about what to do."""

    @pytest.mark.parametrize("kind", [Client, AsyncClient])
    @pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
    def test_a_client_cannot_be_pickled_and_says_what_to_do(
        self, config: Config, kind: type, way: Callable[[object], object]
    ) -> None:
        client = kind(config)
        with pytest.raises(TypeError, match=r"holds connections; pass its `config`"):
            way(client)
        assert pickle.loads(pickle.dumps(client.config)) == config  # noqa: S301

    def test_closing_twice_and_in_a_second_loop_is_no_error(
        self, config: Config
    ) -> None:
        client = AsyncClient(config)
        asyncio.run(self._list_and_close(client))
        asyncio.run(client.close())
        with pytest.raises(KubeMetricsError, match="the client was closed"):
            asyncio.run(self._list_and_close(client))

    @staticmethod
    async def _list_and_close(client: AsyncClient) -> None:
        await client.list_pods()
        await client.close()


def test_a_lost_interrupt_is_raised_before_the_next_step(config: Config) -> None:
    """W18: in the main thread alone, where Python raises it too."""
    counts: list[int] = []
    with Client(config) as client:
        INTERRUPTION.pending = True
        try:
            with pytest.raises(KeyboardInterrupt):
                client.list_pods()
            other = threading.Thread(
                target=lambda: counts.append(len(client.list_pods()))
            )
            other.start()
            other.join()
        finally:
            INTERRUPTION.pending = False
        assert counts == [100]
        assert len(client.list_pods()) == 100
