"""Few combinations that hold every pair of values of two parameters: a covering array.

Nominal coverage deceives: a refused user hides what the flags beside it do. So it can
be said which values *end* a run, alone or two together. A pair then counts in a run
that nothing else ends; only two that end it each by itself count in any, unless they
are of the parameters to be seen *clear* of others. (No package at hand knows of that;
allpairspy, which does not, needs as many rows for the nominal pairs.)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import TypeAlias

Row: TypeAlias = Mapping[str, str]
"""A value a parameter."""
Pair: TypeAlias = tuple[tuple[str, str], tuple[str, str]]
Causes: TypeAlias = Callable[[Row], Collection[frozenset[str]]]
"""Which parameters end a run: each set by itself."""
_CANDIDATES = 2


def nothing(_: Row) -> tuple[()]:
    """Say that no value hides another."""
    return ()


def rows(
    parameters: Mapping[str, Sequence[str]],
    seed: int,
    causes: Causes = nothing,
    clear: Collection[str] = (),
) -> list[Row]:
    """Return rows that hold all pairs; greedy, and the same for the same *seed*."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    missing = pairs(parameters)
    found: list[Row] = []
    while missing:
        best = _best(
            parameters,
            missing,
            partial(held, causes=causes, clear=clear),
            causes,
            chance,
        )
        missing -= held(best, causes, clear)
        found.append(best)
    return found


def pairs(parameters: Mapping[str, Sequence[str]]) -> set[Pair]:
    """Return every two values of two parameters."""
    return {
        ((one, a), (other, b))
        for one, other in combinations(parameters, 2)
        for a in parameters[one]
        for b in parameters[other]
    }


def held(row: Row, causes: Causes = nothing, clear: Collection[str] = ()) -> set[Pair]:
    """Return the pairs of *row* that are seen at work in it."""
    ending = causes(row)
    each = {name for name in row if frozenset({name}) in ending} if ending else set()

    def counts(names: set[str]) -> bool:
        nothing_else = all(cause <= names for cause in ending)
        return nothing_else or (names <= each and names != set(clear))

    couples = combinations(row.items(), 2)
    return {(one, other) for one, other in couples if counts({one[0], other[0]})}


def _best(
    parameters: Mapping[str, Sequence[str]],
    missing: set[Pair],
    seen_in: Callable[[Row], set[Pair]],
    causes: Causes,
    chance: random.Random,
) -> Row:
    wanted = min(missing)
    fixed = dict(wanted)
    free = [name for name in parameters if name not in fixed]

    def worth(row: Row) -> tuple[bool, int, int]:
        seen, ends = seen_in(row), -len(causes(row))
        return (True, len(seen & missing), ends) if wanted in seen else (False, ends, 0)

    def candidates() -> Iterator[Row]:
        for _ in range(_CANDIDATES):
            row = {name: chance.choice(values) for name, values in parameters.items()}
            row |= fixed
            for name in chance.sample(free, len(free)):
                choices = [row | {name: value} for value in parameters[name]]
                chance.shuffle(choices)
                row = max(choices, key=worth)
            yield row

    best = max(candidates(), key=worth)
    if wanted not in seen_in(best):
        message = f"found no row in which {wanted} is seen at work"
        raise ValueError(message)
    return best
