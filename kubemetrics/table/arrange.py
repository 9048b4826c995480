"""Which rows, in which order: ``--where``, ``--sort`` and ``--top``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar

from ..frozen import dataclass
from .columns import Column, Table, rank

R = TypeVar("R")

_LARGEST: Final = "-cpu.usage"
"""What ``--top`` takes the first of, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement(Generic[R]):
    """What to keep of rows and how to order them."""

    keep: Callable[[R], bool] | None = None
    order: tuple[tuple[Column[R], bool], ...] = ()
    top: int | None = None

    def apply(self, rows: Sequence[R]) -> Sequence[R]:
        """Return the rows that are kept, in their order."""
        if self.keep is not None:
            rows = list(filter(self.keep, rows))
        for column, falling in reversed(self.order):
            rows = _sorted(rows, column, falling=falling)
        return rows if self.top is None else rows[: self.top]


def arrangement(
    table: Table[R],
    *,
    keep: Callable[[R], bool] | None = None,
    sort: Sequence[str] = (),
    top: int | None = None,
) -> Arrangement[R]:
    """Read the keys of *sort*; ``-KEY`` falls.

    Raises:
        UnknownColumnError: there is no such column.
    """
    keys = sort or ((_LARGEST,) if top is not None else ())
    return Arrangement(
        keep=keep,
        order=tuple((table.need(k.removeprefix("-")), k.startswith("-")) for k in keys),
        top=top,
    )


def _sorted(rows: Sequence[R], column: Column[R], *, falling: bool) -> list[R]:
    """Sort, keeping the order of equals; what is not known comes last either way."""
    known: list[tuple[Any, R]] = []
    unknown: list[R] = []
    for row in rows:
        value = column.get(row)
        if value is None or value == "":
            unknown.append(row)
        else:
            known.append((rank(value), row))
    known.sort(key=itemgetter(0), reverse=falling)
    return [row for _, row in known] + unknown
