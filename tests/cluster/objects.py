"""Small API objects for clusters made by hand: `Cluster.holding(pods=[pod("a")])`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .contents import Contents
from .recorded import RECORDED_AT
from .samples import sample_from_json
from .store import entry_of

_CREATED = "2026-11-23T02:00:00Z"
_SCRAPED = "2026-11-23T02:59:40Z"
Amounts = Mapping[str, str]


def pod(
    name: str,
    namespace: str = "default",
    *,
    node: str | None = "n1",
    phase: str = "Running",
    containers: Sequence[str] = ("c",),
    requests: Amounts | None = None,
    limits: Amounts | None = None,
    labels: Mapping[str, str] | None = None,
    created: str = _CREATED,
) -> dict[str, Any]:
    """Return a pod whose containers all ask for the same and, if it runs, all run."""
    resources = {"requests": dict(requests or {}), "limits": dict(limits or {})}
    listed = [{"name": c, "image": "i", "resources": resources} for c in containers]
    spec: dict[str, Any] = {"containers": listed}
    if node is not None:
        spec["nodeName"] = node
    status: dict[str, Any] = {"phase": phase, "startTime": created}
    if phase == "Running":
        state = {"running": {"startedAt": created}}
        status["containerStatuses"] = [
            {
                "name": c,
                "state": state,
                "lastState": {},
                "ready": True,
                "restartCount": 0,
            }
            for c in containers
        ]
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "creationTimestamp": created,
        "labels": dict(labels or {}),
    }
    return {"metadata": metadata, "spec": spec, "status": status}


def node(
    name: str = "n1",
    *,
    cpu: str = "4",
    memory: str = "16Gi",
    ready: bool = True,
    swap: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a node; *swap* is its capacity in bytes."""
    amounts = {"cpu": cpu, "memory": memory, "pods": "110"}
    info: dict[str, Any] = {"kubeletVersion": "v1.36.2"}
    if swap is not None:
        info["swap"] = {"capacity": swap}
    condition = {"type": "Ready", "status": "True" if ready else "Unknown"}
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": _CREATED,
            "labels": dict(labels or {"kubernetes.io/hostname": name}),
        },
        "spec": {},
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [condition],
            "nodeInfo": info,
        },
    }


def namespace(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": _CREATED},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def pod_metrics(
    name: str,
    namespace: str = "default",
    *,
    usage: Mapping[str, tuple[str, str]],
    timestamp: str = _SCRAPED,
    window: str = "15s",
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a sample; *usage* is CPU and memory by container."""
    metadata = {"name": name, "namespace": namespace, "labels": dict(labels or {})}
    return {
        "metadata": metadata | {"creationTimestamp": timestamp},
        "timestamp": timestamp,
        "window": window,
        "containers": [
            {"name": container, "usage": {"cpu": cpu, "memory": memory}}
            for container, (cpu, memory) in usage.items()
        ],
    }


def node_metrics(
    name: str = "n1",
    cpu: str = "1",
    memory: str = "1Gi",
    *,
    timestamp: str = _SCRAPED,
    window: str = "15s",
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": timestamp},
        "timestamp": timestamp,
        "window": window,
        "usage": {"cpu": cpu, "memory": memory},
    }


def contents_of(
    pods: Sequence[Mapping[str, Any]],
    nodes: Sequence[Mapping[str, Any]],
    pod_samples: Sequence[Mapping[str, Any]],
    node_samples: Sequence[Mapping[str, Any]],
) -> Contents:
    """Put objects together; namespaces are those that pods are in, and default."""
    names = {"default"} | {p["metadata"]["namespace"] for p in pods}
    objects = [*map(namespace, sorted(names)), *nodes, *pods]
    entries = [entry_of(obj, at) for at, obj in enumerate(objects, 1)]
    first_node, first_pod = len(names), len(names) + len(nodes)
    return Contents(
        pods=tuple(entries[first_pod:]),
        nodes=entries[first_node:first_pod],
        namespaces=entries[:first_node],
        pod_samples=[sample_from_json(s) for s in pod_samples],
        node_samples=[sample_from_json(s) for s in node_samples],
        revision=len(entries),
        oldest_revision=1,
        now=RECORDED_AT,
    )
