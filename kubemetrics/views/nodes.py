"""The view of nodes: their columns, with what their pods take of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVar, get_args

from ..jsonread import EMPTY
from ..models import Quantities
from ..models.node import Taint
from ..quantity import Quantity
from ..snapshot import NodeBreakdown, NodeUsage, Snapshot, above_full, below_pods
from ..snapshot.node_rollup import NodeRollup, summed_nodes
from ..snapshot.node_rows import Share
from ..snapshot.percentages import ratio
from ..snapshot.rows import node_coverage
from ..table.columns import PARTIAL, Column, Family, Severity, Table, TotalCell
from .shared_columns import (
    REASON,
    RESOURCES,
    SWAP,
    HasLabels,
    Resource,
    age_columns,
    amount,
    label_family,
    lacks,
    listed,
    marks,
    name_column,
    reason_code,
    reason_columns,
    resource_family,
    sample_columns,
    share,
    status_severity,
    swap_column,
)
from .view import RowSelection, View, ViewRows

if TYPE_CHECKING:
    from ..table.render import TableOptions

R = TypeVar("R")
_Amount: TypeAlias = Callable[[R], Quantity | None]
_ZERO: Final = Quantity(0)
_UNSCHEDULABLE: Final = "SchedulingDisabled"


def node_view() -> View[NodeUsage]:
    """Return the view of nodes."""

    def find(
        _: str, snapshot: Snapshot, selection: RowSelection
    ) -> ViewRows[NodeUsage]:
        rows = selection.nodes(snapshot.nodes)
        whole = not selection.names
        return ViewRows(
            rows,
            snapshot.node_coverage if whole else node_coverage(rows),
            [row.name for row in rows],
        )

    return View(
        table=node_table(),
        find=find,
        named="nodes",
        resource=lambda row: f"node/{row.name}",
        of_nodes=True,
        cluster_first=True,
        detail=_detail,
    )


def _detail(row: NodeUsage, snapshot: Snapshot, options: TableOptions) -> Iterator[str]:
    from .node_detail import node_detail  # noqa: PLC0415 - for one node alone

    return node_detail(row, snapshot.pods, options)


def node_table() -> Table[NodeUsage]:
    """Return the columns of nodes."""
    return Table(
        kind="NodeUsage",
        noun="node",
        nouns="nodes",
        identity={"name": "node"},
        columns=(
            *_STATUS,
            REASON,
            *(c for of in RESOURCES for c in amounts_of_nodes(of, _usage_mark)),
            *_SWAP,
            *reason_columns(),
            *_PODS,
            *sample_columns(_mark),
            _CLOCK,
            *age_columns(_born, "the node joined"),
            _EXPLANATION,
        ),
        families={"label:": label_family(_labelled), **node_families()},
        aliases=_ALIASES,
        totals=node_totals,
    )


AMOUNT_ALIASES: Final = {
    "cpu": "cpu.usage", "mem": "mem.usage", "memory": "mem.usage",
    "swap": "swap.usage",
    "cpu.pct_request": "cpu.pct_requested", "mem.pct_request": "mem.pct_requested",
    "cpu.pct_limit": "cpu.pct_limited", "mem.pct_limit": "mem.pct_limited",
    "cpu.unrequested": "cpu.headroom", "mem.unrequested": "mem.headroom",
}  # fmt: skip
"""Other names of the columns of what nodes have and use."""
_ALIASES: Final = {
    **AMOUNT_ALIASES, "node": "name",
    "conditions": "troubles", "system": "rest", "account": "pods.reason",
    "sample": "sample.age", "skew": "clock_ahead",
}  # fmt: skip


class HasNodes(Protocol):
    """A node, or a group of nodes: what it has, uses and holds for its pods."""

    @property
    def usage(self) -> Quantities | None:
        """CPU in cores and memory in bytes, the system's included."""
        ...

    @property
    def capacity(self) -> Quantities:
        """Resources that there are."""
        ...

    @property
    def allocatable(self) -> Quantities:
        """Resources that pods may request."""
        ...

    @property
    def reserved(self) -> Quantities:
        """Resources kept from pods for the system."""
        ...

    @property
    def headroom(self) -> Quantities | None:
        """Resources that pods may still request."""
        ...

    @property
    def breakdown(self) -> NodeBreakdown | None:
        """What the pods request and use."""
        ...

    def ratio(self, resource: str, share: Share) -> Fraction | None:
        """Return usage, requests or limits in allocatable."""
        ...


N = TypeVar("N", bound=HasNodes)


def amounts_of_nodes(
    of: Resource, mark: Callable[[N, str], str]
) -> tuple[Column[N], ...]:
    """Return the columns of one resource of nodes; *mark* is that of their usage."""
    name = of.name

    def from_(get: Callable[[HasNodes], Quantities | None]) -> _Amount[N]:
        return lambda row: (get(row) or EMPTY).get(name)

    def requests(row: N) -> Quantity | None:
        return _requests(row, name)

    def usage_mark(row: N) -> str:
        return mark(row, name)

    def partial_limit(row: N) -> str:
        demand = row.breakdown.demand if row.breakdown else None
        return PARTIAL if demand and demand.partial_limit(name) else ""

    def no_request(row: N) -> bool:
        return row.breakdown is not None and not requests(row)

    def no_limit(row: N) -> bool:
        return row.breakdown is not None and from_(_limits)(row) is None

    used, requested, limited = (_ratio(name, of) for of in _SHARES)
    shown = (
        amount(of, "usage", from_(_usage), "usage, the system's included", keep=90,
               mark=usage_mark),
        share(of, "pct_node", used, "usage as % of allocatable", keep=70, alarm=True,
              mark=usage_mark),
        amount(of, "requests", requests, "requests of its pods", keep=31,
               unset=no_request),
        replace(
            share(of, "pct_requested", requested, "requests of its pods as % of"
                  " allocatable", keep=60, unset=no_request),
            severity=_above_full(requested, "critical")),
        amount(of, "limits", from_(_limits), "limits of its pods; ~ not of all",
               keep=29, mark=partial_limit, unset=no_limit),
        replace(
            share(of, "pct_limited", limited, "limits of its pods as % of allocatable;"
                  " above 100% overcommitted", keep=40, mark=partial_limit,
                  unset=no_limit),
            severity=_above_full(limited, "warning")),
    )  # fmt: skip
    return (*shown, *_offered_columns(of))


def _offered_columns(of: Resource) -> tuple[Column[HasNodes], ...]:
    """Return the columns of what nodes have of one resource, and who uses it."""
    name = of.name

    def from_(get: Callable[[HasNodes], Quantities | None]) -> _Amount[HasNodes]:
        return lambda row: (get(row) or EMPTY).get(name)

    def partial_pods(row: HasNodes) -> str:
        return PARTIAL if row.breakdown and name in row.breakdown.incomplete else ""

    return (
        amount(of, "allocatable", from_(_allocatable), "what pods may request",
               keep=30),
        amount(of, "headroom", from_(_headroom), "what pods may still request",
               keep=28),
        amount(of, "capacity", from_(_capacity), "what it has"),
        amount(of, "reserved", from_(_reserved), "kept from pods for the system"),
        amount(of, "pods", from_(_pods_usage), "usage of its pods; ~ of those measured",
               mark=partial_pods),
        amount(of, "rest", from_(_rest), "usage less that of its pods"),
    )  # fmt: skip


_SHARES: Final[tuple[Share, ...]] = get_args(Share)


def _ratio(resource: str, of: Share) -> Callable[[HasNodes], Fraction | None]:
    return lambda row: row.ratio(resource, of)


def _above_full(
    get: Callable[[HasNodes], Fraction | None], severity: Severity
) -> Callable[[HasNodes], Severity | None]:
    def above(row: HasNodes) -> Severity | None:
        return severity if (get(row) or 0) > 1 else None

    return above


def node_families() -> dict[str, Family[HasNodes]]:
    """Return the families of any resource of nodes: ``headroom:nvidia.com/gpu``."""

    def headroom(row: HasNodes, name: str) -> Quantity | None:
        return (row.headroom or EMPTY).get(name)

    def pods(row: HasNodes) -> bool:
        return row.breakdown is not None

    def offers(row: HasNodes) -> bool:
        return bool(row.allocatable)

    return {
        "requests:": resource_family("requests", _requests, pods),
        "limits:": resource_family("limits", _limit, pods),
        "allocatable:": resource_family("allocatable", _offered, offers),
        "headroom:": resource_family("headroom", headroom, offers),
    }


def node_totals(rows: Sequence[NodeUsage]) -> Mapping[str, TotalCell]:
    """Return the percentages of all nodes together, and how many are Ready."""
    whole = summed_nodes(rows)
    cells = {
        c.key: TotalCell(c.get(whole), c.mark(whole) if c.mark else "")
        for of in RESOURCES
        for c in amounts_of_nodes(of, usage_mark_of_nodes)
        if c.kind == "percent"
    }
    ready = sum(row.ready is True for row in rows)
    return {**cells, "status": TotalCell(f"{ready}/{len(rows)}")}


def usage_mark_of_nodes(row: NodeRollup, resource: str) -> str:
    """Return the mark of a sum of nodes: a node without a value is missing in it."""
    return marks(partial=row.partial(resource))


def _usage_mark(row: NodeUsage, resource: str) -> str:
    return marks(partial=lacks(row, resource), stale=row.stale)


def _mark(row: NodeUsage) -> str:
    return marks(stale=row.stale)


def _labelled(row: NodeUsage) -> HasLabels | None:
    return row.node or row.metrics


def _explanation(row: NodeUsage) -> str | None:
    if row.reason is not None:
        return row.reason.explanation
    found = [say(row, of.name) for say in (above_full, below_pods) for of in RESOURCES]
    return " ".join(filter(None, found)) or None


def _usage(row: HasNodes) -> Quantities | None:
    return row.usage


def _requests(row: HasNodes, name: str) -> Quantity | None:
    """Return what pods request: 0 where they request nothing."""
    return row.breakdown.demand.requests.get(name, _ZERO) if row.breakdown else None


def _limit(row: HasNodes, name: str) -> Quantity | None:
    return (_limits(row) or EMPTY).get(name)


def _offered(row: HasNodes, name: str) -> Quantity | None:
    return row.allocatable.get(name)


def _limits(row: HasNodes) -> Quantities | None:
    return row.breakdown.demand.limits if row.breakdown else None


def _allocatable(row: HasNodes) -> Quantities:
    return row.allocatable


def _capacity(row: HasNodes) -> Quantities:
    return row.capacity


def _reserved(row: HasNodes) -> Quantities:
    return row.reserved


def _headroom(row: HasNodes) -> Quantities | None:
    return row.headroom


def _pods_usage(row: HasNodes) -> Quantities | None:
    return row.breakdown.pods_usage if row.breakdown else None


def _rest(row: HasNodes) -> Quantities | None:
    return row.breakdown.rest if row.breakdown else None


def _name(row: NodeUsage) -> str | None:
    return row.name or None


def _status(row: NodeUsage) -> str | None:
    """Return STATUS as ``kubectl get nodes`` shows it.

    Source: kubernetes/pkg/printers/internalversion/printers.go, ``printNode``.
    """
    if row.node is None:
        return None
    ready = next((c for c in row.node.conditions if c.type == "Ready"), None)
    word = "Unknown" if ready is None else "Ready" if row.node.ready else "NotReady"
    return f"{word},{_UNSCHEDULABLE}" if row.cordoned else word


def _severity(row: NodeUsage) -> Severity | None:
    return status_severity(_status(row) or "")


def _troubles(row: NodeUsage) -> str | None:
    """Return what STATUS does not tell: of a node that is lost, all is Unknown."""
    lost = any(c.type == "Ready" and c.status == "Unknown" for c in row.troubles)
    more = [
        c.type
        for c in row.troubles
        if c.type != "Ready" and not (lost and c.status == "Unknown")
    ]
    return ",".join(more) or None


def _other_conditions(row: NodeUsage) -> str | None:
    return ",".join(f"{c.type}={c.status}" for c in row.other_conditions) or None


def _taints(row: NodeUsage) -> str | None:
    return ",".join(map(taint_text, row.taints)) or None


def taint_text(taint: Taint) -> str:
    """Write a taint as kubectl does: ``key=value:effect``."""
    value = f"={taint.value}" if taint.value else ""
    return f"{taint.key}{value}:{taint.effect}"


def _version(row: NodeUsage) -> str | None:
    return row.node.info.kubelet_version or None if row.node else None


def _count(row: NodeUsage) -> int | None:
    return row.breakdown.pod_count if row.breakdown else None


def _max_pods(row: NodeUsage) -> int | None:
    allocatable = row.allocatable.get("pods")
    return int(allocatable.value) if allocatable else None


def _unmeasured(row: NodeUsage) -> int | None:
    return row.breakdown.unmeasured if row.breakdown else None


def _rest_name(row: NodeUsage) -> str | None:
    known = row.breakdown is not None and row.breakdown.rest != {}
    return row.breakdown.rest_name if row.breakdown and known else None


def _rest_pods(row: NodeUsage) -> dict[str, int | None] | None:
    if _rest_name(row) is None:
        return None
    return {"unmeasured_pods": _unmeasured(row)}


def _breakdown_reason(row: NodeUsage) -> str | None:
    return reason_code(row.breakdown_reason)


def _born(row: NodeUsage) -> datetime | None:
    return row.node.creation_timestamp if row.node else None


def _skew(row: NodeUsage) -> timedelta | None:
    return row.skew


def _swap_capacity(row: NodeUsage) -> Quantity | None:
    known = row.node.info.swap_capacity if row.node else None
    return None if known is None else Quantity(known)


def _swap_share(row: NodeUsage) -> Fraction | None:
    return ratio((row.usage or EMPTY).get(SWAP.name), _swap_capacity(row))


def _known(row: NodeUsage) -> bool:
    return row.node is not None


def _no(get: Callable[[NodeUsage], str | None]) -> Callable[[NodeUsage], bool]:
    """Whether a node is known to have nothing of what *get* returns."""
    return lambda row: row.node is not None and get(row) is None


_STATUS: Final[tuple[Column[NodeUsage], ...]] = (
    name_column("name", "NAME", _name, "the node's name"),
    Column(key="status", header="STATUS", kind="text", get=_status, keep=85,
           about="as 'kubectl get nodes' shows it", severity=_severity),
    Column(key="troubles", header="TROUBLES", kind="text", get=_troubles, keep=84,
           optional=True, about="its conditions that are not as they should be",
           unset=_no(_troubles), typed=listed(_troubles, _known),
           json_type="array"),
    Column(key="other_conditions", header="OTHER-CONDITIONS", kind="text",
           get=_other_conditions, optional=True, unset=_no(_other_conditions),
           typed=listed(_other_conditions, _known), json_type="array",
           about="its conditions of which it is not known how they should be"),
    Column(key="taints", header="TAINTS", kind="text", get=_taints,
           about="what keeps pods away", optional=True, unset=_no(_taints),
           typed=listed(_taints, _known), json_type="array"),
    Column(key="version", header="VERSION", kind="text", get=_version,
           about="its kubelet's version"),
)  # fmt: skip
_SWAP: Final[tuple[Column[NodeUsage], ...]] = (
    swap_column(_mark),
    replace(
        share(SWAP, "pct_node", _swap_share, "usage as % of the swap that it has",
              keep=27, alarm=True, mark=_mark),
        optional=True),
    replace(
        amount(SWAP, "capacity", _swap_capacity, "what it has, by its kubelet",
               keep=26),
        optional=True),
)  # fmt: skip
_PODS: Final[tuple[Column[NodeUsage], ...]] = (
    Column(key="pods.count", header="PODS", kind="count", get=_count, keep=45,
           about="pods assigned to it and not finished"),
    Column(key="pods.allocatable", header="MAX-PODS", kind="count", get=_max_pods,
           about="how many pods it takes"),
    Column(key="pods.unmeasured", header="UNMEASURED", kind="count", get=_unmeasured,
           about="its pods that run without a whole sample"),
    Column(key="rest", header="REST", kind="text", get=_rest_name,
           about="what the rest of its usage is: the system's, and that of pods which"
           " were not measured", typed=_rest_pods, json_type="object"),
    Column(key="pods.reason", header="PODS-REASON", kind="text", get=_breakdown_reason,
           about="why its pods are not known", optional=True, keep=26, last=True,
           unset=lambda row: row.breakdown_reason is None),
)  # fmt: skip
_EXPLANATION: Final[Column[NodeUsage]] = Column(
    key="explanation", header="EXPLANATION", kind="text", get=_explanation,
    optional=True, about="the reason as a sentence, or what a node above 100% is full"
    " of, or below its pods", unset=lambda row: _explanation(row) is None, last=True,
)  # fmt: skip
_CLOCK: Final[Column[NodeUsage]] = Column(
    key="clock_ahead", header="CLOCK", kind="age", get=_skew, optional=True, keep=27,
    about="how far its clock is ahead of the server's",
)  # fmt: skip
