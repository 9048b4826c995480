"""A consumer's picture equals the server's, whatever happens to the streams.

Two thousand random changes and a hundred random faults, on a real server over TLS, by
either client; the seed is in the test's name.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from kubemetrics import AsyncClient, Client, WatchEvent, load_config
from kubemetrics.api import RetryPolicy
from kubemetrics.config.model import Config
from tests.cluster import Cluster, Options, Seen, faults, stream_faults
from tests.cluster.scripts import Fault

pytestmark = pytest.mark.no_cover

CHANGES = 2000
FAULTS = 100
LAST = ("zzz", "the-last")
"""Last in every list, too."""

QUICK = RetryPolicy(
    first_wait=0.002,
    watch_first_wait=0.002,
    watch_interval=0.0,
    watch_longest=0.02,
    random=random.random,
)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded(Options(bookmark_seconds=0.02)) as running:
        yield running


class Picture:
    """What a consumer keeps: (namespace, name) → (uid, phase)."""

    def __init__(self) -> None:
        self.pods: dict[tuple[str, str], tuple[str, str]] = {}

    def draw(self, event: WatchEvent) -> bool:
        """Take an event and say whether it is the last that will come."""
        pod = event.object
        assert (pod.key in self.pods) == (event.type != "ADDED")
        if event.type == "DELETED":
            del self.pods[pod.key]
        else:
            self.pods[pod.key] = pod.uid, pod.phase
        return pod.key == LAST


def truth(cluster: Cluster) -> dict[tuple[str, str], tuple[str, str]]:
    objects = (entry.load() for entry in cluster.pods.current())
    return {
        (o["metadata"]["namespace"], o["metadata"]["name"]): (
            o["metadata"].get("uid", ""),
            o["status"].get("phase", ""),
        )
        for o in objects
    }


class Turmoil:
    """Changes pods and breaks streams, at random but alike for a seed."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)  # noqa: S311 - to be repeatable
        self._made = 0

    def run(self) -> None:
        trouble = set(self._random.sample(range(CHANGES), FAULTS))
        for number in range(CHANGES):
            self._change()
            if number in trouble:
                watches = self._watches()
                self._break()
                self._wait(watches)
        self._cluster.faults.clear()
        self._cluster.apply(pod(*LAST, "Running", self._uid()))

    def _watches(self) -> int:
        return sum(map(watch, self._cluster.requests))

    def _wait(self, watches: int) -> None:
        """Let the fault strike: wait for the consumer to come back."""
        end = time.monotonic() + 60
        while self._watches() == watches and time.monotonic() < end:
            time.sleep(0.002)

    def _change(self) -> None:
        keys = [entry.key for entry in self._cluster.pods.current()]
        kind = self._random.choice(("new", "change", "change", "delete", "again"))
        if kind == "new" or len(keys) < 50:
            self._made += 1
            self._apply("default", f"pod-{self._made}", self._uid())
            return
        namespace, name = self._random.choice(keys)
        if kind in ("delete", "again"):
            self._cluster.delete(namespace, name)
        if kind == "again":
            self._apply(namespace, name, self._uid())
        elif kind == "change":
            entry = self._cluster.pods.get(namespace, name)
            assert entry is not None
            self._apply(namespace, name, entry.load()["metadata"].get("uid", ""))

    def _apply(self, namespace: str, name: str, uid: str) -> None:
        phase = self._random.choice(("Pending", "Running", "Succeeded", "Failed"))
        self._cluster.apply(pod(namespace, name, phase, uid))

    def _uid(self) -> str:
        return f"{self._random.getrandbits(64):x}"

    def _break(self) -> None:
        kind = self._random.choice(("compact", "drop", "stream", "answer", "list"))
        if kind == "compact":
            self._cluster.compact()
        if kind in ("compact", "drop", "stream"):
            if kind == "stream":
                self._strike(self._random.choice(STREAM_FAULTS), watch)
            self._cluster.drop_connections()
        else:
            fault = self._random.choice(ANSWER_FAULTS)
            self._strike(fault, watch if kind == "answer" else pods_list)
            self._cluster.drop_connections()

    def _strike(self, fault: Fault, when: Any) -> None:  # noqa: ANN401 - a predicate
        self._cluster.faults.add(fault, when=when)


def watch(seen: Seen) -> bool:
    return "watch" in seen.query


def pods_list(seen: Seen) -> bool:
    return not watch(seen)


STREAM_FAULTS: tuple[Fault, ...] = (
    stream_faults.end_stream(2),
    stream_faults.cut_stream(3),
    stream_faults.reset_stream(1),
    stream_faults.garbage_in_stream(2),
    stream_faults.half_line_in_stream(1),
    stream_faults.resliced_stream(7),
    stream_faults.error_in_stream(1, 410, "Expired", "too old resource version"),
    stream_faults.error_in_stream(0, 410, "Gone", "gone"),
    stream_faults.error_in_stream(2, 500, "InternalError", "etcd"),
    stream_faults.error_in_stream(1, 429, "TooManyRequests", "slower"),
)
ANSWER_FAULTS: tuple[Fault, ...] = (
    faults.reset_before_headers(),
    faults.reset_in_headers(),
    faults.close(),
    faults.api_error(410, "Expired", "too old"),
    faults.api_error(503, "ServiceUnavailable", "no"),
    faults.api_error(500, "InternalError", "no"),
    faults.text(429, "too many", ("Retry-After", "0")),
    faults.html(502),
    faults.empty(504),
)


def pod(namespace: str, name: str, phase: str, uid: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": uid},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": phase},
    }


@contextlib.contextmanager
def turmoil(cluster: Cluster, seed: int) -> Iterator[threading.Event]:
    """Begin with the first event: the first list is not the watch's to repeat."""
    begin = threading.Event()

    def run() -> None:
        begin.wait()
        Turmoil(cluster, seed).run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield begin
    thread.join(600)
    assert not thread.is_alive()


def blocking(config: Config, cluster: Cluster, seed: int) -> Picture:
    picture = Picture()
    with (
        Client(config, retry=QUICK) as client,
        client.watch_pods(timeout=600) as events,
        turmoil(cluster, seed) as begin,
    ):
        for event in events:
            begin.set()
            if picture.draw(event):
                return picture
    raise AssertionError("the last event never came")


async def awaiting(config: Config, cluster: Cluster, seed: int) -> Picture:
    picture = Picture()
    with turmoil(cluster, seed) as begin:
        async with (
            AsyncClient(config, retry=QUICK) as client,
            client.watch_pods(timeout=600) as events,
        ):
            async for event in events:
                begin.set()
                if picture.draw(event):
                    return picture
    raise AssertionError("the last event never came")


@pytest.mark.parametrize(
    ("driver", "seed"), [("sync", 1), ("sync", 2), ("asyncio", 3), ("trio", 4)]
)
def test_the_consumers_picture_is_the_servers(
    cluster: Cluster, driver: str, seed: int
) -> None:
    config = load_config(str(cluster.kubeconfig()))
    if driver == "sync":
        picture = blocking(config, cluster, seed)
    else:
        picture = anyio.run(awaiting, config, cluster, seed, backend=driver)
    assert picture.pods == truth(cluster)
    assert sum(map(watch, cluster.requests)) > FAULTS * 0.9
