"""A node and a list of them."""

from __future__ import annotations

from typing import TypedDict

from .meta import ConditionWire, ListMetaWire, ObjectMetaWire


class TaintWire(TypedDict, total=False):
    """``v1.Taint``."""

    key: str
    value: str
    effect: str


class AddressWire(TypedDict, total=False):
    """``v1.NodeAddress``."""

    type: str
    address: str


class SwapWire(TypedDict, total=False):
    """``v1.NodeSwapStatus``."""

    capacity: int


class NodeInfoWire(TypedDict, total=False):
    """``v1.NodeSystemInfo``."""

    architecture: str
    operatingSystem: str
    osImage: str
    kernelVersion: str
    containerRuntimeVersion: str
    kubeletVersion: str
    swap: SwapWire


class NodeSpecWire(TypedDict, total=False):
    """``v1.NodeSpec``."""

    unschedulable: bool
    taints: list[TaintWire]
    providerID: str


class NodeStatusWire(TypedDict, total=False):
    """``v1.NodeStatus``."""

    capacity: dict[str, str]
    allocatable: dict[str, str]
    conditions: list[ConditionWire]
    addresses: list[AddressWire]
    nodeInfo: NodeInfoWire


class NodeWire(TypedDict, total=False):
    """``v1.Node``."""

    kind: str
    metadata: ObjectMetaWire
    spec: NodeSpecWire
    status: NodeStatusWire


class NodeListWire(TypedDict, total=False):
    """``v1.NodeList``."""

    kind: str
    metadata: ListMetaWire
    items: list[NodeWire]
