"""``kubemetrics config contexts``: the contexts of the kubeconfig."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from ..commandline import console
from ..commandline.connect import last
from ..commandline.parser import Parser
from ..config.kubeconfig import ContextEntry, list_contexts
from ..table.render import plain_table

DESCRIPTION: Final = """\
List the contexts of the kubeconfig files; an asterisk marks the current one."""
EXAMPLES: Final = """\
  kubemetrics config contexts
  kubemetrics config contexts --kubeconfig staging.yaml -o json
  kubemetrics config contexts -o name"""


def add_arguments(parser: Parser) -> None:
    """Declare the output format."""
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json", "name"),
        default="table",
        help="table (the default), json or name",
    )


def run(args: Namespace) -> int:
    """Print the list.

    Raises:
        ConfigError: a kubeconfig cannot be read at all.
    """
    entries = list_contexts(args.kubeconfig, context=last(args.contexts))
    return console.put((_FORMATS[args.output](entries),))


def _table(entries: tuple[ContextEntry, ...]) -> str:
    head = ("CURRENT", "NAME", "CLUSTER", "USER", "NAMESPACE")
    rows = [
        ("*" if e.current else "", e.name, e.cluster, e.user, e.namespace)
        for e in entries
    ]
    return plain_table([head, *rows])


def _names(entries: tuple[ContextEntry, ...]) -> str:
    return "".join(plain_table([[entry.name]]) for entry in entries)


def _json(entries: tuple[ContextEntry, ...]) -> str:
    import json  # noqa: PLC0415 - only for this format
    from dataclasses import asdict  # noqa: PLC0415

    return json.dumps([asdict(entry) for entry in entries], indent=2) + "\n"


_FORMATS: Final = {"table": _table, "json": _json, "name": _names}
