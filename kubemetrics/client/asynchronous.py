"""The client for event loops, asyncio's and trio's."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Self, TypeVar, Unpack, cast, final

import anyio
import anyio.to_thread

from ..api import Api, ListOptions, ResourceList, RetryPolicy
from ..api.retry import ok
from ..auth.credential import Credential
from ..config.model import Config
from ..errors import KubeMetricsError, TransportError
from ..flow import NOTHING, Flow, Fork, Pause, Request, Response
from ..transport.async_network import AsyncAnswer, AsyncConnections
from ..transport.connections import Lease, Pools
from ..transport.failures import closed, late
from ..transport.network import Call
from .session import (
    READ,
    UNAUTHORIZED,
    Attempt,
    Session,
    allowed_silence,
    open_session,
)

if TYPE_CHECKING:
    from ..api.watch import Watch, WatchEvent, WatchOptions
    from ..models.metrics import NodeMetrics, PodMetrics
    from ..models.node import Node
    from ..models.pod import Pod
    from ..snapshot import Snapshot, SnapshotOptions


T = TypeVar("T")

_log: Final = logging.getLogger("kubemetrics")


class Lifetime:
    """The life of an asynchronous client: its end cancels what is awaited `within`."""

    def __init__(self) -> None:
        self._life = Call()
        self._scopes: set[anyio.CancelScope] = set()

    @property
    def over(self) -> bool:
        """Whether the client was closed."""
        return self._life.cancelled

    def begin(self, timeout: float | None) -> Call:
        """Return a new call of *timeout* seconds, which ends with this life."""
        return self._life.branch(timeout)

    def end(self) -> None:
        """End every call under way."""
        self._life.cancel()
        for scope in tuple(self._scopes):
            scope.cancel()

    async def within(self, call: Call, url: str, work: Awaitable[T]) -> T:
        """Await *work* for as long as the call and the client last.

        Raises:
            TransportError: it took too long, or the client was closed.
        """
        with anyio.move_on_after(call.remaining()) as scope:
            self._scopes.add(scope)
            try:
                return await work
            finally:
                self._scopes.discard(scope)
        raise closed(url) if self.over else late(call, url)


class AsyncStreamedResponse:
    """A response whose head has come and whose body is still to be read."""

    def __init__(
        self, attempt: Attempt, answer: AsyncAnswer, call: Call, lifetime: Lifetime
    ) -> None:
        self._attempt = attempt
        self._answer = answer
        self._call = call
        self._lifetime = lifetime
        self.status: int = answer.status

    async def whole(self) -> Response:
        """Read the body to its end and return the whole response."""
        reader = self._attempt.reader(self._answer)
        while chunk := await self._read():
            reader.feed(chunk)
        return self._attempt.response(self._answer, reader.finish())

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes and keep nothing of it."""
        reader = self._attempt.reader(self._answer)
        while chunk := await self._read():
            yield reader.feed(chunk)
            reader.forget()

    async def _read(self) -> bytes:
        return await self._lifetime.within(
            self._call, self._attempt.url, self._answer.read()
        )


class AsyncDriver:
    """Awaits each step of a flow, in its caller's task; for asyncio and trio."""

    def __init__(self, session: Session, read_timeout: float) -> None:
        self._session = session
        self._read_timeout = read_timeout
        self._pools: Pools[AsyncConnections] = Pools(
            partial(AsyncConnections, session.endpoint)
        )
        self._lifetime = Lifetime()

    def begin(self, timeout: float | None) -> Call:
        """Return a new call of *timeout* seconds; `close` ends it."""
        return self._lifetime.begin(timeout)

    async def close(self) -> None:
        """End every call under way and close every connection."""
        self._lifetime.end()
        for connections in self._pools.drain():
            await _close(connections)

    async def drive(self, flow: Flow[T], call: Call) -> T:
        """Run *flow* to its end and return its result."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = await self._take(step, call)
                except KubeMetricsError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as stop:
            return cast("T", stop.value)

    async def watch(
        self, watch: Watch, timeout: float | None
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what *watch* makes of its streams; end in silence with the time."""
        call = self.begin(timeout)
        for event in await self.drive(watch.begin(), call):
            yield event
        while not call.over:
            failure: KubeMetricsError | None = None
            try:
                request = watch.request(call.remaining())
                async with aclosing(self._stream(request, call)) as chunks:
                    async for chunk in chunks:
                        for event in watch.feed(chunk):
                            yield event
            except KubeMetricsError as error:
                failure = error
            try:
                for event in await self.drive(watch.ended(failure), call):
                    yield event
            except TransportError as error:
                if error.reason == "deadline":
                    return
                raise

    async def _stream(
        self, request: Request, call: Call
    ) -> AsyncGenerator[bytes, None]:
        from ..api.answers import error_from_response  # noqa: PLC0415 - watches only
        from ..api.watch import SILENCE  # noqa: PLC0415 - watches only

        silence = self._read_timeout * SILENCE
        async with self._answered(request, call, silence) as answer:
            if not ok(answer.status):
                raise error_from_response(await answer.whole())
            async with aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    yield piece

    async def _take(self, step: Request | Pause | Fork, call: Call) -> Response:
        if isinstance(step, Request):
            silence = allowed_silence(call, self._read_timeout)
            async with self._answered(step, call, silence) as answer:
                return await answer.whole()
        if isinstance(step, Pause):
            await self._wait(step, call)
        else:
            await self._fork(step, call)
        return NOTHING

    @asynccontextmanager
    async def _answered(
        self, request: Request, call: Call, silence: float | None
    ) -> AsyncGenerator[AsyncStreamedResponse, None]:
        """Send a request; once more, with another credential, if that is refused."""
        credential = self._session.source.cached() or await self._fetch(call)
        async with self._opened(request, credential, call, silence) as answer:
            renewed = await self._renewed(answer.status, credential, call)
            if renewed is None or not request.idempotent:
                yield answer
                return
        async with self._opened(request, renewed, call, silence) as answer:
            yield answer

    async def _renewed(
        self, status: int, credential: Credential, call: Call
    ) -> Credential | None:
        if status != UNAUTHORIZED or not self._session.source.rejected(credential):
            return None
        renewed = await self._fetch(call)
        return None if renewed == credential else renewed

    async def _fetch(self, call: Call) -> Credential:
        """Fetch a credential in a thread: a plugin or a file may block."""
        fetch = anyio.to_thread.run_sync(
            self._session.source.fetch, abandon_on_cancel=True
        )
        return await self._lifetime.within(call, self._session.config.server, fetch)

    @asynccontextmanager
    async def _opened(
        self,
        request: Request,
        credential: Credential,
        call: Call,
        silence: float | None,
    ) -> AsyncGenerator[AsyncStreamedResponse, None]:
        """Send one attempt; what breaks inside becomes a `TransportError`."""
        attempt = Attempt(self._session, request, credential)
        lease, idle = await self._borrow(credential, call)
        try:
            await _close(idle)
            opened = lease.handle.open(
                attempt.method,
                attempt.url,
                attempt.headers,
                attempt.body,
                call,
                silence,
            )
            answer = await self._lifetime.within(call, attempt.url, opened)
            try:
                yield AsyncStreamedResponse(attempt, answer, call, self._lifetime)
            finally:
                await answer.close()
        except TransportError as error:
            raise (
                closed(attempt.url) if self._lifetime.over else attempt.error(error)
            ) from None
        finally:
            await _close(self._pools.give_back(lease))

    async def _borrow(
        self, credential: Credential, call: Call
    ) -> tuple[Lease[AsyncConnections], AsyncConnections | None]:
        """Borrow connections; files are read and contexts are built in a thread."""
        roots = self._session.roots.peek()
        if roots is not None:
            lease = self._pools.current((credential.certificate, roots[0]))
            if lease is not None:
                return lease, None

        def borrow() -> tuple[Lease[AsyncConnections], AsyncConnections | None]:
            return self._pools.borrow(self._session.connection_key(credential))

        # Not to be left alone: a lease must be given back.
        made = anyio.to_thread.run_sync(borrow)
        return await self._lifetime.within(call, self._session.config.server, made)

    async def _wait(self, pause: Pause, call: Call) -> None:
        _log.debug("waiting %.2f s: %s", pause.seconds, pause.why)
        left = call.remaining()
        server = self._session.config.server
        if left is not None and pause.seconds > left:
            raise closed(server) if self._lifetime.over else late(call, server)
        await self._lifetime.within(call, server, anyio.sleep(pause.seconds))

    async def _fork(self, fork: Fork, call: Call) -> None:
        failures: list[Exception] = []

        async def branch(flow: Flow[None]) -> None:
            try:
                await self.drive(flow, call)
            except Exception as error:  # noqa: BLE001 - raised where all meet
                failures.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for flow in fork.flows:
                group.start_soon(branch, flow)
        if failures:
            raise failures[0]


async def _close(connections: AsyncConnections | None) -> None:
    if connections is not None:
        with anyio.CancelScope(shield=True):
            await connections.close()


@final
class AsyncClient:
    """Every pod and its metrics, from one server; safe to share between tasks.

    Without a *config* it is found as kubectl finds it (`load_config`). *user_agent*
    replaces ``kubemetrics/VERSION``. *on_warning* is called once with each distinct
    ``Warning`` text of the server. *read_timeout* is the longest silence, in seconds;
    a method's ``timeout`` bounds the whole call, else the configuration's does.

    Nothing is contacted before the first request. Use it as a context manager, or
    `close` it: closing from another task ends what is under way.

    Its methods raise `CredentialError`, `TransportError`, `DecodeError` or the leaf of
    `ApiError` for what the server said; those about metrics `MetricsUnavailable` too.

    Raises:
        ConfigError: no usable configuration.
        CredentialError: credentials that cannot be used.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        user_agent: str = "",
        on_warning: Callable[[str], None] | None = None,
        read_timeout: float = READ,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._session = open_session(
            config, user_agent=user_agent, on_warning=on_warning, retry=retry
        )
        self._driver = AsyncDriver(self._session, read_timeout)

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._session.config

    @property
    def api(self) -> Api:
        """The operations as flows, to be composed and given to `run`."""
        return self._session.api

    async def list_pods(self, **options: Unpack[ListOptions]) -> ResourceList[Pod]:
        """List pods, of all namespaces unless one is named."""
        return await self._call(self.api.list_pods(options), options.get("timeout"))

    async def iter_pods(
        self, **options: Unpack[ListOptions]
    ) -> AsyncIterator[ResourceList[Pod]]:
        """List pods page by page, for who wants to keep nothing.

        A list that expires half-way goes on where it was, as of a later moment.
        """
        pages = self.api.pages_of_pods(options)
        call = self._begin(options.get("timeout"))
        while pages.more:
            yield await self._driver.drive(pages.next(), call)

    async def get_pod(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> Pod:
        """Get a pod; without a namespace, of the configuration's."""
        flow = self.api.get_pod(name, namespace or self.config.namespace)
        return await self._call(flow, timeout)

    async def list_nodes(self, **options: Unpack[ListOptions]) -> ResourceList[Node]:
        """List nodes."""
        return await self._call(self.api.list_nodes(options), options.get("timeout"))

    async def get_node(self, name: str, *, timeout: float | None = None) -> Node:
        """Get a node."""
        return await self._call(self.api.get_node(name), timeout)

    async def list_pod_metrics(
        self, **options: Unpack[ListOptions]
    ) -> ResourceList[PodMetrics]:
        """List the samples of pods; an empty list is a result, never an error."""
        flow = self.api.list_pod_metrics(options)
        return await self._call(flow, options.get("timeout"))

    async def get_pod_metrics(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> PodMetrics:
        """Get the sample of a pod; `NotFound` says whether there is such a pod."""
        flow = self.api.get_pod_metrics(name, namespace or self.config.namespace)
        return await self._call(flow, timeout)

    async def list_node_metrics(
        self, **options: Unpack[ListOptions]
    ) -> ResourceList[NodeMetrics]:
        """List the samples of nodes."""
        flow = self.api.list_node_metrics(options)
        return await self._call(flow, options.get("timeout"))

    async def get_node_metrics(
        self, name: str, *, timeout: float | None = None
    ) -> NodeMetrics:
        """Get the sample of a node."""
        return await self._call(self.api.get_node_metrics(name), timeout)

    async def snapshot(self, **options: Unpack[SnapshotOptions]) -> Snapshot:
        """Read pods, nodes and both metrics side by side and join them."""
        from ..snapshot import snapshot  # noqa: PLC0415 - see above

        return await self._call(snapshot(self.api, options), options.get("timeout"))

    def watch_pods(
        self, **options: Unpack[WatchOptions]
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Watch pods: what there is as ADDED, then every change, whatever breaks.

        Returns a context manager of an iterator: leaving it ends the watch. What will
        not pass (a refusal, bad TLS, credentials that cannot be had) is raised.
        """
        from ..api.watch import Watch  # noqa: PLC0415 - see above

        watch = Watch(self.api, options, clock=time.monotonic)
        return aclosing(self._driver.watch(watch, options.get("timeout")))

    async def get_raw(self, path: str, *, timeout: float | None = None) -> bytes:
        """GET any path and return the body, as ``kubectl get --raw`` does."""
        response = await self._call(self.api.get_raw(path), timeout)
        return response.body

    async def run(self, flow: Flow[T], *, timeout: float | None = None) -> T:
        """Drive any flow of `api`, `snapshot` or `doctor` to its result."""
        return await self._call(flow, timeout)

    async def close(self) -> None:
        """Close every connection; what waits on one comes back with an error."""
        await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(self, flow: Flow[T], timeout: float | None) -> T:
        return await self._driver.drive(flow, self._begin(timeout))

    def _begin(self, timeout: float | None) -> Call:
        return self._driver.begin(self.config.timeout if timeout is None else timeout)
