"""What may have been meant by a command, flag or topic that there is not.

At most three names, the likeliest first: a list of all of them is what --help is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from .. import console
from ..commandline import Parser
from . import COMMANDS, build, child, children

_LIKE: Final = 0.7
"""How alike two names are, of 1, that may be mistaken for each other."""
_VERBS: Final = frozenset({"get", "describe", "list", "ls", "show", "top"})
"""What stands before the kind of an object in other programs."""

_COMMANDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "deployment", "deploy", "statefulset", "sts", "daemonset", "ds",
            "replicaset", "rs", "job", "cronjob", "cj", "owner",
        ),
        "workloads",
    ),
    **dict.fromkeys(("get", "list", "ls", "usage", "metrics", "all"), "pods"),
    **dict.fromkeys(("capacity", "allocation", "resource-capacity"), "nodes"),
    **dict.fromkeys(("total", "sum", "summary", "cluster-info"), "cluster"),
    **dict.fromkeys(("diagnose", "check", "why", "status", "debug"), "doctor"),
    **dict.fromkeys(("context", "ctx", "get-contexts"), "config contexts"),
    **dict.fromkeys(("kubeconfig", "view", "whoami"), "config"),
    "version": "--version",
    "api": "raw /apis",
}  # fmt: skip
"""Words of other programs, in the singular, and what stands for them here."""

_FLAGS: Final[Mapping[str, str]] = {
    "--all": "--all-namespaces",
    "--columns-help": "--columns",
    "--exclude": "--exclude-namespace",
    "--fields": "--columns",
    "--filter": "--where",
    "--follow": "--watch",
    "--format": "--output",
    "--group-by": "--by",
    "--head": "--top",
    "--interval": "--watch",
    "--label": "--label-columns",
    "--labels": "--label-columns",
    "--limit": "--top",
    "--max": "--top",
    "--ns": "--namespace",
    "--order-by": "--sort",
    "--query": "--where",
    "--refresh": "--watch",
    "--show-labels": "--label-columns",
    "--total": "--sum",
    "--totals": "--sum",
    "--unit": "--units",
}
"""Flags of other programs."""


def meant_by_command(words: list[str]) -> str:
    """Return what may be meant by *words*, of which the first is no command."""
    found = list(_commands(words))
    return _question(f"{console.program()} {line}" for line in found)


def _commands(words: list[str]) -> Iterator[str]:
    word, *rest = words
    if word in _VERBS and rest:
        known = child("", rest[0]) or _COMMANDS.get(_singular(rest[0]))
        if known:
            yield " ".join([known, *rest[1:]])
            return
    known = _COMMANDS.get(_singular(word))
    if known:
        yield known
        return
    names = {name: name for name in children("")}
    names |= {alias: name for name in names for alias in COMMANDS[name].aliases}
    close = get_close_matches(word.lower(), names, n=3, cutoff=_LIKE)
    yield from dict.fromkeys(names[name] for name in close)


def _singular(word: str) -> str:
    """Return *word* as the tables have it: ``Deployments.apps`` is a deployment."""
    kind = word.lower().partition(".")[0].partition("/")[0]
    return kind if kind in _COMMANDS else kind.removesuffix("s")


def meant_by_flag(flag: str, parser: Parser) -> str:
    """Return what may be meant by *flag*, which is none of the command of *parser*."""
    known = [name for action in parser.options() for name in action.option_strings]
    other = _FLAGS.get(flag, flag.swapcase() if len(flag) == len("-x") else "")
    if other in known:
        return _question([other])
    close = get_close_matches(flag.replace("_", "-").lower(), known, n=3, cutoff=_LIKE)
    return _question(close) or _whose(flag)


def _whose(flag: str) -> str:
    """Name the commands that have *flag*."""
    found = [
        name
        for name, command in COMMANDS.items()
        if not command.kubectl
        and any(flag in action.option_strings for action in build(name)[1].options())
    ]
    return f", a flag of {', '.join(found)}" if found else ""


def meant_by_topic(word: str, topics: Iterable[str]) -> str:
    """Return what may be meant by *word*, which is neither a topic nor a command."""
    known = _COMMANDS.get(_singular(word))
    if known:
        return _question([known])
    names = [*topics, *children("")]
    close = get_close_matches(word.lower(), names, n=3, cutoff=_LIKE)
    return _question(close) or f"; the topics are {', '.join(topics)}"


def _question(names: Iterable[str]) -> str:
    """Return the question after an error's text; nothing where there are no *names*."""
    listed = " or ".join(f"'{name}'" for name in names)
    return f"; did you mean {listed}?" if listed else ""
