"""Calls in daemon threads: results in order, and the error of the call that failed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import pytest

from kubemetrics.client.sync import BackgroundCall, side_by_side

_HANG = 30.0
"""Seconds; only a hang waits so long."""


def failing(error: Exception) -> NoReturn:
    raise error


def test_results_come_in_the_order_of_the_calls() -> None:
    second = threading.Event()

    def first() -> str:
        assert second.wait(_HANG)
        return "first"

    def last() -> str:
        second.set()
        return "last"

    assert side_by_side([first, last]) == ["first", "last"]


def test_one_call_runs_in_the_callers_own_thread() -> None:
    assert side_by_side([threading.get_ident]) == [threading.get_ident()]


def test_no_call_is_no_result() -> None:
    nothing: list[Callable[[], int]] = []
    assert side_by_side(nothing) == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_error_of_any_kind_in_one_of_several_calls_is_that_error(
    place: int,
) -> None:
    error = RuntimeError("not foreseen")
    calls: list[Callable[[], int]] = [lambda: 1, lambda: 2]
    calls.insert(place, partial(failing, error))
    with pytest.raises(RuntimeError) as caught:
        side_by_side(calls)
    assert caught.value is error


def test_nothing_more_is_begun_after_an_error_and_what_runs_is_stopped() -> None:
    begun: list[int] = []
    stopped = threading.Event()
    running = threading.Event()

    def runs() -> None:
        running.set()
        assert stopped.wait(_HANG)

    def fails() -> None:
        assert running.wait(_HANG)
        raise ValueError("broken")

    later: list[Callable[[], None]] = [
        partial(begun.append, number) for number in range(10)
    ]
    with pytest.raises(ValueError, match="broken"):
        side_by_side([runs, fails, *later], limit=2, stop=stopped.set)
    assert begun == []


def test_no_more_than_the_limit_run_at_once() -> None:
    used = side_by_side([threading.get_ident] * 40, limit=3)
    assert len(set(used)) <= 3


def test_who_does_not_wait_long_enough_gets_a_time_out_and_the_result_later() -> None:
    go = threading.Event()
    call = BackgroundCall(lambda: go.wait(_HANG))
    with pytest.raises(TimeoutError):
        call.result(0.0)
    go.set()
    assert call.result(_HANG) is True


def test_the_error_of_a_background_call_is_raised_where_its_result_is_read() -> None:
    error = OSError("no such plugin")
    with pytest.raises(OSError, match="no such plugin") as caught:
        BackgroundCall(partial(failing, error)).result(_HANG)
    assert caught.value is error
