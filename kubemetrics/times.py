"""Durations and moments as Kubernetes has them: each form is read and written here.

Durations are Go's (``1m30.5s``), moments RFC 3339, ages those of kubectl's tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

_UNITS: Final = {
    "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6,
    "us": 10**3, "µs": 10**3, "μs": 10**3, "ns": 1,
}  # fmt: skip
_PART: Final = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|µs|μs|ns)"
_DURATION: Final = rf"([+-]?)((?:{_PART})+)"
_MAX_LENGTH: Final = 40
_LARGEST: Final = 2**63 - 1
"""Nanoseconds: Go's durations are 64-bit integers."""

_NANO: Final = 10**9
_PLACES: Final = 9
_SHORT: Final = 9
"""Digits of whole seconds: fewer than Go's longest duration has."""


def parse_nanoseconds(text: str) -> int:
    """Read a Go duration such as ``14.985s`` or ``1m0.5s``: exact nanoseconds.

    Source: Go's ``time.ParseDuration``, which cuts off what is below a nanosecond.

    Raises:
        ValueError: not a duration.
    """
    # A sample's window has seconds alone; a list holds thousands of them.
    seconds, _, fraction = text[:-1].partition(".")
    digits = seconds + fraction
    if (
        text[-1:] == "s"
        and digits.isdigit()
        and digits.isascii()
        and len(fraction) <= _PLACES
        and len(seconds) <= _SHORT
    ):
        return int(seconds or "0") * _NANO + int(fraction.ljust(_PLACES, "0"))
    return _parse_parts(text)


def _parse_parts(text: str) -> int:
    from fractions import Fraction  # noqa: PLC0415 - few durations need it

    match = re.fullmatch(_DURATION, text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        if text in {"0", "+0", "-0"}:
            return 0
        raise ValueError(f"not a Go duration: {text[:_MAX_LENGTH]!r}")
    nanoseconds = sum(
        int(Fraction(number) * _UNITS[unit])
        for number, unit in re.findall(_PART, match[2])
    )
    if nanoseconds > _LARGEST:
        raise ValueError(f"longer than any Go duration: {text!r}")
    return -nanoseconds if match[1] == "-" else nanoseconds


def parse_duration(text: str) -> timedelta:
    """Read a Go duration, rounded to the microsecond.

    Raises:
        ValueError: not a duration.
    """
    return timedelta(0, 0, round(parse_nanoseconds(text), -3) // 1000)


def parse_days(text: str) -> timedelta:
    """Read a Go duration that may begin with days: ``90s``, ``2d``, ``1d12h``.

    Raises:
        ValueError: it is none.
    """
    match = _DAYS.fullmatch(text)
    if match is None:
        return parse_duration(text)
    rest = parse_duration(match[2]) if match[2] else timedelta()
    return timedelta(days=int(match[1])) + rest


_DAYS: Final = re.compile(r"([0-9]{1,6})d(.*)")


def parse_timeout(text: str) -> float | None:
    """Read kubectl's ``--request-timeout``, in seconds; zero is no limit: ``None``.

    It is whole seconds, or a Go duration (``1m30s``).

    Raises:
        ValueError: it is neither, or negative.
    """
    if re.fullmatch("0*[0-9]{1,9}", text):
        return float(text) or None
    try:
        nanoseconds = -1 if text.startswith("-") else parse_nanoseconds(text)
    except ValueError:
        nanoseconds = -1
    if nanoseconds < 0:
        raise ValueError("must be seconds or a duration, such as 30, 90s or 1m30s")
    return nanoseconds / _NANO or None


def go_duration(nanoseconds: int) -> str:
    """Write a duration of a second and more as Go does: ``72h14m3.123456789s``.

    Source: Go's ``time.Duration.String``.
    """
    seconds, rest = divmod(nanoseconds, _NANO)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    text = f"{seconds}{fraction}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text


_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)

_USUAL: Final = "2026-01-02T03:04:05Z"
"""The form of all times but a few; a list has three of each of its pods."""


def parse_rfc3339(text: str) -> datetime:
    """Read an RFC 3339 time to the microsecond; what is below that is cut off.

    Source: Go's ``time.Parse(time.RFC3339)``, which takes no other form of ISO 8601.

    Raises:
        ValueError: not an RFC 3339 time.
    """
    usual = len(text) == len(_USUAL) and text[4::3] == _USUAL[4::3]
    if usual or _RFC_3339.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:  # month 13, or what is no digit
            pass
    raise ValueError(f"not an RFC 3339 time: {text[:_MAX_LENGTH]!r}")


def rfc3339(moment: datetime) -> str:
    """Write a time as the API does: ``2026-01-02T03:04:05Z``."""
    return moment.isoformat().replace("+00:00", "Z")


def zoned(moment: datetime) -> str:
    """Write a time for people, in the zone of this machine, which is named."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def zoned_range(first: datetime, last: datetime) -> str:
    """Write a range as `zoned` does; a date and a zone that are the same are said once.

    Its length is beside it.
    """
    begin, end = first.astimezone(), last.astimezone()
    length = two_units(last - first)
    if (begin.date(), begin.tzname()) != (end.date(), end.tzname()):
        return f"{zoned(first)} to {zoned(last)} ({length})"
    return f"{begin:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S %Z} ({length})"


def rfc3339_of(seconds: float) -> str:
    """Write seconds since the epoch as RFC 3339 in UTC, to the second.

    Infinity is ``never``.
    """
    if seconds == math.inf:
        return "never"
    return rfc3339(datetime.fromtimestamp(seconds, UTC).replace(microsecond=0))


_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_HTTP_DATE: Final = (
    r"(?a)[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) ([12]\d{3}) (\d\d):(\d\d):(\d\d) GMT"
)
"""What every server sends today; the other two forms are obsolete."""


def parse_http_date(text: str) -> datetime | None:
    """Read the time of a ``Date`` or ``Retry-After`` header, ``None`` if it is none.

    Source: RFC 9110, 5.6.7.
    """
    if not text:
        return None
    usual = re.fullmatch(_HTTP_DATE, text)
    try:
        if usual is not None:
            day, month, *rest = usual.groups()
            year, hour, minute, second = map(int, rest)
            date = year, _MONTHS.index(month) + 1, int(day)
            return datetime(*date, hour, minute, second, tzinfo=UTC)
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - takes 8 ms

        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def server_date(headers: Mapping[str, str]) -> datetime | None:
    """Return the server's clock when it answered: its ``Date`` header."""
    return parse_http_date(headers.get("date", ""))


_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY
_LETTERS: Final = {1: "s", _MINUTE: "m", _HOUR: "h", _DAY: "d", _YEAR: "y"}
_AGES: Final[tuple[tuple[int, int, int | None], ...]] = (
    (2 * _MINUTE, 1, None), (10 * _MINUTE, _MINUTE, 1), (3 * _HOUR, _MINUTE, None),
    (8 * _HOUR, _HOUR, _MINUTE), (2 * _DAY, _HOUR, None), (8 * _DAY, _DAY, _HOUR),
    (2 * _YEAR, _DAY, None), (8 * _YEAR, _YEAR, _DAY),
)  # fmt: skip


def human_duration(age: timedelta) -> str:
    """Write an age as kubectl does: ``45s``, ``3m10s``, ``5h``, ``12d``.

    Source: apimachinery/pkg/util/duration/duration.go, ``HumanDuration``; a negative
    age keeps its sign here.
    """
    seconds = age // _SECOND
    if seconds < 0:
        return f"-{human_duration(-age)}"
    for limit, large, small in _AGES:
        if seconds < limit:
            return _two(seconds, large, small)
    return _two(seconds, _YEAR, None)


def _two(seconds: int, large: int, small: int | None) -> str:
    first = f"{seconds // large}{_LETTERS[large]}"
    rest = seconds % large // small if small else 0
    return f"{first}{rest}{_LETTERS[small]}" if small and rest else first


def whole_seconds(age: timedelta) -> str:
    """Write an age in whole seconds; what clocks differ by makes none negative."""
    return f"{max(age // _SECOND, 0)}s"


def two_units(length: timedelta) -> str:
    """Write a length of time in its two largest units: ``42s``, ``3m10s``, ``2h5m``.

    Unlike an age it is rounded, and keeps its second unit however long it is.
    """
    if length < timedelta():
        return f"-{two_units(-length)}"
    rest = int(length.total_seconds() + 0.5)
    amounts: list[str] = []
    for size in (_DAY, _HOUR, _MINUTE, 1):
        count, rest = divmod(rest, size)
        if count or amounts:
            amounts.append(f"{count}{_LETTERS[size]}" if count else "")
    return "".join(amounts[:2]) or "0s"
