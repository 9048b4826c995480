"""The flags that all joined views share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..commandline.parser import Parser

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


def add_arguments(parser: Parser, *, name: str, namespaced: bool = True) -> None:
    """Declare them; *name* is what a NAME on the command line names."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{name}; globs such as 'api-*' too"
    )
    _add_selection(parser, namespaced=namespaced)
    _add_rows(parser)
    _add_output(parser)
    _add_exit(parser)


def add_labels(parser: Parser) -> None:
    """Declare ``-L``, for rows that have labels."""
    parser.add_argument(
        "-L", "--label-columns", action="append", default=[], metavar="KEY",
        help="show this label in a column; may be repeated, or a list with commas",
    )  # fmt: skip


def add_by(parser: Parser, example: str) -> None:
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
