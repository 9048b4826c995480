"""What pods ask for and may use, counted as the scheduler counts it."""

from __future__ import annotations

from .demand import (
    NO_DEMAND,
    Demand,
    Demands,
    DemandSum,
    container_demand,
    demand,
    serving,
)
from .effective import (
    add,
    container_limits,
    container_requests,
    pod_limits,
    pod_requests,
    resize_infeasible,
)

__all__ = [
    "NO_DEMAND",
    "Demand",
    "DemandSum",
    "Demands",
    "add",
    "container_demand",
    "container_limits",
    "container_requests",
    "demand",
    "pod_limits",
    "pod_requests",
    "resize_infeasible",
    "serving",
]
