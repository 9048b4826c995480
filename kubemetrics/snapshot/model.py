"""Pods and their containers: each with its value, or the reason why it has none."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from fractions import Fraction

from ..accounting import Demand, DemandSum, container_demand, serving
from ..frozen import dataclass
from ..models import (
    EMPTY,
    Container,
    ContainerKind,
    Pod,
    PodMetrics,
    Quantities,
    total,
)
from ..models.fields import empty
from .coverage import Stage
from .ratio import NOT_COMPARED, Base, Compared, ratio
from .reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PodUsage:
    """A pod, its sample, and what it asks for.

    *pod* is ``None`` for a sample whose pod is not in the list (`orphan`). *usage* is
    CPU in cores and memory in bytes; where it is ``None``, *reason* says why. *demand*
    is ``None`` where the pod could not be read; that of a finished pod is empty.
    *missing* names the running containers that the sample lacks: the value is then a
    lower bound (`partial`). *stale*: the sample is old for the list's cadence. *age* is
    by the server's clock. *allocatable* is its node's, empty where it is not known.
    """

    namespace: str
    name: str
    stage: Stage
    pod: Pod | None = None
    metrics: PodMetrics | None = None
    usage: Quantities | None = None
    reason: Reason | None = None
    demand: Demand | None = None
    missing: tuple[str, ...] = ()
    stale: bool = False
    age: timedelta | None = None
    allocatable: Quantities = field(default_factory=empty)

    @property
    def key(self) -> tuple[str, str]:
        """What it was joined on: (namespace, name)."""
        return self.namespace, self.name

    @property
    def orphan(self) -> bool:
        """Whether its pod is not in the list: gone meanwhile, or not readable."""
        return self.pod is None

    @property
    def partial(self) -> bool:
        """Whether its value is a lower bound."""
        return bool(self.missing)

    @property
    def node_name(self) -> str:
        """The node that it runs on, empty where that is not known."""
        return self.pod.node_name if self.pod else ""

    @property
    def compared(self) -> Compared:
        """What its percentages are taken over."""
        if self.pod is None or self.usage is None or self.demand is None:
            return NOT_COMPARED
        if self.partial and self.metrics is not None:
            return _measured_only(self.pod, self.metrics)
        return Compared(self.usage, self.demand)

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        """Return usage in requests, in limits or in the node's allocatable.

        ``None`` where that is not known: no value, no such request, a partial limit.
        """
        if base == "node":
            used = self.usage or EMPTY
            return ratio(used.get(resource), self.allocatable.get(resource))
        return self.compared.ratio(resource, base)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUsage:
    """A container of *row*'s pod, with its own value or its own reason.

    *container* is ``None`` where the pod could not be read, or where the sample names
    one that the pod does not have; *kind* and *demand* are ``None`` then.
    """

    row: PodUsage
    name: str
    stage: Stage
    container: Container | None = None
    usage: Quantities | None = None
    reason: Reason | None = None
    demand: Demand | None = None

    @property
    def partial(self) -> bool:
        """Whether its value is a lower bound: never, it is there or it is not."""
        return False

    @property
    def stale(self) -> bool:
        """Whether its pod's sample is old for the list's cadence."""
        return self.row.stale and self.usage is not None

    @property
    def kind(self) -> ContainerKind | None:
        """Regular, init, sidecar or ephemeral."""
        return self.container.kind if self.container else None

    @property
    def compared(self) -> Compared:
        """What its percentages are taken over."""
        if self.usage is None or self.demand is None:
            return NOT_COMPARED
        return Compared(self.usage, self.demand)

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        """Return usage in requests, in limits or in the node's allocatable."""
        if base == "node":
            used = self.usage or EMPTY
            return ratio(used.get(resource), self.row.allocatable.get(resource))
        return self.compared.ratio(resource, base)


def _measured_only(pod: Pod, metrics: PodMetrics) -> Compared:
    """Compare the containers that were measured, and no others."""
    measured = {container.name: container.usage for container in metrics.containers}
    known = [c for c in serving(pod) if c.name in measured]
    demand = DemandSum()
    for container in known:
        demand.add(container_demand(pod, container))
    return Compared(total([measured[c.name] for c in known]), demand.demand)
