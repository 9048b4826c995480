"""The containers of a pod: each with its own value or its own reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..accounting import NO_DEMAND, Demand, Demands
from ..models import Container, Pod, Quantities
from .coverage import Stage
from .model import ContainerUsage, PodUsage
from .reason import Reason
from .reasons import container_reason

_BEFORE_ITS_OWN = frozenset(
    {"ApiAbsent", "ApiDown", "Forbidden", "ReadFailed", "Finished", "NodeSilent"}
)
"""Reasons of the pod that hold for a container whatever its own state."""
_OF_ONE = frozenset({"ContainerNotRunning", "Restarted"})
"""Reasons of the pod that one of its containers is enough for."""


def containers(rows: Iterable[PodUsage]) -> tuple[ContainerUsage, ...]:
    """Return the containers of these pods: init and sidecars first, in their order."""
    demands = Demands()
    return tuple(container for row in rows for container in _of(row, demands))


def _of(row: PodUsage, demands: Demands) -> Iterator[ContainerUsage]:
    samples = {c.name: c.usage for c in row.metrics.containers} if row.metrics else {}
    if row.pod is not None:
        pod = row.pod
        for container in (
            *pod.init_containers,
            *pod.containers,
            *pod.ephemeral_containers,
        ):
            usage = samples.pop(container.name, None)
            serves = container.kind in {"regular", "sidecar"}
            demand = demands.of_container(pod, container) if serves else NO_DEMAND
            yield _known(row, pod, container, usage, demand)
    for name, usage in samples.items():
        yield ContainerUsage(row=row, name=name, stage="orphan", usage=usage)


def _known(
    row: PodUsage,
    pod: Pod,
    container: Container,
    usage: Quantities | None,
    demand: Demand,
) -> ContainerUsage:
    reason = None if usage else _reason(row, pod, container)
    return ContainerUsage(
        row=row,
        name=container.name,
        stage=_stage(row, container, usage),
        container=container,
        usage=usage or None,
        reason=reason,
        demand=demand,
    )


def _stage(row: PodUsage, container: Container, usage: Quantities | None) -> Stage:
    if usage:
        return "finished" if row.stage == "finished" else "running"
    if container.state.kind == "terminated" and container.kind in {"init", "ephemeral"}:
        return "finished"
    return row.stage


def _reason(row: PodUsage, pod: Pod, container: Container) -> Reason:
    if row.reason is not None and row.reason.code in _BEFORE_ITS_OWN:
        return row.reason
    own = container_reason(container, pod)
    if own is not None:
        return own
    if row.reason is None:
        return Reason(
            "Unreported",
            f"The sample of its pod lacks container {container.name}; possible causes: "
            "it started after the sample, or the provider could not measure it.",
        )
    return _beside(row.reason, container) or row.reason


def _beside(reason: Reason, container: Container) -> Reason | None:
    """Say why one that runs has no value where *reason* is another container's.

    metrics-server drops a whole pod when one of its containers cannot be measured
    (pkg/storage/pod.go); others need not, so that this is a possible cause.
    """
    restarted = container.restarts or container.last_termination
    its_own = reason.code == "Restarted" and restarted
    if container.state.kind != "running" or reason.code not in _OF_ONE or its_own:
        return None
    return Reason(
        "Unreported",
        f"Container {container.name} runs, and the provider gives no sample of its "
        "pod; possible cause: providers may leave out a pod for one of its containers. "
        f"{reason.explanation}",
    )
