"""The listener: TLS, HTTP/1.1 with keep-alive, a thread for each connection.

Threads rather than asyncio: a fault is then a few blocking calls on a real socket,
and large writes leave the interpreter's lock alone.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..leftovers import kept
from .clock import Clock
from .exchange import Answer, Seen, parse_head, split_target, text_answer
from .pace import Pace
from .scripts import Attempt, Faults
from .wire import Gone, Wire

_BACKLOG = 256
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where to listen and what to answer with."""

    host: str
    port: int
    context: ssl.SSLContext | None
    answer: Callable[[Seen], Answer]
    faults: Faults
    clock: Clock
    pace: Pace | None = None


class Server:
    """Accepts connections until closed; what it saw is in *requests*."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._wires: dict[int, Wire] = {}
        self._threads: set[threading.Thread] = set()
        self._requests: list[Seen] = []
        self.handshake_failures: list[str] = []
        self.crashes: list[str] = []
        self.accepted = 0
        self.port = site.port
        self._listener: socket.socket | None = None
        if site.context is not None:
            site.context.sni_callback = _remember_sni
        self._listen()

    @property
    def requests(self) -> list[Seen]:
        with self._lock:
            return list(self._requests)

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._wires)

    def forget_requests(self) -> None:
        with self._lock:
            self._requests.clear()

    def listen(self) -> None:
        """Listen again after `refuse`, on the same port and for as long as before."""
        with kept():
            self._listen()

    def _listen(self) -> None:
        family = socket.AF_INET6 if ":" in self._site.host else socket.AF_INET
        listener = socket.create_server(
            (self._site.host, self.port), family=family, backlog=_BACKLOG
        )
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._start(self._accept, listener)

    def refuse(self) -> None:
        """Stop listening: new connections are refused, open ones stay."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def drop_connections(self) -> None:
        with self._lock:
            wires = list(self._wires.values())
        for wire in wires:
            wire.abort()

    def close(self) -> None:
        self._stopping.set()
        self.refuse()
        self.drop_connections()
        for thread in list(self._threads):
            thread.join(5)

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(
            target=self._tracked, args=(run, *arguments), daemon=True
        )
        self._threads.add(thread)
        thread.start()

    def _tracked(self, run: Callable[..., None], *arguments: object) -> None:
        try:
            run(*arguments)
        finally:
            self._threads.discard(threading.current_thread())

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(raw, next(_NUMBERS), self._stopping)
            with self._lock:
                self.accepted += 1
                self._wires[wire.number] = wire
            self._start(self._serve, wire)

    def _serve(self, wire: Wire) -> None:
        try:
            if self._shake_hands(wire):
                while self._exchange(wire):
                    pass
        except (OSError, Gone):
            pass
        finally:
            with self._lock:
                del self._wires[wire.number]
            wire.close()

    def _shake_hands(self, wire: Wire) -> bool:
        if self._site.context is None:
            wire.may_abort.set()
            return True
        try:
            secure = self._site.context.wrap_socket(
                wire.socket, server_side=True, do_handshake_on_connect=False
            )
            wire.socket = secure
            wire.may_abort.set()
            secure.do_handshake()
        except (OSError, ValueError) as failure:
            self.handshake_failures.append(str(failure))
            return False
        return True

    def _exchange(self, wire: Wire) -> bool:
        """Serve one request; return whether the connection lives on."""
        raw = wire.read_until(b"\r\n\r\n")
        if not raw:
            return False
        head = parse_head(raw)
        path, query = split_target(head.target)
        seen = Seen(
            method=head.method,
            target=head.target,
            path=path,
            query=query,
            headers=head.headers,
            connection=wire.number,
            number=self._next_number(),
            sni=getattr(wire.socket, "sni", None),
            peer_certificate=_peer_certificate(wire),
            body=wire.read(head.length),
        )
        with self._lock:
            self._requests.append(seen)
        return self._respond(wire, seen) and head.keep_alive

    def _next_number(self) -> int:
        with self._lock:
            return len(self._requests) + 1

    def _respond(self, wire: Wire, seen: Seen) -> bool:
        answer = self._answer(seen)
        date = self._site.clock.http_date()
        attempt = Attempt(wire=wire, seen=seen, answer=answer, date=date)
        replaced = self._site.faults.apply(attempt)
        if replaced is None:
            return False
        seen.status = replaced.status
        without_body = seen.method == "HEAD"
        wire.answer(replaced, date, without_body=without_body, pace=self._site.pace)
        return True

    def _answer(self, seen: Seen) -> Answer:
        try:
            return self._site.answer(seen)
        except Exception:  # noqa: BLE001 - a defect here must not look like a fault
            self.crashes.append(traceback.format_exc())
            return text_answer(500, self.crashes[-1])

    def __iter__(self) -> Iterator[Seen]:
        return iter(self.requests)


def _remember_sni(
    sock: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext
) -> None:
    sock.sni = name  # type: ignore[union-attr]


def _peer_certificate(wire: Wire) -> dict[str, object] | None:
    if isinstance(wire.socket, ssl.SSLSocket):
        return wire.socket.getpeercert() or None  # type: ignore[return-value]
    return None
