"""Calls in daemon threads: the process ends without waiting for any of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundCall(Generic[T]):
    """One call, begun at once in a daemon thread of its own."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._results: list[T] = []
        self._errors: list[Exception] = []
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def result(self, timeout: float | None = None) -> T:
        """Wait for its result, at most *timeout* seconds.

        Raises:
            TimeoutError: it has not ended; it goes on.
            Exception: what the call raised.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self._results.append(call())
        except Exception as error:  # noqa: BLE001 - raised where the result is read
            self._errors.append(error)


def side_by_side(
    calls: Sequence[Callable[[], T]],
    *,
    limit: int | None = None,
    stop: Callable[[], None] = lambda: None,
) -> list[T]:
    """Run *calls* at once, *limit* at a time, and return their results in order.

    The caller's thread takes its share, so that one call needs no other thread. The
    first error ends it: *stop* is called to end what runs, nothing more is begun, and
    the error is raised once all threads are back. *stop* is called after Ctrl-C too,
    where nobody is waited for.

    Raises:
        Exception: what the first call that failed raised.
    """
    waiting = deque(enumerate(calls))
    results: dict[int, T] = {}
    errors: list[Exception] = []

    def work() -> None:
        while not errors and (following := _next(waiting)) is not None:
            index, call = following
            try:
                results[index] = call()
            except Exception as error:  # noqa: BLE001 - raised where all meet
                errors.append(error)
                stop()

    count = min(len(calls), limit or len(calls)) - 1
    helpers = [BackgroundCall(work) for _ in range(count)]
    try:
        work()
        for helper in helpers:
            helper.result()
    finally:
        stop()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(calls))]


def _next(waiting: deque[T]) -> T | None:
    """Return the next one, or nothing; other threads take from there too."""
    try:
        return waiting.popleft()
    except IndexError:
        return None
