"""The clock of a snapshot: how old samples are and may be, and whose clock is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from ..frozen import dataclass
from ..jsonread import empty
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.pod import Pod
from .parts import Parts

T = TypeVar("T")

TOLERANCE: Final = timedelta(seconds=2)
"""Clocks may differ by this; the ``Date`` header itself has whole seconds."""

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
    """Conclude the date, the cadence and which clocks are wrong from what was read."""
    windows = [sample.window for sample in parts.pod_metrics.items]
    windows += [sample.window for sample in parts.node_metrics.items]
    # A window of no length (a provider that does not know it) tells no pace.
    known = sorted(w for w in windows if w is not None and w > timedelta())
    cadence = median(known) if known else None
    pace = Clock(date=parts.date, cadence=cadence)
    newest = _newest(
        parts.pods.items, parts.pod_metrics.items, parts.node_metrics.items
    )
    return replace(pace, skews=_skews(newest, pace))


def median(ordered: Sequence[T]) -> T:
    """Return the median of values in their order: the lower of two in the middle.

    It is always one of the values, so that no mean of two is ever shown as measured.

    Raises:
        IndexError: there are none.
    """
    return ordered[(len(ordered) - 1) // 2]


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
    """Return how far the clocks of nodes are off whose samples alone are dated wrongly.

    Where most nodes are like that it is not the nodes: the server's clock is wrong, or
    the samples are old.
    """
    ages = {
        name: age
        for name, moment in newest.items()
        if (age := pace.age(moment)) is not None
    }
    if not ages:
        return {}
    typical = median(sorted(ages.values()))
    off = {
        name: typical - age
        for name, age in ages.items()
        if age < -TOLERANCE or pace.stale(age, "")
    }
    return off if 2 * len(off) < len(ages) else {}
