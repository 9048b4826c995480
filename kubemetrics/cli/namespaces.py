"""``kubemetrics namespaces``: the sums of each namespace."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from ..commandline.parser import Parser
from . import view_flags

DESCRIPTION: Final = """\
Show what the pods of each namespace use, request and may use, all namespaces unless
one is named. '~' is a lower bound: pods that run are not measured, or have no limit."""
EXAMPLES: Final = """\
  kubemetrics namespaces --sort -mem.usage
  kubemetrics namespaces 'team-*' --sum
  kubemetrics namespaces --by node
  kubemetrics namespaces -o prometheus > /var/lib/node_exporter/kubemetrics.prom"""


def add_arguments(parser: Parser) -> None:
    """Declare the flags."""
    view_flags.add_arguments(parser, name="namespaces by name")
    view_flags.add_by(parser, "node: that key beside the namespace")


def run(args: Namespace) -> int:
    """Show namespaces.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: no usable configuration.
    """
    from .grouping import run_groups  # noqa: PLC0415 - not for --help

    return run_groups(args, "namespaces", ("namespace",))
