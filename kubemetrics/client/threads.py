"""Work in threads that nobody has to wait for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # a part of the start-up time, which few callers need
    from concurrent.futures import Future

T = TypeVar("T")


def next_of(waiting: deque[T]) -> T | None:
    """Take the next one, whoever else takes from there too."""
    try:
        return waiting.popleft()
    except IndexError:
        return None


def aside(work: Callable[[], T]) -> Future[T]:
    """Run *work* in a thread that nobody has to wait for."""
    from concurrent.futures import Future  # noqa: PLC0415 - see above

    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
