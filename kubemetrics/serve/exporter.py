"""From polls to what is served: values while they are of now, and why not after that.

A failed poll leaves the values as they are for two cadences; then they go, so that
Prometheus marks their series stale, and ``kubemetrics_up`` is 0. After three the
exporter is not ready, and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final, Self, TypeVar, get_args

from ..errors import ConfigError, KubeMetricsError
from ..frozen import dataclass
from ..history.rounds import SampleRound
from ..models.pod import Pod
from ..snapshot import Part, Parts, Snapshot, join
from ..text import quoted
from ..wire import collector_paused
from .counters import KEPT, Counters, Level, Shape
from .exposition import Family, series
from .families import Choice, Health, WrittenBefore, of_exporter, of_round
from .scrapes import Publication, RenderedBody

T = TypeVar("T")

_UNREADY: Final = KEPT + 1
"""The cadences without a good round after which it is not ready."""
_SPACED: Final = 60.0
"""Seconds between polls of a provider whose windows overlap: they tell no pace."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of *count* parts of the pods, which their uids tell apart."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2/3``: the second of three parts.

        Raises:
            ValueError: it is no such thing.
        """
        index, slash, count = text.partition("/")
        digits = index.isdecimal() and count.isdecimal() and text.isascii()
        short = len(text) <= _SHARD_DIGITS
        if not (slash and digits and short and 1 <= int(index) <= int(count)):
            raise ValueError(f"expected I/N, as 1/3, 2/3 and 3/3, not {quoted(text)}")
        return cls(int(index), int(count))

    def has(self, pod: Pod) -> bool:
        """Whether a pod is of this part, in whichever process it is asked."""
        if self.count == 1:
            return True
        digest = sha256(pod.uid.encode()).digest()
        return int.from_bytes(digest[:8]) % self.count == self.index - 1

    @property
    def nodes(self) -> bool:
        """Whether this part has the nodes: the first has, so that one alone does."""
        return self.index == 1


_SHARD_DIGITS: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is served: its *shape* and *choice*, up to *most* series, of a *shard*."""

    shape: Shape = Shape()
    choice: Choice = Choice()
    most: int = 200_000
    shard: Shard = Shard()


class TooManySeriesError(ConfigError):
    """There are more series than ``--max-series`` allows."""


class Exporter:
    """Makes a `Publication` of each round that was polled.

    *explain* returns in one line what is wrong with the metrics API; it is asked once
    when polls begin to fail. *began* is the time of the start, in seconds since the
    epoch.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        began: int,
        explain: Callable[[str], str] = str,
    ) -> None:
        self._settings = settings
        self._began = began
        self._choice = replace(settings.choice, nodes=settings.shard.nodes)
        self._explain = explain
        self._counters = Counters(settings.shape)
        self._memory = WrittenBefore()
        self._snapshot: Snapshot | None = None
        self._rounds = {"fresh": 0, "repeated": 0, "failed": 0}
        self._missed = 0
        self._latest: int | None = None
        self._durations: Mapping[str, float] = {}
        self._fresh_until = self._ready_until = float("-inf")
        self._problem = "the first round of samples is not read yet"

    def first(self) -> Publication:
        """Return what is served before the first round."""
        return self._published(())

    def take(self, found: SampleRound, now: float) -> Publication:
        """Return what is served after a round that was read at *now*.

        Raises:
            TooManySeriesError: it is the first one, and has too many.
        """
        self._durations = {**self._durations, **found.durations}
        failure = found.failures.get("pod_metrics")
        if failure is not None and not found.pod_samples:
            self._fail(str(failure))
            return self._published(self._families())
        with collector_paused():
            return self._published(self._counted(found, now))

    def _fail(self, error: str) -> None:
        if not self._problem or not self._rounds["failed"]:
            self._problem = self._explain(error)
        self._rounds["failed"] += 1

    def _counted(self, found: SampleRound, now: float) -> Sequence[Family]:
        first = self._snapshot is None
        self._problem = ""
        self._rounds["fresh" if found.fresh else "repeated"] += 1
        self._missed += found.missed
        self._latest = max((r.at for r in found.readings), default=self._latest)
        cadence = min(found.cadence, _SPACED) if found.estimated else found.cadence
        self._snapshot = join(parts_of(found, self._settings.shard))
        self._counters.take(self._snapshot, now, cadence)
        self._fresh_until = now + KEPT * cadence
        self._ready_until = now + _UNREADY * cadence
        families = self._families()
        count = series(families)
        if count > self._settings.most:
            self._refuse(count, first=first)
        return families

    def _refuse(self, count: int, *, first: bool) -> None:
        most = self._settings.most
        problem = f"{count} series are more than --max-series {most}"
        if first:
            raise TooManySeriesError(f"{problem}: {self._way_out()}")
        self._problem = problem
        self._fresh_until = self._ready_until = float("-inf")

    def _way_out(self) -> str:
        """Name the flag that fits, or else what makes more fit."""
        for flag, level, choice in self._smaller():
            count = self._series_of(level, choice)
            if count <= self._settings.most:
                return f"{flag} has {count}"
        return "a larger one, fewer namespaces (-n) or --shard 1/2 fits"

    def _smaller(self) -> Iterator[tuple[str, Level, Choice]]:
        """Yield the flags with which there are fewer series."""
        levels: tuple[Level, ...] = get_args(Level)
        level, choice = self._settings.shape.level, self._choice
        if choice.names != "kubelet":  # which are of containers alone
            for coarser in levels[levels.index(level) + 1 :]:
                yield f"--level {coarser}", coarser, choice
        if not choice.lean:
            yield "--lean", level, replace(choice, lean=True)

    def _series_of(self, level: Level, choice: Choice) -> int:
        counters = Counters(Shape(level=level, labels=self._settings.shape.labels))
        snapshot = self._snapshot or Snapshot()
        counters.take(snapshot, 0.0, 1.0)
        found = of_round(snapshot, counters, choice)
        return series([*found, *self._of_exporter(up=True)])

    def _families(self) -> Sequence[Family]:
        if self._snapshot is None:
            return ()
        found = of_round(self._snapshot, self._counters, self._choice, self._memory)
        return [*found, *self._of_exporter(up=True)]

    def _of_exporter(self, *, up: bool) -> list[Family]:
        return of_exporter(
            Health(
                up=up,
                began=self._began,
                rounds=self._rounds,
                missed=self._missed,
                latest=self._latest,
                durations=self._durations,
            )
        )

    def _published(self, families: Sequence[Family]) -> Publication:
        expired = RenderedBody(self._of_exporter(up=False))
        return Publication(
            body=RenderedBody(families) if families else expired,
            expired=expired,
            fresh_until=self._fresh_until,
            ready_until=self._ready_until,
            problem=self._problem,
        )


def parts_of(found: SampleRound, shard: Shard) -> Parts:
    """Return a round as the parts of a snapshot.

    A sample whose pod is not known is of one that is gone, or of another shard; where
    pods may not be read it is all there is.
    """
    pods = found.pods
    mine = pods is not None or shard.index == 1  # names alone tell no shard
    return Parts(
        pods=Part(
            items=tuple(filter(shard.has, (pods or {}).values())),
            errors=_errors(found, "pods") if pods is None else {},
            date=found.date,
        ),
        pod_metrics=_part(found, "pod_metrics", found.pod_samples if mine else ()),
        nodes=_part(found, "nodes", [*(found.nodes or {}).values()]),
        node_metrics=_part(found, "node_metrics", found.node_samples),
        narrowed=pods is not None,
    )


def _part(found: SampleRound, name: str, items: Iterable[T]) -> Part[T]:
    return Part(
        items=tuple(items),
        unreadable=tuple(found.unreadable.get(name, ())),
        errors=_errors(found, name),
        date=found.date,
    )


def _errors(found: SampleRound, name: str) -> dict[str, KubeMetricsError]:
    error = found.failures.get(name)
    return {} if error is None else {"": error}
