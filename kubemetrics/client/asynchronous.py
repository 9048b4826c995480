"""The client for event loops, asyncio's and trio's: drives each flow by awaiting."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Self, TypeVar, Unpack, cast, final

import httpx

from ..api import ListOptions, ResourceList, RetryPolicy
from ..auth.credential import Credential
from ..config.model import Config
from ..errors import KubeMetricsError, TransportError
from ..flow import NOTHING, Flow, Fork, Pause, Request, Response
from ..models import Node, NodeMetrics, Pod, PodMetrics
from ..transport.call import Call
from ..transport.http import READ, Wire, open_wire
from ..transport.pools import Pools
from .session import Attempt, open_session

T = TypeVar("T")

_log: Final = logging.getLogger("kubemetrics")


@final
class AsyncClient:
    """Every pod and its metrics, from one server; safe to share between tasks.

    Without a *config* it is found as kubectl finds it (`load_config`). *user_agent*
    replaces ``kubemetrics/VERSION``. *on_warning* hears each distinct ``Warning`` text
    of the server once. *read_timeout* is the longest silence, in seconds; a method's
    ``timeout`` bounds the whole call, else the configuration's does.

    Nothing is contacted before the first request. Use it as a context manager, or
    `close` it: closing from another task ends what is under way.

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
        self._read_timeout = read_timeout
        self._pools: Pools[Wire[httpx.AsyncHTTPTransport]] = Pools(
            lambda identity: open_wire(
                self._session.endpoint, identity, httpx.AsyncHTTPTransport
            )
        )
        self._closed = False

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._session.config

    async def list_pods(self, **options: Unpack[ListOptions]) -> ResourceList[Pod]:
        """List pods, of all namespaces unless one is named."""
        return await self._call(
            self._session.api.list_pods(options), options.get("timeout")
        )

    async def iter_pods(
        self, **options: Unpack[ListOptions]
    ) -> AsyncIterator[ResourceList[Pod]]:
        """List pods page by page, for who wants to keep nothing."""
        pages = self._session.api.pages_of_pods(options)
        call = self._begin(options.get("timeout"))
        while pages.more:
            yield await self._drive(pages.next(), call)

    async def get_pod(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> Pod:
        """Get a pod; without a namespace, of the configuration's."""
        flow = self._session.api.get_pod(name, namespace or self.config.namespace)
        return await self._call(flow, timeout)

    async def list_nodes(self, **options: Unpack[ListOptions]) -> ResourceList[Node]:
        """List nodes."""
        return await self._call(
            self._session.api.list_nodes(options), options.get("timeout")
        )

    async def get_node(self, name: str, *, timeout: float | None = None) -> Node:
        """Get a node."""
        return await self._call(self._session.api.get_node(name), timeout)

    async def list_pod_metrics(
        self, **options: Unpack[ListOptions]
    ) -> ResourceList[PodMetrics]:
        """List the samples of pods; an empty list is a result, never an error."""
        flow = self._session.api.list_pod_metrics(options)
        return await self._call(flow, options.get("timeout"))

    async def get_pod_metrics(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> PodMetrics:
        """Get the sample of a pod."""
        flow = self._session.api.get_pod_metrics(
            name, namespace or self.config.namespace
        )
        return await self._call(flow, timeout)

    async def list_node_metrics(
        self, **options: Unpack[ListOptions]
    ) -> ResourceList[NodeMetrics]:
        """List the samples of nodes."""
        flow = self._session.api.list_node_metrics(options)
        return await self._call(flow, options.get("timeout"))

    async def get_node_metrics(
        self, name: str, *, timeout: float | None = None
    ) -> NodeMetrics:
        """Get the sample of a node."""
        return await self._call(self._session.api.get_node_metrics(name), timeout)

    async def get_raw(self, path: str, *, timeout: float | None = None) -> bytes:
        """GET any path and return the body, as ``kubectl get --raw`` does."""
        response = await self._call(self._session.api.get_raw(path), timeout)
        return response.body

    async def run(self, flow: Flow[T], *, timeout: float | None = None) -> T:
        """Drive any flow of `api`, `snapshot` or `doctor` to its result."""
        return await self._call(flow, timeout)

    async def close(self) -> None:
        """Close every connection; what waits on one comes back with an error."""
        self._closed = True
        for wire in self._pools.drain():
            await wire.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(self, flow: Flow[T], timeout: float | None) -> T:
        return await self._drive(flow, self._begin(timeout))

    def _begin(self, timeout: float | None) -> Call:
        return Call(self.config.timeout if timeout is None else timeout)

    async def _drive(self, flow: Flow[T], call: Call) -> T:
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

    async def _take(self, step: Request | Pause | Fork, call: Call) -> Response:
        if isinstance(step, Request):
            return await self._exchange(step, call)
        if isinstance(step, Pause):
            await self._wait(step, call)
        else:
            await self._fork(step, call)
        return NOTHING

    async def _exchange(self, request: Request, call: Call) -> Response:
        source = self._session.source
        credential = source.cached() or await self._fetch(call)
        response = await self._attempt(request, credential, call)
        if response.status == httpx.codes.UNAUTHORIZED and source.rejected(credential):
            renewed = await self._fetch(call)
            if request.idempotent and renewed != credential:
                return await self._attempt(request, renewed, call)
        return response

    async def _fetch(self, call: Call) -> Credential:
        """Fetch a credential in a thread: a plugin or a file may block."""
        import anyio.to_thread  # noqa: PLC0415 - the async client alone needs it

        with anyio.move_on_after(call.remaining()):
            return await anyio.to_thread.run_sync(
                self._session.source.fetch, abandon_on_cancel=True
            )
        raise TransportError(
            f"{self.config.server}: no credential within {call.timeout:g} s",
            url=self.config.server,
            reason="deadline",
        )

    async def _attempt(
        self, request: Request, credential: Credential, call: Call
    ) -> Response:
        import anyio  # noqa: PLC0415 - the async client alone needs it

        attempt = Attempt(self._session, request, credential, call, self._read_timeout)

        async def trace(event: str, _: object) -> None:
            attempt.trace(event)

        attempt.request.extensions["trace"] = trace
        lease, idle = self._pools.borrow(self._session.identity(credential))
        try:
            if idle:
                await idle.transport.aclose()
            with anyio.move_on_after(call.remaining()):
                return await self._receive(attempt, lease.handle.transport)
            raise attempt.late()
        except (httpx.HTTPError, TransportError, OSError) as error:
            raise self._error(attempt, error) from None
        finally:
            retired = self._pools.give_back(lease)
            if retired:
                with anyio.CancelScope(shield=True):
                    await retired.transport.aclose()

    async def _receive(
        self, attempt: Attempt, transport: httpx.AsyncHTTPTransport
    ) -> Response:
        if self._closed:
            raise attempt.closed()
        answer = await transport.handle_async_request(attempt.request)
        async with _closing(answer):
            reader = attempt.reader(answer)
            async for chunk in answer.aiter_raw():
                reader.feed(chunk)
            return attempt.response(answer, reader.finish())

    def _error(self, attempt: Attempt, error: Exception) -> TransportError:
        return attempt.closed() if self._closed else attempt.error(error)

    async def _wait(self, pause: Pause, call: Call) -> None:
        import anyio  # noqa: PLC0415 - the async client alone needs it

        _log.debug("waiting %.2f s: %s", pause.seconds, pause.why)
        left = call.remaining()
        if left is not None and pause.seconds > left:
            raise TransportError("no time to wait", url="", reason="deadline")
        await anyio.sleep(pause.seconds)

    async def _fork(self, fork: Fork, call: Call) -> None:
        import anyio  # noqa: PLC0415 - the async client alone needs it

        failures: list[KubeMetricsError] = []

        async def branch(flow: Flow[None]) -> None:
            try:
                await self._drive(flow, call)
            except KubeMetricsError as error:
                failures.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for flow in fork.flows:
                group.start_soon(branch, flow)
        if failures:
            raise failures[0]


@asynccontextmanager
async def _closing(answer: httpx.Response) -> AsyncGenerator[None, None]:
    import anyio  # noqa: PLC0415 - the async client alone needs it

    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await answer.aclose()
