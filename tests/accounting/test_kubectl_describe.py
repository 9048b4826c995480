"""The same sums as ``kubectl describe node``, per pod and in total."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubemetrics.accounting import Totals, demand
from kubemetrics.models.pod import Pod
from kubemetrics.quantity import Quantity
from tests.cluster import Cluster
from tests.cluster_tests.kubectl import kubectl, needs_kubectl

pytestmark = needs_kubectl

_CELL = re.compile(r"(\S+) \(-?\d+%\)")
RESOURCES = ("cpu", "memory")

Cells = tuple[Quantity, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """What kubectl says of a node: each pod's requests and limits, and the totals."""

    pods: dict[tuple[str, str], Cells]
    totals: dict[str, Cells]


def describe(cluster: Cluster, node: str) -> Described:
    done = kubectl(cluster, "describe", "node", node, user="admin")
    assert done.code == 0, done.stderr
    pods, _, rest = (
        done.stdout.partition("Non-terminated Pods:")[2]
    ).partition("Allocated resources:")  # fmt: skip
    return Described(
        {(words[0], words[1]): cells for words, cells in _lines(pods, 4)},
        {words[0]: cells for words, cells in _lines(rest, 2)},
    )


def _lines(text: str, count: int) -> Iterator[tuple[list[str], Cells]]:
    for line in text.splitlines():
        cells = _CELL.findall(line)
        if len(cells) == count:
            yield line.split(), tuple(Quantity(cell) for cell in cells)


def held(cluster: Cluster) -> list[Pod]:
    objects: list[Any] = [entry.load() for entry in cluster.pods.current()]
    return [Pod.from_json(obj) for obj in objects]


def ours(pods: list[Pod], node: str) -> Described:
    """Account for the node's pods that have not finished, as kubectl chooses them."""
    here = [pod for pod in pods if pod.node_name == node and not pod.finished]
    added = Totals()
    for pod in here:
        added.add(None, demand(pod))
    total = added.demand
    zero = Quantity(0)
    rows = {}
    for pod in here:
        asked = demand(pod)
        kinds = (asked.requests, asked.limits)
        rows[pod.key] = tuple(k.get(name, zero) for name in RESOURCES for k in kinds)
    return Described(
        rows,
        {
            name: (total.requests.get(name, zero), total.limits.get(name, zero))
            for name in RESOURCES
        },
    )


def test_every_pod_and_every_total_is_kubectls() -> None:
    with Cluster.recorded() as cluster:
        pods = held(cluster)
        for entry in cluster.nodes.current():
            said, mine = describe(cluster, entry.name), ours(pods, entry.name)
            assert said.pods == mine.pods
            assert {n: said.totals[n] for n in RESOURCES} == mine.totals


def resizing(node: str) -> dict[str, Any]:
    """Return a pod that is to shrink from 2 cores to 1 and has not yet."""
    running = {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "resizing", "namespace": "default", "uid": "u-resizing"},
        "spec": {
            "nodeName": node,
            "containers": [
                {
                    "name": "app",
                    "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}},
                }
            ],
        },
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {
                    "name": "app",
                    "resources": running,
                    "allocatedResources": {"cpu": "1"},
                }
            ],
        },
    }


def test_under_a_resize_the_rows_agree_and_kubectls_totals_forget_it() -> None:
    """kubernetes#142210, mended by #142215: totals leave the status out."""
    node = "worker-003"
    with Cluster.recorded() as cluster:
        cluster.apply(resizing(node))
        said, mine = describe(cluster, node), ours(held(cluster), node)
    assert said.pods == mine.pods
    assert said.pods["default", "resizing"][:2] == (Quantity(2), Quantity(2))
    one = Quantity(1)
    requests, limits = mine.totals["cpu"]
    assert said.totals["cpu"] == (requests - one, limits - one)
    assert said.totals["memory"] == mine.totals["memory"]
