"""What the file keeps of a pod or node reads back as an equal one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubemetrics.history.recorder import body, restarts_of
from kubemetrics.models.node import Node
from kubemetrics.models.pod import Pod

RECORDED = Path(__file__).parents[1] / "data" / "recorded"
VECTORS = Path(__file__).parents[1] / "data" / "pod-resources.jsonl"


def recorded(name: str) -> Iterator[Any]:
    """Return the objects of an answer of kube-apiserver 1.36."""
    text = gzip.decompress((RECORDED / name).read_bytes())
    yield from json.loads(text)["items"]


ODD: list[Any] = [
    {},
    {"metadata": {"name": "p", "ownerReferences": [{"kind": "X", "name": "x"}]}},
    {
        "metadata": {
            "name": "p",
            "namespace": "x",
            "uid": "u",
            "labels": {"app": "p", "odd": "\ud800"},
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "deletionTimestamp": "2026-01-02T03:04:05.678901Z",
            "ownerReferences": [{"kind": "X", "name": "x", "controller": True}],
        },
        "spec": {
            "resources": {},
            "overhead": {"cpu": "1m"},
            "priorityClassName": "high",
            "containers": [{"name": "b"}, {"name": "a"}],
            "initContainers": [
                {"name": "i", "resources": {"limits": {"cpu": "1"}}},
                {"name": "s", "restartPolicy": "Always"},
            ],
            "ephemeralContainers": [{"name": "e"}],
        },
        "status": {
            "resources": {"limits": {}},
            "allocatedResources": {},
            "nodeAllocatableResourceClaimStatuses": [
                {"resources": {"cpu": "1"}},
                {"mapping": [{"name": "cpu", "quantity": "500m"}]},
            ],
            "conditions": [{"type": "Ready", "status": "False", "message": "no"}],
            "containerStatuses": [
                {"name": "b", "state": {"waiting": {"reason": "ErrImagePull"}}},
                {
                    "name": "a",
                    "restartCount": 3,
                    "resources": {"requests": {"cpu": "1.5"}},
                    "allocatedResources": {"memory": "1Gi"},
                    "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
                    "lastState": {"terminated": {"exitCode": 137, "signal": 9}},
                },
            ],
            "initContainerStatuses": [
                {"name": "i", "state": {"terminated": {"exitCode": 0}}},
                {"name": "s"},
            ],
            "ephemeralContainerStatuses": [{"name": "e", "started": True}],
        },
    },
    {"spec": {"resources": {"requests": {"cpu": "1"}}}, "status": {"resources": {}}},
]


def pods() -> list[Any]:
    lines = VECTORS.read_text("utf-8").splitlines()[:200]
    vectors = [json.loads(line) for line in lines]
    return [*ODD, *recorded("pods-all.body.gz"), *(v["pod"] for v in vectors)]


def test_a_pod_reads_back_equal() -> None:
    found = pods()
    assert len(found) > 100
    for obj in found:
        pod = Pod.from_json(obj)
        assert Pod.from_json(json.loads(body(pod))) == pod


NODES: list[Any] = [
    {"metadata": {"name": "n"}},
    {
        "metadata": {"name": "n", "labels": {"a": "b"}},
        "spec": {
            "unschedulable": True,
            "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}],
        },
        "status": {
            "nodeInfo": {"kubeletVersion": "v1.36.0", "swap": {"capacity": 0}},
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "lastTransitionTime": "2026-01-02T03:04:05Z",
                }
            ],
        },
    },
]


def test_a_node_reads_back_equal() -> None:
    found = [*NODES, *recorded("nodes.body.gz")]
    assert len(found) > len(NODES)
    for obj in found:
        node = Node.from_json(obj)
        assert Node.from_json(json.loads(body(node))) == node


@pytest.mark.parametrize(
    ("kept", "restarts"),
    [
        ({}, {}),
        (json.loads(body(Pod.from_json(ODD[2]))), {"b": 0, "a": 3, "i": 0, "s": 0}),
    ],
)
def test_restarts_are_told_by_what_is_kept(kept: Any, restarts: Any) -> None:  # noqa: ANN401 - JSON
    assert restarts_of(kept) == restarts
