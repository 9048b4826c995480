"""Small clusters to make snapshots of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from kubemetrics.models.node import Node
from kubemetrics.models.pod import Pod
from kubemetrics.snapshot import Part, Parts

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
LONG_AGO = "2026-04-01T00:00:00Z"


def at(seconds: float) -> str:
    """Return the time *seconds* after now."""
    return (NOW + timedelta(seconds=seconds)).isoformat()


def running(name: str = "app", since: str = LONG_AGO, **more: object) -> dict[str, Any]:
    """Return the status of a running container."""
    return {"name": name, "state": {"running": {"startedAt": since}}, **more}


def pod(
    name: str = "p",
    namespace: str = "default",
    *,
    node: str = "n1",
    phase: str = "Running",
    statuses: tuple[Mapping[str, Any], ...] = (running(),),
    meta: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
    **status: object,
) -> Pod:
    """Return a pod whose containers are those of its statuses."""
    containers = [{"name": s["name"], **REQUESTS} for s in statuses]
    made: Any = {
        "metadata": {"name": name, "namespace": namespace, **(meta or {})},
        "spec": {"nodeName": node, "containers": containers, **(spec or {})},
        "status": {
            "phase": phase,
            "startTime": LONG_AGO,
            "containerStatuses": list(statuses),
            **status,
        },
    }
    return Pod.from_json(made)


REQUESTS = {
    "resources": {
        "requests": {"cpu": "100m", "memory": "100Mi"},
        "limits": {"cpu": "200m", "memory": "200Mi"},
    }
}


def sample(
    name: str = "p",
    namespace: str = "default",
    *,
    age: float = 10,
    window: str = "15s",
    labels: Mapping[str, str] | None = None,
    **containers: tuple[str, str],
) -> PodMetrics:
    """Return a sample: each container's CPU and memory."""
    usage = containers or {"app": ("50m", "50Mi")}
    made: Any = {
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "timestamp": at(-age),
        "window": window,
        "containers": [
            {"name": key, "usage": {"cpu": cpu, "memory": memory}}
            for key, (cpu, memory) in usage.items()
        ],
    }
    return PodMetrics.from_json(made)


def node(name: str = "n1", *, ready: str = "True", **status: object) -> Node:
    """Return a node of 2 cores and 4Gi, of which 1800m and 3Gi are allocatable."""
    made: Any = {
        "metadata": {"name": name},
        "status": {
            "conditions": [{"type": "Ready", "status": ready, "reason": "Kubelet"}],
            "capacity": {"cpu": "2", "memory": "4Gi", "pods": "10"},
            "allocatable": {"cpu": "1800m", "memory": "3Gi", "pods": "10"},
            **status,
        },
    }
    return Node.from_json(made)


def node_sample(
    name: str = "n1", cpu: str = "1", memory: str = "1Gi", *, age: float = 10
) -> NodeMetrics:
    """Return a node's sample."""
    made: Any = {
        "metadata": {"name": name},
        "timestamp": at(-age),
        "window": "15s",
        "usage": {"cpu": cpu, "memory": memory},
    }
    return NodeMetrics.from_json(made)


def parts(
    pods: tuple[Pod, ...] = (),
    samples: tuple[PodMetrics, ...] = (),
    nodes: tuple[Node, ...] = (node(),),
    node_samples: tuple[NodeMetrics, ...] = (node_sample(),),
) -> Parts:
    """Return the parts of a whole cluster, read at `NOW`."""
    all_pods = Part(items=pods, date=NOW)
    all_samples = Part(items=samples, date=NOW)
    return Parts(
        pods=all_pods,
        pod_metrics=all_samples,
        nodes=Part(items=nodes, date=NOW),
        node_metrics=Part(items=node_samples, date=NOW),
        all_pods=all_pods,
        all_pod_metrics=all_samples,
    )
