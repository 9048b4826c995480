"""stdout, stderr and the terminal: writing, exit codes, progress and the log of -v."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TextIO

from .errors import ConfigError, HistoryError, KubeMetricsError, MetricsUnavailable
from .text import bounded, counted, printable

if TYPE_CHECKING:
    import logging

    from .api import Progress

_UNWRITTEN: Final = 1
"""The exit code of a command that went well and whose output is lost."""


def program() -> str:
    """Return the name to show: ``kubectl metrics`` as a plugin of kubectl."""
    called = os.path.basename(sys.argv[0]) if sys.argv else ""  # noqa: PTH119
    return "kubectl metrics" if called.startswith("kubectl-metrics") else "kubemetrics"


def prepare_streams() -> None:
    """Make stdout and stderr writable: any character, and also a closed stream.

    A character that the encoding lacks is escaped. Python has ``None`` for a stream
    that was closed (``>&-``), whose file descriptor no socket may get: what is written
    to such a stderr is dropped, a write to such a stdout fails.
    """
    sys.stdout = sys.stdout or _opened(os.O_RDONLY)
    sys.stderr = sys.stderr or _opened(os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _opened(mode: int) -> io.TextIOWrapper:
    return open(os.open(os.devnull, mode), "w", encoding="utf-8")  # noqa: PTH123


def print_stderr(line: str) -> None:
    """Write one line for people to stderr, harmless whatever a server put into it.

    It is short whatever was typed: a value that is long is cut.
    """
    write_stderr(f"{bounded(printable(line))}\n")


def write_stderr(text: str) -> None:
    """Write *text* to stderr; an error in that changes no exit code."""
    write(sys.stderr, (text,))


def write_stdout(texts: Iterable[str] | bytes, code: int = 0) -> int:
    """Write *texts* to stdout; return the exit code of a command that got to *code*."""
    return final_code(code, write(sys.stdout, texts))


def final_code(code: int, failure: OSError | None) -> int:
    """Return the exit code after *code* and a *failure* to write, which is reported.

    A reader that closed the pipe is no failure. Lost output is 1, unless *code* is
    already another error's.
    """
    if failure is None or isinstance(failure, BrokenPipeError):
        return code
    closed = failure.errno == errno.EBADF
    why = "stdout is closed" if closed else failure.strerror
    print_stderr(f"error: cannot write the output: {why}")
    return code or _UNWRITTEN


def write(stream: TextIO, texts: Iterable[str] | bytes) -> OSError | None:
    """Write and flush; after an error, which is returned, the stream is discarded."""
    try:
        if isinstance(texts, bytes):
            stream.buffer.write(texts)
        else:
            stream.writelines(texts)
        stream.flush()
    except OSError as error:
        discard(stream)
        return error
    return None


def print_warning(text: str) -> None:
    """Print the text of a server's ``Warning`` header, as kubectl does."""
    print_stderr(f"Warning: {text}")


def print_error(error: KubeMetricsError) -> int:
    """Print *error* as one line; return its exit code."""
    print_stderr(f"error: {error}")
    return exit_code(error)


def exit_code(error: KubeMetricsError) -> int:
    """Return the exit code that stands for *error*."""
    if isinstance(error, MetricsUnavailable):
        return 3
    return 2 if isinstance(error, ConfigError | HistoryError) else 1


def discard(stream: TextIO) -> None:
    """Point the stream's file descriptor at the null device.

    The interpreter's last flush of the buffer would fail again, with Python's own exit
    code 120.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError):
        os.dup2(null, stream.fileno())
    os.close(null)


class Terminal(NamedTuple):
    """The size of stdout in cells (*width* ``None``: no terminal) and use of colour."""

    width: int | None
    height: int
    colour: bool


def terminal(color: str) -> Terminal:
    """Return what stdout is, by the environment too; *color*: auto, always or never.

    Source of NO_COLOR: no-color.org, "present and not an empty string".
    """
    tty = sys.stdout.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    wanted = color == "always" or (color == "auto" and tty and not plain)
    from shutil import get_terminal_size  # noqa: PLC0415 - not for --help

    size = get_terminal_size()
    return Terminal(size.columns if tty else None, size.lines, wanted)


def can_redraw() -> bool:
    """Whether stdout is a terminal that can draw over what it shows."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


_CELLS: Final = 30
_CLEAR: Final = "\r\x1b[K"


class ProgressBar:
    """Draws how far a long list is: a bar if the total is known, else a count.

    A list of one page draws nothing; at the end the line is cleared.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._drawn = False

    @classmethod
    def for_contexts(cls, count: int) -> Self:
        """Return a bar on stderr: for one context, and only on a terminal."""
        alone = count == 1
        return cls(sys.stderr if alone and sys.stderr.isatty() else None)

    @property
    def progress(self) -> Progress | None:
        """The callback for a list, or ``None`` where nothing is drawn."""
        return None if self._stream is None else self._draw

    def _draw(self, count: int, total: int | None) -> None:
        stream = self._stream
        if stream is None or (count == total and not self._drawn):
            return
        write(stream, (f"{_CLEAR}{progress_line(count, total)}",))
        self._drawn = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None and self._drawn:
            write(self._stream, (_CLEAR,))


def progress_line(count: int, total: int | None) -> str:
    """Return the line that is drawn after *count* of *total* pods."""
    if not total:
        return counted(count, "pod")
    done = min(count * _CELLS // total, _CELLS)
    return f"[{'#' * done}{' ' * (_CELLS - done)}] {count} of {counted(total, 'pod')}"


@contextmanager
def log_shown(verbosity: int) -> Generator[None, None, None]:
    """Log requests and timings to stderr (1), with time and thread (2 and more)."""
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

    *timed*: with the milliseconds since the start, and the thread.
    """
    import logging  # noqa: PLC0415 - for -v only

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            when = f"{record.relativeCreated:7.0f} ms {record.threadName}: "
            line = printable(record.getMessage())
            write_stderr(f"{when if timed else ''}{line}\n")

    return Lines()
