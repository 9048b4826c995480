"""A length of time as Go prints it."""

from __future__ import annotations


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
