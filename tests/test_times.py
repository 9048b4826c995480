"""Durations and moments: each form is read and written in one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.times import (
    go_duration,
    human_duration,
    parse_duration,
    parse_http_date,
    parse_nanoseconds,
    parse_rfc3339,
    parse_timeout,
    rfc3339,
    rfc3339_of,
    two_units,
    whole_seconds,
)


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
def test_go_durations_are_read(text: str, seconds: str) -> None:
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
def test_what_go_refuses_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.integers(0, 10**9), st.integers(0, 59), st.integers(0, 999_999))
def test_parts_add_up(hours: int, minutes: int, micros: int) -> None:
    hours %= 10_000
    read = parse_duration(f"{hours}h{minutes}m{micros}us")
    assert read == timedelta(hours=hours, minutes=minutes, microseconds=micros)


def test_nanoseconds_are_exact() -> None:
    assert parse_nanoseconds("0.000000001s") == 1
    assert parse_nanoseconds("1h0.0000000019s") == 3600 * 10**9 + 1
    assert parse_nanoseconds("2562047h47m16.854775807s") == 2**63 - 1
    assert parse_duration("1.5us") == parse_duration("2.5us") == timedelta(0, 0, 2)


@given(st.integers(10**9, 2**63 - 1))
def test_a_duration_that_was_written_is_read_again(nanoseconds: int) -> None:
    assert parse_nanoseconds(go_duration(nanoseconds)) == nanoseconds


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
def test_a_timeout_is_seconds_or_a_go_duration(
    text: str, seconds: float | None
) -> None:
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
        "+30",
        "-0",
        "+-1s",
        "99999999h",
    ],
)
def test_a_timeout_is_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match="seconds or a duration"):
        parse_timeout(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (10**9, "1s"),
        (1_500_000_000, "1.5s"),
        (120 * 10**9 + 1, "2m0.000000001s"),
        (3600 * 10**9, "1h0m0s"),
        (260_043_123_456_789, "72h14m3.123456789s"),
    ],
)
def test_a_duration_is_written_as_go_writes_it(nanoseconds: int, text: str) -> None:
    assert go_duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01T00:01:00.5Z", 60.5),
        ("1970-01-01T00:01:00.123456789Z", 60.123456),
    ],
)
def test_rfc_3339_is_read_to_the_microsecond(text: str, seconds: float) -> None:
    assert parse_rfc3339(text).timestamp() == seconds


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:01:00",
        "1970-01-01 00:01:00Z",
        "1970-01-01t00:01:00z",
        "1970-01-01T00:01:00+0100",
        "1970-13-01T00:01:00Z",
        "19700101T000100Z",
        "1970-01-01",
        "tomorrow",
        "",
        "1970-W01-1T00:01:00Z",
        "1970-01-01T00:01:00+24:00",
        "١٩٧٠-01-01T00:01:00Z",
    ],
)
def test_no_other_form_of_a_time_is_read(text: str) -> None:
    with pytest.raises(ValueError, match="not an RFC 3339 time"):
        parse_rfc3339(text)


def test_a_time_is_written_as_the_api_writes_it() -> None:
    assert rfc3339(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"
    assert rfc3339_of(60.9) == "1970-01-01T00:01:00Z"


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_that_was_written_is_read_again(moment: datetime) -> None:
    assert parse_rfc3339(rfc3339(moment)) == moment


@given(st.integers(0, 32_503_679_999))  # 1970 to 2999
def test_an_http_date_in_the_form_of_today_is_read_as_it_was_written(
    seconds: int,
) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert parse_http_date(format_datetime(moment, usegmt=True)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nob 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
    ],
)
def test_what_has_the_form_of_an_http_date_and_cannot_be_is_none(text: str) -> None:
    assert parse_http_date(text) is None


def test_an_http_date_has_an_offset_or_is_utc() -> None:
    expected = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    for zone in ("GMT", "-0000", "+0000"):
        assert parse_http_date(f"Sun, 06 Nov 1994 08:49:37 {zone}") == expected
    for text in ("", "soon", "Sun, 06 Nov 1994 08:49:37 +99999999999999"):
        assert parse_http_date(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (0.9, "0s"), (119, "119s"), (120, "2m"), (190, "3m10s"),
        (599, "9m59s"), (600, "10m"), (10799, "179m"), (10800, "3h"), (12000, "3h20m"),
        (28800, "8h"), (172799, "47h"), (172800, "2d"), (176400, "2d1h"),
        (691200, "8d"), (63071999, "729d"), (63072000, "2y"), (66528000, "2y40d"),
        (252288000, "8y"), (300000000, "9y"), (-45, "-45s"),
    ],
)  # fmt: skip
def test_ages_read_as_kubectl_writes_them(seconds: float, text: str) -> None:
    assert human_duration(timedelta(seconds=seconds)) == text


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
    assert two_units(timedelta(seconds=seconds)) == text


def test_whole_seconds_are_never_negative() -> None:
    assert whole_seconds(timedelta(seconds=75.9)) == "75s"
    assert whole_seconds(timedelta(seconds=-1)) == "0s"
