"""A view: which rows of a snapshot are shown, with which columns and contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from ..frozen import dataclass
from ..snapshot import Coverage, NodeUsage, PodUsage, Snapshot
from ..snapshot.parts import Scope, is_glob, matcher
from ..snapshot.rollup import owner
from ..snapshot.rows import pod_coverage
from ..table.columns import (
    ALWAYS,
    Arrangement,
    Column,
    Family,
    Table,
    lifted,
    through,
)
from ..times import rfc3339

if TYPE_CHECKING:
    from ..table.machine import Json
    from ..table.render import TableOptions

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Generic[R]):
    """A table of rows of one kind: its columns, and its rows in a snapshot.

    *find* takes the name of the context, a snapshot and a selection. *named* says what
    the names on the command line are those of. *resource* writes a row as
    ``kind/name``. *of_nodes* views have no namespaces, those *everywhere* show all
    unless one is named, and *pods_by_name* says that a name on the command line is a
    pod's. *cluster_first* puts the total of a whole cluster before its rows, and
    *detail* gives the lines below the only row that is named. *members* is the table
    of what the rows of a view of sums are sums of. *arranged* makes of the usual
    arrangement that of rows which are no plain list.
    """

    table: Table[R]
    find: Callable[[str, Snapshot, RowSelection], ViewRows[R]]
    named: str = "pods"
    resource: Callable[[R], str] | None = None
    of_nodes: bool = False
    everywhere: bool = False
    pods_by_name: bool = False
    cluster_first: bool = False
    detail: Callable[[R, Snapshot, TableOptions], Iterator[str]] | None = None
    members: Table[Any] | None = None
    arranged: Callable[[Arrangement[R]], Arrangement[R]] | None = None


@dataclass(frozen=True, slots=True)
class ViewRows(Generic[R]):
    """The *rows* of a view, how far they are measured, and the *names* there are."""

    rows: Sequence[R]
    coverage: Coverage
    names: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSelection:
    """The rows that are asked for: by *names* of what a view shows, and by *scope*.

    *keep* tells which pods, or containers, a view of sums adds up.
    """

    names: tuple[str, ...] = ()
    scope: Scope = field(default_factory=Scope)
    keep: Callable[[Any], bool] | None = None

    @property
    def everything(self) -> bool:
        """Whether no row that was read is left out."""
        return not self.names and self.scope.complete

    def pods(
        self, rows: Sequence[PodUsage], named: Callable[[PodUsage], Sequence[str]]
    ) -> Sequence[PodUsage]:
        """Return the pods that are asked for; *named* gives the names of each."""
        if self.everything:
            return rows
        keeps = self.scope.keeps
        name = self._matcher()
        return [
            row for row in rows if keeps(row.namespace) and any(map(name, named(row)))
        ]

    def _matcher(self) -> Callable[[str], bool]:
        """Return what tells whether a name is asked for; a kind is by a kind alone."""
        bare = matcher([n for n in self.names if "/" not in n] if self.names else ["*"])
        kinds = matcher([n for n in self.names if "/" in n])
        return lambda name: kinds(name) if "/" in name else bare(name)

    def nodes(self, rows: Sequence[NodeUsage]) -> Sequence[NodeUsage]:
        """Return the nodes that are asked for; they have no namespace."""
        if not self.names:
            return rows
        name = matcher(self.names)
        return [row for row in rows if name(row.name)]

    def unmatched(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names asked for, but those with wildcards, that *names* lacks."""
        found = frozenset(names)
        return tuple(n for n in self.names if n not in found and not is_glob(n))


def rows_of_pods(
    make: Callable[[Sequence[PodUsage]], Sequence[R]],
    named: Callable[[PodUsage], Sequence[str]],
) -> Callable[[str, Snapshot, RowSelection], ViewRows[R]]:
    """Return the `View.find` of rows that *make* makes of the pods that are chosen.

    *named* gives the names that a pod answers to on the command line.
    """

    def find(_: str, snapshot: Snapshot, selection: RowSelection) -> ViewRows[R]:
        chosen = selection.pods(snapshot.pods, named)
        whole = selection.everything
        return ViewRows(
            make(chosen),
            snapshot.coverage if whole else pod_coverage(chosen),
            [name for row in chosen for name in named(row)] if selection.names else (),
        )

    return find


def pod_names(row: PodUsage) -> Sequence[str]:
    """Return the names that a pod answers to: its own, and ``kind/name`` of its owners.

    A Deployment's pods answer to the name of their ReplicaSet as well, and each to what
    ``-o name`` prints of several namespaces.
    """
    found = owner(row)
    direct = row.pod.owner if row.pod else None
    owned = (f"{direct.kind.lower()}/{direct.name}",) if direct else ()
    whole = f"{row.namespace}/pod/{row.name}"
    return (row.name, f"{found.kind.lower()}/{found.name}", *owned, whole)


def namespace_names(row: PodUsage) -> Sequence[str]:
    """Return the names that a pod answers to where namespaces are named."""
    return (row.namespace,)


def owner_names(row: PodUsage) -> Sequence[str]:
    """Return the names that a pod answers to where workloads are named."""
    found = owner(row)  # api, and deployment/api
    name = f"{found.kind.lower()}/{found.name}"
    return found.name, name, f"{row.namespace}/{name}"


@dataclass(frozen=True, slots=True)
class InContext(Generic[R_co]):
    """A row, and the context that it is from."""

    context: str
    row: R_co


def in_contexts(view: View[R]) -> View[InContext[R]]:
    """Return *view* for rows of several contexts, with a column of the context."""
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
            columns=(_CONTEXT, *(lifted(column, _row) for column in table.columns)),
            identity={"context": "context", **table.identity},
            families={p: _lifted_family(f) for p, f in table.families.items()},
            aliases=table.aliases,
            currency=table.currency,
            totals=lambda rows: table.totals(list(map(_row, rows))),
        ),
        find=find,
        named=view.named,
        resource=None if resource is None else through(resource, _row),
        of_nodes=view.of_nodes,
        everywhere=view.everywhere,
        pods_by_name=view.pods_by_name,
        cluster_first=view.cluster_first,
        members=view.members,
    )


def of_context(view: View[R], name: Callable[[], str]) -> View[R]:
    """Return *view* with a column of the one context, whose *name* is known later."""
    table = view.table

    def context(_: R) -> str | None:
        return name() or None

    column = Column(key="context", header="CONTEXT", kind="text", get=context,
                    about=_ABOUT)  # fmt: skip
    return replace(view, table=replace(table, columns=(column, *table.columns)))


def _row(row: InContext[R]) -> R:
    return row.row


def _lifted_family(family: Family[R]) -> Family[InContext[R]]:
    return lambda name: lifted(family(name), _row)


def _context(row: InContext[object]) -> str:
    return row.context


_ABOUT: Final = "the kubeconfig context"
_CONTEXT: Final[Column[InContext[object]]] = Column(
    key="context", header="CONTEXT", kind="text", get=_context, keep=ALWAYS,
    about=_ABOUT,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSource:
    """The *context* that rows came from, and what was read there.

    *error* is why nothing was, in one line. *range* is that of the past, of which there
    is no snapshot.
    """

    context: str = ""
    coverage: Coverage | None = None
    snapshot: Snapshot | None = None
    error: str = ""
    range: Mapping[str, Json] | None = None

    def objects(self) -> Iterator[Json]:
        """Return what was read, so that it can be read back and joined again."""
        from ..snapshot.document import objects_of  # noqa: PLC0415 - for JSON alone

        parts = self.snapshot.parts if self.snapshot else None
        return iter(()) if parts is None else objects_of(parts, self.context)

    def as_json(self) -> dict[str, Json]:
        """Return the entry of ``metadata.sources`` in machine outputs."""
        from ..table.machine import plain  # noqa: PLC0415 - for these formats alone

        if self.range is not None:
            return {"context": self.context or None, **self.range, "error": None}
        found = self.snapshot
        return {
            "context": self.context or None,
            "date": rfc3339(found.date) if found and found.date else None,
            "own_clock": found.own_clock if found else None,
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
        "unlisted": coverage.orphans,
        "partial": coverage.partial,
        "stale": coverage.stale,
    }
