"""``kubemetrics raw PATH``: the body of any path of the API server."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Final

from .. import console
from ..commandline import CommandSpec, Parser, UsageError, client_of
from ..text import printable

_DESCRIPTION: Final = """\
Print the body of any path of the API server, as 'kubectl get --raw' does.

A pipe gets the bytes as they came; a terminal gets them with control
characters made harmless."""
_EXAMPLES: Final = """\
  kubemetrics raw /version
  kubemetrics raw /apis/metrics.k8s.io/v1beta1/pods | jq '.items | length'
  kubemetrics raw '/api/v1/pods?limit=1'"""


def _add_arguments(parser: Parser) -> None:
    """Declare the path."""
    parser.add_argument("path", metavar="PATH", help="begins with /; may have a query")


def _run(args: Namespace) -> int:
    """Print the body that a GET of the path has.

    Raises:
        UsageError: not a path.
        KubeMetricsError: the request failed or was refused.
    """
    if not args.path.startswith("/"):
        raise UsageError(f"PATH begins with /, as in /version: {args.path!r}")
    with client_of(args) as client:
        body = client.get_raw(args.path)
    if sys.stdout.isatty():
        text = printable(body.decode("utf-8", "replace"), keep="\n\t")
        return console.write_stdout((f"{text}\n",))
    return console.write_stdout(body)


COMMAND: Final = CommandSpec(_DESCRIPTION, _EXAMPLES, _add_arguments, _run)
