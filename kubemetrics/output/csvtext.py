"""``-o csv``: the columns' keys, then raw values; unknown is empty."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import TypeVar

from .columns import Column
from .machine import Scalar, reader
from .text import printable

R = TypeVar("R")


def csv_lines(
    columns: Sequence[Column[R]], rows: Sequence[R], *, headers: bool = True
) -> Iterator[str]:
    """Write RFC 4180 lines, without their ends."""
    readers = [reader(column) for column in columns]
    line = _Line()
    writer = csv.writer(line, lineterminator="")
    if headers:
        writer.writerow([column.key for column in columns])
        yield line.text
    for row in rows:
        writer.writerow([_cell(read(row)) for read in readers])
        yield line.text


class _Line:
    """Where `csv` writes each line to, in one call."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _cell(value: Scalar) -> Scalar:
    return printable(value) if isinstance(value, str) else value
