"""What the command writes to: stdout and stderr, also broken ones, and a terminal."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TextIO

from .errors import ConfigError, KubeMetricsError, MetricsUnavailable
from .text import printable

if TYPE_CHECKING:
    import logging

    from .api import Progress

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


class Terminal(NamedTuple):
    """stdout as it is: *width* in cells, or ``None`` where it is no terminal."""

    width: int | None
    height: int
    colour: bool


def terminal(color: str) -> Terminal:
    """Look at stdout and the environment; *color* is auto, always or never.

    Source of NO_COLOR: no-color.org, "present and not an empty string".
    """
    tty = sys.stdout.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    wanted = color == "always" or (color == "auto" and tty and not plain)
    size = shutil.get_terminal_size()
    return Terminal(size.columns if tty else None, size.lines, wanted)


# How far a long list is, on stderr, for a person who waits.


_CELLS: Final = 30
_CLEAR: Final = "\r\x1b[K"


class Bar:
    """Draws a bar where the total is known, a count where it is not.

    It draws nothing for a list that comes in one page, and leaves nothing behind.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._drawn = False

    @classmethod
    def for_(cls, clusters: Sequence[object]) -> Self:
        """Return a bar on stderr: for one cluster, and only on a terminal."""
        alone = len(clusters) == 1
        return cls(sys.stderr if alone and sys.stderr.isatty() else None)

    @property
    def progress(self) -> Progress | None:
        """What a list is to tell its progress."""
        return None if self._stream is None else self._draw

    def _draw(self, count: int, total: int | None) -> None:
        stream = self._stream
        if stream is None or (count == total and not self._drawn):
            return
        attempt(stream, (f"{_CLEAR}{line(count, total)}",))
        self._drawn = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._stream is not None and self._drawn:
            attempt(self._stream, (_CLEAR,))


def line(count: int, total: int | None) -> str:
    """Return what is drawn."""
    if not total:
        return f"{count} pods"
    done = min(count * _CELLS // total, _CELLS)
    return f"[{'#' * done}{' ' * (_CELLS - done)}] {count} of {total} pods"


@contextmanager
def log_shown(verbosity: int) -> Generator[None, None, None]:
    """Show requests and timings (1), and when and where they were (2 and more)."""
    import logging  # noqa: PLC0415 - for -v only

    handler = _log_handler(timed=verbosity > 1)
    logger = logging.getLogger("kubemetrics")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


def _log_handler(*, timed: bool) -> logging.Handler:
    """Return a handler that writes a line a record to stderr, harmless for a terminal.

    *timed*: with when it was (milliseconds since the start) and in which thread.
    """
    import logging  # noqa: PLC0415 - for -v only

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            when = f"{record.relativeCreated:7.0f} ms {record.threadName}: "
            line = printable(record.getMessage())
            tell(f"{when if timed else ''}{line}\n")

    return Lines()
