"""What a pod asks for and may use at most, and where that does not bind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ..models import CPU, EMPTY, MEMORY, Container, Pod, Quantities
from ..quantity import Quantity
from .effective import (
    add,
    container_limits,
    container_requests,
    pod_level_resource,
    pod_limits,
    pod_requests,
)


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


def total_demand(demands: Iterable[Demand]) -> Demand:
    """Add demands up, their marks included."""
    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}
    unlimited: Counter[str] = Counter()
    unrequested: Counter[str] = Counter()
    for one in demands:
        add(requests, one.requests)
        add(limits, one.limits)
        unlimited.update(one.unlimited)
        unrequested.update(one.unrequested)
    return Demand(
        requests=requests, limits=limits, unlimited=unlimited, unrequested=unrequested
    )


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
    """Count who has none of a resource; a pod-level amount speaks for them all."""
    missing: dict[str, int] = {}
    for name in {CPU, MEMORY, *summed}:
        if not (pod_level.get(name) and pod_level_resource(name)):
            count = sum(not amount.get(name) for amount in amounts)
            if count:
                missing[name] = count
    return missing
