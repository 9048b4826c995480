"""One call of the client: how long it may take, and which sockets it waits on.

httpx's time-outs are per read, so that a server that drips bytes outlives them all. The
call at hand is therefore known to the sockets: each wait is cut to what is left of it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
from collections.abc import Generator
from contextvars import ContextVar
from typing import Final

_SHORTEST: Final = 0.001
"""Seconds; a time-out of 0 would turn a socket non-blocking."""


class Call:
    """The time a whole call has, in seconds from now (``None``: no limit).

    A `branch` ends with the call it is part of, at the latest. Safe to share between
    threads.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self.timeout = timeout
        self._until = None if timeout is None else time.monotonic() + timeout
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._waiting: dict[int, socket.socket] = {}
        self._branches: weakref.WeakSet[Call] = weakref.WeakSet()

    def branch(self, timeout: float | None = None) -> Call:
        """Return a part of this call that can be cancelled by itself."""
        part = Call(timeout)
        if part._until is None or (self._until or part._until) < part._until:
            part.timeout, part._until = self.timeout, self._until
        with self._lock:
            self._branches.add(part)
        if self.cancelled:
            part.cancel()
        return part

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled.is_set()

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

    def wait(self, seconds: float) -> None:
        """Wait, or until the call is cancelled."""
        self._cancelled.wait(seconds)

    def waits_on(self, sock: socket.socket) -> None:
        """Remember a socket, to wake who waits on it when the call is cancelled."""
        with self._lock:
            self._waiting[threading.get_ident()] = sock

    def cancel(self) -> None:
        """End the call: its waits come back at once, with an error."""
        self._cancelled.set()
        with self._lock:
            waiting = tuple(self._waiting.values())
            branches = tuple(self._branches)
        for branch in branches:
            branch.cancel()
        for sock in waiting:
            with contextlib.suppress(OSError):
                # Of the plain socket: SSLSocket's would drop the TLS layer first.
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
                self._waiting.pop(threading.get_ident(), None)


current: Final[ContextVar[Call | None]] = ContextVar("kubemetrics_call", default=None)


def clamped(sock: socket.socket, seconds: float | None) -> float | None:
    """Return for how long *sock* may wait now; the call at hand remembers it."""
    call = current.get()
    if call is None:
        return seconds
    call.waits_on(sock)
    return call.clamp(seconds)


class PlainSocket(socket.socket):
    """A socket without TLS whose waits are cut to the call at hand."""

    __slots__ = ()

    @classmethod
    def adopt(cls, sock: object) -> None:
        """Make *sock*, which httpcore opened by itself, one of these."""
        if type(sock) is socket.socket:
            sock.__class__ = cls

    def settimeout(self, value: float | None) -> None:
        """Set how long a wait may be; httpcore does so before each."""
        super().settimeout(clamped(self, value))
