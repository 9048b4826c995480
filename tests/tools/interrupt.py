"""Processes that Ctrl-C is pressed on, however the suite itself was started."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from typing import AnyStr, Final

HANG: Final = 45
"""Seconds; fewer than the minute after which a silent server is given up."""


@contextmanager
def interruptible() -> Generator[None]:
    """Have processes that are started in here begin with the usual SIGINT.

    A shell starts what runs in its background, and nohup what it runs, with SIGINT
    ignored, and so would be all that these start: a signal that is handled is reset
    to its default when another program is executed, one that is ignored stays so.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def interrupt(process: subprocess.Popen[AnyStr]) -> tuple[AnyStr, AnyStr]:
    """Press Ctrl-C, and return what is then written until the process has ended."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=HANG)
    finally:
        process.kill()
