"""The client for event loops, asyncio's and trio's."""

from __future__ import annotations

import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Sequence,
)
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    asynccontextmanager,
    suppress,
)
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    NoReturn,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    Unpack,
    cast,
    final,
)

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from ..api import Api, ListOptions, ResourceList, RetryPolicy
from ..auth import Credential
from ..config.model import Config
from ..errors import KubeMetricsError
from ..flow import (
    NOTHING,
    Broken,
    CallLimits,
    Close,
    Emitter,
    Flow,
    Fork,
    Join,
    Open,
    Read,
    Start,
    Step,
    Wait,
    Work,
)
from ..transport.async_network import AsyncAnswer, AsyncConnections, soon_here
from ..transport.connections import Lease, Pools
from ..transport.endpoint import Headers
from ..transport.network import Call
from . import READ, Session, caught, open_session, single, unnamed, unpicklable

if TYPE_CHECKING:
    from ..api.watch import Watch, WatchEvent, WatchOptions
    from ..models.metrics import NodeMetrics, PodMetrics
    from ..models.node import Node
    from ..models.pod import Pod
    from ..snapshot import Snapshot, SnapshotOptions


T = TypeVar("T")


class AsyncDriver:
    """Awaits each step of a flow, in its caller's task; for asyncio and trio.

    It serves several event loops, also at once: connections belong to the loop that
    made them, and closing wakes who waits in any of them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pools: Pools[AsyncConnections] = Pools(
            partial(AsyncConnections, session.endpoint)
        )
        self._life = Call()
        self._waiting: dict[anyio.CancelScope, _Soon] = {}

    def begin(self, timeout: float | None) -> Call:
        """Return a new call of *timeout* seconds; `close` ends it."""
        return self._life.branch(timeout, self._session.memory)

    async def close(self) -> None:
        """End every call under way and close every connection."""
        self._life.cancel()
        for scope, soon in tuple(self._waiting.items()):
            with suppress(RuntimeError):  # its loop has ended
                soon(scope.cancel)
        for connections in self._pools.drain():
            await connections.close()

    async def drive(self, flow: Flow[T], call: Call) -> T:
        """Run *flow* to its end and return its result."""
        async with self.driving(call) as drive:
            return await drive(flow)

    @asynccontextmanager
    async def driving(self, call: Call) -> AsyncGenerator[AsyncDrive, None]:
        """Drive several flows of one call; what they leave behind is closed."""
        exchange, opened = self._session.exchange(call, self._life), _Opened()

        async def drive(flow: Flow[T]) -> T:
            with caught():
                return await self._run(exchange.perform(flow), opened, None)

        try:
            yield drive
        finally:
            call.cancel()
            await self._close_all(opened)

    async def watch(
        self, watch: Watch, timeout: float | None
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what *watch* makes of its streams; end in silence with the time."""
        call = self.begin(timeout)
        events = Emitter(self._session.exchange(call, self._life).watch(watch))
        async with self.driving(call) as drive:
            while (event := await drive(events.next())) is not None:
                yield cast("WatchEvent", event)

    async def _run(self, flow: Flow[T], opened: _Opened, group: TaskGroup | None) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    answer = await self._take(step, opened, group)
                except KubeMetricsError as error:
                    step = flow.throw(error)
                except Exception as error:  # noqa: BLE001 - the flow's to name
                    step = flow.throw(Broken(error))
                else:
                    step = flow.send(answer)
        except StopIteration as stop:
            return cast("T", stop.value)
        finally:
            flow.close()

    async def _run_apart(self, flow: Flow[T], group: TaskGroup | None) -> T:
        opened = _Opened()
        try:
            return await self._run(flow, opened, group)
        finally:
            await self._close_all(opened)

    async def _take(
        self, step: Step, opened: _Opened, group: TaskGroup | None
    ) -> object:
        match step:
            case Read(answer=answer, call=call):
                return await self._within(call, cast("AsyncAnswer", answer).read())
            case Open():
                return await self._open(step, opened)
            case Close(answer=answer):
                await self._close(cast("AsyncAnswer", answer), opened)
            case Work(function=function, call=call):
                return await self._within(call, _in_a_thread(function))
            case Wait(seconds=seconds, call=call):
                with suppress(TimeoutError):  # the flow looks at the time
                    await self._within(call, anyio.sleep(seconds))
            case Fork(flows=flows):
                await self._fork(flows)
            case Start(flow=flow):
                return _Task(partial(self._run_apart, flow, group), group)
            case Join(task=task):
                return await cast("_Task", task).result()
            case _:
                raise TypeError(f"no step of a driver: {step!r}")
        return NOTHING

    async def _within(self, call: CallLimits, work: Awaitable[T]) -> T:
        """Await *work* for as long as the call and the client last."""
        with anyio.move_on_after(call.remaining()) as scope:
            self._waiting[scope] = soon_here()
            try:
                return await work
            finally:
                del self._waiting[scope]
        raise TimeoutError

    async def _open(self, step: Open, opened: _Opened) -> AsyncAnswer:
        lease, idle = await self._borrow(cast("Credential", step.credential), step)
        try:
            if idle is not None:
                await idle.close()
            sent = lease.handle.open(
                step.method,
                step.url,
                cast("Headers", step.headers),
                step.body,
                cast("Call", step.call),
                step.silence,
            )
            answer = await self._within(step.call, sent)
        except BaseException:
            await self._give_back(lease)
            raise
        opened[answer] = lease
        return answer

    async def _borrow(
        self, credential: Credential, step: Open
    ) -> tuple[Lease[AsyncConnections], AsyncConnections | None]:
        """Borrow connections; files are read and contexts are built in a thread."""
        key = self._session.known_connection_key(credential)
        lease = self._pools.current(key) if key else None
        if lease is not None:
            return lease, None

        def borrow() -> tuple[Lease[AsyncConnections], AsyncConnections | None]:
            return self._pools.borrow(self._session.connection_key(credential))

        # Not to be left alone: a lease must be given back.
        return await self._within(step.call, _in_a_thread(borrow, abandon=False))

    async def _fork(self, flows: Sequence[Flow[None]]) -> None:
        failures: list[Exception] = []

        async def branch(flow: Flow[None]) -> None:
            try:
                await self._run_apart(flow, started)
            except Exception as error:  # noqa: BLE001 - raised where all meet
                failures.append(error)
                parts.cancel_scope.cancel()

        async with anyio.create_task_group() as started:
            async with anyio.create_task_group() as parts:
                for flow in flows:
                    parts.start_soon(branch, flow)
            started.cancel_scope.cancel()
        if failures:
            raise failures[0]

    async def _close(self, answer: AsyncAnswer, opened: _Opened) -> None:
        lease = opened.pop(answer, None)
        if lease is not None:
            try:
                await answer.close()
            finally:
                await self._give_back(lease)

    async def _close_all(self, opened: _Opened) -> None:
        for answer in tuple(opened):
            await self._close(answer, opened)

    async def _give_back(self, lease: Lease[AsyncConnections]) -> None:
        unused = self._pools.give_back(lease)
        if unused is not None:
            await unused.close()


class AsyncDrive(Protocol):
    """Runs a flow to its end and returns its result."""

    def __call__(self, flow: Flow[T], /) -> Awaitable[T]:
        """Do so."""
        ...


class _Opened(dict[AsyncAnswer, Lease[AsyncConnections]]):
    """The answers that are open, and the connections they came over."""


_Soon: TypeAlias = Callable[[Callable[[], None]], object]
"""Calls a function soon in an event loop, from any thread."""


class _Task:
    """A flow in a task of its own; without a group it is run where it is joined."""

    def __init__(
        self, run: Callable[[], Awaitable[object]], group: TaskGroup | None
    ) -> None:
        self._run = run
        self._done: anyio.Event | None = None
        self._results: list[object] = []
        self._errors: list[Exception] = []
        if group is not None:
            self._done = anyio.Event()
            group.start_soon(self._work, self._done)

    async def result(self) -> object:
        """Wait for its result."""
        if self._done is None:
            return await self._run()
        await self._done.wait()
        if self._errors:
            raise self._errors[0]
        return self._results.pop()

    async def _work(self, done: anyio.Event) -> None:
        try:
            self._results.append(await self._run())
        except Exception as error:  # noqa: BLE001 - raised where it is joined
            self._errors.append(error)
        finally:
            done.set()


async def _in_a_thread(function: Callable[[], T], *, abandon: bool = True) -> T:
    """Call what may block in a thread; in this one where there is no other."""
    try:
        return await anyio.to_thread.run_sync(function, abandon_on_cancel=abandon)
    except RuntimeError as error:
        if "new thread" not in str(error):
            raise
        return function()


@final
class AsyncClient:
    """Every pod and its metrics, from one server; safe to share between tasks.

    Without a *config* it is found as kubectl finds it (`load_config`). *user_agent*
    replaces ``kubemetrics/VERSION``. *on_warning* is called once with each distinct
    ``Warning`` text of the server. *read_timeout* is the longest silence, in seconds;
    a method's ``timeout`` bounds the whole call, else the configuration's does.
    *max_memory* is how many bytes the answers of one call may take at a time, else
    ``KUBEMETRICS_MAX_MEMORY`` says it (``256Mi``), else 128 MiB.

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
        max_memory: int | None = None,
    ) -> None:
        self._session = open_session(
            config,
            silence=read_timeout,
            user_agent=user_agent,
            on_warning=on_warning,
            retry=retry,
            memory=max_memory,
        )
        self._driver = AsyncDriver(self._session)

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._session.config

    @property
    def api(self) -> Api:
        """The operations as flows, to be composed and given to `run`."""
        return self._session.api

    async def list_pods(
        self, *namespaces: str, **options: Unpack[ListOptions]
    ) -> ResourceList[Pod]:
        """List pods, of all namespaces unless one is named.

        They come in the server's order, by namespace and name; what cannot be read is
        left out and named in ``unreadable`` (`ResourceList.whole` insists on all).

        Raises:
            Forbidden: listing them is not allowed; the message names a namespace of
                which it is, if there is one.
        """
        if namespaces:
            options = {**options, "namespace": single(namespaces, options)}
        return await self._call(self.api.list_pods(options), options.get("timeout"))

    async def iter_pods(
        self, *namespaces: str, **options: Unpack[ListOptions]
    ) -> AsyncIterator[ResourceList[Pod]]:
        """List pods page by page, for who wants to keep nothing.

        `Client` asks for two pages ahead, so that at most three are kept; `AsyncClient`
        asks for a page when it is wanted: a generator that is left early may leave no
        task behind.
        A list that expires half-way goes on where it was, as of a later moment.
        """
        if namespaces:
            options = {**options, "namespace": single(namespaces, options)}
        pages = self.api.pages_of_pods(options)
        call = self._begin(options.get("timeout"))
        async with self._driver.driving(call) as drive:
            while pages.more:
                yield await drive(pages.next())

    async def iter_objects(
        self, path: str, **options: Unpack[ListOptions]
    ) -> AsyncIterator[dict[str, Any]]:
        """List objects of any kind, as JSON: ``"/apis/batch/v1/jobs"``.

        *path* is that of all namespaces' list; *namespace* narrows it. Paging, retries,
        deadlines and errors are those of `iter_pods`; each object has its kind.

        Raises:
            DecodeError: an item is no object, or there is no list.
        """
        pages = self.api.pages_of_objects(path, options)
        call = self._begin(options.get("timeout"))
        async with self._driver.driving(call) as drive:
            while pages.more:
                for item in (await drive(pages.next())).whole():
                    yield item

    async def get_pod(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> Pod:
        """Get a pod; without a namespace, of the configuration's.

        Raises:
            NotFound: there is no such pod.
        """
        flow = self.api.get_pod(name, namespace or self.config.namespace)
        return await self._call(flow, timeout)

    async def list_nodes(self, **options: Unpack[ListOptions]) -> ResourceList[Node]:
        """List nodes, in the order of their names.

        Raises:
            Forbidden: listing them is not allowed, as it often is not.
        """
        return await self._call(self.api.list_nodes(options), options.get("timeout"))

    async def get_node(self, name: str, *, timeout: float | None = None) -> Node:
        """Get a node.

        Raises:
            NotFound: there is no such node.
        """
        return await self._call(self.api.get_node(name), timeout)

    async def list_pod_metrics(
        self, *namespaces: str, **options: Unpack[ListOptions]
    ) -> ResourceList[PodMetrics]:
        """List the samples of pods; an empty list is a result, never an error.

        What is missing is not in it: a pod that does not run, or was not measured yet,
        has no sample (`snapshot` has a row and a reason for each). CPU is in cores,
        memory in bytes, both as of the sample's own time.

        Raises:
            MetricsUnavailable: the metrics API is absent or down (``cause``).
            Forbidden: it is there, and listing is not allowed.
        """
        if namespaces:
            options = {**options, "namespace": single(namespaces, options)}
        flow = self.api.list_pod_metrics(options)
        return await self._call(flow, options.get("timeout"))

    async def get_pod_metrics(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> PodMetrics:
        """Get the sample of a pod; without a namespace, of the configuration's.

        Raises:
            NotFound: it has none; says whether there is such a pod.
            MetricsUnavailable: the metrics API is absent or down (``cause``).
        """
        flow = self.api.get_pod_metrics(name, namespace or self.config.namespace)
        return await self._call(flow, timeout)

    async def list_node_metrics(
        self, **options: Unpack[ListOptions]
    ) -> ResourceList[NodeMetrics]:
        """List the samples of nodes: CPU in cores, memory in bytes.

        Raises:
            MetricsUnavailable: the metrics API is absent or down (``cause``).
            Forbidden: it is there, and listing is not allowed.
        """
        flow = self.api.list_node_metrics(options)
        return await self._call(flow, options.get("timeout"))

    async def get_node_metrics(
        self, name: str, *, timeout: float | None = None
    ) -> NodeMetrics:
        """Get the sample of a node.

        Raises:
            NotFound: it has none; says whether there is such a node.
            MetricsUnavailable: the metrics API is absent or down (``cause``).
        """
        return await self._call(self.api.get_node_metrics(name), timeout)

    async def snapshot(
        self, *namespaces: str, **options: Unpack[SnapshotOptions]
    ) -> Snapshot:
        """Read pods, nodes and both metrics side by side and join them.

        Every pod has a row, with its value or the reason why there is none. A part that
        cannot be read is no error while pods can be: `Snapshot.error` has its cause,
        and the rows their reasons. ``reconcile=True`` accounts for every node as well.

        Raises:
            KubeMetricsError: the pods, or with *reconcile* the nodes, cannot be read.
        """
        from ..snapshot import snapshot  # noqa: PLC0415 - see above

        if namespaces:
            options = {**options, "namespace": unnamed(namespaces, options)}
        return await self._call(snapshot(self.api, options), options.get("timeout"))

    def watch_pods(
        self, *namespaces: str, **options: Unpack[WatchOptions]
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Watch pods: what there is as ADDED, then every change, whatever breaks.

        Returns a context manager of an iterator: leaving it ends the watch. What will
        not pass (a refusal, bad TLS, credentials that cannot be had) is raised.
        """
        from ..api.watch import Watch  # noqa: PLC0415 - see above

        if namespaces:
            options = {**options, "namespace": single(namespaces, options)}
        watch = Watch(self.api, options, clock=time.monotonic)
        return aclosing(self._driver.watch(watch, options.get("timeout")))

    async def get_raw(self, path: str, *, timeout: float | None = None) -> bytes:
        """GET any path and return the body, as ``kubectl get --raw`` does.

        Raises:
            ApiError: the server refused, as `NotFound` or another leaf.
        """
        response = await self._call(self.api.get_raw(path), timeout)
        return response.body

    async def run(self, flow: Flow[T], *, timeout: float | None = None) -> T:
        """Drive any flow of `api`, `snapshot` or `doctor` to its result.

        *timeout* bounds all of it, in seconds; without one the configuration's does.
        """
        return await self._call(flow, timeout)

    async def close(self) -> None:
        """Close every connection; what waits on one comes back with an error.

        To close again does nothing; a call after it is a `TransportError`.
        """
        await self._driver.close()

    def __reduce__(self) -> NoReturn:
        unpicklable(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(self, flow: Flow[T], timeout: float | None) -> T:
        return await self._driver.drive(flow, self._begin(timeout))

    def _begin(self, timeout: float | None) -> Call:
        return self._driver.begin(self.config.timeout if timeout is None else timeout)
