"""A connection as handlers and faults see it: bytes out, bytes in, or broken."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from typing import NoReturn

from .exchange import CHUNK, LAST_CHUNK, Answer, chunk, framing_of, head_bytes, pieces
from .pace import Pace

_POLL = 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Gone(Exception):  # noqa: N818 - the peer is
    """The peer has closed the connection, or the server stops."""


class Wire:
    """One accepted connection.

    *date* gives the Date header; *stopping* is set when the server goes away.
    """

    def __init__(
        self, raw: socket.socket, number: int, stopping: threading.Event
    ) -> None:
        self.socket: socket.socket | ssl.SSLSocket = raw
        self.number = number
        self.sni: str | None = None
        self._stopping = stopping
        self._buffer = b""
        self.closed = False
        self.may_abort = threading.Event()

    def read_until(self, end: bytes, limit: int = 1 << 20) -> bytes:
        """Return what comes before *end*; b"" when the peer closed in between."""
        while end not in self._buffer:
            if len(self._buffer) > limit or not self._fill():
                return b""
        before, _, self._buffer = self._buffer.partition(end)
        return before

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size and self._fill():
            pass
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _fill(self) -> bool:
        more = self.socket.recv(1 << 16)
        self._buffer += more
        return bool(more)

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(
        self,
        answer: Answer,
        date: str,
        *,
        without_body: bool = False,
        pace: Pace | None = None,
    ) -> None:
        """Send a whole answer as Go's server frames it, a list at its *pace*."""
        framing = framing_of(answer)
        head = head_bytes(answer, framing, date)
        if without_body:
            self.write(head)
        elif answer.stream is not None:
            self._stream(head, answer)
        elif framing[0] == "Content-Length":
            self.write(head + answer.body)
        elif pace is not None and answer.marks:
            self._paced(head, pace.pieces(answer.body, answer.marks))
        else:
            self._chunks(head, answer.body)

    def _chunks(self, head: bytes, body: bytes) -> None:
        """Send a large body piece by piece, head and end along with the nearest."""
        for piece in pieces(body):
            last = LAST_CHUNK if len(piece) < CHUNK else b""
            self.write(head + chunk(piece) + last)
            head = b""
        if len(body) % CHUNK == 0:
            self.write(LAST_CHUNK)

    def _paced(self, head: bytes, written: Iterator[bytes]) -> None:
        """Send pieces as they come; the head goes with the first, as Go buffers it."""
        for piece in written:
            if piece:  # an empty chunk would end the body
                self.write(head + chunk(piece))
                head = b""
        self.write(LAST_CHUNK)

    def _stream(self, head: bytes, answer: Answer) -> None:
        self.write(head)
        for piece in answer.stream or ():
            if piece:
                self.write(chunk(piece))
            elif self.peer_is_gone():
                raise Gone
        self.write(LAST_CHUNK)

    def peer_is_gone(self) -> bool:
        """Look, without waiting, whether the peer has closed; keep what it sent."""
        if self.closed or self._stopping.is_set():
            return True
        if not self._readable(0):
            return False
        try:
            return not self._fill()
        except OSError:
            return True

    def _readable(self, seconds: float) -> bool:
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        return bool(select.select([self.socket], [], [], seconds)[0])

    def wait(self, seconds: float | None) -> None:
        """Do nothing for a while, but notice when the peer or the server ends."""
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            if self.peer_is_gone():
                raise Gone
            left = _POLL if end is None else max(0.0, end - time.monotonic())
            self._stopping.wait(min(_POLL, left))

    def pause(self) -> None:
        """Give what was written a moment to arrive before a reset drops it."""
        time.sleep(_POLL)

    def reset(self) -> NoReturn:
        """Close with a TCP RST, whatever is still under way."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()
        raise Gone

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.socket.close()

    def abort(self) -> None:
        """End the connection from another thread, once it is wrapped."""
        self.may_abort.wait(1)
        with contextlib.suppress(OSError):
            # Of the plain socket: SSLSocket's own drops the TLS layer first, and the
            # thread that writes would go on in plain text.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
