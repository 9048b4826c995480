"""CPU by buckets, for the hours whose samples are gone: what a blob of the file holds.

Bucket *i* begins at 20 * (1.05^i - 1) millicores: the Vertical Pod Autoscaler's scheme
with a first bucket of 1 m, each 5 % wider than the one before. The edges are computed
as integers, so that they are the same everywhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Final

BUCKETS: Final = 223
"""The last one begins above 1,000 cores, and has everything beyond."""

_FIRST: Final = 20_000_000
"""Nanocores: the width of the first bucket, 1 m, by 5 %."""

EDGES: Final[tuple[int, ...]] = tuple(
    _FIRST * 105**i // 100**i - _FIRST for i in range(BUCKETS + 1)
)
"""Where each bucket begins, in nanocores, and where the last one ends."""


def bucket(nanocores: int) -> int:
    """Return the bucket of a value."""
    return min(max(bisect_right(EDGES, nanocores) - 1, 0), BUCKETS - 1)


def percentile_edge(histogram: Mapping[int, int], share: Fraction) -> int | None:
    """Return the upper edge of the bucket with which *share* of the time is reached.

    That is up to 5 % and 1 m above the percentile of the samples themselves.
    """
    wanted = share * sum(histogram.values())
    running = 0
    for index in sorted(histogram):
        running += histogram[index]
        if histogram[index] and running >= wanted:
            return EDGES[index + 1]
    return None


def merged(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Return the sum of several: milliseconds by bucket."""
    total: dict[int, int] = {}
    for histogram in histograms:
        for index, covered in histogram.items():
            total[index] = total.get(index, 0) + covered
    return total


def encoded(histogram: Mapping[int, int]) -> bytes:
    """Return the blob: for each bucket with time the step to it, and milliseconds.

    Both are unsigned LEB128: seven bits a byte, the lowest first.
    """
    blob = bytearray()
    before = 0
    for index in sorted(histogram):
        if histogram[index]:
            for number in (index - before, histogram[index]):
                blob.extend(_leb128(number))
            before = index
    return bytes(blob)


def decoded(blob: bytes) -> dict[int, int]:
    """Read a blob.

    Raises:
        ValueError: it is none.
    """
    numbers = iter(list(_numbers(blob)))
    found: dict[int, int] = {}
    index = 0
    for stride in numbers:
        index += stride
        covered = next(numbers, None)
        if covered is None or index >= BUCKETS:
            raise ValueError("not a histogram")
        found[index] = covered
    return found


_MORE: Final = 0x80
"""The bit that says that more bytes of a number follow."""


def _leb128(number: int) -> Iterator[int]:
    while number >= _MORE:
        yield number % _MORE | _MORE
        number >>= 7
    yield number


def _numbers(blob: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in blob:
        number |= (byte % _MORE) << shift
        shift += 7
        if not byte & _MORE:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("not a histogram: it ends within a number")
