"""The reads of a snapshot: all parts side by side, each with its own failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Generic, TypeAlias, TypedDict, TypeVar

from ..api import Api, ListOptions, Progress, ResourceList
from ..errors import KubeMetricsError, check_options
from ..flow import Flow, Fork, attempt
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Pod
from ..text import field_value
from ..wire import collector_paused
from .join import Snapshot, join
from .parts import Part, Parts, Scope

T = TypeVar("T")

_List: TypeAlias = Callable[[ListOptions], Flow[ResourceList[T]]]


class SnapshotOptions(TypedDict, total=False):
    """Keywords of a snapshot: which pods and nodes, and how they are read.

    *namespace*: one, several, or ``None`` for all. *label_selector* and
    *field_selector* choose pods, *node* one node and its pods, *node_selector* nodes by
    label. *reconcile* reads all pods of the cluster for the nodes' breakdowns, whatever
    else is chosen. *chunk_size*: pods a request (1,000). *progress* is
    called with the number of pods read so far. *timeout*: seconds for the whole call.
    """

    namespace: str | Sequence[str] | None
    label_selector: str | None
    field_selector: str | None
    node: str | None
    node_selector: str | None
    reconcile: bool
    chunk_size: int
    progress: Progress | None
    timeout: float | None


def _now() -> datetime:
    return datetime.now(UTC)


def snapshot(
    api: Api, options: SnapshotOptions, *, now: Callable[[], datetime] = _now
) -> Flow[Snapshot]:
    """Read pods, nodes and both metrics side by side and join them.

    *now* is this machine's clock, for servers that do not tell theirs.

    Raises:
        KubeMetricsError: nothing at all could be read; the error is that of the pods,
            or of the nodes where their breakdowns are wanted.
    """
    check_options(options, SnapshotOptions)
    return _joined(api, options, now)


def _joined(
    api: Api, options: SnapshotOptions, now: Callable[[], datetime]
) -> Flow[Snapshot]:
    parts = yield from read(api, options)
    if parts.date is None:
        parts = replace(parts, own_clock=now())
    with collector_paused():
        return join(parts)


def read(api: Api, options: SnapshotOptions) -> Flow[Parts]:
    """Read the parts of a snapshot."""
    scope = Scope.of(options.get("namespace"))
    pods = _PartReader(api.list_pods, _pod_options(options, scope))
    samples = _PartReader(api.list_pod_metrics, _sample_options(options, scope))
    nodes = _PartReader(api.list_nodes, [_node_options(options)])
    node_metrics = _PartReader(api.list_node_metrics, [_node_options(options)])
    readers: list[
        _PartReader[Pod]
        | _PartReader[PodMetrics]
        | _PartReader[Node]
        | _PartReader[NodeMetrics]
    ]
    readers = [pods, samples, nodes, node_metrics]
    reconcile, whole = options.get("reconcile", False), _whole(options, scope)
    all_pods = all_samples = None
    if reconcile and not whole:
        all_pods = _PartReader(api.list_pods, [_all_options(options)])
        all_samples = _PartReader(api.list_pod_metrics, [{}])
        readers += [all_pods, all_samples]
    yield Fork(tuple(flow for reader in readers for flow in reader.flows()))
    parts = Parts(
        pods=pods.part(),
        pod_metrics=samples.part(),
        nodes=nodes.part(),
        node_metrics=node_metrics.part(),
        all_pods=all_pods.part() if all_pods else None,
        all_pod_metrics=all_samples.part() if all_samples else None,
        narrowed=bool(options.get("field_selector") or options.get("node")),
        some_nodes=bool(options.get("node_selector")),
        whole=whole and not options.get("node"),
    )
    _raise_if_nothing(parts, parts.nodes if reconcile else parts.pods)
    if reconcile and whole:
        return replace(parts, all_pods=parts.pods, all_pod_metrics=parts.pod_metrics)
    return parts


class _PartReader(Generic[T]):
    """Reads the objects of one kind, in each namespace on its own."""

    def __init__(self, lister: _List[T], options: Sequence[ListOptions]) -> None:
        self._list = lister
        self._options = options
        self._lists: dict[str, ResourceList[T]] = {}
        self._errors: dict[str, KubeMetricsError] = {}

    def flows(self) -> list[Flow[None]]:
        """Return a flow for each namespace; none of them fails."""
        return [self._read(options) for options in self._options]

    def _read(self, options: ListOptions) -> Flow[None]:
        namespace = options.get("namespace") or ""
        result = yield from attempt(self._list(options))
        if isinstance(result, KubeMetricsError):
            self._errors[namespace] = result
        else:
            self._lists[namespace] = result

    def part(self) -> Part[T]:
        """Return what was read, in the order of the namespaces asked for."""
        asked = [options.get("namespace") or "" for options in self._options]
        lists = [self._lists[name] for name in asked if name in self._lists]
        dates = [found.date for found in lists if found.date is not None]
        return Part(
            items=tuple(item for found in lists for item in found),
            unreadable=tuple(item for found in lists for item in found.unreadable),
            errors={name: self._errors[name] for name in asked if name in self._errors},
            date=max(dates, default=None),
        )


def _raise_if_nothing(parts: Parts, wanted: Part[Pod] | Part[Node]) -> None:
    kinds = (parts.pods, parts.pod_metrics, parts.nodes, parts.node_metrics)
    if all(part.failed for part in kinds):
        raise next(iter(wanted.errors.values()))


def _whole(options: SnapshotOptions, scope: Scope) -> bool:
    """Whether the pods chosen are all of the cluster, or all of the one node."""
    selected = options.get("label_selector") or options.get("field_selector")
    return scope.everywhere and not selected


def _pod_options(options: SnapshotOptions, scope: Scope) -> list[ListOptions]:
    whole = _all_options(options)
    chosen = (whole.get("field_selector"), options.get("field_selector"))
    fields = ",".join(filter(None, chosen)) or None
    return [
        {
            **whole,
            "namespace": namespace,
            "label_selector": options.get("label_selector"),
            "field_selector": fields,
            "progress": options.get("progress"),
        }
        for namespace in scope.namespaces or (None,)
    ]


def _all_options(options: SnapshotOptions) -> ListOptions:
    chosen: ListOptions = {}
    node = options.get("node")
    if node:
        chosen["field_selector"] = f"spec.nodeName={field_value(node)}"
    if "chunk_size" in options:
        chosen["chunk_size"] = options["chunk_size"]
    return chosen


def _sample_options(options: SnapshotOptions, scope: Scope) -> list[ListOptions]:
    """Choose samples; the metrics API knows no field but the name and the namespace."""
    labels = options.get("label_selector")
    return [
        {"namespace": namespace, "label_selector": labels}
        for namespace in scope.namespaces or (None,)
    ]


def _node_options(options: SnapshotOptions) -> ListOptions:
    node = options.get("node")
    return {
        "label_selector": options.get("node_selector"),
        "field_selector": f"metadata.name={field_value(node)}" if node else None,
    }
