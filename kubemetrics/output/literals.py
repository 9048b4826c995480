"""Values written in an expression, and cells, as operands that compare exactly."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final, TypeAlias

from ..models import parse_duration
from ..quantity import Quantity
from .values import Kind, Value

Operand: TypeAlias = Any
"""An `int` or `Fraction` in the smallest unit of its kind, or a `str`: two of one kind
compare, which no type can say."""

_DAYS: Final = re.compile(r"([0-9]{1,6})d(.*)")
_UNIT: Final = 10**9
_MICROSECOND: Final = timedelta(microseconds=1)


def exact(value: Value) -> Operand:
    """Return the operand that a known cell is."""
    if isinstance(value, Quantity):
        return value.nanos
    if isinstance(value, Fraction):
        return value * 100 * _UNIT
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    return value * _UNIT if isinstance(value, int) else value


def literal(kind: Kind, text: str) -> Operand:
    """Read a value to compare columns of *kind* with.

    Raises:
        ValueError: not a value of that kind; says what one looks like.
    """
    if kind == "text":
        return text
    if kind == "age":
        return _age(text) // _MICROSECOND
    if kind in {"percent", "count"}:
        text = text.removesuffix("%") if kind == "percent" else text
    return Quantity(text).nanos


def _age(text: str) -> timedelta:
    match = _DAYS.fullmatch(text)
    if match is None:
        return parse_duration(text)
    rest = parse_duration(match[2]) if match[2] else timedelta()
    return timedelta(days=int(match[1])) + rest
