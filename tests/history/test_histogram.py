"""CPU by buckets: integer edges, percentiles and the blob."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.history import integrate
from kubemetrics.history.histogram import (
    BUCKETS,
    EDGES,
    bucket,
    decoded,
    encoded,
    merged,
    percentile_edge,
)

HISTOGRAMS = st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(1, 2**40))
CPU = st.integers(0, 10**12)


def test_the_edges_are_the_scheme_s_to_the_nanocore() -> None:
    assert EDGES[:3] == (0, 1_000_000, 2_050_000)
    assert EDGES[BUCKETS - 2] < 1000 * 10**9 < EDGES[BUCKETS]
    for i, edge in enumerate(EDGES):
        assert edge == int(20_000_000 * (Fraction(105, 100) ** i - 1))


@given(CPU)
def test_a_value_lies_in_its_bucket(value: int) -> None:
    assert EDGES[bucket(value)] <= value < EDGES[bucket(value) + 1]


def test_what_is_beyond_all_buckets_is_in_the_first_or_the_last() -> None:
    assert (bucket(-1), bucket(10**15)) == (0, BUCKETS - 1)


@given(HISTOGRAMS)
def test_a_blob_brings_back_what_it_was_made_of(histogram: dict[int, int]) -> None:
    assert decoded(encoded(histogram)) == histogram


def test_a_blob_is_pairs_of_leb128() -> None:
    assert encoded({0: 1, 3: 300, 200: 0, 201: 127}) == bytes(
        (0, 1, 3, 0xAC, 2, 0xC6, 1, 127)
    )


@pytest.mark.parametrize("blob", [b"\x80", b"\x01", b"\xff\x01\x01"])
def test_what_is_no_blob_is_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="not a histogram"):
        decoded(blob)


@given(
    st.lists(st.tuples(CPU, st.integers(1, 60_000)), min_size=1),
    st.fractions(0, 1, max_denominator=100),
)
def test_a_percentile_is_five_percent_and_a_millicore_too_high_at_most(
    samples: list[tuple[int, int]], share: Fraction
) -> None:
    histogram = merged({bucket(value): weight} for value, weight in samples)
    exact, edge = (
        integrate.percentile(samples, share),
        percentile_edge(histogram, share),
    )
    assert exact is not None
    assert edge is not None
    assert exact < edge <= exact * Fraction(105, 100) + 1_000_001


def test_a_histogram_of_nothing_has_no_percentile() -> None:
    assert percentile_edge({}, Fraction(1, 2)) is None
    assert percentile_edge({3: 0}, Fraction(0)) is None
