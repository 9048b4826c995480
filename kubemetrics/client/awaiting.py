"""The driver for event loops, asyncio's and trio's: each step of a flow is awaited."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import anyio
import anyio.to_thread
import httpx

from ..api.status import ok, to_error
from ..auth.credential import Credential
from ..errors import KubeMetricsError, TransportError
from ..flow import NOTHING, Flow, Fork, Pause, Request, Response
from ..transport.call import Call
from ..transport.http import Wire, open_wire
from ..transport.pools import Pools
from .awaited import Answer, Lifetime
from .session import UNAUTHORIZED, Attempt, Session, closed, late

if TYPE_CHECKING:  # a part of the start-up time, which few callers need
    from ..watch import Watch, WatchEvent

T = TypeVar("T")

_log: Final = logging.getLogger("kubemetrics")


class Awaiting:
    """Takes the steps of flows, in as many tasks as there are callers."""

    def __init__(self, session: Session, read_timeout: float) -> None:
        self._session = session
        self._read_timeout = read_timeout
        self._pools: Pools[Wire[httpx.AsyncHTTPTransport]] = Pools(
            lambda identity: open_wire(
                session.endpoint, identity, httpx.AsyncHTTPTransport
            )
        )
        self._lifetime = Lifetime()

    def begin(self, timeout: float | None) -> Call:
        """Begin a call; closing ends it."""
        return self._lifetime.begin(timeout)

    async def close(self) -> None:
        """End every call under way and close every connection."""
        self._lifetime.end()
        for wire in self._pools.drain():
            await _close(wire)

    async def drive(self, flow: Flow[T], call: Call) -> T:
        """Take a flow to its result."""
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
        from ..watch import SILENCE  # noqa: PLC0415 - see above

        silence = self._read_timeout * SILENCE
        async with self._answered(request, call, silence) as answer:
            if not ok(answer.status):
                raise to_error(await answer.whole())
            async with aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    yield piece

    async def _take(self, step: Request | Pause | Fork, call: Call) -> Response:
        if isinstance(step, Request):
            async with self._answered(step, call, self._read_timeout) as answer:
                return await answer.whole()
        if isinstance(step, Pause):
            await self._wait(step, call)
        else:
            await self._fork(step, call)
        return NOTHING

    @asynccontextmanager
    async def _answered(
        self, request: Request, call: Call, silence: float
    ) -> AsyncGenerator[Answer, None]:
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
        self, request: Request, credential: Credential, call: Call, silence: float
    ) -> AsyncGenerator[Answer, None]:
        """Send one attempt; what breaks inside becomes a `TransportError`."""
        attempt = Attempt(self._session, request, credential, call, silence)

        async def trace(event: str, facts: Mapping[str, Any]) -> None:
            with anyio.CancelScope(shield=True):
                await attempt.trace_awaited(event, facts)

        attempt.request.extensions["trace"] = trace
        lease, idle = self._pools.borrow(self._session.identity(credential))
        try:
            await _close(idle)
            attempt.check()
            sent = lease.handle.transport.handle_async_request(attempt.request)
            response = await self._lifetime.within(call, attempt.url, sent)
            answer = Answer(attempt, response, call, self._lifetime)
            try:
                yield answer
            finally:
                await answer.close()
        except (httpx.HTTPError, TransportError, OSError, UnicodeError) as error:
            raise (
                closed(attempt.url) if self._lifetime.over else attempt.error(error)
            ) from None
        finally:
            await _close(self._pools.give_back(lease))

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


async def _close(wire: Wire[httpx.AsyncHTTPTransport] | None) -> None:
    if wire is not None:
        with anyio.CancelScope(shield=True):
            await wire.transport.aclose()
