"""Calls in daemon threads: the process ends without waiting for any of them.

The client for threads: drives each flow with blocking requests.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar, Unpack, cast, final

from ..api import Api, ListOptions, ResourceList, RetryPolicy
from ..api.retry import ok
from ..auth.credential import Credential
from ..config.model import Config
from ..errors import KubeMetricsError, TransportError
from ..flow import NOTHING, Flow, Fork, Pause, Request, Response
from ..transport.connections import Answer, Connections, Pools
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


class BackgroundCall(Generic[T]):
    """One call, begun at once in a daemon thread of its own."""

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
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self._results.append(call())
        except Exception as error:  # noqa: BLE001 - raised where the result is read
            self._errors.append(error)


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
    where nobody is waited for.

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
    helpers = [BackgroundCall(work) for _ in range(count)]
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

_log: Final = logging.getLogger("kubemetrics")


class StreamedResponse:
    """A response whose head has come and whose body is still to be read."""

    def __init__(self, attempt: Attempt, answer: Answer) -> None:
        self._attempt = attempt
        self._answer = answer
        self.status: int = answer.status

    def whole(self) -> Response:
        """Read the body to its end and return the whole response."""
        reader = self._attempt.reader(self._answer)
        while chunk := self._answer.read():
            reader.feed(chunk)
        return self._attempt.response(self._answer, reader.finish())

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it comes and keep nothing of it."""
        reader = self._attempt.reader(self._answer)
        while chunk := self._answer.read():
            yield reader.feed(chunk)
            reader.forget()


class SyncDriver:
    """Takes each step of a flow as a blocking call, in its caller's thread."""

    def __init__(self, session: Session, read_timeout: float) -> None:
        self._session = session
        self._read_timeout = read_timeout
        self._pools: Pools[Connections] = Pools(partial(Connections, session.endpoint))
        self._life = Call()

    def begin(self, timeout: float | None) -> Call:
        """Return a new call of *timeout* seconds; `close` ends it."""
        return self._life.branch(timeout)

    def close(self) -> None:
        """End every call under way and close every connection."""
        self._life.cancel()
        for connections in self._pools.drain():
            _close(connections)

    def drive(self, flow: Flow[T], call: Call) -> T:
        """Run *flow* to its end and return its result."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._take(step, call)
                except KubeMetricsError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as stop:
            return cast("T", stop.value)

    def watch(
        self, watch: Watch, timeout: float | None
    ) -> Generator[WatchEvent, None, None]:
        """Yield what *watch* makes of its streams; end in silence with the time."""
        call = self.begin(timeout)
        yield from self.drive(watch.begin(), call)
        while not call.over:
            failure: KubeMetricsError | None = None
            try:
                request = watch.request(call.remaining())
                with closing(self._stream(request, call)) as chunks:
                    for chunk in chunks:
                        yield from watch.feed(chunk)
            except KubeMetricsError as error:
                failure = error
            try:
                yield from self.drive(watch.ended(failure), call)
            except TransportError as error:
                if error.reason == "deadline":
                    return
                raise

    def _stream(self, request: Request, call: Call) -> Generator[bytes, None, None]:
        from ..api.answers import error_from_response  # noqa: PLC0415 - watches only
        from ..api.watch import SILENCE  # noqa: PLC0415 - watches only

        silence = self._read_timeout * SILENCE
        with self._answered(request, call, silence) as answer:
            if not ok(answer.status):
                raise error_from_response(answer.whole())
            yield from answer.pieces()

    def _take(self, step: Request | Pause | Fork, call: Call) -> Response:
        if isinstance(step, Request):
            silence = allowed_silence(call, self._read_timeout)
            with self._answered(step, call, silence) as answer:
                return answer.whole()
        if isinstance(step, Pause):
            self._wait(step, call)
        else:
            self._fork(step, call)
        return NOTHING

    @contextmanager
    def _answered(
        self, request: Request, call: Call, silence: float | None
    ) -> Generator[StreamedResponse, None, None]:
        """Send a request; once more, with another credential, if that is refused."""
        credential = self._session.source.cached() or self._fetch(call)
        with self._opened(request, credential, call, silence) as answer:
            renewed = self._renewed(answer.status, credential, call)
            if renewed is None or not request.idempotent:
                yield answer
                return
        with self._opened(request, renewed, call, silence) as answer:
            yield answer

    def _renewed(
        self, status: int, credential: Credential, call: Call
    ) -> Credential | None:
        if status != UNAUTHORIZED or not self._session.source.rejected(credential):
            return None
        renewed = self._fetch(call)
        return None if renewed == credential else renewed

    def _fetch(self, call: Call) -> Credential:
        """Fetch a credential within the call's time: a plugin or a file may block."""
        if call.remaining() is None:
            return self._session.source.fetch()
        fetched = BackgroundCall(self._session.source.fetch)
        try:
            return fetched.result(call.remaining())
        except TimeoutError:
            raise late(call, self._session.config.server) from None

    @contextmanager
    def _opened(
        self,
        request: Request,
        credential: Credential,
        call: Call,
        silence: float | None,
    ) -> Generator[StreamedResponse, None, None]:
        """Send one attempt; what breaks inside becomes a `TransportError`."""
        attempt = Attempt(self._session, request, credential)
        lease, idle = self._pools.borrow(self._session.connection_key(credential))
        try:
            _close(idle)
            answer = lease.handle.open(
                attempt.method,
                attempt.url,
                attempt.headers,
                attempt.body,
                call,
                silence,
            )
            with closing(answer):
                yield StreamedResponse(attempt, answer)
        except TransportError as error:
            raise (
                closed(attempt.url) if self._life.cancelled else attempt.error(error)
            ) from None
        finally:
            _close(self._pools.give_back(lease))

    def _wait(self, pause: Pause, call: Call) -> None:
        _log.debug("waiting %.2f s: %s", pause.seconds, pause.why)
        left = call.remaining()
        if left is None or pause.seconds <= left:
            call.wait(pause.seconds)
        if self._life.cancelled:
            raise closed(self._session.config.server)
        if call.cancelled or (left is not None and pause.seconds > left):
            raise late(call, self._session.config.server)

    def _fork(self, fork: Fork, call: Call) -> None:
        branch = call.branch()
        side_by_side(
            [partial(self.drive, flow, branch) for flow in fork.flows],
            limit=_THREADS,
            stop=branch.cancel,
        )


def _close(connections: Connections | None) -> None:
    if connections is not None:
        connections.close()


@final
class Client:
    """Every pod and its metrics, from one server; safe to share between threads.

    Without a *config* it is found as kubectl finds it (`load_config`). *user_agent*
    replaces ``kubemetrics/VERSION``. *on_warning* is called once with each distinct
    ``Warning`` text of the server. *read_timeout* is the longest silence, in seconds;
    a method's ``timeout`` bounds the whole call, else the configuration's does.

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
    ) -> None:
        self._session = open_session(
            config, user_agent=user_agent, on_warning=on_warning, retry=retry
        )
        self._driver = SyncDriver(self._session, read_timeout)

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._session.config

    @property
    def api(self) -> Api:
        """The operations as flows, to be composed and given to `run`."""
        return self._session.api

    def list_pods(self, **options: Unpack[ListOptions]) -> ResourceList[Pod]:
        """List pods, of all namespaces unless one is named."""
        return self._call(self.api.list_pods(options), options.get("timeout"))

    def iter_pods(self, **options: Unpack[ListOptions]) -> Iterator[ResourceList[Pod]]:
        """List pods page by page, for who wants to keep nothing.

        A list that expires half-way goes on where it was, as of a later moment.
        """
        pages = self.api.pages_of_pods(options)
        call = self._begin(options.get("timeout"))
        while pages.more:
            yield self._driver.drive(pages.next(), call)

    def get_pod(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> Pod:
        """Get a pod; without a namespace, of the configuration's."""
        flow = self.api.get_pod(name, namespace or self.config.namespace)
        return self._call(flow, timeout)

    def list_nodes(self, **options: Unpack[ListOptions]) -> ResourceList[Node]:
        """List nodes."""
        return self._call(self.api.list_nodes(options), options.get("timeout"))

    def get_node(self, name: str, *, timeout: float | None = None) -> Node:
        """Get a node."""
        return self._call(self.api.get_node(name), timeout)

    def list_pod_metrics(
        self, **options: Unpack[ListOptions]
    ) -> ResourceList[PodMetrics]:
        """List the samples of pods; an empty list is a result, never an error."""
        flow = self.api.list_pod_metrics(options)
        return self._call(flow, options.get("timeout"))

    def get_pod_metrics(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> PodMetrics:
        """Get the sample of a pod; `NotFound` says whether there is such a pod."""
        flow = self.api.get_pod_metrics(name, namespace or self.config.namespace)
        return self._call(flow, timeout)

    def list_node_metrics(
        self, **options: Unpack[ListOptions]
    ) -> ResourceList[NodeMetrics]:
        """List the samples of nodes."""
        flow = self.api.list_node_metrics(options)
        return self._call(flow, options.get("timeout"))

    def get_node_metrics(
        self, name: str, *, timeout: float | None = None
    ) -> NodeMetrics:
        """Get the sample of a node."""
        return self._call(self.api.get_node_metrics(name), timeout)

    def snapshot(self, **options: Unpack[SnapshotOptions]) -> Snapshot:
        """Read pods, nodes and both metrics side by side and join them."""
        from ..snapshot import snapshot  # noqa: PLC0415 - see above

        return self._call(snapshot(self.api, options), options.get("timeout"))

    def watch_pods(
        self, **options: Unpack[WatchOptions]
    ) -> AbstractContextManager[Iterator[WatchEvent]]:
        """Watch pods: what there is as ADDED, then every change, whatever breaks.

        Returns a context manager of an iterator: leaving it ends the watch. What will
        not pass (a refusal, bad TLS, credentials that cannot be had) is raised.
        """
        from ..api.watch import Watch  # noqa: PLC0415 - see above

        watch = Watch(self.api, options, clock=time.monotonic)
        return closing(self._driver.watch(watch, options.get("timeout")))

    def get_raw(self, path: str, *, timeout: float | None = None) -> bytes:
        """GET any path and return the body, as ``kubectl get --raw`` does."""
        return self._call(self.api.get_raw(path), timeout).body

    def run(self, flow: Flow[T], *, timeout: float | None = None) -> T:
        """Drive any flow of `api`, `snapshot` or `doctor` to its result."""
        return self._call(flow, timeout)

    def close(self) -> None:
        """Close every connection; what waits on one comes back with an error."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, flow: Flow[T], timeout: float | None) -> T:
        return self._driver.drive(flow, self._begin(timeout))

    def _begin(self, timeout: float | None) -> Call:
        return self._driver.begin(self.config.timeout if timeout is None else timeout)
