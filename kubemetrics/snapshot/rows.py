"""Rows of pods and containers, each with its usage or a reason, and their coverage.

Coverage counts how many of the rows that should have a sample have one, and why not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    Protocol,
    TypeAlias,
    TypeVar,
    get_args,
)

from ..accounting import NO_DEMAND, Demand, Demands, requested
from ..errors import checked_items
from ..frozen import dataclass, maker
from ..jsonread import EMPTY, empty
from ..models import CPU, MEMORY, Quantities
from ..models.metrics import PodMetrics
from ..models.pod import Container, ContainerKind, Pod
from ..text import agreeing, counted
from .percentages import NOT_COMPARED, Base, Compared, of_container, ratio, unused
from .reasons import (
    Reason,
    ReasonCode,
    container_reason,
    first_reason,
    gap_reasons,
    plausible,
)

if TYPE_CHECKING:
    from ..quantity import Quantity
    from ..ratio import Ratio

T = TypeVar("T")

RowState: TypeAlias = Literal["running", "finished", "waiting", "terminating", "orphan"]
"""State of a row; only of one that is ``running`` a sample is expected."""


RowKind: TypeAlias = Literal["pods", "containers", "nodes"]
"""The kinds of rows that a snapshot has records of."""


class HasAmounts(Protocol):
    """A pod, container, node or group: with its usage, requests and limits."""

    @property
    def usage(self) -> Quantities | None:
        """CPU in cores and memory in bytes."""
        ...

    @property
    def demand(self) -> Demand | None:
        """Requests and limits."""
        ...


class UsageRow:
    """What rows of every kind have: the short names of their amounts, and a record.

    An amount that is not known is ``None``, as is a limit that is not set; a request
    that is not set is 0, since nothing is set aside.
    """

    __slots__ = ()

    @property
    def cpu(self: HasAmounts) -> Quantity | None:
        """The CPU used, in cores."""
        return (self.usage or EMPTY).get(CPU)

    @property
    def memory(self: HasAmounts) -> Quantity | None:
        """The memory used, in bytes."""
        return (self.usage or EMPTY).get(MEMORY)

    @property
    def cpu_request(self: HasAmounts) -> Quantity | None:
        """The CPU that the scheduler sets aside, in cores."""
        return requested(self.demand, CPU)

    @property
    def memory_request(self: HasAmounts) -> Quantity | None:
        """The memory that the scheduler sets aside, in bytes."""
        return requested(self.demand, MEMORY)

    @property
    def cpu_limit(self: HasAmounts) -> Quantity | None:
        """The CPU that may be used, in cores; see `Demand.partial_limit`."""
        return self.demand.limits.get(CPU) if self.demand else None

    @property
    def memory_limit(self: HasAmounts) -> Quantity | None:
        """The memory that may be used, in bytes; see `Demand.partial_limit`."""
        return self.demand.limits.get(MEMORY) if self.demand else None

    def to_dict(self) -> dict[str, Any]:
        """Return the record that ``-o ndjson`` prints of it, without the context."""
        from ..views.records import record  # noqa: PLC0415 - for scripts that want it

        return record(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodUsage(UsageRow):
    """A pod with its usage, or the reason why it has none, and its requests and limits.

    *pod* is ``None`` for a sample whose pod is not in the list (an orphan). *usage* is
    CPU in cores and memory in bytes; *reason* says why one of them or both are missing,
    *reasons* why each is where a sample has but one of them, or none.
    *demand* is ``None`` where the pod could not be read; that of a finished pod is
    empty. *missing* names the running containers that the sample lacks: the value is
    then a lower bound (`partial`). *extra* names what the sample has beyond the pod's
    containers, and is in no sum. *stale*: the sample is old for the list's cadence.
    *age* is the sample's, by the clock of the server, which was *date* when it was
    read. *allocatable* and *capacity* are its node's, empty where they are not known.
    *compared* holds the parts of its percentages.
    """

    namespace: str
    name: str
    state: RowState
    pod: Pod | None = None
    metrics: PodMetrics | None = None
    usage: Quantities | None = None
    reason: Reason | None = None
    reasons: Mapping[str, Reason] = field(default_factory=empty)
    demand: Demand | None = None
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    stale: bool = False
    age: timedelta | None = None
    date: datetime | None = None
    allocatable: Quantities = field(default_factory=empty)
    capacity: Quantities = field(default_factory=empty)
    compared: Compared = NOT_COMPARED

    @property
    def key(self) -> tuple[str, str]:
        """Key of the join: (namespace, name)."""
        return self.namespace, self.name

    @property
    def partial(self) -> bool:
        """Whether its value is a lower bound."""
        return bool(self.missing)

    def partial_in(self, resource: str) -> bool:
        """Whether its value of one resource is a lower bound."""
        if not self.missing or self.metrics is None:
            return False
        given = self.metrics.by_container
        return any(
            resource not in plausible(given.get(name, EMPTY), self.capacity)
            for name in self.missing
        )

    @property
    def node_name(self) -> str:
        """The node that it runs on, empty where that is not known."""
        return self.pod.node_name if self.pod else ""

    @property
    def unused(self) -> Quantities:
        """Requests less usage; of what is not requested, or partly measured, none."""
        rest = unused(self.usage, self.demand)
        if not self.missing:
            return rest
        return {name: v for name, v in rest.items() if not self.partial_in(name)}

    def ratio(self, resource: str, base: Base) -> Ratio | None:
        """Return usage in requests, in limits or in the node's allocatable.

        ``None`` where that is not known: no value, no such request, a partial limit.
        """
        if base == "node":
            used = self.usage or EMPTY
            return ratio(used.get(resource), self.allocatable.get(resource))
        compared = self.compared
        over = compared.requests if base == "requests" else compared.limits
        return over.ratio(resource)


new_pod_usage: Final = maker(PodUsage)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUsage(UsageRow):
    """A container of *row*'s pod, with its own value or its own reason.

    *container* is ``None`` where the pod could not be read; so are *kind* and *demand*.
    """

    row: PodUsage
    name: str
    state: RowState
    container: Container | None = None
    usage: Quantities | None = None
    reason: Reason | None = None
    reasons: Mapping[str, Reason] = field(default_factory=empty)
    demand: Demand | None = None

    @property
    def namespace(self) -> str:
        """The namespace of its pod."""
        return self.row.namespace

    @property
    def pod_name(self) -> str:
        """The name of its pod."""
        return self.row.name

    @property
    def node_name(self) -> str:
        """The node that it runs on, empty where that is not known."""
        return self.row.node_name

    @property
    def partial(self) -> bool:
        """Whether its value is a lower bound: never, it is there or it is not."""
        return False

    def partial_in(self, _: str) -> bool:
        """Whether its value of one resource is a lower bound: never."""
        return False

    @property
    def stale(self) -> bool:
        """Whether its pod's sample is old for the list's cadence."""
        return self.row.stale and self.usage is not None

    @property
    def kind(self) -> ContainerKind | None:
        """The kind of the container: regular, init, sidecar or ephemeral."""
        return self.container.kind if self.container else None

    @property
    def compared(self) -> Compared:
        """The parts of its percentages."""
        if self.usage is None or self.demand is None:
            return NOT_COMPARED
        return of_container(self.usage, self.demand)

    @property
    def unused(self) -> Quantities:
        """Requests less usage; of what is not requested, or not measured, none."""
        return unused(self.usage, self.demand)

    @property
    def allocatable(self) -> Quantities:
        """Resources of its node that pods may request; empty where not known."""
        return self.row.allocatable

    def ratio(self, resource: str, base: Base) -> Ratio | None:
        """Return usage in requests, in limits or in the node's allocatable."""
        if base == "node":
            used = self.usage or EMPTY
            return ratio(used.get(resource), self.allocatable.get(resource))
        return self.compared.ratio(resource, base)


_BEFORE_ITS_OWN = frozenset(
    {
        "ApiAbsent", "ApiDown", "Forbidden", "ReadFailed", "NotRecorded", "Finished",
        "Warming", "NodeSilent",
    }
)  # fmt: skip
"""Reasons of the pod that hold for a container whatever its own state."""
_OF_ONE = frozenset({"ContainerNotRunning", "Restarted"})
"""Reasons of the pod that one of its containers is enough for."""


def container_rows(rows: Iterable[PodUsage]) -> tuple[ContainerUsage, ...]:
    """Return the containers of these pods: init and sidecars first, in their order."""
    demands = Demands()
    pods = checked_items("rows", rows, PodUsage)
    return tuple(container for row in pods for container in _of(row, demands))


def _of(row: PodUsage, demands: Demands) -> Iterator[ContainerUsage]:
    samples = row.metrics.by_container if row.metrics else {}
    if row.pod is not None:
        pod = row.pod
        for container in pod.all_containers:
            usage = samples.pop(container.name, None)
            yield _known(row, pod, container, usage, _demand(demands, pod, container))
    for name, usage in samples.items() if row.pod is None else ():
        known = plausible(usage, EMPTY)
        reasons = gap_reasons(known, [(f"container {name}", usage)], EMPTY)
        yield ContainerUsage(
            row=row,
            name=name,
            state="orphan",
            usage=known or None,
            reason=first_reason(reasons),
            reasons=reasons,
        )


def _demand(demands: Demands, pod: Pod, container: Container) -> Demand:
    """Return what one container asks for.

    An ephemeral one cannot ask; one that runs to its end is not counted among those
    that lack something: what it has decides nothing once it ended.
    """
    if container.kind == "ephemeral":
        return NO_DEMAND
    found = demands.of_container(pod, container)
    if container.kind == "init" and (found.unlimited or found.unrequested):
        return replace(found, unlimited=EMPTY, unrequested=EMPTY)
    return found


def _known(
    row: PodUsage,
    pod: Pod,
    container: Container,
    given: Quantities | None,
    demand: Demand,
) -> ContainerUsage:
    usage = plausible(given or EMPTY, row.capacity)
    reasons: Mapping[str, Reason] = EMPTY
    if given:
        of = f"container {container.name}"
        reasons = gap_reasons(usage, [(of, given)], row.capacity)
        reason = first_reason(reasons)
    else:
        reason = _reason(row, pod, container)
    return ContainerUsage(
        row=row,
        name=container.name,
        state=_state(row, container, usage),
        container=container,
        usage=usage or None,
        reason=reason,
        reasons=reasons,
        demand=demand,
    )


def reason_of(row: HasReasons, resource: str) -> Reason | None:
    """Return why *row* has no value of one resource; ``None`` where it has one."""
    if row.usage and resource in row.usage:
        return None
    return row.reasons.get(resource, row.reason)


def incomplete(row: PodUsage | ContainerUsage) -> Iterator[str]:
    """Yield the resources of which something that runs is not in the row's value."""
    if row.reason is None and not row.partial:
        return
    for resource in (CPU, MEMORY):
        if reason_of(row, resource) is not None or row.partial_in(resource):
            yield resource


class HasReasons(Protocol):
    """A pod, a container or a node: with its usage, or the reasons why not."""

    @property
    def usage(self) -> Quantities | None:
        """CPU in cores and memory in bytes."""
        ...

    @property
    def reason(self) -> Reason | None:
        """Why something is missing."""
        ...

    @property
    def reasons(self) -> Mapping[str, Reason]:
        """Why it is, by resource, where that differs."""
        ...


def _state(row: PodUsage, container: Container, usage: Quantities | None) -> RowState:
    if usage:
        return "finished" if row.state == "finished" else "running"
    if container.state.kind == "terminated" and container.kind in {"init", "ephemeral"}:
        return "finished"
    return row.state


def _reason(row: PodUsage, pod: Pod, container: Container) -> Reason:
    if row.reason is not None and row.reason.code in _BEFORE_ITS_OWN:
        return row.reason
    own = container_reason(container, pod)
    if own is not None:
        return own
    if row.metrics is not None and row.metrics.of_whole_pod:
        return Reason(
            "Unreported",
            "The sample is of its pod as a whole and names no container.",
        )
    if row.metrics is not None or row.reason is None:
        return Reason(
            "Unreported",
            f"The sample of its pod lacks container {container.name}; possible causes: "
            "it started after the sample, or the provider could not measure it.",
        )
    return _beside(row.reason, container) or row.reason


def _beside(reason: Reason, container: Container) -> Reason | None:
    """Return why a running container has no value if *reason* is another one's.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Counts of the rows that should have a sample: those with one, and those without.

    *measured* of *expected* have one; *missing* counts the others by reason, in the
    order of `ReasonCode`. Counted apart: *finished*, *waiting* (not running yet) and
    *terminating* rows, and *orphans*, the samples whose pod is not in the list. Of the
    measured ones *partial* are lower bounds and *stale* are old.
    """

    noun: str = "running pod"
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
        """The counts in one line: ``81 of 89 running pods measured (4 Unreported)``."""
        reasons = ", ".join(f"{count} {code}" for code, count in self.missing)
        why = f" ({reasons})" if reasons else ""
        text = f"{self.measured} of {counted(self.expected, self.noun)} measured{why}"
        also = [f"{count} {what}" for count, what in self._also() if count]
        return f"{text}; also {', '.join(also)}" if also else text

    def _also(self) -> Iterable[tuple[int, str]]:
        samples = agreeing(self.orphans, "sample", "samples")
        things = f"{self.noun.removeprefix('running ')}s"
        return (
            (self.finished, "finished"),
            (self.waiting, "not running yet"),
            (self.terminating, "terminating"),
            (self.orphans, f"{samples} of {things} not in the list"),
        )


class Counted(Protocol):
    """A row as coverage counts it: a pod, a container or a node."""

    @property
    def state(self) -> RowState:
        """State of the row: a sample is expected of ``running`` ones."""
        ...

    @property
    def reason(self) -> Reason | None:
        """The reason why it has no value; ``None`` where it has one."""
        ...

    @property
    def partial(self) -> bool:
        """Whether its value is a lower bound."""
        ...

    @property
    def stale(self) -> bool:
        """Whether its sample is old."""
        ...


class CoverageCount:
    """Counts rows one by one into a `Coverage`."""

    __slots__ = ("_measured", "_missing", "_partial", "_stale", "_states")

    def __init__(self) -> None:
        self._states: Counter[RowState] = Counter()
        self._missing: Counter[ReasonCode] = Counter()
        self._measured = 0
        self._partial = 0
        self._stale = 0

    def add(self, row: Counted) -> None:
        """Count one row: a sample is expected of one that is ``running``."""
        state, reason = row.state, row.reason
        self._states[state] += 1
        if reason is None:
            self._measured += state == "running"
        elif state == "running":
            self._missing[reason.code] += 1
        self._partial += row.partial
        self._stale += row.stale

    def coverage(self, noun: str) -> Coverage:
        """Return the coverage of the rows counted so far, which *noun* names."""
        order: tuple[ReasonCode, ...] = get_args(ReasonCode)
        return Coverage(
            noun=noun,
            expected=self._states["running"],
            measured=self._measured,
            missing=tuple((c, self._missing[c]) for c in order if self._missing[c]),
            finished=self._states["finished"],
            waiting=self._states["waiting"],
            terminating=self._states["terminating"],
            orphans=self._states["orphan"],
            partial=self._partial,
            stale=self._stale,
        )


def pod_coverage(rows: Iterable[Counted]) -> Coverage:
    """Count the pods that should have a sample, and those that have one."""
    return _coverage(rows, "running pod")


def node_coverage(rows: Iterable[Counted]) -> Coverage:
    """Count the nodes, of which each should have a sample, and those that have one."""
    return _coverage(rows, "node")


def _coverage(rows: Iterable[Counted], noun: str) -> Coverage:
    count = CoverageCount()
    for row in rows:
        count.add(row)
    return count.coverage(noun)
