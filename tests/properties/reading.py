"""Odd answers on their way through the package: lists, snapshots, views; no socket."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from kubemetrics.api import Api, ResourceList
from kubemetrics.api.lists import Kind
from kubemetrics.api.operations import (
    node_kind,
    node_metrics_kind,
    pod_kind,
    pod_metrics_kind,
)
from kubemetrics.cli import build
from kubemetrics.cli.run import ContextResult, Outcome, Rounds, outcome_of, rendered
from kubemetrics.cli.view_commands import plan
from kubemetrics.config.model import Config
from kubemetrics.console import Terminal
from kubemetrics.errors import DecodeError
from kubemetrics.flow import Flow, Request, Response
from kubemetrics.kubectl_top import (
    TopQuery,
    pod_table_options,
    read_nodes,
    read_pods,
)
from kubemetrics.kubectl_top.output import NodeTableOptions, nodes_table, pods_table
from kubemetrics.snapshot import Part, Parts, Snapshot, SnapshotOptions, join
from kubemetrics.snapshot.parts import Scope
from kubemetrics.views.containers import container_view
from kubemetrics.views.groups import group_view
from kubemetrics.views.nodes import node_view
from kubemetrics.views.pods import pod_view
from kubemetrics.views.view import View
from kubemetrics.wire import _fast_decoder, _slow
from tests.items import drained
from tests.snapshot.drive import DATE, Server, drive

from .odd_answers import sound
from .odd_kubectl import PATHS

KINDS: Final[Mapping[str, Kind[Any]]] = {
    "pods": pod_kind(),
    "nodes": node_kind(),
    "pod metrics": pod_metrics_kind(),
    "node metrics": node_metrics_kind(),
}
CONFIG: Final = Config(server="https://x", namespace="team-a")


def serving(bodies: Mapping[str, bytes]) -> Server:
    """Answer each list with its body, and any other as it was recorded.

    What is asked for beyond that (a further page, pods where no sample is left) is
    empty.
    """
    known = {path: bodies.get(kind, sound(kind)) for kind, path in PATHS.items()}
    no_more = b'{"metadata":{},"items":[]}'
    headers = {"content-type": "application/json", "date": DATE}

    def answer(request: Request) -> Response:
        further = "continue" in dict(request.query)
        body = no_more if further else known.get(request.path, no_more)
        return Response(status=200, headers=headers, body=body, url="https://x/")

    return answer


def listed(kind: str, body: bytes) -> ResourceList[Any]:
    """List *kind* as the library does.

    Raises:
        KubeMetricsError: it cannot be read.
    """
    api = Api()
    flows: dict[str, Callable[[], Flow[ResourceList[Any]]]] = {
        "pods": lambda: api.list_pods({}),
        "nodes": lambda: api.list_nodes({}),
        "pod metrics": lambda: api.list_pod_metrics({}),
        "node metrics": lambda: api.list_node_metrics({}),
    }
    return drive(flows[kind](), serving({kind: body}))


def every_way(kind: str, body: bytes) -> Iterator[object]:
    """Decode in each of the ways that there are; yield what can be told of each."""
    yield _outcome(kind, _slow(body, ""))
    fast = _fast_decoder(KINDS[kind].list)
    assert fast is not None
    yield _outcome(kind, fast(body) or _slow(body, ""))


def _outcome(kind: str, decoded: Any) -> object:  # noqa: ANN401 - JSON
    try:
        built, lost = drained(decoded, KINDS[kind].build)
    except DecodeError as error:
        return str(error)
    return built, [(item.namespace, item.name, str(item.error)) for item in lost]


@cache
def sound_list(kind: str) -> ResourceList[Any]:
    """Return the list as it was recorded."""
    return listed(kind, sound(kind))


@cache
def sound_snapshot() -> Snapshot:
    """Return the snapshot of all that was recorded."""
    return snapshot_of("pods", sound_list("pods"))


def _part(read: ResourceList[Any]) -> Part[Any]:
    return Part(items=tuple(read), unreadable=read.unreadable, date=read.date)


def snapshot_of(kind: str, read: ResourceList[Any]) -> Snapshot:
    """Join a list with the others as they were recorded."""
    part = {name: _part(sound_list(name)) for name in KINDS} | {kind: _part(read)}
    return join(
        Parts(
            pods=part["pods"],
            pod_metrics=part["pod metrics"],
            nodes=part["nodes"],
            node_metrics=part["node metrics"],
            all_pods=part["pods"],
            all_pod_metrics=part["pod metrics"],
        )
    )


class _Ready:
    """A cluster that has been read."""

    label = ""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def read(self, _: Callable[[Config], SnapshotOptions], __: Scope) -> ContextResult:
        return ContextResult(context="", namespace="team-a", snapshot=self._snapshot)


class Shown(NamedTuple):
    """What a view printed, and how it went."""

    lines: list[str]
    outcome: Outcome


_VIEWS: Final[Mapping[str, Callable[[], View[Any]]]] = {
    "pods": pod_view,
    "containers": container_view,
    "nodes": node_view,
    "namespaces": lambda: group_view(("namespace",), "namespaces"),
    "workloads": lambda: group_view(("namespace", "owner"), "workloads"),
}
VIEWS: Final = tuple(_VIEWS)
_WIDE: Final = Terminal(width=None, height=50, colour=False)


def shown(view: str, output: str, snapshot: Snapshot) -> Shown:
    """Show a view as the command does."""
    args = _args(view, output)
    wanted = plan(args, _VIEWS[view](), _WIDE)
    contexts: Any = [_Ready(snapshot)]
    taken = Rounds(args, wanted, contexts).read()
    lines = rendered(wanted, taken.rows, taken.sources).lines
    return Shown(list(lines), outcome_of(args, wanted, taken))


@cache
def _args(view: str, output: str) -> Namespace:
    scope = [] if view == "nodes" else ["-A"]
    return build(view)[1].read([*scope, "--strict", "--color=never", "-o", output])


def top(command: str, bodies: Mapping[str, bytes]) -> str:
    """Return what ``kubemetrics top`` prints.

    Raises:
        KubeMetricsError: it prints nothing but an error.
    """
    word, *flags = command.split()
    args = build(f"top {word}")[1].read(flags)
    if word == "nodes":
        metrics, nodes = drive(read_nodes(Api(), TopQuery()), serving(bodies))
        return nodes_table(metrics, nodes, NodeTableOptions(swap=args.show_swap))
    query = TopQuery(
        namespace="team-a",
        everywhere=args.all_namespaces,
        field_selector=args.field_selector,
    )
    samples = drive(read_pods(Api(), query), serving(bodies))
    return pods_table(samples, pod_table_options(args))
