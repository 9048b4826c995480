"""The time of a call, and what wakes who waits in it."""

from __future__ import annotations

import gc
import socket
import threading

import pytest

from kubemetrics.transport.deadline import Call, PlainSocket, clamped, current


def test_without_a_limit_nothing_is_cut() -> None:
    call = Call()
    assert call.remaining() is None
    assert call.clamp(5.0) == 5.0
    assert call.clamp(None) is None
    assert not call.over


def test_waits_are_cut_to_what_is_left() -> None:
    call = Call(10.0)
    cut = call.clamp(60.0)
    assert cut is not None
    assert 9.0 < cut <= 10.0
    assert call.clamp(1.0) == 1.0
    assert call.clamp(None) is not None


def test_a_call_that_is_over_waits_as_short_as_can_be() -> None:
    call = Call(0.0)
    assert call.over
    assert call.remaining() == 0.0
    assert call.clamp(60.0) == pytest.approx(0.001)


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
    assert left == shorter or (shorter and left and shorter - 1 < left <= shorter)


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
    waiter.join(60)
    assert not waiter.is_alive()


def test_cancelling_wakes_who_reads() -> None:
    call, (ours, theirs) = Call(), socket.socketpair()
    threading.Timer(0.05, call.cancel).start()
    with ours, theirs, call.exchange():
        PlainSocket.adopt(ours)
        ours.settimeout(60)
        assert ours.recv(1) == b""


def test_a_plain_socket_waits_no_longer_than_its_call() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        PlainSocket.adopt(ours)
        assert isinstance(ours, PlainSocket)
        with Call(0.05).exchange():
            ours.settimeout(60)
            waits = ours.gettimeout()
            with pytest.raises(TimeoutError):
                ours.recv(1)
        assert waits is not None
        assert waits <= 0.05
        ours.settimeout(10)
        assert ours.gettimeout() == 10


def test_what_is_no_plain_socket_stays_what_it_is() -> None:
    PlainSocket.adopt(None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        PlainSocket.adopt(ours)
        PlainSocket.adopt(ours)
        assert type(ours) is PlainSocket


def test_outside_of_a_call_nothing_is_cut() -> None:
    assert current.get() is None
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert clamped(ours, 7.0) == 7.0


def test_each_thread_waits_on_a_socket_of_its_own() -> None:
    call = Call()
    ours, theirs = socket.socketpair()
    entered = threading.Event()
    done = threading.Event()

    def other() -> None:
        with call.exchange():
            clamped(theirs, None)
            entered.set()
            done.wait(5)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(5)
    with ours, theirs:
        with call.exchange():
            clamped(ours, None)
        assert list(call._waiting.values()) == [theirs]
        done.set()
        thread.join()
        assert call._waiting == {}
