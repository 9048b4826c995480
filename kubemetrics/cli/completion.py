"""``kubemetrics completion SHELL``: the script that makes a shell complete."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from . import console
from .parser import Parser

DESCRIPTION: Final = """\
Print a shell's completion script: commands, flags, contexts and namespaces.

As a plugin of kubectl ('kubectl metrics'), kubectl's own completion asks
kubectl_complete-metrics, which is installed beside it."""
EXAMPLES: Final = """\
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


def add_arguments(parser: Parser) -> None:
    """Declare the shell."""
    parser.add_argument("shell", choices=tuple(_SCRIPTS), help="whose script to print")


def run(args: Namespace) -> int:
    """Print the script."""
    return console.put((_SCRIPTS[args.shell].lstrip(),))
