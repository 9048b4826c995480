"""The snapshot: pods, nodes and samples joined on (namespace, name), a row each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, Literal, TypeAlias, TypeVar

from ..accounting import Demand, Demands, serving
from ..errors import DecodeError, KubeMetricsError
from ..frozen import dataclass
from ..jsonread import EMPTY, UnreadableItem
from ..models import CPU, MEMORY, Quantities, total
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Pod
from .node_rows import NodeBreakdown, NodeUsage, PodsByNode
from .parts import Duplicate, Failure, Part, PartName, Parts, Unreadable, key_of
from .percentages import NOT_COMPARED, of_pod
from .reasons import (
    Clock,
    ClusterState,
    Reason,
    clock,
    error_reason,
    first_reason,
    gap_reasons,
    node_reason,
    plausible,
    pod_reason,
)
from .rows import (
    Coverage,
    PodUsage,
    RowKind,
    RowState,
    new_pod_usage,
    node_coverage,
    pod_coverage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Pods and nodes with their samples, in the order of (namespace, name).

    *failures* are the parts that could not be read: they take away their cells and
    nothing else. *unreadable* are single items that could not be read: of those that
    tell their name the row has the reason. *duplicates* are what lists have twice.
    *date* is the server's clock, or this
    machine's (*own_clock*) where no answer was dated; *cadence* is the median window of
    the samples, unless they are dated now. *warming*: nodes are Ready and there is no
    sample of anything. *unmeasured* names what has no sample at all, pods or nodes,
    although the other has. *parts* are the lists that it was joined of.
    """

    pods: tuple[PodUsage, ...] = ()
    nodes: tuple[NodeUsage, ...] = ()
    failures: tuple[Failure, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    node_coverage: Coverage = field(default_factory=Coverage)
    date: datetime | None = None
    cadence: timedelta | None = None
    warming: bool = False
    own_clock: bool = False
    unmeasured: Literal["pods", "nodes", ""] = ""
    parts: Parts | None = field(default=None, repr=False, compare=False)

    def records(
        self, kind: RowKind = "pods", *, flat: bool = False
    ) -> list[dict[str, Any]]:
        """Return the record of each of its pods, containers or nodes.

        It is what ``-o ndjson`` prints, but for the context: CPU in nanocores, memory
        in bytes, nested. Where it is *flat* it has the keys of ``--columns`` and the
        cells of ``-o csv``.
        """
        from ..views.records import records_of  # noqa: PLC0415 - for scripts

        return list(records_of(self, kind, flat=flat))

    def to_dict(self, kind: RowKind = "pods") -> dict[str, Any]:
        """Return the document that ``-o json`` prints of its pods, or another kind."""
        from ..views.records import document_of  # noqa: PLC0415 - for scripts

        return document_of(self, kind)

    def error(self, part: PartName) -> KubeMetricsError | None:
        """Return why *part* could not be read, wholly or somewhere."""
        return next((f.error for f in self.failures if f.part == part), None)


_BOTH: Final = frozenset({CPU, MEMORY})

K = TypeVar("K")
M = TypeVar("M", PodMetrics, NodeMetrics)

BreakdownOf: TypeAlias = (
    Callable[[str, Quantities | None], NodeBreakdown] | Reason | None
)
"""Returns the breakdown of a node by its name and usage; or why there can be none."""


def join(parts: Parts) -> Snapshot:
    """Join what was read; each part that failed takes away its cells and no more."""
    pace = clock(parts)
    cluster = _cluster_state(parts, parts.pod_metrics, pace)
    pods = join_pods(parts.pods, cluster, orphans=not parts.narrowed)
    nodes = _join_nodes(parts, cluster, pods)
    return Snapshot(
        pods=pods,
        nodes=nodes,
        failures=parts.failures,
        unreadable=parts.unreadable,
        duplicates=parts.duplicates,
        coverage=pod_coverage(pods),
        node_coverage=node_coverage(nodes),
        date=pace.date,
        cadence=pace.cadence,
        warming=cluster.warming,
        own_clock=parts.date is None and pace.date is not None,
        unmeasured=cluster.unmeasured,
        parts=parts,
    )


def _cluster_state(
    parts: Parts, metrics: Part[PodMetrics], pace: Clock
) -> ClusterState:
    nodes = {node.name: node for node in parts.nodes.items}
    measured = None
    if not parts.node_metrics.errors:
        seen = {n.name for n in parts.node_metrics.items if n.usage}
        # A sample that could not be read shows that its node is not silent.
        measured = frozenset(seen.union(_unread(parts.node_metrics)))
    unmeasured = _unmeasured(parts, pace, nodes, measured)
    return ClusterState(
        clock=pace,
        pod_metrics=metrics,
        measured_nodes=None if unmeasured == "nodes" else measured,
        nodes=nodes,
        some_nodes=parts.some_nodes,
        warming=_warming(parts, measured),
        unmeasured=unmeasured,
        unread=_unread_samples(metrics),
    )


def _samples(parts: Parts) -> Iterator[tuple[str, str]]:
    """Return the keys of the pods of which there is a sample, readable or not."""
    for part in (parts.pod_metrics, parts.all_pod_metrics):
        if part is not None:
            yield from (m.key for m in part.items if m.containers)
            yield from _unread_samples(part)


def _warming(parts: Parts, measured: frozenset[str] | None) -> bool:
    """Whether nodes are Ready and there is no sample of anything."""
    if measured is None or measured or parts.pod_metrics.errors:
        return False
    ready = any(node.ready for node in parts.nodes.items)
    return ready and next(_samples(parts), None) is None


def _settled(pod: Pod, pace: Clock) -> bool:
    """Whether all of a pod runs, and since so long that it should have a sample."""
    if pod.phase != "Running" or not all(c.running for c in serving(pod)):
        return False
    starts = [pod.start_time, *(c.state.started_at for c in serving(pod))]
    newest = max((s for s in starts if s is not None), default=None)
    return pace.fresh(newest, pod.node_name) is None


def _unmeasured(
    parts: Parts,
    pace: Clock,
    nodes: Mapping[str, Node],
    measured: frozenset[str] | None,
) -> Literal["pods", "nodes", ""]:
    """Name what has no sample at all, although the other has.

    One pod without a sample says nothing of all pods; two that run and are no longer
    young do.
    """
    if measured is None:
        return ""
    pods = (parts.all_pods or parts.pods).items
    if measured:
        if parts.pod_metrics.errors or next(_samples(parts), None) is not None:
            return ""
        expected = [p for p in pods if p.node_name in measured and _settled(p, pace)]
        return "pods" if expected[1:] else ""
    here = {pod.key for pod in pods if pod.node_name in nodes}
    return "nodes" if any(key in here for key in _samples(parts)) else ""


def _unread_samples(metrics: Part[PodMetrics]) -> dict[tuple[str, str], DecodeError]:
    return {(i.namespace, i.name): i.error for i in metrics.unreadable if i.name}


def _newest(samples: Sequence[M], key: Callable[[M], K]) -> dict[K, M]:
    """Return the samples by key, of several with one key the newest."""
    found = {key(sample): sample for sample in samples}
    if len(found) < len(samples):
        for sample in samples:
            other = found[key(sample)].timestamp
            if sample.timestamp and (other is None or sample.timestamp > other):
                found[key(sample)] = sample
    return found


def join_pods(
    pods: Part[Pod], cluster: ClusterState, *, orphans: bool = True
) -> tuple[PodUsage, ...]:
    """Join pods with their samples, in the order of (namespace, name)."""
    samples = _newest(cluster.pod_metrics.items, key_of)
    found = {key_of(pod): pod for pod in pods.items}
    demands = Demands()
    rows = [
        _row(pod, samples.pop(key, None), cluster, demands.of(pod))
        for key, pod in found.items()
    ]
    rows += [
        _unread_pod(item, samples.pop((item.namespace, item.name), None), cluster)
        for item in pods.unreadable
        if item.name
    ]
    if orphans:
        rows += [_orphan(m, cluster) for m in samples.values() if m.containers]
    rows.sort(key=key_of)
    return tuple(rows)


def _row(
    pod: Pod, sample: PodMetrics | None, cluster: ClusterState, demand: Demand
) -> PodUsage:
    node = cluster.nodes.get(pod.node_name)
    allocatable = node.requestable if node else EMPTY
    extra: tuple[str, ...] = ()
    if sample is not None and cluster.clock.before(sample, pod):
        sample = None
    if sample is not None:
        sample, extra = _of_pod(sample, pod)
    if sample is None or not sample.containers:
        reason = pod_reason(pod, cluster, extra)
        return new_pod_usage(
            namespace=pod.namespace,
            name=pod.name,
            state=_row_state(pod, reason),
            pod=pod,
            reason=reason,
            demand=demand,
            extra=extra,
            date=cluster.clock.date,
            allocatable=allocatable,
        )
    age = cluster.clock.age(sample.timestamp)
    capacity = node.capacity if node else EMPTY
    values = _values(sample, capacity)
    usage = total([*values.values()])
    if len(values) > 1:  # what each can be, the sum need not
        usage = plausible(usage, capacity)
    known = bool(usage) and not pod.finished
    reasons = _gaps(usage, sample, capacity)
    return new_pod_usage(
        namespace=pod.namespace,
        name=pod.name,
        state="finished" if pod.finished else "running",
        pod=pod,
        metrics=sample,
        usage=usage or None,
        reason=first_reason(reasons),
        reasons=reasons,
        demand=demand,
        missing=_missing(pod, sample, usage, values) if usage else (),
        extra=extra,
        stale=cluster.clock.stale(age, pod.node_name),
        age=age,
        date=cluster.clock.date,
        allocatable=allocatable,
        capacity=capacity,
        compared=of_pod(pod, sample, values, usage, demand) if known else NOT_COMPARED,
    )


def _values(sample: PodMetrics, capacity: Quantities) -> dict[str, Quantities]:
    """Return what a sample gives of each container, as far as it can be."""
    return {n: plausible(u, capacity) for n, u in sample.by_container.items()}


def _gaps(
    usage: Quantities, sample: PodMetrics, capacity: Quantities
) -> Mapping[str, Reason]:
    if usage.keys() >= _BOTH:
        return EMPTY
    given = [(f"container {n}", u) for n, u in sample.by_container.items() if n]
    given.append(("the pod", sample.usage))
    return gap_reasons(usage, given, capacity)


def _of_pod(sample: PodMetrics, pod: Pod) -> tuple[PodMetrics, tuple[str, ...]]:
    """Return *sample* of the pod's own containers, and the names of all others.

    A value without a name is that of the pod's cgroup, and ``POD`` its sandbox's
    (kubernetes#102051): beside the containers' they would count twice. The first alone
    is the pod's value (k3s: kube-prometheus#319).
    """
    names = {c.name for c in pod.all_containers}
    extra = [c.name for c in sample.containers if c.name not in names]
    if not extra or sample.of_whole_pod:
        return sample, ()
    own = tuple(c for c in sample.containers if c.name in names)
    return replace(sample, containers=own), tuple(extra)


def _named(sample: PodMetrics) -> tuple[PodMetrics, tuple[str, ...]]:
    """Return *sample* without a pod's value beside those of containers, if it has one.

    Which containers the pod has is not known here: all that have a name are summed.
    """
    named = tuple(c for c in sample.containers if c.name)
    if not named or len(named) == len(sample.containers):
        return sample, ()
    return replace(sample, containers=named), ("",)


def _orphan(sample: PodMetrics, cluster: ClusterState) -> PodUsage:
    sample, extra = _named(sample)
    age = cluster.clock.age(sample.timestamp)
    usage = total([*_values(sample, EMPTY).values()])
    reasons = _gaps(usage, sample, EMPTY)
    return PodUsage(
        namespace=sample.namespace,
        name=sample.name,
        state="orphan",
        metrics=sample,
        usage=usage or None,
        reason=first_reason(reasons),
        reasons=reasons,
        extra=extra,
        stale=cluster.clock.stale(age, ""),
        age=age,
        date=cluster.clock.date,
    )


def _unread_pod(
    item: UnreadableItem, sample: PodMetrics | None, cluster: ClusterState
) -> PodUsage:
    """Make the row of a pod that could not be read; its sample stands."""
    if sample is not None and sample.containers:
        return _orphan(sample, cluster)
    return PodUsage(
        namespace=item.namespace,
        name=item.name,
        state="running",
        reason=error_reason(item.error),
        date=cluster.clock.date,
    )


def _unread(part: Part[NodeMetrics]) -> dict[str, Reason]:
    """Return why single samples of nodes could not be read, by node."""
    return {i.name: error_reason(i.error) for i in part.unreadable if i.name}


def _row_state(pod: Pod, reason: Reason) -> RowState:
    if pod.finished:
        return "finished"
    if not pod.node_name or pod.phase == "Pending":
        return "waiting"
    return "terminating" if reason.code == "Terminating" else "running"


def _missing(
    pod: Pod, sample: PodMetrics, usage: Quantities, values: Mapping[str, Quantities]
) -> tuple[str, ...]:
    """Return the running containers without a value of what others make up *usage*."""
    if sample.of_whole_pod:
        return ()
    both = _BOTH & usage.keys()
    whole = {name for name, value in values.items() if value.keys() >= both}
    lacking = [c for c in pod.all_containers if c.name not in whole]
    return tuple([c.name for c in lacking if c.running]) if lacking else ()


def _join_nodes(
    parts: Parts, cluster: ClusterState, pods: tuple[PodUsage, ...]
) -> tuple[NodeUsage, ...]:
    samples = _newest(parts.node_metrics.items, attrgetter("name"))
    breakdown_of = _breakdowns(parts, cluster, pods)
    error = parts.node_metrics.error()
    whole = None if error is None else error_reason(error)
    unread = _unread(parts.node_metrics)
    named = {item.name for item in parts.nodes.unreadable if item.name}
    return tuple(
        _node(name, samples.get(name), cluster, unread.get(name, whole), breakdown_of)
        for name in sorted({*cluster.nodes, *samples, *unread, *named})
    )


def _node(
    name: str,
    sample: NodeMetrics | None,
    cluster: ClusterState,
    unread: Reason | None,
    breakdown_of: BreakdownOf,
) -> NodeUsage:
    node = cluster.nodes.get(name)
    capacity = node.capacity if node else EMPTY
    usage = plausible(sample.usage, capacity) if sample else EMPTY
    reason = None
    reasons: Mapping[str, Reason] = EMPTY
    if sample and sample.usage:
        reasons = gap_reasons(usage, [(f"node {name}", sample.usage)], capacity)
        reason = first_reason(reasons)
    elif not usage:
        reason = unread or node_reason(name, cluster)
    age = cluster.clock.age(sample.timestamp) if sample else None
    return NodeUsage(
        name=name,
        node=node,
        metrics=sample,
        usage=usage or None,
        reason=reason,
        reasons=reasons,
        stale=cluster.clock.stale(age, name),
        age=age,
        date=cluster.clock.date,
        skew=cluster.clock.skews.get(name),
        breakdown=breakdown_of(name, usage or None) if callable(breakdown_of) else None,
        breakdown_reason=breakdown_of if isinstance(breakdown_of, Reason) else None,
    )


def _breakdowns(
    parts: Parts, cluster: ClusterState, pods: tuple[PodUsage, ...]
) -> BreakdownOf:
    """Return how a node is broken down by the cluster's pods, or why it cannot be."""
    whole, metrics = parts.all_pods, parts.all_pod_metrics
    if whole is None or metrics is None:
        return None
    error = whole.error()
    if error is not None:
        return error_reason(error)
    if whole is not parts.pods:
        known = replace(cluster, pod_metrics=metrics, unread=_unread_samples(metrics))
        pods = join_pods(whole, known, orphans=False)
    return PodsByNode(pods).breakdown
