"""What the terminal is like: its width, and whether it wants colour."""

from __future__ import annotations

import os
import shutil
import sys

from ..frozen import dataclass


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
