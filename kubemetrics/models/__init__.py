"""What the API answers, as frozen values: each is made by its ``from_json``.

A name is imported when it is first used: who lists samples has no need of pods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..lazy import lazily

if TYPE_CHECKING:
    from .common import CPU, MEMORY, NO_RESOURCES, Condition, Resources, total
    from .container import Container, ContainerKind, ContainerState
    from .duration import parse_duration
    from .fields import EMPTY, UnreadableItem
    from .metrics import ContainerMetrics, NodeMetrics, PodMetrics
    from .node import Node, NodeAddress, NodeInfo, Taint
    from .pod import OwnerReference, Pod
    from .pool import Pool, Quantities

_HOME: Final = {
    "CPU": "common",
    "EMPTY": "fields",
    "MEMORY": "common",
    "NO_RESOURCES": "common",
    "Condition": "common",
    "Container": "container",
    "ContainerKind": "container",
    "ContainerMetrics": "metrics",
    "ContainerState": "container",
    "Node": "node",
    "NodeAddress": "node",
    "NodeInfo": "node",
    "NodeMetrics": "metrics",
    "OwnerReference": "pod",
    "Pod": "pod",
    "PodMetrics": "metrics",
    "Pool": "pool",
    "Quantities": "pool",
    "Resources": "common",
    "Taint": "node",
    "UnreadableItem": "fields",
    "parse_duration": "duration",
    "total": "common",
}

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
    "UnreadableItem",
    "parse_duration",
    "total",
]


if not TYPE_CHECKING:  # to a type checker a misspelt name stays an error
    __getattr__ = lazily(__name__, _HOME)
