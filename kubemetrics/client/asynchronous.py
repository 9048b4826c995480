"""The client for event loops, asyncio's and trio's."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Self, TypeVar, Unpack, final

from ..api import Api, ListOptions, ResourceList, RetryPolicy
from ..config.model import Config
from ..flow import Flow
from ..transport.call import Call
from ..transport.http import READ
from .awaiting import Awaiting
from .session import open_session

if TYPE_CHECKING:  # a third of the start-up time, which most callers do not need
    from ..models import Node, NodeMetrics, Pod, PodMetrics
    from ..snapshot import Snapshot, SnapshotOptions
    from ..watch import WatchEvent, WatchOptions

T = TypeVar("T")


@final
class AsyncClient:
    """Every pod and its metrics, from one server; safe to share between tasks.

    Without a *config* it is found as kubectl finds it (`load_config`). *user_agent*
    replaces ``kubemetrics/VERSION``. *on_warning* hears each distinct ``Warning`` text
    of the server once. *read_timeout* is the longest silence, in seconds; a method's
    ``timeout`` bounds the whole call, else the configuration's does.

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
        self._driver = Awaiting(self._session, read_timeout)

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
        from ..watch import Watch  # noqa: PLC0415 - see above

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
