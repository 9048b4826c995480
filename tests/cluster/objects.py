"""Small API objects for clusters made by hand: `Cluster.holding(pods=[pod("a")])`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubemetrics.testing import objects
from kubemetrics.testing.etcd import entry_of

from .contents import Contents
from .recorded import RECORDED_AT
from .samples import sample_from_json

_CREATED = "2026-11-23T02:00:00Z"
_SCRAPED = "2026-11-23T02:59:40Z"
Amounts = Mapping[str, str]


def pod(
    name: str,
    namespace: str = "default",
    *,
    node: str = "n1",
    phase: str = "Running",
    containers: Sequence[str] = ("c",),
    requests: Amounts | None = None,
    limits: Amounts | None = None,
    labels: Mapping[str, str] | None = None,
    created: str = _CREATED,
) -> dict[str, Any]:
    """Return a pod whose containers all ask for the same and, if it runs, all run."""
    each = objects.container(requests=requests, limits=limits)
    made = objects.pod(
        name,
        namespace,
        containers=dict.fromkeys(containers, each),
        node=node,
        phase=phase,
        labels=labels,
        created=created,
    )
    return dict(made.obj)


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
    capacity = {"cpu": cpu, "memory": memory}
    obj = objects.node(name, capacity=capacity, ready=ready, labels=labels).obj
    info: dict[str, Any] = {"kubeletVersion": "v1.36.2"}
    if swap is not None:
        info["swap"] = {"capacity": swap}
    return {**obj, "status": {**obj["status"], "nodeInfo": info}}


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
    return objects.sample_object(
        name,
        namespace,
        usage={
            container: {"cpu": cpu, "memory": memory}
            for container, (cpu, memory) in usage.items()
        },
        created=timestamp,
        labels=labels,
        timestamp=timestamp,
        window=window,
    )


def node_metrics(
    name: str = "n1",
    cpu: str = "1",
    memory: str = "1Gi",
    *,
    timestamp: str = _SCRAPED,
    window: str = "15s",
) -> dict[str, Any]:
    return objects.sample_object(
        name,
        usage={"": {"cpu": cpu, "memory": memory}},
        created=timestamp,
        timestamp=timestamp,
        window=window,
    )


def contents_of(
    pods: Sequence[Mapping[str, Any]],
    nodes: Sequence[Mapping[str, Any]],
    pod_samples: Sequence[Mapping[str, Any]],
    node_samples: Sequence[Mapping[str, Any]],
) -> Contents:
    """Put objects together; namespaces are those that pods are in, and default."""
    names = {"default"} | {p["metadata"]["namespace"] for p in pods}
    spaces = map(objects.namespace_object, sorted(names))
    listed = [*spaces, *nodes, *pods]
    entries = [entry_of(obj, at) for at, obj in enumerate(listed, 1)]
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
