"""The views of ``--tree``: a node or a workload, below it its pods, and containers.

The rows of all levels stand in one table, each with the columns of its own level. What
is asked of rows is asked of the leaves; those above a leaf that is shown are shown too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from ..frozen import dataclass
from ..snapshot import (
    ContainerUsage,
    NodeUsage,
    PodUsage,
    Rollup,
    Snapshot,
    container_rows,
    rollup,
)
from ..table.columns import (
    ALWAYS,
    PARTIAL,
    UNKNOWN,
    WIDE,
    Arrangement,
    Column,
    Family,
    Severity,
    Table,
    TotalCell,
    Value,
)
from ..table.render import total
from .containers import container_table
from .groups import group_view
from .nodes import node_view
from .pods import pod_status, pod_table, pod_view
from .view import RowSelection, View, ViewRows

Prepare: TypeAlias = Callable[[Table[Any]], Table[Any]]
"""What adds columns to the table of each level, as ``--price`` does."""
_OF_NODES: Final[Mapping[str, str]] = {
    f"{of}.pct_node_{base}": f"{of}.pct_{past}"
    for of in ("cpu", "mem")
    for base, past in (("requests", "requested"), ("limits", "limited"))
}
"""The columns of pods that nodes have by another key: of the same meaning."""
_KEEP: Final = {"namespace": WIDE}
"""The `keep` of columns that names tell already."""
_KEEP_ON_NODE: Final = {
    **_KEEP, "node": WIDE, "restarts": WIDE, **{
        f"{of}.{share}": keep
        for of in ("cpu", "mem")
        for share, keep in (
            ("pct_node", 70), ("pct_node_requests", 60), ("pct_node_limits", 40),
            ("pct_request", WIDE), ("pct_limit", WIDE),
        )
    },
}  # fmt: skip
"""The `keep` of columns below a node: percentages are of the node."""


def _ready(row: Rollup) -> str:
    """Count the pods whose containers are all ready, of those that have not ended."""
    pods = [m.pod for m in row.members if isinstance(m, PodUsage) and m.pod]
    known = [pod_status(pod) for pod in pods if not pod.finished]
    return f"{sum(s.ready == s.containers for s in known)}/{len(known)}"


def _restarts(row: Rollup) -> int | None:
    counts = [_POD_RESTARTS(m) for m in row.members if isinstance(m, PodUsage)]
    known = [count for count in counts if isinstance(count, int)]
    return sum(known) if known else None


_POD_RESTARTS: Final = pod_table().need("restarts").get
_OF_GROUPS: Final[tuple[Column[Rollup], ...]] = (
    Column(key="status", header="STATUS", kind="text", get=_ready,
           about="how many of its pods are ready"),
    Column(key="restarts", header="RESTARTS", kind="count", get=_restarts,
           about="those of its pods"),
)  # fmt: skip
"""What groups have in a tree, beside what is below them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """One level of a tree: the columns of its rows, by key."""

    table: Table[Any]
    columns: Mapping[str, Column[Any]]

    @classmethod
    def of(cls, table: Table[Any]) -> _Level:
        columns = {column.key: column for column in table.columns}
        if table.kind == "NodeUsage":
            columns |= {key: columns[own] for key, own in _OF_NODES.items()}
        if table.kind == "UsageRollup":
            columns |= {column.key: column for column in _OF_GROUPS}
        return cls(table=table, columns=columns)

    def column(self, key: str) -> Column[Any] | None:
        """Return its column of this key, which may be of a family: ``label:app``."""
        found = self.columns.get(key)
        family = ":" in key and any(map(key.startswith, self.table.families))
        return self.table.need(key) if found is None and family else found


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRow:
    """A row of a tree: a *row* of its *level* with its *name*; a *leaf* has none below.

    *path* are the places of those above it and its own, *at* their names, and *branch*
    the lines that lead to it.
    """

    level: _Level
    row: Any
    name: str
    path: tuple[int, ...]
    at: str
    leaf: bool
    branch: str = ""

    def value(self, key: str) -> Value:
        """Return its cell in a column of its level; nothing where it has no such."""
        column = self.level.column(key)
        return column.get(self.row) if column else None


class TreeArrangement(Arrangement[TreeRow]):
    """Keeps leaves with what is above them, and orders rows below each row."""

    __slots__ = ()

    def kept(self, rows: Sequence[TreeRow]) -> Sequence[TreeRow]:
        """Return the leaves for which the condition holds, and what is above them."""
        if self.keep is None:
            return rows
        paths = {
            row.path[:depth]
            for row in rows
            if row.leaf and self.keep(row)
            for depth in range(1, len(row.path) + 1)
        }
        return [row for row in rows if row.path in paths]

    def sorted(self, rows: Sequence[TreeRow]) -> Sequence[TreeRow]:
        """Return *rows* in their order below each row, with the lines of the tree."""
        below: dict[tuple[int, ...], list[TreeRow]] = {}
        for row in rows:
            below.setdefault(row.path[:-1], []).append(row)
        order = Arrangement[TreeRow](order=self.order)
        ordered = {path: order.sorted(found) for path, found in below.items()}
        return list(_drawn(ordered, (), ""))

    def first(self, rows: Sequence[TreeRow]) -> Sequence[TreeRow]:
        """Return the first trees, each of them whole."""
        if self.top is None:
            return rows
        roots = [i for i, row in enumerate(rows) if len(row.path) == 1]
        return rows[: roots[self.top]] if self.top < len(roots) else rows


def _drawn(
    below: Mapping[tuple[int, ...], Sequence[TreeRow]],
    path: tuple[int, ...],
    lines: str,
) -> Iterator[TreeRow]:
    """Yield the rows below *path*; no blank is within the *lines* that lead there."""
    found = below.get(path, ())
    for row in found:
        last = row is found[-1]
        own = f"{lines}{'└─' if last else '├─'}" if path else ""
        yield replace(row, branch=own)
        further = f"{lines}{' ' if last else '│'}" if path else ""
        yield from _drawn(below, row.path, further)


def tree_view(kind: str, prepare: Prepare) -> View[TreeRow]:
    """Return the tree of one *kind* of rows: nodes, namespaces, workloads or pods."""
    root = _ROOTS[kind]()
    levels = _Levels.of(root, prepare)

    def find(
        context: str, snapshot: Snapshot, selection: RowSelection
    ) -> ViewRows[TreeRow]:
        found = root.find(context, snapshot, selection)
        grown = _Growth(levels, snapshot, selection).rows(found.rows)
        return ViewRows(list(grown), found.coverage, found.names)

    return View(
        table=_table(levels),
        find=find,
        named=root.named,
        of_nodes=root.of_nodes,
        everywhere=root.everywhere,
        pods_by_name=root.pods_by_name,
        arranged=_arranged,
    )


def _arranged(plain: Arrangement[TreeRow]) -> TreeArrangement:
    return TreeArrangement(keep=plain.keep, order=plain.order, top=plain.top)


_ROOTS: Final[Mapping[str, Callable[[], View[Any]]]] = {
    "nodes": node_view,
    "namespaces": lambda: group_view((), "namespaces"),
    "workloads": lambda: group_view((), "workloads"),
    "pods": pod_view,
}
TREES: Final = tuple(_ROOTS)
"""The views that can be trees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Levels:
    """The levels that a tree may have."""

    root: _Level
    owners: _Level
    pods: _Level
    containers: _Level

    @classmethod
    def of(cls, root: View[Any], prepare: Prepare) -> _Levels:
        owners = group_view(("owner",)).table
        tables = (root.table, owners, pod_table(), container_table())
        one, two, three, four = (_Level.of(prepare(table)) for table in tables)
        return cls(root=one, owners=two, pods=three, containers=four)


class _Growth:
    """Makes the rows of a tree of what is in a snapshot."""

    def __init__(
        self, levels: _Levels, snapshot: Snapshot, selection: RowSelection
    ) -> None:
        self._levels = levels
        self._spaced = not selection.scope.single
        self._on_node: dict[str, list[PodUsage]] = {}
        for pod in snapshot.pods:
            if pod.state != "finished":
                self._on_node.setdefault(pod.node_name, []).append(pod)
        self._of_pod: dict[tuple[str, str], list[ContainerUsage]] = {}
        for one in container_rows(snapshot.pods):
            self._of_pod.setdefault(one.row.key, []).append(one)

    def rows(self, roots: Sequence[Any]) -> Iterator[TreeRow]:
        """Yield *roots*, and all that is below each."""
        for place, row in enumerate(roots):
            name = _name(row, spaced=self._spaced)
            yield from self._grown(self._levels.root, row, name, (place,), name)

    def _grown(
        self,
        level: _Level,
        row: Any,  # noqa: ANN401 - of any level
        name: str,
        path: tuple[int, ...],
        at: str,
    ) -> Iterator[TreeRow]:
        below, rows = self._below(row)
        leaf = not rows
        yield TreeRow(level=level, row=row, name=name, path=path, at=at, leaf=leaf)
        spaced = isinstance(row, NodeUsage)
        for place, child in enumerate(rows):
            word = _name(child, spaced=spaced)
            where = f"{at}/{word}"
            yield from self._grown(below, child, word, (*path, place), where)

    def _below(self, row: Any) -> tuple[_Level, Sequence[Any]]:  # noqa: ANN401 - of any level
        """Return what is below a row, and of which level that is."""
        levels = self._levels
        if isinstance(row, NodeUsage):
            return levels.pods, self._on_node.get(row.name, ())
        if isinstance(row, PodUsage):
            return levels.containers, self._of_pod.get(row.key, ())
        if isinstance(row, ContainerUsage):
            return levels.containers, ()
        group: Rollup = row
        if group.key[-1].by == "namespace":
            return levels.owners, rollup(group.members, ("owner",))
        return levels.pods, group.members


def _name(row: Any, *, spaced: bool) -> str:  # noqa: ANN401 - of any level
    """Return the name of a row, behind its namespace where there are several."""
    if isinstance(row, Rollup):
        key = row.key[-1]
        kind = f"{key.kind.lower()}/" if key.kind else ""
        before = f"{key.namespace}/" if spaced and len(row.key) > 1 else ""
        return f"{before}{kind}{key.value or UNKNOWN}"
    if isinstance(row, PodUsage) and spaced:
        return f"{row.namespace}/{row.name}"
    name: str = row.name
    return name or UNKNOWN


def _table(levels: _Levels) -> Table[TreeRow]:
    """Return the columns of a tree: those of containers that other levels have too."""
    of_nodes = levels.root.table.kind == "NodeUsage"
    shared = [
        _delegated(_kept(column, of_nodes=of_nodes))
        for column in levels.containers.columns.values()
        if column.key in levels.pods.columns and column.key != "name"
    ]
    columns = _by_resource(shared)
    families = levels.pods.table.families.keys() & levels.containers.table.families
    return Table(
        kind="TreeRow",
        noun="row",
        nouns="rows",
        identity={"path": "path"},
        columns=(_NAME, *columns, _PATH),
        currency=levels.root.table.currency,
        families={prefix: _family(levels, prefix) for prefix in sorted(families)},
        aliases=levels.pods.table.aliases,
        totals=lambda rows: _totals(columns, levels.root.table, rows),
    )


def _kept(column: Column[Any], *, of_nodes: bool) -> Column[Any]:
    keep = (_KEEP_ON_NODE if of_nodes else _KEEP).get(column.key, column.keep)
    return replace(column, keep=keep, name=False)


def _by_resource(columns: Sequence[Column[TreeRow]]) -> list[Column[TreeRow]]:
    """Put all columns of CPU before those of memory, where the first of them is."""
    of_cpu = [c for c in columns if c.group == "cpu"]
    at = columns.index(of_cpu[0])
    before = [c for c in columns[:at] if c.group != "cpu"]
    return [*before, *of_cpu, *(c for c in columns[at:] if c.group != "cpu")]


def _family(levels: _Levels, prefix: str) -> Family[TreeRow]:
    return lambda name: _delegated(levels.containers.table.need(f"{prefix}{name}"))


def _delegated(column: Column[Any]) -> Column[TreeRow]:
    """Return *column* for a tree: each row asks the column of its own level."""
    key = column.key

    def own(row: TreeRow) -> Column[Any] | None:
        return row.level.column(key)

    def mark(row: TreeRow) -> str:
        of = own(row)
        return of.mark(row.row) if of and of.mark else ""

    def note(row: TreeRow) -> str:
        of = own(row)
        return of.note(row.row) if of and of.note else ""

    def severity(row: TreeRow) -> Severity | None:
        of = own(row)
        return of.severity(row.row) if of and of.severity else None

    def unset(row: TreeRow) -> bool:
        of = own(row)
        return bool(of and of.unset and of.unset(row.row))

    return Column(
        key=key,
        header=column.header,
        kind=column.kind,
        get=lambda row: row.value(key),
        about=column.about,
        group=column.group,
        keep=column.keep,
        least=column.least,
        optional=column.optional,
        additive=column.additive,
        alarm=column.alarm,
        last=column.last,
        mark=mark,
        note=note if column.note else None,
        severity=severity if column.severity else None,
        unset=unset,
    )


_NAME: Final[Column[TreeRow]] = Column(
    key="name", header="NAME", kind="text", get=lambda row: row.name, keep=ALWAYS,
    name=True, mark=lambda row: row.branch, about="its name, and what it is below",
)  # fmt: skip
_PATH: Final[Column[TreeRow]] = Column(
    key="path", header="PATH", kind="text", get=lambda row: row.at,
    about="its name behind the names of what it is below",
)  # fmt: skip


def _totals(
    columns: Sequence[Column[TreeRow]], table: Table[Any], rows: Sequence[TreeRow]
) -> Mapping[str, TotalCell]:
    """Return the cells of a total: of the roots, since these hold what is below."""
    roots = [row for row in rows if len(row.path) == 1]
    own = table.totals([row.row for row in roots])
    cells = {key: own[_OF_NODES.get(key, key)] for key in own.keys() | _OF_NODES
             if _OF_NODES.get(key, key) in own}  # fmt: skip
    for column in columns:
        if column.key not in cells:
            marks = "".join(column.mark(row) for row in roots if column.mark)
            value = total(column, [column.get(row) for row in roots])
            cells[column.key] = TotalCell(value, PARTIAL if PARTIAL in marks else "")
    return cells
