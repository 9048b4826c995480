"""The pace at which a server makes a list: its head early, its items bit by bit.

Measured on kube-apiserver 1.36, which encodes lists as a stream: of a page of 500 pods
of 12 KB the metadata, and the continue token with it, comes after 20 ms, and the last
pod 140 ms later. Everything else is in proportion to its JSON, compressed or not. The
time is slept, so that who is measured on the same machine has its processors.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .encoding import Mark

PAGE: Final = 500 * 12_000
"""Bytes of JSON in the page that was measured."""

ITEMS: Final = 0.140
"""Seconds that its items took."""

_HEAD: Final = 1 / 7
"""Before them, the part of it that its head took."""

_LATE: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Gives bodies out as they would come to be.

    *items* is in seconds a page; the clock and the sleep are a test's to replace.
    """

    items: float = ITEMS
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def pieces(self, body: bytes, marks: Sequence[Mark]) -> Iterator[bytes]:
        """Yield *body* up to one mark after the other, each when it is due.

        While a reader keeps a piece waiting, a server encodes nothing: what that took
        is not made up for.
        """
        due, sent = self.clock(), 0
        for mark, cost in zip(marks, self._costs(marks), strict=True):
            now = self.clock()
            due = cost + (now if now - due > _LATE else due)
            self.sleep(max(0.0, due - now))
            yield body[sent : mark.sent]
            sent = mark.sent

    def _costs(self, marks: Sequence[Mark]) -> Iterator[float]:
        """Yield the seconds from one mark to the next."""
        second = PAGE / self.items
        yield marks[-1].encoded * _HEAD / second
        for before, mark in itertools.pairwise(marks):
            yield (mark.encoded - before.encoded) / second
