"""Running sums of CPU and of measured time, by container, pod, group and node.

A sum begins anew with what it is of: a container at each start, a pod or a node with
its uid, a group when its first pod comes. What has had no sample for two cadences is
not shown until the next one; its sum goes on from where it was.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

from ..frozen import dataclass
from ..history.integrate import Sample, cover, in_same_second, of_earlier
from ..models import CPU, MEMORY, Quantities
from ..models.metrics import NodeMetrics, PodMetrics
from ..snapshot import (
    ContainerUsage,
    GroupKey,
    NodeUsage,
    PodUsage,
    Snapshot,
    container_rows,
)
from ..snapshot.rollup import LABEL, key_of

Level: TypeAlias = Literal["container", "pod", "workload", "namespace", "node"]
Chain: TypeAlias = tuple[GroupKey, ...]
Key: TypeAlias = tuple[str, str, str]
"""Namespace, pod and container: as many of them as the level has."""

KEPT: Final = 2
"""The cadences for which a value stays that was not given again."""
DEFAULT_CADENCE: Final = 15.0
"""Seconds between samples, until they tell: metrics-server's default."""
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is counted: the *level* of its series, and the *labels* beside their own."""

    level: Level = "container"
    labels: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The keys of a roll-up that its groups have, none where pods stay apart."""
        named = {"workload": ("owner",), "namespace": ("namespace",)}
        keys = named.get(self.level, ())
        return (*keys, *(f"{LABEL}{name}" for name in self.labels)) if keys else ()


class Counter:
    """The sums of one series: *cpu* in nanocores times milliseconds of *covered* time.

    *memory* and *at* are those of its *last* sample, which *measures_cpu* or not;
    *created* is when its first window began, both in seconds since the epoch; *seen* is
    when it was given last, by a clock of this machine.
    """

    __slots__ = (
        "at", "covered", "cpu", "created", "incarnation", "last", "measures_cpu",
        "memory", "seen",
    )  # fmt: skip

    def __init__(self, incarnation: Hashable) -> None:
        self.incarnation: Hashable = incarnation
        self.cpu: int = 0
        self.covered: int = 0
        self.measures_cpu: bool = False
        self.memory: int | None = None
        self.last: Sample | None = None
        self.at: int | None = None
        self.created: int = 0
        self.seen: float = float("-inf")

    def add(self, sample: Sample, now: float) -> Gained:
        """Add what *sample* has beyond the last one; one known already adds nothing."""
        found = cover(sample.at, sample.window, self.at)
        self.seen = now
        gains = found.covered
        if found.kind == "repeat":
            if self.last is None or not in_same_second(sample, self.last):
                return NOTHING_GAINED
            gains = sample.window
        self.last = sample
        if self.at is None:
            self.created = (sample.at * 1000 - sample.window) // 1000
        # After a clock was set back it goes on from there: nothing is added twice.
        self.at = sample.at
        self.memory = sample.memory
        self.measures_cpu = sample.cpu is not None
        covered = gains if self.measures_cpu else 0
        gained = (sample.cpu or 0) * covered
        self.cpu += gained
        self.covered += covered
        return Gained(gained, covered)


class Gained(NamedTuple):
    """What one sample added, in the units of `Counter`."""

    cpu: int
    covered: int


NOTHING_GAINED: Final = Gained(0, 0)


class Group:
    """The sums of a group of pods; they never fall when one of the pods goes."""

    __slots__ = ("covered", "cpu", "created")

    def __init__(self, created: int) -> None:
        self.created: int = created
        self.cpu: int = 0
        self.covered: int = 0


class Counters:
    """Integrates the samples of rounds, each given by `take`.

    *pods* are the sums of containers or of pods by their key, *groups* those of groups,
    *nodes* those of nodes. *containers* are those of the last round, where they count.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.containers: Sequence[ContainerUsage] = ()
        self.pods: dict[Key, Counter] = {}
        self.groups: dict[Chain, Group] = {}
        self.nodes: dict[str, Counter] = {}
        self._chain = [key_of(by) for by in shape.groups]
        self._oldest = float("-inf")

    def take(self, snapshot: Snapshot, now: float, cadence: float) -> None:
        """Take a round that was read at *now*; *cadence* is in seconds."""
        self._oldest = now - KEPT * cadence
        self._take_nodes(snapshot.nodes, now)
        if self.shape.level == "container":
            self.containers = container_rows(snapshot.pods)
            self._take_containers(self.containers, now)
        elif self.shape.level != "node":
            self._take_pods(snapshot.pods, now)

    def shown(self, counter: Counter | None) -> bool:
        """Whether a series has had a sample lately."""
        return counter is not None and counter.seen >= self._oldest

    def chain(self, row: PodUsage) -> Chain:
        """Return the group of a pod."""
        return tuple(key(row) for key in self._chain)

    def _take_nodes(self, rows: Sequence[NodeUsage], now: float) -> None:
        kept: dict[str, Counter] = {}
        for row in rows:
            uid = row.node.uid if row.node else ""
            counter = kept[row.name] = _same(self.nodes.get(row.name), uid)
            if row.metrics and not row.stale:
                _add(counter, sample_of(row.metrics, row.usage), now)
        self.nodes = kept

    def _take_containers(self, rows: Sequence[ContainerUsage], now: float) -> None:
        kept: dict[Key, Counter] = {}
        for row in rows:
            if row.state == "finished":
                continue
            key = (row.namespace, row.pod_name, row.name)
            counter = kept[key] = _same(self.pods.get(key), _start(row))
            if row.usage and row.row.metrics and not row.row.stale:
                sample = sample_of(row.row.metrics, row.usage)
                if not _of_earlier(sample, row):
                    _add(counter, sample, now)
        self.pods = kept

    def _take_pods(self, rows: Sequence[PodUsage], now: float) -> None:
        kept: dict[Key, Counter] = {}
        groups: dict[Chain, Group] = {}
        for row in rows:
            if row.state == "finished":
                continue
            key = (row.namespace, row.name, "")
            uid = row.pod.uid if row.pod else ""
            counter = kept[key] = _same(self.pods.get(key), uid)
            gained = NOTHING_GAINED
            if row.metrics and not row.stale:
                gained = _add(counter, sample_of(row.metrics, row.usage), now)
            if self._chain and self.shown(counter):
                self._add_to_group(self.chain(row), counter, gained, groups)
        self.pods, self.groups = kept, groups

    def _add_to_group(
        self, chain: Chain, counter: Counter, gained: Gained, kept: dict[Chain, Group]
    ) -> None:
        group = kept.get(chain) or self.groups.get(chain) or Group(counter.created)
        kept[chain] = group
        group.cpu += gained.cpu
        group.covered += gained.covered


def _add(counter: Counter, sample: Sample | None, now: float) -> Gained:
    return NOTHING_GAINED if sample is None else counter.add(sample, now)


def _same(counter: Counter | None, incarnation: Hashable) -> Counter:
    """Return the counter so far, or a new one of another incarnation."""
    if counter is None or counter.incarnation != incarnation:
        return Counter(incarnation)
    return counter


def _start(row: ContainerUsage) -> Hashable:
    """Tell one start of a container from the next, which has its name as well.

    Where pods may not be read nothing tells them apart.
    """
    pod, container = row.row.pod, row.container
    if pod is None or container is None:
        return None
    return pod.uid, container.restarts, container.state.started_at


def _of_earlier(sample: Sample | None, row: ContainerUsage) -> bool:
    """Whether a sample is of the container before it was restarted."""
    started = row.container.state.started_at if row.container else None
    if sample is None or started is None:
        return False
    return of_earlier(sample.at, sample.window, int(started.timestamp()))


def sample_of(
    metrics: PodMetrics | NodeMetrics, usage: Quantities | None
) -> Sample | None:
    """Return *usage* as a sample to integrate; one without its time cannot be."""
    if metrics.timestamp is None or metrics.window is None or not usage:
        return None
    cpu, memory = usage.get(CPU), usage.get(MEMORY)
    return Sample(
        int(metrics.timestamp.timestamp()),
        metrics.window // _MILLISECOND,
        None if cpu is None else cpu.nanos,
        None if memory is None else memory.value,
    )
