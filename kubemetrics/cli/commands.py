"""The commands there are: what `--help` lists, and the module that does each one.

A module is imported when its command is asked for, and not before: ``--help`` and
``--version`` must cost next to nothing.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from importlib import import_module
from typing import Final, NamedTuple, Protocol, cast

from .parser import Parser


class Command(NamedTuple):
    """One command: *module* is below ``kubemetrics.cli`` and is a `CommandModule`.

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
    "top": Command("kubectl top, to the byte", "top", kubectl="kubectl top"),
    "top pods": Command(
        "kubectl top pods, to the byte",
        "top_pods",
        aliases=("pod", "po"),
        kubectl="kubectl top pod",
    ),
    "top nodes": Command(
        "kubectl top nodes, to the byte",
        "top_nodes",
        aliases=("node", "no"),
        kubectl="kubectl top node",
    ),
    "config": Command("What was resolved from kubeconfig and flags, and why", "config"),
    "config contexts": Command("The contexts of the kubeconfig", "contexts"),
    "raw": Command("The body of any path of the API server", "raw"),
}
"""By name; a name of two words is a command below another one."""


def load(command: Command) -> CommandModule:
    """Import what does *command*."""
    return cast("CommandModule", import_module(f".{command.module}", __package__))


def child(name: str, word: str) -> str | None:
    """Return the name of the command that *word*, or an alias, names below *name*."""
    prefix = f"{name} " if name else ""
    for candidate, command in COMMANDS.items():
        last = candidate.removeprefix(prefix)
        if (
            candidate.startswith(prefix)
            and " " not in last
            and word in (last, *command.aliases)
        ):
            return candidate
    return None


def find(words: list[str], valued: frozenset[str]) -> tuple[str, list[str]]:
    """Find the command in *words*; return its name and the words without it.

    The flags in *valued* take the next word as their value, so that a connection flag
    may stand before the command, as with kubectl.
    """
    name, rest, skip = "", list[str](), False
    for index, word in enumerate(words):
        found = None if skip or word.startswith("-") else child(name, word)
        if word == "--" or not (skip or found or word.startswith("-")):
            return name, rest + words[index:]
        if found:
            name = found
        else:
            rest.append(word)
        skip = not skip and word in valued
    return name, rest
