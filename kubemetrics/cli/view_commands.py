"""The joined views as commands: five records, their flags, and what the flags mean.

A record is a view's help and names; `plan` turns its parsed flags into a `Plan`, which
`run` carries out.
"""

# ruff: noqa: PLC0415 - for a help text, and for completion, no rows are shown
from __future__ import annotations

from argparse import SUPPRESS, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from ..commandline import CommandSpec, Parser, UsageError, whole_number
from ..frozen import dataclass
from ..text import field_value

if TYPE_CHECKING:
    from ..console import Terminal
    from ..snapshot import SnapshotOptions
    from ..snapshot.parts import Scope
    from ..table.columns import Arrangement, Column, Table, TotalCell
    from ..table.expressions import Expression
    from ..table.render import TableOptions
    from ..views.costs import Prices
    from ..views.view import RowSelection, View

R = TypeVar("R")
T = TypeVar("T")


class _ViewCommand(NamedTuple):
    """One view as a command.

    *names* says what a NAME on its command line names, *by* gives an example of
    ``--by``, empty where rows have no roll-up. *sums* is the base of a view that always
    sums up (see `views.groups.BASES`), or ``cluster``. Rows with *labels* take ``-L``,
    and *tree* says what ``--tree`` shows.
    """

    description: str
    examples: str
    names: str
    by: str = ""
    labels: bool = True
    of_nodes: bool = False
    sums: str = ""
    tree: str = ""

    def spec(self, view: Callable[[], View[Any]]) -> CommandSpec:
        """Return what the command line needs; *view* makes the view of single rows."""

        def view_of(args: Namespace) -> View[Any]:
            if getattr(args, "tree", False):
                return _tree(args, self.sums or view().named)
            sums = self.sums or (self.by and args.by)
            made = self._summed(args) if sums else view()
            return made if args.price is None else _priced(made, args)

        def run(args: Namespace) -> int:
            from .naming import canonical
            from .run import run as show

            made = view_of(args)
            names = [canonical(name, made.named) for name in args.names]
            return show(Namespace(**{**vars(args), "names": names}), made)

        def table(args: Namespace) -> Table[Any]:
            return view_of(args).table

        return CommandSpec(
            self.description, self.examples, self._declare, run, table=table
        )

    def _summed(self, args: Namespace) -> View[Any]:
        """Return the roll-up by the keys of *sums* and then those of ``--by``."""
        keys = _keys(args)
        try:
            if self.of_nodes:
                from ..views.node_groups import node_group_view

                return node_group_view(keys)
            from ..views.groups import group_view

            return group_view(keys, self.sums or "pods")
        except ValueError as error:
            raise UsageError(f"--by: {error}") from None

    def _declare(self, parser: Parser) -> None:
        _add_arguments(parser, name=self.names, namespaced=not self.of_nodes)
        if self.labels:
            _add_labels(parser)
        if self.by:
            _add_by(parser, self.by, of_nodes=self.of_nodes)
        if self.tree:
            parser.add_argument("--tree", action="store_true", help=self.tree)


def _pods() -> View[Any]:
    from ..views.pods import pod_view

    return pod_view()


def _containers() -> View[Any]:
    from ..views.containers import container_view

    return container_view()


def _nodes() -> View[Any]:
    from ..views.nodes import node_view

    return node_view()


def _priced(view: View[R], args: Namespace) -> View[R]:
    from ..views.costs import priced

    return priced(view, prices_of(args))


def prices_of(args: Namespace) -> Prices:
    """Return what ``--price`` gives.

    Raises:
        UsageError: it is something else.
    """
    from ..views.costs import Prices

    return _of_flag("--price", lambda: Prices.parse(args.price))


def _tree(args: Namespace, kind: str) -> View[Any]:
    """Return the tree of a *kind* of rows.

    Raises:
        UsageError: a flag has no meaning for a tree.
    """
    from ..views.trees import tree_view

    refused = {
        "--by": getattr(args, "by", ""), "--having": getattr(args, "having", None),
        "--unused": getattr(args, "unused", False), "--fail-on": args.fail_on,
        "--all-contexts": args.all_contexts, "a second --context": len(
            args.contexts or ()) > 1,
        f"-o {args.output}": is_machine(args.output) or args.output == "name",
    }  # fmt: skip
    for flag in filter(refused.get, refused):
        raise UsageError(f"{flag} does not go with --tree, which is for people to read")
    if args.price is None:
        return tree_view(kind, lambda table: table)
    from ..views.costs import priced_table

    prices = prices_of(args)
    return tree_view(kind, lambda table: priced_table(table, prices))


def _keys(args: Namespace) -> list[str]:
    """Return the keys of ``--by``."""
    if getattr(args, "label_columns", None):
        raise UsageError("-L shows labels of rows; to sum up by one: --by label:NAME")
    return [_key(word) for word in _words(getattr(args, "by", ""))]


def _key(word: str) -> str:
    """Return the key of a group for *word*, which may be the key of its column."""
    return {"priority_class": "priority-class", "ns": "namespace"}.get(word, word)


PODS: Final = _ViewCommand(
    description="""\
Show every pod: what it uses beside what it requests and may use, its status as
'kubectl get pods' has it, and where there is no usage the reason why.

A '-' is a value that is not known. '~' marks a lower bound: a container was not
measured, or has no limit. '!' marks an old sample. '*' marks a percentage of other
amounts than those beside it: of the containers that run, were measured and have the
amount. CPU is rounded up, memory and percentages are rounded down.""",
    examples="""\
  kubemetrics pods
  kubemetrics pods -A --sort -mem.usage --top 10
  kubemetrics pods -n 'team-*' --exclude-namespace team-b --sum
  kubemetrics pods -A --where 'mem.pct_limit > 80 and namespace != "kube-system"'
  kubemetrics pods -A --by node,label:app
  kubemetrics pods --node worker-1 -L app,tier -o full
  kubemetrics pods -A -o json | jq '.items[] | select(.reason)'
  kubemetrics pods -A --where 'mem.pct_limit >= 95' --fail-on 'mem.pct_limit >= 95'
  kubemetrics pods --watch""",
    names="pods by name",
    by="node,label:app",
    tree="each pod, and below it its containers",
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

CPU% is usage, CPU-REQ% the requests and CPU-LIM% the limits of its pods,
in % of allocatable, CPU-ROOM what pods may still request; so for memory (MEM). With
-o full: capacity, what is reserved, and usage less that of the pods (REST).""",
    examples="""\
  kubemetrics nodes
  kubemetrics nodes worker-1 -o full
  kubemetrics nodes -l pool=batch -L topology.kubernetes.io/zone
  kubemetrics nodes --where 'mem.pct_node > 80 or status != Ready'
  kubemetrics nodes --sort -cpu.headroom --top 5
  kubemetrics nodes --by pool,placement
  kubemetrics nodes --columns name,allocatable:nvidia.com/gpu,headroom:nvidia.com/gpu
  kubemetrics nodes --all-contexts""",
    names="nodes by name",
    by="pool,placement",
    of_nodes=True,
    tree="each node, below it its pods, and their containers",
).spec(_nodes)

CLUSTER: Final = _ViewCommand(
    description="""\
Show the whole cluster in one row: its nodes, what they use and offer to pods, and what
their pods request and may use; with names or -l, the nodes that are chosen.

OPEN nodes take any pod: Ready, not cordoned, without a taint that keeps pods away.\
""",
    examples="""\
  kubemetrics cluster
  kubemetrics cluster --all-contexts
  kubemetrics cluster -o json | jq '.items[0].cpu.pct_request'
  kubemetrics cluster --fail-on 'cpu.pct_request > 90'""",
    names="nodes by name",
    labels=False,
    of_nodes=True,
    sums="cluster",
).spec(_nodes)

NAMESPACES: Final = _ViewCommand(
    description="""\
Show what the pods of each namespace use, request and may use, all namespaces unless
one is named. '~' marks a lower bound: running pods are not measured, or have no limit.
'*' marks a percentage of other amounts than those beside it: of what was measured.\
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
    tree="each namespace, below it its workloads, their pods and containers",
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
  kubemetrics workloads -A --unused
  kubemetrics workloads -A --where 'owner.kind == DaemonSet' --sum
  kubemetrics workloads -A --where 'qos == BestEffort'
  kubemetrics workloads -A --where 'restarts > 0' --having 'count > 1'
  kubemetrics workloads -A --where 'mem.usage > mem.requests' -o csv""",
    names="workloads, as api or deployment/api",
    by="node: that key beside the workload",
    labels=False,
    sums="workloads",
    tree="each workload, below it its pods, and their containers",
).spec(_pods)


_EXPRESSIONS: Final = """\
EXPR compares columns, with == != < <= > >=, to amounts (250m, 1.5Gi), to per
cent, ages (90s, 2d), words or other columns, and with =~ !~ to globs; 'and',
'or', 'not' and parentheses combine. 'mem.requests - mem.usage > 1Gi' reckons with
columns of one unit. What is not known never matches; '== none' asks for it. 'cpu'
and 'mem' are short for the usage; headers are names of columns too."""
OUTPUTS: Final = (
    "table",
    "wide",
    "json",
    "yaml",
    "ndjson",
    "csv",
    "tsv",
    "md",
    "prometheus",
    "name",
    "full",
)


def _add_arguments(parser: Parser, *, name: str, namespaced: bool = True) -> None:
    """Declare the flags that all views have; *name* says what a NAME names."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{name}; globs such as 'api-*' too"
    )
    _add_selection(parser, namespaced=namespaced)
    _add_rows(parser, namespaced=namespaced)
    _add_output(parser)
    _add_past(parser)
    _add_exit(parser)


def add_figures(parser: Parser, *formats: str) -> None:
    """Declare the flags of rows of a range: where, order, output, exit code.

    *formats* are those that other views have not.
    """
    _add_rows(parser, namespaced=False)
    _add_output(parser, formats, of_range=True)
    _add_exit(parser)


def _add_labels(parser: Parser) -> None:
    """Declare ``-L``, for rows that have labels."""
    parser.add_argument(
        "-L", "--label-columns", action="append", default=[], metavar="KEY",
        help="show this label in a column; may be repeated, or a list with commas",
    )  # fmt: skip


def _add_by(parser: Parser, example: str, *, of_nodes: bool) -> None:
    """Declare ``--by``, and for pods ``--having``."""
    keys = _NODE_KEYS if of_nodes else _POD_KEYS
    parser.add_argument(
        "--by", default="", metavar="KEY[,KEY...]",
        help=f"sum up by {keys} or label:NAME, as {example}",
    )  # fmt: skip
    if not of_nodes:
        parser.add_argument(
            "--having", metavar="EXPR",
            help="sums for which this holds; --where then chooses what is summed"
        )  # fmt: skip


_POD_KEYS: Final = "namespace, node, owner, pod, container, qos, priority-class"
_NODE_KEYS: Final = (
    "zone, region, instance-type, pool, arch, os, version, placement (open, tainted,"
    " cordoned, notready)"
)


def _add_selection(parser: Parser, *, namespaced: bool) -> None:
    group = parser.add_argument_group("which")
    group.add_argument(
        "-A", "--all-namespaces", action="store_true",
        help="of all namespaces; -n may be repeated, or be a glob"
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
        "--chunk-size", default="1000", metavar="N",
        help="pods per request (1000); 0 for all in one",
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


def _add_rows(parser: Parser, *, namespaced: bool) -> None:
    group = parser.add_argument_group("rows and columns", _EXPRESSIONS)
    group.add_argument(
        "--where", metavar="EXPR",
        help="rows for which this holds, as 'mem.pct_limit > 80 and not name =~ web-*'",
    )  # fmt: skip
    group.add_argument(
        "--sort", "--sort-by", default="", metavar="KEY[,KEY]",
        help="by these columns, amounts with the largest first, texts A to Z; +KEY and"
        " -KEY: rising, falling",
    )  # fmt: skip
    group.add_argument(
        "--top", metavar="N", help="the first N rows, by cpu unless sorted otherwise"
    )
    group.add_argument(
        "--columns", default="", metavar="KEY[,KEY...]",
        help="these columns, or +KEY,-KEY: more and less; 'help' lists them",
    )  # fmt: skip
    if namespaced:
        group.add_argument(
            "--unused", action="store_true",
            help="requests beside usage, and what of them is not used; most of it first"
        )  # fmt: skip
    group.add_argument(
        "--price", metavar="cpu=N,memory=N",
        help="what a core-hour and a GiB-hour cost: columns of what is requested or"
        " used, and of what is unused; currency=EUR as well",
    )  # fmt: skip
    group.add_argument("--sum", action="store_true", help="a last row with the totals")
    group.add_argument("--no-headers", action="store_true", help="no header line")


_CUSTOM: Final = "custom-columns="


class _Outputs(tuple[str, ...]):
    """The formats; the columns of ``custom-columns=`` are part of its name."""

    __slots__ = ()

    def __contains__(self, word: object) -> bool:
        """Tell whether there is such a format."""
        custom = isinstance(word, str) and word.startswith(_CUSTOM)
        return custom or super().__contains__(word)


def _add_output(
    parser: Parser, more: tuple[str, ...] = (), *, of_range: bool = False
) -> None:
    """Declare the flags of output; a range has no names, and none can be watched."""
    group = parser.add_argument_group("output")
    own = "".join(f"{name}, " for name in more)
    group.add_argument(
        "-o", "--output", choices=_Outputs((*OUTPUTS, *more)), default="table",
        metavar="FORMAT",
        help="table (the default), wide (200 characters), full (all columns), json,"
        " yaml, ndjson, csv and tsv (a text that a spreadsheet would run has a ' before"
        " it),"
        f" md, {own}prometheus, {'' if of_range else 'name, '}or"
        " custom-columns=HEADER:.path,...",
    )  # fmt: skip
    group.add_argument(
        "--units", default="auto", metavar="UNIT",
        help="m or cores, and Ki, Mi or Gi, as m,Gi; raw; auto (one unit a resource)",
    )  # fmt: skip
    group.add_argument(
        "--thresholds", default="70,90", metavar="WARNING,CRITICAL",
        help="the percentages from which a share is yellow, and red",
    )  # fmt: skip
    group.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto",
        metavar="WHEN",
        help="always, never or auto: on a terminal, unless NO_COLOR is set",
    )  # fmt: skip
    group.add_argument(
        "-w", "--watch", nargs="?", const="", metavar="SECONDS",
        help=SUPPRESS if of_range
        else "show each new sample, or read every N seconds: --watch=30",
    )  # fmt: skip


def _add_past(parser: Parser) -> None:
    group = parser.add_argument_group("the past; no server is asked")
    group.add_argument(
        "--from", dest="files", action="append", default=[], metavar="FILE",
        help="of a file of kubemetrics record, or the -o json of pods, containers or"
        " nodes (- for stdin); may be repeated; of all its namespaces without -n",
    )  # fmt: skip
    group.add_argument(
        "--at", metavar="TIME",
        help="as it was then: 2026-11-25T14:05:00Z, '2026-11-25 14:05', 14:05, or 3h"
        " ago; without --from of the file that the context is recorded into",
    )  # fmt: skip


def _add_exit(parser: Parser) -> None:
    group = parser.add_argument_group("exit code")
    group.add_argument(
        "--fail-on",
        metavar="EXPR",
        help="exit with 10 if a row that --where leaves matches; show those only",
    )
    group.add_argument(
        "--all", action="store_true", help="with --fail-on, show the other rows too"
    )
    group.add_argument(
        "--strict", action="store_true",
        help="exit with 4 if a value that should be there is missing or partial",
    )  # fmt: skip


MACHINES: Final = frozenset(
    {"json", "yaml", "ndjson", "csv", "tsv", "prometheus", "custom-columns"}
)
"""The outputs that have every column and no marks."""


def is_machine(output: str) -> bool:
    """Whether ``-o`` *output* has every column and no marks."""
    return output.partition("=")[0] in MACHINES


WHOLE: Final = frozenset({"PodUsage", "ContainerUsage", "NodeUsage"})
"""The kinds of rows that are no sums: of their JSON every view can be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[R]):
    """What a command line asks for.

    *arrange* keeps and orders rows. *where* and *fail_on* are its conditions: of the
    rows that are kept, and of those that make the command fail; *only_matching* shows
    no others. *watched*: rounds follow each other. *columns* were named, or are none;
    *more* are shown beside the usual ones, those of the keys in *less* are not;
    *labels* are shown beside any.
    """

    view: View[R]
    selection: RowSelection
    arrange: Arrangement[R]
    where: Expression[R] | None
    fail_on: Expression[R] | None
    only_matching: bool
    watched: bool
    columns: tuple[Column[R], ...]
    more: tuple[Column[R], ...]
    less: frozenset[str]
    labels: tuple[Column[R], ...]
    output: str
    template: str
    table_options: TableOptions

    @property
    def scope(self) -> Scope:
        """Which namespaces are read and shown."""
        return self.selection.scope

    @property
    def whole(self) -> bool:
        """Whether all that was read is shown, row by row: it can be read back then."""
        narrowed = self.where or self.fail_on or self.columns or self.watched
        return (
            self.view.table.kind in WHOLE
            and not narrowed
            and self.arrange.top is None
            and self.selection.everything
        )

    @property
    def machine(self) -> bool:
        """Whether the output is for a program."""
        return self.output in MACHINES or self.output == "name"

    def settled(self, rows: Sequence[R]) -> Plan[R]:
        """Return the plan with the units that suit all *rows* that were read."""
        units = self.table_options.units.settled(self.view.table.columns, rows)
        return replace(self, table_options=replace(self.table_options, units=units))

    def shown(self, rows: Sequence[R]) -> tuple[Column[R], ...]:
        """Return the columns to show of *rows*.

        The column of the namespace is left out where the scope has just one.
        """
        from ..table.columns import unique

        table = self.view.table
        if self.columns:
            return unique((*self.columns, *self.labels))
        if self.output in MACHINES:
            return (*table.columns, *self.labels)
        full = self.output in {"wide", "full"}
        hidden = not full and self.scope.single and len(table.identity) > 1
        less = {*self.less, *(c.key for c in self.more)}
        less |= {"namespace"} if hidden else set()
        usual = table.wide(rows) if full else table.plain(rows)
        kept = (column for column in usual if column.key not in less)
        return _reasons_last(*kept, *self.more, *self.labels)

    def totals(self, rows: Sequence[R]) -> Mapping[str, TotalCell]:
        """Return the cells of a row of totals that are no sums, if one is shown."""
        return self.view.table.totals(rows) if self.table_options.total else {}


def _reasons_last(*columns: Column[R]) -> tuple[Column[R], ...]:
    """Put the columns behind the others that say why something is missing."""
    return tuple(sorted(columns, key=lambda column: column.last))


def plan(args: Namespace, view: View[R], terminal: Terminal) -> Plan[R]:
    """Return what the parsed flags *args* ask of *view*.

    Raises:
        UsageError: the value of a flag is wrong.
    """
    from ..views.view import RowSelection

    table = view.table
    _check_names(args.names)
    keep, where = _conditions(args, view)
    watched = args.watch is not None
    unused = getattr(args, "unused", False)
    if unused:
        args = Namespace(**{**vars(args), "sort": args.sort or _GAP, "sum": True})
    named = _words(args.columns)
    more, less = _changes(table, named)
    fixed = bool(named) and not (more or less)
    labels = [f"label:{word}" for word in _words(",".join(_labels(args)))]
    return Plan(
        view=view,
        selection=RowSelection(
            names=tuple(args.names), scope=_scope(args, view), keep=keep
        ),
        arrange=_arrange(args, view, where),
        where=where,
        fail_on=_expression("--fail-on", args.fail_on, table),
        only_matching=bool(args.fail_on) and not (args.all or watched),
        watched=watched,
        columns=(_need("--columns", table, named) if fixed else ())
        or (_unused_columns(args, view) if unused else ()),
        more=tuple(replace(column, keep=_ASKED) for column in more),
        less=frozenset(column.key for column in less),
        labels=tuple(map(table.need, labels)),
        output=args.output.partition("=")[0],
        template=_template(args.output),
        table_options=_table_options(args, view, terminal, fixed=fixed),
    )


_ASKED: Final = 99
"""The `keep` of a column that was asked for: it never leaves."""


def _need(flag: str, table: Table[R], names: Sequence[str]) -> tuple[Column[R], ...]:
    return _of_flag(flag, lambda: tuple(map(table.need, names)))


def _changes(
    table: Table[R], words: Sequence[str]
) -> tuple[tuple[Column[R], ...], tuple[Column[R], ...]]:
    """Return the columns to add (``+KEY``) and to take away (``-KEY``)."""
    signed = [word for word in words if word[0] in "+-"]
    if signed and len(signed) < len(words):
        raise UsageError("--columns: a list of columns, or changes with + and -")
    more, less = ([w[1:] for w in signed if w[0] == sign] for sign in "+-")
    return _need("--columns", table, more), _need("--columns", table, less)


_GAP: Final = "-cpu.unused"
"""The order of ``--unused``."""
_KEEP: Final = {"unused": 95, "requests": 70}
"""The `keep` of columns that are no details there."""
_UNUSED: Final = ("usage", "requests", "pct_request", "unused")


def _unused_columns(args: Namespace, view: View[R]) -> tuple[Column[R], ...]:
    """Return the columns of ``--unused``; a program gets all there are."""
    if args.output in MACHINES:
        return ()
    names = ["context", *view.table.identity, "count", "coverage.measured"]
    if _scope(args, view).single:
        names.remove("namespace")
    amounts = [f"{of}.{key}" for of in ("cpu", "mem") for key in _UNUSED]
    costs = ["cost.hour", "cost.unused"] if args.price is not None else []
    found = map(view.table.get, dict.fromkeys([*names, *amounts, *costs, "reason"]))
    return tuple(replace(c, keep=_KEEP.get(c.path[-1], c.keep)) for c in found if c)


def _template(output: str) -> str:
    """Return the columns of ``-o custom-columns=``, checked."""
    if not output.startswith(_CUSTOM):
        return ""
    from ..table.machine import custom_columns

    spec = output.removeprefix(_CUSTOM)
    _of_flag("-o custom-columns", lambda: custom_columns(spec))
    return spec


def reads(args: Namespace, plan: Plan[R]) -> Callable[[str], SnapshotOptions]:
    """Return a function that gives what to read; it takes the context's namespace.

    Raises:
        UsageError: the value of a flag is wrong.
    """
    selector = args.selector or None
    chunk_size = whole_number("--chunk-size", args.chunk_size)
    name, fields = _one_name(args), _fields(args, plan.view)

    def options(own: str) -> SnapshotOptions:
        if plan.view.of_nodes:
            return {
                "node_selector": selector,
                "node": name,
                "reconcile": True,
                "chunk_size": chunk_size,
            }
        return {
            "namespace": plan.scope.within(own).namespaces,
            "label_selector": selector,
            "field_selector": fields,
            "node": args.node or None,
            "chunk_size": chunk_size,
        }

    return options


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if "," in name:
            raise UsageError(
                f'"{name[:100]}" cannot be a name: blanks, not commas, separate names'
            )


def _check_namespaces(flag: str, names: Sequence[str]) -> None:
    for name in names:
        if "," in name:
            each = " ".join(f"{flag} {one}" for one in _words(name[:100]))
            raise UsageError(f"{flag} takes one namespace; it may be repeated: {each}")


def _of_flag(flag: str, read: Callable[[], T]) -> T:
    """Read the value of *flag*; the error of a wrong one names the flag."""
    try:
        return read()
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def _arrange(
    args: Namespace, view: View[R], keep: Expression[R] | None
) -> Arrangement[R]:
    from ..table.columns import arrangement

    sort, table = _words(args.sort), view.table
    top = None if args.top is None else whole_number("--top", args.top)
    made = _of_flag("--sort", lambda: arrangement(table, keep=keep, sort=sort, top=top))
    return made if view.arranged is None else view.arranged(made)


def _conditions(
    args: Namespace, view: View[R]
) -> tuple[Expression[Any] | None, Expression[R] | None]:
    """Return which members a view of sums adds up, and which of its rows it shows.

    ``--where`` is of the rows, unless it names a column that only members have, or
    ``--having`` is there for the rows.
    """
    having: str | None = getattr(args, "having", None)
    if view.members is None:
        if having is not None:
            raise UsageError("--having is of sums: --by KEY makes them")
        return None, _expression("--where", args.where, view.table)
    if having is None and not _of_members(args.where, view):
        return None, _expression("--where", args.where, view.table)
    return (
        _expression("--where", args.where, view.members),
        _expression("--having", having, view.table),
    )


def _of_members(text: str | None, view: View[R]) -> bool:
    """Whether an expression is of what is summed: it names a column of that alone.

    Raises:
        UsageError: it names one that only sums have as well.
    """
    from ..table.expressions import ExpressionError, where

    if text is None or view.members is None:
        return False
    try:
        where(text, view.table)
    except ExpressionError as of_sums:
        try:
            where(text, view.members)
        except ExpressionError as of_members:
            alone, summed = of_sums.word, of_members.word
            mixed = alone != summed and view.table.get(summed)
            if mixed and view.members.get(alone):
                nouns, members = view.table.nouns, view.members.nouns
                raise UsageError(
                    f"--where: {alone} is of {members}, {summed} of {nouns}: give what"
                    f" is of {nouns} to --having",
                ) from None
            return False
        return True
    return False


def _expression(flag: str, text: str | None, table: Table[R]) -> Expression[R] | None:
    if text is None:
        return None
    from ..table.expressions import ExpressionError, where

    try:
        return where(text, table)
    except ExpressionError as error:
        raise UsageError(f"{flag}: {error}", pointer=error.pointer) from None


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _labels(args: Namespace) -> list[str]:
    found: list[str] = getattr(args, "label_columns", [])
    return found


def _table_options(
    args: Namespace, view: View[R], terminal: Terminal, *, fixed: bool
) -> TableOptions:
    from ..table.columns import Units
    from ..table.render import TOTAL, TableOptions, Thresholds

    whole = _shows_cluster(args, view)
    units = _of_flag("--units", lambda: Units.parse(args.units))
    thresholds = _of_flag("--thresholds", lambda: Thresholds.parse(args.thresholds))
    return TableOptions(
        units=units,
        width={"wide": _WIDE, "full": None, "md": None}.get(
            args.output, terminal.width
        ),
        fixed=fixed,
        colour=thresholds if terminal.colour else None,
        headers=not args.no_headers,
        total=args.sum or whole,
        total_first=view.of_nodes,
        total_name="cluster" if whole else TOTAL,
    )


def _shows_cluster(args: Namespace, view: View[R]) -> bool:
    """Whether the first row is that of the cluster: where all its nodes are shown."""
    narrowed = (
        args.names, args.selector, args.where, args.fail_on, args.top, args.no_headers,
        args.columns and not args.sum, args.all_contexts, (args.contexts or ())[1:],
    )  # fmt: skip
    return view.cluster_first and not any(narrowed)


_WIDE: Final = 200
"""What ``-o wide`` holds, wherever it is printed: a line of a wide terminal."""


def _scope(args: Namespace, view: View[R]) -> Scope:
    """Decide which namespaces are read and shown; nodes have none."""
    from ..snapshot.parts import Scope

    if view.of_nodes:
        return Scope()
    excluded = tuple(args.exclude_namespace)
    _check_namespaces("-n", args.namespaces or ())
    _check_namespaces("--exclude-namespace", excluded)
    if args.all_namespaces:
        return Scope(excluded=excluded)
    everywhere = view.everywhere or bool(args.files)
    return Scope.of_words(args.namespaces or (), excluded, everywhere=everywhere)


def _one_name(args: Namespace) -> str | None:
    """Return the name, if there is just one and no glob."""
    from ..snapshot.parts import is_glob

    names: list[str] = args.names
    single = len(names) == 1 and not is_glob(names[0]) and "/" not in names[0]
    return names[0] if single else None


def _fields(args: Namespace, view: View[R]) -> str | None:
    if view.of_nodes:
        return None
    name = _one_name(args) if view.pods_by_name else None
    fields = [f"metadata.name={field_value(name)}"] if name else []
    return ",".join(filter(None, [args.field_selector, *fields])) or None
