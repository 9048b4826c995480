"""The client for threads: drives each flow with blocking requests."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
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

_SIDE_BY_SIDE: Final = 8
_log: Final = logging.getLogger("kubemetrics")


@final
class Client:
    """Every pod and its metrics, from one server; safe to share between threads.

    Without a *config* it is found as kubectl finds it (`load_config`). *user_agent*
    replaces ``kubemetrics/VERSION``. *on_warning* hears each distinct ``Warning`` text
    of the server once. *read_timeout* is the longest silence, in seconds; a method's
    ``timeout`` bounds the whole call, else the configuration's does.

    Nothing is contacted before the first request. Use it as a context manager, or
    `close` it: closing from another thread ends what is under way.

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
        self._pools: Pools[Wire[httpx.HTTPTransport]] = Pools(
            lambda identity: open_wire(
                self._session.endpoint, identity, httpx.HTTPTransport
            )
        )
        self._closed = threading.Event()

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._session.config

    def list_pods(self, **options: Unpack[ListOptions]) -> ResourceList[Pod]:
        """List pods, of all namespaces unless one is named."""
        return self._call(self._session.api.list_pods(options), options.get("timeout"))

    def iter_pods(self, **options: Unpack[ListOptions]) -> Iterator[ResourceList[Pod]]:
        """List pods page by page, for who wants to keep nothing."""
        pages = self._session.api.pages_of_pods(options)
        call = self._begin(options.get("timeout"))
        while pages.more:
            yield self._drive(pages.next(), call)

    def get_pod(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> Pod:
        """Get a pod; without a namespace, of the configuration's."""
        flow = self._session.api.get_pod(name, namespace or self.config.namespace)
        return self._call(flow, timeout)

    def list_nodes(self, **options: Unpack[ListOptions]) -> ResourceList[Node]:
        """List nodes."""
        return self._call(self._session.api.list_nodes(options), options.get("timeout"))

    def get_node(self, name: str, *, timeout: float | None = None) -> Node:
        """Get a node."""
        return self._call(self._session.api.get_node(name), timeout)

    def list_pod_metrics(
        self, **options: Unpack[ListOptions]
    ) -> ResourceList[PodMetrics]:
        """List the samples of pods; an empty list is a result, never an error."""
        flow = self._session.api.list_pod_metrics(options)
        return self._call(flow, options.get("timeout"))

    def get_pod_metrics(
        self, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> PodMetrics:
        """Get the sample of a pod."""
        flow = self._session.api.get_pod_metrics(
            name, namespace or self.config.namespace
        )
        return self._call(flow, timeout)

    def list_node_metrics(
        self, **options: Unpack[ListOptions]
    ) -> ResourceList[NodeMetrics]:
        """List the samples of nodes."""
        flow = self._session.api.list_node_metrics(options)
        return self._call(flow, options.get("timeout"))

    def get_node_metrics(
        self, name: str, *, timeout: float | None = None
    ) -> NodeMetrics:
        """Get the sample of a node."""
        return self._call(self._session.api.get_node_metrics(name), timeout)

    def get_raw(self, path: str, *, timeout: float | None = None) -> bytes:
        """GET any path and return the body, as ``kubectl get --raw`` does."""
        return self._call(self._session.api.get_raw(path), timeout).body

    def run(self, flow: Flow[T], *, timeout: float | None = None) -> T:
        """Drive any flow of `api`, `snapshot` or `doctor` to its result."""
        return self._call(flow, timeout)

    def close(self) -> None:
        """Close every connection; what waits on one comes back with an error."""
        self._closed.set()
        for wire in self._pools.drain():
            _close(wire)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, flow: Flow[T], timeout: float | None) -> T:
        return self._drive(flow, self._begin(timeout))

    def _begin(self, timeout: float | None) -> Call:
        return Call(self.config.timeout if timeout is None else timeout)

    def _drive(self, flow: Flow[T], call: Call) -> T:
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

    def _take(self, step: Request | Pause | Fork, call: Call) -> Response:
        if isinstance(step, Request):
            return self._exchange(step, call)
        if isinstance(step, Pause):
            self._wait(step, call)
        else:
            self._fork(step, call)
        return NOTHING

    def _exchange(self, request: Request, call: Call) -> Response:
        source = self._session.source
        credential = source.cached() or source.fetch()
        response = self._attempt(request, credential, call)
        if response.status == httpx.codes.UNAUTHORIZED and source.rejected(credential):
            renewed = source.fetch()
            if request.idempotent and renewed != credential:
                return self._attempt(request, renewed, call)
        return response

    def _attempt(
        self, request: Request, credential: Credential, call: Call
    ) -> Response:
        attempt = Attempt(self._session, request, credential, call, self._read_timeout)
        attempt.request.extensions["trace"] = lambda event, _: attempt.trace(event)
        lease, idle = self._pools.borrow(self._session.identity(credential))
        if idle:
            _close(idle)
        try:
            with call.exchange():
                return self._receive(attempt, lease.handle.transport)
        except (httpx.HTTPError, TransportError, OSError) as error:
            raise self._error(attempt, error) from None
        finally:
            retired = self._pools.give_back(lease)
            if retired:
                _close(retired)

    def _receive(self, attempt: Attempt, transport: httpx.HTTPTransport) -> Response:
        self._check(attempt)
        with closing(transport.handle_request(attempt.request)) as answer:
            reader = attempt.reader(answer)
            for chunk in answer.iter_raw():
                self._check(attempt)
                reader.feed(chunk)
            return attempt.response(answer, reader.finish())

    def _check(self, attempt: Attempt) -> None:
        if self._closed.is_set():
            raise attempt.closed()
        attempt.check()

    def _error(self, attempt: Attempt, error: Exception) -> TransportError:
        return attempt.closed() if self._closed.is_set() else attempt.error(error)

    def _wait(self, pause: Pause, call: Call) -> None:
        _log.debug("waiting %.2f s: %s", pause.seconds, pause.why)
        left = call.remaining()
        if left is not None and pause.seconds > left:
            raise TransportError("no time to wait", url="", reason="deadline")
        if self._closed.wait(pause.seconds):
            raise TransportError("the client was closed", url="", reason="closed")

    def _fork(self, fork: Fork, call: Call) -> None:
        branch = call.branch()
        waiting = deque(fork.flows)
        failures: list[BaseException] = []

        def work() -> None:
            while waiting and not failures:
                with suppress(IndexError):  # another thread was faster
                    self._branch(waiting.popleft(), branch, failures)

        count = min(len(waiting), _SIDE_BY_SIDE) - 1
        threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            work()
            for thread in threads:
                thread.join()
        finally:
            if any(thread.is_alive() for thread in threads):  # Ctrl-C: wait for none
                branch.cancel()
        if failures:
            raise failures[0]

    def _branch(
        self, flow: Flow[None], branch: Call, failures: list[BaseException]
    ) -> None:
        try:
            self._drive(flow, branch)
        except KubeMetricsError as error:
            failures.append(error)
            branch.cancel()


def _close(wire: Wire[httpx.HTTPTransport]) -> None:
    wire.context.shut_down()
    wire.transport.close()
