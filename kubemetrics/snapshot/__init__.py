"""Pods, nodes and their metrics in one read: rows with values, or with reasons.

``snapshot(api, options)`` is the flow; ``client.snapshot(**options)`` runs it. A
`Snapshot` holds `PodUsage` and `NodeUsage` rows in the order of their names; each has
``usage`` (by resource: cores and bytes; ``None`` for no value at all), and where CPU or
memory is missing one `Reason` (``code``, ``explanation``). Beside a value: ``partial``
(a lower bound), ``stale``, ``age``. ``demand`` holds requests and limits and the marks
of what is partial in them. ``row.ratio("cpu", "requests" | "limits" | "node")`` is the
exact share, or ``None`` where it is not known. ``container_rows(rows)`` gives the
`ContainerUsage` rows of pods, ``rollup(rows, keys)`` sums in groups, ``summed(rows)``
the total, ``node_rollup`` those of nodes. `Coverage` counts what should have a sample;
its ``sentence`` is for people.
"""

from __future__ import annotations

from .join import Snapshot, join
from .node_rows import NodeBreakdown, NodeUsage, above_full, below_pods
from .parts import Duplicate, Failure, Part, PartName, Parts, Unreadable
from .percentages import Base, Compared, Division
from .read import SnapshotOptions, snapshot
from .reasons import Reason, ReasonCode
from .rollup import KEYS, LABEL, GroupKey, Rollup, Spread, rollup, summed
from .rows import (
    ContainerUsage,
    Coverage,
    PodUsage,
    RowState,
    container_rows,
)

__all__ = [
    "KEYS",
    "LABEL",
    "Base",
    "Compared",
    "ContainerUsage",
    "Coverage",
    "Division",
    "Duplicate",
    "Failure",
    "GroupKey",
    "NodeBreakdown",
    "NodeUsage",
    "Part",
    "PartName",
    "Parts",
    "PodUsage",
    "Reason",
    "ReasonCode",
    "Rollup",
    "RowState",
    "Snapshot",
    "SnapshotOptions",
    "Spread",
    "Unreadable",
    "above_full",
    "below_pods",
    "container_rows",
    "join",
    "rollup",
    "snapshot",
    "summed",
]
