"""Pods, nodes and samples as the API's JSON again: what a file of a snapshot keeps.

Each function is the inverse of a ``from_json``, which is its judge: what it writes is
read back as an equal value. It writes the fields that are read, and leaves out those
that are empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from ..times import rfc3339
from . import ActuatedResources, Condition, Quantities, Resources
from .metrics import NodeMetrics, PodMetrics
from .node import Node, Taint
from .pod import Container, ContainerState, OwnerReference, Pod

Json: TypeAlias = dict[str, Any]

_RUNS_ALWAYS: Final = {"restartPolicy": "Always"}


def written_pod(pod: Pod) -> Json:
    """Return *pod* as ``v1.Pod``."""
    spec = {
        "nodeName": pod.node_name,
        "priorityClassName": pod.priority_class_name,
        "overhead": _amounts(pod.overhead),
        **_stated("resources", _resources(pod.resources)),
        "containers": _specs(pod.containers),
        "initContainers": _specs(pod.init_containers),
        "ephemeralContainers": _specs(pod.ephemeral_containers),
    }
    status = {
        "phase": pod.phase,
        "reason": pod.reason,
        "message": pod.message,
        "qosClass": pod.qos_class,
        "startTime": _time(pod.start_time),
        "conditions": [_condition(condition) for condition in pod.conditions],
        **_stated("resources", _actuated(pod.status_resources)),
        **_stated("allocatedResources", _allocated(pod.allocated)),
        "nodeAllocatableResourceClaimStatuses": _claims(pod.claimed),
        "containerStatuses": _statuses(pod.containers, pod.reported),
        "initContainerStatuses": _statuses(pod.init_containers),
        "ephemeralContainerStatuses": _statuses(pod.ephemeral_containers),
    }
    meta = {
        **_meta(pod.name, pod.labels, pod.namespace, pod.uid, pod.creation_timestamp),
        "deletionTimestamp": _time(pod.deletion_timestamp),
        "ownerReferences": _owners(pod.owner),
    }
    return {"metadata": _some(meta), "spec": _some(spec), "status": _some(status)}


def written_node(node: Node) -> Json:
    """Return *node* as ``v1.Node``."""
    spec = {
        "unschedulable": node.unschedulable,
        "taints": [_taint(taint) for taint in node.taints],
    }
    swap = node.info.swap_capacity
    info = {
        "kubeletVersion": node.info.kubelet_version,
        "swap": {} if swap is None else {"capacity": swap},
    }
    status = {
        "capacity": _amounts(node.capacity),
        "allocatable": _amounts(node.allocatable),
        "conditions": [_dated(condition) for condition in node.conditions],
        "nodeInfo": _some(info),
    }
    meta = _meta(node.name, node.labels, "", node.uid, node.creation_timestamp)
    return _some({"metadata": meta, "spec": _some(spec), "status": _some(status)})


def written_pod_metrics(sample: PodMetrics) -> Json:
    """Return *sample* as ``PodMetrics`` of ``metrics.k8s.io``."""
    containers = [
        {"name": container.name, "usage": _amounts(container.usage)}
        for container in sample.containers
    ]
    meta = _meta(sample.name, sample.labels, sample.namespace)
    taken = _taken(sample.timestamp, sample.window)
    return _some({"metadata": meta, **taken, "containers": containers})


def written_node_metrics(sample: NodeMetrics) -> Json:
    """Return *sample* as ``NodeMetrics`` of ``metrics.k8s.io``."""
    meta, taken = (
        _meta(sample.name, sample.labels),
        _taken(sample.timestamp, sample.window),
    )
    return _some({"metadata": meta, **taken, "usage": _amounts(sample.usage)})


def _some(fields: Mapping[str, Any]) -> Json:
    """Leave out what is empty: no field that is read tells it from what is not there.

    Those that do are `_stated`.
    """
    return {
        key: value
        for key, value in fields.items()
        if value or isinstance(value, _Stated)
    }


class _Stated(dict[str, Any]):
    """A field whose being empty says something."""


def _stated(key: str, value: Json | None) -> Json:
    return {} if value is None else {key: _Stated(value)}


def _meta(
    name: str,
    labels: Mapping[str, str],
    namespace: str = "",
    uid: str = "",
    created: datetime | None = None,
) -> Json:
    return _some({
        "name": name,
        "namespace": namespace,
        "uid": uid,
        "creationTimestamp": _time(created),
        "labels": dict(labels),
    })  # fmt: skip


def _time(moment: datetime | None) -> str:
    return rfc3339(moment) if moment else ""


def _taken(timestamp: datetime | None, window: timedelta | None) -> Json:
    found = {"timestamp": _time(timestamp)}
    if window is not None:
        found["window"] = _duration(window)
    return found


def _duration(window: timedelta) -> str:
    """Write a window as Go reads it, to the microsecond."""
    micros = window // timedelta(microseconds=1)
    seconds, rest = divmod(abs(micros), 10**6)
    fraction = f".{rest:06}".rstrip("0").rstrip(".")
    return f"{'-' if micros < 0 else ''}{seconds}{fraction}s"


def _amounts(quantities: Quantities) -> dict[str, str]:
    return {name: str(quantity) for name, quantity in quantities.items()}


def _resources(found: Resources | None) -> Json | None:
    if found is None:
        return None
    requests, limits = _amounts(found.requests), _amounts(found.limits)
    return _some({"requests": requests, "limits": limits})


def _actuated(found: ActuatedResources | None) -> Json | None:
    if found is None:
        return None
    return {
        **_stated("requests", _allocated(found.requests)),
        **_stated("limits", _allocated(found.limits)),
    }


def _allocated(found: Quantities | None) -> Json | None:
    return None if found is None else _amounts(found)


def _claims(claimed: Quantities) -> list[Json]:
    return [{"resources": _amounts(claimed)}] if claimed else []


def _owners(owner: OwnerReference | None) -> list[Json]:
    if owner is None:
        return []
    return [{"kind": owner.kind, "name": owner.name, "controller": True}]


def _condition(condition: Condition) -> Json:
    return _some({
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
    })  # fmt: skip


def _dated(condition: Condition) -> Json:
    since = {"lastTransitionTime": _time(condition.since)}
    return {**_condition(condition), **_some(since)}


def _taint(taint: Taint) -> Json:
    fields = {"key": taint.key, "value": taint.value, "effect": taint.effect}
    return _some(fields)


def _specs(containers: Sequence[Container]) -> list[Json]:
    return [_spec(container) for container in containers]


def _spec(container: Container) -> Json:
    asked = _resources(Resources(container.requests, container.limits))
    always = _RUNS_ALWAYS if container.kind == "sidecar" else {}
    said = {"name": container.name, "image": container.image, "resources": asked}
    return {**_some(said), **always}


def _statuses(
    containers: Sequence[Container], reported: Sequence[str] = ()
) -> list[Json]:
    """Return the statuses in the order of *reported*, or that of a kubelet: by name."""
    found = {c.name: _status(c) for c in reversed(containers) if c.state.kind}
    return [found.get(name, {"name": name}) for name in reported or sorted(found)]


def _status(container: Container) -> Json:
    last = container.last_termination
    return _some({
        "name": container.name,
        "ready": container.ready,
        "started": container.started,
        "restartCount": container.restarts,
        "state": _state(container.state),
        "lastState": _state(last) if last else {},
        **_stated("resources", _actuated(container.status_resources)),
        **_stated("allocatedResources", _allocated(container.allocated)),
    })  # fmt: skip


def _state(state: ContainerState) -> Json:
    if state.kind == "running":
        return {"running": _some({"startedAt": _time(state.started_at)})}
    if state.kind == "waiting":
        return {"waiting": _some({"reason": state.reason})}
    ended = {
        "reason": state.reason,
        "exitCode": state.exit_code,
        "signal": state.signal,
        "startedAt": _time(state.started_at),
        "finishedAt": _time(state.finished_at),
    }
    return {"terminated": _some(ended)}
