"""``-o csv``: the columns' keys, then raw values; unknown is empty."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import TypeVar

from .columns import Column
from .machine import reader
from .text import printable

R = TypeVar("R")


def csv_lines(
    columns: Sequence[Column[R]], rows: Sequence[R], *, headers: bool = True
) -> Iterator[str]:
    """Write RFC 4180 lines, without their ends."""
    readers = [reader(column) for column in columns]
    if headers:
        yield _line([column.key for column in columns])
    for row in rows:
        yield _line([_cell(read(row)) for read in readers])


def _cell(value: float | str | None) -> str:
    return "" if value is None else printable(str(value))


def _line(cells: list[str]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()
