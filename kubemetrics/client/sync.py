"""Calls in daemon threads: the process ends without waiting for any of them.

The client for threads: drives each flow with blocking requests.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    NoReturn,
    Self,
    TypeAlias,
    TypeVar,
    Unpack,
    cast,
    final,
)

from ..api import Api, ListOptions, ResourceList, RetryPolicy
from ..api.exchange import READ, Exchange
from ..auth import WAIT
from ..config.model import Config
from ..errors import INTERRUPTION, KubeMetricsError, check_type
from ..flow import (
    NOTHING,
    Broken,
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
from . import Session, caught, open_session, single, unnamed, unpicklable

if TYPE_CHECKING:
    from ..api.watch import Watch, WatchEvent, WatchOptions
    from ..models.metrics import NodeMetrics, PodMetrics
    from ..models.node import Node
    from ..models.pod import Pod
    from ..snapshot import Snapshot, SnapshotOptions
    from ..transport.connections import Answer, ServerConnections
    from ..transport.network import Call


P = TypeVar("P")
T = TypeVar("T")


class BackgroundCall(Generic[T]):
    """One call, begun at once in a daemon thread of its own.

    Raises:
        RuntimeError: no thread can be had.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._results: list[T] = []
        self._errors: list[Exception] = []
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def result(self, timeout: float | None = None) -> T:
        """Wait for its result, at most *timeout* seconds.

        Raises:
            TimeoutError: it has not ended; it goes on.
            Exception: what the call raised.
        """
        until = math.inf if timeout is None else time.monotonic() + timeout
        while self._thread.is_alive():
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._thread.join(min(left, WAIT))
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self._results.append(call())
        except Exception as error:  # noqa: BLE001 - raised where the result is read
            self._errors.append(error)


class DeferredCall(Generic[T]):
    """One call, made where its result is asked for."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call

    def result(self, timeout: float | None = None) -> T:
        """Make the call and return its result, however long it takes."""
        del timeout
        return self._call()


Begun: TypeAlias = BackgroundCall[T] | DeferredCall[T]


def begun(call: Callable[[], T]) -> Begun[T]:
    """Begin a call in the background; where no thread can be had, put it off."""
    try:
        return BackgroundCall(call)
    except RuntimeError:  # too many, or the interpreter is about to end
        return DeferredCall(call)


def side_by_side(
    calls: Sequence[Callable[[], T]],
    *,
    limit: int | None = None,
    stop: Callable[[], None] = lambda: None,
) -> list[T]:
    """Run *calls* at once, *limit* at a time, and return their results in order.

    The caller's thread takes its share, so that one call needs no other thread. The
    first error ends it: *stop* is called to end what runs, nothing more is begun, and
    the error is raised once all threads are back. *stop* is called after Ctrl-C too,
    where nobody is waited for. Where no more threads can be had, those there are do all
    the work.

    Raises:
        Exception: what the first call that failed raised.
    """
    waiting = deque(enumerate(calls))
    results: dict[int, T] = {}
    errors: list[Exception] = []

    def work() -> None:
        while not errors and (following := _next(waiting)) is not None:
            index, call = following
            try:
                results[index] = call()
            except Exception as error:  # noqa: BLE001 - raised where all meet
                errors.append(error)
                stop()

    count = min(len(calls), limit or len(calls)) - 1
    helpers: list[BackgroundCall[None]] = []
    with suppress(RuntimeError):
        helpers.extend(BackgroundCall(work) for _ in range(count))
    try:
        work()
        for helper in helpers:
            helper.result()
    finally:
        stop()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(calls))]


def _next(waiting: deque[T]) -> T | None:
    """Return the next one, or nothing; other threads take from there too."""
    try:
        return waiting.popleft()
    except IndexError:
        return None


_THREADS: Final = 8
"""Threads that the flows of one `Fork` are driven in."""


class SyncDriver:
    """Takes each step of a flow as a blocking call, in its caller's thread.

    Leaving it closes the answers that its flows left open.
    """

    def __init__(self, network: ServerConnections) -> None:
        self._network = network
        self._opened: set[Answer] = set()

    def run(self, flow: Flow[T]) -> T:
        """Run *flow* to its end and return its result."""
        try:
            step = next(flow)
            while True:
                _raise_interruption()
                try:
                    answer = self._take(step)
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

    def _take(self, step: Step) -> object:
        match step:
            case Read(answer=answer):
                return cast("Answer", answer).read()
            case Open():
                answer = self._network.open(step)
                self._opened.add(answer)
                return answer
            case Close(answer=answer):
                self._close(cast("Answer", answer))
            case Work(function=function, call=call):
                return _within(function, call.remaining())
            case Wait(seconds=seconds, call=call):
                cast("Call", call).wait(seconds)
            case Fork(flows=flows, stop=stop):
                parts = [partial(self._run_apart, flow) for flow in flows]
                side_by_side(parts, limit=_THREADS, stop=stop)
            case Start(flow=flow):
                return begun(partial(self._run_apart, flow))
            case Join(task=task):
                return cast("Begun[object]", task).result()
            case _:
                raise TypeError(f"no step of a driver: {step!r}")
        return NOTHING

    def _run_apart(self, flow: Flow[T]) -> T:
        with SyncDriver(self._network) as apart:
            return apart.run(flow)

    def _close(self, answer: Answer) -> None:
        self._opened.discard(answer)
        answer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for answer in tuple(self._opened):
            self._close(answer)


class Driving:
    """One call, in which flows are driven one after the other; leaving it ends it."""

    def __init__(self, call: Call, exchange: Exchange, driver: SyncDriver) -> None:
        self.exchange = exchange
        self._call = call
        self._driver = driver

    def drive(self, flow: Flow[T]) -> T:
        """Run *flow* to its end and return its result."""
        with caught():
            return self._driver.run(self.exchange.perform(flow))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._driver:
            self._call.cancel()


class SyncCalls:
    """The calls of one client: each is driven within its time, and ends with it."""

    def __init__(self, session: Session) -> None:
        from ..transport.connections import (  # noqa: PLC0415 - with the first client
            ServerConnections,
        )
        from ..transport.network import Call  # noqa: PLC0415

        self._session = session
        self._network = ServerConnections(session.endpoint)
        self._life = Call()

    def close(self) -> None:
        """End every call under way and close every connection."""
        self._life.cancel()
        self._network.close()

    def rest(self) -> None:
        """Close the connections that nobody uses; a later call opens others."""
        self._network.rest()

    def drive(self, flow: Flow[T], timeout: float | None) -> T:
        """Run *flow* in a call of *timeout* seconds and return its result."""
        with self._begin(timeout) as call:
            return call.drive(flow)

    def each(
        self,
        flows: Iterable[Flow[P]],
        taken: Callable[[P], Iterable[T]],
        timeout: float | None,
    ) -> Generator[T, None, None]:
        """Drive flows of one call as they are wanted; yield what is *taken* of each."""
        with self._begin(timeout) as call:
            for flow in flows:
                yield from taken(call.drive(flow))

    def watch(
        self, watch: Watch, timeout: float | None
    ) -> Generator[WatchEvent, None, None]:
        """Yield what *watch* makes of its streams; end in silence with the time."""
        with self._begin(timeout) as call:
            events = Emitter(call.exchange.watch(watch))
            while (event := call.drive(events.next())) is not None:
                yield cast("WatchEvent", event)

    def _begin(self, timeout: float | None) -> Driving:
        call = self._life.branch(timeout, self._session.memory)
        exchange = self._session.exchange(call, self._life)
        return Driving(call, exchange, SyncDriver(self._network))


def _raise_interruption() -> None:
    """Raise a Ctrl-C that was lost where Python first raised it."""
    if INTERRUPTION.pending and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def _within(function: Callable[[], T], seconds: float | None) -> T:
    """Call what may block, for so long at most; for good where there is no thread."""
    return function() if seconds is None else begun(function).result(seconds)


@final
class Client:
    """Every pod and its metrics, from one server; safe to share between threads.

    Without a *config* it is found as kubectl finds it (`load_config`). *user_agent*
    replaces ``kubemetrics/VERSION``. *on_warning* is called once with each distinct
    ``Warning`` text of the server. *read_timeout* is the longest silence, in seconds;
    a method's ``timeout`` bounds the whole call, else the configuration's does.
    *max_memory* is how many bytes the answers of one call may take at a time, else
    ``KUBEMETRICS_MAX_MEMORY`` says it (``256Mi``), else 128 MiB.

    Nothing is contacted before the first request. Use it as a context manager, or
    `close` it: closing from another thread ends what is under way.

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
        self._calls = SyncCalls(self._session)

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._session.config

    @property
    def api(self) -> Api:
        """The operations as flows, to be composed and given to `run`."""
        return self._session.api

    def list_pods(
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
        return self._call(self.api.list_pods(options), options.get("timeout"))

    def iter_pods(
        self, *namespaces: str, **options: Unpack[ListOptions]
    ) -> Generator[ResourceList[Pod], None, None]:
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
    ) -> Generator[dict[str, Any], None, None]:
        """List objects of any kind, as JSON: ``"/apis/batch/v1/jobs"``.

        *path* is that of all namespaces' list; *namespace* narrows it. Paging, retries,
        deadlines and errors are those of `iter_pods`; each object has its kind.

        Raises:
            DecodeError: an item is no object, or there is no list.
        """
        pages = self.api.pages_of_objects(path, options)
        limit = self._limit(options.get("timeout"))
        return self._calls.each(pages, lambda page: page.whole(), limit)

    def get_pod(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> Pod:
        """Get a pod; without a namespace, of the configuration's.

        Raises:
            NotFound: there is no such pod.
        """
        flow = self.api.get_pod(name, namespace or self.config.namespace)
        return self._call(flow, timeout)

    def list_nodes(self, **options: Unpack[ListOptions]) -> ResourceList[Node]:
        """List nodes, in the order of their names.

        Raises:
            Forbidden: listing them is not allowed, as it often is not.
        """
        return self._call(self.api.list_nodes(options), options.get("timeout"))

    def get_node(self, name: str, *, timeout: float | None = None) -> Node:
        """Get a node.

        Raises:
            NotFound: there is no such node.
        """
        return self._call(self.api.get_node(name), timeout)

    def list_pod_metrics(
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
        return self._call(flow, options.get("timeout"))

    def get_pod_metrics(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> PodMetrics:
        """Get the sample of a pod; without a namespace, of the configuration's.

        Raises:
            NotFound: it has none; says whether there is such a pod.
            MetricsUnavailable: the metrics API is absent or down (``cause``).
        """
        flow = self.api.get_pod_metrics(name, namespace or self.config.namespace)
        return self._call(flow, timeout)

    def list_node_metrics(
        self, **options: Unpack[ListOptions]
    ) -> ResourceList[NodeMetrics]:
        """List the samples of nodes: CPU in cores, memory in bytes.

        Raises:
            MetricsUnavailable: the metrics API is absent or down (``cause``).
            Forbidden: it is there, and listing is not allowed.
        """
        flow = self.api.list_node_metrics(options)
        return self._call(flow, options.get("timeout"))

    def get_node_metrics(
        self, name: str, *, timeout: float | None = None
    ) -> NodeMetrics:
        """Get the sample of a node.

        Raises:
            NotFound: it has none; says whether there is such a node.
            MetricsUnavailable: the metrics API is absent or down (``cause``).
        """
        return self._call(self.api.get_node_metrics(name), timeout)

    def snapshot(
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
        return self._call(snapshot(self.api, options), options.get("timeout"))

    def watch_pods(
        self, *namespaces: str, **options: Unpack[WatchOptions]
    ) -> AbstractContextManager[Iterator[WatchEvent]]:
        """Watch pods: what there is as ADDED, then every change, whatever breaks.

        Returns a context manager of an iterator: leaving it ends the watch. What will
        not pass (a refusal, bad TLS, credentials that cannot be had) is raised.
        """
        from ..api.watch import Watch  # noqa: PLC0415 - see above

        if namespaces:
            options = {**options, "namespace": single(namespaces, options)}
        watch = Watch(self.api, options, clock=time.monotonic)
        return closing(self._calls.watch(watch, options.get("timeout")))

    def get_raw(self, path: str, *, timeout: float | None = None) -> bytes:
        """GET any path and return the body, as ``kubectl get --raw`` does.

        Raises:
            ApiError: the server refused, as `NotFound` or another leaf.
        """
        return self._call(self.api.get_raw(path), timeout).body

    def run(self, flow: Flow[T], *, timeout: float | None = None) -> T:
        """Drive any flow of `api`, `snapshot` or `doctor` to its result.

        *timeout* bounds all of it, in seconds; without one the configuration's does.
        """
        check_type("flow", flow, "Flow")
        return self._call(flow, timeout)

    def close(self) -> None:
        """Close every connection; what waits on one comes back with an error.

        To close again does nothing; a call after it is a `TransportError`.
        """
        self._calls.close()

    def __reduce__(self) -> NoReturn:
        unpicklable(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, flow: Flow[T], timeout: float | None) -> T:
        return self._calls.drive(flow, self._limit(timeout))

    def _limit(self, timeout: float | None) -> float | None:
        check_type("timeout", timeout, "float | None")
        return (self.config.timeout or None) if timeout is None else timeout


def disconnect(client: Client) -> None:
    """Close the connections of *client*, which stays open for calls to come."""
    client._calls.rest()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
