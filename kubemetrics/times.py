"""Times as findings write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

# Go's durations, as the metrics API writes a sample's window: ``14.985s``.


_UNITS: Final = {
    "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6,
    "us": 10**3, "µs": 10**3, "μs": 10**3, "ns": 1,
}  # fmt: skip
_PART: Final = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|µs|μs|ns)"
_DURATION: Final = rf"([+-]?)((?:{_PART})+)"
_MAX_LENGTH: Final = 40
_LARGEST: Final = 2**63 - 1
"""Nanoseconds: Go's durations are 64-bit integers."""

_PLACES: Final = 6
_SHORT: Final = 9
"""Digits of whole seconds: fewer than Go's longest duration has."""


def parse_duration(text: str) -> timedelta:
    """Read a Go duration such as ``14.985s`` or ``1m0.5s``, to the microsecond.

    Source: the grammar of Go's ``time.ParseDuration``.

    Raises:
        ValueError: not a duration.
    """
    seconds, point, fraction = text[:-1].partition(".")
    digits = seconds + fraction
    if (
        text[-1:] == "s"
        and digits.isdigit()
        and digits.isascii()
        and len(fraction) <= _PLACES
        and len(seconds) <= _SHORT
    ):
        micros = int(fraction.ljust(_PLACES, "0")) if point else 0
        return timedelta(0, int(seconds or "0"), micros)
    return _parse_any(text)


def _parse_any(text: str) -> timedelta:
    from fractions import Fraction  # noqa: PLC0415 - few windows need it

    match = re.fullmatch(_DURATION, text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        if text in {"0", "+0", "-0"}:
            return timedelta()
        raise ValueError(f"not a Go duration: {text[:_MAX_LENGTH]!r}")
    nanos = sum(
        Fraction(number) * _UNITS[unit] for number, unit in re.findall(_PART, match[2])
    )
    if nanos > _LARGEST:
        raise ValueError(f"longer than any Go duration: {text!r}")
    return timedelta(microseconds=round(nanos / 1000) * (-1 if match[1] == "-" else 1))


# A time limit, as kubectl's ``--request-timeout`` takes it.


# Source: Go's time.ParseDuration.
_SECONDS: Final = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "\N{MICRO SIGN}s": Decimal("1e-6"),
    "\N{GREEK SMALL LETTER MU}s": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_TIMEOUT_PART: Final = re.compile(
    r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII
)


def parse_timeout(text: str) -> float | None:
    """Read whole seconds or a Go duration (``1m30s``); zero is no limit: ``None``.

    Raises:
        ValueError: it is neither, or negative.
    """
    if re.fullmatch("[0-9]+", text):
        return float(text) or None
    return float(_duration(text.removeprefix("+"))) or None


def _duration(text: str) -> Decimal:
    parts: list[tuple[str, str]] = _TIMEOUT_PART.findall(text)
    if text == "0" or (parts and "".join(map("".join, parts)) == text):
        return sum((Decimal(n) * _SECONDS[unit] for n, unit in parts), Decimal(0))
    raise ValueError("must be seconds or a duration, such as 30, 90s or 1m30s")


# A length of time as Go prints it.


def go_duration(nanoseconds: int) -> str:
    """Return ``72h14m3.123456789s``; for a second and more.

    Source: Go's ``time.Duration.String``.
    """
    seconds, rest = divmod(nanoseconds, 10**9)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    text = f"{seconds}{fraction}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text


_SPANS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def ends(left: float) -> str:
    """Return the verb for an end that is *left* seconds away."""
    return "expired" if left <= 0 else "expires"


def moment(seconds: float) -> str:
    """Write seconds since the epoch as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(seconds: float) -> str:
    """Write a length of time in its two largest units: ``42s``, ``3m10s``, ``2h5m``."""
    if seconds < 0:
        return f"-{span(-seconds)}"
    rest = int(seconds + 0.5)
    amounts: list[str] = []
    for unit, size in _SPANS:
        count, rest = divmod(rest, size)
        if count or amounts:
            amounts.append(f"{count}{unit}" if count else "")
    return "".join(amounts[:2]) or "0s"


def rfc3339(moment: datetime | None) -> str | None:
    """Write a time as the API does."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None
