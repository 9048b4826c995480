"""The columns of pods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ..models import EMPTY
from ..snapshot import PodUsage, Reason
from ..snapshot.owners import owner
from .columns import ALWAYS, Column, Severity, Table, label_column
from .podstatus import pod_status
from .samples import (
    Now,
    age_columns,
    explanation_column,
    marks,
    reason_column,
    sample_columns,
    unmeasured,
)
from .status import status_severity
from .usage import demand_families, usage_columns

ALIASES: Final[Mapping[str, str]] = {
    "cpu": "cpu.usage", "mem": "mem.usage", "memory": "mem.usage", "ns": "namespace",
}  # fmt: skip


def pods(now: Now) -> Table[PodUsage]:
    """Return the columns of pods; *now* tells the server's time, for their ages."""
    return Table(
        kind="PodUsage",
        noun="pod",
        nouns="pods",
        identity={"namespace": "namespace", "name": "pod"},
        columns=(
            *_NAMES,
            *_STATUS,
            reason_column(_reason),
            *usage_columns(_mark),
            *_PLACE,
            *sample_columns(_itself, _mark),
            *age_columns(_born, now, "the pod was created"),
            explanation_column(_reason),
        ),
        families={"label:": lambda n: label_column(n, labels), **demand_families()},
        aliases=ALIASES,
    )


def labels(row: PodUsage) -> Mapping[str, str]:
    """Return the labels of the pod, or of its sample where that is all there is."""
    labelled = row.pod or row.metrics
    return labelled.labels if labelled else EMPTY


def _itself(row: PodUsage) -> PodUsage:
    return row


def _reason(row: PodUsage) -> Reason | None:
    return row.reason


def _mark(row: PodUsage) -> str:
    return marks(partial=row.partial or unmeasured(row), stale=row.stale)


def _namespace(row: PodUsage) -> str:
    return row.namespace


def _name(row: PodUsage) -> str:
    return row.name


def _ready(row: PodUsage) -> str | None:
    if row.pod is None:
        return None
    status = pod_status(row.pod)
    return f"{status.ready}/{status.containers}"


def _word(row: PodUsage) -> str | None:
    return pod_status(row.pod).word if row.pod else None


def _restarts(row: PodUsage) -> int | None:
    return pod_status(row.pod).restarts if row.pod else None


def _severity(row: PodUsage) -> Severity | None:
    return status_severity(pod_status(row.pod).word) if row.pod else None


def _phase(row: PodUsage) -> str | None:
    return row.pod.phase if row.pod else None


def _node(row: PodUsage) -> str | None:
    return row.pod.node_name if row.pod else None


def _owner_kind(row: PodUsage) -> str:
    return owner(row).kind


def _owner_name(row: PodUsage) -> str:
    return owner(row).name


def _qos(row: PodUsage) -> str | None:
    return row.pod.qos_class if row.pod else None


def _priority(row: PodUsage) -> str | None:
    return row.pod.priority_class_name if row.pod else None


def _missing(row: PodUsage) -> str:
    return ",".join(row.missing)


_NAMES: Final[tuple[Column[PodUsage], ...]] = (
    Column(key="namespace", header="NAMESPACE", kind="text", get=_namespace,
           keep=ALWAYS, name=True, about="the pod's namespace"),
    Column(key="name", header="NAME", kind="text", get=_name, keep=ALWAYS, name=True,
           about="the pod's name"),
)  # fmt: skip
_STATUS: Final[tuple[Column[PodUsage], ...]] = (
    Column(key="ready", header="READY", kind="text", get=_ready, keep=10,
           about="containers ready, of those that should be"),
    Column(key="status", header="STATUS", kind="text", get=_word, keep=85,
           about="as 'kubectl get pods' shows it", severity=_severity),
    Column(key="restarts", header="RESTARTS", kind="count", get=_restarts, keep=45,
           about="as 'kubectl get pods' counts them"),
    Column(key="phase", header="PHASE", kind="text", get=_phase,
           about="Pending, Running, Succeeded, Failed or Unknown"),
)  # fmt: skip
_PLACE: Final[tuple[Column[PodUsage], ...]] = (
    Column(key="node", header="NODE", kind="text", get=_node, keep=12,
           about="where it runs"),
    Column(key="owner.kind", header="OWNER-KIND", kind="text", get=_owner_kind,
           about="what its workload is: Deployment, DaemonSet, …"),
    Column(key="owner.name", header="OWNER", kind="text", get=_owner_name,
           about="the workload that it belongs to"),
    Column(key="qos", header="QOS", kind="text", get=_qos,
           about="Guaranteed, Burstable or BestEffort"),
    Column(key="priority_class", header="PRIORITY-CLASS", kind="text", get=_priority,
           about="the name of its priority class", optional=True),
    Column(key="missing", header="NOT-MEASURED", kind="text", get=_missing,
           about="running containers that the sample lacks", optional=True),
)  # fmt: skip


def _born(row: PodUsage) -> datetime | None:
    return row.pod.creation_timestamp if row.pod else None
