"""Few combinations that hold every pair of values of two parameters."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

Row: TypeAlias = tuple[str, ...]
_CANDIDATES = 30


def rows(parameters: Mapping[str, Sequence[str]], seed: int) -> list[Row]:
    """Return rows of one value a parameter that cover all pairs; greedy, repeatable."""
    values = list(parameters.values())
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    missing = _pairs(values)
    found: list[Row] = []
    while missing:
        wanted = min(missing)
        candidates = [_row(values, wanted, chance) for _ in range(_CANDIDATES)]
        best = max(candidates, key=lambda row: len(missing & _held(row)))
        missing -= _held(best)
        found.append(best)
    return found


_Pair: TypeAlias = tuple[int, str, int, str]


def _pairs(values: Sequence[Sequence[str]]) -> set[_Pair]:
    return {
        (i, a, j, b)
        for i, j in combinations(range(len(values)), 2)
        for a in values[i]
        for b in values[j]
    }


def _row(values: Sequence[Sequence[str]], wanted: _Pair, chance: random.Random) -> Row:
    row = [chance.choice(choices) for choices in values]
    i, a, j, b = wanted
    row[i], row[j] = a, b
    return tuple(row)


def _held(row: Row) -> set[_Pair]:
    return {(i, row[i], j, row[j]) for i, j in combinations(range(len(row)), 2)}
