"""Which pods there are: workloads cut into pods, each with a node and a fate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from kubemetrics.testing.etcd import Key

from .fates import Fate, assign_fates
from .nodes import NodePlan
from .workloads import Workload, applications, suffix, system_workloads

_SYSTEM = ("default", "kube-node-lease", "kube-public", "kube-system", "monitoring")
_PODS_PER_TEAM = 400


@dataclass(frozen=True, slots=True)
class PodPlan:
    """A pod to be: its name, workload, node and fate."""

    name: str
    workload: Workload
    node: NodePlan | None
    fate: Fate

    @property
    def key(self) -> Key:
        return (self.workload.namespace, self.name)

    @property
    def path(self) -> str:
        return f"/{self.workload.namespace}/{self.name}"


def team_namespaces(pods: int) -> tuple[str, ...]:
    letters = [f"team-{letter}" for letter in "abcdef"]
    more = [f"team-{number:02}" for number in range(pods // _PODS_PER_TEAM)]
    return ("default", *letters, *more)


def all_namespaces(pods: int) -> list[str]:
    return sorted({*_SYSTEM, *team_namespaces(pods)})


def plan_pods(count: int, nodes: Sequence[NodePlan], rng: Random) -> list[PodPlan]:
    """Plan *count* pods in key order: a few system pods a node, else applications."""
    system = list(islice(_system_pods(nodes, rng), count // 2))
    names = islice(_application_names(count, rng), count - len(system))
    chosen = list(names)
    fates = assign_fates(len(chosen), rng)
    place = _Scheduler(nodes[1:] or nodes, rng)
    rest = [
        place(name, workload, fate)
        for (name, workload), fate in zip(chosen, fates, strict=True)
    ]
    return sorted([*system, *rest], key=lambda plan: plan.path)


def _system_pods(nodes: Sequence[NodePlan], rng: Random) -> Iterator[PodPlan]:
    for workload in system_workloads():
        for node in nodes if workload.every_node else nodes[:1]:
            end = suffix(rng, 5) if workload.every_node else node.name
            name = f"{workload.app}-{end}"
            yield PodPlan(name, workload, node, Fate.HEALTHY)


def _application_names(count: int, rng: Random) -> Iterator[tuple[str, Workload]]:
    taken: set[Key] = set()
    largest = max(12, count // 400)
    for workload in applications(rng, team_namespaces(count), largest):
        for ordinal in range(workload.size):
            key = (workload.namespace, _pod_name(workload, ordinal, rng))
            if key not in taken:
                taken.add(key)
                yield key[1], workload


def _pod_name(workload: Workload, ordinal: int, rng: Random) -> str:
    if workload.kind == "Bare":
        return workload.owner
    if workload.kind == "StatefulSet":
        return f"{workload.owner}-{ordinal}"
    return f"{workload.owner}-{suffix(rng, 5)}"


class _Scheduler:
    """Gives pods their nodes, and bends fates that cannot be.

    One container is never half measured, so that one pod of several containers takes
    over that fate. Pods with a story of their own stay off the silent nodes, where it
    would not show.
    """

    def __init__(self, nodes: Sequence[NodePlan], rng: Random) -> None:
        self._nodes = nodes
        self._reporting = [node for node in nodes if not node.silent] or nodes
        self._rng = rng
        self._owed = 0

    def __call__(self, name: str, workload: Workload, fate: Fate) -> PodPlan:
        several = len(workload.parts) > 1
        if fate is Fate.PARTIAL and not several:
            fate = Fate.HEALTHY
            self._owed += 1
        elif fate is Fate.HEALTHY and several and self._owed:
            fate = Fate.PARTIAL
            self._owed -= 1
        hosts = self._nodes if fate is Fate.HEALTHY else self._reporting
        node = self._rng.choice(hosts)
        return PodPlan(name, workload, node if fate.value.scheduled else None, fate)
