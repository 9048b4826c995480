"""How much of what should have a sample has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final, Literal, TypeAlias, get_args

from ..accounting import (
    NO_DEMAND,
    Demand,
    Demands,
    DemandSum,
    container_demand,
    serving,
)
from ..errors import KubeMetricsError
from ..frozen import dataclass
from ..jsonread import EMPTY, empty
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node, Taint
from ..models.pod import Container, ContainerKind, Pod
from ..models.resources import CPU, Condition, Quantities, total
from ..quantity import Quantity
from .parts import Failure, PartName, Unreadable
from .reasons import Reason, ReasonCode, container_reason

Stage: TypeAlias = Literal["running", "finished", "waiting", "terminating", "orphan"]
"""What may be expected of a row: a sample only of one that is ``running``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many rows that should have a sample have one, and why the others have none.

    *measured* of *expected* have one; *missing* counts the others by reason, in the
    order of `ReasonCode`. Counted apart: *finished*, *waiting* (not running yet) and
    *terminating* rows, and *orphans*, the samples whose pod is not in the list. Of the
    measured ones *partial* are lower bounds and *stale* are old.
    """

    noun: str = "running pods"
    expected: int = 0
    measured: int = 0
    missing: tuple[tuple[ReasonCode, int], ...] = ()
    finished: int = 0
    waiting: int = 0
    terminating: int = 0
    orphans: int = 0
    partial: int = 0
    stale: int = 0

    @property
    def complete(self) -> bool:
        """Whether every value that should be there is there, and whole."""
        return self.measured == self.expected and not self.partial

    @property
    def sentence(self) -> str:
        """Say it in one line: ``81 of 89 running pods measured (4 Unreported)``."""
        reasons = ", ".join(f"{count} {code}" for code, count in self.missing)
        why = f" ({reasons})" if reasons else ""
        said = f"{self.measured} of {self.expected} {self.noun} measured{why}"
        also = [f"{count} {what}" for count, what in self._also() if count]
        return f"{said}; also {', '.join(also)}" if also else said

    def _also(self) -> Iterable[tuple[int, str]]:
        samples = "sample" if self.orphans == 1 else "samples"
        things = self.noun.removeprefix("running ")
        return (
            (self.finished, "finished"),
            (self.waiting, "not running yet"),
            (self.terminating, "terminating"),
            (self.orphans, f"{samples} of {things} not in the list"),
        )


class Count:
    """Counts rows up to a `Coverage`."""

    __slots__ = ("_measured", "_missing", "_partial", "_stages", "_stale")

    def __init__(self) -> None:
        self._stages: Counter[Stage] = Counter()
        self._missing: Counter[ReasonCode] = Counter()
        self._measured = 0
        self._partial = 0
        self._stale = 0

    def add(
        self, stage: Stage, code: ReasonCode | None, *, partial: bool, stale: bool
    ) -> None:
        """Count one row; *code* says why it has no value, if it has none."""
        self._stages[stage] += 1
        if code is None:
            self._measured += stage == "running"
        elif stage == "running":
            self._missing[code] += 1
        self._partial += partial
        self._stale += stale

    def coverage(self, noun: str = "running pods") -> Coverage:
        """Return what was counted; *noun* names the rows."""
        order: tuple[ReasonCode, ...] = get_args(ReasonCode)
        return Coverage(
            noun=noun,
            expected=self._stages["running"],
            measured=self._measured,
            missing=tuple((c, self._missing[c]) for c in order if self._missing[c]),
            finished=self._stages["finished"],
            waiting=self._stages["waiting"],
            terminating=self._stages["terminating"],
            orphans=self._stages["orphan"],
            partial=self._partial,
            stale=self._stale,
        )


# Percentages that never lie: exact, over what was measured, never of a part.


Base: TypeAlias = Literal["requests", "limits", "node"]
"""What a usage is a share of; ``node`` is the node's allocatable."""


def ratio(amount: Quantity | None, whole: Quantity | None) -> Fraction | None:
    """Return *amount* in *whole* exactly; nothing where either is not known or 0."""
    if amount is None or not whole:
        return None
    return Fraction(amount.nanos, whole.nanos)


@dataclass(frozen=True, slots=True)
class Compared:
    """What percentages are taken over: usage and demand of the very same containers.

    Where a sample is partial it holds the measured containers alone; in a roll-up the
    measured pods that could be read.
    """

    usage: Quantities
    demand: Demand

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        """Return usage in requests or limits; nothing of a limit that is partial."""
        used = self.usage.get(resource)
        if base == "requests":
            return ratio(used, self.demand.requests.get(resource))
        if base == "node" or self.demand.partial_limit(resource):
            return None
        return ratio(used, self.demand.limits.get(resource))


NOT_COMPARED: Final = Compared(EMPTY, NO_DEMAND)


# Pods and their containers: each with its value, or the reason why it has none.


@dataclass(frozen=True, slots=True, kw_only=True)
class PodUsage:
    """A pod, its sample, and what it asks for.

    *pod* is ``None`` for a sample whose pod is not in the list (`orphan`). *usage* is
    CPU in cores and memory in bytes; where it is ``None``, *reason* says why. *demand*
    is ``None`` where the pod could not be read; that of a finished pod is empty.
    *missing* names the running containers that the sample lacks: the value is then a
    lower bound (`partial`). *stale*: the sample is old for the list's cadence. *age* is
    by the server's clock. *allocatable* is its node's, empty where it is not known.
    """

    namespace: str
    name: str
    stage: Stage
    pod: Pod | None = None
    metrics: PodMetrics | None = None
    usage: Quantities | None = None
    reason: Reason | None = None
    demand: Demand | None = None
    missing: tuple[str, ...] = ()
    stale: bool = False
    age: timedelta | None = None
    allocatable: Quantities = field(default_factory=empty)

    @property
    def key(self) -> tuple[str, str]:
        """What it was joined on: (namespace, name)."""
        return self.namespace, self.name

    @property
    def orphan(self) -> bool:
        """Whether its pod is not in the list: gone meanwhile, or not readable."""
        return self.pod is None

    @property
    def partial(self) -> bool:
        """Whether its value is a lower bound."""
        return bool(self.missing)

    @property
    def node_name(self) -> str:
        """The node that it runs on, empty where that is not known."""
        return self.pod.node_name if self.pod else ""

    @property
    def compared(self) -> Compared:
        """What its percentages are taken over."""
        if self.pod is None or self.usage is None or self.demand is None:
            return NOT_COMPARED
        if self.partial and self.metrics is not None:
            return _measured_only(self.pod, self.metrics)
        return Compared(self.usage, self.demand)

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        """Return usage in requests, in limits or in the node's allocatable.

        ``None`` where that is not known: no value, no such request, a partial limit.
        """
        if base == "node":
            used = self.usage or EMPTY
            return ratio(used.get(resource), self.allocatable.get(resource))
        return self.compared.ratio(resource, base)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUsage:
    """A container of *row*'s pod, with its own value or its own reason.

    *container* is ``None`` where the pod could not be read, or where the sample names
    one that the pod does not have; *kind* and *demand* are ``None`` then.
    """

    row: PodUsage
    name: str
    stage: Stage
    container: Container | None = None
    usage: Quantities | None = None
    reason: Reason | None = None
    demand: Demand | None = None

    @property
    def partial(self) -> bool:
        """Whether its value is a lower bound: never, it is there or it is not."""
        return False

    @property
    def stale(self) -> bool:
        """Whether its pod's sample is old for the list's cadence."""
        return self.row.stale and self.usage is not None

    @property
    def kind(self) -> ContainerKind | None:
        """Regular, init, sidecar or ephemeral."""
        return self.container.kind if self.container else None

    @property
    def compared(self) -> Compared:
        """What its percentages are taken over."""
        if self.usage is None or self.demand is None:
            return NOT_COMPARED
        return Compared(self.usage, self.demand)

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        """Return usage in requests, in limits or in the node's allocatable."""
        if base == "node":
            used = self.usage or EMPTY
            return ratio(used.get(resource), self.row.allocatable.get(resource))
        return self.compared.ratio(resource, base)


def _measured_only(pod: Pod, metrics: PodMetrics) -> Compared:
    """Compare the containers that were measured, and no others."""
    measured = {container.name: container.usage for container in metrics.containers}
    known = [c for c in serving(pod) if c.name in measured]
    demand = DemandSum()
    for container in known:
        demand.add(container_demand(pod, container))
    return Compared(total([measured[c.name] for c in known]), demand.demand)


# Nodes: usage = Σ pods + the rest, against what they have and what was promised.


Share: TypeAlias = Literal["usage", "requests", "limits"]
"""What is taken of a node's allocatable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAccount:
    """A node's usage reconciled with its pods.

    *pods* counts those assigned to it and not finished, *demand* is theirs,
    *pods_usage* the sum over those measured, *unmeasured* counts those that run without
    a whole sample. *rest* is what is left of the node's usage: never negative, since
    the samples are of different moments; ``None`` where the node has no value.
    """

    pods: int
    demand: Demand
    pods_usage: Quantities
    unmeasured: int
    rest: Quantities | None

    @property
    def rest_name(self) -> str:
        """What *rest* is: ``system``, or ``system and 2 unmeasured pods``."""
        if not self.unmeasured:
            return "system"
        pods = "pod" if self.unmeasured == 1 else "pods"
        return f"system and {self.unmeasured} unmeasured {pods}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUsage:
    """A node, its sample and what its pods take of it.

    *node* is ``None`` where nodes could not be read. *skew* is how far its own clock is
    ahead (behind, if negative) where its samples alone are dated wrongly. *account*
    takes all pods of the cluster; where it is ``None``, *account_reason* says why, if
    they were asked for.
    """

    name: str
    node: Node | None = None
    metrics: NodeMetrics | None = None
    usage: Quantities | None = None
    reason: Reason | None = None
    stale: bool = False
    age: timedelta | None = None
    skew: timedelta | None = None
    account: NodeAccount | None = None
    account_reason: Reason | None = None

    @property
    def ready(self) -> bool | None:
        """Whether it is Ready; ``None`` where nodes could not be read."""
        return self.node.ready if self.node else None

    @property
    def cordoned(self) -> bool:
        """Whether no new pod is put on it (``kubectl cordon``)."""
        return self.node is not None and self.node.unschedulable

    @property
    def taints(self) -> tuple[Taint, ...]:
        """What keeps pods away."""
        return self.node.taints if self.node else ()

    @property
    def troubles(self) -> tuple[Condition, ...]:
        """The conditions that are not as they should be (not Ready, some pressure)."""
        conditions = self.node.conditions if self.node else ()
        return tuple(
            c for c in conditions if (c.status != "True") == (c.type == "Ready")
        )

    @property
    def capacity(self) -> Quantities:
        """What it has."""
        return self.node.capacity if self.node else EMPTY

    @property
    def allocatable(self) -> Quantities:
        """What pods may request: the denominator of every percentage."""
        return (self.node.allocatable or self.node.capacity) if self.node else EMPTY

    @property
    def reserved(self) -> Quantities:
        """What is kept from pods for the system: capacity - allocatable."""
        capacity = self.capacity
        return {
            name: capacity[name] - value
            for name, value in self.allocatable.items()
            if name in capacity
        }

    @property
    def headroom(self) -> Quantities | None:
        """What pods may still request; below 0 where more is promised than there is.

        ``pods`` is a number of pods. ``None`` where the pods are not known.
        """
        if self.account is None:
            return None
        taken = {**self.account.demand.requests, "pods": Quantity(self.account.pods)}
        return {
            name: value - taken.get(name, Quantity(0))
            for name, value in self.allocatable.items()
        }

    def ratio(self, resource: str, share: Share) -> Fraction | None:
        """Return usage, Σ requests or Σ limits in allocatable, exactly.

        Above 1 the limits are overcommitted; where ``account.demand.partial_limit``
        holds it is a lower bound.
        """
        return ratio(self._amounts(share).get(resource), self.allocatable.get(resource))

    def _amounts(self, share: Share) -> Quantities:
        if share == "usage":
            return self.usage or EMPTY
        demand = self.account.demand if self.account else None
        if demand is None:
            return EMPTY
        return demand.requests if share == "requests" else demand.limits


# Why a node may be above 100 %: what its usage holds that allocatable does not.


def above_full(node: NodeUsage, resource: str) -> str:
    """Explain a usage above allocatable in one sentence; empty where it is not above.

    Allocatable leaves out what is reserved, whereas a node's usage is that of its root
    cgroup, the kernel's and the daemons' included (kubelet stats/summary).
    """
    used = (node.usage or {}).get(resource)
    whole = node.allocatable.get(resource)
    if used is None or not whole or used <= whole:
        return ""
    reserved = node.reserved.get(resource)
    kept = f": {reserved} are kept for the system, " if reserved else ": "
    return (
        f"{resource} is at {_percent(used, whole)} of allocatable and "
        f"{_percent(used, node.capacity.get(resource))} of capacity{kept}"
        f"and usage counts system daemons too{_rest(node, resource)}"
        f"{_beyond(node, resource)}."
    )


def _rest(node: NodeUsage, resource: str) -> str:
    account = node.account
    if account is None or account.rest is None or resource not in account.rest:
        return ""
    return f" ({account.rest_name}: {account.rest[resource]})"


def _beyond(node: NodeUsage, resource: str) -> str:
    used = (node.usage or {}).get(resource)
    capacity = node.capacity.get(resource)
    if resource != CPU or used is None or capacity is None or used <= capacity:
        return ""
    return "; above capacity, a rate between two readings may be off by their jitter"


def _percent(used: Quantity, whole: Quantity | None) -> str:
    share = ratio(used, whole)
    return "an unknown part" if share is None else f"{int(share * 100)}%"


# The containers of a pod: each with its own value or its own reason.


_BEFORE_ITS_OWN = frozenset(
    {"ApiAbsent", "ApiDown", "Forbidden", "ReadFailed", "Finished", "NodeSilent"}
)
"""Reasons of the pod that hold for a container whatever its own state."""
_OF_ONE = frozenset({"ContainerNotRunning", "Restarted"})
"""Reasons of the pod that one of its containers is enough for."""


def containers(rows: Iterable[PodUsage]) -> tuple[ContainerUsage, ...]:
    """Return the containers of these pods: init and sidecars first, in their order."""
    demands = Demands()
    return tuple(container for row in rows for container in _of(row, demands))


def _of(row: PodUsage, demands: Demands) -> Iterator[ContainerUsage]:
    samples = {c.name: c.usage for c in row.metrics.containers} if row.metrics else {}
    if row.pod is not None:
        pod = row.pod
        for container in (
            *pod.init_containers,
            *pod.containers,
            *pod.ephemeral_containers,
        ):
            usage = samples.pop(container.name, None)
            serves = container.kind in {"regular", "sidecar"}
            demand = demands.of_container(pod, container) if serves else NO_DEMAND
            yield _known(row, pod, container, usage, demand)
    for name, usage in samples.items():
        yield ContainerUsage(row=row, name=name, stage="orphan", usage=usage)


def _known(
    row: PodUsage,
    pod: Pod,
    container: Container,
    usage: Quantities | None,
    demand: Demand,
) -> ContainerUsage:
    reason = None if usage else _reason(row, pod, container)
    return ContainerUsage(
        row=row,
        name=container.name,
        stage=_stage(row, container, usage),
        container=container,
        usage=usage or None,
        reason=reason,
        demand=demand,
    )


def _stage(row: PodUsage, container: Container, usage: Quantities | None) -> Stage:
    if usage:
        return "finished" if row.stage == "finished" else "running"
    if container.state.kind == "terminated" and container.kind in {"init", "ephemeral"}:
        return "finished"
    return row.stage


def _reason(row: PodUsage, pod: Pod, container: Container) -> Reason:
    if row.reason is not None and row.reason.code in _BEFORE_ITS_OWN:
        return row.reason
    own = container_reason(container, pod)
    if own is not None:
        return own
    if row.reason is None:
        return Reason(
            "Unreported",
            f"The sample of its pod lacks container {container.name}; possible causes: "
            "it started after the sample, or the provider could not measure it.",
        )
    return _beside(row.reason, container) or row.reason


def _beside(reason: Reason, container: Container) -> Reason | None:
    """Say why one that runs has no value where *reason* is another container's.

    metrics-server drops a whole pod when one of its containers cannot be measured
    (pkg/storage/pod.go); others need not, so that this is a possible cause.
    """
    restarted = container.restarts or container.last_termination
    its_own = reason.code == "Restarted" and restarted
    if container.state.kind != "running" or reason.code not in _OF_ONE or its_own:
        return None
    return Reason(
        "Unreported",
        f"Container {container.name} runs, and the provider gives no sample of its "
        "pod; possible cause: providers may leave out a pod for one of its containers. "
        f"{reason.explanation}",
    )


# A snapshot: pods, nodes and both metrics, read at once and joined.


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What was read, joined on (namespace, name), in the order of the names.

    *failures* are the parts that could not be read: they take away their cells and
    nothing else. *unreadable* are single items that could not be read: of those that
    tell their name the row has the reason. *date* is the server's clock, *cadence* the
    median window of the samples. *warming*: nodes are Ready and the metrics API has no
    node yet.
    """

    pods: tuple[PodUsage, ...] = ()
    nodes: tuple[NodeUsage, ...] = ()
    failures: tuple[Failure, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    node_coverage: Coverage = field(default_factory=Coverage)
    date: datetime | None = None
    cadence: timedelta | None = None
    warming: bool = False

    def error(self, part: PartName) -> KubeMetricsError | None:
        """Return why *part* could not be read, wholly or somewhere."""
        return next((f.error for f in self.failures if f.part == part), None)
