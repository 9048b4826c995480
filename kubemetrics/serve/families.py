"""The families that are served: what each is of, its name, its labels and values.

One fact a family, in base units, and no ratios: Prometheus divides. What is not known
has no series, and the one of why: a pod's or container's ``unmeasured``. Requests and
limits have the labels of kube-state-metrics.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Final, Literal, NamedTuple, TypeAlias

from .. import __version__
from ..accounting import Demand, Totals
from ..frozen import dataclass
from ..jsonread import EMPTY
from ..models import CPU, MEMORY, Quantities
from ..models.pod import Pod
from ..snapshot import (
    LABEL,
    ContainerUsage,
    GroupKey,
    NodeUsage,
    PodUsage,
    Snapshot,
)
from ..snapshot.rollup import owner
from . import kube_state
from .counters import Chain, Counter, Counters, Group, Level, Shape
from .exposition import (
    Family,
    Metric,
    Point,
    decimal,
    label_name,
    labels,
)

Naming: TypeAlias = Literal["kubemetrics", "kubelet"]
Pairs: TypeAlias = tuple[tuple[str, str], ...]

_PREFIX: Final = "kubemetrics_"
_BYTES: Final = frozenset({MEMORY, "ephemeral-storage"})
_HUGEPAGES: Final = "hugepages-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How families are written: whose *names*, with the times of samples, and which.

    *lean* leaves out what is no usage: requests, limits and the series to join with;
    without *nodes* there are none of nodes.
    """

    names: Naming = "kubemetrics"
    timestamps: bool = False
    lean: bool = False
    nodes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the exporter itself does.

    *up*: what is served is not older than values may be. *rounds* counts polls by their
    result, *durations* are seconds by list, of the last round. *latest* is the time of
    the newest sample, *began* that of the process's first round, in seconds since the
    epoch.
    """

    up: bool
    began: int
    rounds: Mapping[str, int]
    missed: int = 0
    latest: int | None = None
    durations: Mapping[str, float]


def of_exporter(health: Health) -> list[Family]:
    """Return the families about the exporter, which are served whatever happens."""
    created = str(health.began)
    return [
        _one("up", "gauge", "1 while its values are of now", str(int(health.up))),
        _one(
            "last_sample_timestamp_seconds", "gauge", "The time of the newest sample",
            "" if health.latest is None else str(health.latest), unit="seconds",
        ),
        _one(
            "build_info", "gauge", "The version that serves this", "1",
            pairs=(("version", __version__),),
        ),
        _one(
            "missed_samples", "counter", "Samples that were due and never came",
            str(health.missed), created=created,
        ),
        Family(
            Metric(f"{_PREFIX}rounds", "counter", "Polls of the metrics API by result"),
            [
                Point(labels((("result", result),)), str(count), created)
                for result, count in health.rounds.items()
            ],
        ),
        Family(
            Metric(
                f"{_PREFIX}list_duration_seconds", "gauge",
                "How long the lists of the last round took", "seconds",
            ),
            [
                Point(labels((("list", name),)), f"{took:.6f}")
                for name, took in health.durations.items()
            ],
        ),
    ]  # fmt: skip


def _one(
    name: str,
    kind: Literal["counter", "gauge"],
    about: str,
    value: str,
    *,
    unit: Literal["seconds", "bytes", ""] = "",
    pairs: Pairs = (),
    created: str = "",
) -> Family:
    """Return a family of one series, of none where its value is not known."""
    points = [Point(labels(pairs), value, created)] if value else []
    return Family(Metric(f"{_PREFIX}{name}", kind, about, unit), points)


class WrittenBefore:
    """What was written of a pod, which holds as long as that pod is the same object.

    Most are, round after round: who watches pods makes one anew when it changes.
    """

    def __init__(self) -> None:
        self._before: dict[Hashable, tuple[Pod, WrittenPod]] = {}
        self._now: dict[Hashable, tuple[Pod, WrittenPod]] = {}

    def begin(self) -> None:
        """Forget what was not asked for since this was called last."""
        self._before, self._now = self._now, {}

    def of(
        self, key: Hashable, pod: Pod | None, write: Callable[[], WrittenPod]
    ) -> WrittenPod:
        """Return what is known by this key, or else what is written now."""
        if pod is None:
            return write()
        known = self._before.get(key)
        if known is None or known[0] is not pod:
            known = pod, write()
        self._now[key] = known
        return known[1]


class WrittenPod(NamedTuple):
    """What of a pod or a container is written alike in each round.

    *usage* are the labels of its usage, *labels* those of what it lacks.
    """

    labels: str
    usage: str
    requests: Sequence[Point] = ()
    limits: Sequence[Point] = ()
    info: Sequence[Point] = ()
    told: kube_state.Told = ()


class _Source:
    """What the families of one round are made of.

    *measured* are the pods of which a container is served.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        counters: Counters,
        choice: Choice,
        memory: WrittenBefore,
    ) -> None:
        self.snapshot = snapshot
        self.counters = counters
        self.choice = choice
        self.memory = memory
        self.kubelet = choice.names == "kubelet"
        self.measured: set[tuple[str, str]] = set()
        self._labels = counters.shape.labels

    def labelled(self, row: PodUsage) -> Pairs:
        """Return the labels of a pod that were asked for, under Prometheus's names."""
        # A sample carries its pod's labels, so that no pod need be readable.
        of = row.pod or row.metrics
        found = of.labels if of else EMPTY
        return tuple((label_name(key), found.get(key, "")) for key in self._labels)

    def counter(self, row: PodUsage, container: str = "") -> Counter | None:
        """Return the sums of a pod or container, if it has had a sample lately."""
        known = self.counters.pods.get((row.namespace, row.name, container))
        return known if self.counters.shown(known) else None

    def stamp(self, counter: Counter) -> int | None:
        """Return the time of its last sample, where times are written."""
        at = counter.at if self.choice.timestamps else None
        return None if at is None else at * 1000


def of_round(
    snapshot: Snapshot,
    counters: Counters,
    choice: Choice,
    memory: WrittenBefore | None = None,
) -> Iterator[Family]:
    """Return the families of pods and nodes after a round.

    *memory* is that of the rounds before, of the same choice.
    """
    memory = memory or WrittenBefore()
    memory.begin()
    source = _Source(snapshot, counters, choice, memory)
    level = counters.shape.level
    if level == "container":
        yield from _containers(source)
    if level in {"container", "pod"}:
        yield from _pods(source)
    elif level != "node":
        yield from _groups(source, level)
    if choice.nodes:
        yield from _nodes(source)


def known(names: Naming) -> dict[str, str]:
    """Return the meaning of every family there may be, by the name of its series.

    Of those that differ by level alone the containers' and the pods' stand for all.
    """
    levels: tuple[Level, ...] = (
        ("container", "pod") if names != "kubelet" else ("container",)
    )
    health = Health(up=True, began=0, rounds={}, durations={})
    found = dict[str, str]()
    for level in levels:
        counters = Counters(Shape(level=level))
        families = of_round(Snapshot(), counters, Choice(names=names))
        for family in (*families, *of_exporter(health)):
            metric = family.metric
            suffix = "_total" if metric.type == "counter" else ""
            found[f"{metric.name}{suffix}"] = metric.about
    return found


_CPU_ABOUT: Final = "CPU time used since its first sample, by the windows of samples"
_OBSERVED_ABOUT: Final = (
    "The time whose CPU is counted: increase(cpu) / increase(observed) is the mean"
)
_MEMORY_ABOUT: Final = "The working set at the last sample"

Entry: TypeAlias = tuple[str, Counter]
"""Labels as they are written, and the sums of what they name."""


def _usage(source: _Source, prefix: str, entries: list[Entry]) -> Iterator[Family]:
    """Return the families of usage: CPU, the time it was measured, and memory."""
    cpu, observed = list[Point](), list[Point]()
    memory = list[Point]()
    for written, counter in entries:
        stamp = source.stamp(counter)
        if counter.measures_cpu:
            created = str(counter.created)
            cpu.append(Point(written, decimal(counter.cpu // 1000), created, stamp))
            covered = decimal(counter.covered * 1_000_000)
            # It began when the other did: to say so again would be a fifth of it all.
            observed.append(Point(written, covered, "", stamp))
        if counter.memory is not None:
            memory.append(Point(written, str(counter.memory), "", stamp))
    metrics = usage_metrics(prefix, kubelet=source.kubelet)
    for metric, points in zip(metrics, (cpu, observed, memory), strict=True):
        yield Family(metric, points)


def usage_metrics(prefix: str, *, kubelet: bool = False) -> tuple[Metric, ...]:
    """Return the metrics of usage: CPU, the time it was measured, and memory."""
    return (
        _named(f"{prefix}_cpu_usage_seconds", _CPU_ABOUT, kubelet=kubelet),
        _named(f"{prefix}_cpu_observed_seconds", _OBSERVED_ABOUT, kubelet=kubelet),
        _named(f"{prefix}_memory_working_set_bytes", _MEMORY_ABOUT, kubelet=kubelet),
    )


_AS_KUBELET: Final[Mapping[str, str]] = {
    "container_cpu_usage_seconds": "container_cpu_usage_seconds",
    "container_memory_working_set_bytes": "container_memory_working_set_bytes",
    "node_cpu_usage_seconds": "node_cpu_usage_seconds",
    "node_memory_working_set_bytes": "node_memory_working_set_bytes",
    "container_resource_requests": "kube_pod_container_resource_requests",
    "container_resource_limits": "kube_pod_container_resource_limits",
    "node_allocatable": "kube_node_status_allocatable",
    "node_capacity": "kube_node_status_capacity",
}
"""The names of the kubelet (cAdvisor, ``/metrics/resource``) and kube-state-metrics."""


def _metric(source: _Source, name: str, about: str) -> Metric:
    return _named(name, about, kubelet=source.kubelet)


def _named(name: str, about: str, *, kubelet: bool) -> Metric:
    """Return a metric of ours or, where there is one of that meaning, of the kubelet's.

    The type and the unit follow from the name.
    """
    counts = name.endswith("_seconds")
    unit: Literal["seconds", "bytes", ""] = "seconds" if counts else ""
    theirs = _AS_KUBELET.get(name, "") if kubelet else ""
    return Metric(
        theirs or f"{_PREFIX}{name}",
        "counter" if counts else "gauge",
        about,
        "bytes" if name.endswith("_bytes") else unit,
    )


def _containers(source: _Source) -> Iterator[Family]:
    entries, lacking = list[Entry](), list[tuple[str, ContainerUsage]]()
    requests, limits = list[Point](), list[Point]()
    for row in source.counters.containers:
        pod = row.row
        key = (row.namespace, row.pod_name, row.name)
        written = source.memory.of(key, pod.pod, partial(_of_container, source, row))
        counter = source.counter(pod, row.name)
        if counter is not None:
            entries.append((written.usage, counter))
            source.measured.add((pod.namespace, pod.name))
        if row.state == "finished":
            continue
        requests += written.requests
        limits += written.limits
        if _lacking(counter):
            lacking.append((written.labels, row))
    yield from _usage(source, "container", entries)
    if not source.choice.lean:
        about = "those of the container"
        yield from _demands(source, "container", requests, limits, about)
    silent = [
        Point(_with(labelled, ("reason", _reason(row))), "1")
        for labelled, row in lacking
        if (row.namespace, row.pod_name) in source.measured
    ]
    about = "1 where a container has no value and others of its pod have"
    yield Family(_metric(source, "container_unmeasured", about), silent)


_NO_IMAGE: Final = "unknown"
"""Dashboards ask that a container has an image; one that is not known is of none."""


def _of_image(row: ContainerUsage) -> str:
    """Write the label by which dashboards know containers, of cAdvisor's series."""
    image = row.container.image if row.container else ""
    return labels((("image", image or _NO_IMAGE),))


def _of_uid(row: ContainerUsage) -> str:
    """Write the label that kube-state-metrics's series of pods have."""
    return labels((("uid", row.row.pod.uid if row.row.pod else ""),))


def _with(written: str, *pairs: tuple[str, str]) -> str:
    """Return labels with more of them."""
    return f"{written},{labels(pairs)}"


def _of_container(source: _Source, row: ContainerUsage) -> WrittenPod:
    written = labels((
        ("namespace", row.namespace),
        ("pod", row.pod_name),
        ("container", row.name),
        ("node", row.node_name),
        *source.labelled(row.row),
    ))  # fmt: skip
    usage = asked = written
    if source.kubelet:
        usage, asked = f"{written},{_of_image(row)}", f"{written},{_of_uid(row)}"
    if source.choice.lean or row.demand is None:
        return WrittenPod(written, usage)
    return WrittenPod(written, usage, *_asked(asked, row.demand))


def _silent(source: _Source, row: PodUsage) -> bool:
    """Whether something of a pod is not served, which its containers do not say."""
    if source.counters.shape.level == "container":
        return (row.namespace, row.name) not in source.measured
    return row.partial or _lacking(source.counter(row))


def _lacking(counter: Counter | None) -> bool:
    """Whether CPU or memory is not served."""
    return counter is None or not counter.measures_cpu or counter.memory is None


_PARTIAL: Final = "Partial"
"""The reason of a pod of which a container is not measured: its value is too low."""


def _reason(row: ContainerUsage | PodUsage | NodeUsage) -> str:
    """Return why not all is served of *row*, though it may have a sample."""
    if row.reason is not None:
        return row.reason.code
    if not isinstance(row, NodeUsage):
        if row.state == "finished":
            return "Finished"
        if row.partial:
            return _PARTIAL
    return "Stale" if row.stale else "Undated"


def _pods(source: _Source) -> Iterator[Family]:
    rows = source.snapshot.pods
    written = [
        source.memory.of(row.key, row.pod, partial(_of_known_pod, source, row))
        for row in rows
    ]
    if source.counters.shape.level == "pod":
        found = (
            (of.usage, source.counter(r)) for r, of in zip(rows, written, strict=True)
        )
        yield from _usage(source, "pod", [(of, c) for of, c in found if c is not None])
    full = not source.choice.lean
    if full and not source.kubelet:
        requests = [point for of in written for point in of.requests]
        limits = [point for of in written for point in of.limits]
        about = "as the scheduler counts them"
        yield from _demands(source, "pod", requests, limits, about)
    silent = [
        Point(_with(of.labels, ("reason", _reason(row))), "1")
        for row, of in zip(rows, written, strict=True)
        if _silent(source, row)
    ]
    yield Family(
        _metric(source, "pod_unmeasured", "1 where a pod has no value"), silent
    )
    if full and source.kubelet:
        yield from kube_state.of_pods(of.told for of in written)
    elif full:
        about = "Where a pod runs and what owns it, to join with"
        infos = [point for of in written for point in of.info]
        yield Family(_metric(source, "pod_info", about), infos)


def _of_known_pod(source: _Source, row: PodUsage) -> WrittenPod:
    pairs = _of_pod(source, row)
    named, usage = labels(pairs[:2]), labels(pairs)
    if source.choice.lean:
        return WrittenPod(named, usage)
    if source.kubelet:
        told = kube_state.of_pod(row, source.labelled(row))
        return WrittenPod(named, usage, told=told)
    requests, limits = _asked(usage, row.demand) if row.demand else ((), ())
    return WrittenPod(named, usage, requests, limits, (_info(usage, row),))


def _of_pod(source: _Source, row: PodUsage) -> Pairs:
    return (
        ("namespace", row.namespace),
        ("pod", row.name),
        ("node", row.node_name),
        *source.labelled(row),
    )


Asks: TypeAlias = tuple[str, Demand]
"""Labels as they are written, and the requests and limits of what they name."""


def _asked(written: str, demand: Demand) -> tuple[list[Point], list[Point]]:
    """Write requests and limits; one that some container lacks binds nothing."""
    bound = {r: q for r, q in demand.limits.items() if not demand.partial_limit(r)}
    return (
        [*_amounts(written, _of_both(demand.requests))],
        [*_amounts(written, _of_both(bound))],
    )


def _summed_demands(
    source: _Source, prefix: str, asked: Iterable[Asks]
) -> Iterator[Family]:
    requests, limits = list[Point](), list[Point]()
    for written, demand in asked:
        of_one = _asked(written, demand)
        requests += of_one[0]
        limits += of_one[1]
    about = "as the scheduler counts its pods"
    return _demands(source, prefix, requests, limits, about)


def _demands(
    source: _Source,
    prefix: str,
    requests: list[Point],
    limits: list[Point],
    about: str,
) -> Iterator[Family]:
    """Return the families of requests and limits."""
    named = f"{prefix}_resource"
    yield Family(_metric(source, f"{named}_requests", f"Requests, {about}"), requests)
    without = "none where a container has none"
    meant = f"Limits, {about}; {without}"
    yield Family(_metric(source, f"{named}_limits", meant), limits)


def _of_both(amounts: Quantities) -> Quantities:
    return {name: amounts[name] for name in (CPU, MEMORY) if name in amounts}


def _amounts(written: str, amounts: Quantities) -> Iterator[Point]:
    """Write amounts by resource, with the labels that kube-state-metrics has.

    Source: kube-state-metrics, docs/metrics/workload/pod-metrics.md.
    """
    for name, amount in amounts.items():
        yield Point(f"{written},{_of_resource(name)}", decimal(amount.nanos))


@cache
def _of_resource(name: str) -> str:
    return labels((("resource", name.replace("-", "_")), ("unit", _unit(name))))


def _unit(resource: str) -> str:
    if resource == CPU:
        return "core"
    counted = resource in _BYTES or resource.startswith(_HUGEPAGES)
    return "byte" if counted else "integer"


def _info(written: str, row: PodUsage) -> Point:
    found, pod = owner(row), row.pod
    pairs = (
        ("owner_kind", found.kind),
        ("owner_name", found.name),
        ("uid", pod.uid if pod else ""),
        ("qos", pod.qos_class if pod else ""),
    )
    return Point(_with(written, *pairs), "1")


class _Sums:
    """The pods of one group, added up."""

    def __init__(self) -> None:
        self.demand = Totals()
        self.pods = 0
        self.memory: int | None = None
        self.at: Counter | None = None
        self.silent: Tally[str] = Tally()


def _groups(source: _Source, level: str) -> Iterator[Family]:
    groups: dict[Chain, _Sums] = {}
    for row in source.snapshot.pods:
        if row.state != "finished":
            chain = source.counters.chain(row)
            _add_pod(source, groups.setdefault(chain, _Sums()), row)
    yield from _group_usage(source, level, groups)
    if not source.choice.lean:
        asked = [
            (labels(_of_group(c)), sums.demand.demand) for c, sums in groups.items()
        ]
        yield from _summed_demands(source, level, asked)
    pods = [Point(labels(_of_group(c)), str(s.pods)) for c, s in groups.items()]
    yield Family(_metric(source, f"{level}_pods", "Pods that have not finished"), pods)
    silent = [
        Point(labels((*_of_group(chain), ("reason", reason))), str(count))
        for chain, sums in groups.items()
        for reason, count in sums.silent.items()
    ]
    about = "Pods that have no value, by the reason"
    yield Family(_metric(source, f"{level}_unmeasured", about), silent)


def _add_pod(source: _Source, sums: _Sums, row: PodUsage) -> None:
    sums.pods += 1
    sums.demand.add(None, row.demand)
    if _silent(source, row):
        sums.silent[_reason(row)] += 1
    counter = source.counter(row)
    if counter is None:
        return
    if counter.memory is not None:
        sums.memory = (sums.memory or 0) + counter.memory
    if sums.at is None or (counter.at or 0) > (sums.at.at or 0):
        sums.at = counter


def _group_usage(
    source: _Source, level: str, groups: Mapping[Chain, _Sums]
) -> Iterator[Family]:
    entries = list[Entry]()
    for chain, sums in groups.items():
        known = source.counters.groups.get(chain)
        if known is not None and sums.at is not None:
            entries.append(
                (labels(_of_group(chain)), _as_counter(known, sums, sums.at))
            )
    return _usage(source, level, entries)


def _as_counter(group: Group, sums: _Sums, latest: Counter) -> Counter:
    """Return a group's sums as those of one series, with its pods' memory of now."""
    counter = Counter(None)
    counter.cpu, counter.covered = group.cpu, group.covered
    counter.created, counter.measures_cpu = group.created, bool(group.covered)
    counter.memory, counter.at = sums.memory, latest.at
    return counter


def _of_group(chain: Chain) -> Pairs:
    return tuple(pair for key in chain for pair in _of_key(key))


def _of_key(key: GroupKey) -> Iterator[tuple[str, str]]:
    if key.by.startswith(LABEL):
        yield label_name(key.by.removeprefix(LABEL)), key.value
        return
    yield "namespace", key.namespace or key.value
    if key.by == "owner":
        yield "owner_kind", key.kind
        yield "owner_name", key.value


def _nodes(source: _Source) -> Iterator[Family]:
    rows = source.snapshot.nodes
    entries, silent = list[Entry](), list[Point]()
    for row in rows:
        counter = source.counters.nodes.get(row.name)
        shown = counter if source.counters.shown(counter) else None
        written = labels((("node", row.name),))
        if shown is not None:
            entries.append((written, shown))
        if _lacking(shown):
            silent.append(Point(_with(written, ("reason", _reason(row))), "1"))
    yield from _usage(source, "node", entries)
    yield Family(
        _metric(source, "node_unmeasured", "1 where a node has no value"), silent
    )
    if source.choice.lean:
        return
    if source.counters.shape.level == "node":
        yield from _summed_demands(source, "node", _on_nodes(source))
    allocatable, capacity = list[Point](), list[Point]()
    for row in rows:
        if row.node is not None:
            written = labels((("node", row.name),))
            allocatable += _amounts(written, row.node.allocatable)
            capacity += _amounts(written, row.node.capacity)
    about = "What pods may request"
    yield Family(_metric(source, "node_allocatable", about), allocatable)
    yield Family(_metric(source, "node_capacity", "What a node has"), capacity)
    if source.kubelet:
        yield from kube_state.of_nodes(rows)


def _on_nodes(source: _Source) -> Iterator[Asks]:
    totals: dict[str, Totals] = {}
    for row in source.snapshot.pods:
        if row.node_name and row.demand:
            totals.setdefault(row.node_name, Totals()).add(None, row.demand)
    for name, total in sorted(totals.items()):
        yield labels((("node", name),)), total.demand
