"""Nodes: usage = Σ pods + the rest, against what they have and what was promised."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Literal, TypeAlias

from ..accounting import Demand
from ..frozen import dataclass
from ..models import EMPTY, Condition, Node, NodeMetrics, Quantities, Taint
from ..quantity import Quantity
from .ratio import ratio
from .reason import Reason

Share: TypeAlias = Literal["usage", "requests", "limits"]
"""What is taken of a node's allocatable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAccount:
    """A node's usage reconciled with its pods.

    *pods* counts those assigned to it and not finished, *demand* is theirs,
    *pods_usage* the sum over those measured, *unmeasured* counts those that run without
    a whole sample. *rest* is what is left of the node's usage: never negative, since
    the samples are of different moments; ``None`` where the node has no value.
    """

    pods: int
    demand: Demand
    pods_usage: Quantities
    unmeasured: int
    rest: Quantities | None

    @property
    def rest_name(self) -> str:
        """What *rest* is: ``system``, or ``system and 2 unmeasured pods``."""
        if not self.unmeasured:
            return "system"
        pods = "pod" if self.unmeasured == 1 else "pods"
        return f"system and {self.unmeasured} unmeasured {pods}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUsage:
    """A node, its sample and what its pods take of it.

    *node* is ``None`` where nodes could not be read. *skew* is how far its own clock is
    ahead (behind, if negative) where its samples alone are dated wrongly. *account*
    takes all pods of the cluster; where it is ``None``, *account_reason* says why, if
    they were asked for.
    """

    name: str
    node: Node | None = None
    metrics: NodeMetrics | None = None
    usage: Quantities | None = None
    reason: Reason | None = None
    stale: bool = False
    age: timedelta | None = None
    skew: timedelta | None = None
    account: NodeAccount | None = None
    account_reason: Reason | None = None

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
        """What keeps pods away."""
        return self.node.taints if self.node else ()

    @property
    def troubles(self) -> tuple[Condition, ...]:
        """The conditions that are not as they should be (not Ready, some pressure)."""
        conditions = self.node.conditions if self.node else ()
        return tuple(
            c for c in conditions if (c.status != "True") == (c.type == "Ready")
        )

    @property
    def capacity(self) -> Quantities:
        """What it has."""
        return self.node.capacity if self.node else EMPTY

    @property
    def allocatable(self) -> Quantities:
        """What pods may request: the denominator of every percentage."""
        return (self.node.allocatable or self.node.capacity) if self.node else EMPTY

    @property
    def reserved(self) -> Quantities:
        """What is kept from pods for the system: capacity - allocatable."""
        capacity = self.capacity
        return {
            name: capacity[name] - value
            for name, value in self.allocatable.items()
            if name in capacity
        }

    @property
    def headroom(self) -> Quantities | None:
        """What pods may still request; below 0 where more is promised than there is.

        ``pods`` is a number of pods. ``None`` where the pods are not known.
        """
        if self.account is None:
            return None
        taken = {**self.account.demand.requests, "pods": Quantity(self.account.pods)}
        return {
            name: value - taken.get(name, Quantity(0))
            for name, value in self.allocatable.items()
        }

    def ratio(self, resource: str, share: Share) -> Fraction | None:
        """Return usage, Σ requests or Σ limits in allocatable, exactly.

        Above 1 the limits are overcommitted; where ``account.demand.partial_limit``
        holds it is a lower bound.
        """
        return ratio(self._amounts(share).get(resource), self.allocatable.get(resource))

    def _amounts(self, share: Share) -> Quantities:
        if share == "usage":
            return self.usage or EMPTY
        demand = self.account.demand if self.account else None
        if demand is None:
            return EMPTY
        return demand.requests if share == "requests" else demand.limits
