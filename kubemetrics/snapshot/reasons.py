"""Why a pod, container or node has no value, and how old values are.

One reason is concluded from what the API showed, by the clock of the server: how old
samples are and may be, and which nodes' clocks are wrong.

Source of what providers leave out: metrics-server pkg/scraper/client/resource/decode.go
and pkg/storage/pod.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, TypeVar, get_args

from ..accounting import serving
from ..errors import (
    DecodeError,
    Forbidden,
    KubeMetricsError,
    MetricsUnavailable,
    NotRecorded,
)
from ..frozen import dataclass
from ..jsonread import EMPTY, empty
from ..models import CPU, MEMORY, Quantities
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Container, ContainerState, Pod
from ..quantity import Quantity
from ..times import rfc3339, whole_seconds
from .parts import Part, Parts, key_of

T = TypeVar("T")
ReasonCode: TypeAlias = Literal[
    "ApiAbsent", "ApiDown", "Forbidden", "ReadFailed", "NotRecorded",
    "Finished", "NotScheduled", "NotStarted", "Terminating",
    "Warming", "NodeSilent", "ContainerNotRunning", "Restarted", "TooYoung",
    "Implausible", "Unreported",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """Why there is no value: the first *code* that holds, in the order of `ReasonCode`.

    *explanation* is one sentence for people. It says what the API showed; what it did
    not show is called possible, never a cause.

    ``ApiAbsent``, ``ApiDown``, ``Forbidden``, ``ReadFailed``: the metrics could not be
    read. ``NotRecorded``: of the past, in which nobody recorded. ``Finished`` …
    ``Terminating``: none is to be expected. ``Warming``: nodes are Ready and there is
    no sample of anything. ``NodeSilent``: node metrics were read and lack the node, and
    have others. ``Implausible``: a value was given that cannot
    be. The others: see `reasons`.
    """

    code: ReasonCode
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """The facts about a cluster that the row and the reason of a pod or node depend on.

    *measured_nodes* is ``None`` where node metrics could not be read, or hold no node
    although pods are measured: whether a node is silent is then not known. Neither is
    it of a node that is not among *nodes* where these are but *some_nodes*.
    *unmeasured* names what has no sample at all although the other has. *unread* says
    why single samples could not be read, by the keys of their pods.
    """

    clock: Clock
    pod_metrics: Part[PodMetrics] = field(default_factory=Part[PodMetrics])
    measured_nodes: frozenset[str] | None = None
    nodes: Mapping[str, Node] = field(default_factory=empty)
    some_nodes: bool = False
    warming: bool = False
    unmeasured: Literal["pods", "nodes", ""] = ""
    unread: Mapping[tuple[str, str], DecodeError] = field(
        default_factory=dict[tuple[str, str], DecodeError]
    )

    def young(self, node: str) -> timedelta | None:
        """Return the age of *node* if it joined too recently to be measured by now."""
        found = self.nodes.get(node)
        # Its creation is dated by the API server: its own clock plays no part.
        return self.clock.fresh(found.creation_timestamp, "") if found else None

    def knows(self, node: str) -> bool:
        """Whether it can be told if the metrics API has a sample of *node*."""
        read = node in self.nodes or not self.some_nodes
        return self.measured_nodes is not None and read


_MOST: Final = 2
"""Capacities beyond which a usage is an error: CPU is a rate, and may be off."""
_TWO_SCRAPES: Final = "a provider may need two scrapes until it has a rate"
_WARMING: Final = Reason(
    "Warming",
    "The metrics API has no sample of anything yet although nodes are Ready; that is so"
    " while it warms up.",
)
_Check: TypeAlias = Callable[[Pod, ClusterState], Reason | None]


def pod_reason(pod: Pod, cluster: ClusterState, extra: Sequence[str] = ()) -> Reason:
    """Return why *pod* has no sample: the reason of the first check that holds.

    *extra* are the names in a sample that has no container of the pod.
    """
    for check in _CHECKS:
        reason = check(pod, cluster)
        if reason is not None:
            return reason
    if extra:
        return Reason(
            "Unreported",
            f"Its sample has no container of its own, only {', '.join(extra)}.",
        )
    return _unreported(pod, cluster)


def error_reason(error: KubeMetricsError) -> Reason:
    """Return the reason for a part that could not be read because of *error*."""
    return Reason(_code(error), str(error))


def node_reason(name: str, cluster: ClusterState) -> Reason:
    """Return why node *name* has no sample although node metrics were read."""
    if cluster.warming:
        return _WARMING
    age = cluster.young(name)
    if age is not None:
        return _joined(name, age)
    if cluster.unmeasured == "nodes":
        return Reason(
            "Unreported",
            "The provider measures pods and no node; look at its node query or scrape.",
        )
    return Reason(
        "NodeSilent",
        f"The metrics API has no sample of node {name}{_condition(name, cluster)}.",
    )


def _joined(name: str, age: timedelta) -> Reason:
    ago = whole_seconds(age)
    return Reason("TooYoung", f"Node {name} joined {ago} ago; {_TWO_SCRAPES}.")


def container_reason(container: Container, pod: Pod) -> Reason | None:
    """Return why *container* has no value, if its own status shows it."""
    state = container.state
    if container.kind == "init" and state.kind == "terminated":
        return Reason(
            "Finished",
            f"Init container {container.name} ran to its end ({_detail(state)}).",
        )
    if state.kind in {"waiting", "terminated"} and not pod.finished:
        return _not_running(container)
    return None


def plausible(usage: Quantities, capacity: Quantities) -> Quantities:
    """Return the values of *usage* that can be, on a node of this *capacity*.

    Below zero (metrics-server#745) and beyond twice the capacity (an unsigned counter
    that wrapped, prometheus-adapter#280) a value says nothing of the usage.
    """
    for name, value in usage.items():
        if _impossible(value, capacity.get(name)):
            return {
                name: value
                for name, value in usage.items()
                if not _impossible(value, capacity.get(name))
            }
    return usage


def _impossible(value: Quantity, capacity: Quantity | None) -> bool:
    nanos = value.nanos
    return nanos < 0 or (capacity is not None and 0 < _MOST * capacity.nanos < nanos)


def gap_reasons(
    usage: Quantities, samples: Iterable[tuple[str, Quantities]], capacity: Quantities
) -> Mapping[str, Reason]:
    """Return why *usage* lacks CPU or memory, by resource; nothing where it has both.

    *samples* are the values as the metrics API gave them, each with whose it is.
    """
    gaps = [name for name in (CPU, MEMORY) if name not in usage]
    if not gaps:
        return EMPTY
    given = [*samples]
    return {name: _gap_reason(name, given, capacity) for name in gaps}


def _gap_reason(
    name: str, samples: Iterable[tuple[str, Quantities]], capacity: Quantities
) -> Reason:
    for what, given in samples:
        if name in given and _impossible(given[name], capacity.get(name)):
            return Reason(
                "Implausible",
                f"The metrics API gives {given[name]} of {name} for {what}, which"
                " cannot be.",
            )
    return _not_given([name])


def _not_given(names: Iterable[str]) -> Reason:
    return Reason("Unreported", f"The sample has no value of {' and '.join(names)}.")


def first_reason(reasons: Mapping[str, Reason]) -> Reason | None:
    """Return the reason of a row out of `gap_reasons`: the first in the codes' order.

    It explains every gap.
    """
    if not reasons:
        return None
    codes = {reason.code for reason in reasons.values()}
    if codes == {"Unreported"}:
        return _not_given(reasons)
    order: tuple[ReasonCode, ...] = get_args(ReasonCode)
    first = min(reasons.values(), key=lambda reason: order.index(reason.code))
    explanations = dict.fromkeys(reason.explanation for reason in reasons.values())
    return Reason(first.code, " ".join(explanations))


def _code(error: KubeMetricsError) -> ReasonCode:
    if isinstance(error, MetricsUnavailable):
        return "ApiAbsent" if error.cause == "absent" else "ApiDown"
    if isinstance(error, NotRecorded):
        return "NotRecorded"
    return "Forbidden" if isinstance(error, Forbidden) else "ReadFailed"


def _unreadable(pod: Pod, cluster: ClusterState) -> Reason | None:
    error = cluster.pod_metrics.error(pod.namespace) or cluster.unread.get(pod.key)
    return None if error is None else error_reason(error)


def _finished(pod: Pod, _: ClusterState) -> Reason | None:
    if not pod.finished:
        return None
    why = f", reason {pod.reason}" if pod.reason else ""
    return Reason("Finished", f"It ran to its end: phase {pod.phase}{why}.")


def _not_scheduled(pod: Pod, _: ClusterState) -> Reason | None:
    if pod.node_name:
        return None
    scheduled = pod.condition("PodScheduled")
    why = _because(scheduled.reason, scheduled.message) if scheduled else ""
    return Reason("NotScheduled", f"It has no node yet{why}.")


def _not_started(pod: Pod, _: ClusterState) -> Reason | None:
    if pod.phase != "Pending":
        return None
    everyone = (*pod.init_containers, *pod.containers)
    waiting = next((c for c in everyone if c.state.kind == "waiting"), None)
    why = f": {_describe(waiting)}" if waiting else ""
    return Reason("NotStarted", f"Its phase is Pending{why}.")


def _terminating(pod: Pod, _: ClusterState) -> Reason | None:
    if pod.deletion_timestamp is None:
        return None
    when = rfc3339(pod.deletion_timestamp)
    return Reason("Terminating", f"It is being deleted (deletionTimestamp {when}).")


def _warming(_: Pod, cluster: ClusterState) -> Reason | None:
    return _WARMING if cluster.warming else None


def _node_silent(pod: Pod, cluster: ClusterState) -> Reason | None:
    name, measured = pod.node_name, cluster.measured_nodes or ()
    if not cluster.knows(name) or name in measured or cluster.young(name) is not None:
        return None
    return node_reason(name, cluster)


def _container_not_running(pod: Pod, _: ClusterState) -> Reason | None:
    stopped = (c for c in serving(pod) if c.state.kind in {"waiting", "terminated"})
    first = next(stopped, None)
    return None if first is None else _not_running(first)


def _restarted(pod: Pod, cluster: ClusterState) -> Reason | None:
    for container in serving(pod):
        if container.restarts or container.last_termination:
            age = cluster.clock.fresh(container.state.started_at, pod.node_name)
            if age is not None:
                return Reason(
                    "Restarted",
                    f"Container {container.name} restarted {whole_seconds(age)} ago; "
                    f"{_TWO_SCRAPES}.",
                )
    return None


def _too_young(pod: Pod, cluster: ClusterState) -> Reason | None:
    starts = [c.state.started_at for c in serving(pod)]
    known = [start for start in (*starts, pod.start_time) if start is not None]
    age = cluster.clock.fresh(max(known, default=None), pod.node_name)
    if age is not None:
        ago = whole_seconds(age)
        return Reason("TooYoung", f"It started {ago} ago; {_TWO_SCRAPES}.")
    joined = cluster.young(pod.node_name)
    return None if joined is None else _joined(pod.node_name, joined)


def _unreported(pod: Pod, cluster: ClusterState) -> Reason:
    runs = "It runs" if pod.phase == "Running" else f"Its phase is {pod.phase}"
    if cluster.unmeasured == "pods" and cluster.knows(pod.node_name):
        return Reason(
            "Unreported",
            f"{runs}, and the provider measures nodes and no pod; look at its pod query"
            " or scrape.",
        )
    node = "its node reports"
    possible = (
        "a container that has used no CPU or memory, a kubelet that leaves it out"
    )
    if not cluster.knows(pod.node_name):
        node = "whether its node reports is not known"
        possible = f"a silent node, {possible}"
    return Reason(
        "Unreported",
        f"{runs}, {node}, and the provider gives no sample of it; possible causes: "
        f"{possible}, or the provider itself.",
    )


_CHECKS: Final[tuple[_Check, ...]] = (
    _unreadable,
    _finished,
    _not_scheduled,
    _not_started,
    _terminating,
    _warming,
    _node_silent,
    _container_not_running,
    _restarted,
    _too_young,
)


def _not_running(container: Container) -> Reason:
    return Reason("ContainerNotRunning", f"{_describe(container, start='Container')}.")


def _describe(container: Container, start: str = "container") -> str:
    """Describe its state, as ``container app is waiting (CrashLoopBackOff; …)``."""
    known = [_detail(container.state)]
    last = container.last_termination
    if last is not None and container.state.kind == "waiting":
        known.append(f"last ended with {_detail(last)}")
    detail = "; ".join(filter(None, known))
    how = f" ({detail})" if detail else ""
    return f"{start} {container.name} is {container.state.kind}{how}"


def _detail(state: ContainerState) -> str:
    code = "" if state.exit_code is None else f"exit code {state.exit_code}"
    return ", ".join(filter(None, (state.reason, code)))


def _condition(name: str, cluster: ClusterState) -> str:
    node = cluster.nodes.get(name)
    ready = (
        next((c for c in node.conditions if c.type == "Ready"), None) if node else None
    )
    if ready is None or ready.status == "True":
        return ""
    return f", whose Ready condition is {ready.status}{_because(ready.reason)}"


def _because(reason: str, message: str = "") -> str:
    text = ": ".join(filter(None, (reason, message.rstrip("."))))
    return f" ({text})" if text else ""


_NONE: Final = timedelta()
TOLERANCE: Final = timedelta(seconds=2)
"""Clocks may differ by this; the ``Date`` header itself has whole seconds."""
_STALE: Final = 3
"""Windows after which a sample is old: it takes one to measure, one to be fetched."""
_FRESH: Final = 2
"""Windows that a provider may need until it has a rate of a new container."""
_DEFAULT_CADENCE: Final = timedelta(seconds=60)
"""metrics-server's own default of ``--metric-resolution``, where nothing tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The moment of a snapshot and the pace of its samples.

    *date* is the server's clock, *cadence* the median window of all samples, unless
    these are stamped when they are asked for. *skews* are the nodes whose own clocks
    are ahead (behind, if negative).
    """

    date: datetime | None = None
    cadence: timedelta | None = None
    skews: Mapping[str, timedelta] = field(default_factory=empty)

    def before(self, sample: PodMetrics, pod: Pod) -> bool:
        """Whether a sample is of an earlier pod of the same name.

        It was begun before *pod* started, whose node's clock may be ahead: by its skew,
        and at least by how far the start itself is in the future.
        """
        moment, start = sample.timestamp, pod.start_time
        if moment is None or start is None:
            return False
        window = sample.window or _NONE
        if start <= moment and window >= _NONE:  # as of most
            return False
        skew = max(self.skews.get(pod.node_name, _NONE), _NONE)
        if self.date is not None:
            skew = max(skew, start - self.date)
        return start - moment > window + skew

    def age(self, moment: datetime | None) -> timedelta | None:
        """Return how long ago *moment* was, by the server's clock."""
        if moment is None or self.date is None:
            return None
        return self.date - moment

    def stale(self, age: timedelta | None, node: str) -> bool:
        """Whether a sample of this age is old; a wrong clock of its node is no age."""
        if age is None or node in self.skews:
            return False
        return age > _STALE * (self.cadence or _DEFAULT_CADENCE)

    def fresh(self, moment: datetime | None, node: str) -> timedelta | None:
        """Return the age of what began on *node* too recently to be measured by now.

        What is dated far in the future is not young: its date says nothing.
        """
        age = self.age(moment)
        if age is not None:
            age += self.skews.get(node, timedelta())
        limit = _FRESH * (self.cadence or _DEFAULT_CADENCE)
        return age if age is not None and -limit < age < limit else None


def clock(parts: Parts) -> Clock:
    """Return the clock of a snapshot, concluded from the dates of what was read."""
    windows = [sample.window for sample in parts.pod_metrics.items]
    windows += [sample.window for sample in parts.node_metrics.items]
    # A window of no length (a provider that does not know it) tells no pace.
    known = sorted(w for w in windows if w is not None and w > timedelta())
    cadence = median(known) if known else None
    pace = Clock(date=parts.date or parts.own_clock, cadence=cadence)
    if _stamped_when_asked(parts, pace):
        pace = replace(pace, cadence=None)
    newest = _newest(
        parts.pods.items, parts.pod_metrics.items, parts.node_metrics.items
    )
    return replace(pace, skews=_skews(newest, pace))


def _stamped_when_asked(parts: Parts, pace: Clock) -> bool:
    """Whether the samples are dated now, so that their window tells no pace.

    prometheus-adapter does that: its window is the range of its query (its #555). One
    of a minute or less, which fresh samples of metrics-server have as well, may stand.
    """
    if pace.cadence is None or pace.cadence <= _DEFAULT_CADENCE:
        return False
    stamps = [sample.timestamp for sample in parts.pod_metrics.items]
    stamps += [sample.timestamp for sample in parts.node_metrics.items]
    ages = sorted(age for age in map(pace.age, stamps) if age is not None)
    return bool(ages) and abs(median(ages)) <= TOLERANCE


def median(ordered: Sequence[T]) -> T:
    """Return the median of values in their order: the lower of two in the middle.

    It is always one of the values, so that no mean of two is ever shown as measured.

    Raises:
        IndexError: there are none.
    """
    return ordered[(len(ordered) - 1) // 2]


def _newest(
    pods: Iterable[Pod], pod_metrics: Iterable[PodMetrics], nodes: Iterable[NodeMetrics]
) -> dict[str, datetime]:
    """Return the time of each node's newest sample, of itself or of its pods."""
    newest: dict[str, datetime] = {}
    for node in nodes:
        _later(newest, node.name, node.timestamp)
    node_of = {key_of(pod): pod.node_name for pod in pods}
    for sample in pod_metrics:
        name = node_of.get(key_of(sample))
        if name:
            _later(newest, name, sample.timestamp)
    return newest


def _later(newest: dict[str, datetime], name: str, moment: datetime | None) -> None:
    if moment is not None and (name not in newest or moment > newest[name]):
        newest[name] = moment


def _skews(newest: Mapping[str, datetime], pace: Clock) -> dict[str, timedelta]:
    """Return how far the clocks of nodes are off whose samples alone are dated wrongly.

    Where most nodes are like that it is not the nodes: the server's clock is wrong, or
    the samples are old.
    """
    ages = {
        name: age
        for name, moment in newest.items()
        if (age := pace.age(moment)) is not None
    }
    if not ages:
        return {}
    typical = median(sorted(ages.values()))
    off = {
        name: typical - age
        for name, age in ages.items()
        if age < -TOLERANCE or pace.stale(age, "")
    }
    return off if 2 * len(off) < len(ages) else {}
