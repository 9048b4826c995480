"""What metrics-server makes of the counters it scrapes.

It holds the last two points of every container and node, and answers with their
difference: pkg/storage/pod.go, node.go and types.go of metrics-server (v0.8), of which
this is the behaviour, restarts, clocks that go back and young containers included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

_FRESH = 10_000
"""``freshContainerMinMetricsResolution``, in ms."""

Pod = tuple[str, str]
_K = TypeVar("_K")


@dataclass(frozen=True, slots=True)
class Point:
    """A counter as a kubelet gives it: moments in ms, CPU in ns, memory in bytes.

    *who* is whose counter it is, for a ledger: the API does not say.
    """

    started: int
    moment: int
    cpu: int
    memory: int
    who: int = 0


class Difference(NamedTuple):
    """A sample: of the *window* before *moment*, both in ms, CPU in nanocores.

    *spent* is what the counter says exactly, in ns.
    """

    moment: int
    window: int
    cpu: int
    memory: int
    spent: int
    who: int


def difference(last: Point, before: Point) -> Difference | None:
    """Return what one point is over another (``resourceUsage``)."""
    if last.started < before.started or last.cpu < before.cpu:
        return None
    window, spent = last.moment - before.moment, last.cpu - before.cpu
    cpu = spent * 1000 // window
    return Difference(last.moment, window, cpu, last.memory, spent, last.who)


class Points:
    """The last two points of everything."""

    def __init__(self, resolution: int) -> None:
        self._resolution = resolution
        self._pods: _Pairs[Pod] = {}
        self._nodes: dict[str, tuple[Point, Point | None]] = {}

    def store(
        self, pods: Mapping[Pod, Mapping[str, Point]], nodes: Mapping[str, Point]
    ) -> None:
        """Take a scrape; what it lacks is forgotten."""
        self._pods = {
            pod: {
                name: (point, self._before(point, self._pods.get(pod, {}).get(name)))
                for name, point in points.items()
            }
            for pod, points in pods.items()
        }
        self._nodes = {
            name: (point, _older(point, self._nodes.get(name)))
            for name, point in nodes.items()
        }

    def _before(
        self, point: Point, known: tuple[Point, Point | None] | None
    ) -> Point | None:
        age = point.moment - point.started
        if _FRESH <= age < self._resolution:
            return Point(point.started, point.started, 0, point.memory, point.who)
        if known is None or point.started >= known[0].moment:
            return None
        return _older(point, known)

    def pods(self) -> dict[Pod, dict[str, Difference]]:
        """Return the pods of which all containers have two points."""
        found: dict[Pod, dict[str, Difference]] = {}
        for pod, pairs in self._pods.items():
            whole = [(n, p, b) for n, (p, b) in pairs.items() if b is not None]
            if len(whole) == len(pairs):
                made = ((n, difference(p, b)) for n, p, b in whole)
                found[pod] = {n: d for n, d in made if d is not None}
        return found

    def nodes(self) -> dict[str, Difference]:
        pairs = ((n, p, b) for n, (p, b) in self._nodes.items() if b is not None)
        made = ((n, difference(p, b)) for n, p, b in pairs)
        return {n: d for n, d in made if d is not None}


_Pairs = dict[_K, dict[str, tuple[Point, Point | None]]]


def _older(point: Point, known: tuple[Point, Point | None] | None) -> Point | None:
    """Return the point to compare with: the last one, if time has gone on."""
    if known is None:
        return None
    last, before = known
    if point.moment > last.moment:
        return last
    return before if before is not None and before.moment < point.moment else None


def earliest(containers: Iterable[Difference]) -> Difference | None:
    """Return the container whose time and window stand for the whole pod."""
    return min(containers, key=lambda found: found.moment, default=None)
