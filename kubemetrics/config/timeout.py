"""A time limit, as kubectl's ``--request-timeout`` takes it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

# Source: Go's time.ParseDuration.
_UNITS: Final = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "\N{MICRO SIGN}s": Decimal("1e-6"),
    "\N{GREEK SMALL LETTER MU}s": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_PART: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)


def parse_timeout(text: str) -> float | None:
    """Read whole seconds or a Go duration (``1m30s``); zero is no limit: ``None``.

    Raises:
        ValueError: it is neither, or negative.
    """
    if re.fullmatch("[0-9]+", text):
        return float(text) or None
    return float(_duration(text.removeprefix("+"))) or None


def _duration(text: str) -> Decimal:
    parts: list[tuple[str, str]] = _PART.findall(text)
    if text == "0" or (parts and "".join(map("".join, parts)) == text):
        return sum((Decimal(n) * _UNITS[unit] for n, unit in parts), Decimal(0))
    raise ValueError("must be seconds or a duration, such as 30, 90s or 1m30s")
