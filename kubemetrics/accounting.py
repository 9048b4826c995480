"""Requests and limits of pods, counted as the scheduler counts them, and their sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from .frozen import dataclass
from .jsonread import EMPTY
from .models.pod import Container, Pod
from .models.resources import CPU, MEMORY, Quantities, Resources, add
from .quantity import Quantity

_STORAGE: Final = "ephemeral-storage"


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
    """Return what alone decides a pod's demand; ``None`` where its status counts too.

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


# Source: component-helpers/resource/helpers.go of Kubernetes 1.36 (``PodRequests``,
# ``PodLimits``), KEP-753 (sidecars), KEP-1287 (in-place resize), KEP-2837 (pod-level
# resources), KEP-688 (overhead). Amounts are in cores and bytes, by resource name. The
# API's pods need no defaults, unlike a manifest: admission has filled them in.


_Amounts: TypeAlias = dict[str, Quantity]
_Effective: TypeAlias = Callable[[Container], Quantities]

_ZERO: Final = Quantity(0)


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

    *use_status* lets a resize under way count (the largest of the spec, of what the
    node allocated and of what runs), *pod_level_resize* the same for pod-level
    resources, *overhead* adds the runtime class's, *pod_level* lets pod-level requests
    replace the containers' sum, *dra* adds what resource claims take of the node.
    """

    def effective(container: Container) -> Quantities:
        return container_requests(pod, container) if use_status else container.requests

    amounts = _aggregate(pod, effective)
    if dra:
        add(amounts, pod.claimed)
    if pod_level and pod.resources is not None:
        resize = use_status and pod_level_resize
        _replace(amounts, pod.resources.requests, _pod_level_requests(pod, resize))
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
    dra: bool = True,  # noqa: ARG001 - upstream's options; claims raise no limit
) -> Quantities:
    """Return the limits of *pod*, by resource name; the options as in `pod_requests`.

    A container without a limit adds nothing, so that the sum may not bind: `demand`
    says for which resources. Overhead is added to the limits that there are.
    """

    def effective(container: Container) -> Quantities:
        return container_limits(pod, container) if use_status else container.limits

    amounts = _aggregate(pod, effective)
    if pod_level and pod.resources is not None:
        resize = use_status and pod_level_resize
        _replace(amounts, pod.resources.limits, _pod_level_limits(pod, resize))
    if overhead:
        _add_where_set(amounts, pod.overhead)
    return amounts


def container_requests(pod: Pod, container: Container) -> Quantities:
    """Return the requests of *container*, one of *pod*'s, a resize included."""
    status = _status(container)
    if status is None or settled(container):
        return container.requests
    allocated = container.allocated or EMPTY
    spec = EMPTY if resize_infeasible(pod) else container.requests
    return _largest(spec, status.requests, allocated)


def container_limits(pod: Pod, container: Container) -> Quantities:
    """Return the limits of *container*, one of *pod*'s, a resize included."""
    status = _status(container)
    if status is None or settled(container):
        return container.limits
    if resize_infeasible(pod):
        return status.limits
    return _largest(container.limits, status.limits)


def resize_infeasible(pod: Pod) -> bool:
    """Whether the node can never grant the resize that is pending."""
    for condition in pod.conditions:
        if condition.type == "PodResizePending":
            return condition.reason == "Infeasible"
    return False


def settled(container: Container) -> bool:
    """Whether a container's status, if it counts, agrees with its spec.

    Equal maps of one list are one object: a look at their identity is enough, and where
    they are equal but two the long way gives the same.
    """
    status = _status(container)
    if status is None:
        return True
    allocated = container.allocated
    return (
        status.requests is container.requests
        and status.limits is container.limits
        and (allocated is None or allocated is container.requests)
    )


def pod_level_resource(name: str) -> bool:
    """Whether a pod-level amount may be set for this resource."""
    return name in {CPU, MEMORY} or name.startswith("hugepages-")


def _status(container: Container) -> Resources | None:
    """Return the resources of its status, which counts while it may be resized."""
    if container.kind in {"regular", "sidecar"}:
        return container.status_resources
    return None


def _aggregate(pod: Pod, effective: _Effective) -> _Amounts:
    """Sum what runs at once, or take the peak of the start, whichever is larger."""
    summed: _Amounts = {}
    for container in pod.containers:
        add(summed, effective(container))
    sidecars: _Amounts = {}
    peak: _Amounts = {}
    for container in pod.init_containers:
        amounts = effective(container)
        step = dict(sidecars)
        add(step, amounts)
        if container.kind == "sidecar":
            sidecars = step
            add(summed, amounts)
        _raise(peak, step)
    _raise(summed, peak)
    return summed


def _pod_level_requests(pod: Pod, resize: bool) -> Quantities | None:  # noqa: FBT001
    """Return the requests under a pod-level resize, ``None`` where there is none."""
    status = pod.status_resources
    if not resize or status is None or pod.resources is None:
        return None
    spec = EMPTY if resize_infeasible(pod) else pod.resources.requests
    return _largest(spec, status.requests, pod.allocated or EMPTY)


def _pod_level_limits(pod: Pod, resize: bool) -> Quantities | None:  # noqa: FBT001
    status = pod.status_resources
    if not resize or status is None or pod.resources is None:
        return None
    if resize_infeasible(pod):
        return status.limits or None
    return _largest(pod.resources.limits, status.limits)


def _replace(amounts: _Amounts, spec: Quantities, status: Quantities | None) -> None:
    """Let pod-level amounts replace the sum, for the names that they may be set for."""
    for name, value in spec.items():
        if pod_level_resource(name):
            amounts[name] = value if status is None else status.get(name, _ZERO)


def _add_where_set(amounts: _Amounts, more: Quantities) -> None:
    for name, value in more.items():
        if amounts.get(name):
            amounts[name] += value


def _raise(amounts: _Amounts, floor: Quantities) -> None:
    for name, value in floor.items():
        if name not in amounts or value > amounts[name]:
            amounts[name] = value


def _largest(*alternatives: Quantities) -> Quantities:
    result: _Amounts = {}
    for alternative in alternatives:
        _raise(result, alternative)
    return result
