"""Requests and limits of pods, counted as the scheduler counts them, and their sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from .frozen import dataclass
from .jsonread import EMPTY
from .models import (
    CPU,
    MEMORY,
    NO_RESOURCES,
    ActuatedResources,
    Quantities,
    add,
)
from .models.pod import Container, Pod
from .quantity import Quantity

_HUGEPAGES: Final = "hugepages-"
_STORAGE: Final = "ephemeral-storage"
_ZERO: Final = Quantity(0)


def serving(pod: Pod) -> tuple[Container, ...]:
    """Return the containers that run to serve: the regular ones and the sidecars."""
    if not pod.init_containers:
        return pod.containers
    sidecars = tuple(c for c in pod.init_containers if c.kind == "sidecar")
    return pod.containers + sidecars


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The effective requests and limits of a pod, a container or a group of pods.

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


def requested(demand: Demand | None, resource: str) -> Quantity | None:
    """Return the request for *resource*: 0 for none, ``None`` if it is not known.

    A finished pod holds nothing, and asking what it requests has no answer.
    """
    if demand is None or demand is NO_DEMAND:
        return None
    return demand.requests.get(resource, _ZERO)


NO_DEMAND: Final = Demand(
    requests=EMPTY, limits=EMPTY, unlimited=EMPTY, unrequested=EMPTY
)


class Totals:
    """Adds up, by resource, what is used and what is demanded, marks included.

    *usage* and *demand* are the sums so far, in cores and bytes.
    """

    __slots__ = ("_limits", "_requests", "_unlimited", "_unrequested", "usage")

    def __init__(self) -> None:
        self.usage: dict[str, Quantity] = {}
        self._requests: dict[str, Quantity] = {}
        self._limits: dict[str, Quantity] = {}
        self._unlimited: dict[str, int] = {}
        self._unrequested: dict[str, int] = {}

    def add(self, usage: Quantities | None, demand: Demand | None) -> None:
        """Add a usage and a demand; what is not known adds nothing."""
        if usage is not None:
            add(self.usage, usage)
        if demand is not None:
            add(self._requests, demand.requests)
            add(self._limits, demand.limits)
            _count(self._unlimited, demand.unlimited)
            _count(self._unrequested, demand.unrequested)

    @property
    def demand(self) -> Demand:
        """The sum of the demands."""
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
    """Return the effective requests and limits of *pod*; a finished pod has none."""
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
    """Computes the `Demand` of many pods; the replicas of a workload share one.

    Keep it no longer than the pods that it has seen.
    """

    __slots__ = ("_infeasible", "_known")

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Demand] = {}
        self._infeasible: dict[int, bool] = {}

    def of(self, pod: Pod) -> Demand:
        """Return `demand` of *pod*."""
        if pod.finished:
            return NO_DEMAND
        template = _template(pod, infeasible=self._of_conditions(pod))
        known = self._known.get(template)
        if known is None:
            known = self._known[template] = demand(pod)
        return known

    def of_container(self, pod: Pod, container: Container) -> Demand:
        """Return `container_demand` of one container of *pod*."""
        if pod.finished:
            return NO_DEMAND
        infeasible = self._of_conditions(pod)
        alone = ("container", infeasible, *_inputs(container, infeasible=infeasible))
        known = self._known.get(alone)
        if known is None:
            known = self._known[alone] = container_demand(pod, container)
        return known

    def _of_conditions(self, pod: Pod) -> bool:
        """Return `resize_infeasible`; the pods of a list share their conditions."""
        conditions = id(pod.conditions)
        known = self._infeasible.get(conditions)
        if known is None:
            known = self._infeasible[conditions] = resize_infeasible(pod)
        return known


def _template(pod: Pod, *, infeasible: bool) -> tuple[object, ...]:
    """Return what alone decides a pod's demand.

    Equal maps of one list are one object, so that their identity will do.
    """
    key: list[object] = [infeasible, id(pod.overhead), id(pod.claimed)]
    for container in pod.containers + pod.init_containers:
        key.append(container.kind)
        key += _inputs(container, infeasible=infeasible)
    if pod.resources is not None:
        key += ("pod", id(pod.resources.requests), id(pod.resources.limits))
    if pod.allocated is not None:
        key += ("allocated", id(pod.allocated))
    if pod.status_resources is not None:
        actuated = pod.status_resources
        key += ("actuated", id(actuated.requests), id(actuated.limits))
    return tuple(key)


def _inputs(container: Container, *, infeasible: bool) -> tuple[object, ...]:
    """Return what alone decides a container's demand, by identity.

    Where a resize is infeasible a status that is silent means nothing, not the spec.
    """
    if not infeasible and settled(container):
        return id(container.requests), id(container.limits)
    actuated = container.status_resources or _SILENT
    return (
        id(container.requests),
        id(container.limits),
        id(container.allocated),
        id(actuated.requests),
        id(actuated.limits),
    )


def container_demand(pod: Pod, container: Container) -> Demand:
    """Return those of one container of *pod*; one of a finished pod has none."""
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
    """Count, by resource, the containers without an amount of it.

    A pod-level amount covers them all.

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


# Source: component-helpers/resource/helpers.go of Kubernetes 1.37 (``PodRequests``,
# ``PodLimits``), KEP-753 (sidecars), KEP-1287 (in-place resize), KEP-2837 and KEP-5419
# (pod-level resources and their resize), KEP-5517 (claims), KEP-688 (overhead). Amounts
# are in cores and bytes, by resource name. The API's pods need no defaults, unlike a
# manifest: admission has filled them in.


_Amounts: TypeAlias = dict[str, Quantity]
_Pick: TypeAlias = Callable[[Container, bool], Quantities]
"""Of a container; whether the pod's resize is infeasible."""

_SILENT: Final = ActuatedResources(None, None)


def pod_requests(
    pod: Pod,
    *,
    use_status: bool = True,
    pod_level_resize: bool = True,
    overhead: bool = True,
    pod_level: bool = True,
    dra: bool = True,
) -> Quantities:
    """Return what the scheduler sets aside for *pod*, by resource name.

    *use_status* lets a resize under way count: the largest of three sums, of the spec,
    of what the node allocated and of what runs. *pod_level_resize* takes the last two
    from the pod-level status where it has them. *overhead* adds the runtime class's,
    *pod_level* lets pod-level requests replace the containers' sum, *dra* adds what
    resource claims take of the node.
    """
    claimed = pod.claimed if dra else EMPTY
    resize = use_status and pod_level_resize
    if use_status:
        amounts = _resized_requests(pod, claimed, resize)
    else:
        amounts = _plus(_aggregate(pod, _spec_requests), claimed)
    asked = pod.resources.requests if pod.resources else EMPTY
    if pod_level and _any_pod_level(asked):
        _replace(amounts, _effective_requests(pod, asked) if resize else asked)
    if overhead:
        add(amounts, pod.overhead)
    return amounts


def pod_limits(
    pod: Pod,
    *,
    use_status: bool = True,
    pod_level_resize: bool = True,
    overhead: bool = True,
    pod_level: bool = True,
    dra: bool = True,
) -> Quantities:
    """Return the limits of *pod*, by resource name; the options as in `pod_requests`.

    A container without a limit adds nothing, so that the sum may not bind: `demand`
    says for which resources. Overhead is added to the limits that there are, and so
    are claims, hugepages always.
    """
    claimed = pod.claimed if dra else EMPTY
    resize = use_status and pod_level_resize
    if use_status:
        amounts = _resized_limits(pod, claimed, resize)
    else:
        amounts = _raised_by_claims(_aggregate(pod, _spec_limits), claimed)
    own = pod.resources or NO_RESOURCES
    if pod_level and (_any_pod_level(own.requests) or _any_pod_level(own.limits)):
        _replace(amounts, _effective_limits(pod, own.limits) if resize else own.limits)
    if overhead:
        _add_where_set(amounts, pod.overhead)
    return amounts


def container_requests(pod: Pod, container: Container) -> Quantities:
    """Return the requests of *container*, one of *pod*'s, a resize included.

    The largest of its own three amounts: in a resize where one container grows and
    another shrinks these add up to more than the pod's.
    """
    infeasible = resize_infeasible(pod)
    allocated = _allocated_requests(container, infeasible)
    actuated = _actuated_requests(container, infeasible)
    if infeasible:
        return _largest(allocated, actuated)
    if settled(container):
        return container.requests
    return _largest(container.requests, allocated, actuated)


def container_limits(pod: Pod, container: Container) -> Quantities:
    """Return the limits of *container*, one of *pod*'s, a resize included."""
    infeasible = resize_infeasible(pod)
    actuated = _actuated_limits(container, infeasible)
    if infeasible or settled(container):
        return actuated
    return _largest(container.limits, actuated)


def resize_infeasible(pod: Pod) -> bool:
    """Whether the node can never grant the resize that is pending."""
    for condition in pod.conditions:
        if condition.type == "PodResizePending":
            return condition.reason == "Infeasible"
    return False


def settled(container: Container) -> bool:
    """Whether all that a container's status says of its resources is its spec.

    Equal maps of one list are one object: a look at their identity is enough, and where
    they are equal but two the long way gives the same.
    """
    allocated = container.allocated
    if allocated is not None and allocated is not container.requests:
        return False
    status = container.status_resources
    return status is None or (
        (status.requests is None or status.requests is container.requests)
        and (status.limits is None or status.limits is container.limits)
    )


def pod_level_resource(name: str) -> bool:
    """Whether a pod-level amount may be set for this resource."""
    return name in {CPU, MEMORY} or name.startswith(_HUGEPAGES)


def _any_pod_level(amounts: Quantities) -> bool:
    return any(map(pod_level_resource, amounts))


def _spec_requests(container: Container, _: bool) -> Quantities:  # noqa: FBT001
    return container.requests


def _allocated_requests(container: Container, infeasible: bool) -> Quantities:  # noqa: FBT001
    if container.allocated is not None:
        return container.allocated
    return EMPTY if infeasible else container.requests


def _actuated_requests(container: Container, infeasible: bool) -> Quantities:  # noqa: FBT001
    status = container.status_resources
    if status is not None and status.requests is not None:
        return status.requests
    return _allocated_requests(container, infeasible)


def _spec_limits(container: Container, _: bool) -> Quantities:  # noqa: FBT001
    return container.limits


def _actuated_limits(container: Container, infeasible: bool) -> Quantities:  # noqa: FBT001
    status = container.status_resources
    if status is not None and status.limits is not None:
        return status.limits
    return EMPTY if infeasible else container.limits


def _resized_requests(pod: Pod, claimed: Quantities, resize: bool) -> _Amounts:  # noqa: FBT001
    """Return the largest of three sums; a resize that can never be counts for none."""
    spec = _plus(_aggregate(pod, _spec_requests), claimed)
    infeasible = resize_infeasible(pod)
    status = pod.status_resources or _SILENT
    if resize and pod.allocated is not None and status.requests is not None:
        # A kubelet writes the claims into both.
        return _largest(EMPTY if infeasible else spec, pod.allocated, status.requests)
    if not infeasible and _all_settled(pod):
        return spec
    return _largest(
        EMPTY if infeasible else spec,
        _plus(_aggregate(pod, _allocated_requests, infeasible), claimed),
        # What a kubelet has actuated for a container holds its claims.
        _aggregate(pod, _actuated_requests, infeasible),
    )


def _resized_limits(pod: Pod, claimed: Quantities, resize: bool) -> _Amounts:  # noqa: FBT001
    spec = _raised_by_claims(_aggregate(pod, _spec_limits), claimed)
    infeasible = resize_infeasible(pod)
    status = pod.status_resources or _SILENT
    if resize and status.limits is not None:
        return _largest(EMPTY if infeasible else spec, status.limits)
    if not infeasible and _all_settled(pod):
        return spec
    actuated = _aggregate(pod, _actuated_limits, infeasible)
    return _largest(EMPTY if infeasible else spec, actuated)


def _all_settled(pod: Pod) -> bool:
    return all(map(settled, pod.containers)) and all(map(settled, pod.init_containers))


def _aggregate(pod: Pod, pick: _Pick, infeasible: bool = False) -> _Amounts:  # noqa: FBT001, FBT002
    """Sum what runs at once, or take the peak of the start, whichever is larger."""
    summed: _Amounts = {}
    for container in pod.containers:
        add(summed, pick(container, infeasible))
    sidecars: _Amounts = {}
    peak: _Amounts = {}
    for container in pod.init_containers:
        amounts = pick(container, infeasible)
        step = dict(sidecars)
        add(step, amounts)
        if container.kind == "sidecar":
            sidecars = step
            add(summed, amounts)
        _raise(peak, step)
    _raise(summed, peak)
    return summed


def _effective_requests(pod: Pod, spec: Quantities) -> Quantities:
    """Return the pod-level requests *spec* under a resize of them."""
    status = pod.status_resources
    if status is None:
        return spec
    return _largest(
        EMPTY if resize_infeasible(pod) else spec,
        status.requests or EMPTY,
        pod.allocated or EMPTY,
    )


def _effective_limits(pod: Pod, spec: Quantities) -> Quantities:
    status = pod.status_resources
    if status is None:
        return spec
    return _largest(EMPTY if resize_infeasible(pod) else spec, status.limits or EMPTY)


def _replace(amounts: _Amounts, pod_level: Quantities) -> None:
    """Let pod-level amounts replace the sum, for the names that they may be set for."""
    for name, value in pod_level.items():
        if pod_level_resource(name):
            amounts[name] = value


def _plus(amounts: _Amounts, more: Quantities) -> _Amounts:
    add(amounts, more)
    return amounts


def _raised_by_claims(limits: _Amounts, claimed: Quantities) -> _Amounts:
    """Add claims to limits: without one nothing is capped, but pages are promised."""
    for name, value in claimed.items():
        if name in limits or name.startswith(_HUGEPAGES):
            limits[name] = limits.get(name, _ZERO) + value
    return limits


def _add_where_set(amounts: _Amounts, more: Quantities) -> None:
    for name, value in more.items():
        if amounts.get(name):
            amounts[name] += value


def _raise(amounts: _Amounts, floor: Quantities) -> None:
    for name, value in floor.items():
        if name not in amounts or value > amounts[name]:
            amounts[name] = value


def _largest(*alternatives: Quantities) -> _Amounts:
    result: _Amounts = {}
    for alternative in alternatives:
        _raise(result, alternative)
    return result
