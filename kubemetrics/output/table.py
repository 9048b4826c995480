"""Rows as a table: one unit a column, numbers to the right, no wider than asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Generic, TypeVar

from ..frozen import dataclass
from ..quantity import Quantity
from . import fit
from .colour import Thresholds, bold, painted
from .columns import ALWAYS, PARTIAL, Column
from .text import left, printable, shorten, widest, width
from .units import AUTO, UNKNOWN, Units, shower
from .values import Value

R = TypeVar("R")

GAP: Final = " " * fit.GAP
TOTAL: Final = "TOTAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a table is to look.

    *width* is the terminal's, or ``None`` for as wide as it needs. *fixed* columns were
    asked for and never leave. *colour* holds the thresholds, or ``None`` for none.
    """

    units: Units = AUTO
    width: int | None = None
    fixed: bool = False
    colour: Thresholds | None = None
    headers: bool = True
    total: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """The *lines* of a table, and the keys of the columns that it had no room for."""

    lines: Iterator[str]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells(Generic[R]):
    column: Column[R]
    header: str
    values: list[Value]
    texts: list[str]
    size: int
    name: bool

    @property
    def keep(self) -> int:
        return self.column.keep

    @property
    def flexible(self) -> bool:
        return self.column.kind == "text"

    @property
    def heading(self) -> int:
        return width(self.header)


def render(rows: Sequence[R], columns: Sequence[Column[R]], look: Look) -> Rendered:
    """Lay *rows* out."""
    # The word is a text, and takes the place of no total.
    named = next((c for c in columns if c.kind == "text"), None)
    cells = [_cells(rows, c, look, named=c is named) for c in columns]
    if look.width is None:
        return Rendered(_lines(rows, _headed(cells, look), look), ())
    gone = fit.leaving(cells, look.width, 0 if look.fixed else ALWAYS)
    shown = _headed([c for i, c in enumerate(cells) if i not in gone], look)
    cut = [
        replace(cell, size=size)
        for cell, size in zip(shown, fit.sizes(shown, look.width), strict=True)
    ]
    return Rendered(
        _lines(rows, cut, look), tuple(cells[i].column.key for i in sorted(gone))
    )


def _cells(
    rows: Sequence[R], column: Column[R], look: Look, *, named: bool
) -> _Cells[R]:
    values: list[Value] = [column.get(row) for row in rows]
    if look.total:
        values.append(TOTAL if named else total(column, values))
    texts = _texts(column, values, look.units)
    if column.mark is not None:
        _mark(texts, values, [column.mark(row) for row in rows])
    if look.total and values[-1] is None:
        texts[-1] = ""
    size = widest(texts)
    if look.headers:
        size = max(size, width(printable(column.short or column.header)))
    return _Cells(
        column=column,
        header=printable(column.header),
        values=values,
        texts=texts,
        size=size,
        name=column.name,
    )


def _mark(texts: list[str], values: list[Value], marks: list[str]) -> None:
    """Mark what is not the whole truth: a total is a lower bound if any row is."""
    if len(texts) > len(marks):
        marks = [*marks, PARTIAL if any(PARTIAL in mark for mark in marks) else ""]
    for i, (value, mark) in enumerate(zip(values, marks, strict=True)):
        if value is not None:
            texts[i] = mark + texts[i]


def _texts(column: Column[R], values: list[Value], units: Units) -> list[str]:
    if column.kind == "text":
        return [printable(str(v)) if v else UNKNOWN for v in values]
    show = shower(column.kind, units, values)
    return [UNKNOWN if v is None else show(v) for v in values]


def total(column: Column[R], values: Sequence[Value]) -> Value:
    """Return the exact sum of what is known, of a column that can be summed."""
    if not column.additive:
        return None
    if column.kind in {"cpu", "memory"}:
        amounts = [value for value in values if isinstance(value, Quantity)]
        return sum(amounts, Quantity(0)) if amounts else None
    if column.kind == "count":
        return sum(value for value in values if isinstance(value, int))
    return None


def _headed(cells: list[_Cells[R]], look: Look) -> list[_Cells[R]]:
    """Give each its header: the short one beside a column of the same group."""
    if not look.headers:
        return cells
    headed: list[_Cells[R]] = []
    group = ""
    for cell in cells:
        column = cell.column
        together = bool(column.short) and column.group == group
        header = column.short if together else cell.header
        group = column.group
        headed.append(replace(cell, header=header, size=max(cell.size, width(header))))
    return headed


def _lines(rows: Sequence[R], cells: list[_Cells[R]], look: Look) -> Iterator[str]:
    if look.headers:
        header = GAP.join(_padded(cell, [cell.header])[0] for cell in cells).rstrip()
        yield bold(header) if look.colour else header
    columns = [_painted(rows, cell, look.colour) for cell in cells]
    for line in zip(*columns, strict=True):
        yield GAP.join(line).rstrip()


def _painted(
    rows: Sequence[R], cell: _Cells[R], colour: Thresholds | None
) -> list[str]:
    padded = _padded(cell, cell.texts)
    if colour is None:
        return padded
    column = cell.column
    if column.severity is not None:
        padded[: len(rows)] = [
            painted(text, column.severity(row))
            for text, row in zip(padded, rows, strict=False)
        ]
    elif column.alarm:
        return [
            painted(text, colour.severity(value))
            for text, value in zip(padded, cell.values, strict=True)
        ]
    return padded


def _padded(cell: _Cells[R], texts: list[str]) -> list[str]:
    size = cell.size
    if cell.column.kind != "text":
        return [text.rjust(size) for text in texts]
    return [
        text.ljust(size)
        if text.isascii() and len(text) <= size
        else left(shorten(text, size), size)
        for text in texts
    ]
