"""Go's durations, as the metrics API writes a sample's window: ``14.985s``."""

from __future__ import annotations

import re
from datetime import timedelta
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
