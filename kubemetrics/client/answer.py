"""An answer that a blocking client has the head of."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from ..flow import Response
from ..transport.call import Call
from .session import Attempt


class Answer:
    """An answer whose head is there and whose body still comes."""

    def __init__(self, attempt: Attempt, response: httpx.Response, call: Call) -> None:
        self._attempt = attempt
        self._response = response
        self._call = call
        self.status: int = response.status_code

    def whole(self) -> Response:
        """Read it to its end."""
        reader = self._attempt.reader(self._response)
        for chunk in self._chunks():
            reader.feed(chunk)
        return self._attempt.response(self._response, reader.finish())

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it comes and keep nothing of it."""
        reader = self._attempt.reader(self._response)
        for chunk in self._chunks():
            yield reader.feed(chunk)
            reader.forget()

    def _chunks(self) -> Iterator[bytes]:
        chunks = self._response.iter_raw()
        while True:
            with self._call.exchange():
                chunk = next(chunks, None)
            if chunk is None:
                return
            self._attempt.check()
            yield chunk
