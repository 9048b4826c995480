"""Making a table as narrow as the terminal: what leaves first, what is cut last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

GAP: Final = 2
_SHORTEST: Final = 10
_DETAIL: Final = 40
"""Columns with a lower `keep` are details."""


class Sized(Protocol):
    """A column with the *size* that its cells need."""

    @property
    def keep(self) -> int:
        """When it leaves; the lowest first."""
        ...

    @property
    def size(self) -> int:
        """How many cells of the terminal it takes."""
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
        """How much its header takes."""
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
        needed -= least[index] + GAP


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
    taken = sum(least[i] + GAP for i in names)
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
    return sum(found) + GAP * (len(found) - 1)
