"""Run a command and hear from the system what it took."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LAUNCHER: Final = Path(__file__).parent / "launcher.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process, its children included.

    *wall* and *cpu* (user and system) are in seconds, *user* is the part of it outside
    the kernel; *peak* is the resident memory of the largest process, in MB.
    """

    wall: float
    user: float
    cpu: float
    peak: float


class FailedError(Exception):
    """The command did not do what it is measured for."""


def run(argv: Sequence[str], environment: Mapping[str, str], expected: str = "") -> Run:
    """Run *argv* to its end; what it prints must end with the line *expected*."""
    taken, said = heard(argv, environment)
    if expected and said != expected:
        raise FailedError(f"{' '.join(argv)} did not print {expected!r} last")
    return taken


def heard(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[Run, str]:
    """Run *argv* to its end; return the last line that it prints as well."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        done = subprocess.run(
            [sys.executable, "-I", "-S", _LAUNCHER, out, err, *argv],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        code, *figures = done.stdout.split()
        if int(code):
            raise FailedError(_failure(argv, code, err))
        said = out.read_text(errors="replace").rstrip().rpartition("\n")[2]
    wall, user, cpu, peak = map(float, figures)
    return Run(wall=wall, user=user, cpu=cpu, peak=peak), said


def _failure(argv: Sequence[str], code: str, err: Path) -> str:
    said = err.read_text(errors="replace").rstrip().rpartition("\n")[2]
    return f"exit {code} of {' '.join(argv)}: {said}"


def able(commands: Mapping[str, Callable[[], Run]]) -> dict[str, Callable[[], Run]]:
    """Try each once and leave out those that fail."""
    found: dict[str, Callable[[], Run]] = {}
    for name, command in commands.items():
        try:
            command()
        except FailedError as error:
            print(f"left out: {name}: {error}", file=sys.stderr)
        else:
            found[name] = command
    return found


def in_turn(
    commands: Mapping[str, Callable[[], Run]], runs: int, warm_up: int = 1
) -> dict[str, list[Run]]:
    """Run the commands by turns, so that what disturbs one disturbs all.

    The first *warm_up* rounds are not counted: caches on both sides are filled then.
    """
    taken: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(warm_up + runs):
        for name, command in commands.items():
            result = command()
            if turn >= warm_up:
                taken[name].append(result)
    return taken


def median(runs: Iterable[Run]) -> Run:
    """Return the median of each figure."""
    rows = list(runs)
    return Run(
        wall=statistics.median(row.wall for row in rows),
        user=statistics.median(row.user for row in rows),
        cpu=statistics.median(row.cpu for row in rows),
        peak=statistics.median(row.peak for row in rows),
    )
