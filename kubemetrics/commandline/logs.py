"""``-v``: what the client logs, on stderr."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from ..text import printable
from .console import tell


class _Harmless(logging.Formatter):
    """One line a record, harmless for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(record.getMessage())


class _Complaining(logging.Handler):
    """Writes a record where complaints go, which never fails."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(f"{self.format(record)}\n")


class _Timed(_Harmless):
    """The same, with when it was (milliseconds since the start) and in which thread."""

    def format(self, record: logging.LogRecord) -> str:
        when = f"{record.relativeCreated:7.0f} ms {record.threadName}: "
        return when + super().format(record)


@contextmanager
def shown(verbosity: int) -> Generator[None, None, None]:
    """Show requests and timings (1), and when and where they were (2 and more)."""
    logger = logging.getLogger("kubemetrics")
    handler = _Complaining()
    handler.setFormatter(_Harmless() if verbosity == 1 else _Timed())
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
