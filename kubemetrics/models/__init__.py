"""What the API answers, as frozen values: each is made by its ``from_json``."""

from __future__ import annotations

from .common import CPU, MEMORY, NO_RESOURCES, Condition, Resources, total
from .container import Container, ContainerKind, ContainerState
from .duration import parse_duration
from .fields import EMPTY
from .metrics import ContainerMetrics, NodeMetrics, PodMetrics
from .node import Node, NodeAddress, NodeInfo, Taint
from .pod import OwnerReference, Pod
from .pool import Pool, Quantities

__all__ = [
    "CPU",
    "EMPTY",
    "MEMORY",
    "NO_RESOURCES",
    "Condition",
    "Container",
    "ContainerKind",
    "ContainerMetrics",
    "ContainerState",
    "Node",
    "NodeAddress",
    "NodeInfo",
    "NodeMetrics",
    "OwnerReference",
    "Pod",
    "PodMetrics",
    "Pool",
    "Quantities",
    "Resources",
    "Taint",
    "parse_duration",
    "total",
]
