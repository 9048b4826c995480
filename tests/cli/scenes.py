"""Clusters that differ in what `top` can see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kubemetrics.testing.apiserver import encode
from kubemetrics.testing.etcd import Entry
from tests.cluster import Clock, Cluster
from tests.cluster.contents import Contents
from tests.cluster.recorded import moved, recorded_contents
from tests.cluster.samples import Sample, Usage

STATES = ("healthy", "absent", "down", "down-just-now", "warming")
"""What becomes of the metrics API of the recorded cluster; one node is silent."""


class _WithSwap(Usage):
    """What a provider gives that measures swap, as metrics-server does not."""

    def to_json(self) -> dict[str, str]:
        return super().to_json() | {"swap": "3Mi"}


def _empty(contents: Contents) -> Contents:
    return replace(contents, pods=(), pod_samples=(), node_samples=())


def _young(contents: Contents) -> Contents:
    """Every pod was made just now, and none is measured yet."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def newborn(entry: Entry) -> Entry:
        obj = entry.load()
        obj["metadata"]["creationTimestamp"] = now
        return replace(entry, raw=encode(obj))

    pods = tuple(newborn(entry) for entry in contents.pods)
    return replace(contents, pods=pods, pod_samples=())


def _swap(contents: Contents) -> Contents:
    """Some nodes have swap, one says that it has none, the others say nothing."""

    def node(index: int, entry: Entry) -> Entry:
        obj = entry.load()
        if index < len(_SWAP):
            obj["status"]["nodeInfo"]["swap"] = {"capacity": _SWAP[index]}
        return replace(entry, raw=encode(obj))

    nodes = tuple(node(i, entry) for i, entry in enumerate(contents.nodes))
    return replace(
        contents,
        nodes=nodes,
        pod_samples=tuple(map(_swapping, contents.pod_samples)),
        node_samples=tuple(map(_swapping, contents.node_samples)),
    )


_SWAP = (0, 8 << 20, 4 << 30)


def _swapping(sample: Sample) -> Sample:
    usages = tuple(_WithSwap(u.name, u.cpu, u.memory) for u in sample.usages)
    return replace(sample, usages=usages)


def _ties(contents: Contents) -> Contents:
    """No more than three different values, of pods and of nodes."""

    def tied(index: int, sample: Sample) -> Sample:
        cpu, memory = f"{index % 3}m", f"{index % 2 + 1}Mi"
        usages = tuple(Usage(u.name, cpu, memory) for u in sample.usages)
        return replace(sample, usages=usages)

    return replace(
        contents,
        pod_samples=tuple(tied(i, s) for i, s in enumerate(contents.pod_samples)),
        node_samples=tuple(tied(i, s) for i, s in enumerate(contents.node_samples)),
    )


_CPU = (
    "0", "1n", "999999n", "1000001n", "1u", "0.5", "1.5", "1500m", "1e3", "1E-2", "12",
    "123456789n", "1k",
)  # fmt: skip
_MEMORY = (
    "0", "1", "1048575", "1048576", "1Mi", "1.5Gi", "123456789012m", "1e9", "2G", "3T",
    "1Pi", "0.1", "1023Ki",
)  # fmt: skip


def _odd_amounts(contents: Contents) -> Contents:
    """Amounts in every notation that a provider may use."""

    def usage(index: int, old: Usage) -> Usage:
        cpu, memory = _CPU[index % len(_CPU)], _MEMORY[index % len(_MEMORY)]
        return Usage(old.name, cpu, memory)

    def sample(index: int, old: Sample) -> Sample:
        usages = tuple(usage(index + i, u) for i, u in enumerate(old.usages))
        return replace(old, usages=usages)

    return replace(
        contents,
        pod_samples=tuple(sample(i, s) for i, s in enumerate(contents.pod_samples)),
        node_samples=tuple(sample(i, s) for i, s in enumerate(contents.node_samples)),
    )


def _wide(contents: Contents) -> Contents:
    """Names as long as they may be, and amounts to match."""

    def long(text: str) -> str:
        return f"{text}-{'x' * 200}"

    def pod(entry: Entry) -> Entry:
        obj = entry.load()
        obj["metadata"]["name"] = long(entry.name)
        fields = {**entry.fields, "metadata.name": long(entry.name)}
        return replace(entry, name=long(entry.name), raw=encode(obj), fields=fields)

    def sample(old: Sample) -> Sample:
        usages = tuple(Usage(long(u.name), "123456", "987Ti") for u in old.usages)
        return replace(old, name=long(old.name), usages=usages)

    return replace(
        contents,
        pods=tuple(map(pod, contents.pods)),
        pod_samples=tuple(map(sample, contents.pod_samples)),
    )


def _odd(contents: Contents) -> Contents:
    """A node is gone that has a sample; others lack what a percentage needs."""
    status: Mapping[str, dict[str, Any]] = {
        "worker-004": {"allocatable": {"cpu": "0", "memory": "1"}},
        "worker-006": {"allocatable": {}, "capacity": {}},
    }

    def node(entry: Entry) -> Entry:
        obj = entry.load()
        obj["status"] |= status.get(entry.name, {})
        return replace(entry, raw=encode(obj))

    nodes = tuple(node(e) for e in contents.nodes if e.name != "worker-008")
    return replace(contents, nodes=nodes)


SCENES: Mapping[str, Callable[[Contents], Contents]] = {
    "empty": _empty,
    "young": _young,
    "swap": _swap,
    "ties": _ties,
    "wide": _wide,
    "odd": _odd,
    "amounts": _odd_amounts,
}


def open_scene(name: str) -> Cluster:
    """Serve the recorded cluster, moved to now and changed as *name* says."""
    contents = moved(recorded_contents(), datetime.now(UTC))
    change = SCENES.get(name)
    cluster = Cluster(change(contents) if change else contents, Clock(contents.now))
    cluster.state = name if name in STATES else "healthy"
    return cluster
