"""How old a sample is and may be, and whose clock is wrong if one is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from ..frozen import dataclass
from ..models import NodeMetrics, Pod, PodMetrics
from ..models.fields import empty
from .parts import Parts

C = TypeVar("C", int, timedelta)

TOLERANCE: Final = timedelta(seconds=2)
"""What clocks may differ by; the ``Date`` header itself has whole seconds."""

_STALE: Final = 3
"""Windows after which a sample is old: it takes one to measure, one to be fetched."""

_FRESH: Final = 2
"""Windows that a provider may need until it has a rate of a new container."""

_DEFAULT_CADENCE: Final = timedelta(seconds=60)
"""metrics-server's own default of ``--metric-resolution``, where nothing tells."""

_SECOND: Final = timedelta(seconds=1)


def seconds(age: timedelta) -> str:
    """Write an age in whole seconds; what clocks differ by makes none negative."""
    return f"{max(age // _SECOND, 0)}s"


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
