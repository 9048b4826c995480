"""One meeting of an operation with a fault, by either client: what came of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import anyio

from kubemetrics import AsyncClient, Client, load_config
from kubemetrics.api import RetryPolicy
from kubemetrics.config import Config
from kubemetrics.errors import KubeMetricsError, TransportError
from tests.cluster import Cluster, Seen, stream_faults
from tests.cluster.exchange import Answer
from tests.cluster.scripts import Attempt, Fault, Script
from tests.cluster.wire import Gone

QUICK = RetryPolicy(first_wait=0.01, watch_first_wait=0.45, random=lambda: 0.0)
"""A watch that fails for good is begun twice: after the second the wait is too long."""

POD = ("team-b", "debug-tzpns")
PODS = "/api/v1/pods"
MARKERS = ("marker-1", "marker-2")

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


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault of an answer, and the same in the middle of a stream.

    Without the latter the stream ends in good order and the next one meets the former.
    """

    answer: Fault
    stream: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds: for the whole, and between two bytes."""

    deadline: float
    silence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it, in words; the attempts the server saw; the seconds it took."""

    text: str
    attempts: int
    elapsed: float


def arrange(
    cluster: Cluster, operation: str, trouble: Trouble, times: int | None
) -> Script:
    """Put a fault in the way of an operation."""
    if operation == "watching" and trouble.stream is None:
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


def meet(cluster: Cluster, driver: str, operation: str, patience: Patience) -> Outcome:
    """Run an operation and say what came of it."""
    config = load_config(str(cluster.kubeconfig()))
    started = time.monotonic()
    try:
        if driver == "sync":
            text = _blocking(config, cluster, operation, patience)
        else:
            arguments = (config, cluster, operation, patience)
            text = anyio.run(_awaiting, *arguments, backend=driver)
    except TransportError as error:
        text = error.reason
    except KubeMetricsError as error:
        text = type(error).__name__
    elapsed = time.monotonic() - started
    attempts = sum(map(WHEN[operation], cluster.requests))
    return Outcome(text=text, attempts=attempts, elapsed=elapsed)


def _blocking(
    config: Config, cluster: Cluster, operation: str, patience: Patience
) -> str:
    with Client(config, retry=QUICK, read_timeout=patience.silence) as client:
        match operation:
            case "list" | "page 2":
                pods = client.list_pods(chunk_size=60, timeout=patience.deadline)
                return f"{len(pods)} pods"
            case "metrics":
                return (
                    f"{len(client.list_pod_metrics(timeout=patience.deadline))} samples"
                )
            case "get":
                return client.get_pod(POD[1], POD[0], timeout=patience.deadline).phase
        told = _Consumer(cluster)
        with client.watch_pods(timeout=patience.deadline) as events:
            for event in events:
                if told.hears(event.object.name):
                    break
        return told.text


async def _awaiting(
    config: Config, cluster: Cluster, operation: str, patience: Patience
) -> str:
    async with AsyncClient(
        config, retry=QUICK, read_timeout=patience.silence
    ) as client:
        match operation:
            case "list" | "page 2":
                pods = await client.list_pods(chunk_size=60, timeout=patience.deadline)
                return f"{len(pods)} pods"
            case "metrics":
                samples = await client.list_pod_metrics(timeout=patience.deadline)
                return f"{len(samples)} samples"
            case "get":
                return (
                    await client.get_pod(POD[1], POD[0], timeout=patience.deadline)
                ).phase
        told = _Consumer(cluster)
        async with client.watch_pods(timeout=patience.deadline) as events:
            async for event in events:
                if told.hears(event.object.name):
                    break
        return told.text


class _Consumer:
    """Who watches: once the list is told, two more pods come, and both must be told."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._listed = len(cluster.pods)
        self._told: list[str] = []

    def hears(self, name: str) -> bool:
        self._told.append(name)
        if len(self._told) == self._listed:
            for marker in MARKERS:
                self._cluster.apply(_pod(marker))
        return name == MARKERS[-1]

    @property
    def text(self) -> str:
        more = tuple(self._told[self._listed :])
        return "goes on" if more == MARKERS else f"told {len(more)} more"


def _pod(name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {
        "metadata": {**metadata, "creationTimestamp": "2026-11-23T02:59:53Z"},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Pending"},
    }
