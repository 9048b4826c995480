"""What ``nodes NAME`` shows below the row of a node: conditions, taints and pods.

The requests and limits of its pods are in per cent of its allocatable, as ``kubectl
describe node`` has them, and what they use beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ..frozen import dataclass
from ..models import Condition
from ..snapshot import NodeUsage, PodUsage
from ..snapshot.node_rows import Share
from ..snapshot.percentages import ratio
from ..table.columns import ALWAYS, PARTIAL, Column, Severity, TotalCell, Value
from ..table.render import TableOptions, render
from ..text import printable
from .nodes import taint_text
from .pods import pod_table, since
from .shared_columns import RESOURCES

_KEPT: Final = {"usage": 90, "pct_node_requests": 89, "pct_node_limits": 88,
                "requests": 60, "limits": 59, "pct_node": 58}  # fmt: skip
"""The amounts of a pod, and their `keep` here."""


def node_detail(
    node: NodeUsage, pods: Sequence[PodUsage], options: TableOptions
) -> Iterator[str]:
    """Return the lines below the row of *node*; *pods* are those of the snapshot."""
    options = replace(options, total=False, total_first=False, fixed=False)
    conditions = [_Dated(c, node.date, node) for c in _conditions(node)]
    if conditions:
        yield ""
        yield from render(conditions, _CONDITIONS, options).lines
    if node.node is not None:
        yield ""
        taints = ", ".join(map(taint_text, node.taints))
        yield f"Taints: {printable(taints) or 'none'}"
    here = [p for p in pods if p.node_name == node.name and p.state != "finished"]
    yield ""
    yield f"Pods: {len(here)}, their requests and limits as % of allocatable"
    if here:
        table = pod_table()
        whole = replace(options, total=True)
        totals = {**table.totals(here), **_shares(node)}
        yield from render(here, _pod_columns(), whole, totals).lines


def _shares(node: NodeUsage) -> dict[str, TotalCell]:
    """Return what all of its pods take of the node, by the keys of their columns."""
    cells: dict[str, TotalCell] = {}
    for of in RESOURCES:
        used = node.breakdown.pods_usage.get(of.name) if node.breakdown else None
        share = ratio(used, node.allocatable.get(of.name))
        mark = PARTIAL if node.breakdown and node.breakdown.unmeasured else ""
        cells[f"{of.key}.pct_node"] = TotalCell(share, mark)
        for base in _BASES:
            share = node.ratio(of.name, base)
            cells[f"{of.key}.pct_node_{base}"] = TotalCell(share)
    return cells


_BASES: Final[tuple[Share, ...]] = ("requests", "limits")


def _pod_columns() -> Sequence[Column[PodUsage]]:
    table = pod_table()
    amounts = (f"{of}.{key}" for of in ("cpu", "mem") for key in _KEPT)
    ordered = (*sorted(amounts, key=_place), "status", "reason")
    return (
        *(replace(table.need(key), keep=ALWAYS) for key in ("namespace", "name")),
        *(_kept(table.need(key)) for key in ordered),
    )


_ORDER: Final = ("usage", "pct_node", "requests", "pct_node_requests", "limits",
                 "pct_node_limits")  # fmt: skip


def _place(key: str) -> tuple[str, int]:
    of, _, what = key.partition(".")
    return of, _ORDER.index(what)


def _kept(column: Column[PodUsage]) -> Column[PodUsage]:
    return replace(column, keep=_KEPT.get(column.path[-1], column.keep))


@dataclass(frozen=True, slots=True)
class _Dated:
    """A condition of *node*, and the server's time when it was read."""

    condition: Condition
    date: datetime | None
    node: NodeUsage

    @property
    def bad(self) -> bool:
        """Whether it is not as it should be."""
        return self.condition in self.node.troubles


def _conditions(node: NodeUsage) -> tuple[Condition, ...]:
    return node.node.conditions if node.node else ()


def _held(row: _Dated) -> timedelta | None:
    return since(row.condition.since, row.date)


def _severity(row: _Dated) -> Severity | None:
    return "critical" if row.bad else None


def _message(row: _Dated) -> Value:
    return row.condition.message or None


_CONDITIONS: Final[tuple[Column[_Dated], ...]] = (
    Column(key="type", header="CONDITION", kind="text", keep=ALWAYS, name=True,
           get=lambda row: row.condition.type, about="its type"),
    Column(key="status", header="STATUS", kind="text", keep=ALWAYS,
           get=lambda row: row.condition.status, about="whether it holds",
           severity=_severity),
    Column(key="since", header="SINCE", kind="age", get=_held, keep=90,
           about="how long it has been so"),
    Column(key="reason", header="REASON", kind="text", keep=80,
           get=lambda row: row.condition.reason or None, about="why, in one word"),
    Column(key="message", header="MESSAGE", kind="text", get=_message, keep=70,
           about="why, as a sentence"),
)  # fmt: skip
