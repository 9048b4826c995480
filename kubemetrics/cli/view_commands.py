"""The five joined views as commands: one record each, and the flags that they share."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..commandline import CommandSpec, Parser, UsageError

if TYPE_CHECKING:  # for a help text nothing is read
    from ..views.view import View


class _ViewCommand(NamedTuple):
    """One view as a command.

    *names* says what a NAME on its command line names, *by* gives an example of
    ``--by``, empty where rows have no roll-up. *sums* is the base of a view that always
    sums up (see `views.groups.BASES`). Rows with *labels* take ``-L``.
    """

    description: str
    examples: str
    names: str
    by: str = ""
    labels: bool = True
    of_nodes: bool = False
    sums: str = ""

    def spec(self, view: Callable[[], View[Any]]) -> CommandSpec:
        """Return what the command line needs; *view* makes the view of single rows."""

        def run(args: Namespace) -> int:
            from .run import run as show  # noqa: PLC0415 - not for a help text

            sums = self.sums or (self.by and args.by)
            return show(args, _summed(args, self.sums or "pods") if sums else view())

        return CommandSpec(self.description, self.examples, self._declare, run)

    def _declare(self, parser: Parser) -> None:
        _add_arguments(parser, name=self.names, namespaced=not self.of_nodes)
        if self.labels:
            _add_labels(parser)
        if self.by:
            _add_by(parser, self.by)


def _pods() -> View[Any]:
    from ..views.pods import pod_view  # noqa: PLC0415 - not for a help text

    return pod_view()


def _containers() -> View[Any]:
    from ..views.containers import container_view  # noqa: PLC0415 - not for a help text

    return container_view()


def _nodes() -> View[Any]:
    from ..views.nodes import node_view  # noqa: PLC0415 - not for a help text

    return node_view()


def _summed(args: Namespace, base: str) -> View[Any]:
    """Return the roll-up by the keys of *base* and then those of ``--by``."""
    from ..views.groups import group_view  # noqa: PLC0415 - not for a help text

    keys = [_key(word.strip()) for word in args.by.split(",") if word.strip()]
    if getattr(args, "label_columns", None):
        raise UsageError("-L shows labels of pods; to sum up by one: --by label:NAME")
    try:
        return group_view(keys, base)
    except ValueError as error:
        raise UsageError(f"--by: {error}") from None


def _key(word: str) -> str:
    """Take a column's key for the key of a group."""
    return {"priority_class": "priority-class", "ns": "namespace"}.get(word, word)


_EXPRESSIONS: Final = """\
EXPR compares columns, with == != < <= > >=, to amounts (250m, 1.5Gi), to per
cent, ages (90s, 2d), words or other columns, and with =~ !~ to globs; 'and',
'or', 'not' and parentheses combine. What is not known never matches. 'cpu' and
'mem' are short for the usage."""
OUTPUTS: Final = (
    "table",
    "wide",
    "json",
    "yaml",
    "ndjson",
    "csv",
    "prometheus",
    "name",
)


def _add_arguments(parser: Parser, *, name: str, namespaced: bool = True) -> None:
    """Declare what all views have; *name* is what a NAME names."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{name}; globs such as 'api-*' too"
    )
    _add_selection(parser, namespaced=namespaced)
    _add_rows(parser)
    _add_output(parser)
    _add_exit(parser)


def _add_labels(parser: Parser) -> None:
    """Declare ``-L``, for rows that have labels."""
    parser.add_argument(
        "-L", "--label-columns", action="append", default=[], metavar="KEY",
        help="show this label in a column; may be repeated, or a list with commas",
    )  # fmt: skip


def _add_by(parser: Parser, example: str) -> None:
    """Declare ``--by``, for views of pods."""
    parser.add_argument(
        "--by", default="", metavar="KEY[,KEY...]",
        help="sum up by namespace, node, owner, pod, container, qos, priority-class"
        f" or label:NAME, as {example}",
    )  # fmt: skip


def _add_selection(parser: Parser, *, namespaced: bool) -> None:
    group = parser.add_argument_group("which")
    group.add_argument(
        "-A", "--all-namespaces", action="store_true",
        help="of all namespaces; -n may be repeated, and be a glob"
        if namespaced else "accepted: nodes have no namespace",
    )  # fmt: skip
    group.add_argument(
        "-l", "--selector", default="", metavar="LABELS",
        help="by label, as app=web,tier!=cache",
    )  # fmt: skip
    if namespaced:
        _add_selection_of_pods(group.add_argument)
    group.add_argument(
        "--all-contexts", action="store_true",
        help="of all contexts of the kubeconfig; --context may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--chunk-size", default="500", metavar="N",
        help="pods a request; 0 for all in one",
    )  # fmt: skip


def _add_selection_of_pods(add: Callable[..., object]) -> None:
    add(
        "--exclude-namespace", action="append", default=[], metavar="NAME",
        help="all namespaces but this one, or those that match; may be repeated",
    )  # fmt: skip
    add(
        "--field-selector", default="", metavar="FIELDS",
        help="by field, as status.phase=Running",
    )  # fmt: skip
    add("--node", default="", metavar="NAME", help="the pods of this node")


def _add_rows(parser: Parser) -> None:
    group = parser.add_argument_group("rows and columns", _EXPRESSIONS)
    group.add_argument(
        "--where", metavar="EXPR",
        help="rows for which this holds, as 'mem.pct_limit > 80 and not name =~ web-*'",
    )  # fmt: skip
    group.add_argument(
        "--sort", "--sort-by", default="", metavar="KEY[,-KEY]",
        help="by these columns; with a minus, largest first",
    )  # fmt: skip
    group.add_argument(
        "--top", metavar="N", help="the first N rows, by -cpu unless sorted otherwise"
    )
    group.add_argument(
        "--columns", default="", metavar="KEY[,KEY...]",
        help="these columns; 'help' lists them",
    )  # fmt: skip
    group.add_argument("--sum", action="store_true", help="a last row with the totals")
    group.add_argument("--no-headers", action="store_true", help="no header line")


def _add_output(parser: Parser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", "--output", choices=OUTPUTS, default="table", metavar="FORMAT",
        help="table (the default), wide, json, yaml, ndjson, csv, prometheus or name",
    )  # fmt: skip
    group.add_argument(
        "--units", default="auto", metavar="UNIT",
        help="m or cores, and Ki, Mi or Gi, as m,Gi; raw; auto (one unit a column)",
    )  # fmt: skip
    group.add_argument(
        "--thresholds", default="70,90", metavar="WARNING,CRITICAL",
        help="the per cent from which a share is yellow, and red",
    )  # fmt: skip
    group.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto",
        metavar="WHEN",
        help="always, never or auto: on a terminal, unless NO_COLOR is set",
    )  # fmt: skip
    group.add_argument(
        "-w", "--watch", nargs="?", const="", metavar="SECONDS",
        help="go on with each new sample, or each so many seconds: --watch=30",
    )  # fmt: skip


def _add_exit(parser: Parser) -> None:
    group = parser.add_argument_group("exit code")
    group.add_argument(
        "--fail-on",
        metavar="EXPR",
        help="exit with 10 where a row matches (as --where)",
    )
    group.add_argument(
        "--strict", action="store_true",
        help="exit with 4 where a value that should be there is missing or partial",
    )  # fmt: skip


PODS: Final = _ViewCommand(
    description="""\
Show every pod: what it uses beside what it requests and may use, its status as
'kubectl get pods' has it, and where there is no usage the reason why.

A '-' is not known. '~' is a lower bound: a container was not measured, or (limits) has
none. '!' is an old sample. CPU is rounded up, memory and percentages down.""",
    examples="""\
  kubemetrics pods
  kubemetrics pods -A --sort -mem.usage --top 10
  kubemetrics pods -n 'team-*' --exclude-namespace team-b --sum
  kubemetrics pods -A --where 'mem.pct_limit > 80 and namespace != "kube-system"'
  kubemetrics pods -A --by node,label:app
  kubemetrics pods --node worker-1 -L app,tier -o wide
  kubemetrics pods -A -o json | jq '.items[] | select(.reason)'
  kubemetrics pods -A --where 'mem.pct_limit >= 95' --fail-on 'mem.pct_limit >= 95'
  kubemetrics pods --watch""",
    names="pods by name",
    by="node,label:app",
).spec(_pods)

CONTAINERS: Final = _ViewCommand(
    description="""\
Show every container of the pods: regular ones, sidecars, init and ephemeral ones, each
with its own usage, requests and limits, or with the reason why it has no usage.""",
    examples="""\
  kubemetrics containers
  kubemetrics containers web-0
  kubemetrics containers -A --sort -mem.pct_limit --top 20
  kubemetrics containers -A --where 'type == sidecar' --sum
  kubemetrics containers -A --where 'mem.unlimited > 0' -o csv""",
    names="of these pods",
    by="owner,container",
).spec(_containers)

NODES: Final = _ViewCommand(
    description="""\
Show every node: its usage, the system's included, and what its pods request and may
use, all as shares of what it offers to pods (allocatable).

%NODE is usage, %REQ the requests and %LIM the limits of its pods, FREE what pods may
still request. With -o wide: capacity, what is reserved, and usage less that of the
pods (REST).""",
    examples="""\
  kubemetrics nodes
  kubemetrics nodes worker-1 -o wide
  kubemetrics nodes -l pool=batch -L topology.kubernetes.io/zone
  kubemetrics nodes --where 'mem.pct_node > 80 or status != Ready'
  kubemetrics nodes --sort -cpu.headroom --sum
  kubemetrics nodes --all-contexts""",
    names="nodes by name",
    of_nodes=True,
).spec(_nodes)

NAMESPACES: Final = _ViewCommand(
    description="""\
Show what the pods of each namespace use, request and may use, all namespaces unless
one is named. '~' is a lower bound: pods that run are not measured, or have no limit.\
""",
    examples="""\
  kubemetrics namespaces --sort -mem.usage
  kubemetrics namespaces 'team-*' --sum
  kubemetrics namespaces --by node
  kubemetrics namespaces -o prometheus > /var/lib/node_exporter/kubemetrics.prom""",
    names="namespaces by name",
    by="node: that key beside the namespace",
    labels=False,
    sums="namespaces",
).spec(_pods)

WORKLOADS: Final = _ViewCommand(
    description="""\
Show what the pods of each workload use, request and may use: of Deployments (found
through their ReplicaSets' names), StatefulSets, DaemonSets, Jobs and CronJobs; a pod
that nothing owns stands for itself. MIN and MAX are those of a single replica.""",
    examples="""\
  kubemetrics workloads
  kubemetrics workloads deployment/api 'web-*'
  kubemetrics workloads -A --sort -cpu.usage --top 10
  kubemetrics workloads -A --where 'owner.kind == DaemonSet' --sum
  kubemetrics workloads -A --where 'mem.usage > mem.requests' -o csv""",
    names="workloads, as api or deployment/api",
    by="node: that key beside the workload",
    labels=False,
    sums="workloads",
).spec(_pods)
