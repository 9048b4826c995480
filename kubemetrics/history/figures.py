"""What a range of the past comes to: sums, means, percentiles, coverage; all exact.

A *trace* is one series in a range: its samples, each with the time that it covers, and
the rows of hours whose samples are gone. Figures of one trace are weighted by covered
time. Those of several are of their sum, step by step; of hours no such sum is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import chain, repeat
from typing import Final, Literal, NamedTuple, TypeAlias

from ..frozen import dataclass
from .histogram import bucket, merged, percentile_edge
from .integrate import percentiles
from .steps import (
    Cells,
    Columns,
    Grid,
    StepSums,
    before,
    by_step,
    columns,
    in_parts,
)

Amount: TypeAlias = Literal["cpu", "memory"]
Origin: TypeAlias = Literal["samples", "hours", ""]
TREND: Final = 24
"""Parts of a range that a sparkline shows."""
WHOLE: Final = Fraction(95, 100)
"""Coverage below which a sum is a lower bound."""


class CoveredSample(NamedTuple):
    """A sample, and the milliseconds before *at* that it covers."""

    at: int
    covered: int
    cpu: int | None
    memory: int | None


class Hour(NamedTuple):
    """An hour's row: nanoseconds of CPU, byte-seconds, and what stands beside them.

    *cpu_missing* and *memory_missing* are what of *covered* lacks that resource.
    """

    hour: int
    samples: int
    covered: int
    cpu: int | None
    cpu_max: int | None
    histogram: Mapping[int, int]
    memory: int | None
    memory_max: int | None
    memory_last: int | None
    cpu_missing: int = 0
    memory_missing: int = 0

    def measured(self, of: Amount) -> int:
        """Return the milliseconds in which a resource was measured."""
        if _hour(self, of) is None:
            return 0
        return self.covered - (self.cpu_missing if of == _CPU else self.memory_missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A series in a range: it lived from *since* to *until*, in seconds.

    *restarts* and *oom_kills* are those of its container in the range.
    """

    kind: str
    namespace: str
    name: str
    container: str
    node: str
    owner_kind: str
    owner: str
    template: str
    uid: str
    since: int
    until: int
    samples: tuple[CoveredSample, ...] = ()
    hours: tuple[Hour, ...] = ()
    restarts: int = 0
    oom_kills: int = 0

    @property
    def lifetime(self) -> int:
        """Milliseconds of the range in which it was there."""
        return max(self.until - self.since, 0) * 1000

    @property
    def covered(self) -> int:
        """Milliseconds in which both resources were measured, or less of one."""
        return min(self.measured(of) for of in (_CPU, _MEMORY))

    def measured(self, of: Amount) -> int:
        """Return the milliseconds in which a resource was: a sample may lack one."""
        samples = (s.covered for s in self.samples if value_of(s, of) is not None)
        return sum(samples) + _measured_in_hours(self.hours, of)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceFigures:
    """CPU in nanocores, or memory in bytes; ``None`` is what is not known.

    *integral* is the exact sum of amounts times seconds.
    """

    integral: Fraction
    average: Fraction | None = None
    p50: int | None = None
    p95: int | None = None
    p99: int | None = None
    most: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one trace, or of the sum of several.

    *coverage* is the share of their lives that was measured. *trend* has the mean of
    CPU in each of `TREND` parts, in nanocores. *percentiles* says what they are of.
    """

    series: int
    samples: int
    cpu: ResourceFigures
    memory: ResourceFigures
    coverage: Fraction | None
    restarts: int
    oom_kills: int
    trend: tuple[int | None, ...]
    percentiles: Origin

    @property
    def lower_bound(self) -> bool:
        """Whether so much was not measured that sums are too small."""
        return self.coverage is not None and self.coverage < WHOLE

    @property
    def core_seconds(self) -> Fraction:
        """CPU used, exactly."""
        return self.cpu.integral / 10**9


_CPU: Final[Amount] = "cpu"
_MEMORY: Final[Amount] = "memory"
_SHARES: Final = (Fraction(50, 100), Fraction(95, 100), Fraction(99, 100))


def value_of(sample: CoveredSample, of: Amount) -> int | None:
    """Return nanocores or bytes."""
    return sample.cpu if of == _CPU else sample.memory


def amount_seconds(trace: Trace, of: Amount) -> Fraction:
    """Return nanocores or bytes times seconds."""
    total = sum(s.covered * (value_of(s, of) or 0) for s in trace.samples)
    return Fraction(total, 1000) + _in_hours(trace.hours, of)


def _hour(hour: Hour, of: Amount) -> int | None:
    return hour.cpu if of == _CPU else hour.memory


def _in_hours(hours: Iterable[Hour], of: Amount) -> int:
    return sum(_hour(hour, of) or 0 for hour in hours)


def _measured_in_hours(hours: Iterable[Hour], of: Amount) -> int:
    return sum(hour.measured(of) for hour in hours)


def figures(traces: Sequence[Trace], since: int, until: int, step: int) -> Figures:
    """Return the figures of the sum of *traces* in a range, by so many seconds a step.

    One trace alone needs no step: its samples are weighted by what they cover.
    """
    series = ((trace, columns(trace.samples)) for trace in traces)
    return figures_of(series, len(traces), (since, until, step))


def figures_of(
    series: Iterable[tuple[Trace, Columns]], count: int, grid: Grid
) -> Figures:
    """Return the figures of *count* series, of which no more than one is kept.

    Each is a trace and its samples, which are not looked for in the trace.
    """
    total = _Total(count, grid)
    for trace, samples in series:
        total.add(trace, samples)
    return total.figures()


class _Total:
    """What *count* series come to, added one by one."""

    def __init__(self, count: int, grid: Grid) -> None:
        self._count = count
        self._grid = grid
        self._lifetime = self._covered = self._samples = 0
        self._restarts = self._oom_kills = 0
        self._sums: dict[Amount, _Sum] = {_CPU: _Sum(count), _MEMORY: _Sum(count)}
        self._trend = _Trend(count, grid)
        self._of_hours = False
        self._lasts: list[int | None] = []
        self._begin, self._newest = grid[0] * 1000, (0, 0)
        self._alone: tuple[Trace, Columns] | None = None

    def add(self, trace: Trace, samples: Columns) -> None:
        self._lifetime += trace.lifetime
        self._samples += len(samples.ats) + sum(h.samples for h in trace.hours)
        self._restarts += trace.restarts
        self._oom_kills += trace.oom_kills
        self._of_hours = self._of_hours or bool(trace.hours)
        if samples.ats:
            first, length = samples.ats[0] * 1000, samples.covered[0]
            self._begin = min(self._begin, first - length)
            self._newest = max(self._newest, (samples.ats[-1], samples.covered[-1]))
            if trace.until >= self._grid[1]:
                self._lasts.append(samples.memory[-1])
        if self._count == 1:
            self._alone = trace, samples
        self._add_amounts(samples, trace)

    def _add_amounts(self, samples: Columns, trace: Trace) -> None:
        since, until, step = self._grid
        hours = trace.hours
        whole = inside = by_step(samples, since, step)
        if samples.ats and samples.ats[-1] > until:
            samples = before(samples, until)
            inside = by_step(samples, since, step)
        of_each: list[int] = []
        for (of, total), cut, found in zip(
            self._sums.items(), whole, inside, strict=True
        ):
            covered = sum(sum(part.covered) for part in cut)
            of_each.append(covered + _measured_in_hours(hours, of))
            total.integral += sum(sum(part.amounts) for part in cut)
            total.integral += 1000 * _in_hours(hours, of)
            for part in found if self._count > 1 else ():
                total.steps.add(*_of_life(part, trace, self._grid))
        self._covered += min(of_each)
        self._trend.add(inside[0], samples, trace)

    def figures(self) -> Figures:
        life, alone = self._lifetime, self._alone
        origin: Origin = "samples" if not self._of_hours else "hours" if alone else ""
        return Figures(
            series=self._count,
            samples=self._samples,
            cpu=_single(*alone, _CPU) if alone else self._summed(_CPU),
            memory=_single(*alone, _MEMORY) if alone else self._summed(_MEMORY),
            coverage=min(Fraction(self._covered, life), Fraction(1)) if life else None,
            restarts=self._restarts,
            oom_kills=self._oom_kills,
            trend=self._trend.means(),
            percentiles=origin,
        )

    def _length(self) -> int:
        """Return the milliseconds from the first window's beginning to the last's end.

        A window belongs to the range in which it ends. What was not measured counts.
        """
        until = self._grid[1] * 1000
        at, covered = self._newest
        end = at * 1000 if at * 1000 + covered >= until else until
        return end - self._begin

    def _summed(self, of: Amount) -> ResourceFigures:
        total, length = self._sums[of], self._length()
        known = [value for value in self._lasts if value is not None]
        whole = bool(known) and len(known) == len(self._lasts)
        values = [] if self._of_hours else [value for _, value in total.steps.values()]
        p50, p95, p99 = percentiles(zip(values, repeat(1)), _SHARES)
        return ResourceFigures(
            integral=Fraction(total.integral, 1000),
            average=Fraction(total.integral, length) if length > 0 else None,
            p50=p50,
            p95=p95,
            p99=p99,
            most=max(values, default=None),
            last=sum(known) if whole and of == _MEMORY else None,
        )


def _of_life(cells: Cells, trace: Trace, grid: Grid) -> Cells:
    """Cut the mean of a step in which a series began or ended to the time it lived.

    Else two pods, of which one came when the other went, would count as both at once.
    What was seen at the beginning of the range is taken to have been there before.
    """
    since, until, step = grid
    begin, end = trace.since - since, trace.until - since
    begin = begin if begin > _BEGINNING else 0
    edges = {begin // step} if begin else set[int]()
    if trace.until < until:
        edges.add(end // step)
    if not edges:
        return cells
    amounts = [*cells.amounts]
    for edge in edges:
        index = edge - cells.first
        first, last = edge * step, min((edge + 1) * step, until - since)
        lived = min(end, last) - max(begin, first)
        if 0 <= index < len(amounts):
            # Up: of a mean it is far behind the point, and sums are rounded down.
            amounts[index] = -(-amounts[index] * max(lived, 0) // (last - first))
    return cells._replace(amounts=amounts)


_BEGINNING: Final = 120
"""Seconds: the first round of a record may see what has been there for long."""


class _Sum:
    """Amounts times milliseconds, and the sum in each step."""

    def __init__(self, count: int) -> None:
        self.integral = 0
        self.steps = StepSums(count)


def _single(trace: Trace, samples: Columns, of: Amount) -> ResourceFigures:
    column = samples.cpu if of == _CPU else samples.memory
    weighted = [
        (value, covered)
        for value, covered in zip(column, samples.covered, strict=True)
        if value is not None
    ]
    amount = sum(value * covered for value, covered in weighted)
    integral = Fraction(amount, 1000) + _in_hours(trace.hours, of)
    covered = sum(time for _, time in weighted) + _measured_in_hours(trace.hours, of)
    tops = [(h.cpu_max if of == _CPU else h.memory_max) for h in trace.hours]
    known = [value for value, _ in weighted] + [t for t in tops if t is not None]
    lasts = [*(h.memory_last for h in trace.hours), *samples.memory[-1:]]
    p50, p95, p99 = _percentiles(trace.hours, of, weighted)
    return ResourceFigures(
        integral=integral,
        average=integral * 1000 / covered if covered else None,
        p50=p50,
        p95=p95,
        p99=p99,
        most=max(known, default=None),
        last=lasts[-1] if lasts and of == _MEMORY else None,
    )


def _percentiles(
    hours: Sequence[Hour], of: Amount, weighted: list[tuple[int, int]]
) -> list[int | None]:
    """Return the percentiles: of samples, or of the buckets of hours where these go."""
    if not hours:
        return percentiles(weighted, _SHARES)
    if of == _MEMORY:
        return [None] * len(_SHARES)
    recent: dict[int, int] = {}
    for value, covered in weighted:
        recent[bucket(value)] = recent.get(bucket(value), 0) + covered
    histogram = merged([*(h.histogram for h in hours), recent])
    return [percentile_edge(histogram, share) for share in _SHARES]


def steps(traces: Iterable[Trace], of: Amount, grid: Grid) -> list[tuple[int, int]]:
    """Return the sum of *traces* in each step in which something was measured.

    Of each the mean over what it covers of the step counts. The grid is the range and
    the length of a step, in seconds; a step has the time at which it begins.
    """
    since, until, step = grid
    found = [columns(trace.samples) for trace in traces]
    total = StepSums(len(found))
    for samples in found:
        for part in by_step(before(samples, until), since, step)[of == _MEMORY]:
            total.add(*part)
    return [(since + index * step, value) for index, value in total.values()]


class _Trend:
    """The means of CPU in each part of a range."""

    def __init__(self, count: int, grid: Grid) -> None:
        self._since, until, self._step = grid
        self._part = max(-(-(until - self._since) // TREND), 1)
        self._grid = (self._since, until, self._part)
        self._alone = count == 1
        self._sums = StepSums(count)

    def add(self, by_step_: Iterable[Cells], samples: Columns, trace: Trace) -> None:
        """Add a series, of which the steps are known; an hour is where it begins.

        The first one may begin before the range.
        """
        size, rest = divmod(self._part, self._step)
        if rest:
            size = 1
            by_step_ = by_step(samples, self._since, self._part)[0]
        parts = in_parts(by_step_, size)
        for hour in trace.hours:
            if hour.cpu is not None and (covered := hour.measured(_CPU)):
                index = max(hour.hour - self._since, 0) // self._part
                before_, amount = parts.get(index, (0, 0))
                parts[index] = before_ + covered, amount + hour.cpu * 1000
        row = [parts.get(index, (0, 0)) for index in range(TREND)]
        cells = Cells(0, [covered for covered, _ in row], [a for _, a in row])
        self._sums.add(*(cells if self._alone else _of_life(cells, trace, self._grid)))

    def means(self) -> tuple[int | None, ...]:
        known = dict(self._sums.values())
        return tuple(known.get(index) for index in range(TREND))


_BARS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int | None]) -> str:
    """Draw values from nothing to the largest; a blank is what was not measured."""
    most = max(chain((0,), (v for v in values if v is not None)))
    top = len(_BARS) - 1
    return "".join(
        "·" if value is None else _BARS[value * top // most if most else 0]
        for value in values
    )
