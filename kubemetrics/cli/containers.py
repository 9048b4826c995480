"""``kubemetrics containers``: every container with its usage."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from ..commandline.parser import Parser
from . import view_flags

DESCRIPTION: Final = """\
Show every container of the pods: regular ones, sidecars, init and ephemeral ones, each
with its own usage, requests and limits, or with the reason why it has no usage."""
EXAMPLES: Final = """\
  kubemetrics containers
  kubemetrics containers web-0
  kubemetrics containers -A --sort -mem.pct_limit --top 20
  kubemetrics containers -A --where 'type == sidecar' --sum
  kubemetrics containers -A --where 'mem.unlimited > 0' -o csv"""


def add_arguments(parser: Parser) -> None:
    """Declare the flags."""
    view_flags.add_arguments(parser, name="of these pods")
    view_flags.add_labels(parser)
    view_flags.add_by(parser, "owner,container")


def run(args: Namespace) -> int:
    """Show containers, or their roll-up.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: no usable configuration.
    """
    from ..views.view import container_view  # noqa: PLC0415 - not for --help
    from .grouping import run_groups  # noqa: PLC0415
    from .run import run as show  # noqa: PLC0415

    return run_groups(args) if args.by else show(args, container_view())
