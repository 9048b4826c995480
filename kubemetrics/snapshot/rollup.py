"""Roll-ups by any chain of keys; a total always equals the sum of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from ..accounting import Demand
from ..frozen import dataclass
from ..models import Quantities
from ..quantity import Quantity
from .coverage import Coverage
from .keys import GroupKey, key_of
from .model import ContainerUsage
from .ratio import Base, Compared
from .tally import Row, Tally


@dataclass(frozen=True, slots=True)
class Spread:
    """How the values of a group differ; the median is the lower of two."""

    least: Quantity
    median: Quantity
    most: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """The exact sum of a group of rows.

    *usage* adds up every value there is, *demand* what the rows ask for that could be
    read; *rows* is their number. *spread* tells by resource how those with a value
    differ.
    """

    key: tuple[GroupKey, ...]
    rows: int
    usage: Quantities
    demand: Demand
    compared: Compared
    coverage: Coverage
    spread: Mapping[str, Spread]

    @property
    def lower_bound(self) -> bool:
        """Whether more is used than *usage* says: something that runs lacks a value."""
        return not self.coverage.complete

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        """Return usage in requests or limits, over what was measured and read."""
        return self.compared.ratio(resource, base)


def rollup(rows: Iterable[Row], by: Sequence[str]) -> tuple[Rollup, ...]:
    """Group *rows* by a chain of keys and sum each group, in the order of the keys.

    A key is one of ``namespace``, ``node``, ``owner``, ``pod``, ``container``, ``qos``,
    ``priority-class`` or ``label:NAME``. ``container`` takes container rows.

    Raises:
        ValueError: no such key; says which there are.
    """
    chain = [key_of(name) for name in by]
    groups: dict[tuple[GroupKey, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(key(row) for key in chain), []).append(row)
    ordered = sorted(groups.items(), key=lambda group: [k.order for k in group[0]])
    return tuple(_sum(key, members) for key, members in ordered)


def summed(rows: Iterable[Row]) -> Rollup:
    """Return the total of *rows*: the roll-up by no key at all."""
    return _sum((), list(rows))


def _sum(key: tuple[GroupKey, ...], rows: list[Row]) -> Rollup:
    tally = Tally()
    for row in rows:
        tally.add(row)
    of_containers = bool(rows) and isinstance(rows[0], ContainerUsage)
    return Rollup(
        key=key,
        rows=tally.rows,
        usage=tally.usage,
        demand=tally.demand,
        compared=tally.compared,
        coverage=tally.coverage(
            "running containers" if of_containers else "running pods"
        ),
        spread={name: _spread(name, rows) for name in tally.usage},
    )


def _spread(resource: str, rows: list[Row]) -> Spread:
    values = [
        row.usage[resource] for row in rows if row.usage and resource in row.usage
    ]
    values.sort(key=lambda value: value.nanos)
    return Spread(values[0], values[(len(values) - 1) // 2], values[-1])
