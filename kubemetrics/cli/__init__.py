"""The command: arguments, calls, text. `main` is the whole of it."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from .. import console
from ..commandline import CommandSpec, HelpWanted, Parser, UsageError
from ..errors import KubeMetricsError
from .commands import COMMANDS, Command, build, find, overview

__all__ = ["main"]

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line *argv* (default: the process's) and return the exit code.

    0 ok · 1 the request failed or was refused · 2 wrong usage or configuration ·
    3 metrics API absent or down · 4 partial data with ``--strict`` · 10 ``--fail-on``
    matched · 130 interrupted. ``top`` has kubectl's: 0 and 1. Output that is lost turns
    0 into 1; a reader that has had enough, and a broken stderr, change nothing.
    """
    console.prepare()
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(words: list[str]) -> int:
    if words[:1] == ["__complete"]:
        from .completion import answer  # noqa: PLC0415 - not for a command

        return answer(words[1:])
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    name, rest, stray = find(words)
    if name:
        return _run_command(name, rest)
    return overview(rest, stray)


def _run_command(name: str, words: list[str]) -> int:
    command = COMMANDS[name]
    spec, parser = build(name)
    try:
        return _do(spec, parser.read(words))
    except HelpWanted as wanted:
        return _help(parser, command, mistake=wanted.mistake)
    except UsageError as error:
        return _wrong_usage(error, command, parser.prog)
    except KubeMetricsError as error:
        code = console.fail(error)
        return 1 if command.kubectl else code


def _do(spec: CommandSpec, args: Namespace) -> int:
    verbosity: int = getattr(args, "verbosity", 0)
    if not verbosity:
        return spec.run(args)
    with console.log_shown(verbosity):
        return spec.run(args)


def _help(parser: Parser, command: Command, *, mistake: bool) -> int:
    text = f"{parser.format_help().rstrip()}\n"
    if mistake:
        console.tell(text)
        return _usage_code(command)
    if command.kubectl:
        from ..kubectl_top.output import put  # noqa: PLC0415 - not for a help of ours

        return put(text)
    return console.put((text,))


def _wrong_usage(error: UsageError, command: Command, prog: str) -> int:
    console.complain(f"error: {error}")
    console.complain(error.see.format(command.kubectl or prog))
    return _usage_code(command)


def _usage_code(command: Command) -> int:
    return 1 if command.kubectl else 2
