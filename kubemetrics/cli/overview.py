"""What the program says without a command: its help and its version."""

from __future__ import annotations

from typing import Final

from .._version import __version__
from ..commandline.console import complain, program, put
from ..commandline.flags import FLAGS
from .commands import COMMANDS

_TEXT: Final = """\
Every pod and its metrics: exact, explained, and nothing left out.

Usage: {prog} COMMAND [NAME ...] [flags]

Commands:
{commands}

Examples:
  {prog} pods -A --sort -mem.usage --top 10
  {prog} nodes
  {prog} doctor
  {prog} top pods -A --sort-by=memory
  {prog} raw /version
  {prog} config

'{prog} COMMAND --help' explains a command; '{prog} --version' is the version.

Exit codes: 0 ok, 1 the server or the credentials said no, 2 wrong usage or
configuration, 3 metrics API absent or down, 4 partial data with --strict,
10 --fail-on matched, 130 interrupted (top: those of kubectl).
"""


def overview(words: list[str], stray: str) -> int:
    """Answer a command line that names no command; *stray* stands in its place."""
    if stray:
        return _unknown(f'unknown command "{stray}"')
    if "--version" in words:
        return put((f"kubemetrics {__version__}\n",))
    if not words or {"-h", "--help"} & {*words}:
        return put((_help(),))
    known = words[0].partition("=")[0] in FLAGS
    return _unknown("no command is named" if known else f"unknown flag: {words[0]}")


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = (f"  {name:{width}}  {c.summary}" for name, c in COMMANDS.items())
    return _TEXT.format(prog=program(), commands="\n".join(lines))


def _unknown(what: str) -> int:
    complain(f"error: {what}")
    complain(f"See '{program()} --help' for usage.")
    return 2
