"""``-o prometheus``: the text format, fit for node_exporter's textfile collector.

Each number is a gauge of the rows that have it; what is not known has no series, and
``…_unmeasured`` says why. There are no timestamps, which that collector refuses.
Source: prometheus/docs, instrumenting/exposition_formats.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Final, TypeVar

from ..quantity import Quantity
from .columns import Column, Table
from .text import printable
from .values import Kind, Known

R = TypeVar("R")

_SUFFIX: Final[dict[Kind, str]] = {
    "cpu": "_cores", "memory": "_bytes", "percent": "_ratio", "age": "_seconds",
    "count": "",
}  # fmt: skip
_NOT_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def prometheus_lines(
    table: Table[R], columns: Sequence[Column[R]], rows: Sequence[R]
) -> Iterator[str]:
    """Write the numbers among *columns*, labelled by what tells rows apart."""
    labelling = _labelling(table, columns)
    labels = [_labels(labelling, row) for row in rows]
    for column in columns:
        if column.kind in _SUFFIX:
            yield from _family(table, column, rows, labels)
    yield from _unmeasured(table, rows, labels)


def _family(
    table: Table[R], column: Column[R], rows: Sequence[R], labels: list[str]
) -> Iterator[str]:
    name = _metric_name(table, column)
    yield f"# HELP {name} {_help(column.about)}"
    yield f"# TYPE {name} gauge"
    for row, label in zip(rows, labels, strict=True):
        value = column.get(row)
        if value is not None:
            yield f"{name}{{{label}}} {_number(value)}"


def _unmeasured(table: Table[R], rows: Sequence[R], labels: list[str]) -> Iterator[str]:
    if table.get("explanation") is None:
        return  # a sum has several reasons; its counts have series of their own
    reason = table.need("reason")
    name = f"kubemetrics_{table.noun}_unmeasured"
    yield f"# HELP {name} {_help(reason.about)}"
    yield f"# TYPE {name} gauge"
    for row, label in zip(rows, labels, strict=True):
        code = reason.get(row)
        if code:
            yield f'{name}{{{label},reason="{_escaped(str(code))}"}} 1'


def _metric_name(table: Table[R], column: Column[R]) -> str:
    key = column.key.replace("mem.", "memory.").replace("pct_", "")
    name = _NOT_A_NAME.sub("_", key)
    return f"kubemetrics_{table.noun}_{name}{_SUFFIX[column.kind]}"


def _labelling(
    table: Table[R], columns: Sequence[Column[R]]
) -> list[tuple[str, Column[R]]]:
    """Name the labels of each series; no two get the same name."""
    found: dict[str, Column[R]] = {}
    for key, name in table.identity.items():
        found[_free(name, found)] = table.need(key)
    for column in columns:
        if column.key.startswith("label:") and column.key not in table.identity:
            found[_free(column.key, found)] = column
    return list(found.items())


def _free(name: str, taken: dict[str, Column[R]]) -> str:
    clean = free = _NOT_A_NAME.sub("_", name)
    count = 1
    while free in taken:
        count += 1
        free = f"{clean}_{count}"
    return free


def _labels(labelling: list[tuple[str, Column[R]]], row: R) -> str:
    cells = [(name, column.get(row)) for name, column in labelling]
    return ",".join(
        f'{name}="{_escaped("" if cell is None else str(cell))}"'
        for name, cell in cells
    )


def _escaped(text: str) -> str:
    return printable(text).translate(_ESCAPES)


def _help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: Known) -> str:
    if isinstance(value, Quantity):
        return f"{value.as_decimal():f}"
    if isinstance(value, Fraction):
        return repr(value.numerator / value.denominator)
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    return str(value)
