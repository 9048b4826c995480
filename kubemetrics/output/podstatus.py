"""A pod's STATUS, READY and RESTARTS as ``kubectl get pods`` shows them.

Source: kubernetes/pkg/printers/internalversion/printers.go, ``printPod``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..models import Container, Pod
from ..models.container import ContainerState


class PodStatus(NamedTuple):
    """What kubectl shows: one word, *ready* of *containers*, and *restarts*."""

    word: str
    ready: int
    containers: int
    restarts: int


class _Part(NamedTuple):
    """What the init containers, or the others, have to say."""

    word: str
    ready: int
    restarts: int
    sidecar_restarts: int = 0


def pod_status(pod: Pod) -> PodStatus:
    """Return what kubectl shows of *pod*."""
    word = pod.reason or pod.phase
    if pod.phase == "Pending" and _gated(pod):
        word = "SchedulingGated"
    init = _initializing(pod) if pod.init_containers else _NOTHING
    ready, restarts = init.ready, init.restarts
    word = init.word or word
    if not init.word or _holds(pod, "Initialized"):
        main = _running(pod, word)
        word = main.word
        ready += main.ready
        restarts = init.sidecar_restarts + main.restarts
    if pod.deletion_timestamp is not None:
        word = _deleted(pod, word)
    return PodStatus(word, ready, _expected(pod), restarts)


_NOTHING: Final = _Part("", 0, 0)


def _expected(pod: Pod) -> int:
    """Count the containers that should be ready."""
    count = len(pod.containers)
    for container in pod.init_containers:
        count += container.kind == "sidecar"
    return count


def _initializing(pod: Pod) -> _Part:
    """Go through the init containers up to the first that is not done; name it."""
    ready = restarts = sidecars = 0
    for index, container in enumerate(pod.init_containers):
        state = container.state
        if not state.kind:
            continue
        restarts += container.restarts
        sidecars += container.restarts if container.kind == "sidecar" else 0
        if state.kind == "terminated" and state.exit_code == 0:
            continue
        if container.kind == "sidecar" and container.started:
            ready += container.ready
            continue
        return _Part(_init_word(pod, index, state), ready, restarts, sidecars)
    return _Part("", ready, restarts, sidecars)


def _init_word(pod: Pod, index: int, state: ContainerState) -> str:
    if state.kind == "terminated":
        return f"Init:{_ended(state)}"
    if state.kind == "waiting" and state.reason not in {"", "PodInitializing"}:
        return f"Init:{state.reason}"
    return f"Init:{index}/{len(pod.init_containers)}"


def _running(pod: Pod, word: str) -> _Part:
    """Go through the containers; the first one in the status has the last word."""
    ready = restarts = 0
    for container in _as_reported(pod):
        state = container.state
        restarts += container.restarts
        if state.kind == "waiting" and state.reason:
            word = state.reason
        elif state.kind == "terminated":
            word = _ended(state)
        elif container.ready and state.kind == "running":
            ready += 1
    if word == "Completed" and ready:
        word = "Running" if _holds(pod, "Ready") else "NotReady"
    return _Part(word, ready, restarts)


def _as_reported(pod: Pod) -> list[Container]:
    """Order containers from last to first as the kubelet reports them: by name.

    Source: pkg/kubelet/types/types.go, ``SortedContainerStatuses``.
    """
    if len(pod.containers) == 1:
        return [*pod.containers]
    return sorted(pod.containers, key=lambda c: c.name, reverse=True)


def _ended(state: ContainerState) -> str:
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
    return any(
        c.type == "PodScheduled" and c.reason == "SchedulingGated"
        for c in pod.conditions
    )


def _holds(pod: Pod, condition: str) -> bool:
    return any(c.type == condition and c.status == "True" for c in pod.conditions)
