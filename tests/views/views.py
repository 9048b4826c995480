"""Every view of a snapshot, as tests want to go through them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kubemetrics.snapshot import Snapshot
from kubemetrics.table.columns import Column, Table, unique
from kubemetrics.table.machine import Json
from kubemetrics.views.containers import container_view
from kubemetrics.views.groups import group_view
from kubemetrics.views.node_groups import node_group_view
from kubemetrics.views.nodes import node_view
from kubemetrics.views.pods import pod_view
from kubemetrics.views.view import RowSelection, RowSource, View, in_contexts

from .hostile import hostile, unreadable
from .recorded import recorded

VIEWS = (
    "pods", "containers", "nodes", "namespaces", "workloads", "label:app", "many",
    "cluster", "pools",
)  # fmt: skip
SNAPSHOTS = ("recorded", "hostile", "unreadable")


class Shown(NamedTuple):
    """What a view shows of a snapshot."""

    table: Table[Any]
    columns: tuple[Column[Any], ...]
    rows: list[Any]
    sources: list[Json]


def snapshot(name: str) -> Snapshot:
    made: dict[str, Callable[[], Snapshot]]
    made = {"recorded": recorded, "hostile": hostile, "unreadable": unreadable}
    return made[name]()


def view(name: str) -> View[Any]:
    views: dict[str, Any] = {
        "pods": pod_view,
        "containers": container_view,
        "nodes": node_view,
        "namespaces": lambda: group_view(("namespace",), "namespaces"),
        "workloads": lambda: group_view(("namespace", "owner"), "workloads"),
        "label:app": lambda: group_view(("node", "label:app", "qos")),
        "cluster": lambda: node_group_view(()),
        "pools": lambda: node_group_view(("pool", "placement")),
        "many": lambda: in_contexts(pod_view()),
    }
    made: View[Any] = views[name]()
    return made


def shown(name: str, of: str) -> Shown:
    found = snapshot(of)
    made = view(name)
    contexts = ("one", "two") if name == "many" else ("",)
    parts = [made.find(context, found, RowSelection()) for context in contexts]
    table = made.table
    more = [
        column
        for key in ("label:app", "label:a-b", "label:a.b", "requests:cpu", "limits:gpu")
        if (column := table.get(key))
    ]
    return Shown(
        table,
        unique((*table.columns, *more)),
        [row for part in parts for row in part.rows],
        [
            RowSource(context=context, coverage=part.coverage, snapshot=found).as_json()
            for context, part in zip(contexts, parts, strict=True)
        ],
    )
