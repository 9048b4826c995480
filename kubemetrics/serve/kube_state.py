"""What kube-state-metrics and cAdvisor tell beside usage, as far as pods and nodes do.

Only what is so has a series: the phase that a pod is in, the state of a container. Of
a ReplicaSet or a Job that has pods the workload above it is concluded, as everywhere.

Sources: kube-state-metrics, docs/metrics/workload/pod-metrics.md and its neighbours;
cAdvisor, docs/storage/prometheus.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from ..models import CPU, MEMORY
from ..models.pod import Container, Pod
from ..snapshot import NodeUsage, PodUsage
from ..snapshot.rollup import owner
from .exposition import Family, Metric, Point, decimal, labels

Pairs: TypeAlias = tuple[tuple[str, str], ...]

_LISTED: Final = ("regular", "sidecar")
"""The kinds of containers that go on as long as their pod does."""
_REASONS: Final = frozenset(
    {"Evicted", "NodeAffinity", "NodeLost", "Shutdown", "UnexpectedAdmissionError"}
)
"""The reasons of a pod's status that kube-state-metrics tells apart."""


class _Gathered:
    """The points of families, which are told one after the other."""

    def __init__(self) -> None:
        self._families: dict[Metric, list[Point]] = {}

    def family(self, name: str, about: str, *, counts: bool = False) -> list[Point]:
        """Return where the points of a new family are put."""
        metric = Metric(name, "counter" if counts else "gauge", about)
        return self._families.setdefault(metric, [])

    def __iter__(self) -> Iterator[Family]:
        return (Family(metric, points) for metric, points in self._families.items())


def of_pods(
    rows: Sequence[PodUsage], labelled: Callable[[PodUsage], Pairs]
) -> Iterator[Family]:
    """Return what is told of pods, their containers, ReplicaSets and Jobs."""
    known = [(row, row.pod) for row in rows if row.pod is not None]
    yield from _pods(known, labelled)
    yield from _owners(known)
    yield from _containers(pod for _, pod in known)


def _pods(
    known: Iterable[tuple[PodUsage, Pod]], labelled: Callable[[PodUsage], Pairs]
) -> Iterable[Family]:
    told = _Gathered()
    info = told.family("kube_pod_info", "Where a pod runs")
    owned = told.family("kube_pod_owner", "The controller of a pod")
    named = told.family("kube_pod_labels", "The labels of a pod that were asked for")
    phases = told.family("kube_pod_status_phase", "1 for the phase a pod is in")
    classes = told.family("kube_pod_status_qos_class", "1 for the QoS class of a pod")
    reasons = told.family("kube_pod_status_reason", "1 for why a pod failed")
    for row, pod in known:
        of = _of_pod(pod)
        kind, name = (pod.owner.kind, pod.owner.name) if pod.owner else ("", "")
        made = (
            ("node", pod.node_name),
            ("created_by_kind", kind),
            ("created_by_name", name),
            ("priority_class", pod.priority_class_name),
        )
        info.append(_one(of, *made))
        owned.append(_one(of, *_owning(kind, name)))
        phases.append(_one(of, ("phase", pod.phase or "Unknown")))
        if asked := labelled(row):
            named.append(_one(of, *asked))
        if pod.qos_class:
            classes.append(_one(of, ("qos_class", pod.qos_class)))
        if pod.reason in _REASONS:
            reasons.append(_one(of, ("reason", pod.reason)))
    return told


def _of_pod(pod: Pod) -> str:
    return labels((("namespace", pod.namespace), ("pod", pod.name), ("uid", pod.uid)))


def _one(of: str, *pairs: tuple[str, str]) -> Point:
    return Point(f"{of},{labels(pairs)}", "1")


def _owning(kind: str, name: str) -> Pairs:
    return (
        ("owner_kind", kind),
        ("owner_name", name),
        ("owner_is_controller", "true" if kind else ""),
    )


def _owners(known: Iterable[tuple[PodUsage, Pod]]) -> Iterable[Family]:
    """Tell whose the ReplicaSets and Jobs are that have pods."""
    told = _Gathered()
    owners = {
        "ReplicaSet": told.family(
            "kube_replicaset_owner", "The controller of a ReplicaSet that has pods"
        ),
        "Job": told.family("kube_job_owner", "The controller of a Job that has pods"),
    }
    seen = set[Pairs]()
    for row, pod in known:
        if pod.owner is None or pod.owner.kind not in owners:
            continue
        above = owner(row)
        kind, name = (above.kind, above.name)
        if (kind, name) == (pod.owner.kind, pod.owner.name):
            kind = name = ""
        label = "replicaset" if pod.owner.kind == "ReplicaSet" else "job_name"
        of = (("namespace", pod.namespace), (label, pod.owner.name))
        if of not in seen:
            seen.add(of)
            owners[pod.owner.kind].append(_one(labels(of), *_owning(kind, name)))
    return told


def _containers(pods: Iterable[Pod]) -> Iterable[Family]:
    told = _Gathered()
    of_state = {
        kind: told.family(f"{_STATUS}_{kind}", f"1 where a container {words}")
        for kind, words in _STATES.items()
    }
    ready = told.family(f"{_STATUS}_ready", "Whether a container is ready")
    waiting = told.family(f"{_STATUS}_waiting_reason", "1 for why a container waits")
    restarts = told.family(
        f"{_STATUS}_restarts", "How often a container was restarted", counts=True
    )
    reasons = told.family(
        f"{_STATUS}_last_terminated_reason", "1 for why a container ended last"
    )
    codes = told.family(
        f"{_STATUS}_last_terminated_exitcode", "With which code a container ended last"
    )
    for pod in pods:
        for container in _reported(pod):
            of = f"{_of_pod(pod)},{labels((('container', container.name),))}"
            state, last = container.state, container.last_termination
            of_state[state.kind].append(Point(of, "1"))
            ready.append(Point(of, str(int(container.ready))))
            restarts.append(Point(of, str(container.restarts)))
            if state.kind == "waiting" and state.reason:
                waiting.append(_one(of, ("reason", state.reason)))
            if last is not None and last.reason:
                reasons.append(_one(of, ("reason", last.reason)))
            if last is not None and last.exit_code is not None:
                codes.append(Point(of, str(last.exit_code)))
    return told


_STATUS: Final = "kube_pod_container_status"
_STATES: Final = {"running": "runs", "waiting": "waits", "terminated": "has ended"}


def _reported(pod: Pod) -> Iterator[Container]:
    """Return the containers that go on and of which a kubelet has told something."""
    for container in pod.all_containers:
        if container.kind in _LISTED and container.state.kind:
            yield container


def of_nodes(rows: Iterable[NodeUsage]) -> Iterable[Family]:
    """Return what is told of nodes.

    Each is an *instance* too, as the kubelets are whom cAdvisor is asked at.
    """
    told = _Gathered()
    info = told.family("kube_node_info", "1 for each node")
    cores = told.family("machine_cpu_cores", "The cores of a node")
    memory = told.family("machine_memory_bytes", "The memory of a node")
    for row in rows:
        node = row.node
        if node is None:
            continue
        of = labels((("node", node.name),))
        info.append(_one(of, ("kubelet_version", node.info.kubelet_version)))
        of = labels((("node", node.name), ("instance", node.name)))
        for resource, points in ((CPU, cores), (MEMORY, memory)):
            if resource in node.capacity:
                points.append(Point(of, decimal(node.capacity[resource].nanos)))
    return told
