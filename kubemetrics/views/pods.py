"""The view of pods: their columns, the status of ``kubectl get pods`` among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, NamedTuple, TypeVar

from ..models.pod import Container, ContainerState, Pod
from ..snapshot import PodUsage
from ..snapshot.rollup import owner
from ..table.columns import Column, Severity, Table
from ..times import human_duration
from .shared_columns import (
    EXPLANATION,
    INFERRED,
    REASON,
    USAGE_ALIASES,
    HasLabels,
    age_columns,
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

R = TypeVar("R")


def pod_view() -> View[PodUsage]:
    """Return the view of pods."""
    return View(
        table=pod_table(),
        find=rows_of_pods(_themselves, pod_names),
        resource=lambda row: f"pod/{row.name}",
        pods_by_name=True,
    )


def pod_table() -> Table[PodUsage]:
    """Return the columns of pods."""
    return Table(
        kind="PodUsage",
        noun="pod",
        nouns="pods",
        identity={"namespace": "namespace", "name": "pod"},
        columns=(
            NAMESPACE,
            _NAME,
            *_status_columns(),
            REASON,
            *usage_columns(_usage_mark),
            swap_column(_sample_mark),
            *node_share_columns(),
            *reason_columns(),
            NODE,
            *_OWNER,
            *sample_columns(_sample_mark),
            *last_columns(_ended, _clock, lambda row: row.pod is not None),
            *age_columns(_born, "the pod was created"),
            EXPLANATION,
        ),
        families={"label:": label_family(labelled), **demand_families()},
        aliases=POD_ALIASES,
        totals=usage_totals,
    )


POD_ALIASES: Final = {
    **USAGE_ALIASES, "ns": "namespace", "last": "last.reason", "kind": "owner.kind",
    "owner": "owner.name", "workload": "owner.name",
    "priority-class": "priority_class",
}  # fmt: skip


def last_columns(
    ended: Callable[[R], ContainerState | None],
    clock: Callable[[R], datetime | None],
    known: Callable[[R], bool],
) -> tuple[Column[R], ...]:
    """Return the columns of how a container *ended* last, and how long ago.

    *clock* is the server's time when the row was read; whether anything ended is
    *known* of what could be read.
    """

    def never(row: R) -> bool:
        return known(row) and ended(row) is None

    def reason(row: R) -> str | None:
        state = ended(row)
        return state_word(state) if state else None

    def code(row: R) -> int | None:
        state = ended(row)
        return state.exit_code if state else None

    def age(row: R) -> timedelta | None:
        state = ended(row)
        return since(state.finished_at if state else None, clock(row))

    return (
        Column(key="last.reason", header="LAST-REASON", kind="text", get=reason,
               about="how a container of it ended last: OOMKilled, Error, Completed, …",
               optional=True, unset=never),
        Column(key="last.exit_code", header="LAST-EXIT", kind="count", get=code,
               about="the exit code of that end", optional=True, additive=False,
               unset=never),
        Column(key="last.age", header="LAST-AGE", kind="age", get=age,
               about="how long ago that was, by the server's clock", optional=True,
               unset=never),
    )  # fmt: skip


def since(moment: datetime | None, now: datetime | None) -> timedelta | None:
    """Return how long ago *moment* was; the clock of a node may be ahead."""
    return max(now - moment, timedelta()) if now and moment else None


def _themselves(rows: Sequence[PodUsage]) -> Sequence[PodUsage]:
    return rows


def labelled(row: PodUsage) -> HasLabels | None:
    """Return the pod of a row, or its sample where the pod could not be read."""
    return row.pod or row.metrics


def _usage_mark(row: PodUsage, resource: str) -> str:
    if row.reason is None and not row.missing:  # as of most
        return marks(stale=row.stale)
    return marks(
        partial=row.partial_in(resource) or lacks(row, resource), stale=row.stale
    )


def _sample_mark(row: PodUsage) -> str:
    return marks(partial=row.partial, stale=row.stale)


def _namespace(row: PodUsage) -> str | None:
    return row.namespace or None


def _name(row: PodUsage) -> str | None:
    return row.name or None


def restarted_note(restarted: datetime | None, now: datetime | None) -> str:
    """Return what stands behind a number of restarts: `` (15d ago)``, as in kubectl."""
    ago = since(restarted, now)
    return "" if ago is None else f" ({human_duration(ago)} ago)"


def _ended(row: PodUsage) -> ContainerState | None:
    return row.pod.ended if row.pod else None


def _clock(row: PodUsage) -> datetime | None:
    return row.date


def _phase(row: PodUsage) -> str | None:
    return row.pod.phase or None if row.pod else None


def _node(row: PodUsage) -> str | None:
    return row.node_name or None


def _owner_kind(row: PodUsage) -> str | None:
    return owner(row).kind or None


def _owner_name(row: PodUsage) -> str | None:
    return owner(row).name or None


def _inferred(row: PodUsage) -> str | None:
    return "true" if owner(row).inferred else None


def _owner_note(row: PodUsage) -> str:
    return INFERRED if owner(row).inferred else ""


def _qos(row: PodUsage) -> str | None:
    return row.pod.qos_class or None if row.pod else None


def _priority(row: PodUsage) -> str | None:
    return row.pod.priority_class_name or None if row.pod else None


def _missing(row: PodUsage) -> str | None:
    return ",".join(row.missing) or None


def _extra(row: PodUsage) -> str | None:
    return ",".join(name or "(no name)" for name in row.extra) or None


def _born(row: PodUsage) -> datetime | None:
    return row.pod.creation_timestamp if row.pod else None


NAMESPACE: Final[Column[PodUsage]] = name_column(
    "namespace", "NAMESPACE", _namespace, "the pod's namespace"
)
NODE: Final[Column[PodUsage]] = Column(
    key="node", header="NODE", kind="text", get=_node, keep=12, about="where it runs",
    unset=lambda row: row.pod is not None and not row.node_name,
)  # fmt: skip
_NAME: Final[Column[PodUsage]] = name_column("name", "NAME", _name, "the pod's name")
_OWNER: Final[tuple[Column[PodUsage], ...]] = (
    Column(key="owner.kind", header="OWNER-KIND", kind="text", get=_owner_kind,
           about="what its workload is: Deployment, DaemonSet, …; inferred: concluded"
           " from a name", note=_owner_note),
    Column(key="owner.name", header="OWNER", kind="text", get=_owner_name,
           about="the workload that it belongs to"),
    Column(key="owner.inferred", header="INFERRED", kind="text", get=_inferred,
           typed=lambda row: owner(row).inferred, json_type="boolean",
           about="whether its workload is concluded from a name", optional=True),
    Column(key="qos", header="QOS", kind="text", get=_qos,
           about="Guaranteed, Burstable or BestEffort"),
    Column(key="priority_class", header="PRIORITY-CLASS", kind="text", get=_priority,
           about="the name of its priority class", optional=True,
           unset=lambda row: row.pod is not None and not row.pod.priority_class_name),
    Column(key="missing", header="NO-SAMPLE-OF", kind="text", get=_missing,
           about="running containers that the sample lacks", optional=True,
           unset=lambda row: row.metrics is not None and not row.missing,
           typed=lambda row: list(row.missing), json_type="array"),
    Column(key="extra", header="NOT-OF-POD", kind="text", get=_extra,
           about="what the sample has beyond the pod's containers", optional=True,
           unset=lambda row: row.metrics is not None and not row.extra,
           typed=lambda row: list(row.extra), json_type="array"),
)  # fmt: skip


class _StatusReader:
    """Reads the status of rows, as each of its columns shows it.

    That of the pod that was asked for last is kept: the cells of a row are read
    together.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[Pod | None, PodStatus] = (None, PodStatus("", 0, 0, 0))

    def _of(self, row: PodUsage) -> PodStatus | None:
        pod = row.pod
        if pod is None:
            return None
        known, status = self._last
        if known is not pod:
            status = pod_status(pod)
            self._last = pod, status
        return status

    def ready(self, row: PodUsage) -> str | None:
        status = self._of(row)
        return f"{status.ready}/{status.containers}" if status else None

    def ready_count(self, row: PodUsage) -> dict[str, int] | None:
        status = self._of(row)
        if status is None:
            return None
        return {"ready": status.ready, "containers": status.containers}

    def word(self, row: PodUsage) -> str | None:
        status = self._of(row)
        return status.word or None if status else None

    def severity(self, row: PodUsage) -> Severity | None:
        status = self._of(row)
        return status_severity(status.word) if status else None

    def restarts(self, row: PodUsage) -> int | None:
        status = self._of(row)
        return status.restarts if status else None

    def restarted(self, row: PodUsage) -> str:
        status = self._of(row)
        return restarted_note(status.restarted, row.date) if status else ""


def _status_columns() -> tuple[Column[PodUsage], ...]:
    of = _StatusReader()
    return (
        Column(key="ready", header="READY", kind="text", get=of.ready, keep=10,
               about="containers ready, of those that should be", typed=of.ready_count,
               json_type="object"),
        Column(key="status", header="STATUS", kind="text", get=of.word, keep=85,
               about="as 'kubectl get pods' shows it", severity=of.severity),
        Column(key="restarts", header="RESTARTS", kind="count", get=of.restarts,
               keep=45, note=of.restarted,
               about="as 'kubectl get pods' counts them"),
        Column(key="phase", header="PHASE", kind="text", get=_phase,
               about="Pending, Running, Succeeded, Failed or Unknown"),
    )  # fmt: skip


class PodStatus(NamedTuple):
    """A pod as kubectl shows it: a word, *ready* of *containers*, and *restarts*.

    *restarted* is when the container ended that was restarted last.
    """

    word: str
    ready: int
    containers: int
    restarts: int
    restarted: datetime | None = None


class _StatusPart(NamedTuple):
    """The part of a status that comes from the init containers, or from the others."""

    word: str
    ready: int
    restarts: int
    restarted: datetime | None = None
    sidecar_restarts: int = 0
    sidecar_restarted: datetime | None = None


def pod_status(pod: Pod) -> PodStatus:
    """Return STATUS, READY and RESTARTS of *pod* as ``kubectl get pods`` shows them.

    Source: kubernetes/pkg/printers/internalversion/printers.go, ``printPod``.
    """
    word = pod.reason or pod.phase
    if _gated(pod):
        word = "SchedulingGated"
    init = _initializing(pod) if pod.init_containers else _NOTHING
    ready, restarts, restarted = init.ready, init.restarts, init.restarted
    word = init.word or word
    if not init.word or _holds(pod, "Initialized"):
        main = _running(pod, word)
        word = main.word
        ready += main.ready
        restarts = init.sidecar_restarts + main.restarts
        restarted = _later(init.sidecar_restarted, main.restarted)
    if pod.deletion_timestamp is not None:
        word = _deleted(pod, word)
    return PodStatus(
        word, ready, _expected(pod), restarts, restarted if restarts else None
    )


_NOTHING: Final = _StatusPart("", 0, 0)


def _later(one: datetime | None, two: datetime | None) -> datetime | None:
    return two if one is None or (two is not None and one < two) else one


def _restart(container: Container) -> datetime | None:
    last = container.last_termination
    return last.finished_at if last else None


def _expected(pod: Pod) -> int:
    """Count the containers that should be ready."""
    count = len(pod.containers)
    for container in pod.init_containers:
        count += container.kind == "sidecar"
    return count


def _initializing(pod: Pod) -> _StatusPart:
    """Go through the init containers up to the first that is not done; name it."""
    ready = restarts = sidecars = 0
    restarted = sidecar_restarted = None
    word = ""
    reported = (c for c in pod.init_containers if c.state.kind)
    for index, container in enumerate(reported):
        state = container.state
        restarts += container.restarts
        restarted = _later(restarted, _restart(container))
        if container.kind == "sidecar":
            sidecars += container.restarts
            sidecar_restarted = _later(sidecar_restarted, _restart(container))
        if state.kind == "terminated" and state.exit_code == 0:
            continue
        if container.kind == "sidecar" and container.started:
            ready += container.ready
            continue
        word = _init_word(pod, index, state)
        break
    return _StatusPart(word, ready, restarts, restarted, sidecars, sidecar_restarted)


def _init_word(pod: Pod, index: int, state: ContainerState) -> str:
    if state.kind == "terminated":
        return f"Init:{state_word(state)}"
    if state.kind == "waiting" and state.reason not in {"", "PodInitializing"}:
        return f"Init:{state.reason}"
    return f"Init:{index}/{len(pod.init_containers)}"


def _running(pod: Pod, word: str) -> _StatusPart:
    """Go through the containers; the first one in the status has the last word."""
    ready = restarts = 0
    restarted = None
    for container in _as_reported(pod):
        state = container.state
        restarts += container.restarts
        if container.last_termination is not None:
            restarted = _later(restarted, container.last_termination.finished_at)
        if state.kind == "running":
            ready += container.ready
        elif state.kind == "waiting" and state.reason:
            word = state.reason
        elif state.kind == "terminated":
            word = state_word(state)
    if word == "Completed" and ready:
        word = "Running" if _holds(pod, "Ready") else "NotReady"
    return _StatusPart(word, ready, restarts, restarted)


def _as_reported(pod: Pod) -> list[Container]:
    """Order containers from last to first as the status has them.

    A kubelet sorts them by name (pkg/kubelet/types/types.go,
    ``SortedContainerStatuses``); a virtual one need not.
    """
    if len(pod.containers) == 1:
        return [*pod.containers]
    if not pod.reported:
        return sorted(pod.containers, key=_BY_NAME, reverse=True)
    place = {name: index for index, name in enumerate(pod.reported)}
    return sorted(pod.containers, key=lambda c: -place.get(c.name, 0))


_BY_NAME: Final = attrgetter("name")


def state_word(state: ContainerState) -> str:
    """Return kubectl's word for how a container ended."""
    if state.reason:
        return state.reason
    if state.signal:
        return f"Signal:{state.signal}"
    return f"ExitCode:{state.exit_code or 0}"


def _deleted(pod: Pod, word: str) -> str:
    if pod.reason == "NodeLost":
        return "Unknown"
    return word if pod.finished else "Terminating"


def _gated(pod: Pod) -> bool:
    for condition in pod.conditions:
        if condition.reason == "SchedulingGated" and condition.type == "PodScheduled":
            return True
    return False


def _holds(pod: Pod, condition: str) -> bool:
    return any(c.type == condition and c.status == "True" for c in pod.conditions)
