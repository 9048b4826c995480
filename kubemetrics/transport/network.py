"""The network below HTTP: each wait is cut to its call, and woken when that ends.

httpcore's time-outs are per read, so that a server that drips bytes outlives them all.
Its public backend is ours instead: a stream looks at the clock of its call before each
wait, is woken when the call is cancelled, and belongs to the process that opened it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Generator
from typing import Any, Final, Protocol, Self

import httpcore

from ..errors import TransportError
from ..flow import Lock, Share
from ..forks import forget_after_fork
from .tls import check_chain, raise_explained

RAW_BYTES: Final = 256 * 1024
"""Bytes of TLS records read at a time: one system call for up to sixteen of them."""

_ENDLESS: Final = float("inf")
_LONGEST: Final = float(2**33)
"""Seconds, nearly, that a Go duration holds: what is longer is no number of floats."""


class _Locks:
    """The locks of this module, anew in a forked child: the parent's may be held.

    One of a kind for all calls, cheaper than one each. A thread may take each twice,
    since what is collected within it gives back what it took.
    """

    waits: Lock
    memory: Lock
    decoding: Lock

    def __init__(self) -> None:
        self.forget()
        forget_after_fork(self)

    def forget(self) -> None:
        self.waits = threading.RLock()
        """Guards who waits for which call."""
        self.memory = threading.RLock()
        """Guards what calls have taken of their memory."""
        self.decoding = threading.RLock()
        """Held while an answer is decoded: one at a time, which is all the GIL does."""


_locks: Final = _Locks()


class Waiter(Protocol):
    """What waits in a call, and can be woken from another thread."""

    def wake(self) -> None:
        """Come back from the wait at once."""
        ...


class Memory:
    """The memory that the answers of one call may take at a time: *most* bytes.

    Several are on their way at once, each a bomb if its server is hostile: together
    they are bounded.
    """

    __slots__ = ("_taken", "most")

    def __init__(self, most: int | None) -> None:
        self.most: int | None = most
        self._taken = 0

    def take(self, size: int) -> bool:
        """Count *size* bytes more; false, and they are not counted, if there are none.

        Less than none gives them back.
        """
        with _locks.memory:
            fits = self.most is None or self._taken + size <= self.most
            if fits or size < 0:
                self._taken += size
        return fits


class MemoryShare(Share):
    """What one answer takes of a `Memory`: it is given back when the answer is gone."""

    __slots__ = ("_memory", "_size", "_url")

    def __init__(self, memory: Memory, url: str) -> None:
        self._memory = memory
        self._url = url
        self._size = 0

    def grow(self, size: int) -> None:
        """Take *size* bytes more.

        Raises:
            TransportError: there are none left.
        """
        self.keep(size)
        self._size += size

    def hold(self, size: int) -> None:
        """Take *size* bytes in all, and give back the rest."""
        self.grow(size - self._size)

    def keep(self, size: int) -> None:
        """Take *size* bytes for as long as the call lasts.

        Raises:
            TransportError: there are none left.
        """
        if not self._memory.take(size):
            raise TransportError(
                f"{self._url.partition('?')[0]}: what the server answers takes more"
                f" than {(self._memory.most or 0) / (1 << 20):g} MiB of memory; ask for"
                " less at a time (-n, -l, --chunk-size), or raise"
                " KUBEMETRICS_MAX_MEMORY",
                url=self._url,
                reason="limit",
            )

    def decoding(self) -> Lock:
        """Wait for the turn to decode: one answer at a time."""
        return _locks.decoding

    def __del__(self) -> None:
        self._memory.take(-self._size)


class Call:
    """What a whole call may take: seconds from now (``None``: no limit), and memory.

    A `branch` ends with the call it is part of, at the latest, and takes of its memory
    unless it is given *memory* of its own, in bytes. Safe to share between threads.
    """

    def __init__(self, timeout: float | None = None, memory: int | None = None) -> None:
        self.timeout = timeout
        self._until = (
            None if timeout is None else time.monotonic() + min(timeout, _LONGEST)
        )
        self._memory = Memory(memory)
        self.cancelled: bool = False
        self._waiters: set[Waiter] = set()
        self._branches: weakref.WeakSet[Call] = weakref.WeakSet()

    def branch(self, timeout: float | None = None, memory: int | None = None) -> Call:
        """Return a part of this call that can be cancelled by itself."""
        part = Call(timeout, memory)
        if memory is None:
            part._memory = self._memory
        if part._until is None or (self._until or part._until) < part._until:
            part.timeout, part._until = self.timeout, self._until
        with _locks.waits:
            self._branches.add(part)
        if self.cancelled:
            part.cancel()
        return part

    def share(self, url: str) -> MemoryShare:
        """Return what the answer from *url* takes of the memory."""
        return MemoryShare(self._memory, url)

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
        return left if seconds is None else min(seconds, left)

    def wait(self, seconds: float) -> None:
        """Wait, or until the call is cancelled."""
        self.wait_for(threading.Event(), seconds)

    def wait_for(self, event: threading.Event, seconds: float | None) -> None:
        """Wait for *event*, at most *seconds*, or until the call is cancelled."""
        waiter = _EventWaiter(event)
        self.enter(waiter)
        try:
            event.wait(self.clamp(seconds))
        finally:
            self.leave(waiter)

    def enter(self, waiter: Waiter) -> None:
        """Have *waiter* woken when the call is cancelled; look at `over` after it."""
        with _locks.waits:
            self._waiters.add(waiter)
        if self.cancelled:
            waiter.wake()

    def leave(self, waiter: Waiter) -> None:
        """Let *waiter* be: it is not woken once this returned."""
        with _locks.waits:
            self._waiters.discard(waiter)

    def cancel(self) -> None:
        """End the call: its waits come back at once, with an error."""
        self.cancelled = True
        with _locks.waits:
            for waiter in tuple(self._waiters):
                waiter.wake()
            branches = tuple(self._branches)
        for branch in branches:
            branch.cancel()


class _EventWaiter:
    """Somebody who waits for an event."""

    __slots__ = ("_event",)

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def wake(self) -> None:
        self._event.set()


# A request is known to the network by its limits, which stand where httpcore has its
# time-outs and are handed through by it untouched.


class Closable(Protocol):
    """A connection of either client."""

    def abort(self) -> None:
        """Close it at once."""
        ...


class RequestContext:
    """What the network knows of a request: its call, and the connections it opened.

    *silence* is for how long nothing may come, in seconds. *dialled* is whether it
    asked for a new connection, since no kept one was free. What is *opened* is closed
    by who sends the request where a negotiation fails half-way.
    """

    def __init__(self, call: Call, silence: float | None = None) -> None:
        self.call = call
        self.silence = silence
        self.dialled: bool = False
        self.opened: list[Closable] = []

    def limit(self, seconds: float | None) -> WaitLimit:
        """Return the limit of one wait, as httpcore is given it for a time-out."""
        return WaitLimit(self, seconds)

    def abort(self) -> None:
        """Close what was opened: httpcore does not after every failure."""
        for connection in self.opened:
            connection.abort()


class WaitLimit(float):
    """A time-out of httpcore's, in seconds, that knows what it is part of."""

    context: RequestContext

    def __new__(cls, context: RequestContext, seconds: float | None) -> Self:
        """Make one; ``None`` is no limit but the call's."""
        limit = super().__new__(cls, _ENDLESS if seconds is None else seconds)
        limit.context = context
        return limit

    def left(self) -> float | None:
        """Return the seconds a wait that begins now may take.

        Raises:
            TimeoutError: there are none, or the call is over.
        """
        left = self.context.call.clamp(None if self == _ENDLESS else self)
        if left is not None and left <= 0:
            raise TimeoutError
        return left


class Deadline:
    """A time-out over several waits, as one of httpcore's is meant."""

    def __init__(self, timeout: float | None) -> None:
        limit = timeout if isinstance(timeout, WaitLimit) else _unlimited()
        self.context: RequestContext = limit.context
        self._call = self.context.call.branch(None if limit == _ENDLESS else limit)

    def limit(self) -> WaitLimit:
        """Return the limit of a wait that begins now."""
        return self.context.limit(self._call.remaining())

    def left(self) -> float | None:
        """Return the seconds such a wait may take.

        Raises:
            TimeoutError: there are none.
        """
        return self.limit().left()


def _unlimited() -> WaitLimit:
    return RequestContext(Call()).limit(None)


def limit_of(timeout: float | None, last: WaitLimit) -> WaitLimit:
    """Return the limit that httpcore passed on; for SOCKS it passes none: the last."""
    return timeout if isinstance(timeout, WaitLimit) else last


class AnswerWatch:
    """Notices what a server says that nobody asked for.

    Bytes behind a complete answer would be read as the answer to the next request: Go
    closes such a connection, httpcore keeps it.
    """

    def __init__(self) -> None:
        self.reads: int = 0
        """How often something was read since something was written."""
        self.spent: bool = False
        """Whether nobody may use the connection again."""
        self._last: bytes = b""

    def saw(self, data: bytes) -> bytes:
        """Note what was read for HTTP."""
        self._last = data
        self.reads += 1
        return data

    def ended(self, body: bytes) -> None:
        """Judge an answer that is complete; *body* is the last that came of it.

        Nothing may come behind that, but for the blank line that ends chunks. (A whole
        second answer that ends in one is noticed by the next request, which has its
        answer before anything was read.)
        """
        blank = (b"\n\r\n", b"\n\n")
        if not self._last.endswith((body, *blank) if body else blank):
            self.spent = True


class TlsSession:
    """One TLS connection without its network: bytes in, bytes out.

    *name* is sent (SNI) and verified; ``None`` where nothing is verified.
    """

    def __init__(self, context: ssl.SSLContext, name: str | None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.object: ssl.SSLObject = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=name
        )
        self._verified = context.verify_mode is not ssl.CERT_NONE

    def handshake(self) -> bool:
        """Go on with the handshake; return whether it is complete.

        Raises:
            ssl.SSLError: it failed; what is `outgoing` tells the server why.
        """
        try:
            self.object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLCertVerificationError as error:
            raise_explained(error, self.object)
            raise
        check_chain(self.object, verified=self._verified)
        return True

    def read(self, most: int) -> bytes | None:
        """Return what has come, ``b""`` for the end, ``None`` for nothing yet."""
        parts: list[bytes] = []
        try:
            while most > 0 and (part := self.object.read(most)):
                parts.append(part)
                most -= len(part)
        except ssl.SSLWantReadError:
            if not parts:
                return None
        except ssl.SSLEOFError:
            pass  # no farewell: as common as one, and HTTP knows its own end
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        """Encrypt *data*."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.object.write(rest) :]

    def feed(self, data: bytes) -> None:
        """Take what came from the network; ``b""`` is its end."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def outgoing(self) -> bytes:
        """Return what is to be sent."""
        return self._outgoing.read()

    def pending(self) -> bool:
        """Return whether there is something nobody has read yet."""
        return bool(self._incoming.pending or self.object.pending())


class TlsNames:
    """By which name a server is verified: a ``tls-server-name``, or the one dialled.

    It is forced below httpcore, which ignores its own ``sni_hostname`` extension inside
    a tunnel (encode/httpcore#934). *context* is the server's, not an https proxy's.
    """

    def __init__(self, context: ssl.SSLContext, forced: str) -> None:
        self._context = context
        self._forced = forced

    def session(self, context: ssl.SSLContext, dialled: str | None) -> TlsSession:
        """Return a TLS connection that has not begun."""
        forced = self._forced if context is self._context else ""
        # As in Go: no dot at the end, no brackets (a proxied IPv6 address has them).
        name = (forced or dialled or "").removesuffix(".").strip("[]")
        return TlsSession(context, name.partition("%")[0] or None)


class Stream(httpcore.NetworkStream):
    """A connection without TLS."""

    def __init__(self, sock: socket.socket, limit: WaitLimit, names: TlsNames) -> None:
        self._sock = sock
        self._limit = limit
        self._names = names
        self.watch: AnswerWatch = AnswerWatch()
        forget_after_fork(self)
        limit.context.call.enter(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what there is, once there is some."""
        self._use(timeout)
        try:
            self._sock.settimeout(self._limit.left())
            return self.watch.saw(self._sock.recv(max_bytes))
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        except OSError as error:
            raise httpcore.ReadError from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of *buffer*."""
        self._use(timeout)
        self.watch.reads = 0
        rest = memoryview(buffer)
        try:
            while rest:
                self._sock.settimeout(self._limit.left())
                rest = rest[self._sock.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error
        except OSError as error:
            raise httpcore.WriteError from error

    def close(self) -> None:
        """Close the connection; whoever waits on it comes back."""
        self.watch.spent = True
        self.release()
        self.wake()
        self._sock.close()

    def abort(self) -> None:
        """Close the connection."""
        self.close()

    def wake(self) -> None:
        """End the connection both ways, which wakes who waits on it."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Part from the call: it is done with this connection."""
        self._limit.context.call.leave(self)

    def forget(self) -> None:
        """Close the descriptor alone: the connection is the parent's."""
        self.watch.spent = True
        forget_socket(self._sock)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Speak TLS from here on; a handshake that fails closes the connection."""
        session = self._names.session(ssl_context, server_hostname)
        return TlsStream(self, session, self._names).shake_hands(timeout)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's
        """Return what httpcore asks for, or who reads the answer."""
        if info == "is_readable":
            return self.watch.spent or readable(self._sock)
        return {"socket": self._sock, "stream": self}.get(info)

    def _use(self, timeout: float | None) -> None:
        limit = limit_of(timeout, self._limit)
        if limit.context is not self._limit.context:
            self.release()
            limit.context.call.enter(self)
        self._limit = limit


class TlsStream(httpcore.NetworkStream):
    """A TLS connection over another: over a socket's, or an https proxy's.

    Not an `ssl.SSLSocket`: one such cannot be put over another, and what gevent and
    eventlet put in its place is not the same (gevent#1239).
    """

    def __init__(
        self, below: Stream | TlsStream, tls: TlsSession, names: TlsNames
    ) -> None:
        self._below = below
        self._tls = tls
        self._names = names
        self.watch: AnswerWatch = below.watch

    def shake_hands(self, timeout: float | None) -> TlsStream:
        """Shake hands, for at most *timeout* seconds, or close the connection."""
        until = Deadline(timeout)
        try:
            with handshake_errors():
                while not self._tls.handshake():
                    self._flush(until.limit())
                    self._tls.feed(self._below.read(RAW_BYTES, until.limit()))
                self._flush(until.limit())
        except httpcore.ConnectError:
            with contextlib.suppress(httpcore.NetworkError, httpcore.TimeoutException):
                self._flush(until.limit())  # the alert that says why
            self.close()
            raise
        except BaseException:
            self.close()
            raise
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what there is, once there is some."""
        try:
            while (data := self._tls.read(max_bytes)) is None:
                self._flush(timeout)
                self._tls.feed(self._below.read(RAW_BYTES, timeout))
        except ssl.SSLError as error:
            raise httpcore.ReadError from error
        return self.watch.saw(data)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of *buffer*."""
        try:
            self._tls.write(buffer)
        except ssl.SSLError as error:
            raise httpcore.WriteError from error
        self._flush(timeout)

    def close(self) -> None:
        """Close the connection, without a word of TLS: as Python's sockets do."""
        self._below.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Speak TLS to who is behind the other end."""
        session = self._names.session(ssl_context, server_hostname)
        return TlsStream(self, session, self._names).shake_hands(timeout)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's
        """Return what httpcore asks for, or who reads the answer."""
        if info == "ssl_object":
            return self._tls.object
        if info == "is_readable" and self._tls.pending():
            return True
        return self._below.get_extra_info(info)

    def _flush(self, timeout: float | None) -> None:
        if data := self._tls.outgoing():
            self._below.write(data, timeout)


@contextlib.contextmanager
def handshake_errors() -> Generator[None, None, None]:
    """Raise what httpcore knows for what a handshake fails with."""
    try:
        yield
    except (httpcore.TimeoutException, TimeoutError) as error:
        raise httpcore.ConnectTimeout from error
    except (httpcore.NetworkError, OSError) as error:
        raise httpcore.ConnectError from error


def readable(sock: socket.socket) -> bool:
    """Return whether *sock* has something to say, if only that it is closed.

    Its time-out is left alone: a connection that was idle when it was looked up may be
    another thread's by now. One whose time-out is set anew while Python peeks without
    waiting is peeked at for ever (the loop of sock_call_ex in Modules/socketmodule.c).
    """
    try:
        if hasattr(select, "poll"):  # neither on Windows nor under eventlet
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):  # closed meanwhile
        return True


def forget_socket(sock: socket.socket) -> None:
    """Close the descriptor of a parent's socket, and leave the connection alone.

    Another file takes its place, so that whoever closes the socket later closes no
    stranger, and no event loop that is shared with the parent is told.
    """
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_RDWR)
        try:
            os.dup2(null, sock.fileno(), inheritable=False)
        finally:
            os.close(null)
