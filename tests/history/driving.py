"""Records a simulated past through HTTP, with the past's own clock: no time is waited.

What of time is left is the watch of pods, in a thread of its own: before each poll it
is waited for until it has heard of every change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, TypeVar, Unpack

from kubemetrics import Client, load_config
from kubemetrics.api import Api, RetryPolicy
from kubemetrics.api.watch import WatchEvent, WatchOptions
from kubemetrics.flow import Flow
from kubemetrics.history.poller import PodSelection, Poller
from kubemetrics.history.recorder import Level, Recorder, last_samples
from kubemetrics.history.rounds import SampleRound
from kubemetrics.history.store import Writing
from kubemetrics.history.upkeep import Upkeep, due_at
from tests.cluster.past import Past, Published

T = TypeVar("T")

_HANG: Final = 60.0
"""Seconds after which a watch that hears nothing is a failure."""


class Following:
    """A client that knows how far its watch has come."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._heard = threading.Condition()
        self._version = 0

    @property
    def api(self) -> Api:
        return self._client.api

    def run(self, flow: Flow[T], *, timeout: float | None = None) -> T:
        return self._client.run(flow, timeout=timeout)

    @contextmanager
    def _watching(self, options: WatchOptions) -> Iterator[Iterator[WatchEvent]]:
        self._hear(int(options.get("resource_version") or 0))
        with self._client.watch_pods(**options) as events:
            yield self._counted(events)

    def watch_pods(
        self, **options: Unpack[WatchOptions]
    ) -> AbstractContextManager[Iterator[WatchEvent]]:
        return self._watching(options)

    def _counted(self, events: Iterator[WatchEvent]) -> Iterator[WatchEvent]:
        """Count an event when the next one is asked for: then it was applied."""
        for event in events:
            yield event
            self._hear(self._version + 1)

    def _hear(self, version: int) -> None:
        with self._heard:
            self._version = version
            self._heard.notify_all()

    def wait_for(self, version: int) -> None:
        """Wait until the watch has heard of all changes up to this one."""
        with self._heard:
            heard = self._heard.wait_for(lambda: self._version >= version, _HANG)
        assert heard, f"the watch is at {self._version}, the cluster at {version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How it is recorded: what the command's flags say."""

    level: Level = "container"
    every: float | None = None
    selection: PodSelection | None = None
    once: bool = False


def record(
    past: Past,
    writing: Writing,
    seconds: float,
    *,
    watch: bool = True,
    way: Way = Way(),
    after: Callable[[SampleRound], None] = lambda _: None,
) -> None:
    """Poll in phase for so long, write each round, and keep the file in order."""
    cluster = past.cluster
    config = load_config(cluster.kubeconfig())
    selection, end = way.selection or PodSelection(), past.now + seconds * 1000
    recorder = Recorder(
        writing,
        level=way.level,
        namespaces=selection.namespaces,
        some=selection.label_selector is not None,
    )
    upkeep = Upkeep(writing.connection)
    with Client(config, retry=RetryPolicy(attempts=1)) as client:
        following = Following(client)
        poller = Poller(
            following,
            selection,
            every=way.every,
            lasts=last_samples(writing.connection),
            watch=watch,
            clock=lambda: past.now / 1000,
        )
        with closing(poller):
            while past.now < end:
                past.advance(poller.rest())
                if watch:
                    following.wait_for(cluster.revision.current)
                found = poller.poll()
                recorder.write(found)
                now = due_at(found)
                while now is not None and upkeep.work(now):
                    pass
                after(found)
                if way.once:
                    return


Place: TypeAlias = tuple[str, str, int]
"""The uid of a pod or node, a container, and the second of a sample."""


class Kept(NamedTuple):
    """What a file has of a sample."""

    window: int
    cpu: int
    memory: int


def kept_by(writing: Writing) -> dict[Place, Kept]:
    rows = [
        row
        for table in ("recent", "settled")
        for row in writing.connection.execute(
            "SELECT o.uid, s.container, r.at, r.window, r.cpu, r.memory"  # noqa: S608
            f" FROM {table} r JOIN series s ON s.id=r.series"
            " JOIN object o ON o.id=s.object"
        )
    ]
    kept = {(uid, name, at): Kept(*rest) for uid, name, at, *rest in rows}
    assert len(kept) == len(rows), "a sample is there twice"
    return kept


def place(past: Past, sample: Published) -> Place:
    if sample.node:
        return (past.node_uids[sample.node], "", sample.at)
    run = past.runs[sample.run - 1]
    return (run.uid, run.container, sample.at)
