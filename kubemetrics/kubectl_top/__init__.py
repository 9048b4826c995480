"""``kubemetrics top``, ``top pods`` and ``top nodes``: kubectl's commands, to the byte.

Sources: kubectl pkg/cmd/top/top.go, top_pod.go and top_node.go.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from .. import console
from ..api import Api, ListOptions
from ..commandline import (
    SEE_EXAMPLES,
    CommandSpec,
    HelpWanted,
    Parser,
    UsageError,
    client_of,
)
from ..errors import KubeMetricsError
from ..flow import Flow, attempt, both
from ..frozen import dataclass
from .output import (
    KubectlError,
    NodeTableOptions,
    PodTableOptions,
    check_name,
    fail,
    nodes_table,
    pods_table,
    put,
    with_kubectl_errors,
    with_kubectl_metrics_errors,
)

if TYPE_CHECKING:
    from ..models.metrics import NodeMetrics, PodMetrics
    from ..models.node import Node
    from ..models.pod import Pod

T = TypeVar("T")

_NO_METRICS_YET: Final = "error: metrics not available yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopQuery:
    """The pods or nodes that a command line asks for.

    *namespace* is the configuration's, for pods that are not asked for *everywhere*.
    """

    name: str = ""
    namespace: str = ""
    everywhere: bool = False
    label_selector: str = ""
    field_selector: str = ""

    @property
    def labelled(self) -> ListOptions:
        """The label selector, which samples can be chosen by as well."""
        return {"label_selector": self.label_selector or None}

    @property
    def selected(self) -> ListOptions:
        """Both selectors; the metrics API knows labels only."""
        return {**self.labelled, "field_selector": self.field_selector or None}


@dataclass(frozen=True, slots=True, kw_only=True)
class _TopCommand(Generic[T]):
    """What differs between ``top pods`` and ``top nodes``.

    *kind* is the word for one object, *exclusive* kubectl's line where a name and a
    selector are given together. *read* asks the server, *table* makes what is printed.
    """

    kind: str
    description: str
    examples: str
    exclusive: str
    add_flags: Callable[[Parser], None]
    read: Callable[[Api, TopQuery], Flow[T]]
    table: Callable[[T, TopQuery, Namespace], str]

    def spec(self) -> CommandSpec:
        """Return what the command line needs."""
        return CommandSpec(self.description, self.examples, self._declare, self._run)

    def _declare(self, parser: Parser) -> None:
        _add_arguments(parser, self.kind)
        self.add_flags(parser)

    def _run(self, args: Namespace) -> int:
        """Print the table.

        Raises:
            UsageError: more than one name.
            KubeMetricsError: no usable configuration.
        """
        name = _one_name(args, self.kind)
        with client_of(args) as client:
            try:
                _check(args, self.exclusive)
                query = _query(args, name, client.config.namespace)
                found = client.run(self.read(client.api, query))
            except KubeMetricsError as error:
                return fail(error)
        return put(self.table(found, query, args))


def _add_arguments(parser: Parser, kind: str) -> None:
    """Declare kubectl's flags that both commands have."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one {kind}")
    parser.add_argument(
        "-l",
        "--selector",
        default="",
        metavar="LABELS",
        help=f"the {kind}s with these labels",
    )
    parser.add_argument(
        "--sort-by", default="", metavar="cpu|memory", help="largest first"
    )
    parser.add_argument("--no-headers", action="store_true", help="no header line")
    parser.add_argument("--show-swap", action="store_true", help="show swap as well")
    parser.add_argument(
        "--use-protocol-buffers",
        action="store_true",
        help="accepted, and without effect: answers are read as JSON",
    )


def _one_name(args: Namespace, kind: str) -> str:
    """Return the name, empty where there is none.

    Raises:
        UsageError: there are several.
    """
    names: list[str] = args.names
    if len(names) > 1:
        raise UsageError(f"{kind} [NAME | -l label]", see=SEE_EXAMPLES)
    return names[0] if names else ""


def _check(args: Namespace, exclusive: str) -> None:
    """Check the flags in kubectl's order, and put the field selector in its own.

    Raises:
        KubectlError: they do not go together, or a selector is malformed.
    """
    if args.sort_by not in {"", "cpu", "memory"}:
        raise KubectlError("error: --sort-by accepts only cpu or memory")
    field_selector: str = getattr(args, "field_selector", "")
    if not (args.selector or field_selector):
        return
    if any(args.names):
        raise KubectlError(f"error: {exclusive}")
    from .selectors import check_fields, check_labels  # noqa: PLC0415 - rarely needed

    try:
        check_labels(args.selector)
        args.field_selector = check_fields(field_selector)
    except ValueError as error:
        raise KubectlError(f"error: {error}") from None


def _query(args: Namespace, name: str, namespace: str) -> TopQuery:
    """Return what *args* ask for; nodes have neither namespaces nor field selectors."""
    return TopQuery(
        name=name,
        namespace=namespace,
        everywhere=getattr(args, "all_namespaces", False),
        label_selector=args.selector,
        field_selector=getattr(args, "field_selector", ""),
    )


# top pods

_POD_METRICS: Final = "pods.metrics.k8s.io"
_METRICS_DELAY: Final = 120 * 10**9
"""Nanoseconds that a new pod may be without metrics; kubectl's metricsCreationDelay."""


def _add_pod_flags(parser: Parser) -> None:
    parser.add_argument(
        "--field-selector", default="", metavar="FIELDS", help="the pods so found"
    )
    parser.add_argument("--containers", action="store_true", help="show containers")
    parser.add_argument(
        "-A", "--all-namespaces", action="store_true", help="of all namespaces"
    )
    parser.add_argument("--sum", action="store_true", help="show the totals")


def read_pods(api: Api, query: TopQuery) -> Flow[list[PodMetrics]]:
    """Read the samples of the pods asked for.

    Raises:
        KubectlError: the request failed, or pods that should have a sample have none.
    """
    if query.name:
        return (yield from _read_pod(api, query))
    namespace = None if query.everywhere else query.namespace
    listing = api.list_pod_metrics({"namespace": namespace, **query.labelled})
    samples = yield from with_kubectl_metrics_errors(listing, _POD_METRICS)
    metrics = list(samples.whole())
    if metrics and query.field_selector:
        pods = api.list_pods({"namespace": namespace, **query.selected})
        listed = yield from with_kubectl_errors(pods, "pods")
        chosen = {pod.key for pod in listed.whole()}
        metrics = [m for m in metrics if (m.namespace, m.name) in chosen]
    if not metrics:
        yield from with_kubectl_errors(_check_empty(api, query), "pods")
    return metrics


def _read_pod(api: Api, query: TopQuery) -> Flow[list[PodMetrics]]:
    yield from check_name(query.name)
    # With -A kubectl leaves the namespace out of the path, where no pod is.
    namespace = "" if query.everywhere else query.namespace
    flow = api.get_pod_metrics(query.name, namespace)
    asked = f"{_POD_METRICS} {query.name}"
    return [(yield from with_kubectl_metrics_errors(flow, asked))]


def _check_empty(api: Api, query: TopQuery) -> Flow[None]:
    """Find out why there are no metrics: no pods, new pods, or something is wrong.

    With -A too, kubectl looks at the pods of one namespace only.
    """
    pages = api.pages_of_pods({"namespace": query.namespace, **query.selected})
    found = False
    while pages.more:
        for pod in (yield from pages.next()).whole():
            _check_age(pod)
            found = True
    if found:
        raise KubectlError(_NO_METRICS_YET)


def _check_age(pod: Pod) -> None:
    from ..times import go_duration  # noqa: PLC0415 - seldom needed

    created = pod.creation_timestamp
    age = time.time_ns() - (int(created.timestamp()) * 10**9 if created else 0)
    if age > _METRICS_DELAY:
        raise KubectlError(
            f"error: Metrics not available for pod {pod.namespace}/{pod.name},"
            f" age: {go_duration(age)}"
        )


def _pods_table(metrics: list[PodMetrics], query: TopQuery, args: Namespace) -> str:
    if not metrics:
        where = "" if query.everywhere else f" in {query.namespace} namespace."
        console.print_stderr(f"No resources found{where}")
    return pods_table(metrics, pod_table_options(args))


def pod_table_options(args: Namespace) -> PodTableOptions:
    """Return the flags that shape the table of pods."""
    return PodTableOptions(
        containers=args.containers,
        namespaces=args.all_namespaces,
        headers=not args.no_headers,
        sort_by=args.sort_by,
        sum=args.sum,
        swap=args.show_swap,
    )


PODS: Final = _TopCommand(
    kind="pod",
    description="""\
Show what pods use now, byte for byte as 'kubectl top pods' shows it.

Pods without a sample are missing from it, as they are from kubectl's.""",
    examples="""\
  kubemetrics top pods
  kubemetrics top pods -n kube-system --containers
  kubemetrics top pods -A --sort-by=memory --sum
  kubemetrics top pod web-0 --show-swap
  kubemetrics top pods -l app=web --field-selector status.phase=Running""",
    exclusive="only one of NAME or selector can be provided",
    add_flags=_add_pod_flags,
    read=read_pods,
    table=_pods_table,
).spec()


# top nodes

_NODE_METRICS: Final = "nodes.metrics.k8s.io"
_MetricsAndNodes: TypeAlias = "tuple[Sequence[NodeMetrics], Sequence[Node]]"


def _add_node_flags(parser: Parser) -> None:
    parser.add_argument(
        "--show-capacity",
        action="store_true",
        help="percentages of the capacity, not of what is allocatable",
    )


def read_nodes(api: Api, query: TopQuery) -> Flow[_MetricsAndNodes]:
    """Read samples and nodes side by side; judge them in kubectl's order.

    Raises:
        KubectlError: a request failed, or there is no sample of any node.
    """
    metrics, nodes = yield from both(
        attempt(_read_node_metrics(api, query)), attempt(_read_node_objects(api, query))
    )
    if isinstance(metrics, KubeMetricsError):
        raise metrics
    if not metrics:
        raise KubectlError(_NO_METRICS_YET)
    if isinstance(nodes, KubeMetricsError):
        raise nodes
    return metrics, nodes


def _read_node_metrics(api: Api, query: TopQuery) -> Flow[Sequence[NodeMetrics]]:
    if query.name:
        yield from check_name(query.name)
        flow = api.get_node_metrics(query.name)
        asked = f"{_NODE_METRICS} {query.name}"
        return [(yield from with_kubectl_metrics_errors(flow, asked))]
    listing = api.list_node_metrics(query.labelled)
    return (yield from with_kubectl_metrics_errors(listing, _NODE_METRICS)).whole()


def _read_node_objects(api: Api, query: TopQuery) -> Flow[Sequence[Node]]:
    if query.name:
        flow = api.get_node(query.name)
        return [(yield from with_kubectl_errors(flow, f"nodes {query.name}"))]
    listing = api.list_nodes(query.labelled)
    return (yield from with_kubectl_errors(listing, "nodes")).whole()


def _nodes_table(found: _MetricsAndNodes, _: TopQuery, args: Namespace) -> str:
    options = NodeTableOptions(
        headers=not args.no_headers,
        sort_by=args.sort_by,
        capacity=args.show_capacity,
        swap=args.show_swap,
    )
    return nodes_table(*found, options)


NODES: Final = _TopCommand(
    kind="node",
    description="""\
Show what nodes use now, byte for byte as 'kubectl top nodes' shows it.""",
    examples="""\
  kubemetrics top nodes
  kubemetrics top nodes --sort-by=cpu
  kubemetrics top node worker-1 --show-capacity --show-swap
  kubemetrics top nodes -l node-role.kubernetes.io/control-plane""",
    exclusive="only one of NAME or --selector can be provided",
    add_flags=_add_node_flags,
    read=read_nodes,
    table=_nodes_table,
).spec()


# top


def _add_kind(parser: Parser) -> None:
    """Take whatever stands there, to say what is wrong with it."""
    parser.add_argument("kind", nargs="*", help="pods or nodes")


def _no_kind(args: Namespace) -> int:
    """Show the help: a kind is missing, or there is no such kind.

    Raises:
        UsageError: a kind is named, and it is neither pods nor nodes.
        HelpWanted: none is named.
    """
    if args.kind:
        raise UsageError(f'unknown command "{args.kind[0]}"', see=SEE_EXAMPLES)
    raise HelpWanted(mistake=True)


TOP: Final = CommandSpec(
    """\
Show what pods or nodes use now, byte for byte as 'kubectl top' shows it.

  pods    usage of pods (aliases: pod, po)
  nodes   usage of nodes (aliases: node, no)""",
    """\
  kubemetrics top pods -A --sort-by=memory
  kubemetrics top nodes""",
    _add_kind,
    _no_kind,
)
