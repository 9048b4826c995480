"""Rows of several contexts in one table, and what machine formats say of each.

The views: what each makes of a snapshot, and which columns that has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Final, Generic, TypeVar

from ..frozen import dataclass
from ..snapshot import (
    ContainerUsage,
    Coverage,
    NodeUsage,
    PodUsage,
    Rollup,
    Snapshot,
    rollup,
)
from ..snapshot import containers as containers_of
from ..snapshot.parts import Scope, is_glob, matcher
from ..snapshot.rollup import key_of, owner
from ..snapshot.rows import node_coverage, pod_coverage
from ..table.columns import ALWAYS, Column, Family, Table
from ..table.machine import Json, plain
from ..times import rfc3339
from .container_columns import containers
from .groups import groups
from .node_columns import nodes
from .pod_columns import pods

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InContext(Generic[R_co]):
    """A row, and the context that it is from."""

    context: str
    row: R_co


def in_contexts(view: View[R]) -> View[InContext[R]]:
    """Return the same view for rows of several contexts."""
    table, resource = view.table, view.resource

    def find(
        context: str, snapshot: Snapshot, selection: RowSelection
    ) -> ViewRows[InContext[R]]:
        found = view.find(context, snapshot, selection)
        rows = [InContext(context, row) for row in found.rows]
        return ViewRows(rows, found.coverage, found.names)

    return View(
        table=Table(
            kind=table.kind,
            noun=table.noun,
            nouns=table.nouns,
            columns=(_context(), *map(_lifted, table.columns)),
            identity={"context": "context", **table.identity},
            families={p: _lifted_family(f) for p, f in table.families.items()},
            aliases=table.aliases,
        ),
        find=find,
        named=view.named,
        resource=None if resource is None else _through(resource),
        of_nodes=view.of_nodes,
        everywhere=view.everywhere,
        pods_by_name=view.pods_by_name,
    )


def _context() -> Column[InContext[object]]:
    def get(row: InContext[object]) -> str:
        return row.context

    return Column(key="context", header="CONTEXT", kind="text", get=get, keep=ALWAYS,
                  about="the kubeconfig context")  # fmt: skip


def _lifted(column: Column[R]) -> Column[InContext[R]]:
    return Column(
        key=column.key,
        header=column.header,
        kind=column.kind,
        get=_through(column.get),
        about=column.about,
        group=column.group,
        short=column.short,
        keep=column.keep,
        optional=column.optional,
        name=column.name,
        additive=column.additive,
        alarm=column.alarm,
        mark=None if column.mark is None else _through(column.mark),
        severity=None if column.severity is None else _through(column.severity),
    )


def _lifted_family(family: Family[R]) -> Family[InContext[R]]:
    return lambda name: _lifted(family(name))


def _through(get: Callable[[R], T]) -> Callable[[InContext[R]], T]:
    return lambda row: get(row.row)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSource:
    """Where rows came from: the *context*, and what was read there.

    *error* is why nothing was, in one line.
    """

    context: str = ""
    coverage: Coverage | None = None
    snapshot: Snapshot | None = None
    error: str = ""

    def as_json(self) -> dict[str, Json]:
        """Return the entry of ``metadata.sources`` in machine outputs."""
        found = self.snapshot
        return {
            "context": self.context or None,
            "date": rfc3339(found.date) if found and found.date else None,
            "cadence": plain(found.cadence) if found else None,
            "coverage": _counts(self.coverage) if self.coverage else None,
            "failures": _failures(found) if found else [],
            "unreadable": _unreadable(found) if found else [],
            "error": self.error or None,
        }


def _failures(found: Snapshot) -> list[Json]:
    return [
        {"part": f.part, "namespace": f.namespace or None, "message": str(f.error)}
        for f in found.failures
    ]


def _unreadable(found: Snapshot) -> list[Json]:
    return [
        {
            "part": lost.part,
            "namespace": lost.item.namespace or None,
            "name": lost.item.name or None,
            "message": str(lost.item.error),
        }
        for lost in found.unreadable
    ]


def _counts(coverage: Coverage) -> dict[str, Json]:
    return {
        "expected": coverage.expected,
        "measured": coverage.measured,
        "missing": dict(coverage.missing),
        "finished": coverage.finished,
        "waiting": coverage.waiting,
        "terminating": coverage.terminating,
        "orphans": coverage.orphans,
        "partial": coverage.partial,
        "stale": coverage.stale,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSelection:
    """Which rows are wanted: by *names* of what a view shows, and by *scope*."""

    names: tuple[str, ...] = ()
    scope: Scope = field(default_factory=Scope)

    @property
    def everything(self) -> bool:
        """Whether no row that was read is left out."""
        return not self.names and self.scope.complete

    def pods(
        self, rows: Sequence[PodUsage], named: Callable[[PodUsage], Sequence[str]]
    ) -> Sequence[PodUsage]:
        """Choose among pods; *named* gives the names that a row answers to."""
        if self.everything:
            return rows
        keeps = self.scope.keeps
        name = matcher(self.names or ("*",))
        return [
            row for row in rows if keeps(row.namespace) and any(map(name, named(row)))
        ]

    def nodes(self, rows: Sequence[NodeUsage]) -> Sequence[NodeUsage]:
        """Choose among nodes, which have no namespace."""
        if not self.names:
            return rows
        name = matcher(self.names)
        return [row for row in rows if name(row.name)]

    def unmatched(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return what was wanted by its exact name and is not among *names*."""
        found = frozenset(names)
        return tuple(n for n in self.names if n not in found and not is_glob(n))


def pod_names(row: PodUsage) -> Sequence[str]:
    """Return what a pod answers to."""
    return (row.name,)


def namespace_names(row: PodUsage) -> Sequence[str]:
    """Return what a pod answers to where namespaces are named."""
    return (row.namespace,)


def owner_names(row: PodUsage) -> Sequence[str]:
    """Return what a pod answers to where workloads are named: ``deployment/api``."""
    found = owner(row)
    return found.name, f"{found.kind.lower()}/{found.name}"


@dataclass(frozen=True, slots=True)
class ViewRows(Generic[R]):
    """The *rows* of a view, how far they are measured, and the *names* there are."""

    rows: Sequence[R]
    coverage: Coverage
    names: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Generic[R]):
    """One view: its columns, and its rows from a snapshot and a selection.

    *find* also takes the name of the context. *named* is what names on the command line
    are those of. *resource* writes a row as ``kind/name``. *of_nodes* views have no
    namespaces, those *everywhere* show all unless one is named, and *pods_by_name* says
    that a name on the command line is a pod's.
    """

    table: Table[R]
    find: Callable[[str, Snapshot, RowSelection], ViewRows[R]]
    named: str = "pods"
    resource: Callable[[R], str] | None = None
    of_nodes: bool = False
    everywhere: bool = False
    pods_by_name: bool = False


def pod_view() -> View[PodUsage]:
    """Return the view of pods."""
    return View(
        table=pods(),
        find=_from_pods(lambda rows: rows, pod_names),
        resource=lambda row: f"pod/{row.name}",
        pods_by_name=True,
    )


def container_view() -> View[ContainerUsage]:
    """Return the view of containers; they are chosen by the names of their pods."""
    return View(
        table=containers(),
        find=_from_pods(containers_of, pod_names),
        pods_by_name=True,
    )


def node_view() -> View[NodeUsage]:
    """Return the view of nodes."""

    def find(
        _: str, snapshot: Snapshot, selection: RowSelection
    ) -> ViewRows[NodeUsage]:
        rows = selection.nodes(snapshot.nodes)
        whole = not selection.names
        return ViewRows(
            rows,
            snapshot.node_coverage if whole else node_coverage(rows),
            [row.name for row in rows],
        )

    return View(
        table=nodes(),
        find=find,
        named="nodes",
        resource=lambda row: f"node/{row.name}",
        of_nodes=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBase:
    """What a view of sums begins with: its first *keys*, and what names name.

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
    members = containers_of if "container" in chain else _themselves

    def grouped(rows: Sequence[PodUsage]) -> Sequence[Rollup]:
        return rollup(members(rows), chain)

    return View(
        table=groups(chain, of.noun),
        find=_from_pods(grouped, of.names_of),
        named=base,
        resource=_RESOURCES.get(chain),
        everywhere=of.everywhere,
        pods_by_name=base == "pods",
    )


def _themselves(rows: Sequence[PodUsage]) -> Sequence[PodUsage]:
    return rows


def _workload(row: Rollup) -> str:
    found = row.key[-1]
    return f"{found.kind.lower()}/{found.value}"


_RESOURCES: Final[dict[tuple[str, ...], Callable[[Rollup], str]]] = {
    ("namespace",): lambda row: f"namespace/{row.key[0].value}",
    ("node",): lambda row: f"node/{row.key[0].value}",
    ("owner",): _workload,
    ("namespace", "owner"): _workload,
}


def _from_pods(
    make: Callable[[Sequence[PodUsage]], Sequence[R]],
    named: Callable[[PodUsage], Sequence[str]],
) -> Callable[[str, Snapshot, RowSelection], ViewRows[R]]:
    def find(_: str, snapshot: Snapshot, selection: RowSelection) -> ViewRows[R]:
        chosen = selection.pods(snapshot.pods, named)
        whole = selection.everything
        return ViewRows(
            make(chosen),
            snapshot.coverage if whole else pod_coverage(chosen),
            [name for row in chosen for name in named(row)] if selection.names else (),
        )

    return find
