"""Reconciling nodes with their pods: what is left of a node's usage is the system's."""

from __future__ import annotations

from collections.abc import Iterable

from ..models import Quantities
from ..quantity import Quantity
from .model import PodUsage
from .nodes import NodeAccount
from .tally import Tally


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
        measured = pods.tally.usage
        return NodeAccount(
            pods=pods.holding,
            demand=pods.tally.demand,
            pods_usage=measured,
            unmeasured=pods.unmeasured,
            rest=None if usage is None else _rest(usage, measured),
        )


class _Pods:
    def __init__(self) -> None:
        self.tally = Tally()
        self.holding = 0
        self.unmeasured = 0

    def add(self, row: PodUsage) -> None:
        """Count a pod; one that is being deleted may still run."""
        self.tally.add(row)
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
