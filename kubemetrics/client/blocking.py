"""The driver for threads: each step of a flow is a blocking call."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final, TypeVar, cast

import httpx

from ..api.status import ok, to_error
from ..auth.credential import Credential
from ..errors import KubeMetricsError, TransportError
from ..flow import NOTHING, Flow, Fork, Pause, Request, Response
from ..transport.call import Call
from ..transport.http import Wire, open_wire
from ..transport.pools import Pools
from .answer import Answer
from .session import UNAUTHORIZED, Attempt, Session, closed, late
from .threads import aside, next_of

if TYPE_CHECKING:  # a part of the start-up time, which few callers need
    from ..watch import Watch, WatchEvent

T = TypeVar("T")

_SIDE_BY_SIDE: Final = 8
_log: Final = logging.getLogger("kubemetrics")


class Blocking:
    """Takes the steps of flows, in as many threads as there are callers."""

    def __init__(self, session: Session, read_timeout: float) -> None:
        self._session = session
        self._read_timeout = read_timeout
        self._pools: Pools[Wire[httpx.HTTPTransport]] = Pools(
            lambda identity: open_wire(session.endpoint, identity, httpx.HTTPTransport)
        )
        self._life = Call()

    def begin(self, timeout: float | None) -> Call:
        """Begin a call; closing ends it."""
        return self._life.branch(timeout)

    def close(self) -> None:
        """End every call under way and close every connection."""
        self._life.cancel()
        for wire in self._pools.drain():
            _close(wire)

    def drive(self, flow: Flow[T], call: Call) -> T:
        """Take a flow to its result."""
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
        from ..watch import SILENCE  # noqa: PLC0415 - see above

        silence = self._read_timeout * SILENCE
        with self._answered(request, call, silence) as answer:
            if not ok(answer.status):
                raise to_error(answer.whole())
            yield from answer.pieces()

    def _take(self, step: Request | Pause | Fork, call: Call) -> Response:
        if isinstance(step, Request):
            with self._answered(step, call, self._read_timeout) as answer:
                return answer.whole()
        if isinstance(step, Pause):
            self._wait(step, call)
        else:
            self._fork(step, call)
        return NOTHING

    @contextmanager
    def _answered(
        self, request: Request, call: Call, silence: float
    ) -> Generator[Answer, None, None]:
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
        fetched = aside(self._session.source.fetch)
        try:
            return fetched.result(call.remaining())
        except TimeoutError:
            raise late(call, self._session.config.server) from None

    @contextmanager
    def _opened(
        self, request: Request, credential: Credential, call: Call, silence: float
    ) -> Generator[Answer, None, None]:
        """Send one attempt; what breaks inside becomes a `TransportError`."""
        attempt = Attempt(self._session, request, credential, call, silence)
        attempt.request.extensions["trace"] = attempt.trace
        lease, idle = self._pools.borrow(self._session.identity(credential))
        try:
            _close(idle)
            attempt.check()
            with call.exchange():
                response = lease.handle.transport.handle_request(attempt.request)
            with closing(response):
                yield Answer(attempt, response, call)
        except (httpx.HTTPError, TransportError, OSError, UnicodeError) as error:
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
        waiting = deque(fork.flows)
        failures: list[Exception] = []

        def work() -> None:
            while not branch.cancelled and (flow := next_of(waiting)) is not None:
                try:
                    self.drive(flow, branch)
                except Exception as error:  # noqa: BLE001 - raised where all meet
                    failures.append(error)
                    branch.cancel()

        count = min(len(waiting), _SIDE_BY_SIDE) - 1
        threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            work()
            for thread in threads:
                thread.join()
        finally:
            branch.cancel()  # after Ctrl-C nobody is waited for
        if failures:
            raise failures[0]


def _close(wire: Wire[httpx.HTTPTransport] | None) -> None:
    if wire is not None:
        wire.context.shut_down()
        wire.transport.close()
