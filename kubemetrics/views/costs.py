"""What rows cost by the prices that the user gives: ``--price cpu=0.03,memory=0.004``.

A pod is charged for what it requests or for what it uses, whichever is more, since
nobody else can have either; what it requests and does not use is unused. A node costs
what it has, and unused is what its pods are not charged for.
Source: opencost.io/docs/specification, "Workload Costs" and "Cluster Idle Costs".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final, NamedTuple, TypeVar

from ..accounting import NO_DEMAND
from ..frozen import dataclass
from ..jsonread import EMPTY
from ..models import CPU, MEMORY
from ..quantity import Quantity
from ..snapshot import ContainerUsage, NodeUsage, PodUsage, Rollup
from ..snapshot.node_rollup import NodeRollup
from ..snapshot.rows import incomplete
from ..table.columns import PARTIAL, Column, Table
from .view import View

R = TypeVar("R")
_ZERO: Final = Quantity(0)
_KEYS: Final = {"cpu": CPU, "memory": MEMORY, "mem": MEMORY}
_GIBIBYTE: Final = 1024**3
_PRICE: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Za-z]{1,8}", re.ASCII)
_EXPECTED: Final = "expected cpu=0.03,memory=0.004: a core-hour, a GiB-hour"


@dataclass(frozen=True, slots=True)
class Prices:
    """The price of an hour of each resource, for a core or a byte, in a *currency*."""

    hour: Mapping[str, Fraction]
    currency: str = ""

    @classmethod
    def parse(cls, text: str) -> Prices:
        """Read ``--price cpu=0.03,memory=0.004,currency=EUR``.

        Raises:
            ValueError: something else; says what is expected.
        """
        hour: dict[str, Fraction] = {}
        currency = ""
        for word in text.split(","):
            key, _, value = (part.strip() for part in word.partition("="))
            resource = _KEYS.get(key.lower())
            if key.lower() == "currency" and _CURRENCY.fullmatch(value):
                currency = value
            elif resource and resource not in hour and _PRICE.fullmatch(value):
                hour[resource] = Fraction(value)
            else:
                raise ValueError(f"{_EXPECTED}, not {word[:40]!r}")
        if not hour:
            raise ValueError(f"{_EXPECTED}, and not the currency alone")
        if MEMORY in hour:
            hour[MEMORY] /= _GIBIBYTE
        return cls(hour, currency)

    def of(self, amounts: Mapping[str, Quantity]) -> Quantity:
        """Return what *amounts* cost an hour, to the nearest billionth."""
        parts = (p * amounts[name].nanos for name, p in self.hour.items())
        return Quantity.from_nanos(round(sum(parts, Fraction(0))))


class Cost(NamedTuple):
    """What a row costs an *hour*, and for what of it is *unused*.

    They are lower bounds where something in them is not known.
    """

    hour: Quantity | None
    unused: Quantity | None
    partial: bool = False
    partial_unused: bool = False

    @property
    def marks(self) -> tuple[str, str]:
        """Return the marks of both; a total lacks what has no value."""
        lacking = self.partial or self.hour is None
        unused = self.partial_unused or self.unused is None
        return PARTIAL if lacking else "", PARTIAL if unused else ""


def priced(view: View[R], prices: Prices) -> View[R]:
    """Return *view* with the columns of what its rows cost."""
    members = view.members
    return replace(
        view,
        table=priced_table(view.table, prices),
        members=None if members is None else priced_table(members, prices),
    )


def priced_table(table: Table[R], prices: Prices) -> Table[R]:
    """Return *table* with the columns of what its rows cost."""
    columns = table.columns
    at = max(i for i, c in enumerate(columns) if c.group == "mem" and not c.last) + 1
    return replace(
        table,
        columns=(*columns[:at], *_columns(table, prices), *columns[at:]),
        aliases={**table.aliases, "cost": "cost.hour"},
        currency=prices.currency,
    )


def _columns(table: Table[R], prices: Prices) -> Sequence[Column[R]]:
    what, idle = (
        _ABOUT_NODES if table.kind in {"NodeUsage", "NodeRollup"} else _ABOUT_PODS
    )
    unit = f" ({prices.currency})" if prices.currency else ""

    def hour(row: R) -> Quantity | None:
        return cost_of(row, prices).hour

    def unused(row: R) -> Quantity | None:
        return cost_of(row, prices).unused

    def mark(row: R) -> str:
        return cost_of(row, prices).marks[0]

    def mark_unused(row: R) -> str:
        return cost_of(row, prices).marks[1]

    return (
        Column(key="cost.hour", header="COST/H", kind="money", get=hour, keep=87,
               about=f"the price of an hour of {what}{unit}", mark=mark),
        Column(key="cost.unused", header="COST/H-UNUSED", kind="money", get=unused,
               keep=86, about=f"that of {idle}{unit}", mark=mark_unused),
    )  # fmt: skip


_ABOUT_PODS: Final = (
    "what it requests or uses, whichever is more", "what it requests and does not use"
)  # fmt: skip
_ABOUT_NODES: Final = (
    "what it has", "what its pods neither request nor it uses; below 0 overcommitted"
)  # fmt: skip


def cost_of(row: Any, prices: Prices) -> Cost:  # noqa: ANN401 - rows of every view
    """Return what a row of any view costs."""
    if isinstance(row, PodUsage | ContainerUsage):
        return _of_pods(row, prices)
    if isinstance(row, NodeUsage):
        return _of_node(row, prices)
    if isinstance(row, NodeRollup):
        return _sum(_of_node(node, prices) for node in row.nodes)
    members: Rollup = row
    return _sum(_of_pods(member, prices) for member in members.members)


def _sum(costs: Iterable[Cost]) -> Cost:
    found = list(costs)
    return Cost(
        _total(found, lambda cost: cost.hour),
        _total(found, lambda cost: cost.unused),
        any(cost.marks[0] for cost in found),
        any(cost.marks[1] for cost in found),
    )


def _total(
    costs: Sequence[Cost], of: Callable[[Cost], Quantity | None]
) -> Quantity | None:
    known = [value for cost in costs if (value := of(cost)) is not None]
    return sum(known, _ZERO) if known else None


def _of_pods(row: PodUsage | ContainerUsage, prices: Prices) -> Cost:
    usage, demand = row.usage or EMPTY, row.demand
    if demand is None:
        known = {name: usage.get(name, _ZERO) for name in prices.hour}
        return Cost(prices.of(known) if row.usage else None, None, partial=True)
    if row.state == "finished" or (row.state == "waiting" and not row.node_name):
        return Cost(_ZERO, _ZERO)
    charged: dict[str, Quantity] = {}
    idle: dict[str, Quantity] = {}
    for name in prices.hour:
        used, asked = usage.get(name, _ZERO), demand.requests.get(name, _ZERO)
        charged[name] = max(used, asked)
        idle[name] = max(asked - used, _ZERO)
    lacking = row.state == "running" and not prices.hour.keys().isdisjoint(
        incomplete(row)
    )
    measured = demand is NO_DEMAND or not (lacking or row.usage is None)
    unused = prices.of(idle) if measured else None
    return Cost(prices.of(charged), unused, partial=lacking)


def _of_node(node: NodeUsage, prices: Prices) -> Cost:
    whole = node.capacity or node.allocatable
    if not all(name in whole for name in prices.hour):
        return Cost(None, None)
    hour = prices.of(whole)
    held = node.breakdown.demand.requests if node.breakdown else None
    usage = node.usage or EMPTY
    if held is None or not all(name in usage for name in prices.hour):
        return Cost(hour, None)
    taken = {name: max(held.get(name, _ZERO), usage[name]) for name in prices.hour}
    return Cost(hour, hour - prices.of(taken))
