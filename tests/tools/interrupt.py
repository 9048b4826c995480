"""Processes that Ctrl-C is pressed on, however the suite itself was started."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import AnyStr, Final

HANG: Final = 45
"""Seconds; fewer than the minute after which a silent server is given up."""


@contextmanager
def interruptible() -> Generator[None]:
    """Have processes that are started in here begin with the usual signals.

    A shell starts what runs in its background with SIGINT ignored, nohup what it runs
    with SIGHUP, and so would be all that these start: a signal that is handled is reset
    to its default when another program is executed, one that is ignored stays so.
    """
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, _handled),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handled(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal, so that another program begins with its default."""


def interrupt(process: subprocess.Popen[AnyStr]) -> tuple[AnyStr, AnyStr]:
    """Press Ctrl-C, and return what is then written until the process has ended."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=HANG)
    finally:
        process.kill()
