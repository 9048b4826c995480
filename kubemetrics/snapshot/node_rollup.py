"""Sums of nodes: of a whole cluster, or by their labels, pools, zones and taints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from ..accounting import Demand, Totals
from ..errors import check_type, checked_items
from ..frozen import dataclass
from ..jsonread import EMPTY
from ..models import Quantities, add
from ..quantity import Quantity
from ..ratio import Ratio
from ..text import quoted
from .node_rows import NodeBreakdown, NodeUsage, Share
from .percentages import ratio
from .rollup import LABEL, GroupKey, meant_by
from .rows import Coverage, UsageRow, node_coverage

_KeyOf: TypeAlias = Callable[[NodeUsage], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRollup(UsageRow):
    """A group of nodes, with the exact sums of what they have, use and hold.

    Amounts are in cores and bytes, by the name of the resource. *usage* adds up every
    value there is, ``None`` where there is none. *schedulable* is
    the room on nodes that any pod may be put on: Ready, not cordoned, not tainted; a
    node that is overcommitted takes none of it from the others.
    """

    key: tuple[GroupKey, ...]
    nodes: tuple[NodeUsage, ...]
    usage: Quantities | None
    capacity: Quantities
    allocatable: Quantities
    reserved: Quantities
    headroom: Quantities | None
    schedulable: Quantities | None
    breakdown: NodeBreakdown | None
    coverage: Coverage

    @property
    def demand(self) -> Demand | None:
        """What its pods request and may use; ``None`` where they are not known."""
        return self.breakdown.demand if self.breakdown else None

    @property
    def lower_bound(self) -> bool:
        """Whether more is used than *usage* says: a node has no value."""
        return not self.coverage.complete

    def partial(self, resource: str) -> bool:
        """Whether *usage* is a lower bound of one resource: a node has none of it."""
        return any(resource not in (node.usage or EMPTY) for node in self.nodes)

    def count(self, placement: str) -> int:
        """Count the nodes that are ``open``, ``tainted``, ``cordoned``, ``notready``.

        Each is counted once, as the last of these that it is.
        """
        return sum(placement_of(node) == placement for node in self.nodes)

    def ratio(self, resource: str, share: Share) -> Ratio | None:
        """Return usage, requests or limits in allocatable, of the nodes with both."""
        found: list[Quantity] = []
        whole = _ZERO
        for node in self.nodes:
            amount = node.amount(resource, share)
            of = node.allocatable.get(resource)
            if of and (amount is not None or (share == "limits" and node.breakdown)):
                found += [] if amount is None else [amount]
                whole += of
        return ratio(sum(found, _ZERO) if found else None, whole)


_ZERO: Final = Quantity(0)


def node_rollup(
    nodes: Iterable[NodeUsage], by: Sequence[str] = ()
) -> tuple[NodeRollup, ...]:
    """Group *nodes* by a chain of keys and sum each group, in the order of the keys.

    A key is one of `NODE_KEYS` or ``label:NAME``; no key at all makes one group.

    Raises:
        ValueError: no such key; says which there are.
    """
    check_type("by", by, "Sequence[str]")
    chain = [(name, node_key(name)) for name in by]
    groups: dict[tuple[GroupKey, ...], list[NodeUsage]] = {}
    for node in checked_items("nodes", nodes, NodeUsage):
        key = tuple(GroupKey(name, value_of(node)) for name, value_of in chain)
        groups.setdefault(key, []).append(node)
    ordered = sorted(groups.items(), key=lambda group: [k.order for k in group[0]])
    return tuple(summed_nodes(members, key) for key, members in ordered)


def summed_nodes(
    nodes: Sequence[NodeUsage], key: tuple[GroupKey, ...] = ()
) -> NodeRollup:
    """Return the sums of *nodes*: the group of this *key*, or all together."""
    room = [node.headroom for node in nodes if node.headroom is not None]
    free = [
        {name: max(value, _ZERO) for name, value in (node.headroom or EMPTY).items()}
        for node in nodes
        if placement_of(node) == OPEN
    ]
    return NodeRollup(
        key=key,
        nodes=tuple(nodes),
        usage=_added(node.usage or EMPTY for node in nodes) or None,
        capacity=_added(node.capacity for node in nodes),
        allocatable=_added(node.allocatable for node in nodes),
        reserved=_added(node.reserved for node in nodes),
        headroom=_added(room) if room else None,
        schedulable=_added(free) if room else None,
        breakdown=_breakdown([n.breakdown for n in nodes if n.breakdown is not None]),
        coverage=node_coverage(nodes),
    )


def _added(amounts: Iterable[Quantities]) -> dict[str, Quantity]:
    sums: dict[str, Quantity] = {}
    for more in amounts:
        add(sums, more)
    return sums


def _breakdown(parts: Sequence[NodeBreakdown]) -> NodeBreakdown | None:
    if not parts:
        return None
    totals = Totals()
    for part in parts:
        totals.add(part.pods_usage, part.demand)
    rests = [part.rest for part in parts if part.rest is not None]
    return NodeBreakdown(
        pod_count=sum(part.pod_count for part in parts),
        demand=totals.demand,
        pods_usage=totals.usage,
        unmeasured=sum(part.unmeasured for part in parts),
        rest=_added(rests) if rests else None,
        incomplete=frozenset[str]().union(*(part.incomplete for part in parts)),
    )


OPEN: Final = "open"
_KEEPS_AWAY: Final = frozenset({"NoSchedule", "NoExecute"})


def placement_of(node: NodeUsage) -> str:
    """Return whether any pod may be put on *node*: ``open``, or why not.

    It is ``notready``, ``cordoned`` or ``tainted``, the first of these that holds, and
    nothing where nodes could not be read. A cordon and an unready node are taints as
    well, of their own kind.
    """
    if node.node is None:
        return ""
    if not node.ready:
        return "notready"
    if node.cordoned:
        return "cordoned"
    return "tainted" if any(t.effect in _KEEPS_AWAY for t in node.taints) else OPEN


_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "zone": (
        "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/zone",
    ),
    "region": (
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/region",
    ),
    "instance-type": (
        "node.kubernetes.io/instance-type",
        "beta.kubernetes.io/instance-type",
    ),
    "pool": (
        "karpenter.sh/nodepool",
        "eks.amazonaws.com/nodegroup",
        "alpha.eksctl.io/nodegroup-name",
        "cloud.google.com/gke-nodepool",
        "kubernetes.azure.com/agentpool",
        "agentpool",
        "doks.digitalocean.com/node-pool",
        "node.kubernetes.io/pool",
        "pool",
    ),
    "arch": ("kubernetes.io/arch", "beta.kubernetes.io/arch"),
    "os": ("kubernetes.io/os", "beta.kubernetes.io/os"),
}
"""Short keys, and the labels of which the first that a node has is its value.

Sources: kubernetes.io/docs, Well-Known Labels; those of pools are the providers' own.
"""


def node_key(by: str) -> _KeyOf:
    """Return the function that gives the key *by* of a node.

    Raises:
        ValueError: no such key; says which there are.
    """
    if by == "placement":
        return placement_of
    if by == "version":
        return lambda node: node.node.info.kubelet_version if node.node else ""
    if by.startswith(LABEL) and by != LABEL:
        return _first_label((by.removeprefix(LABEL),))
    labels = _LABELS.get(by)
    if labels is None:
        raise ValueError(f"cannot group nodes by {quoted(by)}{meant_by(by, NODE_KEYS)}")
    return _first_label(labels)


NODE_KEYS: Final = (*_LABELS, "version", "placement")
"""The keys of `node_rollup`, beside labels."""


def _first_label(names: tuple[str, ...]) -> _KeyOf:
    def value(node: NodeUsage) -> str:
        labelled = node.node or node.metrics
        labels = labelled.labels if labelled else EMPTY
        return next((labels[name] for name in names if name in labels), "")

    return value
