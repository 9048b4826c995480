"""What kube-state-metrics and cAdvisor tell beside usage, as far as pods and nodes do.

Only what is so has a series: the phase that a pod is in, the state of a container. Of
a ReplicaSet or a Job that has pods the workload above it is concluded, as everywhere.

Sources: kube-state-metrics, docs/metrics/workload/pod-metrics.md and its neighbours;
cAdvisor, docs/storage/prometheus.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from ..models import CPU, MEMORY
from ..models.pod import Container, Pod
from ..snapshot import NodeUsage, PodUsage
from ..snapshot.rollup import owner
from .exposition import Family, Metric, MetricType, Point, decimal, labels

Pairs: TypeAlias = tuple[tuple[str, str], ...]

_LISTED: Final = ("regular", "sidecar")
"""The kinds of containers that go on as long as their pod does."""
_REASONS: Final = frozenset(
    {"Evicted", "NodeAffinity", "NodeLost", "Shutdown", "UnexpectedAdmissionError"}
)
"""The reasons of a pod's status that kube-state-metrics tells apart."""


_STATUS: Final = "kube_pod_container_status"
_OF_PODS: Final = {
    "kube_pod_info": "Where a pod runs",
    "kube_pod_owner": "The controller of a pod",
    "kube_pod_labels": "The labels of a pod that were asked for",
    "kube_pod_status_phase": "1 for the phase a pod is in",
    "kube_pod_status_qos_class": "1 for the QoS class of a pod",
    "kube_pod_status_reason": "1 for why a pod failed",
    "kube_replicaset_owner": "The controller of a ReplicaSet that has pods",
    "kube_job_owner": "The controller of a Job that has pods",
    f"{_STATUS}_running": "1 where a container runs",
    f"{_STATUS}_waiting": "1 where a container waits",
    f"{_STATUS}_terminated": "1 where a container has ended",
    f"{_STATUS}_ready": "Whether a container is ready",
    f"{_STATUS}_waiting_reason": "1 for why a container waits",
    f"{_STATUS}_restarts": "How often a container was restarted",
    f"{_STATUS}_last_terminated_reason": "1 for why a container ended last",
    f"{_STATUS}_last_terminated_exitcode": "With which code a container ended last",
}
_COUNTERS: Final = frozenset({f"{_STATUS}_restarts"})

Told: TypeAlias = tuple[tuple[str, Point], ...]
"""Points, each with the name of its family."""


def of_pods(told: Iterable[Told]) -> Iterator[Family]:
    """Return the families of what is told of pods."""
    families: dict[str, list[Point]] = {name: [] for name in _OF_PODS}
    for of_one in told:
        for name, point in of_one:
            families[name].append(point)
    for name, _ in _OWNED.values():  # each of its pods tells the same of a ReplicaSet
        families[name] = [*dict.fromkeys(families[name])]
    for name, points in families.items():
        kind: MetricType = "counter" if name in _COUNTERS else "gauge"
        yield Family(Metric(name, kind, _OF_PODS[name]), points)


def of_pod(row: PodUsage, asked: Pairs) -> Told:
    """Tell of a pod, with the labels *asked* for, its containers and what owns it."""
    pod = row.pod
    if pod is None:
        return ()
    of = labels((("namespace", pod.namespace), ("pod", pod.name), ("uid", pod.uid)))
    told = [*_pod(of, pod, asked), *_owner(row, pod)]
    for container in pod.all_containers:
        # Of one without a state no kubelet has told anything yet.
        if container.kind in _LISTED and container.state.kind:
            named = labels((("container", container.name),))
            told += _container(f"{of},{named}", container)
    return tuple(told)


def _pod(of: str, pod: Pod, asked: Pairs) -> Iterator[tuple[str, Point]]:
    kind, name = (pod.owner.kind, pod.owner.name) if pod.owner else ("", "")
    made = (
        ("node", pod.node_name),
        ("created_by_kind", kind),
        ("created_by_name", name),
        ("priority_class", pod.priority_class_name),
    )
    yield "kube_pod_info", _one(of, *made)
    yield "kube_pod_owner", _one(of, *_owning(kind, name))
    yield "kube_pod_status_phase", _one(of, ("phase", pod.phase or "Unknown"))
    if asked:
        yield "kube_pod_labels", _one(of, *asked)
    if pod.qos_class:
        yield "kube_pod_status_qos_class", _one(of, ("qos_class", pod.qos_class))
    if pod.reason in _REASONS:
        yield "kube_pod_status_reason", _one(of, ("reason", pod.reason))


def _one(of: str, *pairs: tuple[str, str]) -> Point:
    return Point(f"{of},{labels(pairs)}", "1")


def _owning(kind: str, name: str) -> Pairs:
    return (
        ("owner_kind", kind),
        ("owner_name", name),
        ("owner_is_controller", "true" if kind else ""),
    )


_OWNED: Final = {
    "ReplicaSet": ("kube_replicaset_owner", "replicaset"),
    "Job": ("kube_job_owner", "job_name"),
}


def _owner(row: PodUsage, pod: Pod) -> Iterator[tuple[str, Point]]:
    """Tell whose the ReplicaSet or the Job of a pod is."""
    if pod.owner is None or pod.owner.kind not in _OWNED:
        return
    name, label = _OWNED[pod.owner.kind]
    of = labels((("namespace", pod.namespace), (label, pod.owner.name)))
    above = owner(row)
    itself = (above.kind, above.name) == (pod.owner.kind, pod.owner.name)
    yield name, _one(of, *_owning(*(("", "") if itself else (above.kind, above.name))))


def _container(of: str, container: Container) -> Iterator[tuple[str, Point]]:
    state, last = container.state, container.last_termination
    yield f"{_STATUS}_{state.kind}", Point(of, "1")
    yield f"{_STATUS}_ready", Point(of, str(int(container.ready)))
    yield f"{_STATUS}_restarts", Point(of, str(container.restarts))
    if state.kind == "waiting" and state.reason:
        yield f"{_STATUS}_waiting_reason", _one(of, ("reason", state.reason))
    if last is not None and last.reason:
        yield f"{_STATUS}_last_terminated_reason", _one(of, ("reason", last.reason))
    if last is not None and last.exit_code is not None:
        code = Point(of, str(last.exit_code))
        yield f"{_STATUS}_last_terminated_exitcode", code


def of_nodes(rows: Iterable[NodeUsage]) -> Iterator[Family]:
    """Return what is told of nodes.

    Each is an *instance* too, as the kubelets are whom cAdvisor is asked at.
    """
    info, cores, memory = list[Point](), list[Point](), list[Point]()
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
    yield Family(Metric("kube_node_info", "gauge", "1 for each node"), info)
    yield Family(Metric("machine_cpu_cores", "gauge", "The cores of a node"), cores)
    yield Family(Metric("machine_memory_bytes", "gauge", "Its memory"), memory)
