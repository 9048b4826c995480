"""Usage as a function of time whose integral is exact.

Times are whole milliseconds; a curve of CPU is in nanocores, one of memory in bytes.
Integers throughout: a ledger that rounds could not judge who claims to be exact.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

_SECOND = 1000
_DAY = 24 * 3600 * _SECOND


class Curve(Protocol):
    """A value at every moment; *born* is when what uses began to."""

    def at(self, moment: int, born: int) -> int: ...

    def until(self, moment: int, born: int) -> int:
        """Return the integral up to *moment*; of two, the difference counts."""
        ...

    def reaches(self, value: int, born: int) -> int | None:
        """Return the first moment at which it is *value*, if it grows so far."""
        ...


@dataclass(frozen=True, slots=True)
class Flat:
    """The same at all times."""

    value: int

    def at(self, moment: int, born: int) -> int:  # noqa: ARG002 - a curve's
        return self.value

    def until(self, moment: int, born: int) -> int:
        return self.value * (moment - born)

    def reaches(self, value: int, born: int) -> int | None:
        return born if self.value >= value else None


@dataclass(frozen=True, slots=True)
class Steps:
    """Values held for *each* milliseconds, one after the other, again and again."""

    values: Sequence[int]
    each: int
    _sums: Sequence[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sums = itertools.accumulate((v * self.each for v in self.values), initial=0)
        object.__setattr__(self, "_sums", tuple(sums))

    def at(self, moment: int, born: int) -> int:  # noqa: ARG002 - a curve's
        return self.values[moment // self.each % len(self.values)]

    def until(self, moment: int, born: int) -> int:  # noqa: ARG002 - a curve's
        cycles, rest = divmod(moment, self.each * len(self.values))
        step, part = divmod(rest, self.each)
        return cycles * self._sums[-1] + self._sums[step] + self.values[step] * part

    def reaches(self, value: int, born: int) -> int | None:
        """Look through one cycle."""
        first = born // self.each
        for step in range(first, first + len(self.values)):
            if self.values[step % len(self.values)] >= value:
                return max(born, step * self.each)
        return None


@dataclass(frozen=True, slots=True)
class Ramp:
    """*start* at birth, and so much more each whole second: a leak."""

    start: int
    each_second: int

    def at(self, moment: int, born: int) -> int:
        return self.start + self.each_second * ((moment - born) // _SECOND)

    def until(self, moment: int, born: int) -> int:
        seconds, part = divmod(moment - born, _SECOND)
        whole = self.start * seconds + self.each_second * seconds * (seconds - 1) // 2
        return whole * _SECOND + self.at(moment, born) * part

    def reaches(self, value: int, born: int) -> int | None:
        if self.each_second <= 0:
            return born if self.start >= value else None
        return born + max(0, -(-(value - self.start) // self.each_second)) * _SECOND


def bursts(low: int, high: int, *, every: int, busy: int) -> Steps:
    """Return *high* for the first *busy* of *every* so many seconds, else *low*."""
    return Steps((high,) * busy + (low,) * (every - busy), _SECOND)


def daily(night: int, noon: int) -> Steps:
    """Return a day in quarters of an hour, from *night* at 0:00 to *noon* and back."""
    quarters = _DAY // (900 * _SECOND)
    half = quarters // 2
    heights = (half - abs(half - quarter) for quarter in range(quarters))
    return Steps(
        tuple(night + (noon - night) * height // half for height in heights),
        900 * _SECOND,
    )


def restless(low: int, high: int, *, seed: int) -> Steps:
    """Return values anywhere in between, each for 1.7 s: no window holds whole ones."""
    draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return Steps(tuple(draw.randint(low, high) for _ in range(1009)), 1700)


def span(curve: Curve, start: int, end: int, born: int) -> int:
    """Return the integral from *start* to *end*."""
    return curve.until(end, born) - curve.until(start, born)
