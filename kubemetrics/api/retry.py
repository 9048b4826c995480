"""When to ask again, and after how long: pure, with its randomness handed in."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from ..errors import KubeMetricsError, TransportError
from ..flow import Flow, Pause, Request, Response
from .status import ok, retry_after, to_error

_AT_ANY_TIME: Final = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
AGGREGATOR_TEXTS: Final = (b"service unavailable", b"error trying to reach service")
"""How kube-aggregator says that an aggregated API is down.

Source: kube-aggregator/pkg/apiserver/handler_proxy.go, which answers in plain text.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long to try again.

    An answer of 429 or 5xx with ``Retry-After`` is repeated after that time, whatever
    the request (client-go rest/with_retry.go). Beyond client-go, an idempotent request
    is repeated with jittered back-off after 502, 503, 504 and a reset, and at once when
    a kept-alive connection turned out to be closed. *attempts* bounds the tries of one
    request, *budget* the seconds spent on them, *longest* a single wait.
    """

    attempts: int = 4
    budget: float = 30.0
    longest: float = 10.0
    first_wait: float = 0.25
    random: Callable[[], float] = random.random

    def after_response(
        self, request: Request, response: Response, tries: int
    ) -> float | None:
        """Return the seconds to wait before the next try, or ``None`` for no more."""
        if is_down(response):
            return None
        overloaded = response.status == HTTPStatus.TOO_MANY_REQUESTS
        if not overloaded and response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return None
        asked = retry_after(response, now=None)
        if asked is not None:
            return asked if asked <= self.longest else None
        if overloaded or response.status in _AT_ANY_TIME:
            return self._backoff(tries) if request.idempotent else None
        return None

    def after_error(
        self, request: Request, error: TransportError, tries: int
    ) -> float | None:
        """Return the seconds to wait before the next try, or ``None`` for no more."""
        if error.reason != "reset" or not request.idempotent:
            return None
        return 0.0 if error.reused and tries == 1 else self._backoff(tries)

    def _backoff(self, tries: int) -> float:
        return self.first_wait * 2.0 ** (tries - 1) * (1.0 + self.random())


def is_down(response: Response) -> bool:
    """Say whether the aggregator reports the API behind it as down."""
    return (
        response.status == HTTPStatus.SERVICE_UNAVAILABLE
        and response.headers.get("content-type", "").startswith("text/plain")
        and response.body.startswith(AGGREGATOR_TEXTS)
    )


def send(request: Request, policy: RetryPolicy) -> Flow[Response]:
    """Send a request, again if need be, and return its 2xx answer.

    Raises:
        ApiError: the last answer was none.
        TransportError: the last try got no answer.
    """
    spent = 0.0
    for tries in range(1, policy.attempts + 1):
        failure: KubeMetricsError
        try:
            response = yield request
        except TransportError as error:
            failure, spent = error, spent + error.elapsed
            wait = policy.after_error(request, error, tries)
        else:
            if ok(response):
                return response
            failure, spent = to_error(response), spent + response.elapsed
            wait = policy.after_response(request, response, tries)
        if wait is None or not _goes_on(policy, tries, spent + wait):
            raise failure
        spent += wait
        if wait:
            yield from _wait(wait, tries, failure)
    raise AssertionError("the last try returns or raises")  # pragma: no cover


def _wait(seconds: float, tries: int, failure: KubeMetricsError) -> Flow[None]:
    """Wait for the next try; where the call has no time for it, say what failed."""
    try:
        yield Pause(seconds, f"try {tries} failed: {failure}")
    except TransportError as error:
        raise (failure if error.reason == "deadline" else error) from None


def _goes_on(policy: RetryPolicy, tries: int, spent: float) -> bool:
    return tries < policy.attempts and spent <= policy.budget
