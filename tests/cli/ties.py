"""What kubectl leaves to chance, put in order before it is compared.

Its sort is not stable, and nodes without a sample come in the order of a map. Lines are
only moved among lines that are equal in what was sorted by, exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from tests.cluster import Amount, Ledger

_SILENT = "<unknown>"


def settled(stdout: str, ledger: Ledger, args: Sequence[str]) -> str:
    """Return what ``top`` printed for *args* with its ties in the order of names."""
    line = " ".join(args)
    found = re.search(r"--sort-by[= ](cpu|memory)", line)
    by = found[1] if found else ""
    lines = stdout.splitlines(keepends=True)
    head = 0 if "--no-headers" in line else 1
    if line.startswith("no"):
        rows = _nodes(lines[head:], ledger, by)
    else:
        rows = _pods(lines[head:], ledger, by, column=int("-A" in line))
    return "".join([*lines[:head], *rows])


def _nodes(lines: list[str], ledger: Ledger, by: str) -> list[str]:
    def value(line: str) -> object:
        name, cpu = line.split()[:2]
        if cpu == _SILENT:
            return _SILENT
        return _sorted_by(ledger.nodes[name], by) if by else name

    return _by_name(lines, value)


def _pods(lines: list[str], ledger: Ledger, by: str, column: int) -> list[str]:
    pods = {name: amount for (_, name), amount in ledger.pods.items()}
    containers: dict[tuple[str, ...], Amount] = {
        key[1:]: amount for key, amount in ledger.containers.items()
    }

    def value(block: str) -> object:
        name = block.split()[column]
        return _sorted_by(pods[name], by) if by and name in pods else ""

    def part(line: str) -> object:
        amount = containers.get(tuple(line.split()[column : column + 2]))
        return _sorted_by(amount, by) if amount else ""

    blocks = [
        "".join(_by_name(group, part) if by else group)
        for _, group in groupby(lines, lambda line: line.split()[: column + 1])
    ]
    return _by_name(blocks, value) if by else blocks


def _sorted_by(amount: Amount, by: str) -> int:
    """Round as kubectl does before it compares: up to millicores."""
    return -(-amount.cpu // 10**6) if by == "cpu" else amount.memory


def _by_name(lines: Iterable[str], value: Callable[[str], object]) -> list[str]:
    return [line for _, tied in groupby(lines, value) for line in sorted(tied)]
