"""Times as findings write them."""

from __future__ import annotations

from datetime import UTC, datetime


def ends(left: float) -> str:
    """Return the verb for an end that is *left* seconds away."""
    return "expired" if left <= 0 else "expires"


def moment(seconds: float) -> str:
    """Write seconds since the epoch as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
