"""Times as findings write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


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
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or amounts:
            amounts.append(f"{count}{unit}" if count else "")
    return "".join(amounts[:2]) or "0s"
