"""Screens of the recorded cluster, the same each time they are taken."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from datetime import UTC, datetime

from tests.cluster import Cluster

from .harness import run

_SETTLED: Mapping[str, str] = {
    r"127\.0\.0\.1:\d{5}": "127.0.0.1:36443",
    r"answers in \d+ ms": "answers in 7 ms",
    r"the newest \d+s old": "the newest 7s old",
    r"Samples are \d+s": "Samples are 7s",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ": "2027-01-01T00:00:00Z",
    r"#[\w-]{16},": "#0123456789abcdef,",
}
"""What differs from run to run, and what is shown in its place, of the same length."""


class Stage:
    """Takes screens; ages stand still except where the doctor needs a real clock."""

    def __init__(self, still: Cluster, moving: Cluster) -> None:
        self._still = still
        self._moving = moving

    def screen(self, command: str, width: int = 120, *, colour: bool = False) -> str:
        """Return what a terminal shows of *command*, stderr after stdout."""
        words = shlex.split(command)
        cluster = self._moving if words[0] == "doctor" else self._still
        path = cluster.kubeconfig("viewer")
        environ = {"KUBECONFIG": path.name, "NO_COLOR": "" if colour else "1"}
        with chdir(path.parent):
            result = run(cluster, *words, width=width, environ=environ)
        return _settled(result.out + result.err)

    def help(self, command: str) -> str:
        """Return the help of *command*, or that of all if it is empty."""
        return run(self._still, *shlex.split(command), "--help").out


def _settled(text: str) -> str:
    for pattern, instead in _SETTLED.items():
        text = re.sub(pattern, instead, text)
    return text


@contextmanager
def stage() -> Iterator[Stage]:
    """Serve the recorded cluster twice: at its own time, and now."""
    with (
        Cluster.recorded() as still,
        Cluster.recorded(now=datetime.now(UTC)) as moving,
    ):
        yield Stage(still, moving)
