"""`Node`: its capacity, what of it pods may request, its conditions and taints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from .. import jsonread
from ..frozen import dataclass
from ..jsonread import EMPTY, Object, child
from ..wire import NodeWire
from . import Condition, Pool, Quantities, dated_condition, object_meta, quantity


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint: *effect* is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """Its kubelet's version, and its swap in bytes where that is known."""

    kubelet_version: str = ""
    swap_capacity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node (``v1.Node``).

    *capacity* is what it has, *allocatable* what pods may request; both by resource
    name, CPU in cores and memory in bytes.
    """

    name: str
    uid: str = ""
    labels: Mapping[str, str] = field(default_factory=jsonread.empty)
    creation_timestamp: datetime | None = None
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()
    capacity: Quantities = field(default_factory=jsonread.empty)
    allocatable: Quantities = field(default_factory=jsonread.empty)
    conditions: tuple[Condition, ...] = ()
    info: NodeInfo = NodeInfo()

    @property
    def requestable(self) -> Quantities:
        """What pods may request: all of its capacity where it does not say.

        Source: the API's default, apis/core/v1/defaults.go, ``SetDefaults_NodeStatus``.
        ``kubectl top`` has none, so that *allocatable* stays as it was stated.
        """
        return self.allocatable or self.capacity

    @property
    def ready(self) -> bool:
        """Whether its Ready condition is True."""
        return any(c.type == "Ready" and c.status == "True" for c in self.conditions)

    @classmethod
    def from_json(cls, obj: NodeWire, pool: Pool | None = None) -> Node:
        """Read ``v1.Node``.

        Raises:
            DecodeError: a value of the wrong type.
        """
        pool = pool or Pool()
        spec = child(obj, "spec") or EMPTY
        status = child(obj, "status") or EMPTY
        name, _, uid, labels, created = object_meta(obj, pool)
        with jsonread.at("spec"):
            taints = jsonread.children(spec, "taints", _taint, pool)
            unschedulable = jsonread.boolean(spec, "unschedulable")
        with jsonread.at("status"):
            found = jsonread.children(status, "conditions", dated_condition, pool)
            capacity = pool.quantities(status, "capacity")
            allocatable = pool.quantities(status, "allocatable")
            info = _info(status, pool)
        return cls(
            name=name,
            uid=uid,
            labels=labels,
            creation_timestamp=created,
            unschedulable=unschedulable,
            taints=taints,
            capacity=capacity,
            allocatable=allocatable,
            conditions=found,
            info=info,
        )


def _taint(obj: Object, pool: Pool) -> Taint:
    return Taint(
        pool.text(obj, "key"), pool.text(obj, "value"), pool.text(obj, "effect")
    )


def _info(status: Object, pool: Pool) -> NodeInfo:
    obj = child(status, "nodeInfo") or EMPTY
    with jsonread.at("nodeInfo"):
        return NodeInfo(
            kubelet_version=pool.text(obj, "kubeletVersion"),
            swap_capacity=_swap(obj),
        )


def _swap(obj: Object) -> int | None:
    swap = child(obj, "swap") or EMPTY
    with jsonread.at("swap"):
        if swap.get("capacity") is None:
            return None
        bytes_ = jsonread.integer(swap, "capacity")
        quantity("capacity", bytes_)  # larger ones are no amount
        return bytes_
