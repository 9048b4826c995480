"""Pod statuses, by fate."""

from __future__ import annotations

from typing import Any

from .fates import Fate
from .workloads import Part, Workload

_RESIZES = {
    "resize-deferred": ("PodResizePending", "Deferred"),
    "resize-infeasible": ("PodResizePending", "Infeasible"),
    "resize-in-progress": ("PodResizeInProgress", ""),
}
_BACK_OFF = "back-off 5m0s restarting failed container"
_UNSCHEDULABLE = "0/10 nodes are available: 10 Insufficient cpu."


def pod_status(workload: Workload, fate: Fate) -> dict[str, Any]:
    status: dict[str, Any] = {
        "observedGeneration": 1,
        "phase": fate.value.phase,
        "conditions": _conditions(workload, fate),
    }
    if fate is Fate.UNSCHEDULED:
        return status | {"qosClass": _qos(workload)}
    if fate is Fate.EVICTED:
        message = "The node was low on resource: memory."
        evicted = {"reason": "Evicted", "message": message}
        return status | evicted | {"startTime": "{{started}}"}
    status |= {"hostIP": "{{host}}", "hostIPs": [{"ip": "{{host}}"}]}
    if fate.value.phase == "Running":
        status |= {"podIP": "{{ip}}", "podIPs": [{"ip": "{{ip}}"}]}
    status["startTime"] = "{{started}}"
    if workload.init_parts:
        status["initContainerStatuses"] = [
            _init_status(workload, part, fate, at)
            for at, part in enumerate(workload.init_parts, len(workload.parts))
        ]
    status["containerStatuses"] = [
        _container_status(workload, part, fate, at)
        for at, part in enumerate(workload.parts)
    ]
    return status | {"qosClass": _qos(workload)}


def _conditions(workload: Workload, fate: Fate) -> list[dict[str, Any]]:
    running = fate.value.phase == "Running"
    ready = running and fate is not Fate.CRASH_LOOP
    states = {
        "PodReadyToStartContainers": running,
        "Initialized": fate is not Fate.UNSCHEDULED,
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": fate is not Fate.UNSCHEDULED,
    }
    conditions = [_condition(kind, holds=holds) for kind, holds in states.items()]
    if fate is Fate.UNSCHEDULED:
        conditions[-1] |= {"reason": "Unschedulable", "message": _UNSCHEDULABLE}
    if workload.trait in _RESIZES and running:
        kind, reason = _RESIZES[workload.trait]
        resize = _condition(kind, holds=True)
        conditions.append(resize | ({"reason": reason} if reason else {}))
    return conditions


def _condition(kind: str, *, holds: bool) -> dict[str, Any]:
    return {
        "type": kind,
        "observedGeneration": 1,
        "status": "True" if holds else "False",
        "lastProbeTime": None,
        "lastTransitionTime": "{{started}}",
    }


def _terminated(code: int, reason: str, at: int, finished: str) -> dict[str, Any]:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "startedAt": "{{started}}",
            "finishedAt": finished,
            "containerID": f"containerd://{{{{cid{at}}}}}",
        }
    }


def _state(fate: Fate, at: int) -> dict[str, Any]:
    """Return a container's state; only the first one of a crash loop crashes."""
    waiting = {
        Fate.CREATING: {"reason": "ContainerCreating"},
        Fate.IMAGE_PULL: {
            "reason": "ImagePullBackOff",
            "message": "Back-off pulling image",
        },
    }
    if fate in waiting:
        return {"waiting": waiting[fate]}
    if fate is Fate.SUCCEEDED:
        return _terminated(0, "Completed", at, "{{ended}}")
    if fate is Fate.FAILED:
        return _terminated(1, "Error", at, "{{ended}}")
    if fate is Fate.CRASH_LOOP and at == 0:
        return {"waiting": {"reason": "CrashLoopBackOff", "message": _BACK_OFF}}
    return {"running": {"startedAt": "{{running}}"}}


def _last_state(fate: Fate, at: int) -> dict[str, Any]:
    if at > 0:
        return {}
    if fate in (Fate.OOM_BEFORE, Fate.CRASH_LOOP):
        return _terminated(137, "OOMKilled", at, "{{ended}}")
    if fate is Fate.RESTARTED:
        return _terminated(1, "Error", at, "{{running}}")
    return {}


def _container_status(
    workload: Workload, part: Part, fate: Fate, at: int
) -> dict[str, Any]:
    state = _state(fate, at)
    running = "running" in state
    status: dict[str, Any] = {
        "name": part.name,
        "state": state,
        "lastState": _last_state(fate, at),
        "ready": running,
        "restartCount": "{{#restarts}}" if _last_state(fate, at) else 0,
        "image": f"registry.example.com/{workload.namespace}/{part.name}:v4.6.5",
        "imageID": f"registry.example.com/{part.name}@sha256:{'0123456789abcdef' * 4}",
    }
    if "waiting" not in state:
        status["containerID"] = f"containerd://{{{{cid{at}}}}}"
    status["started"] = running
    if workload.trait in _RESIZES and running:
        status |= _actual(workload.trait)
    return status


def _actual(trait: str) -> dict[str, Any]:
    """Return what a container has while its spec asks for another amount."""
    allocated = {"cpu": "50m", "memory": "96Mi"}
    actual = {"requests": allocated, "limits": {"memory": "192Mi"}}
    if trait == "resize-in-progress":
        actual = {"requests": {"cpu": "20m", "memory": "80Mi"}, "limits": {}}
    return {"allocatedResources": allocated, "resources": actual}


def _init_status(workload: Workload, part: Part, fate: Fate, at: int) -> dict[str, Any]:
    status = _container_status(workload, part, Fate.SUCCEEDED, at)
    if part.name == "istio-proxy" and fate.value.phase == "Running":
        running = {"running": {"startedAt": "{{running}}"}}
        return status | {"state": running, "started": True, "ready": True}
    if fate in (Fate.CREATING, Fate.IMAGE_PULL):
        waiting = {"waiting": {"reason": "PodInitializing"}}
        return status | {"state": waiting, "ready": False}
    return status | {"ready": True}


def _qos(workload: Workload) -> str:
    asked = [part.resources for part in (*workload.parts, *workload.init_parts)]
    if workload.trait == "pod-level" or any(asked):
        equal = all(r and r.get("requests") == r.get("limits") for r in asked)
        full = all({"cpu", "memory"} <= set(r.get("limits", {})) for r in asked)
        pod_level = workload.trait == "pod-level"
        return "Guaranteed" if equal and full and not pod_level else "Burstable"
    return "BestEffort"
