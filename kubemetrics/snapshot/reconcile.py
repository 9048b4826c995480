"""Reconciling nodes with their pods: what is left of a node's usage is the system's."""

from __future__ import annotations

from collections.abc import Iterable

from ..accounting import NO_DEMAND, DemandSum, add
from ..models import EMPTY, Quantities
from ..quantity import Quantity
from .model import PodUsage
from .nodes import NodeAccount


class Reconciliation:
    """All pods of a cluster, node by node."""

    def __init__(self, pods: Iterable[PodUsage]) -> None:
        self._nodes: dict[str, _Pods] = {}
        for row in pods:
            if row.node_name:
                self._nodes.setdefault(row.node_name, _Pods()).add(row)

    def account(self, node: str, usage: Quantities | None) -> NodeAccount:
        """Account for a node whose own usage is *usage*."""
        pods = self._nodes.get(node) or _Pods()
        return NodeAccount(
            pods=pods.holding,
            demand=pods.demands.demand,
            pods_usage=pods.usage,
            unmeasured=pods.unmeasured,
            rest=None if usage is None else _rest(usage, pods.usage),
        )


class _Pods:
    def __init__(self) -> None:
        self.demands = DemandSum()
        self.usage: dict[str, Quantity] = {}
        self.holding = 0
        self.unmeasured = 0

    def add(self, row: PodUsage) -> None:
        """Count a pod; one that is being deleted may still run."""
        self.demands.add(row.demand or NO_DEMAND)
        add(self.usage, row.usage or EMPTY)
        self.holding += row.stage != "finished"
        unknown = row.usage is None and row.stage in {"running", "terminating"}
        self.unmeasured += unknown or row.partial


def _rest(usage: Quantities, measured: Quantities) -> Quantities:
    """Subtract, but not below 0: the two were measured at different moments."""
    zero = Quantity(0)
    return {
        name: max(value - measured.get(name, zero), zero)
        for name, value in usage.items()
    }
