"""When the next sample is due, learned from those before."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low
from typing import Final

_DEFAULT: Final = timedelta(seconds=15)
"""``--metric-resolution`` of metrics-server's manifest, until the samples tell."""
_MARGIN: Final = timedelta(seconds=2)
"""How long after its time a sample is served: all nodes are read first."""
_SHORTEST: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(minutes=5)
_AGAIN: Final = 5
"""A late sample is looked for this many times in its own pace."""


class Pace:
    """Learns from the times of the latest samples how far they are apart."""

    def __init__(self) -> None:
        self._stamps: deque[datetime] = deque(maxlen=8)

    def wait(
        self, latest: datetime | None, now: datetime | None, window: timedelta | None
    ) -> timedelta:
        """Return how long to wait for the sample after the one of *latest*.

        *now* is the server's time; *window* that of the samples, which tells their pace
        as long as nothing better does.
        """
        if latest and (not self._stamps or latest > self._stamps[-1]):
            self._stamps.append(latest)
        pace = self._learned() or window or _DEFAULT
        if latest is None or now is None:
            return _within(pace)
        due = latest + pace + _MARGIN - now
        return _within(due if due > timedelta() else pace / _AGAIN)

    def _learned(self) -> timedelta | None:
        stamps = list(self._stamps)
        gaps = [b - a for a, b in pairwise(stamps)]
        return median_low(gaps) if gaps else None


def _within(wait: timedelta) -> timedelta:
    return min(max(wait, _SHORTEST), _LONGEST)
