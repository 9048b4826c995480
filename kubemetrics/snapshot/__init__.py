"""Pods, nodes and their metrics in one read: rows with values, or with reasons.

``snapshot(api, options)`` is the flow; ``client.snapshot(**options)`` runs it. A
`Snapshot` holds `PodUsage` and `NodeUsage` rows in the order of their names; each has
``usage`` (by resource: cores and bytes), or ``usage is None`` and one `Reason`
(``code``, ``explanation``). Beside a value: ``partial`` (a lower bound), ``stale``,
``age``. ``demand`` holds requests and limits and the marks of what is partial in them.
``row.ratio("cpu", "requests" | "limits" | "node")`` is the exact share, or ``None``
where there is none to tell. ``containers(row)`` gives a pod's `ContainerUsage` rows,
``rollup(rows, keys)`` sums in groups, ``summed(rows)`` the total. `Coverage` counts
what should have a sample and says it in a ``sentence``.
"""

from __future__ import annotations

from .join import Snapshot, join
from .node_rows import NodeAccount, NodeUsage, above_full
from .parts import Failure, Part, PartName, Parts, Unreadable
from .read import SnapshotOptions, snapshot
from .reasons import Reason, ReasonCode
from .rollup import KEYS, LABEL, GroupKey, Rollup, Spread, rollup, summed
from .rows import (
    Base,
    Compared,
    ContainerUsage,
    Coverage,
    PodUsage,
    Stage,
    containers,
)

__all__ = [
    "KEYS",
    "LABEL",
    "Base",
    "Compared",
    "ContainerUsage",
    "Coverage",
    "Failure",
    "GroupKey",
    "NodeAccount",
    "NodeUsage",
    "Part",
    "PartName",
    "Parts",
    "PodUsage",
    "Reason",
    "ReasonCode",
    "Rollup",
    "Snapshot",
    "SnapshotOptions",
    "Spread",
    "Stage",
    "Unreadable",
    "above_full",
    "containers",
    "join",
    "rollup",
    "snapshot",
    "summed",
]
