"""``kubemetrics doctor`` and ``raw``: what the server itself answers.

Why there are no metrics, and what to do; and the body of any path.
"""

from __future__ import annotations

import shlex
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Final

from .. import console
from ..commandline import (
    SHARED,
    CommandSpec,
    Parser,
    UsageError,
    client_of,
    config_of,
)
from ..config.model import Config
from ..doctor import Diagnosis, Setup, diagnose, misconfigured
from ..errors import KubeMetricsError
from ..text import printable, quoted
from ..times import parse_timeout
from .config_command import credentials_of, facts_of

_DESCRIPTION: Final = """\
Check everything from the configuration up to single samples, and say what is wrong,
what shows it, and what to type. With -v, what is right is said as well, and -vv shows
the requests. Only read requests are sent. The exit code is 1 if a finding is a problem.
"""
_EXAMPLES: Final = """\
  kubemetrics doctor
  kubemetrics doctor -v
  kubemetrics doctor --context staging -n team-a
  kubemetrics doctor -o json | jq '.findings[] | select(.severity == "problem")'
  kubemetrics doctor -o manifest | less"""


def _add_arguments(parser: Parser) -> None:
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


def _run(args: Namespace) -> int:
    """Print the findings; return 1 where one is a problem.

    Raises:
        UsageError: a flag is wrong.
    """
    from ..console import terminal  # noqa: PLC0415
    from ..views.findings import json_text, text_lines  # noqa: PLC0415 - not for --help

    diagnosis = examine(args)
    verdict = 0 if diagnosis.healthy else 1
    if args.output == "json":
        return console.write_stdout((f"{json_text(diagnosis)}\n",), verdict)
    if args.output == "manifest":
        if not diagnosis.manifest:
            console.print_stderr(_no_manifest(healthy=diagnosis.healthy))
        return console.write_stdout((diagnosis.manifest,), verdict)
    screen = terminal(args.color)
    lines = text_lines(
        diagnosis,
        width=screen.width,
        colour=screen.colour,
        verbose=args.verbosity > 0,
    )
    return console.write_stdout((f"{line}\n" for line in lines), verdict)


def _no_manifest(*, healthy: bool) -> str:
    if healthy:
        return "no role is missing"
    return "no role to print: something else is wrong; kubemetrics doctor says what"


def examine(args: Namespace) -> Diagnosis:
    """Connect and return the diagnosis; an error of the configuration is a finding.

    Raises:
        UsageError: a flag is wrong.
    """
    from ..client.sync import Client  # noqa: PLC0415 - httpx, not for --help

    try:
        parse_timeout(args.request_timeout or "0")
    except ValueError as error:
        raise UsageError(f"--request-timeout {error}") from None
    try:
        config = config_of(args)
        with Client(config, on_warning=console.print_warning) as client:
            found = client.run(diagnose(client.api, _setup(config)))
    except KubeMetricsError as error:
        found = Diagnosis((misconfigured(error),))
    return found.connected_by(*connection_flags(args))


def connection_flags(args: Namespace) -> tuple[str, str]:
    """Return the flags that connect as *args* do, for our commands and for kubectl."""
    flags = list(_flags(args))
    theirs = [flag for flag in flags if not flag.startswith("--proxy-url=")]
    return " ".join(flags), " ".join(theirs)


def _flags(args: Namespace) -> Iterator[str]:
    """Return the flags given, each as one word of a shell, without any secret.

    The namespace is not among them: a command names its own.
    """
    for flag in SHARED:
        dest = flag.dest or flag.name.removeprefix("--").replace("-", "_")
        given = getattr(args, dest) if flag.short != "-n" else None
        if given is True:
            yield flag.name
        elif given and flag.name == "--token":
            yield '--token="$TOKEN"'
        elif given:
            values = given[-1:] if dest == "contexts" else given
            for value in values if flag.many else (given,):
                yield f"{flag.name}={shlex.quote(value)}"


def _setup(config: Config) -> Setup:
    found = credentials_of(config)
    ends = [fact.expires_at for fact in found if fact.expires_at is not None]
    facts = (f for f in facts_of(config) if f.value)
    return Setup(
        config=config,
        clock=time.time,
        explanation=[
            f"{f.name}: {f.value}{f' ({f.origin})' if f.origin else ''}" for f in facts
        ],
        credential=" and ".join(fact.kind for fact in found) or "none",
        expires_at=min(ends, default=None),
    )


DOCTOR: Final = CommandSpec(
    _DESCRIPTION, _EXAMPLES, _add_arguments, _run, own_verbosity=1
)


_RAW_DESCRIPTION: Final = """\
Print the body of any path of the API server, as 'kubectl get --raw' does.

A pipe gets the bytes as they came; a terminal gets them with control
characters made harmless."""
_RAW_EXAMPLES: Final = """\
  kubemetrics raw /version
  kubemetrics raw /apis/metrics.k8s.io/v1beta1/pods | jq '.items | length'
  kubemetrics raw '/api/v1/pods?limit=1'"""


def _add_path(parser: Parser) -> None:
    """Declare the path."""
    parser.add_argument("path", metavar="PATH", help="begins with /; may have a query")


def _print_body(args: Namespace) -> int:
    """Print the body that a GET of the path has.

    Raises:
        UsageError: not a path.
        KubeMetricsError: the request failed or was refused.
    """
    if not args.path.startswith("/"):
        raise UsageError(f"PATH begins with /, as in /version: {quoted(args.path)}")
    with client_of(args) as client:
        body = client.get_raw(args.path)
    if sys.stdout.isatty():
        text = printable(body.decode("utf-8", "replace"), keep="\n\t")
        return console.write_stdout((f"{text}\n",))
    return console.write_stdout(body)


RAW: Final = CommandSpec(_RAW_DESCRIPTION, _RAW_EXAMPLES, _add_path, _print_body)
