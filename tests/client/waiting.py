"""Waiting for what happens in another thread or task."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import anyio

from kubemetrics.flow import Flow, Pause

WATCHDOG: Final = 30.0
"""Seconds, for what does not take any: only a test that hangs comes to know them."""

NEVER: Final = 3600.0
"""Seconds, for a wait that something else has to end."""


def settled(done: Callable[[], bool]) -> bool:
    """Wait for something to be true; say whether it came to be."""
    end = time.monotonic() + WATCHDOG
    while not done() and time.monotonic() < end:
        time.sleep(0.002)
    return done()


async def until(done: Callable[[], bool]) -> None:
    """Wait for something to be true, beside other tasks."""
    with anyio.fail_after(WATCHDOG):
        while not done():  # noqa: ASYNC110 - it is another thread's to become true
            await anyio.sleep(0.002)


def paused(seconds: float) -> Flow[None]:
    """Wait, as a flow of its own."""
    yield Pause(seconds)
