"""The commands there are: what `--help` lists, and the module that does each one.

A module is imported when its command is asked for, and not before: ``--help`` and
``--version`` must cost next to nothing.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from importlib import import_module
from typing import Final, NamedTuple, Protocol, cast

from ..commandline.console import program
from ..commandline.flags import VALUED, add_shared
from ..commandline.parser import Parser


class Command(NamedTuple):
    """One command: *module* is below ``kubemetrics`` and is a `CommandModule`.

    *connects* says that it takes kubectl's connection flags. *kubectl* is kubectl's own
    name of the same command, whose words and exit codes it then uses.
    """

    summary: str
    module: str
    aliases: tuple[str, ...] = ()
    connects: bool = True
    kubectl: str = ""


class CommandModule(Protocol):
    """What a command's module offers."""

    @property
    def DESCRIPTION(self) -> str:  # noqa: N802 - a constant of the module
        """What the command does, for the top of its help."""
        ...

    @property
    def EXAMPLES(self) -> str:  # noqa: N802
        """Command lines, two spaces in, for the end of its help."""
        ...

    def add_arguments(self, parser: Parser) -> None:
        """Declare the command's own flags and arguments."""
        ...

    def run(self, args: Namespace) -> int:
        """Do it, and return the exit code.

        Raises:
            KubeMetricsError: shown as one line, with the exit code of its class.
        """
        ...


COMMANDS: Final[Mapping[str, Command]] = {
    "pods": Command("Every pod: usage, requests, limits", "cli.pods", ("pod", "po")),
    "containers": Command("Every container", "cli.containers", ("container",)),
    "nodes": Command("Every node, and what its pods take", "cli.nodes", ("node", "no")),
    "namespaces": Command(
        "The sums of each namespace", "cli.namespaces", ("namespace", "ns")
    ),
    "workloads": Command(
        "The sums of each Deployment, DaemonSet, …", "cli.workloads", ("workload",)
    ),
    "doctor": Command("Why there are no metrics, and what to do", "cli.doctor_command"),
    "top": Command("kubectl top, to the byte", "cli.top", kubectl="kubectl top"),
    "top pods": Command(
        "kubectl top pods, to the byte",
        "kubectl_top.top_pods",
        aliases=("pod", "po"),
        kubectl="kubectl top pod",
    ),
    "top nodes": Command(
        "kubectl top nodes, to the byte",
        "kubectl_top.top_nodes",
        aliases=("node", "no"),
        kubectl="kubectl top node",
    ),
    "config": Command(
        "What was resolved from kubeconfig and flags, and why", "cli.config_command"
    ),
    "config contexts": Command("The contexts of the kubeconfig", "cli.contexts"),
    "raw": Command("The body of any path of the API server", "cli.raw"),
    "completion": Command(
        "Completion for bash, zsh or fish", "cli.completion", connects=False
    ),
}
"""By name; a name of two words is a command below another one."""


def build(name: str) -> tuple[CommandModule, Parser]:
    """Import what does the command, and make its parser."""
    command = COMMANDS[name]
    module = cast("CommandModule", import_module(f"kubemetrics.{command.module}"))
    parser = Parser(
        f"{program()} {name}",
        description=module.DESCRIPTION,
        examples=module.EXAMPLES,
    )
    module.add_arguments(parser)
    if command.connects:
        add_shared(parser)
    return module, parser


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


class Found(NamedTuple):
    """The command that a command line names, and the *words* without that name.

    *stray* is the first word that names no command, where one was expected.
    """

    name: str
    words: list[str]
    stray: str = ""


def find(words: list[str]) -> Found:
    """Find the command; a connection flag may stand before it, as with kubectl."""
    name, rest, skip = "", list[str](), False
    for index, word in enumerate(words):
        if skip or (word.startswith("-") and word != "--"):
            rest.append(word)
            skip = not skip and word in VALUED
            continue
        found = child(name, word)
        if found is None:
            return Found(name, rest + words[index:], word)
        name = found
    return Found(name, rest)
