"""A small past, made round by round: pods and nodes as values, and their samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kubemetrics.errors import KubeMetricsError
from kubemetrics.history.rounds import Judge, Key, SampleRound, counted
from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from kubemetrics.models.node import Node
from kubemetrics.models.pod import Pod
from kubemetrics.times import rfc3339

START = datetime(2026, 1, 2, tzinfo=UTC)
T0 = int(START.timestamp())


def moment(at: float) -> str:
    """Return a time, so many seconds after the beginning, as the API writes it."""
    return rfc3339(START + timedelta(seconds=at))


def a_pod(
    name: str = "web",
    uid: str = "",
    *,
    namespace: str = "x",
    started: float = 0,
    state: Mapping[str, Any] | None = None,
    last: Mapping[str, Any] | None = None,
    restarts: int = 0,
    resources: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    status: Mapping[str, Any] | None = None,
    containers: Sequence[str] = ("app",),
) -> Pod:
    """Return a pod whose containers run since it *started*."""
    running = {"running": {"startedAt": moment(started)}}
    made: Any = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid or f"uid-{name}",
            "labels": dict(labels or {}),
        },
        "spec": {
            "nodeName": "n1",
            "containers": [
                {"name": c, "resources": dict(resources or {})} for c in containers
            ],
        },
        "status": {
            "phase": "Running",
            "startTime": moment(started),
            "containerStatuses": [
                {
                    "name": c,
                    "restartCount": restarts,
                    "state": state or running,
                    "lastState": last or {},
                }
                for c in containers
            ],
            **(status or {}),
        },
    }
    return Pod.from_json(made)


def a_sample(
    pod: Pod, at: float, *, cpu: str = "100m", memory: str = "1Mi", window: float = 15
) -> PodMetrics:
    """Return a sample of all containers of a pod."""
    made: Any = {
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "timestamp": moment(at),
        "window": f"{window}s",
        "containers": [
            {"name": c.name, "usage": {"cpu": cpu, "memory": memory}}
            for c in pod.all_containers
        ],
    }
    return PodMetrics.from_json(made)


def a_node_sample(name: str, at: float) -> NodeMetrics:
    made: Any = {
        "metadata": {"name": name},
        "timestamp": moment(at),
        "window": "15s",
        "usage": {"cpu": "1", "memory": "1Gi"},
    }
    return NodeMetrics.from_json(made)


NODE = Node(name="n1", uid="uid-n1")


@dataclass
class Past:
    """Makes rounds as a poller does."""

    judge: Judge = field(default_factory=Judge)
    pods: dict[Key, Pod] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)

    def round(
        self,
        at: float,
        *pods: Pod,
        samples: Sequence[PodMetrics] | None = None,
        of_nodes: Sequence[NodeMetrics] = (),
        nodes: Sequence[Node] = (NODE,),
        names_only: bool = False,
        **failures: KubeMetricsError,
    ) -> SampleRound:
        """Return a round of these pods, each with a sample unless others are given."""
        before, nodes_before = self.pods, self.nodes
        self.pods = {pod.key: pod for pod in pods}
        self.nodes = {node.name: node for node in nodes}
        gone = [p for p in before.values() if p.uid not in {q.uid for q in pods}]
        self.judge.ended(gone)
        given = [a_sample(p, at) for p in pods] if samples is None else samples
        readings = self.judge.readings(
            None if names_only else self.pods,
            None if names_only else self.nodes,
            given,
            of_nodes,
        )
        fresh, repeated, missed = counted(readings, 15)
        return SampleRound(
            date=START + timedelta(seconds=at),
            cadence=15.0,
            took=0.25,
            pods=None if names_only else self.pods,
            nodes=None if names_only else self.nodes,
            changed=[p for p in pods if before.get(p.key) != p],
            gone=gone,
            changed_nodes=[
                n for n in nodes if not names_only and nodes_before.get(n.name) != n
            ],
            gone_nodes=[n for n in nodes_before.values() if n.name not in self.nodes],
            readings=readings,
            fresh=fresh,
            repeated=repeated,
            missed=missed,
            clock_back=self.judge.newly_back(readings),
            failures=failures,
        )
