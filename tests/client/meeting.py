"""One meeting of an operation with a fault, by either client: what came of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import anyio

from kubemetrics import AsyncClient, Client, load_config
from kubemetrics.api import RetryPolicy
from kubemetrics.config.model import Config
from kubemetrics.errors import KubeMetricsError, TransportError
from tests.cluster import Cluster, Seen, stream_faults
from tests.cluster.exchange import Answer
from tests.cluster.scripts import Attempt, Fault, Script
from tests.cluster.wire import Gone

from .consumer import MARKERS, Consumer
from .troubles import Trouble
from .waiting import WATCHDOG

QUICK = RetryPolicy(
    first_wait=0.01, watch_first_wait=0.02, watch_interval=0.0, random=lambda: 0.0
)

POD = ("team-b", "debug-tzpns")
PODS = "/api/v1/pods"

When: TypeAlias = Callable[[Seen], bool]


def _page(number: int) -> When:
    return lambda seen: (
        seen.path == PODS
        and "watch" not in seen.query
        and ("continue" in seen.query) == (number > 1)
    )


def _watch(seen: Seen) -> bool:
    return "watch" in seen.query


WHEN: dict[str, When] = {
    "list": _page(1),
    "page 2": _page(2),
    "metrics": lambda seen: seen.path == "/apis/metrics.k8s.io/v1beta1/pods",
    "get": lambda seen: seen.path.endswith(POD[1]),
    "watch": _watch,
    "watching": _watch,
}


class Clock:
    """The time of calls, which a test lets pass."""

    def __init__(self) -> None:
        self._passed = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._passed

    def pass_by(self, seconds: float) -> None:
        self._passed += seconds


def giving_up(draws: int, clock: Clock) -> RetryPolicy:
    """Return a policy whose waits are short, but a day after so many random numbers.

    A watch takes one for each stream it asks for and one for each wait. Of its time
    a moment is left by then.
    """
    numbers = iter([0.0] * draws)

    def random() -> float:
        if (number := next(numbers, None)) is not None:
            return number
        clock.pass_by(WATCHDOG - 0.05)
        return 1e9

    return RetryPolicy(
        first_wait=0.01,
        watch_first_wait=0.01,
        watch_interval=0.0,
        watch_longest=86_400.0,
        random=random,
    )


def arrange(
    cluster: Cluster, operation: str, trouble: Trouble, times: int | None
) -> Script:
    """Put a fault in the way of an operation."""
    if operation == "watching" and trouble.stream is None:
        assert trouble.answer is not None
        cluster.faults.add(stream_faults.end_stream(1), when=_watch)
        return cluster.faults.add(trouble.answer, when=_watch, first=2, times=times)
    fault = trouble.stream if operation == "watching" else trouble.answer
    assert fault is not None
    return cluster.faults.add(fault, when=WHEN[operation], times=times)


@contextlib.contextmanager
def refusing(cluster: Cluster, operation: str, times: int | None) -> Iterator[None]:
    """Refuse connections from the request before on, or from the middle of a stream.

    *times* is ``None`` for good; else a watch finds the server back after a moment.
    """
    back = threading.Timer(0.1, cluster._server.listen)
    comes_back = times is not None and operation in ("watch", "watching")

    def refuse() -> None:
        cluster._server.refuse()
        if comes_back:
            back.start()

    if operation in ("list", "metrics", "get"):
        with cluster.refusing():
            yield
        return
    fault = _last_lines(refuse) if operation == "watching" else _last_answer(refuse)
    before = WHEN["list" if operation in ("page 2", "watch") else operation]
    cluster.faults.add(fault, when=before)
    try:
        yield
    finally:
        if comes_back:
            back.join()
        else:
            cluster._server.listen()


def _last_answer(refuse: Callable[[], None]) -> Fault:
    def fault(attempt: Attempt) -> Answer:
        refuse()
        return attempt.answer.with_headers(("Connection", "close"))

    return fault


def _last_lines(refuse: Callable[[], None]) -> Fault:
    def lines(stream: Iterator[bytes]) -> Iterator[bytes]:
        yield next(filter(None, stream))
        refuse()
        raise Gone

    def fault(attempt: Attempt) -> Answer:
        return replace(attempt.answer, stream=lines(attempt.answer.stream or iter(())))

    return fault


def meet(
    cluster: Cluster,
    driver: str,
    operation: str,
    *,
    deadline: float = WATCHDOG,
    retry: RetryPolicy = QUICK,
) -> str:
    """Say what came of an operation, and how many attempts the server saw."""
    config = load_config(str(cluster.kubeconfig()))
    try:
        if driver == "sync":
            with Client(config, retry=retry) as client:
                text = _blocking(client, cluster, operation, deadline)
        else:
            text = anyio.run(
                _awaiting, config, retry, cluster, operation, deadline, backend=driver
            )
    except TransportError as error:
        text = error.reason
    except KubeMetricsError as error:
        text = type(error).__name__
    return f"{text} {sum(map(WHEN[operation], cluster.requests))}"


def _blocking(client: Client, cluster: Cluster, operation: str, deadline: float) -> str:
    match operation:
        case "list" | "page 2":
            return f"{len(client.list_pods(chunk_size=60, timeout=deadline))} pods"
        case "metrics":
            return f"{len(client.list_pod_metrics(timeout=deadline))} samples"
        case "get":
            return client.get_pod(POD[1], POD[0], timeout=deadline).phase
    consumer = _consumer(cluster)
    with client.watch_pods(timeout=deadline) as events:
        for event in events:
            if consumer.hears(event.object.name):
                break
    return consumer.text


async def _awaiting(
    config: Config,
    retry: RetryPolicy,
    cluster: Cluster,
    operation: str,
    deadline: float,
) -> str:
    async with AsyncClient(config, retry=retry) as client:
        match operation:
            case "list" | "page 2":
                pods = await client.list_pods(chunk_size=60, timeout=deadline)
                return f"{len(pods)} pods"
            case "metrics":
                samples = await client.list_pod_metrics(timeout=deadline)
                return f"{len(samples)} samples"
            case "get":
                return (await client.get_pod(POD[1], POD[0], timeout=deadline)).phase
        consumer = _consumer(cluster)
        async with client.watch_pods(timeout=deadline) as events:
            async for event in events:
                if consumer.hears(event.object.name):
                    break
        return consumer.text


def _consumer(cluster: Cluster) -> Consumer:
    def bring() -> None:
        for marker in MARKERS:
            cluster.apply(_pod(marker))

    return Consumer(listed=len(cluster.pods), bring=bring)


def _pod(name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {
        "metadata": {**metadata, "creationTimestamp": "2026-11-23T02:59:53Z"},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Pending"},
    }
