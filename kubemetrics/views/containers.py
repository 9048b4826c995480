"""The view of containers: their columns; they are chosen by the names of their pods."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from ..models.pod import ContainerState
from ..snapshot import ContainerUsage, PodUsage, container_rows
from ..table.columns import Column, Severity, Table, lifted
from .pods import (
    NAMESPACE,
    NODE,
    POD_ALIASES,
    labelled,
    last_columns,
    restarted_note,
)
from .shared_columns import (
    EXPLANATION,
    REASON,
    HasLabels,
    demand_families,
    label_family,
    lacks,
    marks,
    name_column,
    node_share_columns,
    reason_columns,
    sample_columns,
    status_severity,
    swap_column,
    usage_columns,
    usage_totals,
)
from .view import View, pod_names, rows_of_pods


def container_view() -> View[ContainerUsage]:
    """Return the view of containers."""
    return View(
        table=container_table(),
        find=rows_of_pods(container_rows, pod_names),
        pods_by_name=True,
    )


def container_table() -> Table[ContainerUsage]:
    """Return the columns of containers."""
    return Table(
        kind="ContainerUsage",
        noun="container",
        nouns="containers",
        identity={"namespace": "namespace", "pod": "pod", "name": "container"},
        columns=(
            *_NAMES,
            *_STATUS,
            REASON,
            *map(_of_one, usage_columns(_usage_mark)),
            swap_column(),
            *node_share_columns(),
            *reason_columns(),
            lifted(NODE, _pod_row),
            *last_columns(_ended, _clock, lambda row: row.container is not None),
            *(lifted(column, _pod_row) for column in sample_columns(_sample_mark)),
            EXPLANATION,
        ),
        families={"label:": label_family(_labelled), **demand_families()},
        aliases=POD_ALIASES,
        totals=usage_totals,
    )


_IN_RESIZE: Final = "; in a resize the rows may add up to more than the pod"
"""A container's is the largest of what its spec and its status say, a pod's the largest
of their sums (component-helpers, ``PodRequests``)."""


def _of_one(column: Column[ContainerUsage]) -> Column[ContainerUsage]:
    if column.path[1:] not in {("requests",), ("limits",)}:
        return column
    return replace(column, about=f"{column.about}{_IN_RESIZE}")


def _pod_row(row: ContainerUsage) -> PodUsage:
    return row.row


def _labelled(row: ContainerUsage) -> HasLabels | None:
    return labelled(row.row)


def _usage_mark(row: ContainerUsage, resource: str) -> str:
    return marks(partial=lacks(row, resource), stale=row.row.stale)


def _sample_mark(row: PodUsage) -> str:
    return marks(stale=row.stale)


def _pod(row: ContainerUsage) -> str | None:
    return row.row.name or None


def _name(row: ContainerUsage) -> str | None:
    return row.name or None


def _kind(row: ContainerUsage) -> str | None:
    return row.kind


def _ready(row: ContainerUsage) -> str | None:
    if row.container is None:
        return None
    return "true" if row.container.ready else "false"


def _restarts(row: ContainerUsage) -> int | None:
    return row.container.restarts if row.container else None


def _state(row: ContainerUsage) -> str | None:
    """Return the reason of the container's state, or else its kind."""
    if row.container is None:
        return None
    state = row.container.state
    return state.reason or state.kind.capitalize() or None


def _severity(row: ContainerUsage) -> Severity | None:
    return status_severity(_state(row) or "")


def _restarted(row: ContainerUsage) -> str:
    last = row.container.last_termination if row.container else None
    if last is None or not _restarts(row):
        return ""
    return restarted_note(last.finished_at, row.row.date)


def _ended(row: ContainerUsage) -> ContainerState | None:
    return row.container.ended if row.container else None


def _clock(row: ContainerUsage) -> datetime | None:
    return row.row.date


_NAMES: Final[tuple[Column[ContainerUsage], ...]] = (
    lifted(NAMESPACE, _pod_row),
    name_column("pod", "POD", _pod, "the pod's name"),
    name_column("name", "NAME", _name, "the container's name"),
    Column(key="type", header="TYPE", kind="text", get=_kind, keep=25,
           about="regular, sidecar, init or ephemeral"),
)  # fmt: skip
_STATUS: Final[tuple[Column[ContainerUsage], ...]] = (
    Column(key="ready", header="READY", kind="text", get=_ready,
           about="whether it is ready", json_type="boolean",
           typed=lambda row: row.container.ready if row.container else None),
    Column(key="status", header="STATUS", kind="text", get=_state, keep=85,
           about="its state, or the reason of that state", severity=_severity),
    Column(key="restarts", header="RESTARTS", kind="count", get=_restarts, keep=45,
           note=_restarted, about="how often it was restarted"),
)  # fmt: skip
