"""How the samples of pods and nodes are read; made when the first one is."""

from __future__ import annotations

from typing import Final

from ..models import NodeMetrics, PodMetrics
from ..wire.metrics import (
    NodeMetricsListWire,
    NodeMetricsWire,
    PodMetricsListWire,
    PodMetricsWire,
)
from .pages import Kind

POD_METRICS: Final = Kind("PodMetricsList", PodMetricsListWire, PodMetrics.from_json)
NODE_METRICS: Final = Kind(
    "NodeMetricsList", NodeMetricsListWire, NodeMetrics.from_json
)
POD_SAMPLE: Final = Kind("PodMetrics", PodMetricsWire, PodMetrics.from_json)
NODE_SAMPLE: Final = Kind("NodeMetrics", NodeMetricsWire, NodeMetrics.from_json)
