"""Go's durations, as a sample's window is written."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.times import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", "0"),
        ("0s", "0"),
        ("15s", "15"),
        ("14.985s", "14.985"),
        ("1m0.5s", "60.5"),
        ("1h2m3s", "3723"),
        ("100ms", "0.1"),
        ("1.5h", "5400"),
        (".5s", "0.5"),
        ("1.s", "1"),
        ("2us", "0.000002"),
        ("2µs", "0.000002"),
        ("2μs", "0.000002"),
        ("2000ns", "0.000002"),
        ("-1.5s", "-1.5"),
        ("+5s", "5"),
    ],
)
def test_what_go_reads(text: str, seconds: str) -> None:
    expected = timedelta(microseconds=int(Fraction(seconds) * 10**6))
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "15",
        "s",
        ".s",
        "1d",
        "1 s",
        " 1s",
        "1s ",
        "1s1",
        "--1s",
        "1e3s",
        "٣s",
        "1" * 50 + "s",
        "9223372037s",
        "99999999999999s",
    ],
)
def test_what_go_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.integers(0, 10**9), st.integers(0, 59), st.integers(0, 999_999))
def test_parts_add_up(hours: int, minutes: int, micros: int) -> None:
    hours %= 10_000
    read = parse_duration(f"{hours}h{minutes}m{micros}us")
    assert read == timedelta(hours=hours, minutes=minutes, microseconds=micros)
