"""The server's clock, which a test may set, shift or let run."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


class Clock:
    """What the server believes the time to be.

    A frozen clock stands still at *start*; any other one runs from there.
    """

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        self._start = start or datetime.now(UTC)
        self._zero = time.monotonic()
        self._frozen = frozen
        self._shift = timedelta()

    def now(self) -> datetime:
        elapsed = 0.0 if self._frozen else time.monotonic() - self._zero
        return self._start + timedelta(seconds=elapsed) + self._shift

    def shift(self, seconds: float) -> None:
        """Move the clock by *seconds*, backwards when negative."""
        self._shift += timedelta(seconds=seconds)

    def http_date(self) -> str:
        return format_datetime(self.now().replace(microsecond=0), usegmt=True)


def rfc3339(moment: datetime) -> str:
    """Format as the API does: UTC, whole seconds, a Z."""
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def parse_rfc3339(text: str) -> datetime:
    return datetime.fromisoformat(text)
