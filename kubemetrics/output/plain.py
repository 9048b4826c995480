"""The plainest of tables: cells of text, two spaces between columns."""

from __future__ import annotations

from collections.abc import Sequence

from .text import left, printable, width


def plain_table(rows: Sequence[Sequence[str]]) -> str:
    """Align the cells of *rows*, all of one length, and end each line."""
    shown = [[printable(cell) for cell in row] for row in rows]
    sizes = [max(map(width, column)) for column in zip(*shown, strict=True)]
    lines = (
        "  ".join(left(cell, size) for cell, size in zip(row, sizes, strict=True))
        for row in shown
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)
