"""The command: its table of commands, and `main`, which finds, builds and runs one.

A module is imported when its command is asked for, and not before: ``--help`` and
``--version`` must cost next to nothing.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from .. import __version__, console
from ..commandline import (
    FLAGS,
    VALUED,
    CommandSpec,
    HelpWanted,
    Parser,
    UnknownFlagError,
    UsageError,
    add_shared,
)
from ..errors import KubeMetricsError
from ..files import utf8

if TYPE_CHECKING:  # what is imported by name below, for whoever freezes a program
    from .. import kubectl_top
    from . import (
        compare_command,
        completion,
        config_command,
        help_topics,
        history_command,
        record_command,
        serve_command,
        server_commands,
        view_commands,
    )

    _BY_NAME = (
        kubectl_top,
        compare_command,
        completion,
        config_command,
        help_topics,
        history_command,
        record_command,
        serve_command,
        server_commands,
        view_commands,
    )

__all__ = ["main"]

INTERRUPTED: Final = 130


class Command(NamedTuple):
    """One command: *spec* names its `CommandSpec`, as ``module:NAME``.

    *connects* says that it takes kubectl's connection flags. *kubectl* is kubectl's own
    name of the same command, whose words and exit codes it then uses.
    """

    summary: str
    spec: str
    aliases: tuple[str, ...] = ()
    connects: bool = True
    kubectl: str = ""


COMMANDS: Final[Mapping[str, Command]] = {
    "pods": Command(
        "Every pod: usage, requests, limits", "cli.view_commands:PODS", ("pod", "po")
    ),
    "containers": Command(
        "Every container", "cli.view_commands:CONTAINERS", ("container",)
    ),
    "nodes": Command(
        "Every node, and what its pods take", "cli.view_commands:NODES", ("node", "no")
    ),
    "namespaces": Command(
        "The sums of each namespace",
        "cli.view_commands:NAMESPACES",
        ("namespace", "ns"),
    ),
    "workloads": Command(
        "The sums of each Deployment, DaemonSet, …",
        "cli.view_commands:WORKLOADS",
        ("workload",),
    ),
    "cluster": Command(
        "The sums of all nodes, in one row", "cli.view_commands:CLUSTER"
    ),
    "doctor": Command(
        "Why there are no metrics, and what to do", "cli.server_commands:DOCTOR"
    ),
    "top": Command(
        "kubectl top, to the byte", "kubectl_top:TOP", kubectl="kubectl top"
    ),
    "top pods": Command(
        "kubectl top pods, to the byte",
        "kubectl_top:PODS",
        aliases=("pod", "po"),
        kubectl="kubectl top pod",
    ),
    "top nodes": Command(
        "kubectl top nodes, to the byte",
        "kubectl_top:NODES",
        aliases=("node", "no"),
        kubectl="kubectl top node",
    ),
    "record": Command(
        "Keep every sample in a file, for later", "cli.record_command:RECORD"
    ),
    "history": Command(
        "What was used in a recorded range", "cli.history_command:HISTORY"
    ),
    "compare": Command(
        "A recorded workload before and after a rollout", "cli.compare_command:COMPARE"
    ),
    "config": Command(
        "What was resolved from kubeconfig and flags, and where from",
        "cli.config_command:COMMAND",
    ),
    "config contexts": Command(
        "The contexts of the kubeconfig", "cli.config_command:CONTEXTS"
    ),
    "serve": Command(
        "What Prometheus scrapes: CPU as counters", "cli.serve_command:SERVE"
    ),
    "raw": Command("The body of any path of the API server", "cli.server_commands:RAW"),
    "completion": Command(
        "Completion for bash, zsh or fish", "cli.completion:COMMAND", connects=False
    ),
    "help": Command(
        "A topic (see below), or a command", "cli.help_topics:COMMAND", connects=False
    ),
}
"""By name; a name of two words is a command below another one."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line *argv* (default: the process's) and return the exit code.

    0 ok · 1 the request failed or was refused · 2 wrong usage or configuration ·
    3 metrics API absent or down · 4 partial data with ``--strict`` · 10 ``--fail-on``
    matched · 130 interrupted. ``top`` has kubectl's: 0 and 1. Output that is lost turns
    0 into 1; a reader that has had enough, and a broken stderr, change nothing.
    """
    console.prepare_streams()
    try:
        return _run(list(map(utf8, sys.argv[1:]) if argv is None else argv))
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(words: list[str]) -> int:
    if words[:1] == ["__complete"]:
        from .completion import answer  # noqa: PLC0415 - not for a command

        return answer(words[1:])
    if words[:1] == ["__complete_bash"]:
        from .completion import answer_bash  # noqa: PLC0415 - not for a command

        return answer_bash(*[*words[1:], "", "", ""][:3])
    if words[:1] == ["help"]:
        words = _helped(words[1:])
    name, rest, stray = find(words)
    if name:
        return _run_command(name, rest)
    return _overview(rest, stray)


def _helped(words: list[str]) -> list[str]:
    """Return the command line that helps with *words*: a command, a topic, or none."""
    if words and child("", words[0]) is None:
        return ["help", *words]
    return [*words, "--help"]


def _run_command(name: str, words: list[str]) -> int:
    command = COMMANDS[name]
    spec, parser = build(name)
    try:
        return _do(spec, parser.read(words))
    except HelpWanted as wanted:
        return _help_of(parser, command, mistake=wanted.mistake)
    except UsageError as error:
        return _wrong_usage(error, name, parser, words)
    except KubeMetricsError as error:
        code = console.print_error(error)
        return 1 if command.kubectl else code


def _do(spec: CommandSpec, args: Namespace) -> int:
    verbosity: int = getattr(args, "verbosity", 0) - spec.own_verbosity
    if verbosity <= 0:
        return spec.run(args)
    with console.log_shown(verbosity):
        return spec.run(args)


def _help_of(parser: Parser, command: Command, *, mistake: bool) -> int:
    text = f"{parser.format_help().rstrip()}\n"
    if mistake:
        console.write_stderr(text)
        return _usage_code(command)
    if command.kubectl:
        from ..kubectl_top.output import put  # noqa: PLC0415 - not for a help of ours

        return put(text)
    return console.write_stdout((text,))


def _wrong_usage(error: UsageError, name: str, parser: Parser, words: list[str]) -> int:
    command, meant = COMMANDS[name], ""
    if not command.kubectl and isinstance(error, UnknownFlagError):
        from .hints import meant_by_flag  # noqa: PLC0415 - after a mistake

        meant = meant_by_flag(error.flag, parser)
    elif not command.kubectl and children(name):
        from .hints import meant_below  # noqa: PLC0415 - after a mistake

        meant = meant_below(name, words)
    console.print_stderr(f"error: {error}{meant}")
    see = error.pointer or error.see.format(command.kubectl or parser.prog)
    for line in see.splitlines():
        console.print_stderr(line)
    return _usage_code(command)


def _usage_code(command: Command) -> int:
    return 1 if command.kubectl else 2


def build(name: str) -> tuple[CommandSpec, Parser]:
    """Import the module of the command *name*; return its spec and its parser."""
    command = COMMANDS[name]
    module, _, attribute = command.spec.partition(":")
    spec: CommandSpec = getattr(import_module(f"kubemetrics.{module}"), attribute)
    parser = Parser(
        f"{console.program()} {name}",
        description=spec.description,
        examples=spec.examples,
    )
    spec.add_arguments(parser)
    if command.connects:
        add_shared(parser)
    return spec, parser


def children(name: str) -> tuple[str, ...]:
    """Return the names of the commands directly below *name*."""
    prefix = f"{name} " if name else ""
    return tuple(
        candidate
        for candidate in COMMANDS
        if candidate.startswith(prefix) and " " not in candidate.removeprefix(prefix)
    )


def child(name: str, word: str) -> str | None:
    """Return the name of the command that *word*, or an alias, names below *name*."""
    for candidate in children(name):
        last = candidate.rpartition(" ")[2]
        if word in (last, *COMMANDS[candidate].aliases):
            return candidate
    return None


class NamedCommand(NamedTuple):
    """The command that a command line names, and the *words* without that name.

    *stray* is the first word that names no command, where one was expected.
    """

    name: str
    words: list[str]
    stray: str = ""


def find(words: list[str]) -> NamedCommand:
    """Find the command; a connection flag may stand before it, as with kubectl."""
    name, rest, skip = "", list[str](), False
    for index, word in enumerate(words):
        if skip or (word.startswith("-") and word != "--"):
            rest.append(word)
            skip = not skip and word in VALUED
            continue
        found = child(name, word)
        if found is None:
            return NamedCommand(name, rest + words[index:], word)
        name = found
    return NamedCommand(name, rest)


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
'{prog} help TOPIC' has more, where TOPIC is one of: columns, where, marks,
reasons, output, families, recipes, library, connecting.

Exit codes: 0 ok, 1 the request failed or was refused, 2 wrong usage or
configuration, 3 metrics API absent or down, 4 partial data with --strict,
10 --fail-on matched, 130 interrupted (top: those of kubectl).
"""


def _overview(words: list[str], stray: str) -> int:
    """Do what a command line without a command asks; *stray* stands in its place."""
    if stray:
        from .hints import meant_by_command  # noqa: PLC0415 - after a mistake

        meant = meant_by_command(words[words.index(stray) :])
        return _unknown(f'unknown command "{stray}"{meant}')
    if "--version" in words:
        return console.write_stdout((f"kubemetrics {__version__}\n",))
    if not words or {"-h", "--help"} & {*words}:
        return console.write_stdout((_help(),))
    known = words[0].partition("=")[0] in FLAGS
    return _unknown("no command is named" if known else f"unknown flag: {words[0]}")


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = (f"  {name:{width}}  {c.summary}" for name, c in COMMANDS.items())
    return _TEXT.format(prog=console.program(), commands="\n".join(lines))


def _unknown(what: str) -> int:
    console.print_stderr(f"error: {what}")
    console.print_stderr(f"See '{console.program()} --help' for usage.")
    return 2
