"""A live screen without a terminal and without waiting: time, keys and rounds by hand.

`Script` stands in for the queue of what happens. Rounds are read where they are due,
in the thread of the test; time passes when nothing else is to happen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from kubemetrics.cli import watching
from kubemetrics.cli.watching import Happening, Happenings
from kubemetrics.client.sync import Begun, DeferredCall

T = TypeVar("T")

Step = str | float | Callable[[], None]
"""A key, seconds that pass, or something done to the cluster or the terminal, of which
the screen hears as of a resize."""


class Script(Happenings):
    """Plays *steps*, then ``q``; *before_read* is called before each later round.

    A round takes *reading* seconds.
    """

    def __init__(
        self,
        *steps: Step,
        before_read: Callable[[float], None] = lambda _: None,
        reading: float = 0,
    ) -> None:
        super().__init__()
        self._steps = list(steps)
        self._before_read = before_read
        self._reading = reading
        self._done_at: float | None = None
        self._time = 0.0
        self._read_at = 0.0
        self._left = 0.0
        self._after = 0

    def now(self) -> float:
        return self._time

    def begin(self, call: Callable[[], T]) -> Begun[T]:
        self._before_read(self._time - self._read_at)
        self._read_at = self._time
        self._done_at = self._time + self._reading
        return DeferredCall(call)

    def wait(self, seconds: float) -> Happening | None:
        if self._done_at is not None and self._done_at <= self._time:
            self._done_at = None
            return Happening(read=True)
        if self._left <= 0:
            happening = self._next()
            if happening is not None:
                return happening
        passed = min(seconds, self._left)
        self._time += passed
        self._left -= passed
        return None

    def _next(self) -> Happening | None:
        step = self._steps.pop(0) if self._steps else "q"
        self._after += not self._steps
        assert self._after < 10, "q does not end it"
        if isinstance(step, str):
            return Happening(key=step)
        if isinstance(step, int | float):
            self._left = step
            return None
        step()
        return Happening()


def play(
    monkeypatch: pytest.MonkeyPatch,
    *steps: Step,
    before_read: Callable[[float], None] = lambda _: None,
    reading: float = 0,
) -> None:
    """Let *steps* happen to the next watch."""
    script = Script(*steps, before_read=before_read, reading=reading)
    monkeypatch.setattr(watching, "Happenings", lambda: script)


def frames(out: str) -> list[list[str]]:
    """Return what each redraw put on the screen."""
    drawn = out.split("\x1b[H")[1:]
    assert all(frame.endswith("\x1b[J") for frame in drawn)
    return [
        frame.removesuffix("\x1b[J").replace("\x1b[K", "").splitlines()
        for frame in drawn
    ]
