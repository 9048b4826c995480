"""Rows of nodes, each with its usage broken down into that of its pods and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ..accounting import Demand, Totals
from ..frozen import dataclass
from ..jsonread import EMPTY, empty
from ..models import CPU, Condition, Quantities
from ..models.metrics import NodeMetrics
from ..models.node import Node, Taint
from ..quantity import Quantity
from ..text import counted
from .percentages import ratio
from .reasons import Reason
from .rows import PodUsage, RowState, UsageRow, incomplete

if TYPE_CHECKING:
    from ..ratio import Ratio

_ZERO: Final = Quantity(0)
Share: TypeAlias = Literal["usage", "requests", "limits"]
"""Amounts that are compared with a node's allocatable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeBreakdown:
    """A node's usage, split into that of its pods and the rest.

    *pod_count* counts those assigned to it and not finished, *demand* is theirs,
    *pods_usage* the sum over those measured, *unmeasured* counts those that run without
    a whole sample, and *incomplete* are the resources that they lack. *rest* is what is
    left of the node's usage: never negative, since the samples are of different
    moments, and without a resource of which the pods use more than jitter explains;
    ``None`` where the node has no value.
    """

    pod_count: int
    demand: Demand
    pods_usage: Quantities
    unmeasured: int
    rest: Quantities | None
    incomplete: frozenset[str] = frozenset()

    @property
    def rest_name(self) -> str:
        """Name of *rest*: ``system``, or ``system and 2 unmeasured pods``."""
        if not self.unmeasured:
            return "system"
        return f"system and {counted(self.unmeasured, 'unmeasured pod')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUsage(UsageRow):
    """A node with its sample, or a reason, and the breakdown of its usage.

    *reasons* says why each of CPU and memory is missing where a sample has but one.
    *node* is ``None`` where nodes could not be read. *skew* is how far its own clock is
    ahead (behind, if negative) where its samples alone are dated wrongly. *breakdown*
    takes all pods of the cluster; where it is ``None``, *breakdown_reason* says why, if
    they were asked for. *age* is the sample's, by the clock of the server, which was
    *date* when it was read.
    """

    name: str
    node: Node | None = None
    metrics: NodeMetrics | None = None
    usage: Quantities | None = None
    reason: Reason | None = None
    reasons: Mapping[str, Reason] = field(default_factory=empty)
    stale: bool = False
    age: timedelta | None = None
    date: datetime | None = None
    skew: timedelta | None = None
    breakdown: NodeBreakdown | None = None
    breakdown_reason: Reason | None = None

    @property
    def state(self) -> RowState:
        """The state, always ``running``: of every node a sample is expected."""
        return "running"

    @property
    def partial(self) -> bool:
        """Whether its value is a lower bound: never, it is there or it is not."""
        return False

    @property
    def demand(self) -> Demand | None:
        """What its pods request and may use; ``None`` where they are not known."""
        return self.breakdown.demand if self.breakdown else None

    @property
    def ready(self) -> bool | None:
        """Whether it is Ready; ``None`` where nodes could not be read."""
        return self.node.ready if self.node else None

    @property
    def cordoned(self) -> bool:
        """Whether no new pod is put on it (``kubectl cordon``)."""
        return self.node is not None and self.node.unschedulable

    @property
    def taints(self) -> tuple[Taint, ...]:
        """Taints, which keep pods away; none where nodes could not be read."""
        return self.node.taints if self.node else ()

    @property
    def troubles(self) -> tuple[Condition, ...]:
        """The conditions that are not as they should be (not Ready, some pressure)."""
        return tuple(
            c for c in self._conditions if c.status != (_good(c.type) or c.status)
        )

    @property
    def other_conditions(self) -> tuple[Condition, ...]:
        """The conditions of which it is not known how they should be."""
        return tuple(c for c in self._conditions if c.type and not _good(c.type))

    @property
    def _conditions(self) -> tuple[Condition, ...]:
        return self.node.conditions if self.node else ()

    @property
    def capacity(self) -> Quantities:
        """Resources that the node has, in cores and bytes."""
        return self.node.capacity if self.node else EMPTY

    @property
    def allocatable(self) -> Quantities:
        """Resources that pods may request: the denominator of every percentage."""
        return self.node.requestable if self.node else EMPTY

    @property
    def reserved(self) -> Quantities:
        """Resources kept from pods for the system: capacity - allocatable."""
        capacity = self.capacity
        return {
            name: capacity[name] - value
            for name, value in self.allocatable.items()
            if name in capacity
        }

    @property
    def headroom(self) -> Quantities | None:
        """Resources that pods may still request; below 0 if more is requested already.

        ``pods`` is a number of pods. ``None`` where the pods are not known.
        """
        if self.breakdown is None:
            return None
        taken = {
            **self.breakdown.demand.requests,
            "pods": Quantity(self.breakdown.pod_count),
        }
        return {
            name: value - taken.get(name, Quantity(0))
            for name, value in self.allocatable.items()
        }

    def ratio(self, resource: str, share: Share) -> Ratio | None:
        """Return usage, Σ requests or Σ limits in allocatable, exactly.

        Above 1 the limits are overcommitted; where ``breakdown.demand.partial_limit``
        holds it is a lower bound.
        """
        return ratio(self.amount(resource, share), self.allocatable.get(resource))

    def amount(self, resource: str, share: Share) -> Quantity | None:
        """Return usage, Σ requests or Σ limits of one resource.

        Requests are 0 where there are none; ``None`` is what is not known, or no limit.
        """
        if share == "usage":
            return (self.usage or EMPTY).get(resource)
        if self.breakdown is None:
            return None
        demand = self.breakdown.demand
        if share == "limits":
            return demand.limits.get(resource)
        return demand.requests.get(resource, _ZERO)


_GOOD_WHEN_TRUE: Final = ("Ready", "EtcdIsVoter")
_GOOD_WHEN_FALSE: Final = ("Pressure", "Unavailable", "Problem")


def _good(condition: str) -> str:
    """Return the status that a type of condition should have; empty if nobody knows.

    The list of types is open: providers add their own (k3s ``EtcdIsVoter``, EKS
    ``NetworkingReady``, node-problem-detector ``KernelDeadlockProblem``).
    """
    if condition.endswith(_GOOD_WHEN_TRUE):
        return "True"
    return "False" if condition.endswith(_GOOD_WHEN_FALSE) else ""


def above_full(node: NodeUsage, resource: str) -> str:
    """Explain a usage above allocatable in one sentence; empty where it is not above.

    Allocatable leaves out what is reserved, whereas a node's usage is that of its root
    cgroup, the kernel's and the daemons' included (kubelet stats/summary).
    """
    used = (node.usage or {}).get(resource)
    whole = node.allocatable.get(resource)
    if used is None or not whole or used <= whole:
        return ""
    reserved = node.reserved.get(resource)
    kept = f": {reserved} are kept for the system, " if reserved else ": "
    return (
        f"{resource} is at {_percent(used, whole)} of allocatable and "
        f"{_percent(used, node.capacity.get(resource))} of capacity{kept}"
        f"and usage counts system daemons too{_rest_of(node, resource)}"
        f"{_beyond(node, resource)}."
    )


def _rest_of(node: NodeUsage, resource: str) -> str:
    breakdown = node.breakdown
    if breakdown is None or breakdown.rest is None or resource not in breakdown.rest:
        return ""
    return f" ({breakdown.rest_name}: {breakdown.rest[resource]})"


def _beyond(node: NodeUsage, resource: str) -> str:
    used = (node.usage or {}).get(resource)
    capacity = node.capacity.get(resource)
    if resource != CPU or used is None or capacity is None or used <= capacity:
        return ""
    return "; above capacity, a rate between two readings may be off by their jitter"


def _percent(used: Quantity, whole: Quantity | None) -> str:
    share = ratio(used, whole)
    return "an unknown part" if share is None else f"{int(share * 100)}%"


class PodsByNode:
    """Sums the pods of a cluster by node, and breaks down each node's usage."""

    def __init__(self, pods: Iterable[PodUsage]) -> None:
        self._nodes: dict[str, _Pods] = {}
        for row in pods:
            if row.node_name:
                self._nodes.setdefault(row.node_name, _Pods()).add(row)

    def breakdown(self, node: str, usage: Quantities | None) -> NodeBreakdown:
        """Return the breakdown of *node*, whose own usage is *usage*."""
        pods = self._nodes.get(node) or _Pods()
        return NodeBreakdown(
            pod_count=pods.unfinished,
            demand=pods.totals.demand,
            pods_usage=pods.totals.usage,
            unmeasured=pods.unmeasured,
            incomplete=frozenset(pods.incomplete),
            rest=None if usage is None else _rest(usage, pods.totals.usage),
        )


class _Pods:
    def __init__(self) -> None:
        self.totals = Totals()
        self.unfinished = 0
        self.unmeasured = 0
        self.incomplete: set[str] = set()

    def add(self, row: PodUsage) -> None:
        """Count a pod; one that is being deleted may still run."""
        self.totals.add(row.usage, row.demand)
        self.unfinished += row.state != "finished"
        unknown = row.reason is not None and row.state in {"running", "terminating"}
        if unknown or row.partial:
            self.unmeasured += 1
            self.incomplete.update(incomplete(row))


_JITTER: Final = 10
"""Per cent by which what pods use may differ from one window to the next.

A node and its pods are read at different moments of a window, from different cgroups.
"""


def _rest(usage: Quantities, measured: Quantities) -> Quantities:
    """Subtract; a little below 0 is 0, and much below it is a contradiction."""
    rest: dict[str, Quantity] = {}
    for name, value in usage.items():
        pods = measured.get(name, _ZERO)
        if value >= pods:
            rest[name] = value - pods
        elif not _contradicts(value, pods):
            rest[name] = _ZERO
    return rest


def _contradicts(node: Quantity, pods: Quantity) -> bool:
    return 100 * (pods.nanos - node.nanos) > _JITTER * pods.nanos


def below_pods(node: NodeUsage, resource: str) -> str:
    """Explain a usage below that of its pods in one sentence; else return nothing.

    kubernetes#122382, AKS#3390: the two are not of the same cgroup, or one is wrong.
    """
    used = (node.usage or EMPTY).get(resource)
    pods = node.breakdown.pods_usage.get(resource) if node.breakdown else None
    if used is None or pods is None or not _contradicts(used, pods):
        return ""
    return (
        f"{resource}: its pods use {pods} and the node itself {used}, which cannot be; "
        "what the system takes is not known."
    )
