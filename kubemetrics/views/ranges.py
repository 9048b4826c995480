"""The view of a range of the past: what owners, pods or containers used in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from ..frozen import dataclass
from ..history.figures import Figures, ResourceFigures, Trace, sparkline
from ..jsonread import EMPTY
from ..models import CPU, MEMORY
from ..quantity import Quantity
from ..snapshot import LABEL, Coverage, Snapshot
from ..table.columns import PARTIAL, WIDE, Column, Kind, Table, Value
from .shared_columns import name_column
from .view import RowSelection, View, ViewRows

if TYPE_CHECKING:
    from .costs import Prices

RANGE_KEYS: Final[Mapping[str, Callable[[Trace], tuple[str, ...]]]] = {
    "namespace": lambda trace: (trace.namespace,),
    "owner": lambda trace: (trace.namespace, trace.owner_kind, trace.owner),
    "pod": lambda trace: (trace.namespace, trace.name),
    "container": lambda trace: (trace.container,),
    "node": lambda trace: (trace.node,),
}
"""What a range is summed by."""
_HOUR: Final = 3600
_NANO: Final = 10**9
_COLUMNS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "namespace": (("namespace", "NAMESPACE"),),
    "owner": (
        ("namespace", "NAMESPACE"), ("owner.kind", "KIND"), ("owner.name", "NAME"),
    ),
    "pod": (("namespace", "NAMESPACE"), ("pod", "POD")),
    "container": (("container", "CONTAINER"),),
    "node": (("node", "NODE"),),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RangeRow:
    """The *figures* of what has the same *key*: a text for each of its columns.

    Of nodes, which are no containers, restarts and OOM kills are not known.
    """

    key: tuple[str, ...]
    figures: Figures
    of_nodes: bool = False


def range_key(
    by: Sequence[str], labels: Mapping[str, Mapping[str, str]] = EMPTY
) -> Callable[[Trace], tuple[str, ...]]:
    """Return what tells the row of a series by the keys of *by*.

    *labels* are those of each object, by its uid.
    """

    def key(trace: Trace) -> tuple[str, ...]:
        texts: list[str] = []
        for name in by:
            if name.startswith(LABEL):
                found = labels.get(trace.uid, EMPTY)
                texts.append(found.get(name.removeprefix(LABEL), ""))
            else:
                texts += RANGE_KEYS[name](trace)
        return _without_repeats(texts, by)

    return key


def _columns_of(key: str) -> Sequence[tuple[str, str]]:
    """Return keys and headers of the columns by a key."""
    if key.startswith(LABEL):
        return ((key, key.removeprefix(LABEL).rpartition("/")[2].upper()),)
    return _COLUMNS[key]


def _without_repeats(key: Sequence[str], by: Sequence[str]) -> tuple[str, ...]:
    """Leave out what an earlier key says: the namespace of an owner's pod."""
    found: dict[str, str] = {}
    for name, text in zip(
        (n for one in by for n, _ in _columns_of(one)), key, strict=True
    ):
        found.setdefault(name, text)
    return tuple(found.values())


class RangeCoverage(Coverage):
    """Counts the rows of which too little was measured."""

    __slots__ = ()

    @property
    def sentence(self) -> str:
        """What the mark of those rows says."""
        return f"{PARTIAL} covers less than 95 %: a lower bound"


def range_view(
    by: Sequence[str], rows_of: Callable[[str], Sequence[RangeRow]], named: str
) -> View[RangeRow]:
    """Return the view by the keys of *by*; *rows_of* takes a context's label.

    *named* is what names are of.
    """

    def find(context: str, _: Snapshot, __: RowSelection) -> ViewRows[RangeRow]:
        rows = rows_of(context)
        partial = sum(row.figures.lower_bound for row in rows)
        return ViewRows(rows, RangeCoverage(partial=partial), ())

    return View(table=range_table(by), find=find, named=named, everywhere=True)


def range_table(by: Sequence[str]) -> Table[RangeRow]:
    """Return the columns of a range by these keys."""
    names = dict(column for one in by for column in _columns_of(one))
    keys = tuple(_name(i, *column) for i, column in enumerate(names.items()))
    return Table(
        kind="RangeUsage",
        noun="range",
        nouns="rows",
        identity={column.key: column.key for column in keys},
        columns=(*keys, *_FIGURES),
        aliases={"cpu": "cpu.avg", "mem": "mem.avg", "owner": "owner.name"},
    )


def priced_range(table: Table[RangeRow], prices: Prices) -> Table[RangeRow]:
    """Return *table* with what was used at these prices; of requests it keeps no sums.

    The price of an hour is of a core and of a byte.
    """
    unit = f" ({prices.currency})" if prices.currency else ""

    def used(row: RangeRow) -> Quantity:
        found = row.figures
        hours = {CPU: found.cpu.integral, MEMORY: found.memory.integral * _NANO}
        cost = sum(
            (prices.hour[name] * hours[name] for name in prices.hour), Fraction()
        )
        return Quantity.from_nanos(round(cost / _HOUR))

    column = Column(
        key="cost.used", header="COST-USED", kind="money", get=used, keep=87,
        about=f"the price of what was used in the range{unit}", mark=_mark,
    )  # fmt: skip
    at = next(i for i, known in enumerate(table.columns) if known.key == "restarts")
    return replace(
        table,
        columns=(*table.columns[:at], column, *table.columns[at:]),
        aliases={**table.aliases, "cost": column.key},
        currency=prices.currency,
    )


def _name(index: int, key: str, header: str) -> Column[RangeRow]:
    def get(row: RangeRow) -> str | None:
        return row.key[index] or None

    noun = key.replace(":", " ") if key.startswith(LABEL) else key.partition(".")[0]
    return name_column(key, header, get, f"the {noun}")


def _mark(row: RangeRow) -> str:
    return PARTIAL if row.figures.lower_bound else ""


def _figure(
    key: str,
    header: str,
    get: Callable[[Figures], Fraction | int | None],
    about: str,
    *,
    keep: int = WIDE,
    additive: bool = False,
) -> Column[RangeRow]:
    """Return a column of amounts: nanocores, or bytes."""
    of_cpu = key.startswith("cpu.")
    kind: Kind = "cpu" if of_cpu else "memory"

    def read(row: RangeRow) -> Value:
        value = get(row.figures)
        if value is None:
            return None
        return Quantity.from_nanos(int(value) * (1 if of_cpu else _NANO))

    group = key.partition(".")[0]
    return Column(
        key=key, header=header, kind=kind, get=read, about=about, group=group,
        keep=keep, additive=additive, mark=_mark,
    )  # fmt: skip


def _amounts(
    group: str,
    header: str,
    of: Callable[[Figures], ResourceFigures],
    noun: str,
    keeps: tuple[int, int, int, int],
) -> tuple[Column[RangeRow], ...]:
    """Return the columns of a mean, percentiles and the largest, with their *keeps*.

    Of memory the largest matters most: it is what a container is killed for.
    """
    average, median, high, most = keeps
    step = "of the sum, step by step; not known of hours"
    return (
        _figure(f"{group}.avg", f"{header}-AVG", lambda f: of(f).average,
                f"{noun}: mean over the range, of one series over what is measured",
                keep=average),
        _figure(f"{group}.p50", f"{header}-P50", lambda f: of(f).p50,
                f"{noun}: the median {step}", keep=median),
        _figure(f"{group}.p95", f"{header}-P95", lambda f: of(f).p95,
                f"{noun}: the 95th percentile {step}", keep=high),
        _figure(f"{group}.p99", f"{header}-P99", lambda f: of(f).p99,
                f"{noun}: the 99th percentile {step}"),
        _figure(f"{group}.max", f"{header}-MAX", lambda f: of(f).most,
                f"{noun}: the largest {step}; what is between samples is not seen",
                keep=most),
    )  # fmt: skip


def _coverage(row: RangeRow) -> Fraction | None:
    return row.figures.coverage


def _trend(row: RangeRow) -> str:
    return sparkline(row.figures.trend)


def _of_containers(get: Callable[[Figures], int]) -> Callable[[RangeRow], Value]:
    return lambda row: None if row.of_nodes else get(row.figures)


_FIGURES: Final[tuple[Column[RangeRow], ...]] = (
    replace(
        _figure("cpu.core_hours", "CORE-H", lambda f: f.cpu.integral / _HOUR,
                "core-hours used, an exact sum; ~ covers less than 95%",
                keep=90, additive=True),
        kind="core_hours",
    ),
    *_amounts("cpu", "CPU", lambda f: f.cpu, "CPU", (85, 30, 80, 75)),
    Column(key="trend", header="TREND", kind="text", get=_trend, keep=35,
           typed=lambda row: list(row.figures.trend), json_type="array",
           about="CPU in 24 parts of the range, nanocores in JSON; · was not measured"),
    *_amounts("mem", "MEM", lambda f: f.memory, "memory", (78, 25, 65, 86)),
    _figure("mem.last", "MEM-LAST", lambda f: f.memory.last, "memory: the last sample"),
    Column(key="restarts", header="RESTARTS", kind="count", keep=45,
           get=_of_containers(lambda f: f.restarts), about="restarts in the range"),
    Column(key="oom_kills", header="OOM", kind="count", keep=84,
           get=_of_containers(lambda f: f.oom_kills), about="OOM kills in the range"),
    Column(key="coverage", header="COVERED", kind="percent", get=_coverage, keep=70,
           about="how much of the time was measured, of CPU or memory the less"),
    Column(key="samples", header="SAMPLES", kind="count", keep=WIDE,
           get=lambda row: row.figures.samples, about="how many samples there are"),
    Column(key="percentiles", header="PERCENTILES", kind="text", keep=WIDE,
           get=lambda row: row.figures.percentiles or None,
           about="of samples, or of hours: up to 5% + 1m high"),
    Column(key="reason", header="REASON", kind="text", keep=WIDE, optional=True,
           get=lambda _: None, unset=lambda _: True, about="none: see COVERED"),
)  # fmt: skip
