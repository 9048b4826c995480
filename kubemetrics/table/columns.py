"""The columns of a table, the order of its rows, and its amounts as text.

A column is defined once, for tables, sorting, expressions and machine formats. A cell
is written in the one unit of its column. CPU is rounded up and memory down, both as
``kubectl top`` rounds them; percentages are cut off, as there. What is above zero never
shows as zero: it is ``<1Mi``, ``<1%``; a lower bound of that is ``~0Mi``, ``~0%``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from fractions import Fraction
from operator import itemgetter
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, cast

from ..frozen import dataclass
from ..quantity import Quantity
from ..text import quoted
from ..times import human_duration

R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")
R_contra = TypeVar("R_contra", contravariant=True)
Kind: TypeAlias = Literal[
    "cpu", "memory", "percent", "count", "money", "core_hours", "age", "text"
]  # fmt: skip

Known: TypeAlias = Quantity | Fraction | timedelta | int | str
Value: TypeAlias = Known | None
"""A cell's value: a `Quantity` for cpu, memory, money and core-hours, a share of one
for a percentage; ``None`` is what is not known or not there, of a text as well: an
empty one is a label that is there and empty."""

Severity: TypeAlias = Literal["warning", "critical", "quiet"]

UNKNOWN: Final = "-"
NONE: Final = "none"
"""The cell of what is known to be not set."""
ALWAYS: Final = 99
"""The `Column.keep` of one that never leaves the default table."""
WIDE: Final = 0
"""The `Column.keep` of one that only ``-o full`` and machines show."""
PARTIAL: Final = "~"
"""The mark of a lower bound."""
STALE: Final = "!"
"""The mark of an old sample."""
APART: Final = "*"
"""The mark of a percentage that is not of the two amounts beside it."""
_PLURAL: Final = {"label": "labels"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[R_contra]):
    """One column of rows *R*.

    *key* names it on the command line and, split at its dots, in JSON. *get* reads its
    value, of the Python type that `Value` gives its *kind*. *header* is for tables: one
    word, and a name on the command line too. A *group* is of one resource. *last* ones
    stand behind all others. *keep* says when it leaves a table that is too wide: the
    lowest first; *least* is the cells that it takes at any rate. An *optional* one is
    left out of tables where no row has a value. The text of a *name* is cut last.
    Amounts and counts of an *additive* one have a total. *mark* is what stands before a
    value that is not the whole truth (a row without a value has one where a total lacks
    it), *note* what stands behind it in a table, *severity* colours a text, *alarm*
    lets the thresholds colour a percentage. *unset* tells whether a row is known to
    have no value, so that its cell is ``none``. *typed* is the value in JSON where
    that is no number and no text, of the *json_type*.
    """

    key: str
    header: str
    kind: Kind
    get: Callable[[R_contra], Value]
    about: str
    group: str = ""
    keep: int = WIDE
    least: int = 0
    optional: bool = False
    name: bool = False
    additive: bool = True
    alarm: bool = False
    mark: Callable[[R_contra], str] | None = None
    note: Callable[[R_contra], str] | None = None
    severity: Callable[[R_contra], Severity | None] | None = None
    unset: Callable[[R_contra], bool] | None = None
    last: bool = False
    typed: Callable[[R_contra], Any] | None = None
    json_type: Literal["boolean", "array", "object"] | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """The names by which JSON nests it: ``mem.usage`` is ``usage`` in ``mem``."""
        family, colon, name = self.key.partition(":")
        return (
            (_PLURAL.get(family, family), name) if colon else tuple(self.key.split("."))
        )


@dataclass(frozen=True, slots=True)
class TotalCell:
    """A cell in a row of totals, with the marks that stand before it."""

    value: Value
    mark: str = ""


def _no_totals(_: Sequence[object]) -> Mapping[str, TotalCell]:
    return {}


Family: TypeAlias = Callable[[str], Column[R]]
"""Makes the column of any name: ``label:app`` is *app* of the family ``label:``."""


class UnknownColumnError(ValueError):
    """No column has this key; the text suggests those that it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[R_contra]):
    """The columns that rows of one kind have, in their order.

    *kind* is the name of one row in machine outputs, *noun* and *nouns* what people
    call one and several. *identity* names, by key, the columns that tell rows apart, as
    Prometheus labels. *currency* is that of money. *families* make columns by prefix,
    *aliases* are shorter keys. *totals* gives those cells of a row of totals that are
    no sum of the cells above.
    """

    kind: str
    noun: str
    nouns: str
    columns: tuple[Column[R_contra], ...]
    identity: Mapping[str, str]
    currency: str = ""
    families: Mapping[str, Family[R_contra]] = field(
        default_factory=dict[str, Family[R_contra]]
    )
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    totals: Callable[[Sequence[R_contra]], Mapping[str, TotalCell]] = _no_totals

    def counted(self, count: int) -> str:
        """Return *count* with what people call so many rows: ``1 pod``, ``2 pods``."""
        return f"{count} {self.nouns if count != 1 else self.noun.replace('_', ' ')}"

    def get(self, key: str) -> Column[R_contra] | None:
        """Return the column that *key* names, if there is one.

        Raises:
            UnknownColumnError: it may name several.
        """
        for prefix, family in self.families.items():
            name = key.removeprefix(prefix)
            if name and name != key:
                return family(name)
        key = self.aliases.get(key, key)
        exact = next((c for c in self.columns if c.key == key), None)
        if exact is not None:
            return exact
        from .names import named  # noqa: PLC0415 - for other than exact keys

        return named(self, key)

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
        from .names import no_such  # noqa: PLC0415 - for a mistake

        return no_such(self, key)

    def near(self, key: str) -> list[str]:
        """Return the keys that may have been meant by *key*."""
        from .names import near  # noqa: PLC0415 - for a mistake

        return near(self, key)

    def plain(self, rows: Sequence[R_contra]) -> tuple[Column[R_contra], ...]:
        """Return the columns of the default table for *rows*."""
        return _with_values([c for c in self.columns if c.keep], rows)

    def wide(self, rows: Sequence[R_contra]) -> tuple[Column[R_contra], ...]:
        """Return all columns but the optional ones in which no row has a value."""
        return _with_values(self.columns, rows)


def _with_values(
    columns: Iterable[Column[R]], rows: Sequence[R]
) -> tuple[Column[R], ...]:
    return tuple(c for c in columns if not c.optional or any(map(c.get, rows)))


def label_column(name: str, labels: Callable[[R], Mapping[str, str]]) -> Column[R]:
    """Return the column of the label *name*; *labels* takes all of them from a row."""

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


def lifted(column: Column[R], get: Callable[[S], R]) -> Column[S]:
    """Return *column* for rows that hold its rows; *get* takes one out of the other."""
    mark, note, severity = column.mark, column.note, column.severity
    return Column(
        key=column.key,
        header=column.header,
        kind=column.kind,
        get=through(column.get, get),
        about=column.about,
        group=column.group,
        last=column.last,
        typed=None if column.typed is None else through(column.typed, get),
        json_type=column.json_type,
        keep=column.keep,
        least=column.least,
        optional=column.optional,
        name=column.name,
        additive=column.additive,
        alarm=column.alarm,
        mark=None if mark is None else through(mark, get),
        note=None if note is None else through(note, get),
        severity=None if severity is None else through(severity, get),
        unset=None if column.unset is None else through(column.unset, get),
    )


def through(read: Callable[[R], T], get: Callable[[S], R]) -> Callable[[S], T]:
    """Return *read* for rows that hold the rows it takes."""
    return lambda row: read(get(row))


def unique(columns: Iterable[Column[R]]) -> tuple[Column[R], ...]:
    """Return *columns* without those whose key came before."""
    return tuple({column.key: column for column in columns}.values())


_DEFAULT_SORT: Final = "cpu.usage"
"""The order of ``--top`` where ``--sort`` names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement(Generic[R]):
    """Which rows are kept, in which order: ``--where``, ``--sort`` and ``--top``."""

    keep: Callable[[R], bool] | None = None
    order: tuple[tuple[Column[R], bool], ...] = ()
    top: int | None = None

    def kept(self, rows: Sequence[R]) -> Sequence[R]:
        """Return the rows for which the condition holds."""
        return rows if self.keep is None else list(filter(self.keep, rows))

    def sorted(self, rows: Sequence[R]) -> Sequence[R]:
        """Return *rows* in their order."""
        for column, falling in reversed(self.order):
            rows = _sorted(rows, column, falling=falling)
        return rows

    def first(self, rows: Sequence[R]) -> Sequence[R]:
        """Return as many of *rows* as are asked for."""
        return rows if self.top is None else rows[: self.top]

    def apply(self, rows: Sequence[R]) -> Sequence[R]:
        """Return the rows that are shown, in their order."""
        return self.first(self.sorted(self.kept(rows)))


def arrangement(
    table: Table[R],
    *,
    keep: Callable[[R], bool] | None = None,
    sort: Sequence[str] = (),
    top: int | None = None,
) -> Arrangement[R]:
    """Return the order by the keys of *sort*.

    Amounts, percentages, counts and ages have the largest first, as ``--sort-by`` of
    ``kubectl top``, and texts A to Z: ``+KEY`` is from the smallest to the largest,
    ``-KEY`` the other way round.

    Raises:
        UnknownColumnError: there is no such column.
    """
    keys = sort or ((_DEFAULT_SORT,) if top is not None else ())
    return Arrangement(
        keep=keep,
        order=tuple(_order(table, key) for key in keys),
        top=top,
    )


def _order(table: Table[R], key: str) -> tuple[Column[R], bool]:
    """Return the column to sort by, and whether the largest is first."""
    column = table.need(key.lstrip("+-"))
    falling = key.startswith("-") if key[:1] in "+-" else column.kind != "text"
    return column, falling


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


_FINE: Final = 10**18
"""Shares that differ by less than this fraction sort as equal."""
_MICROSECOND: Final = timedelta(microseconds=1)


def rank(value: Known) -> int | str:
    """Return the number or text that *value* is sorted by among values of its kind."""
    if isinstance(value, Quantity):
        return value.nanos
    if isinstance(value, Fraction):
        return value.numerator * _FINE // value.denominator
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    return value


UnitName: TypeAlias = Literal["auto", "m", "cores", "Ki", "Mi", "Gi", "raw"]
Show: TypeAlias = Callable[[Value], str]
"""Writes a known value of one kind."""

_NANO: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit of *nanos* nano-units, shown to *places* decimals, rounded *up* or not."""

    nanos: int
    suffix: str = ""
    places: int = 0
    up: bool = False

    def show(self, amount: int) -> str:
        """Return *amount*, in nano-units, as text in this unit."""
        step = self.nanos // 10**self.places
        steps = -(-amount // step) if self.up else amount // step
        if steps == 0 and amount > 0:
            return f"<{self._write(1)}"
        return self._write(steps)

    def _write(self, steps: int) -> str:
        if not self.places:
            return f"{steps}{self.suffix}"
        sign = "-" if steps < 0 else ""
        whole, part = divmod(abs(steps), 10**self.places)
        return f"{sign}{whole}.{part:0{self.places}}{self.suffix}"


_MILLICORES: Final = Unit(nanos=10**6, suffix="m", up=True)
_CORES: Final = Unit(nanos=_NANO, places=3, up=True)
_NANOCORES: Final = Unit(nanos=1)
_BYTES: Final = Unit(nanos=_NANO, up=True)
_KIBIBYTES: Final = Unit(nanos=1024 * _NANO, suffix="Ki")
_MEBIBYTES: Final = Unit(nanos=1024**2 * _NANO, suffix="Mi")
_GIBIBYTES: Final = Unit(nanos=1024**3 * _NANO, suffix="Gi", places=1)

_UNITS: Final[dict[Kind, dict[UnitName, Unit]]] = {
    "cpu": {"m": _MILLICORES, "cores": _CORES, "raw": _NANOCORES},
    "memory": {"Ki": _KIBIBYTES, "Mi": _MEBIBYTES, "Gi": _GIBIBYTES, "raw": _BYTES},
}
_MANY_GIBIBYTES: Final = 10 * _GIBIBYTES.nanos
_MANY_CORES: Final = 1000 * _CORES.nanos


@dataclass(frozen=True, slots=True)
class Units:
    """The units asked for; ``auto`` chooses one for each resource by what there is."""

    cpu: UnitName = "auto"
    memory: UnitName = "auto"

    @classmethod
    def parse(cls, text: str) -> Units:
        """Read ``--units``: one unit, or one for CPU and one for memory: ``m,Gi``.

        Raises:
            ValueError: no such unit; says which there are.
        """
        cpu: UnitName = "auto"
        memory: UnitName = "auto"
        for word in text.split(","):
            name = _NAMES.get(word.strip())
            if name is None:
                raise ValueError(
                    f"no unit {quoted(word.strip())}; there are {', '.join(_NAMES)}"
                )
            cpu = name if name in _UNITS["cpu"] else cpu
            memory = name if name in _UNITS["memory"] else memory
        return cls(cpu, memory)

    def settled(self, columns: Sequence[Column[R]], rows: Sequence[R]) -> Units:
        """Return the units of all amounts of *rows*, whatever of them is shown."""
        return Units(
            self._settle("cpu", self.cpu, columns, rows),
            self._settle("memory", self.memory, columns, rows),
        )

    def _settle(
        self,
        kind: Kind,
        asked: UnitName,
        columns: Sequence[Column[R]],
        rows: Sequence[R],
    ) -> UnitName:
        if asked != "auto":
            return asked
        readers = [c.get for c in columns if c.kind == kind and c.keep]
        values = (get(row) for get in readers for row in rows)
        return _chosen(kind, [v.nanos for v in values if isinstance(v, Quantity)])


AUTO: Final = Units()
_NAMES: Final[dict[str, UnitName]] = {
    "auto": "auto", "m": "m", "cores": "cores", "Ki": "Ki", "Mi": "Mi", "Gi": "Gi",
    "raw": "raw",
}  # fmt: skip
UNIT_NAMES: Final = tuple(_NAMES)
"""What ``--units`` takes."""


def formatter(kind: Kind, units: Units, values: Iterable[Value]) -> Show:
    """Return a function that writes each known one of *values*, all in one unit."""
    if kind in {"cpu", "memory"}:
        amounts = [v.nanos for v in values if isinstance(v, Quantity)]
        return _quantities(_unit(kind, units, amounts))
    return _SHOW[kind]


def _unit(kind: Kind, units: Units, amounts: list[int]) -> Unit:
    asked = units.cpu if kind == "cpu" else units.memory
    return _UNITS[kind][_chosen(kind, amounts) if asked == "auto" else asked]


def _chosen(kind: Kind, amounts: list[int]) -> UnitName:
    """Choose the larger unit where most amounts are of its size, and some far above."""
    if kind == "cpu":
        return "cores" if _suits(amounts, _CORES, _MANY_CORES) else "m"
    return "Gi" if _suits(amounts, _GIBIBYTES, _MANY_GIBIBYTES) else "Mi"


def _suits(amounts: list[int], unit: Unit, many: int) -> bool:
    """Whether the largest is at least *many*, and three in four are half a *unit*."""
    if max(map(abs, amounts), default=0) < many:
        return False
    sizes = sorted(abs(amount) for amount in amounts if amount)
    return sizes[len(sizes) // 4] * 2 >= unit.nanos


def _quantities(unit: Unit) -> Show:
    whole, suffix, up = 0 if unit.places else unit.nanos, unit.suffix, unit.up

    def show(value: Value) -> str:
        if not isinstance(value, Quantity):
            return UNKNOWN
        nanos = value.nanos
        if whole and (nanos >= whole or (up and nanos > 0)):  # as most are
            return f"{-(-nanos // whole) if up else nanos // whole}{suffix}"
        return unit.show(nanos)

    return show


def marked(mark: str, text: str) -> str:
    """Put *mark* before *text*: a lower bound of less than one is one of nothing."""
    if mark.startswith(PARTIAL) and text.startswith("<"):
        text = text[1:].replace("1", "0")
    return mark + text


def percent(value: Value) -> str:
    """Return a share of one as text, in whole per cent."""
    if value is None:
        return UNKNOWN
    share = cast("Fraction", value)
    whole = share.numerator * 100 // share.denominator
    return f"{whole}%" if whole or not value else "<1%"


def _age(value: Value) -> str:
    """Write an age as kubectl does: ``45s``, ``3m10s``, ``5h``, ``12d``."""
    return human_duration(value) if isinstance(value, timedelta) else UNKNOWN


def _plain(value: Value) -> str:
    return str(value)


_MONEY: Final = Unit(nanos=_NANO, places=4)
_CORE_HOURS: Final = Unit(nanos=_NANO, places=3)

_SHOW: Final[dict[Kind, Show]] = {
    "percent": percent, "age": _age, "count": _plain, "text": _plain,
    "money": _quantities(_MONEY), "core_hours": _quantities(_CORE_HOURS),
}  # fmt: skip
