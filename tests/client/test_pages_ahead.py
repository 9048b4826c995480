"""Pages that are read one by one and asked for ahead, by each driver.

The one for event loops has tasks of its own for them: a group of tasks cannot be left
at a `yield`. So here stands what must not outlive who reads.
"""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import pytest

from kubemetrics import AsyncClient, Client, Config, KubeMetricsError
from kubemetrics.api import RetryPolicy
from kubemetrics.client.asynchronous import Background
from kubemetrics.errors import Forbidden, TransportError
from kubemetrics.transport import network
from tests.cluster import Cluster, faults
from tests.cluster.exchange import Answer
from tests.cluster.scripts import Attempt, Fault

from .listening import DRIVERS
from .waiting import NEVER, WATCHDOG, settled, until

PODS = "/api/v1/pods"
QUICK = RetryPolicy(first_wait=0.01, random=lambda: 0.0)
AHEAD = 1 + 2
"""The page that is wanted, and the window."""


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    with Cluster.recorded() as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Cluster) -> Iterator[Cluster]:
    yield running
    running.faults.clear()
    assert settled(lambda: running.open_connections == 0)
    running.forget_requests()


def asked(cluster: Cluster) -> int:
    """Return how many pages were asked for."""
    return sum(seen.path == PODS for seen in cluster.requests)


def quiet(cluster: Cluster) -> bool:
    """Return whether every answer that was begun is at its end."""
    return all(seen.status is not None for seen in cluster.requests)


def held(go: threading.Event) -> Fault:
    """Answer as usual once *go* is set."""

    def fault(attempt: Attempt) -> Answer:
        assert go.wait(WATCHDOG)
        return attempt.answer

    return fault


def expired(attempt: Attempt) -> Answer:
    """Say that the token is too old, and give the same one as a fresh one."""
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": "Expired",
        "code": 410,
        "message": "The provided continue parameter is too old",
        "metadata": {"continue": attempt.seen.query["continue"]},
    }
    body = json.dumps(status).encode()
    return replace(
        attempt.answer,
        status=410,
        body=body,
        headers=(),
        content_type="application/json",
    )


def counted(driver: str, config: Config, **options: Any) -> list[str]:  # noqa: ANN401
    """Return the names of all pods, read page by page."""
    if driver == "sync":
        with Client(config, retry=QUICK) as client:
            return [pod.name for page in client.iter_pods(**options) for pod in page]

    async def main() -> list[str]:
        async with AsyncClient(config, retry=QUICK) as client:
            pages = client.iter_pods(**options)
            return [pod.name async for page in pages for pod in page]

    return anyio.run(main, backend=driver)


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_pod_comes_once_and_in_order(
    cluster: Cluster, config: Config, driver: str
) -> None:
    whole = counted(driver, config, chunk_size=0)
    cluster.forget_requests()
    assert counted(driver, config, chunk_size=7) == whole
    assert asked(cluster) == 15


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    "fault",
    [faults.reset_after_headers(), faults.throttled("0"), faults.html(503), expired],
    ids=["reset", "429", "503", "410"],
)
def test_a_page_ahead_that_fails_once_costs_no_pod(
    cluster: Cluster, config: Config, driver: str, fault: Fault
) -> None:
    whole = counted(driver, config, chunk_size=0)
    cluster.faults.add(fault, path=PODS, first=3)
    assert counted(driver, config, chunk_size=20) == whole


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_refusal_ahead_comes_in_its_turn(
    cluster: Cluster, config: Config, driver: str
) -> None:
    refusal = faults.api_error(403, "Forbidden", "no")
    cluster.faults.add(refusal, path=PODS, first=3, times=None)
    sizes: list[int] = []

    async def main() -> None:
        async with AsyncClient(config, retry=QUICK) as client:
            async for page in client.iter_pods(chunk_size=20):
                sizes.append(len(page))
                await until(lambda: asked(cluster) == AHEAD and quiet(cluster))

    def blocking() -> None:
        with Client(config, retry=QUICK) as client:
            for page in client.iter_pods(chunk_size=20):
                sizes.append(len(page))
                assert settled(lambda: asked(cluster) == AHEAD and quiet(cluster))

    with pytest.raises(Forbidden):
        blocking() if driver == "sync" else anyio.run(main, backend=driver)
    assert sizes == [20, 20]
    assert asked(cluster) == AHEAD


pytest_loops = pytest.mark.anyio


@pytest_loops
async def test_two_are_asked_for_while_who_reads_is_elsewhere(
    cluster: Cluster, config: Config
) -> None:
    async with (
        AsyncClient(config) as client,
        aclosing(client.iter_pods(chunk_size=10)) as pages,
    ):
        for number in range(4):
            assert len(await anext(pages)) == 10
            await until(lambda n=number: asked(cluster) == AHEAD + n)  # type: ignore[misc]
            await until(lambda: quiet(cluster))
            await client.get_raw("/version")
            assert asked(cluster) == AHEAD + number


@pytest_loops
async def test_after_a_429_one_is_asked_for_at_a_time(
    cluster: Cluster, config: Config
) -> None:
    cluster.faults.add(faults.throttled("0"), path=PODS, first=2)
    async with (
        AsyncClient(config, retry=QUICK) as client,
        aclosing(client.iter_pods(chunk_size=10)) as pages,
    ):
        for number in range(4):
            await anext(pages)
            # The refused one was asked for twice, and the one in the window is there.
            await until(lambda n=number: asked(cluster) == n + 3)  # type: ignore[misc]
            await until(lambda: quiet(cluster))
            await client.get_raw("/version")
            assert asked(cluster) == number + 3


Ready = Callable[[], Awaitable[None]]


class Later:
    """The time at which no call has any left."""

    @staticmethod
    def monotonic() -> float:
        return time.monotonic() + NEVER


async def _dropped(pages: AsyncIterator[Any], ready: Ready) -> None:
    async for _ in pages:
        await ready()
        break


async def _closed(pages: Any, ready: Ready) -> None:  # noqa: ANN401 - a generator
    await anext(pages)
    await ready()
    await pages.aclose()


async def _cancelled(pages: AsyncIterator[Any], ready: Ready) -> None:
    await anext(pages)
    await ready()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await anext(pages)


async def _late(
    pages: AsyncIterator[Any], ready: Ready, go: Callable[[], None]
) -> None:
    await anext(pages)
    await ready()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "time", Later)
        go()
        with pytest.raises(TransportError) as caught:
            await anext(pages)
    assert caught.value.reason == "deadline"


@pytest_loops
@pytest.mark.parametrize("leave", [_dropped, _closed, _cancelled, _late])
@pytest.mark.parametrize("kind", ["pods", "objects"])
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
async def test_nothing_is_asked_for_once_who_reads_has_stopped(
    cluster: Cluster, config: Config, leave: Callable[..., Any], kind: str
) -> None:
    """The second page comes after that, and with it the token of the third."""
    go = threading.Event()
    cluster.faults.add(held(go), path=PODS, first=2)
    async with AsyncClient(config) as client:
        read = client.iter_pods if kind == "pods" else _objects(client)
        pages = [read(chunk_size=1, timeout=NEVER)]
        ready = partial(until, lambda: asked(cluster) == 2)
        more = (go.set,) if leave is _late else ()
        await leave(pages.pop(), ready, *more)  # no name of this test holds them
        go.set()
        await until(lambda: quiet(cluster) or cluster.open_connections < 2)
        for _ in range(3):
            await client.get_raw("/version")
        assert asked(cluster) == 2


def _objects(client: AsyncClient) -> Callable[..., AsyncIterator[Any]]:
    return lambda **options: client.iter_objects(PODS, **options)


@pytest_loops
async def test_the_request_that_is_under_way_ends_with_who_reads(
    cluster: Cluster, config: Config
) -> None:
    cluster.faults.add(faults.silence(), path=PODS, first=2, times=None)
    async with AsyncClient(config) as client:
        pages = client.iter_pods(chunk_size=10)
        await anext(pages)
        await until(lambda: asked(cluster) == 2)
        before = cluster.open_connections
        await pages.aclose()
        await until(lambda: cluster.open_connections < before)


@pytest_loops
async def test_each_page_may_be_read_in_a_task_and_a_scope_of_its_own(
    config: Config,
) -> None:
    sizes: list[int] = []

    async def one(pages: AsyncIterator[Any]) -> None:
        with anyio.fail_after(WATCHDOG):
            sizes.append(len(await anext(pages)))

    async with (
        AsyncClient(config) as client,
        aclosing(client.iter_pods(chunk_size=30)) as pages,
    ):
        for _ in range(4):
            async with anyio.create_task_group() as group:
                group.start_soon(one, pages)
    assert sizes == [30, 30, 30, 10]


@pytest_loops
async def test_closing_the_client_ends_the_pages(
    cluster: Cluster, config: Config
) -> None:
    cluster.faults.add(faults.silence(), path=PODS, first=2, times=None)
    client = AsyncClient(config)
    async with aclosing(client.iter_pods(chunk_size=10)) as pages:
        await anext(pages)
        await until(lambda: asked(cluster) == 2)
        await client.close()
        with pytest.raises(TransportError, match="the client was closed"):
            await anext(pages)


def tasks() -> int:
    """Return how many tasks this loop has."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        import trio  # noqa: PLC0415 - it is what runs

        return trio.lowlevel.current_statistics().tasks_living


@pytest_loops
@pytest.mark.parametrize("leave", [_closed, _cancelled])
async def test_no_task_is_left_behind(
    cluster: Cluster, config: Config, leave: Callable[..., Any]
) -> None:
    cluster.faults.add(faults.silence(), path=PODS, first=2, times=None)
    async with AsyncClient(config) as client:
        before = tasks()
        pages = client.iter_pods(chunk_size=10, timeout=NEVER)
        await leave(pages, partial(until, lambda: asked(cluster) == 2))
        assert tasks() == before


def test_a_loop_that_ends_takes_the_tasks_along(
    cluster: Cluster, config: Config
) -> None:
    """asyncio cancels each of them by itself, before it closes the generators."""
    cluster.faults.add(faults.silence(), path=PODS, first=2, times=None)
    kept: list[Any] = []

    async def main() -> None:
        kept.append(AsyncClient(config).iter_pods(chunk_size=10))
        await anext(kept[0])
        await until(lambda: asked(cluster) == 2)

    asyncio.run(main())
    kept.clear()
    gc.collect()
    assert settled(lambda: cluster.open_connections == 0)


def test_a_task_that_others_cancel_is_an_error_and_no_hang(
    cluster: Cluster, config: Config
) -> None:
    """As scripts do to all tasks but their own."""
    cluster.faults.add(faults.silence(), path=PODS, first=2, times=None)

    async def main() -> None:
        async with (
            AsyncClient(config) as client,
            aclosing(client.iter_pods(chunk_size=10)) as pages,
        ):
            await anext(pages)
            await until(lambda: asked(cluster) == 2)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            with pytest.raises(KubeMetricsError, match="cancelled by others"):
                async with asyncio.timeout(WATCHDOG):
                    await anext(pages)

    asyncio.run(main())


def test_a_task_that_is_cancelled_before_it_runs_a_line_is_done() -> None:
    ran: list[object] = []

    async def work(done: anyio.Event) -> None:
        ran.append(done)

    async def main() -> None:
        background, done = Background(), anyio.Event()
        background.start_soon(work, done)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        async with asyncio.timeout(WATCHDOG):
            await done.wait()
            await background.end()

    asyncio.run(main())
    assert not ran


@pytest_loops
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
async def test_pages_that_are_dropped_are_over_before_their_loop_hears_of_it(
    config: Config,
) -> None:
    """Until it closes them, a task of theirs may run that would ask for more."""
    async with AsyncClient(config) as client:
        pages = client.iter_pods(chunk_size=10)
        await anext(pages)
        (call,) = client._calls._life._branches
        assert not call.cancelled
        del pages
        assert call.cancelled


def test_pages_of_two_loops_do_not_meet(cluster: Cluster, config: Config) -> None:
    client = AsyncClient(config)
    found: list[list[int]] = []

    async def work() -> None:
        found.append([len(page) async for page in client.iter_pods(chunk_size=30)])

    def threads() -> Iterator[threading.Thread]:
        for name in ("asyncio", "trio", "asyncio"):
            yield threading.Thread(
                target=anyio.run, args=(work,), kwargs={"backend": name}
            )

    running = list(threads())
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(WATCHDOG)
    assert found == [[30, 30, 30, 10]] * 3
    asyncio.run(client.close())
    gc.collect()
    assert settled(lambda: cluster.open_connections == 0)
