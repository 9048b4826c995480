"""From samples to covered time and exact sums, in integers alone.

A sample says how much CPU was used over ``[at - window, at]`` and how much memory at
*at*. Its *at* has whole seconds and its *window* milliseconds, so that time is added up
from windows: those of a provider that misses nothing join to within a second.

Units: seconds since the epoch, milliseconds, nanocores, bytes; sums are nanocores and
bytes times milliseconds. The CPU of a sample is the whole part of the nanoseconds used
by the window (metrics-server, pkg/storage/types.go), so that a sum is exact to less
than a nanocore times the covered time: 86.4 microseconds of CPU a day.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Final, Literal, NamedTuple, TypeAlias

TOLERANCE: Final = 1000
"""Milliseconds by which windows may seem to overlap, or not to meet: *at* is cut."""

BACK: Final = 60
"""Seconds; what is dated before the last sample by more shows a clock set back."""

START: Final = 60_000
"""Milliseconds of a container's life that count as its start."""

CoverKind: TypeAlias = Literal[
    "first", "contiguous", "overlap", "gap", "repeat", "back"
]


class Sample(NamedTuple):
    """CPU in nanocores over *window* milliseconds and bytes of memory, at *at*."""

    at: int
    window: int
    cpu: int | None
    memory: int | None


class Covered(NamedTuple):
    """What one sample adds: the time it *covered*, and the *gap* before its window.

    *rounding* is by how much windows that meet differ from the times between samples:
    ``covered + gap + rounding`` is the time since the sample before, or since birth.
    *kind*: a ``repeat`` and one dated ``back`` add nothing; an ``overlap`` covers no
    more than the time since the last sample, and is an estimate.
    """

    kind: CoverKind
    covered: int = 0
    gap: int = 0
    rounding: int = 0


_REPEAT: Final = Covered("repeat")
_BACK: Final = Covered("back")


def cover(at: int, window: int, last: int | None, born: int | None = None) -> Covered:
    """Judge a sample after the one of *last*, of a series *born* then, as far as known.

    *born* is used where there is no last one: time before it is nobody's.
    """
    if last is None:
        if born is None:
            return Covered("first", max(window, 0))
        return _after(at, window, born)._replace(kind="first")
    if at <= last:
        return _BACK if last - at > BACK else _REPEAT
    return _after(at, window, last)


def in_same_second(sample: Sample, last: Sample) -> bool:
    """Whether *sample* is of the same second as *last*, and yet another one.

    Both ended within that second: the window of the second one is shorter. What is
    given again is equal, and what another replica measured has a window of its cadence.
    """
    return sample.at == last.at and 0 < sample.window < TOLERANCE and sample != last


def _after(at: int, window: int, since: int) -> Covered:
    window = max(window, 0)  # one that is not known covers nothing
    length = (at - since) * 1000
    ahead = length - window
    if abs(ahead) <= TOLERANCE:
        return Covered("contiguous", window, 0, ahead)
    if ahead > 0:
        return Covered("gap", window, ahead)
    covered = max(length, 0)
    return Covered("overlap", covered, 0, length - covered)


def of_earlier(at: int, window: int, started: int) -> bool:
    """Whether a sample is of what ran before that which *started* then.

    One window over both is whose time most of it is: providers that answer with the
    rate of the last minutes have them.
    """
    before = started * 1000 - TOLERANCE - (at * 1000 - window)
    return before > 0 and 2 * before > window


def in_start(at: int, covered: int, started: int | None) -> bool:
    """Whether the covered time began in the first minute of what *started* then."""
    if started is None:
        return False
    began = at * 1000 - covered - started * 1000
    return -TOLERANCE <= began < START


class Integral(NamedTuple):
    """The exact sums of a series: *cpu* and *memory* times milliseconds.

    *covered*, *gap* and *rounding* are those of its steps, *last* is its last sample's
    time, *estimated* counts the windows that overlapped; *cpu_missing* and
    *memory_missing* are what of *covered* lacks that resource.
    """

    samples: int = 0
    covered: int = 0
    gap: int = 0
    rounding: int = 0
    cpu: int = 0
    memory: int = 0
    estimated: int = 0
    last: int | None = None
    cpu_missing: int = 0
    memory_missing: int = 0

    @property
    def coverage(self) -> Fraction | None:
        """The share of the time that was measured; of no time at all ``None``."""
        whole = self.covered + self.gap
        return Fraction(self.covered, whole) if whole else None

    def until(self, end: int) -> Integral:
        """Return it with the gap from the last sample to *end*, if there is one."""
        if self.last is None:
            return self
        rest = (end - self.last) * 1000
        if rest <= TOLERANCE:
            return self._replace(rounding=self.rounding + max(rest, 0))
        return self._replace(gap=self.gap + rest)


NOTHING: Final = Integral()


def added(total: Integral, sample: Sample, born: int | None = None) -> Integral:
    """Return the sums with one more sample; one that is known adds nothing."""
    found = cover(sample.at, sample.window, total.last, born)
    if found.kind in {"repeat", "back"}:
        return total
    return Integral(
        total.samples + 1,
        total.covered + found.covered,
        total.gap + found.gap,
        total.rounding + found.rounding,
        total.cpu + (sample.cpu or 0) * found.covered,
        total.memory + (sample.memory or 0) * found.covered,
        total.estimated + (found.kind == "overlap"),
        sample.at,
        total.cpu_missing + (found.covered if sample.cpu is None else 0),
        total.memory_missing + (found.covered if sample.memory is None else 0),
    )


def integrate(
    samples: Iterable[Sample], *, born: int | None = None, last: int | None = None
) -> Integral:
    """Return the sums of samples in their order; *last* is the one before them."""
    total = Integral(last=last)
    for sample in samples:
        total = added(total, sample, born)
    return total


def percentile(weighted: Iterable[tuple[int, int]], share: Fraction) -> int | None:
    """Return the least value that, with all below it, has *share* of the weight.

    It is one of the values given, with their weights; of none at all it is ``None``.
    """
    return percentiles(weighted, (share,))[0]


def percentiles(
    weighted: Iterable[tuple[int, int]], shares: Sequence[Fraction]
) -> list[int | None]:
    """Return several percentiles of the same values, which are sorted once."""
    ordered = sorted(weighted)
    running = list(accumulate(weight for _, weight in ordered))
    if not running or not running[-1]:
        return [None] * len(shares)
    wanted = (-(-running[-1] * s.numerator // s.denominator) for s in shares)
    return [ordered[bisect_left(running, max(each, 1))][0] for each in wanted]


def seconds_of_cpu(nanocores_ms: int) -> Fraction:
    """Return CPU seconds of a sum of nanocores times milliseconds, exactly."""
    return Fraction(nanocores_ms, 10**12)


def nanoseconds_of_cpu(nanocores_ms: int) -> int:
    """Return whole nanoseconds of CPU, rounded down: what an hour's row keeps."""
    return nanocores_ms // 1000


def byte_seconds(bytes_ms: int) -> int:
    """Return whole byte-seconds, rounded down: what an hour's row keeps."""
    return bytes_ms // 1000
