"""What the terminal is like: its width, and whether it wants colour."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self, TextIO

from ..api import Progress
from ..frozen import dataclass
from .console import attempt


@dataclass(frozen=True, slots=True)
class Terminal:
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
