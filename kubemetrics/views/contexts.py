"""Rows of several clusters in one table: the same columns, and one for the context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ..frozen import dataclass
from ..snapshot import Snapshot
from ..table.columns import ALWAYS, Column, Family, Table
from .view import RowSelection, View, ViewRows

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
