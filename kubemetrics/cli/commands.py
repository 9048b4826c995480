"""The commands there are: what `--help` lists, and the module that does each one.

A module is imported when its command is asked for, and not before: ``--help`` and
``--version`` must cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, NamedTuple

from .._version import __version__
from ..commandline import FLAGS, VALUED, CommandSpec, Parser, add_shared
from ..console import complain, program, put


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
    "doctor": Command(
        "Why there are no metrics, and what to do", "cli.doctor_command:COMMAND"
    ),
    "top": Command(
        "kubectl top, to the byte", "kubectl_top.top:TOP", kubectl="kubectl top"
    ),
    "top pods": Command(
        "kubectl top pods, to the byte",
        "kubectl_top.top:PODS",
        aliases=("pod", "po"),
        kubectl="kubectl top pod",
    ),
    "top nodes": Command(
        "kubectl top nodes, to the byte",
        "kubectl_top.top:NODES",
        aliases=("node", "no"),
        kubectl="kubectl top node",
    ),
    "config": Command(
        "What was resolved from kubeconfig and flags, and why",
        "cli.config_command:COMMAND",
    ),
    "config contexts": Command(
        "The contexts of the kubeconfig", "cli.config_command:CONTEXTS"
    ),
    "raw": Command("The body of any path of the API server", "cli.raw:COMMAND"),
    "completion": Command(
        "Completion for bash, zsh or fish", "cli.completion:COMMAND", connects=False
    ),
}
"""By name; a name of two words is a command below another one."""


def build(name: str) -> tuple[CommandSpec, Parser]:
    """Import what does the command, and make its parser."""
    command = COMMANDS[name]
    module, _, attribute = command.spec.partition(":")
    spec: CommandSpec = getattr(import_module(f"kubemetrics.{module}"), attribute)
    parser = Parser(
        f"{program()} {name}", description=spec.description, examples=spec.examples
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

Exit codes: 0 ok, 1 the request failed or was refused, 2 wrong usage or
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
