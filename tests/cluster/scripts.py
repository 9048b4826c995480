"""Scripted faults: what to do to which request, and how often.

A fault takes an `Attempt` (the request and the answer it would get) and returns the
answer to send, or None when it has dealt with the connection itself, which then ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from .exchange import Answer, Seen
from .wire import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A request about to be answered."""

    wire: Wire
    seen: Seen
    answer: Answer
    date: str


Fault: TypeAlias = Callable[[Attempt], Answer | None]
When: TypeAlias = Callable[[Seen], bool]


@dataclass(slots=True, kw_only=True)
class Script:
    """One fault and the requests it strikes: from the *first* match, *times* times."""

    fault: Fault
    when: When
    first: int = 1
    times: int | None = 1
    matched: int = 0

    def strikes(self, seen: Seen) -> bool:
        """Count a match and say whether the fault is due."""
        if not self.when(seen):
            return False
        self.matched += 1
        past = self.matched - self.first
        return past >= 0 and (self.times is None or past < self.times)

    @property
    def struck(self) -> int:
        hits = max(0, self.matched - self.first + 1)
        return hits if self.times is None else min(hits, self.times)


class Faults:
    """The faults in force, tried in the order they were added."""

    def __init__(self) -> None:
        self._scripts: list[Script] = []
        self._lock = threading.Lock()

    def add(
        self,
        fault: Fault,
        *,
        path: str | None = None,
        when: When | None = None,
        first: int = 1,
        times: int | None = 1,
    ) -> Script:
        """Strike requests of exactly *path* (or that satisfy *when*, or all)."""
        script = Script(fault=fault, when=when or _at(path), first=first, times=times)
        with self._lock:
            self._scripts.append(script)
        return script

    def clear(self) -> None:
        with self._lock:
            self._scripts.clear()

    def apply(self, attempt: Attempt) -> Answer | None:
        with self._lock:
            due = [s.fault for s in self._scripts if s.strikes(attempt.seen)]
        return due[0](attempt) if due else attempt.answer


def _at(path: str | None) -> When:
    return lambda seen: path is None or seen.path == path
