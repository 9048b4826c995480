"""Answers scrapes over HTTP from bodies that were rendered before: a scrape is a copy.

A body is that of a round, whole, until the next one takes its place. Every connection
serves one request, within bounds of size and time. There is no TLS and nobody is asked
who they are: that is for what stands in front, a mesh or kube-rbac-proxy.
"""

from __future__ import annotations

import io
import ipaddress
import logging
import os
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, Self, TypeAlias, cast

from .. import __version__
from ..errors import ConfigError
from ..frozen import dataclass
from ..text import printable, quoted
from .exposition import CONTENT_TYPES, Family, Format, pieces, rendered

_LOG: Final = logging.getLogger("kubemetrics")
_PLAIN: Final = "text/plain; charset=utf-8"
_GZIP_LEVEL: Final = 1
"""The fastest: a body is compressed each round, whether it is scraped or not."""
_GZIP: Final = 16 + zlib.MAX_WBITS
"""With the frame of gzip, and no time in it."""


class Limits(NamedTuple):
    """Bounds of what clients may cost: bytes, connections at once, seconds of each."""

    line: int = 8192
    head: int = 32768
    connections: int = 16
    seconds: float = 10.0


FormKey: TypeAlias = tuple[Format, bool]
"""A format, and whether it is compressed."""


class RenderedBody:
    """What ``/metrics`` answers, in each form that is asked for, rendered once.

    *asked* are the forms that were.
    """

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = tuple(families)
        self._forms: dict[FormKey, bytes] = {}
        self._lock = threading.Lock()
        self.asked: set[FormKey] = set()

    def form(self, key: FormKey) -> bytes:
        """Return the body in a form that is asked for."""
        self.asked.add(key)
        return self.prepared(key)

    def prepared(self, key: FormKey) -> bytes:
        """Render a form, so that whoever asks for it need not wait."""
        with self._lock:
            known = self._forms.get(key)
            if known is None:
                known = self._forms[key] = self._rendered(*key)
            return known

    def _rendered(self, form: Format, compressed: bool) -> bytes:  # noqa: FBT001 - a key
        if not compressed:
            return rendered(self._families, form)
        # The plain text is many times as large, and nobody may ask for it.
        gzip = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP)
        found = [gzip.compress(piece) for piece in pieces(self._families, form)]
        return b"".join([*found, gzip.flush()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is answered from one round to the next.

    *body* holds until *fresh_until*, by the clock of `time.monotonic`; then *expired*
    takes its place, even if there never is another round. The exporter is ready until
    *ready_until*; then *problem* says why it is not.
    """

    body: RenderedBody
    expired: RenderedBody
    fresh_until: float
    ready_until: float
    problem: str = ""


class ScrapeReply(NamedTuple):
    """An answer: its status, headers and body."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...]
    body: bytes


class ScrapeRequest(NamedTuple):
    """A request, as far as the answer depends on it."""

    method: str
    path: str
    accept: str = ""
    encodings: str = ""


_PAGE: Final = f"""\
<!DOCTYPE html>
<html lang="en"><head><title>kubemetrics</title></head><body>
<h1>kubemetrics {__version__}</h1>
<p>Usage of pods and nodes, from the Kubernetes metrics API, for Prometheus.</p>
<ul>
<li><a href="/metrics">/metrics</a>: what Prometheus scrapes</li>
<li><a href="/readyz">/readyz</a>: whether its values are of now, or why not</li>
<li><a href="/healthz">/healthz</a>: whether the process answers</li>
</ul>
</body></html>
"""
_METHODS: Final = ("GET", "HEAD")


def reply(asked: ScrapeRequest, publication: Publication, now: float) -> ScrapeReply:
    """Answer a request."""
    if asked.method not in _METHODS:
        allowed = ("Allow", ", ".join(_METHODS))
        return _text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD", allowed)
    path = _AUTHORITY.sub("", asked.path).partition("?")[0] or "/"
    if path == "/metrics":
        return _metrics(asked, publication, now)
    if path == "/readyz":
        return _readiness(publication, now)
    if path == "/healthz":
        return _text(HTTPStatus.OK, "ok")
    if path == "/":
        html = ("Content-Type", "text/html; charset=utf-8")
        return ScrapeReply(HTTPStatus.OK, (html,), _PAGE.encode())
    return _text(HTTPStatus.NOT_FOUND, "there is /metrics, /healthz and /readyz")


_AUTHORITY: Final = re.compile(r"\Ahttps?://[^/?]*", re.IGNORECASE)
"""What stands before the path where a proxy is asked; a server takes it (RFC 9112)."""


def _text(status: HTTPStatus, line: str, *headers: tuple[str, str]) -> ScrapeReply:
    return ScrapeReply(
        status, (("Content-Type", _PLAIN), *headers), f"{line}\n".encode()
    )


def _readiness(publication: Publication, now: float) -> ScrapeReply:
    if now <= publication.ready_until:
        return _text(HTTPStatus.OK, "ok")
    problem = printable(publication.problem) or "there was no round of samples lately"
    return _text(HTTPStatus.SERVICE_UNAVAILABLE, problem)


def _metrics(asked: ScrapeRequest, publication: Publication, now: float) -> ScrapeReply:
    fresh = now <= publication.fresh_until
    body = publication.body if fresh else publication.expired
    form = chosen_format(asked.accept)
    compressed = takes_gzip(asked.encodings)
    headers = [("Content-Type", CONTENT_TYPES[form]), ("Vary", _VARY)]
    if compressed:
        headers.append(("Content-Encoding", "gzip"))
    return ScrapeReply(HTTPStatus.OK, (*headers,), body.form((form, compressed)))


_VARY: Final = "Accept, Accept-Encoding"


def chosen_format(accept: str) -> Format:
    """Return the format that an ``Accept`` prefers: the text where it takes neither.

    Source: RFC 9110, 12.5.1; a version that is not ours is another format.
    """
    best: tuple[float, bool] = (0.0, False)
    for media, parameters, quality in _ranges(accept):
        version = parameters.get("version", "")
        of_ours = media == "application/openmetrics-text" and version in _VERSIONS
        text = media in {"text/plain", "text/*", "*/*"}
        if of_ours or text:
            best = max(best, (quality, of_ours))
    return "openmetrics" if best[1] else "text"


_VERSIONS: Final = ("", "1.0.0")


def takes_gzip(encodings: str) -> bool:
    """Tell whether an ``Accept-Encoding`` takes gzip; by itself or by ``*``."""
    given = {coding: quality for coding, _, quality in _ranges(encodings)}
    return given.get("gzip", given.get("*", 0.0)) > 0


def _ranges(header: str) -> Iterable[tuple[str, dict[str, str], float]]:
    """Yield what a header lists, with parameters and quality; a malformed one is 0."""
    for part in header.lower().split(","):
        name, *rest = (word.strip() for word in part.split(";"))
        pairs = (word.partition("=") for word in rest)
        parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
        if name:
            yield name, parameters, _quality(parameters.get("q", "1"))


def _quality(text: str) -> float:
    return float(text) if _QUALITY.fullmatch(text) else 0.0


_QUALITY: Final = re.compile(r"[01](?:\.[0-9]{0,3})?", re.ASCII)


class ListenAddress(NamedTuple):
    """Where to listen: a *host*, empty for every address there is, and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``127.0.0.1:8080``, ``[::1]:8080``, ``localhost:0`` or ``:8080``.

        Raises:
            ValueError: it is none.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None or int(found["port"]) > _LAST_PORT:
            raise ValueError(
                f"expected HOST:PORT, as 127.0.0.1:8080, [::1]:8080 or :8080, not "
                f"{quoted(text)}"
            )
        return cls(found["six"] or found["host"], int(found["port"]))

    def __str__(self) -> str:
        """Write it as it is read."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


_ADDRESS: Final = re.compile(
    r"(?:\[(?P<six>[^\[\]/]+)\]|(?P<host>[^:/\s\[\]]*)):(?P<port>[0-9]{1,5})", re.ASCII
)
_LAST_PORT: Final = 65535


def listening(address: ListenAddress) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        ConfigError: it cannot, as where another process does.
    """
    try:
        if not address.host and socket.has_dualstack_ipv6():
            with suppress(OSError):  # compiled in, and switched off
                return socket.create_server(
                    ("", address.port), family=socket.AF_INET6, dualstack_ipv6=True
                )
        found = socket.getaddrinfo(
            address.host or "0.0.0.0",  # noqa: S104 - as was asked for
            address.port,
            type=socket.SOCK_STREAM,
        )
        family, _, _, _, where = found[0]
        return socket.create_server(cast("tuple[str, int]", where[:2]), family=family)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"cannot listen on {address}: {_why(error)}") from None


def _why(error: Exception) -> str:
    """Return the system's words; `socket.create_server` adds its own."""
    number = error.errno if isinstance(error, OSError) else None
    if number and not isinstance(error, socket.gaierror):
        return os.strerror(number)
    return getattr(error, "strerror", None) or str(error)


_REMEMBERED: Final = 8
"""The rounds for which a form is rendered ahead after it was asked for."""


class ScrapeServer:
    """Answers scrapes from the latest publication until closed.

    Raises:
        ConfigError: it cannot listen on *address*.
    """

    def __init__(
        self,
        address: ListenAddress,
        publication: Publication,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.publication: Publication = publication
        self._forms: dict[FormKey, int] = {}
        self._server = _Server(listening(address), limits or Limits(), self._reply)
        self._clock = clock
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="scrapes", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> ListenAddress:
        """Where it listens."""
        host, port = self._server.socket.getsockname()[:2]
        return ListenAddress(host, port)

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return ipaddress.ip_address(self.address.host.partition("%")[0]).is_loopback

    def publish(self, publication: Publication) -> None:
        """Answer from *publication* from now on, in the forms asked for lately."""
        asked = dict.fromkeys(self.publication.body.asked, _REMEMBERED)
        waiting = {key: left - 1 for key, left in self._forms.items() if left > 1}
        self._forms = waiting | asked
        for key in self._forms:
            publication.body.prepared(key)
        self.publication = publication

    def close(self) -> None:
        """End every connection and every thread."""
        with suppress(OSError):  # wakes what waits for the next connection
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._thread.join()
        self._server.end_connections()
        self._server.server_close()

    def _reply(self, asked: ScrapeRequest) -> ScrapeReply:
        return reply(asked, self.publication, self._clock())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        listener: socket.socket,
        limits: Limits,
        answer: Callable[[ScrapeRequest], ScrapeReply],
    ) -> None:
        self.limits = limits
        self.answer = answer
        self._open: dict[threading.Thread, socket.socket] = {}
        # Not to be bound by it: that asks the network for this machine's name.
        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_address = listener.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base's
        """Serve a connection in a thread of its own, or close it where too many are."""
        if len(self._open) >= self.limits.connections:
            _LOG.debug("too many connections: one is closed")
            with suppress(OSError):
                request.sendall(_TOO_MANY)
            self.shutdown_request(request)
            return
        thread = threading.Thread(
            target=self._serve, args=(request, client_address), daemon=True
        )
        self._open[thread] = request
        thread.start()

    def _serve(self, request: socket.socket, client_address: Any) -> None:  # noqa: ANN401 - the base's
        try:
            self.process_request_thread(request, client_address)
        finally:
            del self._open[threading.current_thread()]

    def end_connections(self) -> None:
        """End what is being served, and wait for its threads."""
        for thread, connection in tuple(self._open.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base's
        """Let a client go that is slow or gone, without a word on stderr."""
        del request, client_address
        _LOG.debug("a connection ended", exc_info=True)


_TOO_MANY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
_PIECE: Final = 4096
_LEFT: Final = 65536
"""The bytes of a request's body that are read to be forgotten."""


class _Handler(BaseHTTPRequestHandler):
    """Serves one request: reads its head, answers, and closes."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # what is not understood has a status too
    server_version = f"kubemetrics/{__version__}"
    sys_version = ""
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = _PLAIN

    @property
    def _of(self) -> _Server:
        return cast("_Server", self.server)

    def setup(self) -> None:
        """Begin the time that this connection has, whatever its client does."""
        self.connection: socket.socket = self.request
        self._until = time.monotonic() + self._of.limits.seconds
        self.wfile = self._written = io.BytesIO()
        self.close_connection = True

    def handle(self) -> None:
        """Answer one request."""
        limits = self._of.limits
        head = self._head(limits)
        if head is None:
            return
        self.rfile = io.BytesIO(head)
        self.raw_requestline = self.rfile.readline()
        self.requestline, self.request_version, self.command = "", "", ""
        body = b""
        if len(self.raw_requestline) > limits.line:
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
        elif len(head) > limits.head:
            self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self.parse_request():
            body = self._answer()
        self._send(self._written.getvalue(), body)

    def finish(self) -> None:
        """Say that nothing more comes, and let the client close first.

        What it still sends would otherwise reset the connection, and the answer with
        it, before it was read.
        """
        left = _LEFT
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (piece := self._received()):
                left -= len(piece)

    def _head(self, limits: Limits) -> bytes | None:
        """Read to the end of the request's head, or to a bound of it."""
        head = b""
        while not _whole(head, limits):
            piece = self._received()
            if not piece:
                return None
            head += piece
        return head

    def _received(self) -> bytes:
        self._take_time()
        return self.connection.recv(_PIECE)

    def _send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._take_time()
            self.connection.sendall(piece)

    def _take_time(self) -> None:
        """Let the next call block until the connection's time is over."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)

    def _answer(self) -> bytes:
        """Write the head of the answer; return its body."""
        asked = ScrapeRequest(
            self.command,
            self.path,
            ",".join(self.headers.get_all("Accept", [])),
            ",".join(self.headers.get_all("Accept-Encoding", [])),
        )
        found = self._of.answer(asked)
        self.send_response(found.status)
        for name, value in found.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(found.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        return b"" if self.command == "HEAD" else found.body

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base's
        """Log a request where requests are logged: with ``-v``."""
        _LOG.debug("%s: %s", self.client_address[0], format % args)


def _whole(head: bytes, limits: Limits) -> bool:
    """Whether a head need not be read any further."""
    if b"\n" not in head[: limits.line]:
        return len(head) > limits.line
    ended: Sequence[bytes] = (b"\r\n\r\n", b"\n\n")
    return any(end in head for end in ended) or len(head) > limits.head
