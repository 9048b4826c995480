"""``kubemetrics top`` alone: which kinds there are."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from ..commandline.parser import SEE_EXAMPLES, HelpWanted, Parser, UsageError

DESCRIPTION: Final = """\
Show what pods or nodes use now, byte for byte as 'kubectl top' shows it.

  pods    usage of pods (aliases: pod, po)
  nodes   usage of nodes (aliases: node, no)"""
EXAMPLES: Final = """\
  kubemetrics top pods -A --sort-by=memory
  kubemetrics top nodes"""


def add_arguments(parser: Parser) -> None:
    """Take whatever stands there, to say what is wrong with it."""
    parser.add_argument("kind", nargs="*", help="pods or nodes")


def run(args: Namespace) -> int:
    """Show the help: a kind is missing, or there is no such kind.

    Raises:
        UsageError: a kind is named, and it is neither pods nor nodes.
        HelpWanted: none is named.
    """
    if args.kind:
        raise UsageError(f'unknown command "{args.kind[0]}"', see=SEE_EXAMPLES)
    raise HelpWanted(mistake=True)
