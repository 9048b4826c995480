"""The columns of containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..snapshot import ContainerUsage, PodUsage, Reason
from ..table.columns import ALWAYS, Column, Severity, Table, label_column
from . import pod_columns
from .pod_columns import status_severity
from .usage_columns import (
    demand_families,
    explanation_column,
    marks,
    reason_column,
    sample_columns,
    unmeasured,
    usage_columns,
)


def containers() -> Table[ContainerUsage]:
    """Return the columns of containers."""
    return Table(
        kind="ContainerUsage",
        noun="container",
        nouns="containers",
        identity={"namespace": "namespace", "pod": "pod", "name": "container"},
        columns=(
            *_NAMES,
            *_STATUS,
            reason_column(_reason),
            *usage_columns(_mark),
            *_PLACE,
            *sample_columns(_row, _sample_mark),
            explanation_column(_reason),
        ),
        families={"label:": lambda n: label_column(n, _labels), **demand_families()},
        aliases=pod_columns.ALIASES,
    )


def _row(row: ContainerUsage) -> PodUsage:
    return row.row


def _labels(row: ContainerUsage) -> Mapping[str, str]:
    return pod_columns.labels(row.row)


def _reason(row: ContainerUsage) -> Reason | None:
    return row.reason


def _mark(row: ContainerUsage) -> str:
    return marks(partial=unmeasured(row), stale=row.row.stale)


def _sample_mark(row: ContainerUsage) -> str:
    return marks(stale=row.row.stale)


def _namespace(row: ContainerUsage) -> str | None:
    return row.row.namespace or None


def _pod(row: ContainerUsage) -> str | None:
    return row.row.name or None


def _name(row: ContainerUsage) -> str | None:
    return row.name or None


def _kind(row: ContainerUsage) -> str | None:
    return row.kind


def _node(row: ContainerUsage) -> str | None:
    return row.row.node_name or None


def _ready(row: ContainerUsage) -> str | None:
    if row.container is None:
        return None
    return "true" if row.container.ready else "false"


def _restarts(row: ContainerUsage) -> int | None:
    return row.container.restarts if row.container else None


def _state(row: ContainerUsage) -> str | None:
    """Name its state by its reason, as a pod's status does."""
    if row.container is None:
        return None
    state = row.container.state
    return state.reason or state.kind.capitalize() or None


def _severity(row: ContainerUsage) -> Severity | None:
    return status_severity(_state(row) or "")


def _last(row: ContainerUsage) -> str | None:
    ended = row.container.last_termination if row.container else None
    if ended is None:
        return None
    return f"{ended.reason or 'Terminated'} ({ended.exit_code})"


_NAMES: Final[tuple[Column[ContainerUsage], ...]] = (
    Column(key="namespace", header="NAMESPACE", kind="text", get=_namespace,
           keep=ALWAYS, name=True, about="the pod's namespace"),
    Column(key="pod", header="POD", kind="text", get=_pod, keep=ALWAYS, name=True,
           about="the pod's name"),
    Column(key="name", header="NAME", kind="text", get=_name, keep=ALWAYS, name=True,
           about="the container's name"),
    Column(key="type", header="TYPE", kind="text", get=_kind, keep=25,
           about="regular, sidecar, init or ephemeral"),
)  # fmt: skip
_STATUS: Final[tuple[Column[ContainerUsage], ...]] = (
    Column(key="ready", header="READY", kind="text", get=_ready,
           about="whether it is ready"),
    Column(key="status", header="STATUS", kind="text", get=_state, keep=85,
           about="its state, or the reason of that state", severity=_severity),
    Column(key="restarts", header="RESTARTS", kind="count", get=_restarts, keep=45,
           about="how often it was restarted"),
    Column(key="last", header="LAST", kind="text", get=_last,
           about="how it ended last: reason and exit code", optional=True),
)  # fmt: skip
_PLACE: Final[tuple[Column[ContainerUsage], ...]] = (
    Column(key="node", header="NODE", kind="text", get=_node, keep=12,
           about="where it runs"),
)  # fmt: skip
