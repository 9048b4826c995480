"""Pods and nodes as the file keeps them: JSON from which they are read back, equal.

It is the API's own shape, of the fields that are read and no other, so that a past
moment is joined by the code of the present, and by that of later versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from ..models import ActuatedResources, Condition, Quantities, Resources
from ..models.node import Node
from ..models.pod import Container, ContainerState, Pod
from ..times import rfc3339

Json: TypeAlias = dict[str, Any]


def body(kept: Pod | Node) -> str:
    """Return the JSON text of a pod or a node."""
    made = pod_object(kept) if isinstance(kept, Pod) else node_object(kept)
    return json.dumps(made, separators=(",", ":"))


def pod_object(pod: Pod) -> Json:
    """Return what `Pod.from_json` reads as an equal pod."""
    owners = None
    if pod.owner is not None:
        reference = {"kind": pod.owner.kind, "name": pod.owner.name, "controller": True}
        owners = [reference]
    statuses = {container.name: container for container in pod.containers}
    order = pod.reported or sorted(statuses)
    return _stated(
        metadata=_stated(
            name=pod.name,
            namespace=pod.namespace,
            uid=pod.uid,
            labels=dict(pod.labels),
            creationTimestamp=_time(pod.creation_timestamp),
            deletionTimestamp=_time(pod.deletion_timestamp),
            ownerReferences=owners,
        ),
        spec=_stated(
            nodeName=pod.node_name,
            containers=[_spec(c) for c in pod.containers],
            initContainers=[_spec(c) for c in pod.init_containers],
            ephemeralContainers=[_spec(c) for c in pod.ephemeral_containers],
            overhead=_texts(pod.overhead),
            priorityClassName=pod.priority_class_name,
            resources=_resources(pod.resources),
        )
        | ({"resources": {}} if _empty(pod.resources) else {}),
        status=_stated(
            phase=pod.phase,
            reason=pod.reason,
            message=pod.message,
            qosClass=pod.qos_class,
            startTime=_time(pod.start_time),
            conditions=[_condition(c) for c in pod.conditions],
            containerStatuses=_statuses(statuses[name] for name in order),
            initContainerStatuses=_statuses(pod.init_containers),
            ephemeralContainerStatuses=_statuses(pod.ephemeral_containers),
            nodeAllocatableResourceClaimStatuses=[{"resources": _texts(pod.claimed)}]
            if pod.claimed
            else None,
        )
        | _known("resources", _actuated(pod.status_resources))
        | _known("allocatedResources", _texts(pod.allocated)),
    )


def node_object(node: Node) -> Json:
    """Return what `Node.from_json` reads as an equal node."""
    info = _stated(kubeletVersion=node.info.kubelet_version)
    if node.info.swap_capacity is not None:
        info["swap"] = {"capacity": node.info.swap_capacity}
    return _stated(
        metadata=_stated(
            name=node.name,
            uid=node.uid,
            labels=dict(node.labels),
            creationTimestamp=_time(node.creation_timestamp),
        ),
        spec=_stated(
            unschedulable=node.unschedulable,
            taints=[
                {"key": t.key, "value": t.value, "effect": t.effect}
                for t in node.taints
            ],
        ),
        status=_stated(
            capacity=_texts(node.capacity),
            allocatable=_texts(node.allocatable),
            conditions=[_condition(c) for c in node.conditions],
            nodeInfo=info,
        ),
    )


def _stated(**fields: Any) -> Json:  # noqa: ANN401 - JSON values
    """Leave out what reads as nothing: empty texts, lists and maps, false, ``None``."""
    return {key: value for key, value in fields.items() if value}


def _known(key: str, value: Json | None) -> Json:
    """Keep a map that is empty, where none at all would mean another thing."""
    return {} if value is None else {key: value}


def _time(moment: datetime | None) -> str:
    return "" if moment is None else rfc3339(moment)


def _texts(amounts: Quantities | None) -> Json | None:
    if amounts is None:
        return None
    return {name: str(amount) for name, amount in amounts.items()}


def _resources(found: Resources | None) -> Json:
    if found is None:
        return {}
    return _stated(requests=_texts(found.requests), limits=_texts(found.limits))


def _empty(found: Resources | None) -> bool:
    return found is not None and not _resources(found)


def _actuated(found: ActuatedResources | None) -> Json | None:
    if found is None:
        return None
    return _known("requests", _texts(found.requests)) | _known(
        "limits", _texts(found.limits)
    )


def _condition(found: Condition) -> Json:
    return _stated(
        type=found.type,
        status=found.status,
        reason=found.reason,
        message=found.message,
        lastTransitionTime=_time(found.since),
    )


def _spec(found: Container) -> Json:
    return _stated(
        name=found.name,
        restartPolicy="Always" if found.kind == "sidecar" else "",
        resources=_resources(Resources(found.requests, found.limits)),
    )


def _statuses(containers: Iterable[Container]) -> list[Json]:
    """Return the statuses of those that have one."""
    return [_status(c) for c in containers if c.state.kind]


def _status(found: Container) -> Json:
    last = found.last_termination
    return (
        _stated(
            name=found.name,
            ready=found.ready,
            started=found.started,
            restartCount=found.restarts,
            state=_state(found.state),
            lastState=None if last is None else _state(last),
        )
        | _known("resources", _actuated(found.status_resources))
        | _known("allocatedResources", _texts(found.allocated))
    )


def _state(found: ContainerState) -> Json:
    facts = _stated(
        reason=found.reason,
        exitCode=found.exit_code,
        signal=found.signal,
        startedAt=_time(found.started_at),
        finishedAt=_time(found.finished_at),
    )
    return {found.kind: facts}


def restarts_of(kept: Mapping[str, Any]) -> dict[str, int]:
    """Return how often each container had been restarted, by what is kept of a pod."""
    status = kept.get("status", {})
    return {
        found["name"]: found.get("restartCount", 0)
        for key in ("containerStatuses", "initContainerStatuses")
        for found in status.get(key, ())
    }
