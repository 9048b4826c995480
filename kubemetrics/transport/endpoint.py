"""One server as httpx is given it: its address, headers, time-outs and connections."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar
from urllib.parse import quote, urlencode

import httpx

from .._version import __version__
from ..auth.credential import ClientCertificate, Credential, impersonation_headers
from ..config.model import Config
from ..errors import ConfigError
from ..flow import Request
from ..frozen import dataclass
from .deadline import Call
from .proxy import Proxy, choose, proxy_for_httpx
from .tls import ClientContext, build_context, build_proxy_context

H = TypeVar("H")

ConnectionKey = tuple[ClientCertificate | None, bytes | None]
"""What connections are kept under: the client's certificate and the CAs, as PEM."""

_CLOSED: Final = "the client was closed"


class Lease(Generic[H]):
    """A pool in use; give it back."""

    __slots__ = ("handle", "key", "users")

    def __init__(self, key: ConnectionKey, handle: H) -> None:
        self.key: ConnectionKey = key
        self.handle: H = handle
        self.users: int = 0


class Pools(Generic[H]):
    """Hands out the pool of a key; safe to share between threads.

    A new certificate or CA means a new pool. The one in use goes on until its last user
    is done, then it is closed.
    """

    def __init__(self, make: Callable[[ConnectionKey], H]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._current: Lease[H] | None = None
        self._retired: set[Lease[H]] = set()

    def borrow(self, key: ConnectionKey) -> tuple[Lease[H], H | None]:
        """Return the pool to use, and one to close now where there is one."""
        with self._lock:
            idle = None
            if self._current is None or self._current.key != key:
                idle = self._retire()
                self._current = Lease(key, self._make(key))
            self._current.users += 1
            return self._current, idle

    def give_back(self, lease: Lease[H]) -> H | None:
        """Give a pool back; it is returned if it is to be closed now."""
        with self._lock:
            lease.users -= 1
            if lease.users or lease not in self._retired:
                return None
            self._retired.remove(lease)
            return lease.handle

    def drain(self) -> list[H]:
        """Return every pool there is, to be closed."""
        with self._lock:
            leases = [*self._retired, *([self._current] if self._current else [])]
            self._retired.clear()
            self._current = None
            return [lease.handle for lease in leases]

    def _retire(self) -> H | None:
        old, self._current = self._current, None
        if old is None:
            return None
        if old.users:
            self._retired.add(old)
            return None
        return old.handle


USER_AGENT: Final = f"kubemetrics/{__version__}"
CONNECT: Final = 10.0
READ: Final = 60.0
"""Seconds: to connect (TLS included), and between two bytes."""

_ANY_TEXT: Final = "surrogatepass"
"""What is no Unicode (a word of the command line, a continue token) is sent as well:
that it names nothing is the server's to say."""

_LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=16)


T = TypeVar("T", httpx.HTTPTransport, httpx.AsyncHTTPTransport)


@dataclass(frozen=True, slots=True)
class Connections(Generic[T]):
    """The connections of one key, and the context that knows their sockets."""

    context: ClientContext
    transport: T


class _Bracketed(httpx.URL):
    """A URL with an IPv6 address, whose brackets stay.

    httpcore asks a proxy for the bare ``::1:6443``, which says nothing of a port.
    """

    @property
    def raw_host(self) -> bytes:
        return b"[%b]" % super().raw_host


class Endpoint:
    """One server as its `Config` describes it: what every request to it shares.

    Raises:
        ConfigError: the server is no URL or carries a password, or the proxy is none.
    """

    def __init__(
        self, config: Config, *, user_agent: str = "", environ: Mapping[str, str]
    ) -> None:
        _check(config.server)
        self.config = config
        self.proxy: Proxy | None = choose(config, environ)
        encoding = "identity" if config.disable_compression else "gzip"
        self._base = config.server.rstrip("/")
        self._headers: tuple[tuple[str, str], ...] = (
            ("accept", "application/json"),
            ("accept-encoding", encoding),
            ("user-agent", user_agent or USER_AGENT),
            *impersonation_headers(config),
        )

    @property
    def proxy_address(self) -> str:
        """The proxy in between, without its credentials; empty for none."""
        return self.proxy.address if self.proxy else ""

    def url(self, request: Request) -> str:
        """Return the address of a request."""
        query = urlencode(request.query, quote_via=quote, errors=_ANY_TEXT)
        return f"{self._base}{request.path}{'?' if query else ''}{query}"

    def destination(self, url: httpx.URL) -> httpx.URL:
        """Return *url* as it has to be given to httpx: for a proxy it may differ."""
        through = self.proxy is not None and self.proxy.scheme in {"http", "https"}
        return _Bracketed(url) if through and ":" in url.host else url

    def headers(
        self, request: Request, credential: Credential
    ) -> list[tuple[bytes, bytes]]:
        """Return all headers of one attempt; the request's own go before ours."""
        own = {name.lower() for name, _ in request.headers}
        headers = [pair for pair in self._headers if pair[0] not in own]
        headers.extend(request.headers)
        if credential.authorization and "authorization" not in own:
            headers.append(("authorization", credential.authorization))
        # In UTF-8, as Go sends them: an impersonated user need not be ASCII.
        return [
            (name.encode(), value.encode(errors=_ANY_TEXT)) for name, value in headers
        ]

    def context(self, key: ConnectionKey) -> ClientContext:
        """Build the SSL context for a key."""
        certificate, authorities = key
        return build_context(self.config, certificate, authorities)

    def proxy_context(self) -> ClientContext | None:
        """Build the SSL context for the hop to an https proxy, where there is one."""
        if self.proxy is None or self.proxy.scheme != "https":
            return None
        return build_proxy_context(self.config)


def _check(server: str) -> None:
    """Refuse what no kubeconfig gives; a password would end up in every message."""
    from ..config.validate import parse_server  # noqa: PLC0415 - reads kubeconfigs

    try:
        scheme = parse_server(server).scheme
    except ValueError as error:
        raise ConfigError(f"the server's URL {error}") from None
    if not scheme:
        raise ConfigError("the server's URL must begin with https:// or http://")


def open_connections(
    endpoint: Endpoint, key: ConnectionKey, kind: type[T]
) -> Connections[T]:
    """Open a pool of connections for a key; they are made as they are needed."""
    context, hop = endpoint.context(key), endpoint.proxy_context()
    through = endpoint.proxy
    transport = kind(
        verify=context,
        trust_env=False,
        limits=_LIMITS,
        proxy=proxy_for_httpx(through, hop) if through else None,
        socket_options=_socket_options(),
    )
    # Inside an https proxy's connection it is the hop's context that has the socket.
    return Connections(hop or context, transport)


def timeouts(call: Call, read: float | None = READ) -> httpx.Timeout:
    """Return the time-outs of one attempt, cut to what is left of the call."""
    return httpx.Timeout(call.clamp(read), connect=call.clamp(CONNECT))


def _socket_options() -> list[tuple[int, int, int]]:
    """Notice a dead peer, as client-go does: keep-alive after 30 s, every 30 s."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if sys.platform == "linux":
        options.append((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30))
        options.append((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 30))
    return options
