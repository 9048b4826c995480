"""Connections to one server: a request is sent on one of them, its answer is read.

A body comes piece by piece and is decompressed within bounds. This is the blocking
half; `transport.async_network` has the other.
"""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from io import BytesIO
from typing import Any, Final, Generic, Protocol, TypeVar, cast

import httpcore

from ..auth import Credential
from ..config.model import Config
from ..errors import TransportError, TransportReason
from ..flow import Open, PeerCertificate
from ..forks import forget_after_fork
from ..text import hide
from .backend import Backend
from .endpoint import ConnectionKey, Endpoint, Headers
from .failures import (
    NETWORK_ERRORS,
    UNASKED,
    closed,
    is_untrusted,
    late,
    socks_errors,
    translate,
)
from .network import AnswerWatch, Call, RequestContext, TlsNames, WaitLimit
from .tls import Roots, changes_on_disk, peer_certificate, trust_directories

MOST_BYTES: Final = 4 << 30
"""A list of a few 100,000 pods in one piece is 1 to 2 GB."""

_FREE: Final = 16 << 20
_HIGHEST_RATIO: Final = 300
"""Real lists shrink by 10 to 40; gzip's own limit is about 1,030."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_SLICE: Final = _FREE // _HIGHEST_RATIO
"""Bytes that are decompressed at a time: what comes out is bounded as well."""


class _Inflater(Protocol):
    """What ``zlib.decompressobj`` returns: its class has no public name."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class BodyReader:
    """Decompresses and joins the bytes of a body as they come, within bounds.

    Raises:
        TransportError: too large, a decompression bomb, not what its encoding says, or
            cut short.
    """

    def __init__(self, *, url: str, encoding: str, most: int = MOST_BYTES) -> None:
        self._url = url
        self._most = most
        self._gzip = self._decompressor(encoding.strip().lower())
        self._received = 0
        self._size = 0
        self._body = BytesIO()
        self._keeps = True

    def feed(self, chunk: bytes) -> bytes:
        """Return what these bytes are, decompressed, and keep it for `finish`."""
        if self._gzip is None:
            part = chunk
            self._received += len(chunk)
            self._grow(len(part))
        else:
            slices = (chunk[at : at + _SLICE] for at in range(0, len(chunk), _SLICE))
            part = b"".join(map(self._inflate, slices))
        if self._keeps:
            self._body.write(part)
        return part

    @property
    def size(self) -> int:
        """Bytes that came so far, decompressed."""
        return self._size

    def keep_nothing(self) -> None:
        """Keep none of the bytes that come, which somebody else takes."""
        self._keeps = False

    def finish(self) -> bytes:
        """Return the whole body, once the last byte came."""
        if self._gzip is not None and self._received and not self._gzip.eof:
            raise self._error("reset", "the compressed answer was cut short")
        body = self._body.getvalue()  # no copy of it, as joining parts would be
        self._body = BytesIO()
        return body

    def forget(self) -> None:
        """Drop the bytes that were kept: a stream is read as it comes."""
        self._body = BytesIO()
        self._size = self._received = 0

    def _inflate(self, data: bytes) -> bytes:
        """Decompress some bytes, of one member or of several (RFC 1952, 2.2)."""
        self._received += len(data)
        parts: list[bytes] = []
        while data:
            if self._gzip is None or self._gzip.eof:
                self._gzip = zlib.decompressobj(_GZIP)
            parts.append(self._of_member(self._gzip, data))
            data = self._gzip.unused_data
        return b"".join(parts)

    def _of_member(self, gzip: _Inflater, data: bytes) -> bytes:
        try:
            # Bounded, so that a bomb costs no memory before it is noticed.
            part = gzip.decompress(data, min(self._room(), _FREE) + 1)
        except zlib.error:
            raise self._error(
                "protocol", "the answer is not the gzip it says"
            ) from None
        self._grow(len(part))
        if gzip.unconsumed_tail:
            raise self._too_dense()
        return part

    def _room(self) -> int:
        """Return how many bytes may come out of the bytes there are."""
        dense = max(_FREE, self._received * _HIGHEST_RATIO)
        return min(dense, self._most) - self._size

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._most:
            raise self._error("limit", f"the answer is larger than {self._most} bytes")
        if self._gzip is not None and self._room() < 0:
            raise self._too_dense()

    def _too_dense(self) -> TransportError:
        return self._error(
            "limit",
            f"the answer grows more than {_HIGHEST_RATIO}-fold when decompressed:"
            " not the API's",
        )

    def _decompressor(self, encoding: str) -> _Inflater | None:
        if encoding in {"", "identity"}:
            return None
        if encoding in {"gzip", "x-gzip"}:
            return zlib.decompressobj(_GZIP)
        raise self._error("protocol", f'the answer is encoded as "{encoding[:40]}"')

    def _error(self, reason: TransportReason, text: str) -> TransportError:
        return TransportError(f"{self._url}: {text}", url=self._url, reason=reason)


H = TypeVar("H")

CONNECT: Final = 10.0
"""Seconds to connect, and as many for the TLS handshake."""

MOST: Final = 64
"""Requests under way at a time, each on a connection of its own."""

_LIMITS: Final = {
    "max_connections": MOST,
    "max_keepalive_connections": 16,
    "keepalive_expiry": 5.0,
}


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
        self.forget()
        forget_after_fork(self)

    def forget(self) -> None:
        """Begin anew: in a forked child, what there is is the parent's."""
        self._lock = threading.RLock()  # a collected generator may give back within
        self._current: Lease[H] | None = None
        self._retired: set[Lease[H]] = set()

    def current(self, key: ConnectionKey) -> Lease[H] | None:
        """Return the pool to use if there is one already; never blocks for long."""
        with self._lock:
            if self._current is None or self._current.key != key:
                return None
            self._current.users += 1
            return self._current

    def borrow(self, key: ConnectionKey) -> tuple[Lease[H], H | None]:
        """Return the pool to use, and one to close now where there is one.

        Making one loads files and builds contexts, which may take a while and fail:
        the one before it is retired when it stands, and nobody waits for it who can go
        on with that.
        """
        lease = self.current(key)
        if lease is not None:
            return lease, None
        made = Lease(key, self._make(key))
        with self._lock:
            if self._current is not None and self._current.key == key:
                self._current.users += 1  # another thread was faster
                return self._current, made.handle
            idle = self._retire()
            self._current = made
            made.users += 1
            return made, idle

    def give_back(self, lease: Lease[H]) -> H | None:
        """Give a pool back; it is returned if it is to be closed now."""
        with self._lock:
            lease.users -= 1
            if lease.users or lease not in self._retired:
                return None
            self._retired.remove(lease)
            return lease.handle

    def retire(self) -> H | None:
        """Have the next user make a new pool; the old one is returned if it is idle."""
        with self._lock:
            return self._retire()

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


class ConnectionKeys:
    """Says which connections an attempt may use, by certificate and authorities."""

    def __init__(self, config: Config) -> None:
        self._given = config.certificate_authority_data or None
        self._roots = Roots(config) if changes_on_disk(config) else None

    def current(self, credential: Credential) -> ConnectionKey:
        """Return the key of those for *credential*; may look at a file."""
        authorities = self._roots.current() if self._roots else self._given
        return credential.certificate, authorities

    def cached(self, credential: Credential) -> ConnectionKey | None:
        """Return that key if no file need be looked at for it now; never blocks."""
        if self._roots is None:
            return credential.certificate, self._given
        known = self._roots.cached()
        return None if known is None else (credential.certificate, known)


class Route:
    """What the two kinds of connections of one key share: contexts, addresses, errors.

    Raises:
        ConfigError: an authority is no PEM, or the proxy's URL is none.
        CredentialError: the client certificate cannot be used.
    """

    def __init__(self, endpoint: Endpoint, key: ConnectionKey) -> None:
        self._endpoint = endpoint
        self._context = endpoint.context(key)
        self._hop = endpoint.proxy_context(key)
        self._trusts_more = False
        self.names: TlsNames = TlsNames(self._context, endpoint.config.tls_server_name)
        self.closed: bool = False
        proxy = endpoint.proxy
        socks = proxy is not None and proxy.scheme.startswith("socks")
        self.errors: tuple[type[Exception], ...] = (
            (*NETWORK_ERRORS, *socks_errors()) if socks else NETWORK_ERRORS
        )

    def options(self) -> tuple[str, dict[str, Any]]:
        """Return which of httpcore's pools it is to be, and how it is made."""
        options: dict[str, Any] = {"ssl_context": self._context, **_LIMITS}
        proxy = self._endpoint.proxy
        if proxy is None:
            return "", options
        options["proxy_url"] = self._endpoint.proxy_url()
        options["proxy_auth"] = proxy.credentials
        if proxy.scheme.startswith("socks"):
            return "socks", options
        return "http", {**options, "proxy_ssl_context": self._hop}

    def request(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        context: RequestContext,
    ) -> httpcore.Request:
        """Return a request as httpcore takes it, its limits in place of time-outs."""
        host, address = self._endpoint.destination(url)
        pause = context.limit(context.silence)
        every = [(b"host", host), *headers]
        if body is not None:
            every.append((b"content-length", b"%d" % len(body)))
        return httpcore.Request(
            method,
            address,
            headers=every,
            content=body,
            extensions={
                "timeout": {
                    "connect": context.limit(CONNECT),
                    "read": pause,
                    "write": pause,
                    "pool": context.call.clamp(context.silence),
                }
            },
        )

    def misses_an_issuer(self, error: BaseException) -> bool:
        """Return whether a certificate's issuer is not known to the system."""
        config = self._endpoint.config
        configured = config.certificate_authority or config.certificate_authority_data
        return not (configured or self._trusts_more) and is_untrusted(error)

    def trust_more(self) -> bool:
        """Trust what Go would, and return whether there is more than before."""
        self._trusts_more = True
        found = [trust_directories(context) for context in (self._context, self._hop)]
        return any(found)

    def error(
        self, error: BaseException, url: str, context: RequestContext, started: float
    ) -> TransportError:
        """Return what is told of an error while a request was under way."""
        elapsed = time.monotonic() - started
        if self.closed:
            return closed(url)
        if context.call.over:
            return late(context.call, url, elapsed)
        if isinstance(error, TransportError):
            return error
        if (proxy := self._endpoint.proxy) is not None:
            hide(error, proxy.secrets)  # what it answers may repeat them
        return translate(
            error,
            url=url,
            elapsed=elapsed,
            reused=not context.dialled,
            proxy=self._endpoint.proxy_address,
            silence=context.silence,
        )


class KeptStream(Protocol):
    """A connection of either client, as it is known to an answer."""

    watch: AnswerWatch

    def release(self) -> None:
        """Part from the call."""
        ...


class AnswerHead:
    """What the head of an answer says; the body is still to be read."""

    def __init__(
        self,
        response: httpcore.Response,
        context: RequestContext,
        route: Route,
        url: str,
    ) -> None:
        self._context = context
        self._started = time.monotonic()
        self._route = route
        self._url = url
        self.status: int = response.status
        self.headers: Mapping[str, str] = _by_name(response.headers)
        self.reused: bool = not context.dialled
        extensions = cast("Mapping[str, Any]", response.extensions)  # pyright: ignore[reportUnknownMemberType]
        connection = extensions["network_stream"]
        stream: KeptStream = connection.get_extra_info("stream")
        self._connection = connection
        self._stream = stream
        context.opened.clear()  # nothing to be ended but with the answer
        self._process = os.getpid()
        self._last = b""
        self._complete = False
        if not stream.watch.reads:
            stream.watch.spent = True
            raise httpcore.RemoteProtocolError(UNASKED)

    def certificate(self) -> PeerCertificate | None:
        """Return the server's certificate; ``None`` where it was not verified."""
        connection = self._connection.get_extra_info("ssl_object")
        return peer_certificate(connection) if connection else None

    def _note(self, chunk: bytes) -> bytes:
        self._last = chunk or self._last
        self._complete = not chunk
        return chunk

    def _end(self) -> None:
        """Part from the connection, which somebody else may have next."""
        if self._complete:
            self._stream.watch.ended(self._last)
        self._stream.release()

    def _failed(self, error: BaseException) -> TransportError:
        return self._route.error(error, self._url, self._context, self._started)

    def _check(self) -> None:
        if self._process != os.getpid():
            raise httpcore.ReadError  # the connection is the parent's


def _by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by their lower-case names; those of one name are joined.

    A broken ``Warning`` may lack its last quote: those are kept apart, one a line.
    """
    found: dict[str, str] = {}
    for raw, value in headers:
        name, text = raw.decode("ascii").lower(), _text(value)
        between = "\n" if name == "warning" else ", "
        found[name] = f"{found[name]}{between}{text}" if name in found else text
    return found


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class Places:
    """How many requests may be under way; who waits for a place is woken with its call.

    httpcore's pool makes them wait as well, but for its own time-out alone.
    """

    def __init__(self, free: int) -> None:
        self._lock = threading.RLock()
        self._free = free
        self._waiting: deque[threading.Event] = deque()

    def take(self, limit: WaitLimit) -> None:
        """Take a place, once there is one.

        Raises:
            PoolTimeout: there was none in time.
            TimeoutError: the call is over.
        """
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            limit.context.call.wait_for(turn, limit.left())
        except BaseException:
            if not self._leave(turn):
                self.give_back()  # it came at the last moment
            raise
        if self._leave(turn):
            raise httpcore.PoolTimeout

    def give_back(self) -> None:
        """Leave a place to who has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1

    def _leave(self, turn: threading.Event) -> bool:
        """Wait no longer; return whether there was no place yet."""
        with self._lock:
            waiting = turn in self._waiting
            if waiting:
                self._waiting.remove(turn)
        return waiting


class Answer(AnswerHead):
    """An answer whose head has come; `read` its body and `close` it.

    *closed* is called once it is.
    """

    def __init__(
        self,
        response: httpcore.Response,
        context: RequestContext,
        route: Route,
        url: str,
        places: Places,
    ) -> None:
        super().__init__(response, context, route, url)
        self._response = response
        self._places: Places | None = places
        self.closed: Callable[[], None] = lambda: None
        self._chunks: Iterator[bytes] = iter(cast("Iterable[bytes]", response.stream))

    def read(self) -> bytes:
        """Return the next bytes of the body, ``b""`` at its end.

        Raises:
            TransportError: it broke off, or the time is over.
        """
        try:
            self._check()
            return self._note(next(self._chunks, b""))
        except self._route.errors as error:
            failure = self._failed(error)
        raise failure

    def close(self) -> None:
        """Give the connection back, or close it if there was more to come."""
        places, self._places = self._places, None
        if places is not None and self._process == os.getpid():
            try:
                self._end()
                self._response.close()
            finally:
                places.give_back()
                self.closed()


class Connections:
    """The connections to one server with one certificate, for threads.

    Raises:
        ConfigError: an authority is no PEM, or the proxy's URL is none.
        CredentialError: the client certificate cannot be used.
    """

    def __init__(self, endpoint: Endpoint, key: ConnectionKey) -> None:
        self._route = Route(endpoint, key)
        self.forget()
        forget_after_fork(self)

    def open(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        call: Call,
        silence: float | None,
    ) -> Answer:
        """Send a request and return its answer once the head has come.

        *silence* is how long, in seconds, nothing may come; ``None`` is no limit but
        the call's.

        Raises:
            TransportError: no answer came.
        """
        context, started = RequestContext(call, silence), time.monotonic()
        try:
            return self._open(method, url, headers, body, context)
        except self._route.errors as error:
            failure = self._route.error(error, url, context, started)
            missing = self._route.misses_an_issuer(error)
        if not missing or not self._route.trust_more():
            raise failure
        return self.open(method, url, headers, body, call, silence)

    def _open(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        context: RequestContext,
    ) -> Answer:
        request = self._route.request(method, url, headers, body, context)
        places = self._places
        places.take(context.limit(context.silence))
        try:
            response = self._pool.handle_request(request)
            try:
                return Answer(response, context, self._route, url, places)
            except BaseException:
                response.close()
                raise
        except BaseException:
            context.abort()
            places.give_back()
            raise

    def close(self) -> None:
        """Close every connection, also those in use: who waits on one comes back."""
        self._route.closed = True
        self._backend.close()
        self._pool.close()

    def forget(self) -> None:
        """Begin with a new pool; in a forked child the connections are the parent's."""
        self._places = Places(MOST)
        self._backend = Backend(self._route.names)
        kind, options = self._route.options()
        self._pool: httpcore.ConnectionPool = _KINDS[kind](
            network_backend=self._backend, **options
        )


class ServerConnections:
    """The connections to one server, whichever certificate it is to see."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._keys = ConnectionKeys(endpoint.config)
        self._pools: Pools[Connections] = Pools(partial(Connections, endpoint))

    def open(self, step: Open) -> Answer:
        """Send a request and return its answer once the head has come.

        Raises:
            TransportError: no answer came.
            ConfigError: an authority cannot be read.
            CredentialError: the client certificate cannot be used.
        """
        key = self._keys.current(cast("Credential", step.credential))
        lease, idle = self._pools.borrow(key)
        try:
            if idle is not None:
                idle.close()
            answer = lease.handle.open(
                step.method,
                step.url,
                cast("Headers", step.headers),
                step.body,
                cast("Call", step.call),
                step.silence,
            )
        except BaseException:
            self._give_back(lease)
            raise
        answer.closed = partial(self._give_back, lease)
        return answer

    def close(self) -> None:
        """Close every connection."""
        for connections in self._pools.drain():
            connections.close()

    def rest(self) -> None:
        """Close the connections that nobody uses; a later request opens others."""
        idle = self._pools.retire()
        if idle is not None:
            idle.close()

    def _give_back(self, lease: Lease[Connections]) -> None:
        unused = self._pools.give_back(lease)
        if unused is not None:
            unused.close()


_KINDS: Final = {
    "": httpcore.ConnectionPool,
    "http": httpcore.HTTPProxy,
    "socks": httpcore.SOCKSProxy,
}


_PROVIDER_TIMEOUT: Final = 30.0
_LARGEST_TOKEN: Final = 2**20


def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    authorities: bytes | None,
) -> tuple[int, bytes]:
    """Send one of the requests that fetching a credential takes (OIDC).

    *authorities* are PEM certificates to trust, else the system's. The environment
    decides on a proxy. A redirect is not followed: it would carry the token along.

    Raises:
        ConfigError: the authorities are no PEM, or the proxy is none.
        TransportError: no answer came, or one of more than 1 MiB.
    """
    provider = Config(server=url, certificate_authority_data=authorities)
    connections = Connections(Endpoint(provider, environ=os.environ), (None, None))
    every = Headers((name.encode(), value.encode()) for name, value in headers.items())
    call = Call(_PROVIDER_TIMEOUT)
    try:
        answer = connections.open(method, url, every, body or None, call, None)
        reader = BodyReader(
            url=url,
            encoding=answer.headers.get("content-encoding", ""),
            most=_LARGEST_TOKEN,
        )
        while chunk := answer.read():
            reader.feed(chunk)
        return answer.status, reader.finish()
    except TransportError as error:
        if error.reason != "limit":
            raise
        larger = f"{url}: the answer is larger than a token's"
        raise TransportError(larger, url=url, reason="limit") from None
    finally:
        connections.close()
