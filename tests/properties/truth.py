"""What is so in a generated cluster, as plain rows of cells.

Who is where, who uses how much and why a value is missing come from the generator: its
objects and its ledger. What has judges of its own (a pod's status and owner, what the
scheduler sets aside for it) is taken from one reading of everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, TypeAlias

from kubemetrics.testing.etcd import Entry
from tests.cli.harness import run
from tests.cluster import Amount, Clock, Cluster, Generated
from tests.cluster.contents import Contents
from tests.cluster.generator import generate
from tests.cluster.ledger import Ledger
from tests.cluster.quantities import nanocores, whole_bytes
from tests.cluster.samples import Sample, Usage

Cell: TypeAlias = int | Fraction | str | None
"""Nanocores, bytes, a count; a share of one; a text; or what is not known."""

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
SIZE = Generated(nodes=5, pods=60)
ZONE = "topology.kubernetes.io/zone"
TYPE = "node.kubernetes.io/instance-type"
IN_ORDER = frozenset({"Finished", "NotScheduled", "NotStarted", "Terminating"})
"""Why a pod has no value that nobody expects it to have."""
_ASKED = ("cpu.requests", "cpu.limits", "mem.requests", "mem.limits")
_OF_PODS = (*_ASKED, "ready", "status", "restarts", "owner.kind", "owner.name")
_OF_CONTAINERS = (*_ASKED, "type", "status", "restarts", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A pod, a container, a node or a group, with what it may be chosen by.

    *lacking* counts the values that should be there and are not, or are lower bounds.
    """

    cells: Mapping[str, Cell]
    labels: Mapping[str, str]
    fields: Mapping[str, str]
    lacking: int = 0

    def cell(self, key: str) -> Cell:
        """Return what a column shows: an empty text is not known, but for a label."""
        family, colon, name = key.partition(":")
        if colon and key not in self.cells:
            assert family == "label"
            return self.labels.get(name)
        cell = self.cells[key]
        return None if cell == "" else cell


class Truth:
    """All rows of a cluster, in the order of their names."""

    def __init__(
        self, pods: Sequence[Row], containers: Sequence[Row], nodes: Sequence[Row]
    ) -> None:
        self.pods = pods
        self.containers = containers
        self.nodes = nodes


def contents_of(seed: int) -> Contents:
    """Generate a cluster in which every other pod uses as much as some others do."""
    contents = generate(replace(SIZE, seed=seed), NOW)
    samples = tuple(
        _tied(at, sample) if at % 2 else sample
        for at, sample in enumerate(contents.pod_samples)
    )
    return replace(contents, pod_samples=samples)


def _tied(at: int, sample: Sample) -> Sample:
    cpu, memory = f"{at % 3 * 5}m", f"{at % 4 // 2 * 64}Mi"
    return replace(
        sample, usages=tuple(Usage(u.name, cpu, memory) for u in sample.usages)
    )


def serve(seed: int) -> Cluster:
    contents = contents_of(seed)
    return Cluster(contents, Clock(contents.now, frozen=True))


def truth_of(cluster: Cluster) -> Truth:
    ledger = cluster.ledger
    nodes = {entry.name: entry.load() for entry in cluster.nodes.current()}
    entries = sorted(cluster.pods.current(), key=lambda e: (e.namespace, e.name))
    taken = {
        (item["namespace"], item["name"]): item for item in _reading(cluster, "pods")
    }
    pods = [_pod(e, ledger, nodes, _picked(taken[e.key], _OF_PODS)) for e in entries]
    of_containers = {
        (item["namespace"], item["pod"], item["name"]): item
        for item in _reading(cluster, "containers")
    }
    containers = [
        _container(entry, name, ledger, nodes, _picked(item, _OF_CONTAINERS))
        for entry in entries
        for name in _container_names(entry)
        for item in [of_containers[(*entry.key, name)]]
    ]
    words = {item["name"]: item["status"] for item in _reading(cluster, "nodes")}
    return Truth(
        pods=pods,
        containers=containers,
        nodes=[
            _node(name, nodes[name], ledger, pods, words[name])
            for name in sorted(ledger.all_nodes)
        ],
    )


def _reading(cluster: Cluster, view: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(
        run(cluster, view, "-A", "-o", "json").out
    )["items"]
    return items


def at_path(item: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401 - any JSON value
    """Find ``mem.usage`` and ``label:app`` where JSON has them."""
    family, colon, name = key.partition(":")
    found: Any = item
    for part in ("labels", name) if colon and family == "label" else key.split("."):
        found = found[part]
    return found


def _picked(item: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Cell]:
    return {key: at_path(item, key) for key in keys}


def _pod(
    entry: Entry,
    ledger: Ledger,
    nodes: Mapping[str, Any],
    taken: Mapping[str, Cell],
) -> Row:
    pod = entry.load()
    reason = ledger.missing.get(entry.key, "")
    node = pod["spec"].get("nodeName", "")
    used = ledger.pods.get(entry.key)
    return Row(
        cells={
            "namespace": entry.namespace,
            "name": entry.name,
            "phase": pod["status"]["phase"],
            "node": node,
            "qos": pod["status"].get("qosClass", ""),
            "priority_class": pod["spec"].get("priorityClassName", ""),
            "reason": reason,
            **_used(used),
            **_shares(used, nodes.get(node)),
            **taken,
        },
        labels=pod["metadata"]["labels"],
        fields={
            "metadata.name": entry.name,
            "metadata.namespace": entry.namespace,
            "spec.nodeName": node,
            "spec.restartPolicy": pod["spec"]["restartPolicy"],
            "status.phase": pod["status"]["phase"],
        },
        lacking=_unexpected(reason) or entry.key in ledger.partial,
    )


def _container_names(entry: Entry) -> list[str]:
    spec = entry.load()["spec"]
    lists = ("initContainers", "containers", "ephemeralContainers")
    return [c["name"] for some in lists for c in spec.get(some, ())]


def _container(
    entry: Entry,
    name: str,
    ledger: Ledger,
    nodes: Mapping[str, Any],
    taken: Mapping[str, Cell],
) -> Row:
    pod = entry.load()
    node = pod["spec"].get("nodeName", "")
    used = ledger.containers.get((*entry.key, name))
    return Row(
        cells={
            "namespace": entry.namespace,
            "pod": entry.name,
            "name": name,
            "node": node,
            **_used(used),
            **_shares(used, nodes.get(node)),
            **taken,
        },
        labels=pod["metadata"]["labels"],
        fields={},
    )


def _node(
    name: str,
    node: Mapping[str, Any],
    ledger: Ledger,
    pods: Sequence[Row],
    status: str,
) -> Row:
    here = [pod.cells for pod in pods if pod.cells["node"] == name]
    held = [c for c in here if c["phase"] not in {"Succeeded", "Failed"}]
    used = ledger.nodes.get(name)
    own = _used(used)
    of_pods = {k: total([c[k] for c in here]) for k in ("cpu.usage", "mem.usage")}
    return Row(
        cells={
            "name": name,
            "status": status,
            "reason": "" if used else "NodeSilent",
            **own,
            **_shares(used, node),
            "cpu.allocatable": nanocores(node["status"]["allocatable"]["cpu"]),
            "mem.allocatable": whole_bytes(node["status"]["allocatable"]["memory"]),
            "cpu.requests": total([c["cpu.requests"] for c in held]),
            "mem.requests": total([c["mem.requests"] for c in held]),
            "cpu.pods": of_pods["cpu.usage"],
            "mem.pods": of_pods["mem.usage"],
            "cpu.rest": _rest(own["cpu.usage"], of_pods["cpu.usage"]),
            "mem.rest": _rest(own["mem.usage"], of_pods["mem.usage"]),
            "pods.count": len(held),
        },
        labels=node["metadata"]["labels"],
        fields={"metadata.name": name},
        lacking=used is None,
    )


def total(values: Iterable[Cell]) -> int | None:
    """Add up what is known."""
    known = [value for value in values if isinstance(value, int)]
    return sum(known) if known else None


def _rest(whole: Cell, pods: int | None) -> int | None:
    return max(whole - (pods or 0), 0) if isinstance(whole, int) else None


def _used(used: Amount | None) -> dict[str, Cell]:
    return {
        "cpu.usage": used.cpu if used else None,
        "mem.usage": used.memory if used else None,
    }


def _shares(used: Amount | None, node: Mapping[str, Any] | None) -> dict[str, Cell]:
    if used is None or node is None:
        return {"cpu.pct_node": None, "mem.pct_node": None}
    room = node["status"]["allocatable"]
    return {
        "cpu.pct_node": Fraction(used.cpu, nanocores(room["cpu"])),
        "mem.pct_node": Fraction(used.memory, whole_bytes(room["memory"])),
    }


def _unexpected(reason: str) -> bool:
    return bool(reason) and reason not in IN_ORDER
