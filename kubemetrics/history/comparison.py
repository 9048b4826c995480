"""A workload before and after: what a pod of it used, and how far its pods differ.

The amounts are of one pod: the sum of its containers at each of its samples. No
significance is claimed: the range of the pods' own means before stands beside a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from fractions import Fraction
from itertools import chain
from typing import Final

from ..frozen import dataclass
from .figures import Amount, Trace, amount_seconds, value_of
from .histogram import bucket, merged, percentile_edge
from .integrate import percentile

ENOUGH: Final = 20
"""Samples that a template needs to be compared."""
_P95: Final = Fraction(95, 100)
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class PodFigures:
    """Nanocores or bytes of a pod: the mean, and the range of the pods' own means.

    *most* is the largest sample. ``None`` is what is not known.
    """

    mean: Fraction | None
    lowest_pod: Fraction | None
    highest_pod: Fraction | None
    p95: int | None
    most: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadPeriod:
    """A workload from *since* to *until*, in seconds.

    *replicas* is how many pods there were for most of the time, *pods* how many ever;
    *measured* of these have samples.
    """

    template: str
    since: int
    until: int
    replicas: int
    pods: int
    measured: int
    samples: int
    coverage: Fraction | None
    cpu: PodFigures
    memory: PodFigures
    restarts: int
    oom_kills: int


@dataclass(frozen=True, slots=True)
class _Pod:
    """One pod, and its containers in a range."""

    traces: tuple[Trace, ...]

    @property
    def template(self) -> str:
        return self.traces[0].template

    @property
    def since(self) -> int:
        return min(trace.since for trace in self.traces)

    @property
    def until(self) -> int:
        """Its last sample: that it is gone is seen later, when another is there."""
        return max(map(_last, self.traces))

    def measured(self, of: Amount) -> int:
        """Milliseconds: containers are sampled together, but not all live as long."""
        return max(trace.measured(of) for trace in self.traces)

    @property
    def samples(self) -> int:
        return max(
            len(trace.samples) + sum(hour.samples for hour in trace.hours)
            for trace in self.traces
        )

    @property
    def of_hours(self) -> bool:
        return any(trace.hours for trace in self.traces)

    def amount(self, of: Amount) -> Fraction:
        """Return the sum of amounts times seconds."""
        return sum((amount_seconds(trace, of) for trace in self.traces), Fraction())

    def values(self, of: Amount) -> list[tuple[int, int]]:
        """Return what it used at each of its samples, and the time this covers."""
        found: dict[int, tuple[int, int]] = {}
        for sample in chain.from_iterable(trace.samples for trace in self.traces):
            value = value_of(sample, of)
            if value is not None:
                amount, covered = found.get(sample.at, (0, 0))
                found[sample.at] = amount + value, max(covered, sample.covered)
        return list(found.values())


def _last(trace: Trace) -> int:
    if trace.samples:
        return trace.samples[-1].at
    if trace.hours:
        return min(trace.hours[-1].hour + _HOUR, trace.until)
    return trace.until


def _pods(traces: Iterable[Trace]) -> list[_Pod]:
    """Return the pods, in the order in which they began."""
    found: dict[tuple[str, str], list[Trace]] = {}
    for trace in traces:
        found.setdefault((trace.name, trace.uid), []).append(trace)
    return sorted((_Pod(tuple(p)) for p in found.values()), key=lambda pod: pod.since)


def period(traces: Sequence[Trace], since: int, until: int) -> WorkloadPeriod:
    """Return the figures of a workload's series in a range."""
    pods = _pods(traces)
    templates = {pod.template for pod in pods}
    lifetime = sum(trace.lifetime for trace in traces)
    covered = sum(trace.covered for trace in traces)
    return WorkloadPeriod(
        template=templates.pop() if len(templates) == 1 else "",
        since=since,
        until=until,
        replicas=_replicas(pods),
        pods=len(pods),
        measured=sum(pod.samples > 0 for pod in pods),
        samples=sum(pod.samples for pod in pods),
        coverage=min(Fraction(covered, lifetime), Fraction(1)) if lifetime else None,
        cpu=_figures(pods, "cpu"),
        memory=_figures(pods, "memory"),
        restarts=sum(trace.restarts for trace in traces),
        oom_kills=sum(trace.oom_kills for trace in traces),
    )


def _replicas(pods: Sequence[_Pod]) -> int:
    """Return how many pods there were for most of the time: a surge is brief."""
    changes = sorted(
        change for pod in pods for change in ((pod.since, 1), (pod.until, -1))
    )
    lasted: dict[int, int] = {}
    count, before = 0, 0
    for at, change in changes:
        lasted[count] = lasted.get(count, 0) + (at - before if count else 0)
        count, before = count + change, at
    return max(lasted, key=lambda count: (lasted[count], count), default=0)


def _figures(pods: Sequence[_Pod], of: Amount) -> PodFigures:
    known = [pod for pod in pods if pod.measured(of)]
    means = [pod.amount(of) * 1000 / pod.measured(of) for pod in known]
    total = sum((pod.amount(of) for pod in known), Fraction())
    covered = sum(pod.measured(of) for pod in known)
    return PodFigures(
        mean=total * 1000 / covered if covered else None,
        lowest_pod=min(means, default=None),
        highest_pod=max(means, default=None),
        p95=_percentile(known, of),
        most=_most(known, of),
    )


def _summed_hours(pods: Iterable[_Pod]) -> bool:
    """Whether there are hours of several containers: their sum's parts are unknown."""
    return any(pod.of_hours and len(pod.traces) > 1 for pod in pods)


def _percentile(pods: Sequence[_Pod], of: Amount) -> int | None:
    values = [value for pod in pods for value in pod.values(of)]
    if not any(pod.of_hours for pod in pods):
        return percentile(values, _P95)
    if of == "memory" or _summed_hours(pods):
        return None
    recent = ({bucket(value): covered} for value, covered in values)
    hours = (h.histogram for pod in pods for t in pod.traces for h in t.hours)
    return percentile_edge(merged((*hours, *recent)), _P95)


def _most(pods: Sequence[_Pod], of: Amount) -> int | None:
    if _summed_hours(pods):
        return None
    hours = (hour for pod in pods for trace in pod.traces for hour in trace.hours)
    tops = [hour.cpu_max if of == "cpu" else hour.memory_max for hour in hours]
    values = [value for pod in pods for value, _ in pod.values(of)]
    return max([*values, *(top for top in tops if top is not None)], default=None)


def last_templates(
    traces: Sequence[Trace],
) -> tuple[WorkloadPeriod, WorkloadPeriod] | None:
    """Return the last two templates with `ENOUGH` samples each, if there are two.

    A template to which a workload was rolled back is compared by its new pods alone.
    """
    long = [g for g in _generations(_pods(traces)) if _samples(g) >= ENOUGH]
    chosen = _joined(long)[-2:]
    if len(chosen) < 2:  # noqa: PLR2004 - before and after
        return None
    before, after = map(_whole, chosen)
    return before, after


def _samples(pods: Iterable[_Pod]) -> int:
    return sum(pod.samples for pod in pods)


def _whole(pods: Sequence[_Pod]) -> WorkloadPeriod:
    traces = [trace for pod in pods for trace in pod.traces]
    since = min(pod.since for pod in pods)
    return period(traces, since, max(pod.until for pod in pods))


def _generations(pods: Iterable[_Pod]) -> list[list[_Pod]]:
    """Group pods by template, in the order of their beginning.

    A template that was gone while another one came is a new generation; one pod
    that is replaced in the middle of a rollout is not.
    """
    found: list[list[_Pod]] = []
    latest: dict[str, list[_Pod]] = {}
    for pod in pods:
        if not pod.template:
            continue
        last = latest.get(pod.template)
        if last is None or (
            last is not found[-1] and max(p.until for p in last) <= pod.since
        ):
            last = latest[pod.template] = []
            found.append(last)
        last.append(pod)
    return found


def _joined(generations: Iterable[list[_Pod]]) -> list[list[_Pod]]:
    """Join neighbours of one template: what was between was too brief to count."""
    found: list[list[_Pod]] = []
    for pods in generations:
        if found and found[-1][0].template == pods[0].template:
            found[-1].extend(pods)
        else:
            found.append([*pods])
    return found


def change(before: Fraction | int | None, after: Fraction | int | None) -> (
    Fraction | None
):  # fmt: skip
    """Return by which share of *before* it is more, or less, *after*."""
    return None if not before or after is None else Fraction(after) / before - 1


def within(before: PodFigures, pods: int, after: PodFigures) -> bool | None:
    """Whether the mean *after* lies in the range of the *pods* before.

    One pod alone has no range.
    """
    low, high, mean = before.lowest_pod, before.highest_pod, after.mean
    if low is None or high is None or mean is None or pods == 1:
        return None
    return low <= mean <= high


_NIGHT: Final = timedelta(hours=6)
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


def lacking(since: datetime, until: datetime) -> tuple[str, ...]:
    """Return what usage often depends on and a period has not, by its clock.

    A night is from 0:00 to 6:00, and of a weekend one day is enough.
    """
    days = [
        datetime.combine(since.date(), time()) + index * _DAY
        for index in range((until.date() - since.date()).days + 1)
    ]
    begin, end = since.replace(tzinfo=None), until.replace(tzinfo=None)
    whole = [day for day in days if begin <= day]
    night = any(day + _NIGHT <= end for day in whole)
    weekend = any(d + _DAY <= end and d.weekday() >= _SATURDAY for d in whole)
    missing = (("night", night), ("weekend", weekend))
    return tuple(name for name, there in missing if not there)
