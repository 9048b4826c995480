"""Proxies on loopback that log what they are asked for.

`HttpProxy` knows CONNECT and absolute-form requests; `HttpsProxy` is the same behind
TLS; `SocksProxy` (in `socks`) is SOCKS5; `Distance` (in `distance`) adds a round trip.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .closing import Closing
from .exchange import Head, parse_head
from .tcp import Listener, connect, read_head, relay

Routes = Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request to a proxy: where to, by what method, with which credentials."""

    method: str
    target: str
    credentials: str | None
    headers: dict[str, str] = field(default_factory=dict)


class Proxy(Closing):
    """What the proxies share: a log, and *routes* from names to real addresses.

    With *credentials* ("user:password") others are turned away.
    """

    scheme = ""

    def __init__(
        self,
        *,
        credentials: str | None = None,
        routes: Routes | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._credentials = credentials
        self._routes = routes or {}
        self._log: list[Asked] = []
        self._lock = threading.Lock()
        self._listener = Listener(self._handle, context)

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[Asked]:
        with self._lock:
            return list(self._log)

    def close(self) -> None:
        self._listener.close()

    def _handle(self, client: socket.socket) -> None:
        raise NotImplementedError

    def _note(self, asked: Asked) -> None:
        with self._lock:
            self._log.append(asked)

    def _upstream(self, host: str, port: int) -> socket.socket:
        address = self._routes.get(f"{host}:{port}", (host, port))
        return self._listener.keep(connect(address))

    def _join(self, client: socket.socket, upstream: socket.socket) -> None:
        try:
            relay(client, upstream)
        finally:
            self._listener.drop(upstream)


class HttpProxy(Proxy):
    """A forward proxy for CONNECT and for plain HTTP."""

    scheme = "http"

    def _handle(self, client: socket.socket) -> None:
        raw = read_head(client)
        if not raw:
            return
        head = parse_head(raw[:-4])
        credentials = _basic(head.headers.get("proxy-authorization"))
        self._note(
            Asked(
                method=head.method,
                target=head.target,
                credentials=credentials,
                headers=head.headers,
            )
        )
        if self._credentials not in (None, credentials):
            client.sendall(_REFUSAL)
        elif head.method == "CONNECT":
            self._tunnel(client, head.target)
        else:
            self._forward(client, head)

    def _tunnel(self, client: socket.socket, target: str) -> None:
        host, _, port = target.rpartition(":")
        try:
            upstream = self._upstream(host.strip("[]"), int(port))
        except OSError:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._join(client, upstream)

    def _forward(self, client: socket.socket, head: Head) -> None:
        """Send an absolute-form request on, one for each connection."""
        url = urlsplit(head.target)
        upstream = self._upstream(url.hostname or "", url.port or 80)
        path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
        headers = {
            name: value
            for name, value in head.headers.items()
            if name not in ("proxy-authorization", "proxy-connection", "connection")
        } | {"connection": "close"}
        lines = [f"{head.method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        upstream.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        self._join(client, upstream)


_REFUSAL = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b'Proxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n'
    b"Connection: close\r\n\r\n"
)


class HttpsProxy(HttpProxy):
    """The same, reached over TLS."""

    scheme = "https"


def _basic(header: str | None) -> str | None:
    if header is None or not header.lower().startswith("basic "):
        return header
    return base64.b64decode(header[6:]).decode()
