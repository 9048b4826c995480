"""What could stand at the cursor: ``kubemetrics __complete WORD...``.

The words are those up to the cursor, the last one as far as it is typed. The answer is
cobra's, which kubectl takes from a plugin's ``kubectl_complete-NAME`` as well: one
candidate a line, a tab before its description, and a last line ``:DIRECTIVE``.
Source: cobra's completions.go; kubectl's pkg/cmd/plugin_completion.go.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from ..errors import KubeMetricsError
from ..output.text import printable
from . import console
from .commands import COMMANDS, build, children, find
from .parser import HelpWanted, Parser, UsageError

Candidate: TypeAlias = tuple[str, str]

_NO_FILES: Final = 4
_FILES: Final = 0


class _Answer(NamedTuple):
    candidates: list[Candidate]
    directive: int = _NO_FILES


def answer(words: list[str]) -> int:
    """Print the candidates for the last of *words*."""
    current = words[-1] if words else ""
    found = _complete(words[:-1], current)
    lines = [
        f"{printable(value)}\t{printable(description)}".rstrip()
        for value, description in found.candidates
        if value.startswith(current)
    ]
    return console.put(f"{line}\n" for line in (*lines, f":{found.directive}"))


def plugin() -> None:
    """Be ``kubectl_complete-metrics``, which kubectl asks."""
    console.prepare()
    sys.exit(answer(sys.argv[1:]))


def _complete(before: list[str], current: str) -> _Answer:
    name, words, stray = find(before)
    below = () if stray else children(name)
    commands = [(child.rpartition(" ")[2], COMMANDS[child].summary) for child in below]
    if not name:
        flags = [("--help", ""), ("--version", "")]
        return _Answer(flags if current.startswith("-") else commands)
    _, parser = build(name)
    flag, equals, _ = current.partition("=")
    if equals and flag.startswith("--"):
        return _values(parser, flag, words, prefix=f"{flag}=")
    if words and _takes_value(parser, words[-1]):
        return _values(parser, words[-1], words[:-1], prefix="")
    if current.startswith("-"):
        return _Answer(list(_flags(parser)))
    return _Answer([*commands, *_arguments(parser)])


def _flags(parser: Parser) -> Iterator[Candidate]:
    for action in parser.options():
        for flag in action.option_strings:
            if flag.startswith("--"):
                yield flag, action.help or ""


def _arguments(parser: Parser) -> Iterator[Candidate]:
    for action in parser.arguments():
        yield from ((str(choice), "") for choice in action.choices or ())


def _option(parser: Parser, flag: str) -> argparse.Action | None:
    return next((a for a in parser.options() if flag in a.option_strings), None)


def _takes_value(parser: Parser, word: str) -> bool:
    action = _option(parser, word)
    return action is not None and action.nargs is None


def _values(parser: Parser, flag: str, words: list[str], prefix: str) -> _Answer:
    action = _option(parser, flag)
    if action is None:
        return _Answer([])
    if action.metavar == "FILE":
        return _Answer([], _FILES)
    values = _known_values(action, parser, words)
    return _Answer([(f"{prefix}{value}", "") for value in values])


def _known_values(
    action: argparse.Action, parser: Parser, words: list[str]
) -> Iterable[str]:
    if action.choices:
        return map(str, action.choices)
    if action.dest in {"contexts", "namespaces"}:
        return _from_cluster(action.dest, parser, words)
    # Such as cpu|memory.
    metavar = str(action.metavar)
    return metavar.split("|") if "|" in metavar else ()


def _from_cluster(what: str, parser: Parser, words: list[str]) -> Iterable[str]:
    """Look the names up with the flags typed so far; whatever fails has none."""
    from .lookup import contexts, namespaces  # noqa: PLC0415 - reads files and asks

    for action in parser.arguments():
        action.nargs = "*"  # not typed yet, which is no mistake here
        action.required = False
    try:
        args = parser.read(words)
        return contexts(args) if what == "contexts" else namespaces(args)
    except (KubeMetricsError, UsageError, HelpWanted):
        return ()
