"""``kubemetrics top nodes``: kubectl's, to the byte.

Source: kubectl pkg/cmd/top/top_node.go.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Final, TypeAlias

from ..api import Api
from ..commandline import CommandSpec, Parser, client_of
from ..errors import KubeMetricsError
from ..flow import Flow, attempt, both
from ..models.metrics import NodeMetrics
from ..models.node import Node
from . import output, top
from .output import NodeView, nodes_table

_DESCRIPTION: Final = """\
Show what nodes use now, byte for byte as 'kubectl top nodes' shows it."""
_EXAMPLES: Final = """\
  kubemetrics top nodes
  kubemetrics top nodes --sort-by=cpu
  kubemetrics top node worker-1 --show-capacity --show-swap
  kubemetrics top nodes -l node-role.kubernetes.io/control-plane"""

_RESOURCE: Final = "nodes.metrics.k8s.io"
_Pair: TypeAlias = tuple[Sequence[NodeMetrics], Sequence[Node]]


def _add_arguments(parser: Parser) -> None:
    """Declare kubectl's flags of ``top node``."""
    top.add_arguments(parser, "node")
    parser.add_argument(
        "--show-capacity",
        action="store_true",
        help="percentages of the capacity, not of what is allocatable",
    )


def _run(args: Namespace) -> int:
    """Print the table.

    Raises:
        UsageError: more than one name.
        KubeMetricsError: no usable configuration.
    """
    name = top.one_name(args, "node")
    with client_of(args) as client:
        try:
            top.check(args, "only one of NAME or --selector can be provided")
            metrics, nodes = client.run(_nodes(client.api, name, args.selector))
        except KubeMetricsError as error:
            return output.fail(error)
    view = NodeView(
        headers=not args.no_headers,
        sort_by=args.sort_by,
        capacity=args.show_capacity,
        swap=args.show_swap,
    )
    return output.put(nodes_table(metrics, nodes, view))


def _nodes(api: Api, name: str, selector: str) -> Flow[_Pair]:
    """Ask for samples and nodes side by side; judge them in kubectl's order."""
    sampled, known = yield from both(
        attempt(_metrics(api, name, selector)), attempt(_objects(api, name, selector))
    )
    if isinstance(sampled, KubeMetricsError):
        raise sampled
    if not sampled:
        raise output.KubectlError("error: metrics not available yet")
    if isinstance(known, KubeMetricsError):
        raise known
    return sampled, known


def _metrics(api: Api, name: str, selector: str) -> Flow[Sequence[NodeMetrics]]:
    if name:
        yield from output.check_name(name)
        flow = api.get_node_metrics(name)
        return [
            (yield from output.with_kubectl_metrics_errors(flow, f"{_RESOURCE} {name}"))
        ]
    listing = api.list_node_metrics({"label_selector": selector or None})
    return (yield from output.with_kubectl_metrics_errors(listing, _RESOURCE)).whole()


def _objects(api: Api, name: str, selector: str) -> Flow[Sequence[Node]]:
    if name:
        return [
            (yield from output.with_kubectl_errors(api.get_node(name), f"nodes {name}"))
        ]
    listing = api.list_nodes({"label_selector": selector or None})
    return (yield from output.with_kubectl_errors(listing, "nodes")).whole()


COMMAND: Final = CommandSpec(_DESCRIPTION, _EXAMPLES, _add_arguments, _run)
