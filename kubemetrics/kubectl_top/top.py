"""``kubemetrics top`` alone, and what ``top pods`` and ``top nodes`` share."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from ..commandline import SEE_EXAMPLES, CommandSpec, HelpWanted, Parser, UsageError
from .output import KubectlError


def add_arguments(parser: Parser, kind: str) -> None:
    """Declare kubectl's flags that both kinds have."""
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


def one_name(args: Namespace, kind: str) -> str:
    """Return the name, or nothing.

    Raises:
        UsageError: there are several.
    """
    names: list[str] = args.names
    if len(names) > 1:
        raise UsageError(f"{kind} [NAME | -l label]", see=SEE_EXAMPLES)
    return names[0] if names else ""


def check(args: Namespace, name_and_selector: str) -> None:
    """Check the flags in kubectl's order.

    Raises:
        KubectlError: they do not go together, or a selector is malformed.
    """
    if args.sort_by not in {"", "cpu", "memory"}:
        raise KubectlError("error: --sort-by accepts only cpu or memory")
    field_selector: str = getattr(args, "field_selector", "")
    if not (args.selector or field_selector):
        return
    if any(args.names):
        raise KubectlError(f"error: {name_and_selector}")
    from .selectors import check_fields, check_labels  # noqa: PLC0415 - rarely needed

    try:
        check_labels(args.selector)
        check_fields(field_selector)
    except ValueError as error:
        raise KubectlError(f"error: {error}") from None


_DESCRIPTION: Final = """\
Show what pods or nodes use now, byte for byte as 'kubectl top' shows it.

  pods    usage of pods (aliases: pod, po)
  nodes   usage of nodes (aliases: node, no)"""
_EXAMPLES: Final = """\
  kubemetrics top pods -A --sort-by=memory
  kubemetrics top nodes"""


def _add_kind(parser: Parser) -> None:
    """Take whatever stands there, to say what is wrong with it."""
    parser.add_argument("kind", nargs="*", help="pods or nodes")


def _run(args: Namespace) -> int:
    """Show the help: a kind is missing, or there is no such kind.

    Raises:
        UsageError: a kind is named, and it is neither pods nor nodes.
        HelpWanted: none is named.
    """
    if args.kind:
        raise UsageError(f'unknown command "{args.kind[0]}"', see=SEE_EXAMPLES)
    raise HelpWanted(mistake=True)


COMMAND: Final = CommandSpec(_DESCRIPTION, _EXAMPLES, _add_kind, _run)
