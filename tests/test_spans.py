"""Lengths of time in findings."""

from __future__ import annotations

import pytest

from kubemetrics.times import span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (9.6, "10s"),
        (60, "1m"),
        (190, "3m10s"),
        (7500, "2h5m"),
        (86400 + 59, "1d"),
        (31_555_555.5, "365d5h"),
        (-190, "-3m10s"),
    ],
)
def test_a_length_of_time_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text
