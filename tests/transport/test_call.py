"""The time of a call, and what wakes who waits in it."""

from __future__ import annotations

import gc
import threading

import pytest

from kubemetrics.transport.network import Call, Deadline, RequestContext, WaitLimit

from .sending import WATCHDOG


class Sleeper:
    """Counts how often it is woken."""

    woken = 0

    def wake(self) -> None:
        self.woken += 1


def test_without_a_limit_nothing_is_cut() -> None:
    call = Call()
    assert call.remaining() is None
    assert call.clamp(5.0) == 5.0
    assert call.clamp(None) is None
    assert not call.over


@pytest.mark.parametrize("timeout", [10**400, float("inf")])
def test_a_limit_may_be_as_long_as_any(timeout: float) -> None:
    assert not Call(timeout).over
    assert Call(timeout).clamp(5.0) == 5.0


def test_waits_are_cut_to_what_is_left() -> None:
    call = Call(10.0)
    cut = call.clamp(60.0)
    assert cut is not None
    assert 0.0 <= cut <= 10.0
    assert call.clamp(None) is not None


def test_a_call_that_is_over_has_no_time_left() -> None:
    call = Call(0.0)
    assert call.over
    assert call.remaining() == 0.0
    assert call.clamp(60.0) == 0.0


@pytest.mark.parametrize(
    ("whole", "part", "shorter"),
    [
        (None, None, None),
        (None, 5.0, 5.0),
        (5.0, None, 5.0),
        (5.0, 9.0, 5.0),
        (9.0, 5.0, 5.0),
    ],
)
def test_a_part_ends_with_the_whole(
    whole: float | None, part: float | None, shorter: float | None
) -> None:
    branch = Call(whole).branch(part)
    assert branch.timeout == shorter
    left = branch.remaining()
    assert left == shorter or (shorter and left and left <= shorter)


def test_cancelling_reaches_every_part_and_no_other() -> None:
    whole = Call()
    parts = [whole.branch(), whole.branch()]
    below = parts[0].branch()
    parts[0].cancel()
    assert (below.cancelled, parts[1].cancelled, whole.cancelled) == (
        True,
        False,
        False,
    )
    whole.cancel()
    assert parts[1].cancelled
    assert whole.branch().cancelled


def test_parts_are_not_kept() -> None:
    whole = Call()
    for _ in range(100):
        whole.branch()
    gc.collect()
    assert len(whole._branches) == 0


def test_cancelling_ends_a_wait() -> None:
    call = Call()
    waiter = threading.Thread(target=call.wait, args=(3600,), daemon=True)
    waiter.start()
    call.cancel()
    waiter.join(WATCHDOG)
    assert not waiter.is_alive()


def test_who_left_is_not_woken_and_who_comes_too_late_is_at_once() -> None:
    call, there, gone, late = Call(), Sleeper(), Sleeper(), Sleeper()
    call.enter(there)
    call.enter(gone)
    call.leave(gone)
    call.cancel()
    call.enter(late)
    assert (there.woken, gone.woken, late.woken) == (1, 0, 1)


def test_a_limit_of_a_call_that_is_over_allows_no_wait() -> None:
    call = Call()
    limit = RequestContext(call).limit(None)
    assert limit.left() is None
    call.cancel()
    with pytest.raises(TimeoutError):
        limit.left()


def test_a_limit_is_what_httpcore_takes_for_a_time_out() -> None:
    limit = RequestContext(Call()).limit(5.0)
    assert isinstance(limit, float)
    assert limit == 5.0
    assert limit.left() == 5.0


def test_several_waits_share_a_deadline_and_the_call_ends_it() -> None:
    call = Call()
    until = Deadline(RequestContext(call).limit(3600.0))
    first, second = until.left(), until.left()
    assert first is not None
    assert second is not None
    assert second <= first <= 3600.0
    call.cancel()
    with pytest.raises(TimeoutError):
        until.left()


def test_without_a_limit_of_ours_a_wait_has_none() -> None:
    assert Deadline(None).left() is None
    assert isinstance(Deadline(5.0).limit(), WaitLimit)
