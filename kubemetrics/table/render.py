"""Rows as a table for people: coloured by thresholds, no wider than the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final, Generic, Protocol, TypeVar

from ..frozen import dataclass
from ..quantity import Quantity
from ..text import pad, printable, shorten, widest, width
from .columns import (
    ALWAYS,
    AUTO,
    NONE,
    PARTIAL,
    UNKNOWN,
    Column,
    Severity,
    TotalCell,
    Units,
    Value,
    formatter,
    marked,
)

R = TypeVar("R")
_RESET: Final = "\x1b[0m"
_CODES: Final[dict[Severity, str]] = {
    "warning": "\x1b[33m", "critical": "\x1b[31m", "quiet": "\x1b[2m",
}  # fmt: skip
_BOLD: Final = "\x1b[1m"
_GAP_SIZE: Final = 2
_GAP: Final = " " * _GAP_SIZE
TOTAL: Final = "TOTAL"
_NOTHING: Final = frozenset(f"0{UNKNOWN}")
_DIGITS: Final = 6
_SHOWN: Final = 40
_SHORTEST: Final = 10
_DETAIL: Final = 40
"""Columns with a lower `keep` are details."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The per cent from which a share is a warning, and from which it is critical."""

    warning: int = 70
    critical: int = 90

    @classmethod
    def parse(cls, text: str) -> Thresholds:
        """Read ``--thresholds WARNING,CRITICAL``, both in per cent.

        Raises:
            ValueError: not two whole numbers, the second not below the first.
        """
        words = [word.strip().removesuffix("%") for word in text.split(",")]
        if [w.isascii() and w.isdigit() and len(w) < _DIGITS for w in words] == [
            True
        ] * 2:
            warning, critical = map(int, words)
            if warning <= critical:
                return cls(warning, critical)
        raise ValueError(
            "expected two percentages, as 70,90 and in this order, not "
            f"{shorten(text, _SHOWN)!r}"
        )

    def severity(self, value: Value) -> Severity | None:
        """Return the severity of a share; ``None`` where it is fine or not known."""
        if not isinstance(value, Fraction):
            return None
        hundreds, whole = value.numerator * 100, value.denominator
        if hundreds >= self.critical * whole:
            return "critical"
        return "warning" if hundreds >= self.warning * whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """The layout of a table: its units, width, colours, header and total.

    *width* is the terminal's, or ``None`` for as wide as it needs. *fixed* columns were
    asked for and never leave. *colour* holds the thresholds, or ``None`` for none. A
    *total*, which has a name of its own, stands last unless it is to stand first.
    """

    units: Units = AUTO
    width: int | None = None
    fixed: bool = False
    colour: Thresholds | None = None
    headers: bool = True
    total: bool = False
    total_first: bool = False
    total_name: str = TOTAL


@dataclass(frozen=True, slots=True)
class Rendered:
    """The *lines* of a table, and the keys of the columns that it had no room for.

    *sizes* are the columns, by key, and the cells that each needs, where a width was
    given.
    """

    lines: Iterator[str]
    left_out: tuple[str, ...]
    sizes: tuple[tuple[str, int], ...] = ()


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


def render(
    rows: Sequence[R],
    columns: Sequence[Column[R]],
    options: TableOptions,
    totals: Mapping[str, TotalCell] | None = None,
) -> Rendered:
    """Lay *rows* out in *columns*: one unit a resource, numbers to the right.

    Cells can be told apart by white space: none is empty but in the last column.
    *totals* are the cells of the total that do not add up, by the keys of columns.
    """
    options = replace(options, units=options.units.settled(columns, rows))
    cells = _all_cells(rows, columns, options, totals or {})
    if options.width is None:
        return Rendered(_lines(rows, _ended(cells), options), ())
    gone = leaving(cells, options.width, 0 if options.fixed else ALWAYS)
    shown = _ended([c for i, c in enumerate(cells) if i not in gone])
    cut = [
        replace(cell, size=size)
        for cell, size in zip(shown, sizes(shown, options.width), strict=True)
    ]
    return Rendered(
        _lines(rows, cut, options),
        tuple(cells[i].column.key for i in sorted(gone)),
        tuple((cell.column.key, cell.size) for cell in shown),
    )


def table_cells(
    rows: Sequence[R],
    columns: Sequence[Column[R]],
    options: TableOptions,
    totals: Mapping[str, TotalCell],
) -> Iterator[tuple[str, list[str], bool]]:
    """Return each column: its header, its cells, and whether they stand to the left."""
    options = replace(options, units=options.units.settled(columns, rows))
    for cell in _ended(_all_cells(rows, columns, options, totals)):
        yield cell.header, cell.texts, cell.column.kind == "text"


def _all_cells(
    rows: Sequence[R],
    columns: Sequence[Column[R]],
    options: TableOptions,
    totals: Mapping[str, TotalCell],
) -> list[_Cells[R]]:
    # The word is a text, and takes the place of no total.
    named = next((c for c in columns if c.kind == "text"), None)
    notes = [column.note for column in columns if column.note is not None]
    found = _row_by_row(rows, [*(column.get for column in columns), *notes])
    noted = iter(found[len(columns) :])
    return [
        _cells(
            rows,
            column,
            values,
            next(noted) if column.note else (),
            options,
            None if column is named else totals.get(column.key),
            named=column is named,
        )
        for column, values in zip(columns, found, strict=False)
    ]


def _row_by_row(
    rows: Sequence[R], readers: Sequence[Callable[[R], object]]
) -> list[list[Any]]:
    """Return what each of *readers* finds in all of *rows*, one row after the other.

    What several cells of a row are made of can then be worked out once.
    """
    by_row = [[read(row) for read in readers] for row in rows]
    return [*map(list, zip(*by_row, strict=True))] or [[] for _ in readers]


def _cells(
    rows: Sequence[R],
    column: Column[R],
    values: list[Value],
    notes: Sequence[str],
    options: TableOptions,
    given: TotalCell | None,
    *,
    named: bool,
) -> _Cells[R]:
    if options.total:
        known = options.total_name if named else total(column, values)
        values.append(known if given is None else given.value)
    texts = _texts(rows, column, values, options.units)
    if column.mark is not None:
        marks = _marks(rows, column.mark, values, every=options.total)
        if options.total:
            marks.append(given.mark if given else _sum_mark(column, marks))
        _mark(texts, values, marks)
    for i, note in enumerate(notes):
        texts[i] += note
    size = max(widest(texts), column.least)
    if options.headers:
        size = max(size, width(printable(column.header)))
    return _Cells(
        column=column,
        header=printable(column.header),
        values=values,
        texts=texts,
        size=size,
        name=column.name,
    )


def _sum_mark(column: Column[R], marks: list[str]) -> str:
    """Return the mark of a total: it is a lower bound if any row is."""
    partial = column.kind != "text" and any(PARTIAL in mark for mark in marks)
    return PARTIAL if partial else ""


def _marks(
    rows: Sequence[R], mark: Callable[[R], str], values: list[Value], *, every: bool
) -> list[str]:
    """Return the marks of the values that are known, or of *every* row."""
    known = zip(rows, values, strict=False)
    return [mark(row) if every or value is not None else "" for row, value in known]


def _mark(texts: list[str], values: list[Value], marks: list[str]) -> None:
    """Put marks before the values that are known."""
    for i, mark in enumerate(marks):
        if mark and values[i] is not None:
            texts[i] = marked(mark, texts[i])


def _texts(
    rows: Sequence[R], column: Column[R], values: list[Value], units: Units
) -> list[str]:
    if column.kind == "text":
        texts = [str(value) if value else UNKNOWN for value in values]
        if not "".join(texts).isprintable():
            texts = [*map(printable, texts)]
    else:
        show = formatter(column.kind, units, values)
        texts = [UNKNOWN if value is None else show(value) for value in values]
    if column.unset is not None:
        _unset(texts, rows, column.unset, values)
    return texts


def _unset(
    texts: list[str],
    rows: Sequence[R],
    unset: Callable[[R], bool],
    values: list[Value],
) -> None:
    """Say of the rows that are known to have no value, and of their sum, that."""
    count = 0
    for i, row in enumerate(rows):
        # Nothing is written as a dash or as 0, which is sooner seen than reckoned.
        if texts[i][0] in _NOTHING and not values[i] and unset(row):
            texts[i] = NONE
            count += 1
    if 0 < count == len(rows) and values[len(rows) :] == [None]:
        texts[-1] = NONE


def total(column: Column[R], values: Sequence[Value]) -> Value:
    """Return the exact sum of what is known, of a column that can be summed."""
    if not column.additive:
        return None
    if column.kind in {"cpu", "memory", "money", "core_hours"}:
        amounts = [value for value in values if isinstance(value, Quantity)]
        return sum(amounts, Quantity(0)) if amounts else None
    if column.kind == "count":
        return sum(value for value in values if isinstance(value, int))
    return None


def _ended(cells: list[_Cells[R]]) -> list[_Cells[R]]:
    """Leave out what says nothing at the end of lines: that a reason is none."""
    if not cells or not cells[-1].column.last:
        return cells
    end = cells[-1]
    pairs = zip(end.texts, end.values, strict=True)
    texts = ["" if value is None else text for text, value in pairs]
    return [*cells[:-1], replace(end, texts=texts)]


def _lines(
    rows: Sequence[R], cells: list[_Cells[R]], options: TableOptions
) -> Iterator[str]:
    if options.headers:
        header = _GAP.join(_padded(cell, [cell.header])[0] for cell in cells).rstrip()
        yield bold(header) if options.colour else header
    columns = [_painted(rows, cell, options.colour) for cell in cells]
    if options.total and options.total_first:
        columns = [[*column[-1:], *column[:-1]] for column in columns]
    for line in zip(*columns, strict=True):
        yield _GAP.join(line).rstrip()


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
    if cell.column.kind != "text" and cell.column.note is None:
        return [text.rjust(size) for text in texts]
    return [
        text.ljust(size)
        if text.isascii() and len(text) <= size
        else pad(_cut(text, size, name=cell.name), size)
        for text in texts
    ]


_WORD_ENDS: Final = re.compile(r"[ ,]+|(?<=[a-z])(?=[A-Z])")


def _cut(text: str, size: int, *, name: bool) -> str:
    """Cut a text at the end of a word, if half of the room is used, else at the room's.

    A code is several words: ``ContainerCreating``. A name is cut within, since its end
    tells it apart from others.
    """
    if name or width(text) <= size or not text.isascii():
        return shorten(text, size)
    ends = [found.start() for found in _WORD_ENDS.finditer(text)]
    fits = [end for end in ends if size // 2 <= end < size]
    return f"{text[: fits[-1] if fits else size - 1].rstrip(' ,')}…"


class Sized(Protocol):
    """A column as it is fitted into the width of a terminal."""

    @property
    def keep(self) -> int:
        """Its rank among those that leave: the lowest first."""
        ...

    @property
    def size(self) -> int:
        """The cells of the terminal that its texts need."""
        ...

    @property
    def flexible(self) -> bool:
        """Whether its text may be cut."""
        ...

    @property
    def name(self) -> bool:
        """Whether it names the row, so that it is cut last."""
        ...

    @property
    def heading(self) -> int:
        """The cells of the terminal that its header needs."""
        ...


def leaving(columns: Sequence[Sized], limit: int, stays: int) -> set[int]:
    """Return which columns, by index, must leave for the others to fit in *limit*.

    Details leave before any text is cut, other columns only where that is not enough;
    those with a `keep` of *stays* or more never do. Names stay whole, to be copied, as
    long as they leave two fifths of the room to the rest.
    """
    whole = [column.size for column in columns]
    names = [i for i, column in enumerate(columns) if column.name]
    floors = list(map(_floor, columns))
    _shrink(whole, floors, names, _room(whole, names, limit))
    cut = [whole[i] if c.name else floors[i] for i, c in enumerate(columns)]
    gone: set[int] = set()
    _leave(gone, columns, whole, limit, min(_DETAIL, stays))
    _leave(gone, columns, cut, limit, stays)
    return gone


def _leave(
    gone: set[int], columns: Sequence[Sized], least: list[int], limit: int, below: int
) -> None:
    """Add columns with a `keep` *below* that to *gone* until the others fit."""
    order = sorted(
        (i for i, c in enumerate(columns) if c.keep < below and i not in gone),
        key=lambda i: (columns[i].keep, -i),
    )
    needed = _width([size for i, size in enumerate(least) if i not in gone])
    for index in order:
        if needed <= limit:
            return
        gone.add(index)
        needed -= least[index] + _GAP_SIZE


def sizes(columns: Sequence[Sized], limit: int) -> list[int]:
    """Return the size of each column so that all fit, if that can be.

    The widest text shrinks first, the rows' names only when nothing else is left.
    """
    found = [column.size for column in columns]
    floors = list(map(_floor, columns))
    for names in (False, True):
        shrinking = [i for i, c in enumerate(columns) if c.name is names]
        _shrink(found, floors, shrinking, limit)
    return found


def _room(least: list[int], names: list[int], limit: int) -> int:
    """Return what the table may take while its names take three fifths of *limit*."""
    taken = sum(least[i] + _GAP_SIZE for i in names)
    return _width(least) - max(taken - limit * 3 // 5, 0)


def _shrink(
    found: list[int], floors: list[int], shrinking: list[int], limit: int
) -> None:
    """Take from the widest of *shrinking*, cell by cell, until all fit in *limit*."""
    excess = _width(found) - limit
    while excess > 0:
        able = [i for i in shrinking if found[i] > floors[i]]
        if not able:
            return
        found[max(able, key=found.__getitem__)] -= 1
        excess -= 1


def _floor(column: Sized) -> int:
    if not column.flexible:
        return column.size
    return min(column.size, max(column.heading, _SHORTEST))


def _width(found: Sequence[int]) -> int:
    return sum(found) + _GAP_SIZE * (len(found) - 1)


def plain_table(rows: Sequence[Sequence[str]]) -> str:
    """Align the cells of *rows*, two spaces between columns, and end each line."""
    shown = [[printable(cell) for cell in row] for row in rows]
    sizes = [max(map(width, column)) for column in zip(*shown, strict=True)]
    lines = (
        "  ".join(pad(cell, size) for cell, size in zip(row, sizes, strict=True))
        for row in shown
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def painted(text: str, severity: Severity | None) -> str:
    """Return *text* in the colour of *severity*."""
    return f"{_CODES[severity]}{text}{_RESET}" if severity else text


def bold(text: str) -> str:
    """Return *text* in bold."""
    return f"{_BOLD}{text}{_RESET}"
