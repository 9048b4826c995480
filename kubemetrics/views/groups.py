"""The views of sums, by any chain of keys: namespaces, workloads and every ``--by``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from ..frozen import dataclass
from ..jsonread import EMPTY
from ..quantity import Quantity
from ..snapshot import (
    ContainerUsage,
    PodUsage,
    Rollup,
    Snapshot,
    container_rows,
    rollup,
)
from ..snapshot.rollup import key_of
from ..snapshot.rows import pod_coverage
from ..table.columns import WIDE, Column, Severity, Table
from .containers import container_table
from .pods import pod_table
from .shared_columns import (
    INFERRED,
    RESOURCES,
    SWAP,
    USAGE_ALIASES,
    Resource,
    amount,
    demand_families,
    flaws_of,
    listed_flaws,
    marks,
    name_column,
    resource_columns,
    swap_column,
    usage_totals,
)
from .view import (
    RowSelection,
    View,
    ViewRows,
    namespace_names,
    owner_names,
    pod_names,
)

_IDENTITY: Final = {"owner.kind": "workload_kind", "owner.name": "workload"}
_REPLICAS: Final = 22
"""The `keep` of the spread, where the members of a group are replicas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBase:
    """The beginning of a view of sums: its first *keys*, and what names are those of.

    *names_of* gives the names that a pod answers to on the command line, *noun* is the
    word for a row, *everywhere* shows all namespaces unless one is named.
    """

    keys: tuple[str, ...]
    noun: str
    names_of: Callable[[PodUsage], Sequence[str]]
    everywhere: bool = False


BASES: Final = {
    "pods": GroupBase(keys=(), noun="group", names_of=pod_names),
    "namespaces": GroupBase(
        keys=("namespace",),
        noun="namespace",
        names_of=namespace_names,
        everywhere=True,
    ),
    "workloads": GroupBase(
        keys=("namespace", "owner"), noun="workload", names_of=owner_names
    ),
}


def group_view(chain: Sequence[str], base: str = "pods") -> View[Rollup]:
    """Return the view of a roll-up by the keys of *base*, then those of *chain*.

    *base* is what is named on the command line: pods, namespaces or workloads.

    Raises:
        ValueError: no such key; says which there are.
    """
    of = BASES[base]
    chain = tuple(dict.fromkeys([*of.keys, *chain]))
    for by in chain:
        key_of(by)
    of_containers = "container" in chain

    def find(_: str, snapshot: Snapshot, selection: RowSelection) -> ViewRows[Rollup]:
        chosen = selection.pods(snapshot.pods, of.names_of)
        rows: Sequence[PodUsage | ContainerUsage]
        rows = container_rows(chosen) if of_containers else chosen
        if selection.keep is not None:
            rows = list(filter(selection.keep, rows))
        whole = selection.everything and selection.keep is None
        counted = chosen if of_containers else rows
        return ViewRows(
            rollup(rows, chain),
            snapshot.coverage if whole else pod_coverage(counted),
            [n for row in chosen for n in of.names_of(row)] if selection.names else (),
        )

    return View(
        table=group_table(chain, of.noun),
        find=find,
        members=container_table() if of_containers else pod_table(),
        named=base,
        resource=_RESOURCES.get(chain),
        everywhere=of.everywhere,
        pods_by_name=base == "pods",
    )


def _workload(row: Rollup) -> str:
    found = row.key[-1]
    return f"{found.kind.lower()}/{found.value}"


_RESOURCES: Final[dict[tuple[str, ...], Callable[[Rollup], str]]] = {
    ("namespace",): lambda row: f"namespace/{row.key[0].value}",
    ("node",): lambda row: f"node/{row.key[0].value}",
    ("owner",): _workload,
    ("namespace", "owner"): _workload,
}


def group_table(chain: Sequence[str], noun: str = "group") -> Table[Rollup]:
    """Return the columns of roll-ups by this chain of keys; *noun* is one of them."""
    rows = "CONTAINERS" if "container" in chain else "PODS"
    spread = _REPLICAS if "owner" in chain else WIDE
    names = _names(chain)
    return Table(
        kind="UsageRollup",
        noun=noun,
        nouns=f"{noun}s",
        identity={
            c.key: _IDENTITY.get(c.key, c.key) for c in names if not c.optional
        },
        columns=(
            *names,
            Column(key="count", header=rows, kind="count", get=_count, keep=45,
                   about=f"how many {rows.lower()} there are"),
            *_COVERAGE,
            *(c for of in RESOURCES for c in _amounts(of, spread)),
            swap_column(_swap_mark),
            Column(key="quality", header="QUALITY", kind="text", get=_quality,
                   about="ok, or partial: more is used than could be measured",
                   typed=listed_flaws(_quality), json_type="array"),
        ),
        families=demand_families(),
        aliases={**USAGE_ALIASES, **_owner_aliases(chain)},
        totals=usage_totals,
    )  # fmt: skip


def _owner_aliases(chain: Sequence[str]) -> Mapping[str, str]:
    """Return what people call the columns of workloads, in sums that have them."""
    if "owner" not in chain:
        return {}
    return {
        "kind": "owner.kind", "owner": "owner.name", "workload": "owner.name",
        "deployment": "owner.name",
    }  # fmt: skip


def _amounts(of: Resource, spread: int) -> Iterator[Column[Rollup]]:
    """Return the columns of one resource; a group has no node of its own."""
    for column in resource_columns(of, _usage_mark):
        if column.key != f"{of.key}.pct_node":
            yield column
    yield from _spread(of, spread)


def _names(chain: Sequence[str]) -> tuple[Column[Rollup], ...]:
    """Return the columns of the keys, with the namespace of what has one."""
    names = [c for i, by in enumerate(chain) for c in _key_columns(i, by)]
    spaced = next((i for i, by in enumerate(chain) if by in {"owner", "pod"}), None)
    if spaced is None or "namespace" in chain:
        return tuple(names)
    return (_namespace(spaced), *names)


def _namespace(index: int) -> Column[Rollup]:
    def get(row: Rollup) -> str | None:
        return row.key[index].namespace or None

    return name_column("namespace", "NAMESPACE", get, "the namespace")


def _key_columns(index: int, by: str) -> tuple[Column[Rollup], ...]:
    def value(row: Rollup) -> str | None:
        return row.key[index].value or None

    def kind(row: Rollup) -> str | None:
        return row.key[index].kind or None

    def inferred(row: Rollup) -> str | None:
        return "true" if row.key[index].inferred else None

    def note(row: Rollup) -> str:
        return INFERRED if row.key[index].inferred else ""

    if by == "owner":
        return (
            Column(key="owner.kind", header="KIND", kind="text", get=kind, keep=75,
                   note=note, about="Deployment, DaemonSet, …; Pod where nothing owns"
                   " it; inferred: concluded from a name"),
            name_column("owner.name", "NAME", value, "the workload's name"),
            Column(key="owner.inferred", header="INFERRED", kind="text", get=inferred,
                   typed=lambda row: row.key[index].inferred, json_type="boolean",
                   about="whether it is concluded from a name", optional=True),
        )  # fmt: skip
    header = by.rpartition(":")[2].rpartition("/")[2].upper()
    key = by if ":" in by else by.replace("-", "_")
    return (name_column(key, header, value, f"the {by.replace(':', ' ')}"),)


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
    return row.count


def _measured(row: Rollup) -> int:
    return row.coverage.measured


def _expected(row: Rollup) -> int:
    return row.coverage.expected


def _missing(row: Rollup) -> str | None:
    missing = (f"{count} {code}" for code, count in row.coverage.missing)
    return ",".join(missing) or None


def _usage_mark(row: Rollup, resource: str) -> str:
    return marks(partial=resource in row.incomplete)


def _swap_mark(row: Rollup) -> str:
    """Return the mark of a sum of swap: of something that runs it is not known."""
    lacking = (
        m.state == "running" and SWAP.name not in (m.usage or EMPTY)
        for m in row.members
    )
    return marks(partial=any(lacking))


def _quality(row: Rollup) -> str:
    return flaws_of(marks(partial=row.lower_bound))


def _severity(row: Rollup) -> Severity | None:
    return "warning" if row.coverage.missing else None


_COVERAGE: Final[tuple[Column[Rollup], ...]] = (
    Column(key="coverage.measured", header="MEASURED", kind="count", get=_measured,
           keep=41, about="how many that should have a sample have one"),
    Column(key="coverage.expected", header="EXPECTED", kind="count", get=_expected,
           keep=WIDE, about="how many should have a sample"),
    Column(key="reason", header="REASON", kind="text", get=_missing, keep=80,
           optional=True, about="why the others have none", severity=_severity,
           last=True, unset=lambda row: not row.coverage.missing,
           typed=lambda row: dict(row.coverage.missing), json_type="object"),
)  # fmt: skip
