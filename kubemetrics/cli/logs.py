"""``-v``: what the client logs, on stderr."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from ..output.text import printable


class _Harmless(logging.Formatter):
    """One line a record, harmless for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(record.getMessage())


@contextmanager
def shown(verbosity: int) -> Generator[None, None, None]:
    """Show requests and timings (1), or every attempt as well (2 and more)."""
    logger = logging.getLogger("kubemetrics")
    handler = logging.StreamHandler()
    handler.setFormatter(_Harmless())
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
