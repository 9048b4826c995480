"""HTTP/1.1 on a loopback port, for a fake cluster: a thread for each connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from ..frozen import dataclass
from .apiserver import encode_line

if TYPE_CHECKING:
    from datetime import datetime

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request: its method, its path and its query."""

    method: str
    path: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: *body*, bytes being JSON, or a *stream* of lines of JSON."""

    body: Mapping[str, Any] | str | bytes = field(default="")
    status: int = HTTPStatus.OK
    stream: Iterator[bytes] | None = None

    @property
    def content_type(self) -> str:
        """The media type of the body."""
        return "text/plain; charset=utf-8" if isinstance(self.body, str) else _JSON

    @property
    def encoded(self) -> bytes:
        """The body in bytes."""
        body = self.body
        if isinstance(body, bytes):
            return body
        return body.encode() if isinstance(body, str) else encode_line(body)


class Listener:
    """Serves *answer* on 127.0.0.1 until closed; *now* dates its answers."""

    def __init__(
        self, answer: Callable[[Asked], Reply], now: Callable[[], datetime]
    ) -> None:
        self._server = _Server(answer, now)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_address[1]

    def close(self) -> None:
        """End every connection and every thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server.end_connections()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, answer: Callable[[Asked], Reply], now: Callable[[], datetime]
    ) -> None:
        self.answer = answer
        self.now = now
        self._open: dict[threading.Thread, socket.socket] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base's
        """Serve a connection in a thread that is remembered."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            daemon=True,
        )
        self._open[thread] = request
        thread.start()

    def end_connections(self) -> None:
        for thread, connection in tuple(self._open.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base's
        """Let a client go without a word: it was closed, or the test is over."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _of(self) -> _Server:
        return cast("_Server", self.server)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._serve()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        asked = Asked(method=self.command, path=unquote(parts.path), query=query)
        reply = self._of.answer(asked)
        self.send_response(reply.status)
        if reply.stream is None:
            self._send(reply)
        else:
            self._stream(reply.stream)

    def _send(self, reply: Reply) -> None:
        body = reply.encoded
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, lines: Iterator[bytes]) -> None:
        self.send_header("Content-Type", _JSON)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in filter(None, lines):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the time of the cluster, which is not that of this machine."""
        del timestamp
        return format_datetime(self._of.now(), usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Write nothing to stderr."""
