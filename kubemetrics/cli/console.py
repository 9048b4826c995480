"""The terminal's side: stderr for people, quiet endings, error lines, ``-v``."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Final

from ..errors import ConfigError, KubeMetricsError, MetricsUnavailable
from ..output.text import printable

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def program() -> str:
    """Return the name to show: ``kubectl metrics`` as a plugin of kubectl."""
    called = os.path.basename(sys.argv[0]) if sys.argv else ""  # noqa: PTH119
    return "kubectl metrics" if called.startswith("kubectl-metrics") else "kubemetrics"


def prepare() -> None:
    """Never fail on a character that the encoding lacks, nor on a closed stream.

    Python has ``None`` for one that was closed (``>&-``); what is written there is not
    wanted, and no socket may get its file descriptor.
    """
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _nowhere() -> io.TextIOWrapper:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123


def complain(line: str) -> None:
    """Write one line for people, with whatever a server put into it made harmless."""
    print(printable(line), file=sys.stderr)


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


def abandon_stdout() -> None:
    """Let the interpreter's last flush go nowhere: the reader has had enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def full(error: OSError) -> int:
    """Say that there is no room for the output, or raise what is another's failure."""
    if error.errno not in _NO_ROOM:
        raise error
    abandon_stdout()
    complain(f"error: cannot write the output: {error.strerror}")
    return 1
