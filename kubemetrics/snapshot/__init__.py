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

from .coverage import Coverage, Stage
from .model import ContainerUsage, PodUsage
from .nodes import NodeAccount, NodeUsage
from .ratio import Base, Compared
from .reason import Reason, ReasonCode
from .rollup import GroupKey, Rollup, Spread
from .snapshot import Failure, PartName, Snapshot

__all__ = [
    "Base",
    "Compared",
    "ContainerUsage",
    "Coverage",
    "Failure",
    "GroupKey",
    "NodeAccount",
    "NodeUsage",
    "PartName",
    "PodUsage",
    "Reason",
    "ReasonCode",
    "Rollup",
    "Snapshot",
    "Spread",
    "Stage",
]
