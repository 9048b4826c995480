"""Percentages that never lie: exact, over what was measured, never of a part."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal, TypeAlias

from ..accounting import NO_DEMAND, Demand
from ..frozen import dataclass
from ..models import EMPTY, Quantities
from ..quantity import Quantity

Base: TypeAlias = Literal["requests", "limits", "node"]
"""What a usage is a share of; ``node`` is the node's allocatable."""


def ratio(amount: Quantity | None, whole: Quantity | None) -> Fraction | None:
    """Return *amount* in *whole* exactly; nothing where either is not known or 0."""
    if amount is None or not whole:
        return None
    return Fraction(amount.nanos, whole.nanos)


@dataclass(frozen=True, slots=True)
class Compared:
    """What percentages are taken over: usage and demand of the very same containers.

    Where a sample is partial it holds the measured containers alone; in a roll-up the
    measured pods that could be read.
    """

    usage: Quantities
    demand: Demand

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        """Return usage in requests or limits; nothing of a limit that is partial."""
        used = self.usage.get(resource)
        if base == "requests":
            return ratio(used, self.demand.requests.get(resource))
        if base == "node" or self.demand.partial_limit(resource):
            return None
        return ratio(used, self.demand.limits.get(resource))


NOT_COMPARED: Final = Compared(EMPTY, NO_DEMAND)
