"""Making a table as narrow as the terminal: what leaves first, what is cut last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

GAP: Final = 2
_SHORTEST: Final = 12


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

    Those with a `keep` of *stays* or more never do. Text counts as short as it can
    become, so that no column leaves for the sake of a long name alone.
    """
    order = sorted(
        (i for i, column in enumerate(columns) if column.keep < stays),
        key=lambda i: (columns[i].keep, -i),
    )
    needed = _width([_least(column) for column in columns])
    gone: set[int] = set()
    for index in order:
        if needed <= limit:
            break
        gone.add(index)
        needed -= _least(columns[index]) + GAP
    return gone


def sizes(columns: Sequence[Sized], limit: int) -> list[int]:
    """Return the size of each column so that all fit, if that can be.

    The widest text shrinks first, the rows' names only when nothing else is left.
    """
    found = [column.size for column in columns]
    for names in (False, True):
        shrinking = [i for i, c in enumerate(columns) if c.flexible and c.name is names]
        _shrink(found, [_floor(c) for c in columns], shrinking, limit)
    return found


def _shrink(
    found: list[int], floors: list[int], shrinking: list[int], limit: int
) -> None:
    excess = _width(found) - limit
    while excess > 0:
        able = [i for i in shrinking if found[i] > floors[i]]
        if not able:
            return
        widest = max(able, key=lambda i: found[i])
        found[widest] -= 1
        excess -= 1


def _least(column: Sized) -> int:
    """Return what a column needs at least: of a name, most of it."""
    if not column.flexible:
        return column.size
    if column.name:
        return max(_floor(column), column.size * 2 // 3)
    return _floor(column)


def _floor(column: Sized) -> int:
    return min(column.size, max(column.heading, _SHORTEST))


def _width(found: Sequence[int]) -> int:
    return sum(found) + GAP * (len(found) - 1)
