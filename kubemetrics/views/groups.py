"""The columns of roll-ups: one table for any chain of keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..quantity import Quantity
from ..snapshot import Rollup
from ..table.columns import ALWAYS, WIDE, Column, Severity, Table
from .usage_columns import (
    RESOURCES,
    Resource,
    amount,
    demand_families,
    marks,
    quality,
    resource_columns,
)

_ALIASES: Final = {"cpu": "cpu.usage", "mem": "mem.usage", "memory": "mem.usage"}
_IDENTITY: Final = {"owner.kind": "workload_kind", "owner.name": "workload"}
_REPLICAS: Final = 22
"""The `keep` of the spread, where the members of a group are replicas."""


def groups(chain: Sequence[str], noun: str = "group") -> Table[Rollup]:
    """Return the columns of what `rollup` makes of this chain of keys."""
    rows = "CONTAINERS" if "container" in chain else "PODS"
    spread = _REPLICAS if "owner" in chain else WIDE
    names = _names(chain)
    return Table(
        kind="UsageRollup",
        noun=noun,
        nouns=f"{noun}s",
        identity={c.key: _IDENTITY.get(c.key, c.key) for c in names},
        columns=(
            *names,
            Column(key="count", header=rows, kind="count", get=_count, keep=45,
                   about=f"how many {rows.lower()} there are"),
            *_COVERAGE,
            *(c for of in RESOURCES for c in _amounts(of, spread)),
            Column(key="quality", header="QUALITY", kind="text", get=_quality,
                   about="ok, or partial: more is used than could be measured"),
        ),
        families=demand_families(),
        aliases=_ALIASES,
    )  # fmt: skip


def _amounts(of: Resource, spread: int) -> Iterator[Column[Rollup]]:
    """Make a resource's columns; a group has no node of its own."""
    for column in resource_columns(of, _mark):
        if column.key != f"{of.key}.pct_node":
            yield column
    yield from _spread(of, spread)


def _names(chain: Sequence[str]) -> tuple[Column[Rollup], ...]:
    """Make the columns of the keys; what has a namespace is shown with it."""
    names = [c for i, by in enumerate(chain) for c in _key_columns(i, by)]
    spaced = next((i for i, by in enumerate(chain) if by in {"owner", "pod"}), None)
    if spaced is None or "namespace" in chain:
        return tuple(names)
    return (_namespace(spaced), *names)


def _namespace(index: int) -> Column[Rollup]:
    def get(row: Rollup) -> str | None:
        return row.key[index].namespace or None

    return Column(key="namespace", header="NAMESPACE", kind="text", get=get,
                  keep=ALWAYS, name=True, about="the namespace")  # fmt: skip


def _key_columns(index: int, by: str) -> tuple[Column[Rollup], ...]:
    def value(row: Rollup) -> str | None:
        return row.key[index].value or None

    def kind(row: Rollup) -> str | None:
        return row.key[index].kind or None

    if by == "owner":
        return (
            Column(key="owner.kind", header="KIND", kind="text", get=kind, keep=75,
                   about="Deployment, DaemonSet, …; Pod where nothing owns it"),
            Column(key="owner.name", header="NAME", kind="text", get=value,
                   keep=ALWAYS, name=True, about="the workload's name"),
        )  # fmt: skip
    header = by.rpartition(":")[2].rpartition("/")[2].upper()
    return (
        Column(key=by.replace("-", "_") if ":" not in by else by, header=header,
               kind="text", get=value, keep=ALWAYS, name=True,
               about=f"the {by.replace(':', ' ')}"),
    )  # fmt: skip


def _spread(of: Resource, keep: int) -> tuple[Column[Rollup], ...]:
    name = of.name

    def least(row: Rollup) -> Quantity | None:
        return row.spread[name].least if name in row.spread else None

    def median(row: Rollup) -> Quantity | None:
        return row.spread[name].median if name in row.spread else None

    def most(row: Rollup) -> Quantity | None:
        return row.spread[name].most if name in row.spread else None

    return (
        amount(of, "least", least, "of the member that uses least", keep=keep,
               additive=False),
        amount(of, "median", median, "of the member in the middle", additive=False),
        amount(of, "most", most, "of the member that uses most", keep=keep,
               additive=False),
    )  # fmt: skip


def _count(row: Rollup) -> int:
    return row.rows


def _measured(row: Rollup) -> int:
    return row.coverage.measured


def _expected(row: Rollup) -> int:
    return row.coverage.expected


def _missing(row: Rollup) -> str | None:
    missing = (f"{count} {code}" for code, count in row.coverage.missing)
    return ",".join(missing) or None


def _mark(row: Rollup) -> str:
    return marks(partial=row.lower_bound)


def _quality(row: Rollup) -> str:
    return quality(_mark(row))


def _severity(row: Rollup) -> Severity | None:
    return "warning" if row.coverage.missing else None


_COVERAGE: Final[tuple[Column[Rollup], ...]] = (
    Column(key="coverage.measured", header="MEASURED", kind="count", get=_measured,
           keep=41, about="how many that should have a sample have one"),
    Column(key="coverage.expected", header="EXPECTED", kind="count", get=_expected,
           keep=WIDE, about="how many should have a sample"),
    Column(key="reason", header="REASON", kind="text", get=_missing, keep=80,
           optional=True, about="why the others have none", severity=_severity),
)  # fmt: skip
