"""The samples of many series added up step by step, by columns and in integers alone.

A day of 10,000 pods is tens of millions of samples: each field of a series is one
sequence, of a series no more is kept than its amounts in each step, and of a sum no
more than a number for each step in which something was measured.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress, islice, repeat
from typing import Any, Final, NamedTuple, TypeAlias, cast

Grid: TypeAlias = tuple[int, int, int]
"""From when to when, and the length of a step, in seconds."""


class Columns(NamedTuple):
    """The samples of a series in their order, a sequence for each field."""

    ats: Sequence[int] = ()
    covered: Sequence[int] = ()
    cpu: Sequence[int | None] = ()
    memory: Sequence[int | None] = ()


def columns(samples: Iterable[tuple[Any, ...]]) -> Columns:
    """Return samples by their fields."""
    fields = tuple(zip(*samples, strict=True))
    return Columns(*fields)


class Cells(NamedTuple):
    """What a series used in one step after another, from the *first* on.

    In each: the milliseconds that were *covered*, and amounts times milliseconds. Steps
    are counted from the beginning of the range; what lies before it is below 0.
    """

    first: int
    covered: list[int]
    amounts: list[int]


def by_step(samples: Columns, since: int, step: int) -> tuple[list[Cells], list[Cells]]:
    """Cut *samples* at the borders of steps: return those of CPU, and of memory."""
    if None not in samples.cpu and None not in samples.memory:
        found = list(_stretches(cast("_Known", samples), since, step))
        return [cpu for cpu, _ in found], [memory for _, memory in found]
    by_cpu, by_memory = (
        _stretches(_with(samples, values), since, step)
        for values in (samples.cpu, samples.memory)
    )
    return [cpu for cpu, _ in by_cpu], [memory for _, memory in by_memory]


_Known: TypeAlias = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]
"""The columns of samples of which none lacks anything."""


def _with(samples: Columns, values: Sequence[int | None]) -> _Known:
    """Return the samples that have *values*, which are a column of theirs."""
    has = [value is not None for value in values]
    ats, covered, cpu, memory = (tuple(compress(c, has)) for c in samples)
    return (
        cast("Sequence[int]", ats),
        cast("Sequence[int]", covered),
        [value or 0 for value in cpu],
        [value or 0 for value in memory],
    )


_SPARSE: Final = 8
"""Steps for each sample above which time without samples is left out."""
_SHORT: Final = 1000


def _stretches(samples: _Known, since: int, step: int) -> Iterator[tuple[Cells, Cells]]:
    """Cut a series, in pieces where most steps have no sample."""
    ats, covered, *_ = samples
    count, begin = len(ats), 0
    if count and (ats[-1] - ats[0]) // step > _SPARSE * count + _SHORT:
        for index in range(1, count):
            ahead = (ats[index] - ats[index - 1]) * 1000 - covered[index]
            if ahead > 2000 * step:
                yield _cells([column[begin:index] for column in samples], since, step)
                begin = index
    if count:
        yield _cells([column[begin:] for column in samples], since, step)


_TOLERANCE: Final = 1000
"""Milliseconds by which a window may begin before the sample before it."""


def _cells(
    samples: Sequence[Sequence[int]], since: int, step: int
) -> tuple[Cells, Cells]:
    ats, lengths, cpus, memories = samples
    whole = step * 1000
    first = (ats[0] * 1000 - lengths[0] - _TOLERANCE - since * 1000) // whole
    origin = since + first * step
    size = (ats[-1] - 1 - origin) // step + 1
    covered, used, held = ([0] * size for _ in range(3))
    for at, length, cpu, memory in zip(ats, lengths, cpus, memories, strict=True):
        after = at - origin
        index = (after - 1) // step
        part = (after - index * step) * 1000
        while length > part:
            covered[index] += part
            used[index] += cpu * part
            held[index] += memory * part
            length -= part  # noqa: PLW2901 - what lies in the steps before
            index -= 1
            part = whole
        covered[index] += length
        used[index] += cpu * length
        held[index] += memory * length
    return Cells(first, covered, used), Cells(first, covered, held)


def before(samples: Columns, end: int) -> Columns:
    """Return what of *samples* lies before an *end* that they go on after."""
    rows = [
        (min(at, end), covered - max(at - end, 0) * 1000, cpu, memory)
        for at, covered, cpu, memory in zip(*samples, strict=True)
        if at * 1000 - covered < end * 1000
    ]
    return columns(rows)


_Binary: TypeAlias = Callable[[int, int], int]
_untyped: Any = operator
_add: Final[_Binary] = _untyped.add
_divided: Final[_Binary] = _untyped.floordiv
_shifted: Final[_Binary] = _untyped.lshift
_either: Final[_Binary] = _untyped.or_
_POINT: Final = 64
"""Binary places of a mean while means are added up."""
_BLOCK: Final = 1024
"""Steps that are kept together: of a long range there may be few with samples."""


class StepSums:
    """The sum of the means of *series* many series in each step."""

    def __init__(self, series: int) -> None:
        self._series = series
        self._blocks: dict[int, tuple[list[int], bytearray]] = {}

    def add(self, first: int, covered: Sequence[int], amounts: Sequence[int]) -> None:
        """Add a series' mean in each step, from the *first* on, that it covers."""
        if first < 0:
            covered, amounts, first = covered[-first:], amounts[-first:], 0
        gaps = 0 in covered
        parts = [part or 1 for part in covered] if gaps else covered
        means = map(_divided, map(_shifted, amounts, repeat(_POINT)), parts)
        done, size = 0, len(covered)
        while done < size:
            number, begin = divmod(first + done, _BLOCK)
            end = min(begin + size - done, _BLOCK)
            totals, measured = self._blocks.get(number) or self._block(number)
            totals[begin:end] = map(_add, totals[begin:end], islice(means, end - begin))
            found = b"\1" * (end - begin)
            if gaps:
                new = map(bool, covered[done : done + end - begin])
                found = bytes(map(_either, measured[begin:end], new))
            measured[begin:end] = found
            done += end - begin

    def _block(self, number: int) -> tuple[list[int], bytearray]:
        return self._blocks.setdefault(number, ([0] * _BLOCK, bytearray(_BLOCK)))

    def values(self) -> Iterator[tuple[int, int]]:
        """Return each step in which something was measured, and its sum.

        It is rounded down once. Each mean was, far behind the point: so many fractions
        have no small sum, and a whole one must not be lost.
        """
        for number in sorted(self._blocks):
            totals, measured = self._blocks[number]
            steps = range(number * _BLOCK, (number + 1) * _BLOCK)
            for index, total in compress(zip(steps, totals, strict=True), measured):
                yield index, (total + self._series) >> _POINT


def in_parts(found: Iterable[Cells], size: int) -> dict[int, tuple[int, int]]:
    """Add up so many steps at a time: covered time and amount of each such part."""
    total: dict[int, tuple[int, int]] = {}
    for first, covered, amounts in found:
        begin, end = max(first, 0), first + len(covered)
        for part in range(begin // size, -(-end // size)):
            steps = slice(max(part * size, begin) - first, (part + 1) * size - first)
            time = sum(covered[steps])
            if time:
                before, amount = total.get(part, (0, 0))
                total[part] = before + time, amount + sum(amounts[steps])
    return total
