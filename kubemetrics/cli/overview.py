"""What the program says without a command: its help and its version."""

from __future__ import annotations

from typing import Final

from .._version import __version__
from . import console
from .commands import COMMANDS

_TEXT: Final = """\
Every pod and its metrics: exact, explained, and nothing left out.

Usage: {prog} COMMAND [NAME ...] [flags]

Commands:
{commands}

Examples:
  {prog} top pods -A --sort-by=memory
  {prog} raw /version
  {prog} config

'{prog} COMMAND --help' explains a command; '{prog} --version' is the version.

Exit codes: 0 ok, 1 the server or the credentials said no, 2 wrong usage or
configuration, 3 metrics API absent or down, 4 partial data with --strict,
10 --fail-on matched, 130 interrupted (top: those of kubectl).
"""


def overview(words: list[str]) -> int:
    """Answer a command line that names no command."""
    if "--version" in words:
        print(f"kubemetrics {__version__}")
        return 0
    if not words or words[0] in {"-h", "--help", "help"}:
        print(_help(), end="")
        return 0
    return _unknown(words)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = (f"  {name:{width}}  {c.summary}" for name, c in COMMANDS.items())
    return _TEXT.format(prog=console.program(), commands="\n".join(lines))


def _unknown(words: list[str]) -> int:
    name = next((word for word in words if not word.startswith("-")), None)
    what = f'unknown command "{name}"' if name else f"unknown flag: {words[0]}"
    console.complain(f"error: {what}")
    console.complain(f"See '{console.program()} --help' for usage.")
    return 2
