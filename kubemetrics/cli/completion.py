"""Shell completion: the scripts of ``kubemetrics completion``, and their candidates.

A script runs ``kubemetrics __complete WORD...`` with the words up to the cursor, the
last one as far as it is typed. The answer is cobra's, which kubectl takes from a
plugin's ``kubectl_complete-NAME`` as well: one candidate a line, a tab before its
description, and a last line ``:DIRECTIVE``.
Source: cobra's completions.go; kubectl's pkg/cmd/plugin_completion.go.
"""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from .. import console
from ..commandline import CommandSpec, HelpWanted, Parser, UsageError
from ..errors import KubeMetricsError
from ..text import printable
from . import COMMANDS, build, children, find

Candidate: TypeAlias = tuple[str, str]
"""What may stand at the cursor, and its description."""

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
    return console.write_stdout(f"{line}\n" for line in (*lines, f":{found.directive}"))


def plugin() -> None:
    """Run as ``kubectl_complete-metrics``, which kubectl runs to complete."""
    console.prepare_streams()
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
    """Return the names there are under the flags typed so far; none after an error."""
    for action in parser.arguments():
        action.nargs = "*"  # not typed yet, which is no mistake here
        action.required = False
    try:
        args = parser.read(words)
        return _contexts(args) if what == "contexts" else _namespaces(args)
    except (KubeMetricsError, UsageError, HelpWanted):
        return ()


_TIMEOUT: Final = 2.0
"""Seconds that a person at a prompt waits at most."""


def _contexts(args: Namespace) -> Iterable[str]:
    """Return the names of the contexts."""
    from ..config.kubeconfig import list_contexts  # noqa: PLC0415 - reads files

    return [entry.name for entry in list_contexts(args.kubeconfig)]


def _namespaces(args: Namespace) -> Iterable[str]:
    """Return the cluster's namespaces; on an error those of the contexts."""
    # Not for a script that is printed: these send requests.
    from ..api.metrics_group import namespace_names  # noqa: PLC0415
    from ..commandline import client_of, last  # noqa: PLC0415
    from ..config.kubeconfig import list_contexts  # noqa: PLC0415

    try:
        with client_of(args) as client:
            return client.run(namespace_names(client.api.get), timeout=_TIMEOUT)
    except KubeMetricsError:
        entries = list_contexts(args.kubeconfig, context=last(args.contexts))
        return sorted({e.namespace for e in entries if e.namespace})


_DESCRIPTION: Final = """\
Print a shell's completion script: commands, flags, contexts and namespaces.

As a plugin of kubectl ('kubectl metrics'), kubectl's own completion asks
kubectl_complete-metrics, which is installed beside it."""
_EXAMPLES: Final = """\
  source <(kubemetrics completion bash)
  kubemetrics completion zsh > "${fpath[1]}/_kubemetrics"
  kubemetrics completion fish > ~/.config/fish/completions/kubemetrics.fish"""

# bash splits words at = and :, and wants back only what follows the last of them.
_BASH: Final = r"""
_kubemetrics() {
    local words last head line
    read -ra words <<< "${COMP_LINE:0:COMP_POINT}"
    [[ "${COMP_LINE:0:COMP_POINT}" == *[[:space:]] ]] && words+=("")
    last="${words[${#words[@]}-1]}"
    head="${last%"${last##*[=:]}"}"
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            :0) compopt -o default 2>/dev/null ;;
            :*) ;;
            *) line="${line%%$'\t'*}"; COMPREPLY+=("${line#"$head"}") ;;
        esac
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _kubemetrics kubemetrics kubectl-metrics
"""

_ZSH: Final = r"""
#compdef kubemetrics kubectl-metrics
_kubemetrics() {
    local -a lines found
    local line
    lines=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ "${lines[-1]}" == ":0" ]]; then
        _files
        return
    fi
    for line in "${(@)lines[1,-2]}"; do
        if [[ "$line" == *$'\t'* ]]; then
            found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        else
            found+=("${line//:/\\:}")
        fi
    done
    _describe -V kubemetrics found
}
if [[ "${funcstack[1]}" == "_kubemetrics" ]]; then
    _kubemetrics "$@"
else
    compdef _kubemetrics kubemetrics kubectl-metrics
fi
"""

_FISH: Final = r"""
function __kubemetrics_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (command $words[1] __complete $words[2..-1] 2>/dev/null)
    if test "$lines[-1]" = ":0"
        __fish_complete_path (commandline -ct)
        return
    end
    string match --invert --regex '^:\d+$' -- $lines
end
complete -c kubemetrics -f -a '(__kubemetrics_complete)'
complete -c kubectl-metrics -f -a '(__kubemetrics_complete)'
"""

_SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def _add_arguments(parser: Parser) -> None:
    """Declare the argument: whose script to print."""
    parser.add_argument("shell", choices=tuple(_SCRIPTS), help="whose script to print")


def _run(args: Namespace) -> int:
    """Print the script of a shell."""
    return console.write_stdout((_SCRIPTS[args.shell].lstrip(),))


COMMAND: Final = CommandSpec(_DESCRIPTION, _EXAMPLES, _add_arguments, _run)
