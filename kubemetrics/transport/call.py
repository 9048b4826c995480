"""One call of the client: how long it may take, and which sockets it waits on.

httpx's time-outs are per read, so that a server that drips bytes outlives them all. The
call at hand is therefore known to the sockets: each wait is cut to what is left of it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Generator
from contextvars import ContextVar
from typing import Final

_SHORTEST: Final = 0.001
"""Seconds; a time-out of 0 would turn a socket non-blocking."""


class Call:
    """The time a whole call has, in seconds from now (``None``: no limit)."""

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.cancelled = False
        self._until = None if timeout is None else time.monotonic() + timeout
        self._lock = threading.Lock()
        self._waiting: set[socket.socket] = set()
        self._branches: list[Call] = []

    def branch(self) -> Call:
        """Return a part of this call that can be cancelled by itself."""
        part = Call(self.timeout)
        part._until = self._until
        with self._lock:
            self._branches.append(part)
            part.cancelled = self.cancelled
        return part

    def remaining(self) -> float | None:
        """Return the seconds left, at least 0; ``None`` for no limit."""
        if self.cancelled:
            return 0.0
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether its time is over, or it was cancelled."""
        return self.remaining() == 0.0

    def clamp(self, seconds: float | None) -> float | None:
        """Cut a wait to what is left."""
        left = self.remaining()
        if left is None:
            return seconds
        return max(_SHORTEST, left if seconds is None else min(seconds, left))

    def waits_on(self, sock: socket.socket) -> None:
        """Remember a socket, to wake who waits on it when the call is cancelled."""
        with self._lock:
            self._waiting.add(sock)

    def cancel(self) -> None:
        """End the call: its waits come back at once, with an error."""
        with self._lock:
            self.cancelled = True
            waiting = tuple(self._waiting)
            branches = tuple(self._branches)
        for branch in branches:
            branch.cancel()
        for sock in waiting:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    @contextlib.contextmanager
    def exchange(self) -> Generator[None, None, None]:
        """Mark that this thread speaks for this call."""
        token = current.set(self)
        try:
            yield
        finally:
            current.reset(token)
            with self._lock:
                self._waiting.clear()


current: Final[ContextVar[Call | None]] = ContextVar("kubemetrics_call", default=None)
