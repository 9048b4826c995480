"""What a pod asks for and may use at most, and where that does not bind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..frozen import dataclass
from ..models import CPU, EMPTY, MEMORY, Container, Pod, Quantities
from ..quantity import Quantity
from .effective import (
    add,
    container_limits,
    container_requests,
    pod_level_resource,
    pod_limits,
    pod_requests,
    settled,
)

_STORAGE: Final = "ephemeral-storage"


def serving(pod: Pod) -> tuple[Container, ...]:
    """Return the containers that run to serve: the regular ones and the sidecars."""
    if not pod.init_containers:
        return pod.containers
    sidecars = tuple(c for c in pod.init_containers if c.kind == "sidecar")
    return pod.containers + sidecars


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a pod (or a group of them) asks for and may use at most.

    *unlimited* counts, by resource, the serving containers without a limit: where there
    is one the sum in *limits* is partial, does not bind and gives no percentage.
    *unrequested* counts those without a request (best effort) in the same way.
    """

    requests: Quantities
    limits: Quantities
    unlimited: Mapping[str, int]
    unrequested: Mapping[str, int]

    def partial_limit(self, resource: str) -> bool:
        """Whether some container may use more of *resource* than *limits* says."""
        return bool(self.unlimited.get(resource))

    def partial_request(self, resource: str) -> bool:
        """Whether some container asks for none of *resource*."""
        return bool(self.unrequested.get(resource))


NO_DEMAND: Final = Demand(
    requests=EMPTY, limits=EMPTY, unlimited=EMPTY, unrequested=EMPTY
)


class DemandSum:
    """Adds demands up, their marks included."""

    __slots__ = ("_limits", "_requests", "_unlimited", "_unrequested")

    def __init__(self) -> None:
        self._requests: dict[str, Quantity] = {}
        self._limits: dict[str, Quantity] = {}
        self._unlimited: dict[str, int] = {}
        self._unrequested: dict[str, int] = {}

    def add(self, one: Demand) -> None:
        """Add one."""
        add(self._requests, one.requests)
        add(self._limits, one.limits)
        _count(self._unlimited, one.unlimited)
        _count(self._unrequested, one.unrequested)

    @property
    def demand(self) -> Demand:
        """The sum of what was added."""
        return Demand(
            requests=self._requests,
            limits=self._limits,
            unlimited=self._unlimited,
            unrequested=self._unrequested,
        )


def _count(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count


def demand(pod: Pod) -> Demand:
    """Account for *pod* as the scheduler does; a finished pod holds nothing."""
    if pod.finished:
        return NO_DEMAND
    requests, limits = pod_requests(pod), pod_limits(pod)
    containers = serving(pod)
    pod_level = pod.resources
    asked = [container_requests(pod, c) for c in containers]
    capped = [container_limits(pod, c) for c in containers]
    return Demand(
        requests=requests,
        limits=limits,
        unlimited=_without(capped, limits, pod_level.limits if pod_level else EMPTY),
        unrequested=_without(
            asked, requests, pod_level.requests if pod_level else EMPTY
        ),
    )


class Demands:
    """Accounts for many pods; the replicas of a workload share one `Demand`.

    Keep it no longer than the pods that it has seen.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Demand] = {}

    def of(self, pod: Pod) -> Demand:
        """Return `demand` of *pod*."""
        template = _template(pod)
        if template is None:
            return demand(pod)
        known = self._known.get(template)
        if known is None:
            known = self._known[template] = demand(pod)
        return known

    def of_container(self, pod: Pod, container: Container) -> Demand:
        """Return `container_demand` of one container of *pod*."""
        if pod.finished or not settled(container):
            return container_demand(pod, container)
        alone = (id(container.requests), id(container.limits))
        known = self._known.get(alone)
        if known is None:
            known = self._known[alone] = container_demand(pod, container)
        return known


def _template(pod: Pod) -> tuple[object, ...] | None:
    """Return what alone decides a pod's demand; nothing where its status counts too.

    Equal maps of one list are one object, so that their identity will do.
    """
    if pod.finished or pod.resources is not None or pod.claimed:
        return None
    key: list[object] = [id(pod.overhead)]
    for container in pod.containers + pod.init_containers:
        if not settled(container):
            return None
        key += (container.kind, id(container.requests), id(container.limits))
    return tuple(key)


def container_demand(pod: Pod, container: Container) -> Demand:
    """Account for one container of *pod*; one of a finished pod holds nothing."""
    if pod.finished:
        return NO_DEMAND
    requests = container_requests(pod, container)
    limits = container_limits(pod, container)
    return Demand(
        requests=requests,
        limits=limits,
        unlimited=_without([limits], limits, EMPTY),
        unrequested=_without([requests], requests, EMPTY),
    )


def _without(
    amounts: list[Quantities], summed: Quantities, pod_level: Quantities
) -> dict[str, int]:
    """Count who has none of a resource; a pod-level amount speaks for them all.

    Only what can be used without being asked for counts: who asks for no GPU gets none.
    """
    missing: dict[str, int] = {}
    names = [CPU, MEMORY, _STORAGE] if _STORAGE in summed else [CPU, MEMORY]
    for name in names:
        if not (pod_level.get(name) and pod_level_resource(name)):
            count = sum(not amount.get(name) for amount in amounts)
            if count:
                missing[name] = count
    return missing
