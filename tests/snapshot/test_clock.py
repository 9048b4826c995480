"""The median that cadences, spreads, ages and the watch's pace share."""

from __future__ import annotations

from statistics import median_low

from hypothesis import given
from hypothesis import strategies as some

from kubemetrics.snapshot.reasons import median


@given(some.lists(some.integers(), min_size=1))
def test_the_median_is_the_lower_of_the_two_in_the_middle(values: list[int]) -> None:
    assert median(sorted(values)) == median_low(values)
