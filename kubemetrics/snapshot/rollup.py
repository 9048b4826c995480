"""Roll-ups by any chain of keys, whose totals equal the sums of their rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from ..accounting import Demand
from ..models import Quantities
from ..quantity import Quantity
from .coverage import Coverage
from .ratio import Base, Compared


@dataclass(frozen=True, slots=True)
class GroupKey:
    """One link of a roll-up's chain: what it is grouped *by*, and the group's value.

    *value* is empty for rows that have none (no such label, no node yet). A pod's or an
    owner's key carries its *namespace*, an owner's its *kind*; *inferred* marks an
    owner that was concluded from a name.
    """

    by: str
    value: str
    kind: str = ""
    namespace: str = ""
    inferred: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Spread:
    """How the replicas of a group differ: the least, the median (low) and the most."""

    least: Quantity
    median: Quantity
    most: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """The exact sum of a group of pods (or containers).

    *usage* adds up every value there is; *lower_bound* says that some are missing or
    partial. *demand* adds up what the pods that could be read ask for. *count* is the
    number of rows, *pods* that of distinct pods. *spread* tells by resource how the
    measured rows differ.
    """

    key: tuple[GroupKey, ...]
    count: int
    pods: int
    usage: Quantities
    demand: Demand
    compared: Compared
    coverage: Coverage
    spread: dict[str, Spread]

    @property
    def lower_bound(self) -> bool:
        """Whether more is used than *usage* says: a running pod lacks its value."""
        return not self.coverage.complete

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        """Return usage in requests or limits, over the pods that were measured."""
        return self.compared.ratio(resource, base)
