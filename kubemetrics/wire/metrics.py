"""What ``metrics.k8s.io`` answers."""

from __future__ import annotations

from typing import TypedDict

from .meta import ListMetaWire, ObjectMetaWire


class ContainerMetricsWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``ContainerMetrics``."""

    name: str
    usage: dict[str, str]


class PodMetricsWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``PodMetrics``."""

    kind: str
    metadata: ObjectMetaWire
    timestamp: str
    window: str
    containers: list[ContainerMetricsWire]


class NodeMetricsWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``NodeMetrics``."""

    kind: str
    metadata: ObjectMetaWire
    timestamp: str
    window: str
    usage: dict[str, str]


class PodMetricsListWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``PodMetricsList``."""

    kind: str
    metadata: ListMetaWire
    items: list[PodMetricsWire]


class NodeMetricsListWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``NodeMetricsList``."""

    kind: str
    metadata: ListMetaWire
    items: list[NodeMetricsWire]
