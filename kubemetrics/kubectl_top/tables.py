"""What ``kubectl top`` prints, byte for byte.

Sources: kubectl pkg/metricsutil/metrics_printer.go and metrics_sorter.go, cli-runtime
pkg/printers/tabwriter.go. Where kubectl's order is an accident of its unstable sort or
of a map (equal values, nodes without a sample) the order here is by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ..frozen import dataclass
from ..models.resources import CPU, MEMORY, total
from ..quantity import Quantity
from ..text import printable

if TYPE_CHECKING:
    from ..models.metrics import NodeMetrics, PodMetrics
    from ..models.node import Node
    from ..models.resources import Quantities


SortBy: TypeAlias = Literal["", "cpu", "memory"]
Row: TypeAlias = Sequence[str]

SWAP: Final = "swap"
_MEBI: Final = 1 << 20
_ZERO: Final = Quantity()
_UNKNOWN: Final = "<unknown>"
_RULE: Final = "________"
_PADDING: Final = 3
_LEAST_WIDTH: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """The flags of ``kubectl top pods`` that shape its table."""

    containers: bool = False
    namespaces: bool = False
    headers: bool = True
    sort_by: SortBy = ""
    sum: bool = False
    swap: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """The flags of ``kubectl top nodes`` that shape its table."""

    headers: bool = True
    sort_by: SortBy = ""
    capacity: bool = False
    swap: bool = False


def pods_table(metrics: Iterable[PodMetrics], view: PodView) -> str:
    """Return the table of ``kubectl top pods``; nothing at all for no pods."""
    usages = [(pod, pod.usage) for pod in metrics]
    if not usages:
        return ""
    usages.sort(key=_pod_order(view))
    rows: list[Row] = [_pod_header(view)] if view.headers else []
    for pod, usage in usages:
        rows += _pod_rows(pod, usage, view)
    if view.sum:
        rows += _sum_rows(total([usage for _, usage in usages]), view)
    return _table(rows)


def nodes_table(
    metrics: Iterable[NodeMetrics], nodes: Iterable[Node], view: NodeView
) -> str:
    """Return the table of ``kubectl top nodes``; nothing at all for no samples."""
    known = {node.name: node for node in nodes}
    samples = sorted(metrics, key=_node_order(view.sort_by))
    if not samples:
        return ""
    rows: list[Row] = [_node_header(view)] if view.headers else []
    rows += [_node_row(sample, known.get(sample.name), view) for sample in samples]
    silent = sorted(known.keys() - {sample.name for sample in samples})
    rows += [_silent_row(name, view) for name in silent]
    return _table(rows)


def _resources(*, swap: bool) -> tuple[str, ...]:
    return (CPU, MEMORY, SWAP) if swap else (CPU, MEMORY)


# pods


def _pod_order(
    view: PodView,
) -> Callable[[tuple[PodMetrics, Quantities]], tuple[int, str, str]]:
    by_namespace = view.namespaces or view.sort_by

    def key(entry: tuple[PodMetrics, Quantities]) -> tuple[int, str, str]:
        pod, usage = entry
        namespace = pod.namespace if by_namespace else ""
        return _descending(usage, view.sort_by), namespace, pod.name

    return key


def _descending(usage: Quantities, sort_by: SortBy) -> int:
    """Order by the rounded values, as kubectl does, the largest first."""
    if sort_by == CPU:
        return -usage.get(CPU, _ZERO).milli_value()
    return -usage.get(MEMORY, _ZERO).value() if sort_by == MEMORY else 0


def _pod_header(view: PodView) -> Row:
    row = ["NAMESPACE"] if view.namespaces else []
    row += ["POD"] if view.containers else []
    row += ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    return [*row, "SWAP(bytes)"] if view.swap else row


def _pod_rows(pod: PodMetrics, usage: Quantities, view: PodView) -> list[Row]:
    place = [printable(pod.namespace)] if view.namespaces else []
    name = printable(pod.name)
    resources = _resources(swap=view.swap)
    if not view.containers:
        return [[*place, name, *_amounts(usage, resources)]]
    containers = sorted(
        pod.containers, key=lambda c: (_descending(c.usage, view.sort_by), c.name)
    )
    return [
        [*place, name, printable(c.name), *_amounts(c.usage, resources)]
        for c in containers
    ]


def _sum_rows(usage: Quantities, view: PodView) -> list[Row]:
    """Put the totals where kubectl puts them.

    It counts the columns of the header, so that without headers those of ``-A`` and
    ``--containers`` are not counted, and with swap everything is a column too far right
    (kubernetes/kubernetes#140874, #141621: mended after 1.37).
    """
    columns = len(_pod_header(view)) if view.headers else 4 if view.swap else 3
    amounts = _amounts(usage, _resources(swap=view.swap))
    rule = [*[""] * (columns - 2), _RULE, _RULE]
    return [rule, [*[""] * (columns - 2), *amounts]]


# nodes


def _node_order(sort_by: SortBy) -> Callable[[NodeMetrics], tuple[int, str]]:
    return lambda sample: (_descending(sample.usage, sort_by), sample.name)


def _node_header(view: NodeView) -> Row:
    row = ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]
    return [*row, "SWAP(bytes)", "SWAP(%)"] if view.swap else row


def _node_row(sample: NodeMetrics, node: Node | None, view: NodeView) -> Row:
    available: Quantities = _available(node, view) if node else {}
    row = [printable(sample.name)]
    for resource in _resources(swap=view.swap):
        if resource == SWAP and node and SWAP not in available:
            row += [_UNKNOWN, _UNKNOWN]
            continue
        used = sample.usage.get(resource, _ZERO)
        row.append(_amount(resource, used))
        if resource in available:
            row.append(_percent(used, available[resource]))
    return row


def _available(node: Node, view: NodeView) -> Quantities:
    given = node.capacity if view.capacity else node.allocatable
    if node.info.swap_capacity is None:
        return given
    return {**given, SWAP: Quantity(node.info.swap_capacity)}


def _silent_row(name: str, view: NodeView) -> Row:
    return [printable(name), *[_UNKNOWN] * (2 * len(_resources(swap=view.swap)))]


# cells


def _amounts(usage: Quantities, resources: Iterable[str]) -> list[str]:
    return [_amount(name, usage.get(name, _ZERO)) for name in resources]


def _amount(resource: str, quantity: Quantity) -> str:
    if resource == CPU:
        return f"{quantity.milli_value()}m"
    return f"{quantity.value() // _MEBI}Mi"


def _percent(used: Quantity, available: Quantity) -> str:
    """Divide floats and cut, exactly as kubectl: 29 of 100 can be 28%."""
    if not available:
        return "0%"
    return f"{int(used.milli_value() / available.milli_value() * 100)}%"


def _table(rows: Sequence[Row]) -> str:
    """Lay out cells as Go's tabwriter does: every cell is padded, the last one too.

    A column's width is that of its longest cell among neighbouring lines which have
    that column at all, and no less than among those above (``RememberWidths``).
    """
    lengths = list(map(len, rows))
    lines = [""] * len(rows)
    for column in range(max(lengths)):
        width = _LEAST_WIDTH
        for block in _blocks(lengths, column):
            cells = [rows[i][column] for i in block]
            width = max(width, max(map(len, cells)) + _PADDING)
            for i, cell in zip(block, cells, strict=True):
                lines[i] += cell.ljust(width)
    return "".join(f"{line}\n" for line in lines)


def _blocks(lengths: Sequence[int], column: int) -> Iterable[Sequence[int]]:
    """Return the runs of neighbouring lines that have this column."""
    if min(lengths) > column:
        return [range(len(lengths))]
    runs = groupby(range(len(lengths)), lambda i: lengths[i] > column)
    return [list(run) for there, run in runs if there]
