"""Lists that a snapshot is made of: each read on its own, with its own failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from ..errors import KubeMetricsError
from ..frozen import dataclass
from ..jsonread import UnreadableItem, empty
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Pod

T = TypeVar("T")

PartName: TypeAlias = Literal[
    "pods", "pod metrics", "nodes", "node metrics", "all pods", "all pod metrics"
]


@dataclass(frozen=True, slots=True)
class Failure:
    """A part that could not be read: in *namespace*, or everywhere if it is empty."""

    part: PartName
    namespace: str
    error: KubeMetricsError


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item that could not be read in a part that could."""

    part: PartName
    item: UnreadableItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[T]):
    """One kind of object, read in one or several namespaces.

    *unreadable* are the items that could not be read, each for itself. *errors* are by
    namespace, ``""`` for a read of all of them. *date* is the server's clock when it
    answered.
    """

    items: tuple[T, ...] = ()
    unreadable: tuple[UnreadableItem, ...] = ()
    errors: Mapping[str, KubeMetricsError] = field(default_factory=empty)
    date: datetime | None = None

    @property
    def failed(self) -> bool:
        """Whether this part could not be read in any namespace."""
        return bool(self.errors) and not self.items and self.date is None

    def error(self, namespace: str = "") -> KubeMetricsError | None:
        """Return the error of *namespace*, or that of a read of all namespaces."""
        return self.errors.get("") or self.errors.get(namespace)

    def failures(self, name: PartName) -> tuple[Failure, ...]:
        """Return a failure for each namespace in which this part could not be read."""
        return tuple(Failure(name, where, e) for where, e in self.errors.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All that a snapshot is made of.

    *all_pods* and *all_pod_metrics* are those of the whole cluster (or of all of the
    one node asked for), where they were read for the sake of the nodes. *narrowed*
    says that *pods* were chosen in a way in which samples cannot be: a sample without
    its pod is then no concern of this snapshot. *some_nodes* says that nodes were
    chosen by label: of the others, on which there may be pods, nothing was read.
    """

    pods: Part[Pod]
    pod_metrics: Part[PodMetrics]
    nodes: Part[Node]
    node_metrics: Part[NodeMetrics]
    all_pods: Part[Pod] | None = None
    all_pod_metrics: Part[PodMetrics] | None = None
    narrowed: bool = False
    some_nodes: bool = False

    @property
    def date(self) -> datetime | None:
        """The server's clock at the moment of the samples, as near as is known."""
        dates = (
            self.pod_metrics.date,
            self.node_metrics.date,
            self.pods.date,
            self.nodes.date,
        )
        return next((date for date in dates if date is not None), None)

    @property
    def named(self) -> Iterator[tuple[PartName, Part[Any]]]:
        """Each part that was read for itself, with its name."""
        yield "pods", self.pods
        yield "pod metrics", self.pod_metrics
        yield "nodes", self.nodes
        yield "node metrics", self.node_metrics
        if self.all_pods is not None and self.all_pods is not self.pods:
            yield "all pods", self.all_pods
        metrics = self.all_pod_metrics
        if metrics is not None and metrics is not self.pod_metrics:
            yield "all pod metrics", metrics

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Failures of all parts, in the order of the parts."""
        return tuple(f for name, part in self.named for f in part.failures(name))

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """Items that could not be read, of all parts."""
        return tuple(
            Unreadable(name, item)
            for name, part in self.named
            for item in part.unreadable
        )
