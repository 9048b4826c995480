"""The views of sums of nodes: a whole cluster, and every ``nodes --by``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..quantity import Quantity
from ..snapshot import NodeUsage, Snapshot
from ..snapshot.node_rollup import NodeRollup, node_key, node_rollup
from ..snapshot.rows import node_coverage
from ..table.columns import Column, Severity, Table
from .nodes import AMOUNT_ALIASES, amounts_of_nodes, node_families, usage_mark_of_nodes
from .shared_columns import (
    RESOURCES,
    SWAP,
    Resource,
    amount,
    flaws_of,
    listed_flaws,
    marks,
    name_column,
    swap_column,
)
from .view import RowSelection, View, ViewRows


def node_group_view(chain: Sequence[str]) -> View[NodeRollup]:
    """Return the view of nodes summed by a chain of keys; none makes it the cluster's.

    Raises:
        ValueError: no such key; says which there are.
    """
    chain = tuple(dict.fromkeys(chain))
    for by in chain:
        node_key(by)

    def find(
        _: str, snapshot: Snapshot, selection: RowSelection
    ) -> ViewRows[NodeRollup]:
        nodes: Sequence[NodeUsage] = selection.nodes(snapshot.nodes)
        whole = not selection.names
        return ViewRows(
            node_rollup(nodes, chain),
            snapshot.node_coverage if whole else node_coverage(nodes),
            [node.name for node in nodes],
        )

    return View(table=node_group_table(chain), find=find, named="nodes", of_nodes=True)


def node_group_table(chain: Sequence[str]) -> Table[NodeRollup]:
    """Return the columns of sums of nodes by this chain of keys."""
    names = [_key_column(index, by) for index, by in enumerate(chain)]
    noun = "node_group" if chain else "cluster"
    return Table(
        kind="NodeRollup",
        noun=noun,
        nouns="node groups" if chain else "clusters",
        identity={c.key: c.key for c in names},
        columns=(
            *names,
            *_COUNTS,
            *(c for of in RESOURCES for c in _amounts(of)),
            swap_column(_swap_mark),
            *_PODS,
            Column(key="quality", header="QUALITY", kind="text", get=_quality,
                   about="ok, or partial: more is used than could be measured",
                   typed=listed_flaws(_quality), json_type="array"),
        ),
        families=node_families(),
        aliases=AMOUNT_ALIASES,
    )  # fmt: skip


def _amounts(of: Resource) -> tuple[Column[NodeRollup], ...]:
    def schedulable(row: NodeRollup) -> Quantity | None:
        return row.schedulable.get(of.name) if row.schedulable else None

    about = "what any pod may still request: on nodes Ready, not cordoned, not tainted"
    return (
        *amounts_of_nodes(of, usage_mark_of_nodes),
        amount(of, "schedulable", schedulable, about, keep=27),
    )


def _key_column(index: int, by: str) -> Column[NodeRollup]:
    def value(row: NodeRollup) -> str | None:
        return row.key[index].value or None

    header = by.rpartition(":")[2].rpartition("/")[2].upper()
    key = by if ":" in by else by.replace("-", "_")
    return name_column(key, header, value, f"the {by.replace(':', ' ')}")


def _nodes(row: NodeRollup) -> int:
    return len(row.nodes)


def _placed(placement: str) -> Callable[[NodeRollup], int | None]:
    def get(row: NodeRollup) -> int | None:
        known = any(node.node is not None for node in row.nodes)
        return row.count(placement) if known else None

    return get


def _measured(row: NodeRollup) -> int:
    return row.coverage.measured


def _missing(row: NodeRollup) -> str | None:
    missing = (f"{count} {code}" for code, count in row.coverage.missing)
    return ",".join(missing) or None


def _severity(row: NodeRollup) -> Severity | None:
    return "warning" if row.coverage.missing else None


def _swap_mark(row: NodeRollup) -> str:
    return marks(partial=row.partial(SWAP.name))


def _quality(row: NodeRollup) -> str:
    return flaws_of(marks(partial=row.lower_bound))


def _pods(row: NodeRollup) -> int | None:
    return row.breakdown.pod_count if row.breakdown else None


def _max_pods(row: NodeRollup) -> int | None:
    most = row.allocatable.get("pods")
    return None if most is None else int(most.value)


def _unmeasured(row: NodeRollup) -> int | None:
    return row.breakdown.unmeasured if row.breakdown else None


_COUNTS: Final[tuple[Column[NodeRollup], ...]] = (
    Column(key="count", header="NODES", kind="count", get=_nodes, keep=88,
           about="how many nodes there are"),
    Column(key="open", header="OPEN", kind="count", get=_placed("open"), keep=44,
           about="nodes that any pod may be put on: not tainted, cordoned, not ready"),
    Column(key="tainted", header="TAINTED", kind="count", get=_placed("tainted"),
           keep=44, about="nodes that only pods with a toleration may be put on"),
    Column(key="cordoned", header="CORDONED", kind="count", get=_placed("cordoned"),
           keep=44, about="nodes that no new pod is put on (kubectl cordon)"),
    Column(key="not_ready", header="NOT-READY", kind="count", get=_placed("notready"),
           keep=44, about="nodes that are not Ready"),
    Column(key="coverage.measured", header="MEASURED", kind="count", get=_measured,
           keep=41, about="how many nodes have a sample"),
    Column(key="reason", header="REASON", kind="text", get=_missing, keep=80,
           optional=True, about="why the others have none", severity=_severity,
           last=True, unset=lambda row: not row.coverage.missing),
)  # fmt: skip
_PODS: Final[tuple[Column[NodeRollup], ...]] = (
    Column(key="pods.count", header="PODS", kind="count", get=_pods, keep=45,
           about="pods assigned to the nodes and not finished"),
    Column(key="pods.allocatable", header="MAX-PODS", kind="count", get=_max_pods,
           about="how many pods the nodes take"),
    Column(key="pods.unmeasured", header="UNMEASURED", kind="count", get=_unmeasured,
           about="pods that run without a whole sample"),
)  # fmt: skip
