"""A node: what it has, what it offers and what is the matter with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from .. import jsonread
from ..frozen import dataclass
from ..jsonread import EMPTY, Object, child
from ..wire import NodeWire
from .resources import Condition, Pool, Quantities, conditions, metadata


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods away: *effect* is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """An address and its *type*: InternalIP, ExternalIP, Hostname and so on."""

    type: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """What runs on the node; *swap_capacity* is in bytes, where it is known."""

    architecture: str = ""
    operating_system: str = ""
    os_image: str = ""
    kernel_version: str = ""
    container_runtime_version: str = ""
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
    provider_id: str = ""
    taints: tuple[Taint, ...] = ()
    capacity: Quantities = field(default_factory=jsonread.empty)
    allocatable: Quantities = field(default_factory=jsonread.empty)
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[NodeAddress, ...] = ()
    info: NodeInfo = NodeInfo()

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
        meta = metadata(obj, pool)
        with jsonread.at("spec"):
            taints = jsonread.children(spec, "taints", _taint, pool)
            unschedulable = jsonread.flag(spec, "unschedulable")
            provider_id = jsonread.text(spec, "providerID")
        with jsonread.at("status"):
            found = conditions(status, pool)
            addresses = jsonread.children(status, "addresses", _address, pool)
            capacity = pool.quantities(status, "capacity")
            allocatable = pool.quantities(status, "allocatable")
            info = _info(status, pool)
        return cls(
            name=meta.name,
            uid=meta.uid,
            labels=meta.labels,
            creation_timestamp=meta.creation_timestamp,
            unschedulable=unschedulable,
            provider_id=provider_id,
            taints=taints,
            capacity=capacity,
            allocatable=allocatable,
            conditions=found,
            addresses=addresses,
            info=info,
        )


def _taint(obj: Object, pool: Pool) -> Taint:
    return Taint(
        pool.text(obj, "key"), pool.text(obj, "value"), pool.text(obj, "effect")
    )


def _address(obj: Object, pool: Pool) -> NodeAddress:
    return NodeAddress(pool.text(obj, "type"), jsonread.text(obj, "address"))


def _info(status: Object, pool: Pool) -> NodeInfo:
    obj = child(status, "nodeInfo") or EMPTY
    with jsonread.at("nodeInfo"):
        return NodeInfo(
            architecture=pool.text(obj, "architecture"),
            operating_system=pool.text(obj, "operatingSystem"),
            os_image=pool.text(obj, "osImage"),
            kernel_version=pool.text(obj, "kernelVersion"),
            container_runtime_version=pool.text(obj, "containerRuntimeVersion"),
            kubelet_version=pool.text(obj, "kubeletVersion"),
            swap_capacity=_swap(obj),
        )


def _swap(obj: Object) -> int | None:
    swap = child(obj, "swap") or EMPTY
    with jsonread.at("swap"):
        known = swap.get("capacity") is not None
        return jsonread.whole(swap, "capacity") if known else None
