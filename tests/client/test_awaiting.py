"""The asynchronous client against a real server over TLS, on asyncio and on trio."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus

import anyio
import anyio.to_thread
import pytest

from kubemetrics import AsyncClient, Config, Pod
from kubemetrics.errors import (
    Forbidden,
    KubeMetricsError,
    MetricsUnavailable,
    TooManyRequests,
    TransportError,
)
from kubemetrics.flow import Flow, Fork, Pause
from tests.cluster import Cluster, faults
from tests.cluster.scripts import Fault

from .test_blocking import METRICS, PATIENT, PODS, hanging_plugin, paths
from .troubles import ENDLESS
from .waiting import NEVER, WATCHDOG, paused, until

pytestmark = pytest.mark.anyio

Soon = Callable[[Callable[[], bool]], bool]


async def test_every_operation_answers(config: Config) -> None:
    async with AsyncClient(config) as client:
        pod = (await client.list_pods(namespace="team-b"))[0]
        node = (await client.list_nodes())[0]
        sample = (await client.list_pod_metrics(namespace="team-a"))[0]
        used = (await client.list_node_metrics())[0]
        assert await client.get_pod(pod.name, pod.namespace) == pod
        assert await client.get_node(node.name) == node
        assert await client.get_pod_metrics(sample.name, sample.namespace) == sample
        assert await client.get_node_metrics(used.name) == used
        assert b'"gitVersion"' in await client.get_raw("/version")
        pages = [len(page) async for page in client.iter_pods(chunk_size=30)]
        assert pages == [30, 30, 30, 10]
        assert len((await client.snapshot()).pods) == 100


async def test_metrics_of_all_pods_are_one_request(
    cluster: Cluster, config: Config
) -> None:
    async with AsyncClient(config) as client:
        await client.list_pod_metrics()
    assert paths(cluster) == [METRICS]


async def test_a_snapshot_is_four_requests_and_looks_into_a_failure_once(
    cluster: Cluster, config: Config
) -> None:
    async with AsyncClient(config) as client:
        await client.snapshot()
        assert len(cluster.requests) == 4
        cluster.forget_requests()
        cluster.state = "absent"
        snapshot = await client.snapshot()
    assert isinstance(snapshot.error("node metrics"), MetricsUnavailable)
    assert len(cluster.requests) == 6


async def test_warnings_are_heard_once(cluster: Cluster, config: Config) -> None:
    cluster.faults.add(faults.warning("old"), path=PODS, times=None)
    heard: list[str] = []
    async with AsyncClient(config, on_warning=heard.append) as client:
        await client.list_pods()
        await client.list_pods()
    assert heard == ["old"]


@pytest.mark.parametrize("fault", ENDLESS.values(), ids=ENDLESS)
async def test_a_deadline_ends_the_call(
    cluster: Cluster, config: Config, fault: Fault
) -> None:
    cluster.faults.add(fault, times=None)
    async with AsyncClient(config, read_timeout=NEVER) as client:
        with pytest.raises(TransportError) as caught:
            await client.list_pods(timeout=0.2)
    assert caught.value.reason == "deadline"


async def test_a_wait_beyond_the_deadline_is_not_begun(
    cluster: Cluster, config: Config
) -> None:
    cluster.faults.add(faults.throttled(f"{NEVER:g}"), times=None)
    async with AsyncClient(config, retry=PATIENT) as client:
        with pytest.raises(TooManyRequests):
            await client.list_pods(timeout=WATCHDOG)
    assert len(cluster.requests) == 1


async def test_a_deadline_covers_a_plugin_that_hangs(cluster: Cluster) -> None:
    async with AsyncClient(hanging_plugin(cluster)) as client:
        with pytest.raises(TransportError) as caught:
            await client.list_pods(timeout=0.2)
    assert caught.value.reason == "deadline"


UNDER_WAY = {**ENDLESS, "a wait": faults.throttled(f"{NEVER:g}")}


async def under_way(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    """Wait until the one call waits, for an answer or for its next try."""
    await until(lambda: len(cluster.requests) == 1)
    await until(
        lambda: (
            cluster.requests[0].status != HTTPStatus.TOO_MANY_REQUESTS
            or "waiting 3600.00 s" in caplog.text
        )
    )
    await anyio.sleep(0.02)  # for the wait to begin: ended before, it ends the same way


@pytest.mark.parametrize("fault", UNDER_WAY.values(), ids=UNDER_WAY)
async def test_closing_from_another_task_ends_a_call(
    cluster: Cluster,
    config: Config,
    fault: Fault,
    soon: Soon,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.faults.add(fault, times=None)
    client = AsyncClient(config, read_timeout=NEVER, retry=PATIENT)
    errors: list[TransportError] = []

    async def call() -> None:
        with pytest.raises(TransportError) as caught:
            await client.list_pods()
        errors.append(caught.value)

    with anyio.fail_after(WATCHDOG), caplog.at_level(logging.DEBUG, "kubemetrics"):
        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await under_way(cluster, caplog)
            await client.close()
    assert errors[0].reason == "closed"
    assert soon(lambda: cluster.open_connections == 0)


async def test_closing_ends_a_watch(
    cluster: Cluster, config: Config, soon: Soon
) -> None:
    client = AsyncClient(config)

    async def watch() -> None:
        async with client.watch_pods() as events:
            with pytest.raises(TransportError, match="the client was closed"):
                [event async for event in events]

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        await until(lambda: len(cluster.requests) == 2)
        await client.close()
    assert soon(lambda: cluster.open_connections == 0)


@pytest.mark.parametrize("fault", UNDER_WAY.values(), ids=UNDER_WAY)
async def test_cancelling_a_call_leaves_nothing_behind(
    cluster: Cluster,
    config: Config,
    fault: Fault,
    soon: Soon,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.faults.add(fault, path=PODS)
    caplog.set_level(logging.DEBUG, "kubemetrics")
    async with AsyncClient(config, read_timeout=NEVER, retry=PATIENT) as client:
        with anyio.fail_after(WATCHDOG):
            async with anyio.create_task_group() as group:
                group.start_soon(client.list_pods)
                await under_way(cluster, caplog)
                group.cancel_scope.cancel()
        kept = int(cluster.requests[0].status == HTTPStatus.TOO_MANY_REQUESTS)
        assert soon(lambda: cluster.open_connections == kept)
        assert len(await client.list_pods()) == 100
    assert soon(lambda: cluster.open_connections == 0)


async def test_cancelling_a_snapshot_ends_all_its_parts(
    cluster: Cluster, config: Config, soon: Soon
) -> None:
    cluster.faults.add(faults.silence(), times=None)
    async with AsyncClient(config, read_timeout=NEVER) as client:
        with anyio.fail_after(WATCHDOG):
            async with anyio.create_task_group() as group:
                group.start_soon(client.snapshot)
                await until(lambda: len(cluster.requests) == 4)
                group.cancel_scope.cancel()
        assert soon(lambda: cluster.open_connections == 0)


async def test_leaving_a_watch_closes_its_stream(
    cluster: Cluster, config: Config, soon: Soon
) -> None:
    async with AsyncClient(config) as client:
        async with client.watch_pods() as events:
            seen: list[Pod] = []
            async for event in events:
                seen.append(event.object)
                if len(seen) == 100:
                    cluster.delete("default", seen[0].name)
                if event.type == "DELETED":
                    break
        assert soon(lambda: cluster.open_connections <= 1)
    assert soon(lambda: cluster.open_connections == 0)


async def test_leaving_a_client_while_cancelled_closes_it(
    cluster: Cluster, config: Config, soon: Soon
) -> None:
    with anyio.CancelScope() as scope:
        async with AsyncClient(config) as client:
            await client.list_pods()
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert soon(lambda: cluster.open_connections == 0)


async def test_the_first_error_of_a_fork_ends_the_others(config: Config) -> None:
    client = AsyncClient(config)

    def fails() -> Flow[None]:
        yield from client.api.get("/api/v1/secrets")

    def both() -> Flow[None]:
        yield Fork((paused(NEVER), fails(), paused(NEVER)))

    async with client:
        with anyio.fail_after(WATCHDOG), pytest.raises(Forbidden):
            await client.run(both())


async def test_a_defect_in_a_part_is_raised_where_all_meet(config: Config) -> None:
    def broken() -> Flow[None]:
        yield Pause(0)
        raise ZeroDivisionError

    def both() -> Flow[None]:
        yield Fork((paused(NEVER), broken()))

    async with AsyncClient(config) as client:
        with anyio.fail_after(WATCHDOG), pytest.raises(KubeMetricsError) as caught:
            await client.run(both())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_a_client_that_is_closed_says_so_at_once(config: Config) -> None:
    client = AsyncClient(config)
    await client.close()
    await client.close()
    with pytest.raises(TransportError, match="the client was closed"):
        await client.list_pods()


async def test_many_tasks_share_one_client(cluster: Cluster, config: Config) -> None:
    async def work() -> None:
        for _ in range(2):
            assert len(await client.list_pods(chunk_size=50)) == 100
            assert len(await client.list_pod_metrics()) == 81

    async with AsyncClient(config) as client, anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(work)
    # Each of them may have two pages on their way.
    assert cluster.accepted_connections <= 2 * 8


async def test_cancelling_a_handshake_closes_its_connection() -> None:
    """httpcore forgets such a connection; only collecting garbage would end it."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Config(server=f"https://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=lambda: accepted.append(listener.accept()[0]))
        thread.start()
        async with AsyncClient(server) as client:
            async with anyio.create_task_group() as group:
                group.start_soon(client.list_pods)
                await until(lambda: bool(accepted))
                greeted = await anyio.to_thread.run_sync(accepted[0].recv, 1)
                group.cancel_scope.cancel()
            thread.join()
            assert greeted
            with accepted[0] as peer:
                peer.settimeout(WATCHDOG)
                while peer.recv(1 << 16):
                    pass
