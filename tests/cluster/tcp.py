"""A loopback listener with a thread for each connection, and relaying between two."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable

from .closing import Closing

_SIZE = 1 << 16


class Listener(Closing):
    """Accepts connections on 127.0.0.1 and hands each to *handle* in a thread.

    With a *context* the connection is TLS.
    """

    def __init__(
        self,
        handle: Callable[[socket.socket], None],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._handle = handle
        self._context = context
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def keep(self, sock: socket.socket) -> socket.socket:
        """Remember a socket, to be shut down with the listener."""
        with self._lock:
            self._sockets.add(sock)
        return sock

    def drop(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(sock)
        sock.close()

    def close(self) -> None:
        _shut(self._listener)
        self._listener.close()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            _shut(sock)
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        client = self.keep(accepted)
        try:
            if self._context is not None:
                client = self._secure(accepted, self._context)
            self._handle(client)
        except (OSError, ValueError):
            pass
        finally:
            self.drop(client)

    def _secure(
        self, accepted: socket.socket, context: ssl.SSLContext
    ) -> socket.socket:
        with self._lock:
            self._sockets.discard(accepted)
        return self.keep(context.wrap_socket(accepted, server_side=True))


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def read_head(sock: socket.socket) -> bytes:
    """Read up to the empty line, one byte at a time: what follows is not ours."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            return b""
        head += byte
    return head


def read_exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("the peer closed early")
        data += more
    return data


def connect(address: tuple[str, int]) -> socket.socket:
    upstream = socket.create_connection(address, timeout=10)
    upstream.settimeout(None)
    upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return upstream


def relay(one: socket.socket, other: socket.socket, delay: float = 0.0) -> None:
    """Carry bytes both ways until both ends are done, each *delay* seconds late."""
    back = threading.Thread(target=_carry, args=(other, one, delay), daemon=True)
    back.start()
    _carry(one, other, delay)
    back.join()


def _carry(source: socket.socket, sink: socket.socket, delay: float) -> None:
    if delay <= 0:
        _carry_at_once(source, sink)
        return
    waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
    writer = threading.Thread(target=_write_late, args=(waiting, sink), daemon=True)
    writer.start()
    data = b"x"
    while data:
        data = _read(source)
        waiting.put((time.monotonic() + delay, data))
    writer.join()


def _carry_at_once(source: socket.socket, sink: socket.socket) -> None:
    while data := _read(source):
        try:
            sink.sendall(data)
        except OSError:
            break
    _finish(sink)


def _write_late(
    waiting: queue.SimpleQueue[tuple[float, bytes]], sink: socket.socket
) -> None:
    while True:
        due, data = waiting.get()
        time.sleep(max(0.0, due - time.monotonic()))
        if not data:
            break
        with contextlib.suppress(OSError):
            sink.sendall(data)
    _finish(sink)


def _read(source: socket.socket) -> bytes:
    try:
        return source.recv(_SIZE)
    except OSError:
        return b""


def _finish(sink: socket.socket) -> None:
    """Pass an end of file on; TLS has no half-close worth the name."""
    how = socket.SHUT_RDWR if isinstance(sink, ssl.SSLSocket) else socket.SHUT_WR
    with contextlib.suppress(OSError):
        sink.shutdown(how)
