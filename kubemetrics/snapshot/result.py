"""A snapshot: pods, nodes and both metrics, read at once and joined."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime, timedelta

from ..errors import KubeMetricsError
from ..frozen import dataclass
from .coverage import Coverage
from .model import PodUsage
from .nodes import NodeUsage
from .parts import Failure, PartName, Unreadable


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
