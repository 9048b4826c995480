"""The Pythons of this machine that the package is for, one of each minor version."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Final

_MINORS: Final = range(11, 15)
_ASK: Final = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"


@cache
def interpreters() -> dict[str, str]:
    """Return the executables by version, `3.11` to the newest that is supported."""
    built = Path.home() / ".pyenv" / "versions"
    found: dict[str, str] = {}
    for minor in _MINORS:
        names = [f"python3.{minor}", *map(str, built.glob(f"3.{minor}.*/bin/python"))]
        for name in names:
            version, _, path = _asked(name).partition(" ")
            if version == f"3.{minor}":
                found.setdefault(version, path)
    return found


def _asked(name: str) -> str:
    try:
        done = subprocess.run(
            [name, "-c", _ASK], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()
