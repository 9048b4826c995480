"""Rows as records: what ``-o json`` and ``ndjson`` print, for scripts.

The columns are those of the views, so that a record of the library is the command's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from ..snapshot import ContainerUsage, NodeUsage, PodUsage, Rollup
from ..snapshot.node_rollup import NodeRollup
from ..table import machine
from ..table.columns import Table
from .view import RowSelection, RowSource, View

if TYPE_CHECKING:
    from ..snapshot import Snapshot
    from ..snapshot.rows import RowKind, UsageRow

# ruff: noqa: PLC0415 - a view is imported for its own rows


def record(row: UsageRow) -> dict[str, Any]:
    """Return the record of one row, nested as JSON is."""
    table = _table_of(row)
    return next(machine.records(table, table.columns, (row,)))


def records_of(
    snapshot: Snapshot, kind: RowKind, *, flat: bool
) -> Iterator[dict[str, Any]]:
    """Return the record of each row of one *kind*; a *flat* one is not nested."""
    view = _VIEWS[kind]()
    rows = view.find("", snapshot, RowSelection()).rows
    write = machine.flat_records if flat else machine.records
    return write(view.table, view.table.columns, rows)


def document_of(snapshot: Snapshot, kind: RowKind) -> dict[str, Any]:
    """Return what ``-o json`` prints of the rows of one *kind*."""
    view = _VIEWS[kind]()
    found = view.find("", snapshot, RowSelection())
    source = RowSource(coverage=found.coverage, snapshot=snapshot)
    table = view.table
    document = machine.document(table, table.columns, found.rows, [source.as_json()])
    return {**document, "objects": list(source.objects())}


def _table_of(row: UsageRow) -> Table[Any]:
    if isinstance(row, Rollup):
        return _groups(tuple(key.by for key in row.key))
    if isinstance(row, NodeRollup):
        return _node_groups(tuple(key.by for key in row.key))
    kinds: dict[type[UsageRow], RowKind] = {
        PodUsage: "pods", ContainerUsage: "containers", NodeUsage: "nodes",
    }  # fmt: skip
    return _VIEWS[kinds[type(row)]]().table


@cache
def _groups(chain: tuple[str, ...]) -> Table[Rollup]:
    from .groups import group_table

    return group_table(chain)


@cache
def _node_groups(chain: tuple[str, ...]) -> Table[NodeRollup]:
    from .node_groups import node_group_table

    return node_group_table(chain)


@cache
def _pods() -> View[PodUsage]:
    from .pods import pod_view

    return pod_view()


@cache
def _containers() -> View[ContainerUsage]:
    from .containers import container_view

    return container_view()


@cache
def _nodes() -> View[NodeUsage]:
    from .nodes import node_view

    return node_view()


_VIEWS: dict[RowKind, Callable[[], View[Any]]] = {
    "pods": _pods,
    "containers": _containers,
    "nodes": _nodes,
}
