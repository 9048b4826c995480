"""Sending a request and repeating it: when, and after how long."""

from __future__ import annotations

import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from ..errors import KubeMetricsError, TransportError
from ..flow import Flow, Pause, Request, Response
from ..frozen import dataclass

# ruff: noqa: PLC0415 - an answer that says no is read by a module of its own

_AT_ANY_TIME: Final = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long to try again; all times are in seconds.

    An answer of 429 or 5xx with ``Retry-After`` is repeated after that time, whatever
    the request (client-go rest/with_retry.go). Beyond client-go, an idempotent request
    is repeated with jittered back-off after 502, 503, 504 and a reset, and at once when
    a kept-alive connection turned out to be closed. *attempts* bounds the tries of one
    request, *budget* the time spent on them: a ``Retry-After`` beyond it is not waited
    for.

    A watch that fails is begun again after *watch_first_wait*, doubled each time up to
    *watch_longest* and forgotten after *watch_reset* without a failure (client-go
    tools/cache/reflector.go).
    """

    attempts: int = 4
    budget: float = 30.0
    first_wait: float = 0.25
    watch_first_wait: float = 0.8
    watch_longest: float = 30.0
    watch_reset: float = 120.0
    random: Callable[[], float] = random.random

    def after_response(
        self, request: Request, response: Response, tries: int
    ) -> float | None:
        """Return the seconds to wait before the next try, or ``None`` for no more."""
        from .answers import is_down, retry_after

        if is_down(response):
            return None
        overloaded = response.status == HTTPStatus.TOO_MANY_REQUESTS
        if not overloaded and response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return None
        asked = retry_after(response)
        if asked is not None:
            return max(asked, self._wait(tries))
        if overloaded or response.status in _AT_ANY_TIME:
            return self._wait(tries) if request.idempotent else None
        return None

    def after_error(
        self, request: Request, error: TransportError, tries: int
    ) -> float | None:
        """Return the seconds to wait before the next try, or ``None`` for no more."""
        if error.reason != "reset" or not request.idempotent:
            return None
        return 0.0 if error.reused else self._wait(tries)

    def _wait(self, tries: int) -> float:
        return self.first_wait * 2.0 ** (tries - 1) * (1.0 + self.random())


class Backoff:
    """The waits of one watch, longer each time it fails."""

    def __init__(self, policy: RetryPolicy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._failures = 0
        self._last = 0.0

    def next(self, *, at_least: float = 0.0) -> float:
        """Return the seconds to wait now; *at_least* is what the server asks for."""
        policy, now = self._policy, self._clock()
        if now - self._last > policy.watch_reset:
            self._failures = 0
        wait = policy.watch_first_wait * 2.0 ** min(self._failures, 32)
        self._failures += 1
        self._last = now
        return min(max(wait * (1.0 + policy.random()), at_least), policy.watch_longest)


def ok(status: int) -> bool:
    """Return whether *status* is a 2xx."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def send(
    request: Request,
    policy: RetryPolicy,
    on_response: Callable[[Response], None] = lambda _: None,
) -> Flow[Response]:
    """Send a request, again if need be, and return its 2xx answer.

    *on_response* is called with every answer.

    Raises:
        ApiError: the last answer was none.
        TransportError: the last try got no answer.
    """
    spent, tries = 0.0, 0
    while True:
        tries += 1
        failure: KubeMetricsError
        try:
            response = yield request
        except TransportError as error:
            failure, spent = error, spent + error.elapsed
            wait = policy.after_error(request, error, tries)
        else:
            on_response(response)
            if ok(response.status):
                return response
            from .answers import error_from_response

            failure, spent = error_from_response(response), spent + response.elapsed
            wait = policy.after_response(request, response, tries)
        spent += wait or 0.0
        if wait is None or tries >= policy.attempts or spent > policy.budget:
            raise failure
        yield from _wait(wait, tries, failure)


def _wait(seconds: float, tries: int, failure: KubeMetricsError) -> Flow[None]:
    """Wait for the next try; where the call has no time for it, say what failed."""
    try:
        yield Pause(seconds, f"try {tries} failed: {failure}")
    except TransportError as error:
        raise (failure if error.reason == "deadline" else error) from None
