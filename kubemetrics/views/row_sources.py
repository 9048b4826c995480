"""Rows of several contexts in one table, and what machine formats say of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ..frozen import dataclass
from ..snapshot import Coverage, Snapshot
from ..table.columns import ALWAYS, Column, Family, Table
from ..table.machine import Json, plain
from ..times import rfc3339
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
