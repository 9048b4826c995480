"""Opening a connection: a name is looked up, and its addresses are raced.

Sans-I/O where it can be: `transport.async_network` awaits what is waited for here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Final, TypeAlias, cast

import httpcore

from ..forks import forget_after_fork
from .network import Deadline, Stream, TlsNames, forget_socket

STAGGER: Final = 0.25
"""Seconds between two attempts to connect (RFC 8305, Connection Attempt Delay)."""


class Backend(httpcore.NetworkBackend):
    """Opens connections for the blocking client."""

    def __init__(self, names: TlsNames) -> None:
        self._names = names
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._closed = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to *host*, to the first of its addresses that answers."""
        del local_address, socket_options  # ours reach a proxy as well
        until = Deadline(timeout)
        until.context.dialled = True
        try:
            sock = connect(resolve(host, port, until), until)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError from error
        stream = Stream(sock, until.limit(), self._names)
        until.context.opened.append(stream)
        self._streams.add(stream)
        if self._closed:
            stream.close()
        return stream

    def close(self) -> None:
        """Close every connection, for good: whoever waits on one comes back."""
        self._closed = True
        for stream in tuple(self._streams):
            stream.close()


Address: TypeAlias = tuple[int, int, int, str, Any]
"""What ``getaddrinfo`` returns: family, type, protocol, canonical name, address."""


class Resolution:
    """One look-up in a daemon thread: a resolver that never answers keeps nobody."""

    def __init__(self, host: str, port: int, done: Callable[[], object]) -> None:
        self._host = host
        self._port = port
        self._done = done
        self._found: list[Address] | None = None
        self._error: Exception | None = None
        try:
            threading.Thread(target=self._run, daemon=True).start()
        except RuntimeError:  # no more threads can be had
            self._run()

    def result(self) -> list[Address]:
        """Return what was found.

        Raises:
            TimeoutError: nothing yet.
            OSError: there is no such name, or none can be looked up.
        """
        if self._error is not None:
            raise self._error
        if self._found is None:
            raise TimeoutError
        return self._found

    def _run(self) -> None:
        try:
            self._found = interleave(
                socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            self._error = error
        self._done()


_LINK_LOCAL: Final = ("fe8", "fe9", "fea", "feb")
"""How an address of fe80::/10 begins."""


def numeric(host: str, port: int) -> list[Address]:
    """Return the addresses of a *host* that is an address; none where it is a name."""
    try:
        return list(
            socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        )
    except (OSError, UnicodeError):
        # glibc knows the name of a zone (::1%lo) with link-local addresses alone, and
        # with no other the zone counts to the system; Go takes it anywhere.
        address, zone, _ = host.partition("%")
        free = ":" in address and not address.lower().startswith(_LINK_LOCAL)
        return numeric(address, port) if zone and free else []


def resolve(host: str, port: int, until: Deadline) -> list[Address]:
    """Look up *host* for as long as *until* allows."""
    if addresses := numeric(host, port):
        return addresses
    answered = threading.Event()
    resolution = Resolution(host, port, answered.set)
    until.context.call.wait_for(answered, until.left())
    return resolution.result()


def interleave(addresses: Sequence[Address]) -> list[Address]:
    """Order them by turns of their families, the first one's first (RFC 8305, 4)."""
    families: dict[int, deque[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], deque()).append(address)
    turns: list[Address] = []
    while any(families.values()):
        turns.extend(found.popleft() for found in families.values() if found)
    return turns


# EWOULDBLOCK is Windows's way of saying so.
_UNDER_WAY: Final = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR)
_NO_WAY: Final = (
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EADDRNOTAVAIL,
    errno.EAFNOSUPPORT,
)
"""This machine has no way to such an address: says less than what another said."""

Readiness: TypeAlias = tuple[tuple[socket.socket, ...], float | None]
"""Which sockets to wait for, until one can be written to, and for how many seconds."""


class Race:
    """Attempts to connect to several addresses; the first to succeed wins."""

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._waiting = deque(addresses)
        self._errors: list[OSError] = []
        self._running: list[socket.socket] = []
        forget_after_fork(self)

    def run(
        self, left: Callable[[], float | None]
    ) -> Generator[Readiness, Sequence[socket.socket], socket.socket]:
        """Yield what to wait for, be sent what is ready, return who is connected.

        Raises:
            OSError: no address could be connected to.
            TimeoutError: *left* said that the time is over.
        """
        try:
            while self._waiting or self._running:
                won = self._start() if self._waiting else None
                next_at = time.monotonic() + STAGGER if self._waiting else None
                while won is None and self._running:
                    begun = len(self._running)
                    ready = yield tuple(self._running), _sooner(left(), next_at)
                    won = next(filter(None, map(self._judge, ready)), None)
                    failed = len(self._running) < begun
                    if next_at and (failed or time.monotonic() >= next_at):
                        break
                if won is not None:
                    return won
            raise self._failure()
        finally:
            self._close()

    def wake(self) -> None:
        """End every attempt under way."""
        for sock in tuple(self._running):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """Close the descriptors alone: the attempts are the parent's."""
        for sock in self._running:
            forget_socket(sock)

    def _start(self) -> socket.socket | None:
        family, kind, protocol, _, address = self._waiting.popleft()
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            self._errors.append(error)
            return None
        self._running.append(sock)
        try:
            set_options(sock)
            sock.settimeout(0)
            code = sock.connect_ex(address)
        except OSError as error:
            self._lose(sock, error)
            return None
        return self._judge(sock, code)

    def _judge(
        self, sock: socket.socket, code: int | None = None
    ) -> socket.socket | None:
        if code is None:
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code in _UNDER_WAY:
            return None
        if code:
            self._lose(sock, OSError(code, os.strerror(code)))
            return None
        self._running.remove(sock)
        return sock

    def _lose(self, sock: socket.socket, error: OSError) -> None:
        self._running.remove(sock)
        sock.close()
        self._errors.append(error)

    def _failure(self) -> OSError:
        told = [error for error in self._errors if error.errno not in _NO_WAY]
        return (told or self._errors or [OSError("the name has no address")])[0]

    def _close(self) -> None:
        for sock in self._running:
            sock.close()
        self._running.clear()


def _sooner(left: float | None, at: float | None) -> float | None:
    if at is None:
        return left
    pause = max(0.0, at - time.monotonic())
    return pause if left is None else min(left, pause)


def connect(addresses: Sequence[Address], until: Deadline) -> socket.socket:
    """Connect to the first of *addresses* that answers, each begun a bit later."""
    race = Race(addresses)
    attempts, call = race.run(until.left), until.context.call
    call.enter(race)
    try:
        wanted = next(attempts)
        while True:
            wanted = attempts.send(_ready(*wanted))
    except StopIteration as stop:
        return cast("socket.socket", stop.value)
    finally:
        attempts.close()
        call.leave(race)


def _ready(
    sockets: Sequence[socket.socket], seconds: float | None
) -> list[socket.socket]:
    with selectors.DefaultSelector() as selector:
        for sock in sockets:
            selector.register(sock, selectors.EVENT_WRITE)
        found = [key.fileobj for key, _ in selector.select(seconds)]
    return [sock for sock in sockets if sock in found]


def set_options(sock: socket.socket) -> None:
    """Notice a dead peer, as client-go does: keep-alive after 30 s, every 30 s."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 30)
