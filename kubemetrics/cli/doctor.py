"""``kubemetrics doctor``: why there are no metrics, and what to do."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from . import console
from .parser import Parser

DESCRIPTION: Final = """\
Find out what is the matter, from the configuration up to single samples: what is wrong,
what shows it, and what to do. It asks only what may be asked, changes nothing, and
exits with 1 where something is a problem."""
EXAMPLES: Final = """\
  kubemetrics doctor
  kubemetrics doctor --context staging -n team-a
  kubemetrics doctor -o json | jq '.findings[] | select(.severity == "problem")'
  kubemetrics doctor -o manifest | less"""


def add_arguments(parser: Parser) -> None:
    """Declare the output format."""
    parser.add_argument(
        "-o", "--output", choices=("text", "json", "manifest"), default="text",
        metavar="FORMAT",
        help="text (the default), json, or manifest: the YAML of the roles that are"
        " missing, and nothing else",
    )  # fmt: skip
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto",
        metavar="WHEN",
        help="always, never or auto: on a terminal, unless NO_COLOR is set",
    )  # fmt: skip


def run(args: Namespace) -> int:
    """Print what was found; 1 where something is a problem.

    Raises:
        UsageError: a flag is wrong.
    """
    from ..output.doctor import json_text, text_lines  # noqa: PLC0415 - not for --help
    from .examination import examine  # noqa: PLC0415
    from .terminal import terminal  # noqa: PLC0415

    diagnosis = examine(args)
    verdict = 0 if diagnosis.healthy else 1
    if args.output == "json":
        return console.put((f"{json_text(diagnosis)}\n",), verdict)
    if args.output == "manifest":
        if not diagnosis.manifest:
            console.complain(_no_manifest(healthy=diagnosis.healthy))
        return console.put((diagnosis.manifest,), verdict)
    screen = terminal(args.color)
    lines = text_lines(diagnosis, width=screen.width, colour=screen.colour)
    return console.put((f"{line}\n" for line in lines), verdict)


def _no_manifest(*, healthy: bool) -> str:
    if healthy:
        return "no role is missing"
    return "no role to print: something else is wrong; kubemetrics doctor says what"
