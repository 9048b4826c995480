"""The containers of a pod: each with its own value or its own reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..accounting import NO_DEMAND, container_demand
from ..models import Container, Pod, Quantities
from .coverage import Stage
from .model import ContainerUsage, PodUsage
from .reason import Reason
from .reasons import container_reason

_BEFORE_ITS_OWN = frozenset(
    {"ApiAbsent", "ApiDown", "Forbidden", "ReadFailed", "Finished", "NodeSilent"}
)
"""Reasons of the pod that hold for a container whatever its own state."""


def containers(rows: Iterable[PodUsage]) -> tuple[ContainerUsage, ...]:
    """Return the containers of these pods: init and sidecars first, in their order."""
    return tuple(container for row in rows for container in _of(row))


def _of(row: PodUsage) -> Iterator[ContainerUsage]:
    samples = {c.name: c.usage for c in row.metrics.containers} if row.metrics else {}
    if row.pod is not None:
        pod = row.pod
        for container in (
            *pod.init_containers,
            *pod.containers,
            *pod.ephemeral_containers,
        ):
            yield _known(row, pod, container, samples.pop(container.name, None))
    for name, usage in samples.items():
        yield ContainerUsage(row=row, name=name, stage="orphan", usage=usage)


def _known(
    row: PodUsage, pod: Pod, container: Container, usage: Quantities | None
) -> ContainerUsage:
    reason = None if usage else _reason(row, pod, container)
    serves = container.kind in {"regular", "sidecar"}
    return ContainerUsage(
        row=row,
        name=container.name,
        stage=_stage(row, container, usage),
        container=container,
        usage=usage or None,
        reason=reason,
        demand=container_demand(pod, container) if serves else NO_DEMAND,
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
    return row.reason or Reason(
        "Unreported",
        f"Container {container.name} runs, and its pod's sample lacks it; possible "
        "causes: it started after the sample, or the provider could not measure it.",
    )
