"""What may have been meant by a command, flag or topic that there is not.

At most three names, the likeliest first: a list of all of them is what --help is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final, get_args

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
    **dict.fromkeys(("exporter", "prometheus", "scrape"), "serve"),
    **dict.fromkeys(("tree", "lineage"), "nodes --tree"),
    **dict.fromkeys(("watch", "live"), "pods --watch"),
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
    "--label": "--selector --label-columns",
    "--labels": "--selector --label-columns",
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
"""Flags of other programs, and one or more of ours."""

_TOPICS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("having", "fail-on", "gate", "filter", "expr", "expression", "glob"), "where"
    ),
    **dict.fromkeys(
        ("exit", "code", "exit-code", "format", "json", "csv", "unit", "watch"),
        "output",
    ),
    **dict.fromkeys(
        ("rbac", "cronjob", "ci", "grafana", "example", "question"), "recipes"
    ),
    **dict.fromkeys(
        ("auth", "credential", "proxy", "cloud", "kubeconfig", "environment"),
        "connecting",
    ),
    **dict.fromkeys(("python", "api", "client", "script"), "library"),
    **dict.fromkeys(("key", "header", "sort"), "columns"),
    **dict.fromkeys(("-", "~", "!", "*", "none", "symbol", "color"), "marks"),
}
"""Words, in the singular, and the topic that has them."""


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
    close = get_close_matches(word[:100].lower(), names, n=3, cutoff=_LIKE)
    yield from dict.fromkeys(names[name] for name in close)


def _singular(word: str) -> str:
    """Return *word* as the tables have it: ``Deployments.apps`` is a deployment."""
    kind = word.lower().partition(".")[0].partition("/")[0]
    return kind if kind in _COMMANDS else kind.removesuffix("s")


def meant_by_flag(flag: str, parser: Parser) -> str:
    """Return what may be meant by *flag*, which is none of the command of *parser*."""
    known = [name for action in parser.options() for name in action.option_strings]
    other = _FLAGS.get(flag, flag.swapcase() if len(flag) == len("-x") else "")
    found = [name for name in other.split() if name in known]
    if found:
        return _question(found)
    close = get_close_matches(
        flag[:100].replace("_", "-").lower(), known, n=3, cutoff=_LIKE
    )
    return _whose(flag) or _question(close)


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
    bare = word.lower().lstrip("-") or word
    known = (
        _TOPICS.get(bare) or _TOPICS.get(bare.removesuffix("s"))
        or ("reasons" if word.lower() in _reasons() else _COMMANDS.get(_singular(word)))
    )  # fmt: skip
    if known:
        return _question([known])
    names = [*topics, *children("")]
    close = get_close_matches(word[:100].lower(), names, n=3, cutoff=_LIKE)
    return _question(close) or f"; the topics are {', '.join(topics)}"


def _reasons() -> set[str]:
    from ..snapshot.reasons import ReasonCode  # noqa: PLC0415 - after a mistake

    return {code.lower() for code in get_args(ReasonCode)}


def meant_below(name: str, words: Iterable[str]) -> str:
    """Return what may be meant by *words* that the command *name* does not take."""
    below = [child.rpartition(" ")[2] for child in children(name)]
    close = [c for word in words for c in get_close_matches(word, below, cutoff=_LIKE)]
    return _question(f"{console.program()} {name} {word}" for word in close)


def _question(names: Iterable[str]) -> str:
    """Return the question after an error's text; nothing where there are no *names*."""
    listed = " or ".join(f"'{name}'" for name in names)
    return f"; did you mean {listed}?" if listed else ""
