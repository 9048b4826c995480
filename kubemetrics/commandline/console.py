"""Both streams of the command: what is written, and what comes of a broken one."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterable
from typing import Final, TextIO

from ..errors import ConfigError, KubeMetricsError, MetricsUnavailable
from ..text import printable

_UNWRITTEN: Final = 1
"""The exit code of a command that went well and whose output is lost."""


def program() -> str:
    """Return the name to show: ``kubectl metrics`` as a plugin of kubectl."""
    called = os.path.basename(sys.argv[0]) if sys.argv else ""  # noqa: PTH119
    return "kubectl metrics" if called.startswith("kubectl-metrics") else "kubemetrics"


def prepare() -> None:
    """Never fail on a character that the encoding lacks, nor on a closed stream.

    Python has ``None`` for one that was closed (``>&-``), whose file descriptor no
    socket may get. What is said on stderr is then not wanted; a write to stdout fails.
    """
    sys.stdout = sys.stdout or _opened(os.O_RDONLY)
    sys.stderr = sys.stderr or _opened(os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _opened(mode: int) -> io.TextIOWrapper:
    return open(os.open(os.devnull, mode), "w", encoding="utf-8")  # noqa: PTH123


def complain(line: str) -> None:
    """Write one line for people, with whatever a server put into it made harmless."""
    tell(f"{printable(line)}\n")


def tell(text: str) -> None:
    """Write *text* on stderr; where that fails the verdict is the same without it."""
    attempt(sys.stderr, (text,))


def put(texts: Iterable[str] | bytes, code: int = 0) -> int:
    """Write *texts* to stdout, after the verdict *code*; return the exit code."""
    return settle(code, attempt(sys.stdout, texts))


def settle(code: int, failure: OSError | None) -> int:
    """Return the exit code of a command that ended with *code*, and say what failed.

    A reader that has had enough is no failure. Output that is lost is one, and one that
    yields to a verdict that says more.
    """
    if failure is None or isinstance(failure, BrokenPipeError):
        return code
    closed = failure.errno == errno.EBADF
    why = "stdout is closed" if closed else failure.strerror
    complain(f"error: cannot write the output: {why}")
    return code or _UNWRITTEN


def attempt(stream: TextIO, texts: Iterable[str] | bytes) -> OSError | None:
    """Write and flush; return what failed, after which the stream leads nowhere."""
    try:
        if isinstance(texts, bytes):
            stream.buffer.write(texts)
        else:
            stream.writelines(texts)
        stream.flush()
    except OSError as error:
        abandon(stream)
        return error
    return None


def warn(text: str) -> None:
    """Show a ``Warning`` header of the server, as kubectl does."""
    complain(f"Warning: {text}")


def fail(error: KubeMetricsError) -> int:
    """Show *error* as one line and return its exit code."""
    complain(f"error: {error}")
    return exit_code(error)


def exit_code(error: KubeMetricsError) -> int:
    """Return the exit code that stands for *error*."""
    if isinstance(error, MetricsUnavailable):
        return 3
    return 2 if isinstance(error, ConfigError) else 1


def abandon(stream: TextIO) -> None:
    """Let what is left in the buffer go nowhere, also in the interpreter's last flush.

    That would end in Python's own exit code, 120.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
