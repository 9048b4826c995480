"""Columns: each is defined once, for tables, sorting, expressions and machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from difflib import get_close_matches
from fractions import Fraction
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from ..frozen import dataclass
from ..quantity import Quantity

# What a cell may hold, and what it sorts by.


Kind: TypeAlias = Literal["cpu", "memory", "percent", "count", "age", "text"]

Known: TypeAlias = Quantity | Fraction | timedelta | int | str
Value: TypeAlias = Known | None
"""A cell's value: a `Quantity` for cpu and memory, a share of one for a percentage;
``None`` is what is not known or not there, of a text as well: an empty one is a label
that is there and empty."""

_FINE: Final = 10**18
"""Shares that differ by less than this fraction sort as equal."""
_MICROSECOND: Final = timedelta(microseconds=1)


def rank(value: Known) -> int | str:
    """Return what *value* sorts by among its kind."""
    if isinstance(value, Quantity):
        return value.nanos
    if isinstance(value, Fraction):
        return value.numerator * _FINE // value.denominator
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    return value


R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)
Severity: TypeAlias = Literal["warning", "critical", "quiet"]

ALWAYS: Final = 99
"""The `Column.keep` of one that never leaves the default table."""
WIDE: Final = 0
"""The `Column.keep` of one that only ``-o wide`` and machines show."""
PARTIAL: Final = "~"
"""The mark of a lower bound."""
STALE: Final = "!"
"""The mark of an old sample."""
_PLURAL: Final = {"label": "labels"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[R_contra]):
    """One column of rows *R*.

    *key* names it on the command line and, split at its dots, in JSON. *get* reads its
    value, of the Python type that `Value` gives its *kind*. *header* is for tables;
    beside a column of the same *group*, the *short* one is. *keep* says when it leaves
    a table that is too wide: the lowest first. An *optional* one is left out of tables
    where no row has a value. The text of a *name* is cut last. Amounts and counts of an
    *additive* one have a total. *mark* is what stands before a value that is not the
    whole truth (a row without a value has one where a total lacks it), *severity*
    colours a text, *alarm* lets the thresholds colour a percentage.
    """

    key: str
    header: str
    kind: Kind
    get: Callable[[R_contra], Value]
    about: str
    group: str = ""
    short: str = ""
    keep: int = WIDE
    optional: bool = False
    name: bool = False
    additive: bool = True
    alarm: bool = False
    mark: Callable[[R_contra], str] | None = None
    severity: Callable[[R_contra], Severity | None] | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """Where it stands in JSON: ``mem.usage`` nests, as does ``label:app``."""
        family, colon, name = self.key.partition(":")
        return (
            (_PLURAL.get(family, family), name) if colon else tuple(self.key.split("."))
        )


Family: TypeAlias = Callable[[str], Column[R]]
"""Makes the column of any name: ``label:app`` is *app* of the family ``label:``."""


class UnknownColumnError(ValueError):
    """No column has this key; the text suggests those that it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[R_contra]):
    """The columns that rows of one kind have, in their order.

    *kind* is the name of one row in machine outputs, *noun* and *nouns* what people
    call one and several. *identity* names, by key, the columns that tell rows apart, as
    Prometheus labels. *families* make columns by prefix, *aliases* are shorter keys.
    """

    kind: str
    noun: str
    nouns: str
    columns: tuple[Column[R_contra], ...]
    identity: Mapping[str, str]
    families: Mapping[str, Family[R_contra]] = field(
        default_factory=dict[str, Family[R_contra]]
    )
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])

    def get(self, key: str) -> Column[R_contra] | None:
        """Return the column of this key, if there is one."""
        for prefix, family in self.families.items():
            name = key.removeprefix(prefix)
            if name and name != key:
                return family(name)
        key = self.aliases.get(key, key)
        return next((c for c in self.columns if c.key == key), None)

    def need(self, key: str) -> Column[R_contra]:
        """Return the column of this key.

        Raises:
            UnknownColumnError: there is none.
        """
        column = self.get(key)
        if column is None:
            raise UnknownColumnError(self.no_such(key))
        return column

    def no_such(self, key: str) -> str:
        """Say that there is no such column, and what may have been meant."""
        keys = [column.key for column in self.columns]
        close = get_close_matches(key, [*keys, *self.aliases], n=3, cutoff=0.5)
        known = [*keys, *(f"{prefix}NAME" for prefix in self.families)]
        hint = (
            f"did you mean {' or '.join(close)}?"
            if close
            else f"there are: {', '.join(known)}"
        )
        return f"no column {key!r} of {self.nouns}; {hint}" if key else hint

    def plain(self, rows: Sequence[R_contra]) -> tuple[Column[R_contra], ...]:
        """Return the columns of the plain table for *rows*."""
        return tuple(column for column in self.wide(rows) if column.keep)

    def wide(self, rows: Sequence[R_contra]) -> tuple[Column[R_contra], ...]:
        """Return the columns that may say something of *rows*."""
        return tuple(
            column
            for column in self.columns
            if not column.optional or any(map(column.get, rows))
        )


def label_column(name: str, labels: Callable[[R], Mapping[str, str]]) -> Column[R]:
    """Make the column of a label."""

    def get(row: R) -> Value:
        return labels(row).get(name)

    return Column(
        key=f"label:{name}",
        header=name.rpartition("/")[2].upper(),
        kind="text",
        get=get,
        about=f"the label {name}",
        keep=ALWAYS,
    )


def unique(columns: Iterable[Column[R]]) -> tuple[Column[R], ...]:
    """Leave out each column that came before."""
    return tuple({column.key: column for column in columns}.values())
