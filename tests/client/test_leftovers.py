"""Once an event loop has ended nothing of a client is left, whatever went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio
import pytest

from kubemetrics import AsyncClient, Config
from tests.cluster import Cluster, faults
from tests.leftovers import running_threads

from .waiting import until

Soon = Callable[[Callable[[], bool]], bool]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_snapshot_leaves_no_thread(
    cluster: Cluster, config: Config, backend: str, soon: Soon
) -> None:
    cluster.faults.add(faults.silence(), times=None)
    before = set(running_threads())

    async def main() -> None:
        async with (
            AsyncClient(config) as client,
            anyio.create_task_group() as group,
        ):
            group.start_soon(client.snapshot)
            await until(lambda: len(cluster.requests) == 4)
            group.cancel_scope.cancel()

    anyio.run(main, backend=backend)
    assert soon(lambda: cluster.open_connections == 0)
    assert soon(lambda: not set(running_threads()) - before)


def test_a_cancelled_task_leaves_no_task(cluster: Cluster, config: Config) -> None:
    """Of asyncio's own, without anyio around the call."""
    cluster.faults.add(faults.silence(), times=None)

    async def main() -> int:
        async with AsyncClient(config) as client:
            task = asyncio.create_task(client.snapshot())
            while len(cluster.requests) < 4:  # noqa: ASYNC110 - of another thread
                await asyncio.sleep(0.002)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1  # the one that counts


def test_asyncios_own_timeout_ends_a_call(cluster: Cluster, config: Config) -> None:
    cluster.faults.add(faults.silence(), times=None)

    async def main() -> None:
        async with AsyncClient(config) as client, asyncio.timeout(0.2):
            await client.list_pods()

    with pytest.raises(TimeoutError):
        asyncio.run(main())
