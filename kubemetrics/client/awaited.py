"""What is awaited: for as long as a call and its client last, and an answer's body."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from contextlib import suppress
from typing import TypeVar

import anyio
import httpx

from ..flow import Response
from ..transport.body import BodyReader
from ..transport.call import Call
from .session import Attempt, closed, late

T = TypeVar("T")


class Lifetime:
    """An asynchronous client's: its end cancels whatever is awaited `within` it."""

    def __init__(self) -> None:
        self._life = Call()
        self._scopes: set[anyio.CancelScope] = set()

    @property
    def over(self) -> bool:
        """Whether the client was closed."""
        return self._life.cancelled

    def begin(self, timeout: float | None) -> Call:
        """Begin a call."""
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


class Answer:
    """An answer whose head is there and whose body still comes."""

    def __init__(
        self, attempt: Attempt, response: httpx.Response, call: Call, lifetime: Lifetime
    ) -> None:
        self._attempt = attempt
        self._response = response
        self._call = call
        self._lifetime = lifetime
        self._chunks = response.aiter_raw()
        self.status: int = response.status_code

    async def whole(self) -> Response:
        """Read it to its end."""
        reader = self._attempt.reader(self._response)
        await self._lifetime.within(self._call, self._attempt.url, self._read(reader))
        return self._attempt.response(self._response, reader.finish())

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes and keep nothing of it."""
        reader = self._attempt.reader(self._response)
        while True:
            following = anext(self._chunks, None)
            chunk = await self._lifetime.within(
                self._call, self._attempt.url, following
            )
            if chunk is None:
                return
            yield reader.feed(chunk)
            reader.forget()

    async def close(self) -> None:
        """Close the connection if there is more to come, whoever cancels."""
        with anyio.CancelScope(shield=True):
            await self._response.aclose()
            # httpx's generators are left at a `yield`, which trio complains of: on a
            # closed connection they come to their end.
            with suppress(httpx.HTTPError, httpx.StreamError):
                async for _ in self._chunks:
                    pass

    async def _read(self, reader: BodyReader) -> None:
        async for chunk in self._chunks:
            reader.feed(chunk)
