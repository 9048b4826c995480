"""What a range of the past comes to: sums, means, percentiles, coverage; all exact.

A *trace* is one series in a range: its samples, each with the time that it covers, and
the rows of hours whose samples are gone. Figures of one trace are weighted by covered
time. Those of several are of their sum, step by step; of hours no such sum is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from typing import Final, Literal, NamedTuple, TypeAlias

from ..frozen import dataclass
from .histogram import bucket, merged, percentile_edge
from .integrate import percentile

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
    """An hour's row: nanoseconds of CPU, byte-seconds, and what stands beside them."""

    hour: int
    samples: int
    covered: int
    cpu: int | None
    cpu_max: int | None
    histogram: Mapping[int, int]
    memory: int | None
    memory_max: int | None
    memory_last: int | None


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
        hours = (h.covered for h in self.hours if _hour(h, of) is not None)
        return sum(samples) + sum(hours)


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


_P50, _P95, _P99 = Fraction(50, 100), Fraction(95, 100), Fraction(99, 100)


def figures(traces: Sequence[Trace], since: int, until: int, step: int) -> Figures:
    """Return the figures of the sum of *traces* in a range, by so many seconds a step.

    One trace alone needs no step: its samples are weighted by what they cover.
    """
    lifetime = sum(trace.lifetime for trace in traces)
    covered = sum(trace.covered for trace in traces)
    of_hours = any(trace.hours for trace in traces)
    grid, single = (since, until, step), len(traces) == 1
    resources: Sequence[Amount] = (_CPU, _MEMORY)
    cpu, memory = (
        _single(traces[0], of) if single else _summed(traces, of, grid)
        for of in resources
    )
    origin: Origin = "samples" if not of_hours else "hours" if single else ""
    return Figures(
        series=len(traces),
        samples=sum(len(t.samples) + sum(h.samples for h in t.hours) for t in traces),
        cpu=cpu,
        memory=memory,
        coverage=min(Fraction(covered, lifetime), Fraction(1)) if lifetime else None,
        restarts=sum(trace.restarts for trace in traces),
        oom_kills=sum(trace.oom_kills for trace in traces),
        trend=trend(traces, since, until),
        percentiles=origin,
    )


_CPU: Final[Amount] = "cpu"
_MEMORY: Final[Amount] = "memory"


def value_of(sample: CoveredSample, of: Amount) -> int | None:
    """Return nanocores or bytes."""
    return sample.cpu if of == _CPU else sample.memory


def amount_seconds(trace: Trace, of: Amount) -> Fraction:
    """Return nanocores or bytes times seconds."""
    total = sum(s.covered * (value_of(s, of) or 0) for s in trace.samples)
    hours = sum(_hour(hour, of) or 0 for hour in trace.hours)
    return Fraction(total, 1000) + hours


def _hour(hour: Hour, of: Amount) -> int | None:
    return hour.cpu if of == _CPU else hour.memory


def _single(trace: Trace, of: Amount) -> ResourceFigures:
    weighted = [
        (value, sample.covered)
        for sample in trace.samples
        if (value := value_of(sample, of)) is not None
    ]
    tops = [(h.cpu_max if of == _CPU else h.memory_max) for h in trace.hours]
    known = [value for value, _ in weighted] + [t for t in tops if t is not None]
    integral, covered = amount_seconds(trace, of), trace.measured(of)
    lasts = [h.memory_last for h in trace.hours] + [s.memory for s in trace.samples]
    return ResourceFigures(
        integral=integral,
        average=integral * 1000 / covered if covered else None,
        **_percentiles(trace, of, weighted),
        most=max(known, default=None),
        last=lasts[-1] if lasts and of == _MEMORY else None,
    )


def _percentiles(
    trace: Trace, of: Amount, weighted: list[tuple[int, int]]
) -> dict[str, int | None]:
    """Return the percentiles: of samples, or of the buckets of hours where these go."""
    shares = {"p50": _P50, "p95": _P95, "p99": _P99}
    if not trace.hours:
        return {name: percentile(weighted, share) for name, share in shares.items()}
    if of == _MEMORY:
        return {}
    recent: dict[int, int] = {}
    for value, covered in weighted:
        recent[bucket(value)] = recent.get(bucket(value), 0) + covered
    histogram = merged([*(h.histogram for h in trace.hours), recent])
    return {name: percentile_edge(histogram, share) for name, share in shares.items()}


def _summed(
    traces: Sequence[Trace], of: Amount, grid: tuple[int, int, int]
) -> ResourceFigures:
    since, until, _ = grid
    integral = sum((amount_seconds(trace, of) for trace in traces), Fraction())
    length = until - since
    average = integral / length if length > 0 else None
    lasts = [t.samples[-1] for t in traces if t.samples and t.until >= until]
    known = [s.memory for s in lasts if s.memory is not None]
    whole = bool(known) and len(known) == len(lasts)
    last = sum(known) if whole and of == _MEMORY else None
    if any(trace.hours for trace in traces):
        return ResourceFigures(integral=integral, average=average, last=last)
    values = [value for _, value in steps(traces, of, grid)]
    weighted = [(value, 1) for value in values]
    return ResourceFigures(
        integral=integral,
        average=average,
        p50=percentile(weighted, _P50),
        p95=percentile(weighted, _P95),
        p99=percentile(weighted, _P99),
        most=max(values, default=None),
        last=last,
    )


def steps(
    traces: Iterable[Trace], of: Amount, grid: tuple[int, int, int]
) -> list[tuple[int, int]]:
    """Return the sum of *traces* in each step in which something was measured.

    Of each the mean over what it covers of the step counts. The grid is the range and
    the length of a step, in seconds; a step has the time at which it begins.
    """
    since, _, step = grid
    total = _summed_means(_shares(trace.samples, of, grid) for trace in traces)
    return [(since + index * step, value) for index, value in sorted(total.items())]


def _summed_means(series: Iterable[Mapping[int, tuple[int, int]]]) -> dict[int, int]:
    """Add up the means of several series, each given by amount and time, by step."""
    total: dict[int, int] = {}
    for shares in series:
        for index, (amount, covered) in shares.items():
            # Rounded up far behind the point: so many fractions have no small sum.
            part = -((-amount << _POINT) // covered)
            total[index] = total.get(index, 0) + part
    return {index: value >> _POINT for index, value in total.items()}


_POINT: Final = 64
"""Binary places of a mean while means are added up."""


def _shares(
    samples: Iterable[CoveredSample], of: Amount, grid: tuple[int, int, int]
) -> dict[int, tuple[int, int]]:
    """Return amount times milliseconds, and milliseconds, by step."""
    since, until, step = grid
    found: dict[int, tuple[int, int]] = {}
    for sample in samples:
        value = value_of(sample, of)
        if value is None:
            continue
        end = min(sample.at, until) * 1000 - since * 1000
        begin = max(sample.at * 1000 - sample.covered - since * 1000, 0)
        for index, part in _cut(begin, end, step * 1000):
            amount, covered = found.get(index, (0, 0))
            found[index] = amount + value * part, covered + part
    return found


def _cut(begin: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """Cut a stretch of time at the borders of steps."""
    while begin < end:
        index = begin // step
        border = min((index + 1) * step, end)
        yield index, border - begin
        begin = border


def trend(traces: Sequence[Trace], since: int, until: int) -> tuple[int | None, ...]:
    """Return the mean CPU of the sum in each part of the range, nanocores."""
    part = max(-(-(until - since) // TREND), 1)
    grid = (since, until, part)
    known = _summed_means(_parts(trace, grid) for trace in traces)
    return tuple(known.get(index) for index in range(TREND))


def _parts(trace: Trace, grid: tuple[int, int, int]) -> dict[int, tuple[int, int]]:
    """Return what `_shares` does of CPU, with hours in the part that they begin in."""
    since, _, part = grid
    found = _shares(trace.samples, _CPU, grid)
    for hour in trace.hours:
        if hour.cpu is not None and hour.covered:
            index = (hour.hour - since) // part
            amount, covered = found.get(index, (0, 0))
            found[index] = amount + hour.cpu * 1000, covered + hour.covered
    return found


_BARS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int | None]) -> str:
    """Draw values from nothing to the largest; a blank is what was not measured."""
    most = max(chain((0,), (v for v in values if v is not None)))
    top = len(_BARS) - 1
    return "".join(
        "·" if value is None else _BARS[value * top // most if most else 0]
        for value in values
    )
