"""The parts of a pod's percentages: usage and amounts of the very same containers.

Counted are the containers that serve, and one that runs to completion while it runs:
those that were measured and have the amount, and where none of them has a request the
whole pod, if something is set aside for it. What the scheduler sets aside (REQ, LIM)
may be more, the peak of the start or the overhead of a runtime class for example: a
percentage of something else than what stands beside it is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ..accounting import (
    Demand,
    container_limits,
    container_requests,
    pod_limits,
    pod_requests,
    resize_infeasible,
    serving,
    settled,
)
from ..frozen import dataclass, maker
from ..jsonread import EMPTY, empty
from ..models import Quantities, Resources
from ..models.metrics import PodMetrics
from ..models.pod import Container, Pod
from ..quantity import Quantity

if TYPE_CHECKING:
    from ..ratio import Ratio

Base: TypeAlias = Literal["requests", "limits", "node"]
"""Denominators of a usage; ``node`` is the node's allocatable."""


@dataclass(frozen=True, slots=True)
class Division:
    """What is *used* by containers, and the *whole* that these request or may use.

    Of the resources in *partial* the usage is a lower bound and the whole is not; of
    those in *unbound* something that was measured has no limit, and no share is known.
    """

    used: Quantities = field(default_factory=empty)
    whole: Quantities = field(default_factory=empty)
    partial: frozenset[str] = frozenset()
    unbound: frozenset[str] = frozenset()

    def ratio(self, resource: str) -> Ratio | None:
        """Return the share of one resource, exactly."""
        whole = self.whole.get(resource)
        if whole is None or resource in self.unbound:
            return None
        return ratio(self.used.get(resource), whole)

    def known(self, resource: str) -> bool:
        """Return whether there is a share of this resource, which takes no dividing."""
        divisible = resource in self.used and bool(self.whole.get(resource))
        return divisible and resource not in self.unbound


@dataclass(frozen=True, slots=True)
class Compared:
    """The parts of a row's percentages: usage in requests, and usage in limits."""

    requests: Division = Division()
    limits: Division = Division()

    def over(self, base: Base) -> Division | None:
        """Return the parts of the shares in *base*; a node's stand elsewhere."""
        if base == "node":
            return None
        return self.requests if base == "requests" else self.limits

    def ratio(self, resource: str, base: Base) -> Ratio | None:
        """Return usage in requests or limits, exactly."""
        division = self.over(base)
        return division.ratio(resource) if division else None


_divide: Final = maker(Division)
_compare: Final = maker(Compared)
NOT_COMPARED: Final = Compared()
_ZERO: Final = Quantity(0)


def ratio(amount: Quantity | None, whole: Quantity | None) -> Ratio | None:
    """Return *amount* in *whole* exactly; nothing where either is not known or 0."""
    if amount is None or whole is None or not whole.nanos:
        return None
    return _ratios()(amount.nanos, whole.nanos)


@cache
def _ratios() -> type[Ratio]:
    """Import what divides, once: where there are two amounts."""
    from ..ratio import Ratio  # noqa: PLC0415 - see above

    return Ratio


def unused(usage: Quantities | None, demand: Demand | None) -> Quantities:
    """Return requests less usage, by resource; below 0 where more is used.

    It takes what the scheduler sets aside, the peak of a pod's start included; what is
    not requested, or not measured, has none.
    """
    if usage is None or demand is None:
        return EMPTY
    return {
        name: requested - usage[name]
        for name, requested in demand.requests.items()
        if requested and name in usage
    }


def summed_parts(rows: Iterable[Compared]) -> Compared:
    """Add up the parts of the percentages of *rows*: those of their group."""
    over_requests, over_limits = _Sum(), _Sum()
    for row in rows:
        if row is not NOT_COMPARED:
            over_requests.add(row.requests)
            over_limits.add(row.limits)
    return Compared(over_requests.division, over_limits.division)


class _Sum:
    __slots__ = ("_partial", "_unbound", "_used", "_whole")

    def __init__(self) -> None:
        self._used: dict[str, Quantity] = {}
        self._whole: dict[str, Quantity] = {}
        self._partial: set[str] = set()
        self._unbound: set[str] = set()

    def add(self, part: Division) -> None:
        """Add a share of each resource that has one; what has none adds to neither."""
        for name, used in part.used.items():
            whole = part.whole.get(name)
            if whole and name not in part.unbound:
                self._used[name] = self._used.get(name, _ZERO) + used
                self._whole[name] = self._whole.get(name, _ZERO) + whole
        self._partial |= part.partial
        self._unbound |= part.unbound

    @property
    def division(self) -> Division:
        return Division(
            self._used,
            self._whole,
            frozenset(self._partial),
            frozenset(self._unbound),
        )


def of_container(usage: Quantities, demand: Demand) -> Compared:
    """Compare one container's usage with its own requests and limits."""
    return _compare(
        _divide(usage, demand.requests),
        _divide(usage, demand.limits, unbound=frozenset(demand.unlimited)),
    )


def of_pod(
    pod: Pod,
    metrics: PodMetrics,
    values: Mapping[str, Quantities],
    usage: Quantities,
    demand: Demand,
) -> Compared:
    """Compare what *metrics* gives of a pod with what the same containers have.

    *values* are those of single containers as far as they can be, *usage* is the sum of
    them, *demand* the pod's own.
    """
    if _as_it_stands(pod, values, usage, demand):
        return of_container(usage, demand)
    measured = _measured(pod, metrics, values, usage)
    requests = _division(pod, measured, usage, _REQUESTS)
    return _compare(
        _with_pods_own(requests, pod, measured, usage, demand),
        _division(pod, measured, usage, _LIMITS),
    )


def _with_pods_own(
    requests: Division,
    pod: Pod,
    measured: _Measured,
    usage: Quantities,
    demand: Demand,
) -> Division:
    """Add what is set aside for a pod though none of what runs requests it.

    An init container that has ended did, or the runtime class: it is the pod's to use,
    and the share is of the two amounts that stand in its row.
    """
    more = [
        name
        for name in usage
        if demand.requests.get(name)
        and name not in requests.whole
        and not any(container_requests(pod, c).get(name) for c in measured.running)
    ]
    if not more:
        return requests
    lacking = [name for name in more if not measured.complete(pod, name)]
    return replace(
        requests,
        used={**requests.used, **{name: usage[name] for name in more}},
        whole={**requests.whole, **{name: demand.requests[name] for name in more}},
        partial=requests.partial.union(lacking),
    )


def _as_it_stands(
    pod: Pod, values: Mapping[str, Quantities], usage: Quantities, demand: Demand
) -> bool:
    """Whether REQ and LIM are those of the very containers that make up *usage*.

    It is so of most pods, and costs little to be told.
    """
    if pod.resources or pod.overhead or pod.init_containers or demand.unrequested:
        return False
    if len(values) != len(pod.containers):
        return False
    names = usage.keys()
    for container in pod.containers:
        if values.get(container.name, EMPTY).keys() != names:
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Measured:
    """The containers that serve or run now, and what was measured of each by name.

    *whole* is the pod's own value where that alone is known: it is of all that run.
    *plain*: no resize or claim makes an amount another than the spec's.
    """

    running: tuple[Container, ...]
    usage: Mapping[str, Quantities]
    plain: bool
    whole: Quantities | None = None

    def of(self, resource: str) -> tuple[Container, ...]:
        """Return the containers whose usage of *resource* is known."""
        if self.whole is not None:
            return self.running if resource in self.whole else ()
        usage = self.usage
        return tuple([c for c in self.running if resource in usage.get(c.name, EMPTY)])

    def complete(self, pod: Pod, resource: str) -> bool:
        """Whether no running container lacks a value of *resource*."""
        if self.whole is not None:
            return resource in self.whole
        return all(
            resource in self.usage.get(c.name, EMPTY)
            for c in pod.all_containers
            if c.running
        )

    def sum(self, containers: Sequence[Container], resource: str) -> Quantity:
        """Return what these containers use of *resource*."""
        if self.whole is not None:
            return self.whole[resource]
        return _added([self.usage[c.name][resource] for c in containers])


def _added(amounts: list[Quantity]) -> Quantity:
    """Add amounts up, of which there is one at least."""
    return amounts[0] if len(amounts) == 1 else sum(amounts, _ZERO)


def _measured(
    pod: Pod, metrics: PodMetrics, values: Mapping[str, Quantities], usage: Quantities
) -> _Measured:
    serves = serving(pod)
    now = tuple(c for c in pod.init_containers if c.kind == "init" and c.running)
    if metrics.of_whole_pod:
        up = tuple(c for c in serves if c.state.kind in {"running", ""})
        return _Measured(up + now, EMPTY, _plain(pod, up + now), usage)
    return _Measured(serves + now, values, _plain(pod, serves + now))


def _plain(pod: Pod, containers: tuple[Container, ...]) -> bool:
    if pod.claimed or pod.allocated or pod.status_resources or resize_infeasible(pod):
        return False
    return all(map(settled, containers))


@dataclass(frozen=True, slots=True)
class _Amounts:
    """How one kind of amount is read: a container's, a pod's, and a pod-level one's.

    *binding*: what lacks it may use any amount, so that there is no share of it.
    """

    of_container: Callable[[Pod, Container], Quantities]
    of_spec: Callable[[Container], Quantities]
    of_pod: Callable[..., Quantities]
    pod_level: Callable[[Resources], Quantities]
    binding: bool


_REQUESTS: Final = _Amounts(
    container_requests,
    lambda container: container.requests,
    pod_requests,
    lambda level: level.requests,
    binding=False,
)
_LIMITS: Final = _Amounts(
    container_limits,
    lambda container: container.limits,
    pod_limits,
    lambda level: level.limits,
    binding=True,
)


def _division(
    pod: Pod, measured: _Measured, usage: Quantities, kind: _Amounts
) -> Division:
    level = kind.pod_level(pod.resources) if pod.resources else EMPTY
    used: dict[str, Quantity] = {}
    whole: dict[str, Quantity] = {}
    partial: set[str] = set()
    unbound: set[str] = set()
    for name, value in usage.items():
        if level.get(name):
            used[name] = value
            whole[name] = kind.of_pod(pod, overhead=False).get(name, _ZERO)
            if not measured.complete(pod, name):
                partial.add(name)
            continue
        known = measured.of(name)
        if measured.plain:
            having = [c for c in known if kind.of_spec(c).get(name)]
        else:
            having = [c for c in known if kind.of_container(pod, c).get(name)]
        lacking = len(having) < len(known)
        if lacking and kind.binding:
            unbound.add(name)
        # A value of the whole pod cannot be told apart by its containers.
        elif having and not (lacking and measured.whole is not None):
            used[name] = measured.sum(having, name)
            whole[name] = _amount(pod, measured, having, name, kind)
    return _divide(used, whole, frozenset(partial), frozenset(unbound))


def _amount(
    pod: Pod,
    measured: _Measured,
    containers: Sequence[Container],
    resource: str,
    kind: _Amounts,
) -> Quantity:
    """Return what these containers have together, in a resize by the rule of pods."""
    if measured.plain:
        return _added([kind.of_spec(c)[resource] for c in containers])
    names = {container.name for container in containers}
    all_of_them = names.issuperset(c.name for c in serving(pod))
    alone = replace(
        pod,
        containers=tuple(c for c in pod.containers if c.name in names),
        init_containers=tuple(c for c in pod.init_containers if c.name in names),
    )
    # The pod's own status is of all its containers, those of its start included.
    whole = all_of_them and len(alone.init_containers) == len(pod.init_containers)
    amounts = kind.of_pod(
        alone, overhead=False, pod_level=False, pod_level_resize=whole, dra=all_of_them
    )
    return amounts.get(resource, _ZERO)
