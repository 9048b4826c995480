"""``kubemetrics pods``: every pod with its usage, requests and limits."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from ..commandline.parser import Parser
from . import view_flags

DESCRIPTION: Final = """\
Show every pod: what it uses beside what it requests and may use, its status as
'kubectl get pods' has it, and where there is no usage the reason why.

A '-' is not known. '~' is a lower bound: a container was not measured, or (limits) has
none. '!' is an old sample. CPU is rounded up, memory and percentages down."""
EXAMPLES: Final = """\
  kubemetrics pods
  kubemetrics pods -A --sort -mem.usage --top 10
  kubemetrics pods -n 'team-*' --exclude-namespace team-b --sum
  kubemetrics pods -A --where 'mem.pct_limit > 80 and namespace != "kube-system"'
  kubemetrics pods -A --by node,label:app
  kubemetrics pods --node worker-1 -L app,tier -o wide
  kubemetrics pods -A -o json | jq '.items[] | select(.reason)'
  kubemetrics pods -A --where 'mem.pct_limit >= 95' --fail-on 'mem.pct_limit >= 95'
  kubemetrics pods --watch"""


def add_arguments(parser: Parser) -> None:
    """Declare the flags."""
    view_flags.add_arguments(parser, name="pods by name")
    view_flags.add_labels(parser)
    view_flags.add_by(parser, "node,label:app")


def run(args: Namespace) -> int:
    """Show pods, or their roll-up.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: no usable configuration.
    """
    from ..views.view import pod_view  # noqa: PLC0415 - not for --help
    from .grouping import run_groups  # noqa: PLC0415
    from .run import run as show  # noqa: PLC0415

    return run_groups(args) if args.by else show(args, pod_view())
