"""Rows as no API server would send them: every name and label is an attack."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kubemetrics.errors import Forbidden
from kubemetrics.models import Condition
from kubemetrics.models.metrics import ContainerMetrics, NodeMetrics, PodMetrics
from kubemetrics.models.node import Node
from kubemetrics.models.pod import Container, ContainerState, OwnerReference, Pod
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import Part, Parts, Snapshot, join

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ATTACKS = (
    "\x1b]0;title\x07\x1b[2J",
    'a"b\\c\nd',
    "line\r\nbreak\u2028\u2029",
    "\u202egnp.exe\u2066",
    "=cmd|' /C calc'!A0",
    "a,b;c\td",
    "{}[]#: - !!python/object",
    "名前é\u0301",
    "\ud800",
    "null",
    "~",
    "1e3",
    "x" * 300,
    "",
    "\x00\x7f\x9b31m",
)


def hostile() -> Snapshot:
    pods = [_pod(index, text) for index, text in enumerate(ATTACKS)]
    return join(
        Parts(
            pods=Part(items=tuple(pods), date=NOW),
            pod_metrics=Part(items=tuple(map(_sample, pods[::2])), date=NOW),
            nodes=Part(items=tuple(map(_node, ATTACKS)), date=NOW),
            node_metrics=Part(items=tuple(map(_node_sample, ATTACKS)), date=NOW),
        )
    )


def _pod(index: int, text: str) -> Pod:
    return Pod(
        name=f"{text}{index}",
        namespace=text,
        labels={"app": text, text: "x", "a-b": "1", "a.b": "2"},
        owner=OwnerReference(text, text),
        creation_timestamp=NOW - timedelta(days=1),
        phase="Running",
        reason=text,
        node_name=text,
        priority_class_name=text,
        containers=(
            Container(
                name=text or "c",
                state=ContainerState("running", started_at=NOW - timedelta(days=1)),
                ready=True,
            ),
        ),
    )


def _sample(pod: Pod) -> PodMetrics:
    usage = {"cpu": Quantity("156340n"), "memory": Quantity("123456789012m")}
    return PodMetrics(
        name=pod.name,
        namespace=pod.namespace,
        labels=pod.labels,
        timestamp=NOW - timedelta(seconds=3),
        window=timedelta(seconds=15, microseconds=7),
        containers=tuple(ContainerMetrics(c.name, usage) for c in pod.containers),
    )


def _node(text: str) -> Node:
    return Node(
        name=text,
        labels={text: text},
        allocatable={"cpu": Quantity(2), "memory": Quantity(0)},
        conditions=(Condition(text, "True", text, text),),
    )


def _node_sample(text: str) -> NodeMetrics:
    return NodeMetrics(
        name=text,
        labels={},
        timestamp=NOW,
        window=timedelta(seconds=15),
        usage={"cpu": Quantity("1"), "memory": Quantity("1Gi")},
    )


def unreadable() -> Snapshot:
    """Only samples may be read: no pod, no node."""
    refused = {"": Forbidden("no", status=403)}
    pods = [_pod(index, text) for index, text in enumerate(ATTACKS)]
    return join(
        Parts(
            pods=Part(errors=refused),
            pod_metrics=Part(items=tuple(map(_sample, pods)), date=NOW),
            nodes=Part(errors=refused),
            node_metrics=Part(items=tuple(map(_node_sample, ATTACKS)), date=NOW),
        )
    )
