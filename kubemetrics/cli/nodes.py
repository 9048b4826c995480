"""``kubemetrics nodes``: every node with its usage and what its pods take."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from ..commandline.parser import Parser
from . import view_flags

DESCRIPTION: Final = """\
Show every node: its usage, the system's included, and what its pods request and may
use, all as shares of what it offers to pods (allocatable).

%NODE is usage, %REQ the requests and %LIM the limits of its pods, FREE what pods may
still request. With -o wide: capacity, what is reserved, and usage less that of the
pods (REST)."""
EXAMPLES: Final = """\
  kubemetrics nodes
  kubemetrics nodes worker-1 -o wide
  kubemetrics nodes -l pool=batch -L topology.kubernetes.io/zone
  kubemetrics nodes --where 'mem.pct_node > 80 or status != Ready'
  kubemetrics nodes --sort -cpu.headroom --sum
  kubemetrics nodes --all-contexts"""


def add_arguments(parser: Parser) -> None:
    """Declare the flags."""
    view_flags.add_arguments(parser, name="nodes by name", namespaced=False)
    view_flags.add_labels(parser)


def run(args: Namespace) -> int:
    """Show nodes.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: no usable configuration.
    """
    from ..views.view import node_view  # noqa: PLC0415 - not for --help
    from .run import run as show  # noqa: PLC0415

    return show(args, node_view())
