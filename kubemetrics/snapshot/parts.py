"""What was read of the cluster, each part with its own failure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from ..errors import KubeMetricsError
from ..frozen import dataclass
from ..jsonread import UnreadableItem, empty
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Pod

T = TypeVar("T")

PartName: TypeAlias = Literal[
    "pods", "pod metrics", "nodes", "node metrics", "all pods", "all pod metrics"
]


@dataclass(frozen=True, slots=True)
class Failure:
    """A part that could not be read: in *namespace*, or everywhere if it is empty."""

    part: PartName
    namespace: str
    error: KubeMetricsError


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item that could not be read in a part that could."""

    part: PartName
    item: UnreadableItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[T]):
    """One kind of object, read in one or several namespaces.

    *unreadable* are the items that could not be read, each for itself. *errors* are by
    namespace, ``""`` for a read of all of them. *date* is the server's clock when it
    answered.
    """

    items: tuple[T, ...] = ()
    unreadable: tuple[UnreadableItem, ...] = ()
    errors: Mapping[str, KubeMetricsError] = field(default_factory=empty)
    date: datetime | None = None

    @property
    def failed(self) -> bool:
        """Whether it could not be read anywhere."""
        return bool(self.errors) and not self.items and self.date is None

    def error(self, namespace: str = "") -> KubeMetricsError | None:
        """Return why it could not be read in *namespace*."""
        return self.errors.get("") or self.errors.get(namespace)

    def failures(self, name: PartName) -> tuple[Failure, ...]:
        """Return what could not be read of it."""
        return tuple(Failure(name, where, e) for where, e in self.errors.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All that a snapshot is made of.

    *all_pods* and *all_pod_metrics* are those of the whole cluster (or of all of the
    one node asked for), where they were read for the sake of the nodes. *narrowed*
    says that *pods* were chosen in a way in which samples cannot be: a sample without
    its pod is then no concern of this snapshot. *some_nodes* says that nodes were
    chosen by label: of the others, on which there may be pods, nothing was read.
    """

    pods: Part[Pod]
    pod_metrics: Part[PodMetrics]
    nodes: Part[Node]
    node_metrics: Part[NodeMetrics]
    all_pods: Part[Pod] | None = None
    all_pod_metrics: Part[PodMetrics] | None = None
    narrowed: bool = False
    some_nodes: bool = False

    @property
    def date(self) -> datetime | None:
        """The server's clock at the moment of the samples, as near as is known."""
        dates = (
            self.pod_metrics.date,
            self.node_metrics.date,
            self.pods.date,
            self.nodes.date,
        )
        return next((date for date in dates if date is not None), None)

    @property
    def named(self) -> Iterator[tuple[PartName, Part[Any]]]:
        """Each part that was read for itself, with its name."""
        yield "pods", self.pods
        yield "pod metrics", self.pod_metrics
        yield "nodes", self.nodes
        yield "node metrics", self.node_metrics
        if self.all_pods is not None and self.all_pods is not self.pods:
            yield "all pods", self.all_pods
        metrics = self.all_pod_metrics
        if metrics is not None and metrics is not self.pod_metrics:
            yield "all pod metrics", metrics

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What could not be read."""
        return tuple(f for name, part in self.named for f in part.failures(name))

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """The items that could not be read, in parts that could."""
        return tuple(
            Unreadable(name, item)
            for name, part in self.named
            for item in part.unreadable
        )


# How old a sample is and may be, and whose clock is wrong if one is.


C = TypeVar("C", int, timedelta)

TOLERANCE: Final = timedelta(seconds=2)
"""What clocks may differ by; the ``Date`` header itself has whole seconds."""

_STALE: Final = 3
"""Windows after which a sample is old: it takes one to measure, one to be fetched."""

_FRESH: Final = 2
"""Windows that a provider may need until it has a rate of a new container."""

_DEFAULT_CADENCE: Final = timedelta(seconds=60)
"""metrics-server's own default of ``--metric-resolution``, where nothing tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The moment of a snapshot and the pace of its samples.

    *date* is the server's clock, *cadence* the median window of all samples, *skews*
    the nodes whose own clocks are ahead (behind, if negative).
    """

    date: datetime | None = None
    cadence: timedelta | None = None
    skews: Mapping[str, timedelta] = field(default_factory=empty)

    def age(self, moment: datetime | None) -> timedelta | None:
        """Return how long ago *moment* was, by the server's clock."""
        if moment is None or self.date is None:
            return None
        return self.date - moment

    def stale(self, age: timedelta | None, node: str) -> bool:
        """Whether a sample of this age is old; a wrong clock of its node is no age."""
        if age is None or self.cadence is None or node in self.skews:
            return False
        return age > _STALE * self.cadence

    def fresh(self, moment: datetime | None, node: str) -> timedelta | None:
        """Return the age of what began on *node* too recently to be measured by now."""
        age = self.age(moment)
        if age is not None:
            age += self.skews.get(node, timedelta())
        limit = _FRESH * (self.cadence or _DEFAULT_CADENCE)
        return age if age is not None and age < limit else None


def clock(parts: Parts) -> Clock:
    """Learn the date, the cadence and which nodes' clocks are wrong."""
    windows = [sample.window for sample in parts.pod_metrics.items]
    windows += [sample.window for sample in parts.node_metrics.items]
    # A window of no length (a provider that does not know it) tells no pace.
    cadence = median([w for w in windows if w is not None and w > timedelta()])
    pace = Clock(date=parts.date, cadence=cadence)
    ages = _newest(parts.pods.items, parts.pod_metrics.items, parts.node_metrics.items)
    return Clock(date=pace.date, cadence=pace.cadence, skews=_skews(ages, pace))


def median(values: Sequence[C]) -> C | None:
    """Return the lower of the two in the middle."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def _newest(
    pods: Iterable[Pod], pod_metrics: Iterable[PodMetrics], nodes: Iterable[NodeMetrics]
) -> dict[str, datetime]:
    """Return the time of each node's newest sample, of itself or of its pods."""
    newest: dict[str, datetime] = {}
    for node in nodes:
        _later(newest, node.name, node.timestamp)
    node_of = {pod.key: pod.node_name for pod in pods}
    for sample in pod_metrics:
        name = node_of.get(sample.key)
        if name:
            _later(newest, name, sample.timestamp)
    return newest


def _later(newest: dict[str, datetime], name: str, moment: datetime | None) -> None:
    if moment is not None and (name not in newest or moment > newest[name]):
        newest[name] = moment


def _skews(newest: Mapping[str, datetime], pace: Clock) -> dict[str, timedelta]:
    """Tell nodes whose samples alone are of the future, or all old.

    Where most nodes are like that it is not the nodes: the server's clock is wrong, or
    the samples are old.
    """
    ages = {
        name: age
        for name, moment in newest.items()
        if (age := pace.age(moment)) is not None
    }
    typical = median(list(ages.values()))
    if typical is None:
        return {}
    off = {
        name: typical - age
        for name, age in ages.items()
        if age < -TOLERANCE or pace.stale(age, "")
    }
    return off if 2 * len(off) < len(ages) else {}
