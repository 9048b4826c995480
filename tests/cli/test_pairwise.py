"""The covering arrays hold what they are said to hold."""

from __future__ import annotations

from itertools import product
from math import prod

import pytest

from .pairwise import Causes, Pair, Row, held, nothing, pairs, rows
from .test_against_kubectl import KINDS, WHY_NONE, array

SMALL = {"a": "12", "b": "123", "c": "1234", "d": "12"}


def at_work(row: Row, why_not: Causes) -> set[Pair]:
    """Say anew, from the definition, which pairs *row* shows at work."""
    items = list(row.items())
    found: set[Pair] = set()
    for i, one in enumerate(items):
        for other in items[i + 1 :]:
            ended_by = why_not(row)
            both = [frozenset({one[0]}), frozenset({other[0]})]
            others = [cause for cause in ended_by if not cause <= both[0] | both[1]]
            flag = {one[0], other[0]} != {"user", "state"}
            if not others or (flag and both[0] in ended_by and both[1] in ended_by):
                found.add((one, other))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_pair_of_flags_users_and_states_is_held_where_it_can_be_seen(
    kind: str,
) -> None:
    shown = set().union(*(at_work(row, WHY_NONE[kind]) for row in array(kind)))
    parameters = KINDS[kind]
    every = {
        ((one, a), (other, b))
        for i, one in enumerate(parameters)
        for other in list(parameters)[i + 1 :]
        for a, b in product(parameters[one], parameters[other])
    }
    assert shown == every == pairs(parameters)


@pytest.mark.parametrize("kind", KINDS)
def test_an_array_is_small(kind: str) -> None:
    users_and_states = prod(len(KINDS[kind][name]) for name in ("user", "state"))
    assert users_and_states <= len(array(kind)) <= 2.2 * users_and_states


@pytest.mark.parametrize("seed", range(5))
def test_without_causes_every_row_counts(seed: int) -> None:
    found = rows(SMALL, seed)
    assert set().union(*map(held, found)) == pairs(SMALL)
    assert len(found) <= 15


def test_the_same_seed_gives_the_same_rows_and_another_others() -> None:
    assert rows(SMALL, 1) == rows(SMALL, 1) != rows(SMALL, 2)


def one_is_an_end(row: Row) -> set[frozenset[str]]:
    return {frozenset({"a"})} if row["a"] == "1" else set()


def test_what_ends_a_run_hides_the_others() -> None:
    row = {"a": "1", "b": "1", "c": "1"}
    assert {(one[0], other[0]) for one, other in held(row, one_is_an_end)} == {
        ("a", "b"),
        ("a", "c"),
    }
    assert held(row | {"a": "2"}, one_is_an_end) == held(row | {"a": "2"}, nothing)


def two_are_ends(row: Row) -> set[frozenset[str]]:
    return {frozenset({name}) for name in "ab" if row[name] == "1"}


def three_are_ends(row: Row) -> set[frozenset[str]]:
    return {frozenset({name}) for name in row}


def test_two_that_end_a_run_count_together_unless_they_are_to_be_clear() -> None:
    row = {"a": "1", "b": "1", "c": "1"}
    assert held(row, two_are_ends) == {(("a", "1"), ("b", "1"))}
    couple = (("a", "1"), ("b", "1"))
    assert couple in held(row, three_are_ends)
    assert couple not in held(row, three_are_ends, clear=("a", "b"))


def test_a_pair_that_no_row_can_show_is_an_error() -> None:
    with pytest.raises(ValueError, match="found no row"):
        rows(SMALL, 1, lambda _: {frozenset({"a", "b", "c"})})
