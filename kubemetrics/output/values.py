"""What a cell may hold, and what it sorts by."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Final, Literal, TypeAlias

from ..quantity import Quantity

Kind: TypeAlias = Literal["cpu", "memory", "percent", "count", "age", "text"]

Known: TypeAlias = Quantity | Fraction | timedelta | int | str
Value: TypeAlias = Known | None
"""A cell's value: a `Quantity` for cpu and memory, a share of one for a percentage;
``None`` is what is not known."""

_FINE: Final = 10**18
"""Shares that differ by less than this fraction sort as equal."""
_MICROSECOND: Final = timedelta(microseconds=1)


def rank(value: Known) -> int | str:
    """Return what *value* sorts by among its kind."""
    if isinstance(value, Quantity):
        return value.nanos
    if isinstance(value, Fraction):
        return value.numerator * _FINE // value.denominator
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    return value
