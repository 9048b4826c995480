"""The same sums as ``kubectl describe node``, per pod and in total."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from kubemetrics.accounting import Totals, demand, pod_limits, pod_requests
from kubemetrics.models import total
from kubemetrics.models.pod import Pod
from kubemetrics.quantity import Quantity
from tests.cluster import Cluster, Generated
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


def asked_for(pods: list[Pod], node: str) -> dict[str, Cells]:
    """Add up what kubectl's totals do: the specs, whatever a status says.

    kubernetes#142210, mended by #142215.
    """
    specs = [pod for pod in pods if pod.node_name == node and not pod.finished]
    requests, limits = (
        total([count(pod, use_status=False) for pod in specs])
        for count in (pod_requests, pod_limits)
    )
    zero = Quantity(0)
    return {
        name: (requests.get(name, zero), limits.get(name, zero)) for name in RESOURCES
    }


def pending(reason: str) -> dict[str, str]:
    return {"type": "PodResizePending", "status": "True", "reason": reason}


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


class Kubelet:
    """Writes a pod's spec and status as a kubelet would, in some state of a resize."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def write(self, pod: Any, state: str) -> None:  # noqa: ANN401 - JSON
        status = pod["status"]
        for specs, statuses in (
            ("containers", "containerStatuses"),
            ("initContainers", "initContainerStatuses"),
        ):
            reported: list[Any] = [
                self._container(container, state)
                for container in pod["spec"].get(specs) or []
            ]
            known = {one["name"]: one for one in status.get(statuses) or []}
            status[statuses] = [
                {**known.get(one["name"], {}), **one} for one in reported
            ]
        status["conditions"] = [*(status.get("conditions") or []), *CONDITIONS[state]]
        if state in REPORTED and not pod["spec"].get("initContainers"):
            status.update(_summed(status["containerStatuses"]))

    def _container(self, container: Any, state: str) -> dict[str, Any]:  # noqa: ANN401
        """Change what one container asks for, and say what its status says then."""
        before = container.get("resources") or {}
        after = {kind: self._resized(amounts) for kind, amounts in before.items()}
        reported: dict[str, Any] = {"name": container["name"]}
        if state != "settled":
            container["resources"] = after
        if state == "only allocated":
            return {**reported, "allocatedResources": before.get("requests", {})}
        admitted = after if state == "in progress" else before
        if state == "partly said" and self._rng.random() < 0.5:
            return reported
        return {
            **reported,
            "resources": before,
            "allocatedResources": admitted.get("requests", {}),
        }

    def _resized(self, amounts: dict[str, str]) -> dict[str, str]:
        return {
            name: str(Quantity.from_nanos(Quantity(text).nanos * self._factor() // 4))
            for name, text in amounts.items()
        }

    def _factor(self) -> int:
        return self._rng.choice((2, 4, 12))


def _summed(statuses: list[Any]) -> dict[str, Any]:
    """Add up what a kubelet of 1.36 says of the pod as a whole."""

    def added(amounts: Iterator[Any]) -> dict[str, str]:
        sums = total([{k: Quantity(v) for k, v in one.items()} for one in amounts])
        return {name: str(value) for name, value in sums.items()}

    return {
        "allocatedResources": added(one["allocatedResources"] for one in statuses),
        "resources": {
            kind: added(one["resources"].get(kind, {}) for one in statuses)
            for kind in ("requests", "limits")
        },
    }


REPORTED = ("settled", "deferred", "in progress", "infeasible")
CONDITIONS: dict[str, list[dict[str, str]]] = {
    "settled": [],
    "deferred": [pending("Deferred")],
    "in progress": [{"type": "PodResizeInProgress", "status": "True"}],
    "infeasible": [pending("Infeasible")],
    "partly said": [pending("Infeasible")],
    "only allocated": [],
}


def test_whatever_resize_is_under_way_the_rows_are_kubectls() -> None:
    """Some containers of a pod grow while others shrink, sidecars and inits too."""
    rng = Random(1)  # noqa: S311 - reproducible, not secret
    kubelet = Kubelet(rng)
    with Cluster.generated(Generated(nodes=3, pods=90)) as cluster:
        for number, entry in enumerate(list(cluster.pods.current())):
            one: Any = copy.deepcopy(entry.load())
            kubelet.write(one, list(CONDITIONS)[number % len(CONDITIONS)])
            cluster.apply(one)
        pods = held(cluster)
        for entry in cluster.nodes.current():
            said, mine = describe(cluster, entry.name), ours(pods, entry.name)
            assert said.pods == mine.pods
            assert {n: said.totals[n] for n in RESOURCES} == asked_for(pods, entry.name)
    assert any(pod_requests(p) != pod_requests(p, use_status=False) for p in pods)
