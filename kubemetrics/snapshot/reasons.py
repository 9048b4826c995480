"""Why a pod, container or node has no value: one reason, concluded from API facts.

Source of what providers leave out: metrics-server pkg/scraper/client/resource/decode.go
and pkg/storage/pod.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final, Literal, TypeAlias

from ..accounting import serving
from ..errors import DecodeError, Forbidden, KubeMetricsError, MetricsUnavailable
from ..frozen import dataclass
from ..jsonread import empty
from ..models.metrics import PodMetrics
from ..models.node import Node
from ..models.pod import Container, ContainerState, Pod
from ..times import rfc3339, whole_seconds
from .clock import Clock
from .parts import Part

ReasonCode: TypeAlias = Literal[
    "ApiAbsent", "ApiDown", "Forbidden", "ReadFailed",
    "Finished", "NotScheduled", "NotStarted", "Terminating",
    "NodeSilent", "ContainerNotRunning", "Restarted", "TooYoung", "Unreported",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """Why there is no value: the first *code* that holds, in the order of `ReasonCode`.

    *explanation* is one sentence for people. It says what the API showed; what it did
    not show is called possible, never a cause.

    ``ApiAbsent``, ``ApiDown``, ``Forbidden``, ``ReadFailed``: the metrics could not be
    read. ``Finished`` … ``Terminating``: none is to be expected. ``NodeSilent``: node
    metrics were read and lack the node. The others: see `reasons`.
    """

    code: ReasonCode
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """What was read beside a pod or node, which its row and its reason depend on.

    *measured_nodes* is ``None`` where node metrics could not be read: whether a node is
    silent is then not known. Neither is it of a node that is not among *nodes* where
    these are but *some_nodes*. *unread* says why single samples could not be read, by
    the keys of their pods.
    """

    clock: Clock
    pod_metrics: Part[PodMetrics] = field(default_factory=Part[PodMetrics])
    measured_nodes: frozenset[str] | None = None
    nodes: Mapping[str, Node] = field(default_factory=empty)
    some_nodes: bool = False
    warming: bool = False
    unread: Mapping[tuple[str, str], DecodeError] = field(
        default_factory=dict[tuple[str, str], DecodeError]
    )

    def knows(self, node: str) -> bool:
        """Whether it can be told if the metrics API has a sample of *node*."""
        read = node in self.nodes or not self.some_nodes
        return self.measured_nodes is not None and read


_TWO_SCRAPES: Final = "a provider may need two scrapes until it has a rate"

_Check: TypeAlias = Callable[[Pod, ClusterState], Reason | None]


def pod_reason(pod: Pod, cluster: ClusterState) -> Reason:
    """Return why *pod* has no sample: the reason of the first check that holds."""
    for check in _CHECKS:
        reason = check(pod, cluster)
        if reason is not None:
            return reason
    return _unreported(pod, cluster)


def error_reason(error: KubeMetricsError) -> Reason:
    """Return the reason for a part that could not be read because of *error*."""
    return Reason(_code(error), str(error))


def node_reason(name: str, cluster: ClusterState) -> Reason:
    """Return why node *name* has no sample although node metrics were read."""
    if cluster.warming:
        return Reason(
            "NodeSilent",
            "The metrics API has no sample of any node yet although nodes are Ready; "
            "that is so while it warms up.",
        )
    return Reason(
        "NodeSilent",
        f"The metrics API has no sample of node {name}{_condition(name, cluster)}.",
    )


def container_reason(container: Container, pod: Pod) -> Reason | None:
    """Return why *container* has no value, if its own status shows it."""
    state = container.state
    if container.kind == "init" and state.kind == "terminated":
        return Reason(
            "Finished",
            f"Init container {container.name} ran to its end ({_how(state)}).",
        )
    if state.kind in {"waiting", "terminated"} and not pod.finished:
        return _not_running(container)
    return None


def _code(error: KubeMetricsError) -> ReasonCode:
    if isinstance(error, MetricsUnavailable):
        return "ApiAbsent" if error.cause == "absent" else "ApiDown"
    return "Forbidden" if isinstance(error, Forbidden) else "ReadFailed"


def _unreadable(pod: Pod, cluster: ClusterState) -> Reason | None:
    error = cluster.pod_metrics.error(pod.namespace) or cluster.unread.get(pod.key)
    return None if error is None else error_reason(error)


def _finished(pod: Pod, _: ClusterState) -> Reason | None:
    if not pod.finished:
        return None
    why = f", reason {pod.reason}" if pod.reason else ""
    return Reason("Finished", f"It ran to its end: phase {pod.phase}{why}.")


def _not_scheduled(pod: Pod, _: ClusterState) -> Reason | None:
    if pod.node_name:
        return None
    scheduled = pod.condition("PodScheduled")
    why = _because(scheduled.reason, scheduled.message) if scheduled else ""
    return Reason("NotScheduled", f"It has no node yet{why}.")


def _not_started(pod: Pod, _: ClusterState) -> Reason | None:
    if pod.phase != "Pending":
        return None
    everyone = (*pod.init_containers, *pod.containers)
    waiting = next((c for c in everyone if c.state.kind == "waiting"), None)
    why = f": {_being(waiting)}" if waiting else ""
    return Reason("NotStarted", f"Its phase is Pending{why}.")


def _terminating(pod: Pod, _: ClusterState) -> Reason | None:
    if pod.deletion_timestamp is None:
        return None
    when = rfc3339(pod.deletion_timestamp)
    return Reason("Terminating", f"It is being deleted (deletionTimestamp {when}).")


def _node_silent(pod: Pod, cluster: ClusterState) -> Reason | None:
    measured = cluster.measured_nodes or ()
    if not cluster.knows(pod.node_name) or pod.node_name in measured:
        return None
    return node_reason(pod.node_name, cluster)


def _container_not_running(pod: Pod, _: ClusterState) -> Reason | None:
    stopped = (c for c in serving(pod) if c.state.kind in {"waiting", "terminated"})
    first = next(stopped, None)
    return None if first is None else _not_running(first)


def _restarted(pod: Pod, cluster: ClusterState) -> Reason | None:
    for container in serving(pod):
        if container.restarts or container.last_termination:
            age = cluster.clock.fresh(container.state.started_at, pod.node_name)
            if age is not None:
                return Reason(
                    "Restarted",
                    f"Container {container.name} restarted {whole_seconds(age)} ago; "
                    f"{_TWO_SCRAPES}.",
                )
    return None


def _too_young(pod: Pod, cluster: ClusterState) -> Reason | None:
    starts = [c.state.started_at for c in serving(pod)]
    known = [start for start in (*starts, pod.start_time) if start is not None]
    age = cluster.clock.fresh(max(known, default=None), pod.node_name)
    if age is None:
        return None
    return Reason("TooYoung", f"It started {whole_seconds(age)} ago; {_TWO_SCRAPES}.")


def _unreported(pod: Pod, cluster: ClusterState) -> Reason:
    runs = "It runs" if pod.phase == "Running" else f"Its phase is {pod.phase}"
    node = "its node reports"
    possible = (
        "a container that has used no CPU or memory, a kubelet that leaves it out"
    )
    if not cluster.knows(pod.node_name):
        node = "whether its node reports is not known"
        possible = f"a silent node, {possible}"
    return Reason(
        "Unreported",
        f"{runs}, {node}, and the provider gives no sample of it; possible causes: "
        f"{possible}, or the provider itself.",
    )


_CHECKS: Final[tuple[_Check, ...]] = (
    _unreadable,
    _finished,
    _not_scheduled,
    _not_started,
    _terminating,
    _node_silent,
    _container_not_running,
    _restarted,
    _too_young,
)


def _not_running(container: Container) -> Reason:
    return Reason("ContainerNotRunning", f"{_being(container, start='Container')}.")


def _being(container: Container, start: str = "container") -> str:
    """Describe a state: ``container app is waiting (CrashLoopBackOff; …)``."""
    known = [_how(container.state)]
    last = container.last_termination
    if last is not None and container.state.kind == "waiting":
        known.append(f"last ended with {_how(last)}")
    detail = "; ".join(filter(None, known))
    how = f" ({detail})" if detail else ""
    return f"{start} {container.name} is {container.state.kind}{how}"


def _how(state: ContainerState) -> str:
    code = "" if state.exit_code is None else f"exit code {state.exit_code}"
    return ", ".join(filter(None, (state.reason, code)))


def _condition(name: str, cluster: ClusterState) -> str:
    node = cluster.nodes.get(name)
    ready = (
        next((c for c in node.conditions if c.type == "Ready"), None) if node else None
    )
    if ready is None or ready.status == "True":
        return ""
    return f", whose Ready condition is {ready.status}{_because(ready.reason)}"


def _because(reason: str, message: str = "") -> str:
    text = ": ".join(filter(None, (reason, message.rstrip("."))))
    return f" ({text})" if text else ""
