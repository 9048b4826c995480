"""What a test leaves behind: processes, threads, descriptors, tasks, temporary files.

The baseline is taken when the fixtures of wider scopes stand and before those of the
test; what is more once these are gone is left behind. Ends that take a moment, such as
a server's that sees its client close, are waited for: the bound only ends a hang.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

_WATCHDOG: Final = 30.0
_PAUSE: Final = 0.001
_DESCRIPTORS: Final = Path("/proc/self/fd")
_COUNTED: Final = ("socket:", "pipe:", "anon_inode:")
_POOLED: Final = ("Trio thread ",)
"""Names of threads that a library keeps for its next work: trio's, for ten seconds."""

Thing = str | threading.Thread


def find() -> set[Thing]:
    """Return all that is there now."""
    return {*_processes(), *running_threads(), *_descriptors(), *_tasks(), *_files()}


def _processes() -> Iterator[str]:
    """Name every child, a zombie too; Linux knows of them thread by thread."""
    if not hasattr(os, "waitid"):
        return
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return
    for children in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            yield from (f"process {pid}" for pid in children.read_text().split())


def running_threads() -> Iterator[threading.Thread]:
    """Yield the threads that work, not what a library keeps for its next work."""
    for thread in threading.enumerate():
        if not thread.name.startswith(_POOLED):
            yield thread


def _descriptors() -> Iterator[str]:
    """Name sockets, pipes and event loops by what the system calls them."""
    if not _DESCRIPTORS.exists():
        return
    for number in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - cheaper, and so often
        with suppress(OSError):  # that of the listing itself
            target = os.readlink(f"{_DESCRIPTORS}/{number}")  # noqa: PTH115
            if target.startswith(_COUNTED):
                yield f"{target} as {number}"


def _tasks() -> Iterator[str]:
    """Name asyncio's tasks that are not done, where this Python lets one look."""
    tasks = sys.modules.get("asyncio.tasks")
    for name in ("_scheduled_tasks", "_all_tasks"):
        for task in list(getattr(tasks, name, ())):
            if not task.done():
                yield f"task {task.get_name()}: {task.get_coro()}"


def _files() -> Iterator[str]:
    for name in os.listdir(tempfile.gettempdir()):  # noqa: PTH208
        yield f"temporary file {name}"


class Ledger:
    """What was there before a test, and may be there after it."""

    def __init__(self) -> None:
        self._before = find()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Let what begins in here stay: it is of a wider scope than the test."""
        before = find()
        yield
        self._before |= find() - before

    def left(self, seconds: float = _WATCHDOG) -> list[str]:
        """Return what is left behind for good."""
        end = time.monotonic() + seconds
        while (more := find() - self._before) and time.monotonic() < end:
            time.sleep(_PAUSE)
        return sorted(map(str, more))


_CURRENT: Final[list[Ledger]] = []


@contextmanager
def ledger() -> Iterator[Ledger]:
    """Take the baseline of a test."""
    _CURRENT.append(Ledger())
    try:
        yield _CURRENT[-1]
    finally:
        _CURRENT.pop()


@contextmanager
def kept() -> Iterator[None]:
    """Let what begins in here outlive the test that happens to be the first to ask."""
    with _CURRENT[-1].kept() if _CURRENT else nullcontext():
        yield


def folder_of_its_own() -> tempfile.TemporaryDirectory[str]:
    """Give this process a folder for temporary files that nobody else writes to.

    pytest's own stay where they were, to be found after a failure.
    """
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    folder = tempfile.TemporaryDirectory(prefix="kubemetrics-tests-")
    tempfile.tempdir = os.environ["TMPDIR"] = folder.name
    return folder
