"""Adding rows up, exactly, with what is to be known about the sum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from ..accounting import Demand, DemandSum, add
from ..quantity import Quantity
from .coverage import Count, Coverage
from .model import ContainerUsage, PodUsage
from .nodes import NodeUsage
from .ratio import Compared

Row: TypeAlias = PodUsage | ContainerUsage


class Tally:
    """Adds rows up; what it gives is complete once all are added."""

    __slots__ = ("_compared", "_compared_usage", "_count", "_demand", "rows", "usage")

    def __init__(self) -> None:
        self.rows: int = 0
        self.usage: dict[str, Quantity] = {}
        self._demand = DemandSum()
        self._compared = DemandSum()
        self._compared_usage: dict[str, Quantity] = {}
        self._count = Count()

    def add(self, row: Row) -> None:
        """Add one row."""
        self.rows += 1
        code = row.reason.code if row.reason else None
        self._count.add(row.stage, code, partial=row.partial, stale=row.stale)
        if row.demand is not None:
            self._demand.add(row.demand)
        if row.usage is not None:
            add(self.usage, row.usage)
            compared = row.compared
            add(self._compared_usage, compared.usage)
            self._compared.add(compared.demand)

    @property
    def demand(self) -> Demand:
        """What the rows ask for."""
        return self._demand.demand

    @property
    def compared(self) -> Compared:
        """What percentages are taken over."""
        return Compared(self._compared_usage, self._compared.demand)

    def coverage(self, noun: str) -> Coverage:
        """Return how many of the rows have what they should have."""
        return self._count.coverage(noun)


def pod_coverage(rows: Iterable[PodUsage]) -> Coverage:
    """Count pods that should have a sample."""
    count = Count()
    for row in rows:
        code = row.reason.code if row.reason else None
        count.add(row.stage, code, partial=row.partial, stale=row.stale)
    return count.coverage("running pods")


def node_coverage(rows: Iterable[NodeUsage]) -> Coverage:
    """Count nodes; every one should have a sample."""
    count = Count()
    for row in rows:
        code = row.reason.code if row.reason else None
        count.add("running", code, partial=False, stale=row.stale)
    return count.coverage("nodes")
