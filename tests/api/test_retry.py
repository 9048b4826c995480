"""When a request is sent again, and after how long."""

from __future__ import annotations

import pytest

from kubemetrics.api.exchange import Backoff, RetryPolicy, send
from kubemetrics.errors import (
    ApiError,
    InternalError,
    KubeMetricsError,
    ServiceUnavailable,
    TooManyRequests,
    TransportError,
    TransportReason,
)
from kubemetrics.flow import Pause, Request, Response

from .playing import Play, answer, broken, in_turn, status, text

GET = Request(path="/api/v1/pods")
POST = Request(path="/reviews", method="POST", body=b"{}")
OK = answer(200, {})
LASTING: tuple[TransportReason, ...] = (
    "refused", "dns", "tls", "proxy", "timeout", "deadline", "protocol", "closed",
    "limit",
)  # fmt: skip
STEADY = RetryPolicy(random=lambda: 0.0)
DOWN = "service unavailable\n"
DIALLING = "error trying to reach service: dial tcp 10.0.0.1:4443: i/o timeout\n"


def attempt(
    *answers: Response | KubeMetricsError,
    request: Request = GET,
    policy: RetryPolicy = STEADY,
) -> tuple[Response | KubeMetricsError, Play]:
    play = Play(in_turn(answers))
    try:
        return play.run(send(request, policy)), play
    except KubeMetricsError as error:
        return error, play


def after(seconds: str, code: int = 429) -> Response:
    return text(code, "later\n", {"retry-after": seconds})


@pytest.mark.parametrize(
    ("first", "waits"),
    [
        (broken("reset"), [0.25]),
        (broken("reset", reused=True), [0.0]),
        (text(502, "bad gateway"), [0.25]),
        (text(503, "upstream connect error"), [0.25]),
        (status(503, "ServiceUnavailable"), [0.25]),
        (text(504, "timeout"), [0.25]),
        (text(429, "too many"), [0.25]),
        (after("3"), [3.0]),
        (after("0"), [0.25]),
        (after("2", 500), [2.0]),
        (after("Mon, 23 Nov 2026 02:59:50 GMT"), [2.0]),
        (after("Mon, 23 Nov 2026 02:00:00 GMT"), [0.25]),
        (after("soon"), [0.25]),
    ],
)
def test_what_may_pass_is_asked_again(
    first: Response | KubeMetricsError, waits: list[float]
) -> None:
    result, play = attempt(first, OK)
    assert result is OK
    assert play.waits == waits
    assert play.requests == [GET, GET]


@pytest.mark.parametrize(
    "first",
    [
        *(broken(reason) for reason in LASTING),
        *(status(code, "") for code in (400, 401, 403, 404, 405, 409, 410, 422)),
        status(500, "InternalError"),
        answer(302, b"", headers={"location": "https://elsewhere/"}),
        text(503, DOWN),
        text(503, DIALLING),
        after("31"),
    ],
)
def test_what_will_not_pass_is_an_error_at_once(
    first: Response | KubeMetricsError,
) -> None:
    result, play = attempt(first, OK)
    assert isinstance(result, KubeMetricsError)
    assert len(play.requests) == 1
    assert play.pauses == []


@pytest.mark.parametrize(
    ("first", "tries"),
    [
        (broken("reset"), 1),
        (broken("reset", reused=True), 1),
        (text(503, "upstream connect error"), 1),
        (text(429, "too many"), 1),
        (after("1"), 2),  # the server says that it did not act on it
    ],
)
def test_what_is_not_idempotent_is_sent_again_only_where_the_server_asks(
    first: Response | KubeMetricsError, tries: int
) -> None:
    _, play = attempt(first, OK, request=POST)
    assert len(play.requests) == tries


def test_the_waits_grow_and_the_tries_end() -> None:
    result, play = attempt(*[text(503, "no")] * 9)
    assert isinstance(result, ServiceUnavailable)
    assert play.waits == [0.25, 0.5, 1.0]
    assert len(play.requests) == STEADY.attempts


def test_the_waits_are_jittered() -> None:
    _, play = attempt(*[text(503, "no")] * 9, policy=RetryPolicy(random=lambda: 0.5))
    assert play.waits == [0.375, 0.75, 1.5]


def test_the_time_of_all_tries_is_bounded() -> None:
    slow = answer(503, b"no", elapsed=16.0)
    result, play = attempt(slow, slow, slow)
    assert isinstance(result, ServiceUnavailable)
    assert len(play.requests) == 2


def test_a_call_without_time_to_wait_says_what_failed() -> None:
    flow = send(GET, STEADY)
    next(flow)
    pause = flow.send(after("7"))
    assert isinstance(pause, Pause)
    assert "try 1 failed" in pause.why
    with pytest.raises(TooManyRequests, match="asks to wait 7 s"):
        flow.throw(broken("deadline"))


def test_a_client_closed_while_waiting_says_so() -> None:
    flow = send(GET, STEADY)
    next(flow)
    flow.send(after("7"))
    with pytest.raises(TransportError) as caught:
        flow.throw(broken("closed"))
    assert caught.value.reason == "closed"


@pytest.mark.parametrize("reason", ["refused", "reset"])
def test_the_last_error_is_the_one_that_is_raised(reason: TransportReason) -> None:
    result, _ = attempt(text(502, "bad"), broken(reason), status(500, "InternalError"))
    expected = TransportError if reason == "refused" else InternalError
    assert isinstance(result, expected)


def test_every_answer_is_heard() -> None:
    heard: list[int] = []
    play = Play(in_turn([text(503, "no"), OK]))
    play.run(send(GET, STEADY, lambda response: heard.append(response.status)))
    assert heard == [503, 200]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_watch_waits_twice_as_long_each_time_up_to_half_a_minute() -> None:
    backoff = Backoff(STEADY, Clock())
    waits = [backoff.next() for _ in range(7)]
    assert waits == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0])


def test_a_watch_forgets_its_failures_after_two_good_minutes() -> None:
    clock = Clock()
    backoff = Backoff(STEADY, clock)
    backoff.next()
    backoff.next()
    clock.now += 120.0
    assert backoff.next() == pytest.approx(3.2)
    clock.now += 120.1
    assert backoff.next() == pytest.approx(0.8)


def test_a_watch_waits_as_long_as_the_server_asks_within_reason() -> None:
    backoff = Backoff(STEADY, Clock())
    assert backoff.next(at_least=5.0) == 5.0
    assert backoff.next(at_least=500.0) == 30.0


def test_failing_for_days_overflows_nothing() -> None:
    backoff = Backoff(STEADY, Clock())
    assert [backoff.next() for _ in range(5000)][-1] == 30.0


def test_an_error_is_an_api_error_whatever_the_status() -> None:
    result, _ = attempt(text(418, "I'm a teapot"))
    assert type(result) is ApiError
