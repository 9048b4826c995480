from __future__ import annotations

import pytest

from kubemetrics.times import parse_timeout


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", None),
        ("0s", None),
        ("30", 30.0),
        ("30s", 30.0),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        ("+2m", 120.0),
        ("250ms", 0.25),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("1000us", 0.001),
        ("1000µs", 0.001),
        ("1h1m1s1ms1us1ns", 3661.001001001),
    ],
)
def test_seconds_and_go_durations_are_read(text: str, seconds: float | None) -> None:
    assert parse_timeout(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "-1",
        "-1s",
        "1 s",
        "1d",
        "1.5",
        "1m30",
        "\N{ARABIC-INDIC DIGIT ONE}s",
        "1e3",
        "+",
    ],
)
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="seconds or a duration"):
        parse_timeout(text)
