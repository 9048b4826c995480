"""The recorded objects become models that say what the API said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from kubemetrics import Node, NodeMetrics, Pod, PodMetrics, Quantity
from tests.cluster.recorded import body


def items(name: str) -> list[Any]:
    listed: list[Any] = json.loads(body(f"{name}.body.gz"))["items"]
    return listed


def raw(name: str, obj: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    value: Any = obj
    for part in name.split("."):
        value = (value or {}).get(part)
    return value


def test_every_pod_says_what_the_api_said() -> None:
    for obj in items("pods-all"):
        pod = Pod.from_json(obj)
        assert pod.key == (raw("metadata.namespace", obj), raw("metadata.name", obj))
        assert pod.uid == raw("metadata.uid", obj)
        assert pod.labels == (raw("metadata.labels", obj) or {})
        assert pod.phase == (raw("status.phase", obj) or "")
        assert pod.node_name == (raw("spec.nodeName", obj) or "")
        assert pod.qos_class == (raw("status.qosClass", obj) or "")
        names = [c["name"] for c in raw("spec.containers", obj)]
        assert [c.name for c in pod.containers] == names
        asked = [
            (c.get("resources") or {}).get("requests", {})
            for c in obj["spec"]["containers"]
        ]
        read = [c.requests for c in pod.containers]
        assert read == [{k: Quantity(v) for k, v in a.items()} for a in asked]
        owners = [
            o for o in raw("metadata.ownerReferences", obj) or [] if o.get("controller")
        ]
        assert (pod.owner.name if pod.owner else None) == (
            owners[0]["name"] if owners else None
        )
        created = datetime.fromisoformat(raw("metadata.creationTimestamp", obj))
        assert pod.creation_timestamp == created


def test_every_node_says_what_the_api_said() -> None:
    for obj in items("nodes"):
        node = Node.from_json(obj)
        assert node.name == raw("metadata.name", obj)
        ready = [c for c in obj["status"]["conditions"] if c["type"] == "Ready"]
        assert node.ready == (ready[0]["status"] == "True")
        allocatable = raw("status.allocatable", obj)
        assert node.allocatable == {k: Quantity(v) for k, v in allocatable.items()}
        assert node.unschedulable == bool(raw("spec.unschedulable", obj))
        assert node.info.kubelet_version == raw("status.nodeInfo.kubeletVersion", obj)


def test_every_sample_says_what_the_api_said() -> None:
    for obj in items("podmetrics-all"):
        sample = PodMetrics.from_json(obj)
        usages = {c["name"]: c["usage"] for c in obj["containers"]}
        assert {c.name: c.usage for c in sample.containers} == {
            name: {k: Quantity(v) for k, v in usage.items()}
            for name, usage in usages.items()
        }
        cpu = sum((Quantity(u["cpu"]) for u in usages.values()), Quantity())
        assert sample.cpu == cpu
        assert sample.timestamp == datetime.fromisoformat(obj["timestamp"])


def test_every_node_sample_says_what_the_api_said() -> None:
    for obj in items("nodemetrics"):
        sample = NodeMetrics.from_json(obj)
        assert sample.name == obj["metadata"]["name"]
        assert sample.memory == Quantity(obj["usage"]["memory"])
        assert sample.window is not None
        assert timedelta() < sample.window < timedelta(minutes=2)
        assert sample.timestamp is not None
        assert (
            sample.timestamp.tzinfo == UTC or sample.timestamp.utcoffset() is not None
        )
