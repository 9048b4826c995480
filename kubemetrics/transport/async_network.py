"""The network for event loops, asyncio's and trio's, and connections over it.

Sockets without a transport of the loop's: they are waited for with anyio, so that they
can be closed from anywhere, whatever has become of the loop that opened them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import time
import weakref
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Sequence,
)
from functools import partial
from typing import Any, Final, TypeVar, cast

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpcore

from ..auth import Credential
from ..flow import Open
from ..forks import forget_after_fork
from .backend import Address, Race, Resolution, numeric
from .connections import AnswerHead, ConnectionKeys, Lease, Pools, Route
from .endpoint import ConnectionKey, Endpoint, Headers
from .network import (
    RAW_BYTES,
    AnswerWatch,
    Call,
    Deadline,
    RequestContext,
    TlsNames,
    TlsSession,
    WaitLimit,
    forget_socket,
    handshake_errors,
    limit_of,
    readable,
)

T = TypeVar("T")


class AsyncStream(httpcore.AsyncNetworkStream):
    """A connection without TLS."""

    def __init__(self, sock: socket.socket, limit: WaitLimit, names: TlsNames) -> None:
        self._sock = sock
        self._limit = limit
        self._names = names
        self.watch: AnswerWatch = AnswerWatch()
        self._soon = soon_here()
        forget_after_fork(self)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what there is, once there is some."""
        self._limit = limit_of(timeout, self._limit)
        try:
            with anyio.fail_after(self._limit.left()):
                await anyio.lowlevel.checkpoint()
                while True:
                    with contextlib.suppress(BlockingIOError):
                        return self.watch.saw(self._sock.recv(max_bytes))
                    await anyio.wait_readable(self._sock)
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        except (OSError, anyio.ClosedResourceError) as error:
            raise httpcore.ReadError from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of *buffer*."""
        self._limit = limit_of(timeout, self._limit)
        self.watch.reads = 0
        rest = memoryview(buffer)
        try:
            with anyio.fail_after(self._limit.left()):
                await anyio.lowlevel.checkpoint()
                while rest:
                    try:
                        rest = rest[self._sock.send(rest) :]
                    except BlockingIOError:
                        await anyio.wait_writable(self._sock)
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error
        except (OSError, anyio.ClosedResourceError) as error:
            raise httpcore.WriteError from error

    async def aclose(self) -> None:
        """Close the connection."""
        self.abort()

    def abort(self) -> None:
        """Close the connection; whoever waits on it in this loop comes back."""
        self.shut_down()
        if self._sock.fileno() >= 0:
            anyio.notify_closing(self._sock)
        self._sock.close()

    def shut_down(self) -> None:
        """End the connection both ways: whoever waits on it, in any loop, comes back.

        The descriptor stays: the selector of another loop may hold it.
        """
        self.watch.spent = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Close the connection in its own loop, or here where that has ended."""
        self.shut_down()
        try:
            self._soon(self.abort)
        except RuntimeError:
            self._sock.close()

    def release(self) -> None:
        """Part from the call; it is its task that is cancelled, not this."""

    def forget(self) -> None:
        """Close the descriptor alone: the connection is the parent's."""
        self.watch.spent = True
        forget_socket(self._sock)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Speak TLS from here on; a handshake that fails closes the connection."""
        session = self._names.session(ssl_context, server_hostname)
        return await AsyncTlsStream(self, session, self._names).shake_hands(timeout)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's
        """Return what httpcore asks for, or who reads the answer."""
        if info == "is_readable":
            return self.watch.spent or readable(self._sock)
        return {"socket": self._sock, "stream": self}.get(info)

    def __del__(self) -> None:
        # Its loop is gone, and with it whoever would have closed it.
        self._sock.close()


class AsyncTlsStream(httpcore.AsyncNetworkStream):
    """A TLS connection over another: over a socket's, or an https proxy's."""

    def __init__(
        self, below: AsyncStream | AsyncTlsStream, tls: TlsSession, names: TlsNames
    ) -> None:
        self._below = below
        self._tls = tls
        self._names = names
        self.watch: AnswerWatch = below.watch

    async def shake_hands(self, timeout: float | None) -> AsyncTlsStream:
        """Shake hands, for at most *timeout* seconds, or close the connection."""
        until = Deadline(timeout)
        try:
            with handshake_errors():
                while not self._tls.handshake():
                    await self._flush(until.limit())
                    self._tls.feed(await self._below.read(RAW_BYTES, until.limit()))
                await self._flush(until.limit())
        except httpcore.ConnectError:
            with contextlib.suppress(httpcore.NetworkError, httpcore.TimeoutException):
                await self._flush(until.limit())  # the alert that says why
            self.abort()
            raise
        except BaseException:
            self.abort()
            raise
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what there is, once there is some."""
        try:
            while (data := self._tls.read(max_bytes)) is None:
                await self._flush(timeout)
                self._tls.feed(await self._below.read(RAW_BYTES, timeout))
        except ssl.SSLError as error:
            raise httpcore.ReadError from error
        return self.watch.saw(data)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of *buffer*."""
        try:
            self._tls.write(buffer)
        except ssl.SSLError as error:
            raise httpcore.WriteError from error
        await self._flush(timeout)

    async def aclose(self) -> None:
        """Close the connection, without a word of TLS: as Python's sockets do."""
        self.abort()

    def abort(self) -> None:
        """Close the connection."""
        self._below.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Speak TLS to who is behind the other end."""
        session = self._names.session(ssl_context, server_hostname)
        return await AsyncTlsStream(self, session, self._names).shake_hands(timeout)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's
        """Return what httpcore asks for, or who reads the answer."""
        if info == "ssl_object":
            return self._tls.object
        if info == "is_readable" and self._tls.pending():
            return True
        return self._below.get_extra_info(info)

    async def _flush(self, timeout: float | None) -> None:
        if data := self._tls.outgoing():
            await self._below.write(data, timeout)


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for the asynchronous client."""

    def __init__(self, names: TlsNames) -> None:
        self._names = names
        self._streams: weakref.WeakSet[AsyncStream] = weakref.WeakSet()
        self._closed = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to *host*, to the first of its addresses that answers."""
        del local_address, socket_options  # ours reach a proxy as well
        until = Deadline(timeout)
        until.context.dialled = True
        try:
            sock = await connect(await resolve(host, port, until), until)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError from error
        stream = AsyncStream(sock, until.limit(), self._names)
        until.context.opened.append(stream)
        self._streams.add(stream)
        if self._closed:
            stream.abort()
        return stream

    def shut_down(self) -> None:
        """End every connection, for good, in whichever loop it is."""
        self._closed = True
        for stream in tuple(self._streams):
            stream.end()


def soon_here() -> Callable[[Callable[[], None]], None]:
    """Return what calls a function soon in the running loop, from any thread.

    It raises a `RuntimeError` once the loop has ended, and keeps no loop alive: what
    is kept for a loop would never go.
    """
    running: Any
    try:
        running, name = asyncio.get_running_loop(), "call_soon_threadsafe"
    except RuntimeError:
        import trio  # noqa: PLC0415 - it is what runs

        running, name = trio.lowlevel.current_trio_token(), "run_sync_soon"
    known = weakref.ref(running)

    def soon(function: Callable[[], None]) -> None:
        alive = known()
        if alive is None:
            raise RuntimeError("the event loop has ended")
        getattr(alive, name)(function)

    return soon


async def resolve(host: str, port: int, until: Deadline) -> list[Address]:
    """Look up *host* for as long as *until* allows.

    Not in a thread of the loop's: ``asyncio.run`` would wait for a resolver that never
    answers.
    """
    if addresses := numeric(host, port):
        return addresses
    here, there = socket.socketpair()
    with here:
        here.settimeout(0)
        resolution = Resolution(host, port, there.close)
        with anyio.move_on_after(until.left()):
            await anyio.wait_readable(here)
    return resolution.result()


async def connect(addresses: Sequence[Address], until: Deadline) -> socket.socket:
    """Connect to the first of *addresses* that answers, each begun a bit later."""
    attempts = Race(addresses).run(until.left)
    try:
        wanted = next(attempts)
        while True:
            wanted = attempts.send(await _ready(*wanted))
    except StopIteration as stop:
        return cast("socket.socket", stop.value)
    finally:
        attempts.close()


async def _ready(
    sockets: Sequence[socket.socket], seconds: float | None
) -> list[socket.socket]:
    found: list[socket.socket] = []

    async def wait(sock: socket.socket, scope: anyio.CancelScope) -> None:
        with contextlib.suppress(OSError, anyio.ClosedResourceError):
            await anyio.wait_writable(sock)
        found.append(sock)
        scope.cancel()

    with anyio.move_on_after(seconds) as scope:
        async with anyio.create_task_group() as group:
            for sock in sockets:
                group.start_soon(wait, sock, scope)
    return found


class AsyncAnswer(AnswerHead):
    """An answer whose head has come; `read` its body and `close` it.

    *closed* is awaited once it is.
    """

    def __init__(
        self,
        response: httpcore.Response,
        context: RequestContext,
        route: Route,
        url: str,
    ) -> None:
        super().__init__(response, context, route, url)
        self._response = response
        self.closed: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint
        self._chunks: AsyncIterator[bytes] = aiter(
            cast("AsyncIterable[bytes]", response.stream)
        )

    async def read(self) -> bytes:
        """Return the next bytes of the body, ``b""`` at its end.

        Raises:
            TransportError: it broke off, or the time is over.
        """
        try:
            self._check()
            return self._note(await anext(self._chunks, b""))
        except self._route.errors as error:
            failure = self._failed(error)
        raise failure

    async def close(self) -> None:
        """Give the connection back, or close it if there was more to come."""
        if self._process != os.getpid():
            return
        try:
            self._end()
            with anyio.CancelScope(shield=True):
                await self._response.aclose()
                # httpcore's generators are left at a `yield`, which trio complains of:
                # on a closed connection they come to their end.
                with contextlib.suppress(*self._route.errors, RuntimeError):
                    async for _ in self._chunks:
                        pass
        finally:
            await self.closed()


_KINDS: Final = {
    "": httpcore.AsyncConnectionPool,
    "http": httpcore.AsyncHTTPProxy,
    "socks": httpcore.AsyncSOCKSProxy,
}


class AsyncConnections:
    """The connections to one server with one certificate, for tasks of any loops.

    Each loop has its own. Making one loads files and builds contexts, which takes a
    while: do it in a thread.

    Raises:
        ConfigError: an authority is no PEM, or the proxy's URL is none.
        CredentialError: the client certificate cannot be used.
    """

    def __init__(self, endpoint: Endpoint, key: ConnectionKey) -> None:
        self._route = Route(endpoint, key)
        self._backend = AsyncBackend(self._route.names)
        self._pools: anyio.lowlevel.RunVar[httpcore.AsyncConnectionPool] = (
            anyio.lowlevel.RunVar("kubemetrics_pool")
        )

    async def open(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        call: Call,
        silence: float | None,
    ) -> AsyncAnswer:
        """Send a request and return its answer once the head has come.

        *silence* is how long, in seconds, nothing may come; ``None`` is no limit but
        the call's.

        Raises:
            TransportError: no answer came.
        """
        context, started = RequestContext(call, silence), time.monotonic()
        try:
            return await self._open(method, url, headers, body, context)
        except self._route.errors as error:
            failure = self._route.error(error, url, context, started)
            missing = self._route.misses_an_issuer(error)
        if not missing or not await in_a_thread(self._route.trust_more):
            raise failure
        return await self.open(method, url, headers, body, call, silence)

    async def _open(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        context: RequestContext,
    ) -> AsyncAnswer:
        request = self._route.request(method, url, headers, body, context)
        try:
            response = await self._pool().handle_async_request(request)
            try:
                return AsyncAnswer(response, context, self._route, url)
            except BaseException:
                await response.aclose()
                raise
        except BaseException:
            context.abort()
            raise

    async def close(self) -> None:
        """Close every connection, also those in use, and those of other loops."""
        self._route.closed = True
        pool = self._pools.get(None)
        if pool is not None:
            with anyio.CancelScope(shield=True):
                await pool.aclose()
        self._backend.shut_down()

    def _pool(self) -> httpcore.AsyncConnectionPool:
        pool = self._pools.get(None)
        if pool is None:
            kind, options = self._route.options()
            pool = _KINDS[kind](network_backend=self._backend, **options)
            self._pools.set(pool)
        return pool


class AsyncServerConnections:
    """The connections to one server, whichever certificate it is to see."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._keys = ConnectionKeys(endpoint.config)
        self._pools: Pools[AsyncConnections] = Pools(
            partial(AsyncConnections, endpoint)
        )

    async def open(self, step: Open) -> AsyncAnswer:
        """Send a request and return its answer once the head has come.

        Raises:
            TransportError: no answer came.
            ConfigError: an authority cannot be read.
            CredentialError: the client certificate cannot be used.
        """
        lease, idle = await self._borrow(cast("Credential", step.credential))
        try:
            if idle is not None:
                await idle.close()
            answer = await lease.handle.open(
                step.method,
                step.url,
                cast("Headers", step.headers),
                step.body,
                cast("Call", step.call),
                step.silence,
            )
        except BaseException:
            await self._give_back(lease)
            raise
        answer.closed = partial(self._give_back, lease)
        return answer

    async def close(self) -> None:
        """Close every connection, in whichever loop it is."""
        for connections in self._pools.drain():
            await connections.close()

    async def _borrow(
        self, credential: Credential
    ) -> tuple[Lease[AsyncConnections], AsyncConnections | None]:
        """Borrow connections; files are read and contexts are built in a thread."""
        key = self._keys.cached(credential)
        lease = self._pools.current(key) if key else None
        if lease is not None:
            return lease, None
        # Not to be left alone: a lease must be given back.
        return await in_a_thread(
            lambda: self._pools.borrow(self._keys.current(credential)), abandon=False
        )

    async def _give_back(self, lease: Lease[AsyncConnections]) -> None:
        unused = self._pools.give_back(lease)
        if unused is not None:
            await unused.close()


async def in_a_thread(function: Callable[[], T], *, abandon: bool = True) -> T:
    """Call what may block in a thread; in this one where there is no other."""
    try:
        return await anyio.to_thread.run_sync(function, abandon_on_cancel=abandon)
    except RuntimeError as error:
        if "new thread" not in str(error):
            raise
        return function()
