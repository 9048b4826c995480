"""The three tables of faults, each a text file beside this one.

``fault_errors.txt``: what the drivers make of a fault. ``error_matrix.txt``: what the
flows make of that. ``fault_matrix.txt``: both, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

NOT_SO: Final = "-"
"""The cell of a fault that does not occur there."""


def read_table(name: str, *, keys: int) -> dict[tuple[str, ...], dict[str, str]]:
    """Return the cells of each line by their column; the first *keys* are its name."""
    return dict(_lines(Path(__file__).with_name(name).read_text("utf-8"), keys))


def _lines(table: str, keys: int) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
    head, *lines = (line for line in table.splitlines() if line.strip("-+ "))
    columns = _words(head)[keys:]
    for line in lines:
        words = _words(line)
        yield tuple(words[:keys]), dict(zip(columns, words[keys:], strict=True))


def _words(line: str) -> list[str]:
    return [word.strip() for word in line.split("|")]
