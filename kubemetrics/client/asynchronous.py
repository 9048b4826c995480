"""The client for event loops, asyncio's and trio's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Sequence,
)
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    suppress,
)
from contextvars import copy_context
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    NoReturn,
    Self,
    TypeAlias,
    TypeVar,
    Unpack,
    cast,
    final,
)
from weakref import finalize

import anyio
from anyio.abc import TaskGroup

from ..api import Api, ListOptions, ResourceList, RetryPolicy
from ..api.exchange import READ, Exchange
from ..config.model import Config
from ..errors import KubeMetricsError, check_type
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
from ..transport.async_network import (
    AsyncAnswer,
    AsyncServerConnections,
    in_a_thread,
    soon_here,
)
from ..transport.network import Call
from . import Session, caught, open_session, single, unnamed, unpicklable

if TYPE_CHECKING:
    from ..api.watch import Watch, WatchEvent, WatchOptions
    from ..models.metrics import NodeMetrics, PodMetrics
    from ..models.node import Node
    from ..models.pod import Pod
    from ..snapshot import Snapshot, SnapshotOptions


P = TypeVar("P")
T = TypeVar("T")


class AsyncDriver:
    """Awaits each step of a flow, in its caller's task; for asyncio and trio.

    Leaving it closes the answers that its flows left open. What they start is of
    *group*.
    """

    def __init__(
        self, network: AsyncServerConnections, waits: _Waits, group: _Group
    ) -> None:
        self._network = network
        self._waits = waits
        self._group = group
        self._opened: set[AsyncAnswer] = set()

    async def run(self, flow: Flow[T]) -> T:
        """Run *flow* to its end and return its result."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = await self._take(step)
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

    async def _take(self, step: Step) -> object:
        within = self._waits.within
        match step:
            case Read(answer=answer, call=call):
                return await within(call, cast("AsyncAnswer", answer).read())
            case Open(call=call):
                answer = await within(call, self._network.open(step))
                self._opened.add(answer)
                return answer
            case Close(answer=answer):
                await self._close(cast("AsyncAnswer", answer))
            case Work(function=function, call=call):
                return await within(call, in_a_thread(function))
            case Wait(seconds=seconds, call=call):
                with suppress(TimeoutError):  # the flow looks at the time
                    await within(call, anyio.sleep(seconds))
            case Fork(flows=flows):
                await _in_tasks([partial(self._run_apart, flow) for flow in flows])
            case Start(flow=flow):
                return _Task(partial(self._run_apart, flow, self._group), self._group)
            case Join(task=task):
                return await cast("_Task", task).result()
            case _:
                raise TypeError(f"no step of a driver: {step!r}")
        return NOTHING

    async def _run_apart(self, flow: Flow[T], group: _Group) -> T:
        async with AsyncDriver(self._network, self._waits, group) as apart:
            return await apart.run(flow)

    async def _close(self, answer: AsyncAnswer) -> None:
        self._opened.discard(answer)
        await answer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for answer in tuple(self._opened):
            await self._close(answer)


class AsyncDriving:
    """One call, in which flows are driven one after the other; leaving it ends it."""

    def __init__(
        self,
        call: Call,
        exchange: Exchange,
        driver: AsyncDriver,
        background: Background,
    ) -> None:
        self.exchange = exchange
        self._call = call
        self._driver = driver
        self._background = background

    async def drive(self, flow: Flow[T]) -> T:
        """Run *flow* to its end and return its result."""
        with caught():
            return await self._driver.run(self.exchange.perform(flow))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._driver:
            self._call.cancel()
            await self._background.end()


class AsyncCalls:
    """The calls of one client: each is driven within its time, and ends with it.

    It serves several event loops, also at once: connections belong to the loop that
    made them, and closing wakes who waits in any of them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._network = AsyncServerConnections(session.endpoint)
        self._life = Call()
        self._waits = _Waits()

    async def close(self) -> None:
        """End every call under way and close every connection."""
        self._life.cancel()
        self._waits.wake()
        await self._network.close()

    async def drive(self, flow: Flow[T], timeout: float | None) -> T:
        """Run *flow* in a call of *timeout* seconds and return its result."""
        async with self._begin(self._life, timeout) as call:
            return await call.drive(flow)

    def each(
        self,
        flows: Iterable[Flow[P]],
        taken: Callable[[P], Iterable[T]],
        timeout: float | None,
    ) -> AsyncGenerator[T, None]:
        """Drive flows of one call as they are wanted; yield what is *taken* of each."""
        wanted = self._life.branch()
        results = self._each(flows, taken, wanted, timeout)
        # Whoever drops them wants no more: the loop comes to close them a bit later.
        finalize(results, wanted.cancel)
        return results

    async def watch(
        self, watch: Watch, timeout: float | None
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what *watch* makes of its streams; end in silence with the time."""
        async with self._begin(self._life, timeout) as call:
            events = Emitter(call.exchange.watch(watch))
            while (event := await call.drive(events.next())) is not None:
                yield cast("WatchEvent", event)

    async def _each(
        self,
        flows: Iterable[Flow[P]],
        taken: Callable[[P], Iterable[T]],
        wanted: Call,
        timeout: float | None,
    ) -> AsyncGenerator[T, None]:
        async with self._begin(wanted, timeout) as call:
            for flow in flows:
                for value in taken(await call.drive(flow)):
                    yield value

    def _begin(self, whole: Call, timeout: float | None) -> AsyncDriving:
        call = whole.branch(timeout, self._session.memory)
        exchange = self._session.exchange(call, self._life)
        background = Background()
        driver = AsyncDriver(self._network, self._waits, background)
        return AsyncDriving(call, exchange, driver, background)


_Soon: TypeAlias = Callable[[Callable[[], None]], object]
"""Calls a function soon in an event loop, from any thread."""


class _Waits:
    """What the calls of a client wait for, in any event loop, until it is closed."""

    def __init__(self) -> None:
        self._waiting: dict[anyio.CancelScope, _Soon] = {}

    async def within(self, call: CallLimits, work: Awaitable[T]) -> T:
        """Await *work* for as long as the call and the client last."""
        with anyio.move_on_after(call.remaining()) as scope:
            self._waiting[scope] = soon_here()
            try:
                return await work
            finally:
                del self._waiting[scope]
        raise TimeoutError

    def wake(self) -> None:
        """Have every wait come back."""
        for scope, soon in tuple(self._waiting.items()):
            with suppress(RuntimeError):  # its loop has ended
                soon(scope.cancel)


async def _in_tasks(parts: Sequence[Callable[[TaskGroup], Awaitable[None]]]) -> None:
    """Run all side by side; the first error ends them, and they what they started."""
    failures: list[Exception] = []

    async def run(part: Callable[[TaskGroup], Awaitable[None]]) -> None:
        try:
            await part(started)
        except Exception as error:  # noqa: BLE001 - raised where all meet
            failures.append(error)
            running.cancel_scope.cancel()

    async with anyio.create_task_group() as started:
        async with anyio.create_task_group() as running:
            for part in parts:
                running.start_soon(run, part)
        started.cancel_scope.cancel()
    if failures:
        raise failures[0]


class _Task:
    """A flow in a task of its own, of *group*."""

    def __init__(self, run: Callable[[], Awaitable[object]], group: _Group) -> None:
        self._run = run
        self._done = anyio.Event()
        self._results: list[object] = []
        self._errors: list[Exception] = []
        group.start_soon(self._work, self._done)

    async def result(self) -> object:
        """Wait for its result.

        Raises:
            KubeMetricsError: somebody else cancelled it.
        """
        await self._done.wait()
        for error in self._errors:
            raise error
        if not self._results:
            raise KubeMetricsError("a task that reads ahead was cancelled by others")
        return self._results.pop()

    async def _work(self, done: anyio.Event) -> None:
        try:
            self._results.append(await self._run())
        except Exception as error:  # noqa: BLE001 - raised where it is joined
            self._errors.append(error)
        finally:
            done.set()


class Background:
    """Tasks that go on while who began them is elsewhere, until `end`.

    A group of anyio's cannot be left at a `yield`: who reads page by page may do so in
    other scopes, and in another task each time.
    """

    def __init__(self) -> None:
        self._running: dict[anyio.CancelScope, tuple[anyio.Event, object]] = {}

    def start_soon(
        self, work: Callable[[anyio.Event], Awaitable[None]], done: anyio.Event
    ) -> None:
        """Begin a task of the loop's own, which sets *done* at its end."""
        scope = anyio.CancelScope()

        async def run() -> None:
            try:
                with scope:
                    await work(done)
            finally:
                ended()

        def ended(_: object = None) -> None:
            self._running.pop(scope, None)
            done.set()

        self._running[scope] = done, _spawn(run, ended)

    async def end(self) -> None:
        """Cancel them all, and wait until they are gone."""
        running = tuple(self._running.items())
        for scope, _ in running:
            scope.cancel()
        with anyio.CancelScope(shield=True):
            for _, (done, _) in running:
                await done.wait()


def _spawn(
    run: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[object], None]
) -> object:
    """Begin a task of the running loop's own; return what keeps it alive.

    *ended* is called for one that is cancelled before it runs a line, too.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        import trio  # noqa: PLC0415 - it is what runs

        return trio.lowlevel.spawn_system_task(run, context=copy_context())
    task = loop.create_task(run())
    task.add_done_callback(ended)
    return task


_Group: TypeAlias = TaskGroup | Background
"""Whose tasks are begun in it, and end with it."""


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
        self._calls = AsyncCalls(self._session)

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

    def iter_pods(
        self, *namespaces: str, **options: Unpack[ListOptions]
    ) -> AsyncGenerator[ResourceList[Pod], None]:
        """List pods page by page, for who wants to keep nothing.

        Two pages are asked for ahead, so that at most three are kept; nothing more is
        asked for once the generator is dropped or closed (trio wants it closed).
        A list that expires half-way goes on where it was, as of a later moment.
        """
        if namespaces:
            options = {**options, "namespace": single(namespaces, options)}
        pages = self.api.pages_of_pods(options)
        limit = self._limit(options.get("timeout"))
        return self._calls.each(pages, lambda page: (page,), limit)

    def iter_objects(
        self, path: str, **options: Unpack[ListOptions]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """List objects of any kind, as JSON: ``"/apis/batch/v1/jobs"``.

        *path* is that of all namespaces' list; *namespace* narrows it. Paging, retries,
        deadlines and errors are those of `iter_pods`; each object has its kind.

        Raises:
            DecodeError: an item is no object, or there is no list.
        """
        pages = self.api.pages_of_objects(path, options)
        limit = self._limit(options.get("timeout"))
        return self._calls.each(pages, lambda page: page.whole(), limit)

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
        return aclosing(self._calls.watch(watch, options.get("timeout")))

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
        check_type("flow", flow, "Flow")
        return await self._call(flow, timeout)

    async def close(self) -> None:
        """Close every connection; what waits on one comes back with an error.

        To close again does nothing; a call after it is a `TransportError`.
        """
        await self._calls.close()

    def __reduce__(self) -> NoReturn:
        unpicklable(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(self, flow: Flow[T], timeout: float | None) -> T:
        return await self._calls.drive(flow, self._limit(timeout))

    def _limit(self, timeout: float | None) -> float | None:
        check_type("timeout", timeout, "float | None")
        return (self.config.timeout or None) if timeout is None else timeout
