"""Shares of one: exact as fractions, written as floats are."""

from __future__ import annotations

import pickle
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.ratio import Ratio

shares = st.fractions(-100, 100, max_denominator=10**9)
SPECS = st.builds(
    "{}{}{}{}.{}{}".format,
    st.sampled_from(("", "<", ">", "*^")),
    st.sampled_from(("", "+", " ")),
    st.sampled_from(("", "12")),
    st.sampled_from(("", ",")),
    st.integers(0, 9),
    st.sampled_from("f%"),
)


@pytest.mark.parametrize(
    ("share", "spec", "shown"),
    [
        (Ratio(1, 3), ".0%", "33%"),
        (Ratio(1, 3), ".1%", "33.3%"),
        (Ratio(1, 200), ".0%", "0%"),
        (Ratio(3, 200), ".0%", "2%"),
        (Ratio(-1, 3), ".2f", "-0.33"),
        (Ratio(5, 4), "%", "125.000000%"),
        (Ratio(5, 4), "F", "1.250000"),
        (Ratio(1, 3), "", "1/3"),
        (Ratio(1, 3), ">6", "   1/3"),
        (Ratio(2), "", "2"),
        (Ratio(1, 3), ">7.0%", "    33%"),
        (Ratio(1, 3), "06.0%", "00033%"),
        (Ratio(1, 3), ".3", "0.333"),
        (Ratio(1, 3), ".3g", "0.333"),
        (Ratio(1, 3), "e", "3.333333e-1"),
        (Ratio(1234567), ",.1f", "1,234,567.0"),
    ],
)
def test_a_share_formats_as_a_number(share: Ratio, spec: str, shown: str) -> None:
    assert format(share, spec) == shown


@given(st.integers(-(10**6), 10**6), st.sampled_from((1, 2, 4, 8, 16, 64)), SPECS)
def test_it_formats_as_the_float_it_is(whole: int, parts: int, spec: str) -> None:
    """Of a power of two, which a float holds exactly, halves included."""
    assert format(Ratio(whole, parts), spec) == format(whole / parts, spec)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a Fraction does not format")
@given(shares, SPECS)
def test_it_formats_as_newer_pythons_do(share: Fraction, spec: str) -> None:
    assert format(Ratio(share), spec) == format(share, spec)


@given(shares)
def test_it_is_the_fraction_it_is_made_of(share: Fraction) -> None:
    made = Ratio(share)
    assert made == share
    assert hash(made) == hash(share)
    again = pickle.loads(pickle.dumps(made))  # noqa: S301
    assert (type(again), again) == (Ratio, made)


@pytest.mark.parametrize("spec", ["x", "Mi", ".f", "d", "n"])
def test_a_format_that_there_is_not_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match=r"ends in one of %, E, F, G, e, f, g; as in"):
        format(Ratio(1), spec)
