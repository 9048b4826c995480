"""Rounds of samples: when to ask, what is new, and whose each sample is; pure.

A provider publishes all samples at once and then gives the same answer for one cadence.
The moment wanders by some seconds, so that asking just behind it is the most fragile:
a `Phase` finds it, and asks a third of a cadence later from then on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, Literal, NamedTuple, TypeAlias

from ..errors import (
    ApiError,
    Forbidden,
    HistoryError,
    KubeMetricsError,
    MetricsUnavailable,
)
from ..frozen import dataclass
from ..jsonread import UnreadableItem, empty
from ..models import CPU, MEMORY, Quantities
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Pod
from .integrate import Covered, cover, of_earlier

Key: TypeAlias = tuple[str, str]
"""A pod's namespace and name; a node's namespace is empty."""

DEFAULT_CADENCE: Final = 60.0
"""Seconds; metrics-server's own default, where no sample tells."""
_SPACED: Final = 60.0
"""Seconds between polls of a provider that has no rounds."""
_SHORTEST: Final = 1.0
_LONGEST: Final = 300.0
_EARLY: Final = 0.995
"""Polls come a little early: too early costs a repeat, too late would cost a sample."""
_MEDIANS: Final = 20
_NEWEST: Final = 5
_STILL: Final = 10
"""Polls in a row without news after which they are no more than one a cadence."""
_PATIENCE: Final = 5
"""Failures in a row after which polls are no more than one a cadence."""


class Seen(NamedTuple):
    """What a poll found: counts of series, and the median window in seconds."""

    fresh: int = 0
    repeated: int = 0
    gaps: int = 0
    overlaps: int = 0
    window: float | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """When to poll next, by a clock that only goes forward.

    *mode*: it is ``searching`` until the samples changed twice, then ``phased``; a
    provider whose windows overlap has no rounds and is asked ``spaced``. *every* is the
    user's own distance in seconds, which goes before all that. *overlapping* counts
    the rounds in a row that did: one does after a clock was set back. *unchanged*
    counts those that brought nothing new: who stands still is not asked five times.
    """

    every: float | None = None
    mode: Literal["searching", "phased", "spaced"] = "searching"
    changes: int | None = None
    failures: int = 0
    overlapping: int = 0
    unchanged: int = 0
    windows: tuple[float, ...] = ()
    next: float = 0.0

    @property
    def cadence(self) -> float:
        """Seconds between rounds: the mean of the last rounds' median windows.

        Windows join, so that what makes one longer makes another shorter: their mean
        is steady where rounds wander. What is far from the newest is left out of it: a
        window over a gap, and those of a cadence that was changed.
        """
        if not self.windows:
            return DEFAULT_CADENCE
        newest = sorted(self.windows[-_NEWEST:])
        middle = newest[(len(newest) - 1) // 2]
        near = [w for w in self.windows if abs(w - middle) <= middle / 2]
        return min(max(sum(near) / len(near), _SHORTEST), _LONGEST)

    def after(self, now: float, seen: Seen) -> Phase:
        """Return the phase after a poll at *now*."""
        windows = self.windows
        if seen.window is not None:
            windows = (*windows, seen.window)[-_MEDIANS:]
        failures = self.failures + 1 if seen.failed else 0
        known = replace(self, windows=windows, failures=failures)
        if self.every is not None:
            return replace(known, next=max(self.next + self.every, now))
        if seen.failed:
            soon = known.cadence / (5 if failures < _PATIENCE else 1)
            return replace(known, next=now + soon)
        return _after_answer(known, now, seen)


def _after_answer(phase: Phase, now: float, seen: Seen) -> Phase:
    if seen.fresh:
        overlap = 2 * seen.overlaps > seen.fresh
        overlapping = phase.overlapping + 1 if overlap else 0
        phase = replace(phase, overlapping=overlapping, unchanged=0)
    else:
        phase = replace(phase, unchanged=phase.unchanged + 1)
    if phase.overlapping > 1:
        return replace(phase, mode="spaced", changes=None, next=now + _SPACED)
    soon = phase.cadence * (0.2 if phase.unchanged < _STILL else _EARLY)
    if phase.mode == "phased" and 2 * seen.gaps <= seen.fresh:
        wait = phase.cadence * _EARLY if seen.fresh else soon
        return replace(phase, next=now + wait)
    return _search(phase, now, seen, soon)


def _search(phase: Phase, now: float, seen: Seen, soon: float) -> Phase:
    """Look for the change, twice: what a search begins with is none."""
    begun = phase.mode == "searching" and phase.changes is not None
    changes = (phase.changes or 0) + bool(seen.fresh) if begun else 0
    if changes == _CHANGES:
        wait = phase.cadence * (1 + 1 / 3)
        return replace(phase, mode="phased", changes=None, next=now + wait)
    return replace(phase, mode="searching", changes=changes, next=now + soon)


_CHANGES: Final = 2


class Measured(NamedTuple):
    """What one container used, or a node (no *container*): ``None`` is not known."""

    container: str
    cpu: int | None
    memory: int | None


class Reading(NamedTuple):
    """A sample of a pod or node, and whose it is.

    *uid* is the object's, ``?NAMESPACE/NAME`` where pods may not be read. *covered*
    judges it after the object's last one: a ``repeat`` is known, and ``back`` not to
    be kept. *pod* is ``None`` for a node, and where pods may not be read.
    """

    kind: Literal["pod", "node"]
    uid: str
    namespace: str
    name: str
    node: str
    at: int
    window: int
    covered: Covered
    values: tuple[Measured, ...]
    pod: Pod | None = None

    @property
    def fresh(self) -> bool:
        """Whether it is new, and to be kept."""
        return self.covered.kind not in {"repeat", "back"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRound:
    """One poll: what is known of pods and nodes, and a reading of each that has one.

    *date* is the server's clock (this machine's, if *own_clock*). *pods* and *nodes*
    are ``None`` where they may not be read. *changed* and *gone* are pods since the
    round before, *changed_nodes* and *gone_nodes* likewise. *fresh* and *repeated*
    count series (containers and nodes), *missed* the samples lost before fresh ones.
    *error* says in one line why samples could not be read; *failures* has the errors
    of each part. *clock_back* names nodes whose clock went back (``""``: all).
    *estimated*: the provider's windows overlap. *cadence*, *took* and the *durations*
    of each list are in seconds. *pod_samples* and *node_samples* are what the lists of
    samples had, *unreadable* what of each part could not be read.
    """

    date: datetime
    own_clock: bool = False
    took: float = 0.0
    cadence: float = DEFAULT_CADENCE
    pods: Mapping[Key, Pod] | None = None
    nodes: Mapping[str, Node] | None = None
    changed: Sequence[Pod] = ()
    gone: Sequence[Pod] = ()
    changed_nodes: Sequence[Node] = ()
    gone_nodes: Sequence[Node] = ()
    readings: Sequence[Reading] = ()
    pod_samples: Sequence[PodMetrics] = ()
    node_samples: Sequence[NodeMetrics] = ()
    unreadable: Mapping[str, Sequence[UnreadableItem]] = field(default_factory=empty)
    durations: Mapping[str, float] = field(default_factory=empty)
    fresh: int = 0
    repeated: int = 0
    missed: int = 0
    estimated: bool = False
    clock_back: Sequence[str] = ()
    failures: Mapping[str, KubeMetricsError]

    @property
    def at(self) -> int:
        """The server's time in whole seconds."""
        return int(self.date.timestamp())

    @property
    def error(self) -> str:
        """Why samples are not there, in one line; empty if they are."""
        return str(samples_error(self.failures) or "")

    @property
    def cause(self) -> str:
        """The same for the file: what to do next is of the present."""
        found = samples_error(self.failures)
        return "" if found is None else written_error(found)


def refused(error: KubeMetricsError) -> bool:
    """Whether asking again would be refused again."""
    return isinstance(error, ApiError) and error.status in _REFUSALS


def written_error(error: KubeMetricsError) -> str:
    """Return what a file keeps of an error; what decides a row's reason is in front."""
    if isinstance(error, MetricsUnavailable):
        return f"MetricsUnavailable ({error.cause}): {error.message}"
    if isinstance(error, Forbidden):
        return f"Forbidden: {error.message}"
    return error.message if isinstance(error, ApiError) else str(error)


def read_error(text: str) -> KubeMetricsError:
    """Return the error of which a file keeps this *text*."""
    name, _, message = text.partition(": ")
    if name in {"MetricsUnavailable (absent)", "MetricsUnavailable (down)"}:
        absent = "absent" in name
        return MetricsUnavailable(
            message,
            cause="absent" if absent else "down",
            status=HTTPStatus.NOT_FOUND if absent else HTTPStatus.SERVICE_UNAVAILABLE,
        )
    if name == "Forbidden":
        return Forbidden(message, status=HTTPStatus.FORBIDDEN)
    return HistoryError(text)


def samples_error(failures: Mapping[str, KubeMetricsError]) -> KubeMetricsError | None:
    """Return why samples could not be read; that nodes may not be is no reason."""
    pods, nodes = failures.get("pod_metrics"), failures.get("node_metrics")
    if nodes is not None and refused(nodes):
        nodes = None
    return pods or nodes


_REFUSALS: Final = frozenset({
    HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
})  # fmt: skip


class Judge:
    """Remembers the last sample of each object, and judges the next ones.

    *lasts* are the times of those that a file holds already, by uid.
    """

    def __init__(self, lasts: Mapping[str, int] | None = None) -> None:
        self._lasts = dict(lasts or {})
        self._before: dict[Key, Pod] = {}
        self._back: frozenset[str] = frozenset()
        self._strangers: set[Key] = set()

    def readings(
        self,
        pods: Mapping[Key, Pod] | None,
        nodes: Mapping[str, Node] | None,
        samples: Iterable[PodMetrics],
        of_nodes: Iterable[NodeMetrics],
    ) -> list[Reading]:
        """Return the readings of samples; those of none that is known are left out.

        *pods* and *nodes* are ``None`` where they may not be read: names are all then.
        """
        found = [*self._of_pods(pods, samples), *self._of_nodes(nodes, of_nodes)]
        for reading in found:
            if reading.fresh:
                self._lasts[reading.uid] = reading.at
        return found

    def puzzled(
        self, pods: Mapping[Key, Pod] | None, samples: Iterable[PodMetrics]
    ) -> bool:
        """Whether a sample is of no pod that is known, or may be of another one.

        Where a pod was replaced by one of its name there is a gap between samples.
        """
        if pods is None:
            return False
        strangers = {sample.key for sample in samples if self._strange(pods, sample)}
        new, self._strangers = strangers - self._strangers, strangers
        return bool(new)

    def _strange(self, pods: Mapping[Key, Pod], sample: PodMetrics) -> bool:
        pod = pods.get(sample.key)
        if pod is None or sample.timestamp is None:
            return pod is None
        last = self._lasts.get(pod.uid)
        at, window = seconds(sample.timestamp), milliseconds(sample.window)
        return last is not None and cover(at, window, last).kind == "gap"

    def ended(self, gone: Iterable[Pod]) -> None:
        """Hear of pods that are gone; what is sampled late is still theirs."""
        for pod in gone:
            earlier = self._before.get(pod.key)
            if earlier is not None and earlier.uid != pod.uid:
                self._lasts.pop(earlier.uid, None)
            self._before[pod.key] = pod

    def newly_back(self, readings: Sequence[Reading]) -> tuple[str, ...]:
        """Return the nodes whose clock is newly found set back; ``""`` is all of them.

        It is, where most of what has a sample of a node is dated before its last one.
        """
        every = Counter(reading.node for reading in readings)
        back = Counter(r.node for r in readings if r.covered.kind == "back")
        found = frozenset(n for n, count in back.items() if 2 * count > every[n])
        if 2 * sum(back.values()) > sum(every.values()):
            found = frozenset({""})
        new, self._back = found - self._back, found
        return tuple(sorted(new))

    def _of_pods(
        self, pods: Mapping[Key, Pod] | None, samples: Iterable[PodMetrics]
    ) -> Iterator[Reading]:
        known, none = pods or {}, pods is None
        before, lasts, second = self._before, self._lasts, _Seconds()
        for sample in samples:
            if sample.timestamp is None:
                continue
            key = sample.namespace, sample.name
            at, window = second[sample.timestamp], milliseconds(sample.window)
            pod = known.get(key)
            if key in before and not none:
                pod = _owner(pod, before[key], at, window)
            if pod is None and not none:
                continue
            uid = (pod and pod.uid) or "?{}/{}".format(*key)
            last = lasts.get(uid)
            born = None
            if last is None and pod is not None and pod.start_time is not None:
                born = seconds(pod.start_time)
            yield Reading(
                "pod",
                uid,
                *key,
                pod.node_name if pod else "",
                at,
                window,
                cover(at, window, last, born),
                _values(sample),
                pod,
            )

    def _of_nodes(
        self, nodes: Mapping[str, Node] | None, samples: Iterable[NodeMetrics]
    ) -> Iterator[Reading]:
        for sample in samples:
            if sample.timestamp is None:
                continue
            at, window = seconds(sample.timestamp), milliseconds(sample.window)
            node = None if nodes is None else nodes.get(sample.name)
            if nodes is not None and node is None:
                continue
            uid = (node and node.uid) or f"?{sample.name}"
            yield Reading(
                "node",
                uid,
                "",
                sample.name,
                sample.name,
                at,
                window,
                cover(at, window, self._lasts.get(uid)),
                (_measured("", sample.usage),),
            )


def counted(readings: Iterable[Reading], cadence: float) -> tuple[int, int, int]:
    """Return how many series are fresh and repeated, and how many samples were lost."""
    fresh = repeated = missed = 0
    for reading in readings:
        count = len(reading.values)
        if reading.fresh:
            fresh += count
        else:
            repeated += count
        if reading.covered.kind == "gap":
            missed += count * max(1, round(reading.covered.gap / (1000 * cadence)))
    return fresh, repeated, missed


def seen(readings: Sequence[Reading], *, failed: bool) -> Seen:
    """Return what a `Phase` wants to know of a round."""
    kinds = Counter(reading.covered.kind for reading in readings)
    windows = sorted(r.window for r in readings if r.fresh and r.window > 0)
    window = windows[(len(windows) - 1) // 2] / 1000 if windows else None
    fresh = kinds["first"] + kinds["contiguous"] + kinds["gap"] + kinds["overlap"]
    return Seen(
        fresh=fresh,
        repeated=kinds["repeat"],
        gaps=kinds["gap"],
        overlaps=kinds["overlap"],
        window=window,
        failed=failed,
    )


def seconds(moment: datetime) -> int:
    """Return whole seconds since the epoch, as the API says moments."""
    return int(moment.timestamp() // 1)


def milliseconds(window: timedelta | None) -> int:
    """Return a window in milliseconds; 0 for one that is not stated."""
    if window is None or window.days < 0:
        return 0
    return (window.days * 86_400 + window.seconds) * 1000 + window.microseconds // 1000


_MOST_CPU: Final = 10**15
_MOST_MEMORY: Final = 2**50
"""Bytes; times an hour it still is an integer of 64 bits, as is the CPU."""
_NANO: Final = 10**9


class _Seconds(dict[datetime, int]):
    """Whole seconds of each moment: a round has few, and thousands of samples."""

    def __missing__(self, moment: datetime) -> int:
        found = self[moment] = seconds(moment)
        return found


def _owner(pod: Pod | None, earlier: Pod, at: int, window: int) -> Pod:
    """Return the pod that a sample is of: it has a name alone, and no uid.

    It is that of now or the *earlier* one of the same name.
    """
    if pod is None or pod.start_time is None:
        return pod or earlier
    return earlier if of_earlier(at, window, seconds(pod.start_time)) else pod


def _values(sample: PodMetrics) -> tuple[Measured, ...]:
    containers = sample.containers
    if len(containers) == 1:
        return (_measured(containers[0].name, containers[0].usage),)
    return tuple([_measured(*item) for item in sample.by_container.items()])


def _measured(container: str, usage: Quantities) -> Measured:
    """Read a usage; an impossible one is not known."""
    cpu, memory = usage.get(CPU), usage.get(MEMORY)
    return Measured(
        container,
        _plausible(None if cpu is None else cpu.nanos, _MOST_CPU),
        _plausible(None if memory is None else memory.nanos // _NANO, _MOST_MEMORY),
    )


def _plausible(amount: int | None, most: int) -> int | None:
    return amount if amount is not None and 0 <= amount < most else None
