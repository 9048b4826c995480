"""Shell completion: the scripts of ``kubemetrics completion``, and their candidates.

A script runs ``kubemetrics __complete WORD...`` with the words up to the cursor, the
last one as far as it is typed. The answer is cobra's, which kubectl takes from a
plugin's ``kubectl_complete-NAME`` as well: one candidate a line, a tab before its
description, and a last line ``:DIRECTIVE``. bash, which knows neither where its words
began nor their quotes, hands over the line (``__complete_bash``).
Source: cobra's completions.go; kubectl's pkg/cmd/plugin_completion.go.
"""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from .. import console
from ..commandline import CommandSpec, HelpWanted, Parser, UsageError
from ..errors import KubeMetricsError
from ..text import printable
from . import COMMANDS, build, children, find
from .candidates import (
    EXPRESSIONS,
    LISTS,
    NAMED,
    Candidate,
    of_cluster,
    of_expression,
    of_kind,
    of_labels,
    of_list,
)

_FILES: Final = 0
_NO_SPACE: Final = 2
_NO_FILES: Final = 4


class _Answer(NamedTuple):
    candidates: Iterable[Candidate]
    directive: int = _NO_FILES


def answer(words: list[str]) -> int:
    """Print the candidates for the last of *words*."""
    found, directive = _found(words)
    lines = [
        f"{printable(value)}\t{printable(description)}".rstrip()
        for value, description in found
    ]
    return console.write_stdout(f"{line}\n" for line in (*lines, f":{directive}"))


def _found(words: Sequence[str]) -> tuple[list[Candidate], int]:
    current = words[-1] if words else ""
    found = _complete(list(words[:-1]), current)
    return [c for c in found.candidates if c[0].startswith(current)], found.directive


def plugin() -> None:
    """Run as ``kubectl_complete-metrics``, which kubectl runs to complete."""
    console.prepare_streams()
    sys.exit(answer(sys.argv[1:]))


_LISTING: Final = "63"
"""``COMP_TYPE`` where the candidates are shown, and nothing is inserted."""
_SPECIAL: Final = {"": " \t\"'\\|&;<>()$`*?[]!#~{}", '"': '"\\$`', "'": ""}
"""What needs a backslash, by the quote that is open."""


def answer_bash(line: str, kind: str, breaks: str) -> int:
    """Print what bash puts into ``COMPREPLY``, and the directive.

    *line* is ``COMP_LINE`` up to the cursor, *kind* ``COMP_TYPE`` and *breaks*
    ``COMP_WORDBREAKS``. bash replaces what follows the last of these, or an open quote.
    """
    typed = _bash_words(line, breaks)
    found, directive = _found(typed.words[1:])
    texts = [_bash_text(value[typed.start :], typed.quote) for value, _ in found]
    if kind == _LISTING and len(texts) > 1:
        texts = [
            text.rstrip(" ").rpartition(" ")[2].rpartition(",")[2] for text in texts
        ]
    lines = (*map(printable, texts), f":{directive}")
    return console.write_stdout(f"{line}\n" for line in lines)


class _BashWords(NamedTuple):
    """The *words* of a line, unquoted; of the last the open *quote*.

    *start* is from which of its characters on bash replaces it.
    """

    words: list[str]
    quote: str
    start: int


def _bash_words(line: str, breaks: str) -> _BashWords:
    words, quote, start, escaped = [""], "", 0, False
    for character in line:
        if escaped or (quote and character not in {quote, "\\"}):
            words[-1] += character
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif character in {"'", '"'}:
            quote = "" if quote else character
            start = len(words[-1]) if quote else start
        elif character.isspace():
            if words[-1]:
                words.append("")
            start = 0
        else:
            words[-1] += character
            start = len(words[-1]) if character in breaks else start
    return _BashWords(words, quote, start)


def _bash_text(text: str, quote: str) -> str:
    """Return *text* as it stands within *quote*, or outside of any."""
    special = _SPECIAL[quote]
    return "".join(f"\\{c}" if c in special else c for c in text)


def _complete(before: list[str], current: str) -> _Answer:
    name, words, stray = find(before)
    below = () if stray else children(name)
    commands = [(child.rpartition(" ")[2], COMMANDS[child].summary) for child in below]
    if not name:
        flags = [("--help", ""), ("--version", "")]
        return _Answer(flags if current.startswith("-") else commands)
    asked = _Asked(name, *build(name), words)
    flag, equals, value = current.partition("=")
    if equals and flag.startswith("--"):
        found = asked.values(flag, value)
        return found._replace(
            candidates=[(f"{flag}={text}", about) for text, about in found.candidates]
        )
    if words and asked.takes_value(words[-1]):
        return _Asked(name, asked.spec, asked.parser, words[:-1]).values(
            words[-1], current
        )
    if current.startswith("-"):
        return _Answer(_flags(asked.parser))
    return _begun([*commands, *asked.arguments(current)], current, "/")


def _begun(found: Iterable[Candidate], typed: str, mark: str) -> _Answer:
    """Return what fits *typed*, without a blank behind if all of it ends in *mark*."""
    fitting = [c for c in found if c[0].startswith(typed)]
    goes_on = fitting and all(text.endswith(mark) for text, _ in fitting)
    return _Answer(fitting, _NO_FILES | (_NO_SPACE if goes_on else 0))


def _flags(parser: Parser) -> Iterator[Candidate]:
    for action in parser.options():
        for flag in action.option_strings:
            if flag.startswith("--"):
                yield flag, action.help or ""


class _Asked(NamedTuple):
    """A command line up to the word at the cursor: its command and its *words*."""

    name: str
    spec: CommandSpec
    parser: Parser
    words: list[str]

    def takes_value(self, word: str) -> bool:
        """Whether the next word is the value of *word*."""
        action = self._option(word)
        return action is not None and action.nargs is None

    def values(self, flag: str, typed: str) -> _Answer:
        """Return the values of *flag* that begin with *typed*, or may."""
        action = self._option(flag)
        if action is None:
            return _Answer([])
        if action.metavar == "FILE":
            return _Answer([], _FILES)
        kind = _KINDS.get(action.dest, "")
        if kind:
            return _Answer(self._of_cluster(kind))
        if action.dest == "selector":
            args = self._args()
            return _begun(of_labels(typed, args) if args else (), typed, "=")
        if action.dest in LISTS | EXPRESSIONS:
            return _Answer(self._of_table(action.dest, typed), _NO_FILES | _NO_SPACE)
        # Such as cpu|memory.
        metavar = str(action.metavar)
        words = action.choices or (metavar.split("|") if "|" in metavar else ())
        return _Answer([(str(word), "") for word in words])

    def arguments(self, typed: str) -> list[Candidate]:
        """Return what an argument of the command, so far *typed*, may be."""
        if self.name == "help":
            from .help_topics import words_after  # noqa: PLC0415 - for this command

            return words_after(self.words)
        kind = self.name.rpartition(" ")[2]
        found = [c for a in self.parser.arguments() for c in _choices(a)]
        if kind not in NAMED:
            return found
        if self.spec.table is None:  # kubectl's own, which takes plain names
            return [*found, *self._of_cluster(kind)]
        args, named = self._args(), {"containers": "pods"}.get(kind, kind)
        return [*found, *(of_kind(named, typed, args) if args else ())]

    def _of_cluster(self, kind: str) -> Iterable[Candidate]:
        args = self._args()
        return of_cluster(kind, args) if args else ()

    def _of_table(self, dest: str, typed: str) -> Iterable[Candidate]:
        args = self._args()
        if args is None or self.spec.table is None:
            return ()
        try:
            table = self.spec.table(args)
            if dest in EXPRESSIONS:
                return list(of_expression(typed, table))
            return list(of_list(dest, typed, args, table))
        except (KubeMetricsError, UsageError, ValueError):
            return ()  # a mistake before the cursor, such as a name of two columns

    def _args(self) -> Namespace | None:
        """Return the flags typed so far; ``None`` after a mistake."""
        for action in self.parser.arguments():
            action.nargs = "*"  # not typed yet, which is no mistake here
            action.required = False
        try:
            return self.parser.read(self.words)
        except (UsageError, HelpWanted):
            return None

    def _option(self, flag: str) -> argparse.Action | None:
        return next(
            (a for a in self.parser.options() if flag in a.option_strings), None
        )


_KINDS: Final = {
    "contexts": "contexts",
    "namespaces": "namespaces",
    "exclude_namespace": "namespaces",
    "node": "nodes",
}
"""Whose names the value of a flag is."""


def _choices(argument: argparse.Action) -> Iterator[Candidate]:
    return ((str(choice), "") for choice in argument.choices or ())


_DESCRIPTION: Final = """\
Print a shell's completion script: commands, flags, contexts and namespaces.

As a plugin of kubectl ('kubectl metrics'), kubectl's own completion asks
kubectl_complete-metrics, which is installed beside it."""
_EXAMPLES: Final = """\
  source <(kubemetrics completion bash)
  kubemetrics completion zsh > "${fpath[1]}/_kubemetrics"
  kubemetrics completion fish > ~/.config/fish/completions/kubemetrics.fish"""

_BASH: Final = r"""
_kubemetrics() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            :0) compopt -o default 2>/dev/null ;;
            :6) compopt -o nospace 2>/dev/null ;;
            :*) ;;
            *) COMPREPLY+=("$line") ;;
        esac
    done < <("${COMP_WORDS[0]}" __complete_bash "${COMP_LINE:0:COMP_POINT}" \
        "$COMP_TYPE" "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -o nosort -F _kubemetrics kubemetrics kubectl-metrics
"""

# PREFIX is the word without an open quote. What comes before its last blank or comma
# leaves the candidates, so that a menu shows one column a line.
_ZSH: Final = r"""
#compdef kubemetrics kubectl-metrics
_kubemetrics() {
    local -a typed lines found space
    local line head
    typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    lines=("${(@f)$("${words[1]}" __complete "${(@)typed}" 2>/dev/null)}")
    case "${lines[-1]}" in
        :0) _files; return ;;
        :6) space=(-S "") ;;
    esac
    [[ "$PREFIX" == *[,\ ]* ]] && head="${PREFIX%${PREFIX##*[, ]}}"
    compset -P "*[, ]"
    for line in "${(@)lines[1,-2]}"; do
        line="${line#"${(Q)head}"}"
        if [[ "$line" == *$'\t'* ]]; then
            found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        else
            found+=("${line//:/\\:}")
        fi
    done
    _describe -V kubemetrics found "${(@)space}"
}
if [[ "${funcstack[1]}" == "_kubemetrics" ]]; then
    _kubemetrics "$@"
else
    compdef _kubemetrics kubemetrics kubectl-metrics
fi
"""

# fish puts a space behind a single candidate: a second one keeps it away.
_FISH: Final = r"""
function __kubemetrics_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct | string replace -r '^(--[^=]*=)?[\'"]' '$1')
    set -l lines (command $words[1] __complete $words[2..-1] "$word" 2>/dev/null)
    if test "$lines[-1]" = ":0"
        __fish_complete_path (commandline -ct)
        return
    end
    set -l found (string match --invert --regex '^:\d+$' -- $lines)
    if test "$lines[-1]" = ":6" -a (count $found) -eq 1
        set -l value (string split \t -- $found[1])[1]
        string match -q '* *' -- $value; or set -a found "$value,"
    end
    string join \n -- $found
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
