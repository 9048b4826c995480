"""``kubemetrics workloads``: the sums of each Deployment, DaemonSet and so on."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from ..commandline.parser import Parser
from . import view_flags

DESCRIPTION: Final = """\
Show what the pods of each workload use, request and may use: of Deployments (found
through their ReplicaSets' names), StatefulSets, DaemonSets, Jobs and CronJobs; a pod
that nothing owns stands for itself. MIN and MAX are those of a single replica."""
EXAMPLES: Final = """\
  kubemetrics workloads
  kubemetrics workloads deployment/api 'web-*'
  kubemetrics workloads -A --sort -cpu.usage --top 10
  kubemetrics workloads -A --where 'owner.kind == DaemonSet' --sum
  kubemetrics workloads -A --where 'mem.usage > mem.requests' -o csv"""


def add_arguments(parser: Parser) -> None:
    """Declare the flags."""
    view_flags.add_arguments(parser, name="workloads, as api or deployment/api")
    view_flags.add_by(parser, "node: that key beside the workload")


def run(args: Namespace) -> int:
    """Show workloads.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: no usable configuration.
    """
    from .grouping import run_groups  # noqa: PLC0415 - not for --help

    return run_groups(args, "workloads", ("namespace", "owner"))
