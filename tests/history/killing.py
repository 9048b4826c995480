"""`python -m tests.history.killing`: kill a recorder, again and again, and look.

Each time a real `kubemetrics record` writes rounds of some hundred samples while a
reader looks on; it is killed at once after some round that the reader saw, so that the
next one is often being written. Then the file is whole, what the reader saw is in it,
and no round is there in part. sqlite3, if it is here, is asked as well.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self

from tests.cluster import Cluster, Generated

_ROOT: Final = Path(__file__).parents[2]
_HANG: Final = 120.0
"""Seconds after which a recorder that writes nothing is a failure."""
_CADENCE: Final = 15
_EVERY: Final = 0.1

Round = tuple[int, int, int, int]
"""A round's number, its time, and how many samples were new and known."""


class Sight(NamedTuple):
    """What a reader saw at one moment: the rounds, and how many samples."""

    rounds: tuple[Round, ...]
    samples: int


@dataclass(frozen=True, slots=True)
class Kills:
    """How often it was killed, what readers had seen by then, and what was wrong."""

    kills: int
    rounds: int
    samples: int
    reads: int
    failures: tuple[str, ...]


@contextlib.contextmanager
def hurried(pods: int) -> Generator[Cluster, None, None]:
    """Serve pods whose samples are new at each poll: time runs ahead."""
    wanted = Generated(nodes=max(3, pods // 50), pods=pods, seed=7)
    over = threading.Event()
    with Cluster.generated(wanted, frozen=True) as cluster:

        def hurry() -> None:
            while not over.wait(_EVERY):
                cluster.clock.shift(_CADENCE)
                cluster.scrape()

        thread = threading.Thread(target=hurry)
        thread.start()
        try:
            yield cluster
        finally:
            over.set()
            thread.join()


class Looking:
    """A reader beside the writer, in a thread."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._over = threading.Event()
        self._seen = threading.Condition()
        self._sight = Sight((), 0)
        self.reads = 0
        self.errors: list[str] = []
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def sight(self) -> Sight:
        with self._seen:
            return self._sight

    def wait_for(self, rounds: int) -> bool:
        """Wait until so many rounds were seen."""
        with self._seen:
            return self._seen.wait_for(lambda: len(self._sight.rounds) >= rounds, _HANG)

    def _look(self) -> None:
        while not self._over.wait(0.01):
            if not self._file.exists():
                continue
            try:
                sight = sight_of(self._file)
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):  # the file is being made
                    self.errors.append(str(error))
                continue
            with self._seen:
                self._sight, self.reads = sight, self.reads + 1
                self._seen.notify_all()


def sight_of(file: Path) -> Sight:
    """Read rounds and samples as of one moment."""
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=10)
    with contextlib.closing(connection):
        connection.execute("BEGIN")
        rounds = connection.execute(
            "SELECT id, at, fresh, repeated FROM round ORDER BY id"
        ).fetchall()
        (samples,) = connection.execute(
            "SELECT (SELECT count(*) FROM recent) + (SELECT count(*) FROM settled)"
        ).fetchone()
    return Sight(tuple(rounds), samples)


def faults(file: Path, seen: Sight) -> Iterator[str]:
    """Say what is wrong with a file after its writer was killed."""
    now = sight_of(file)
    if now.rounds[: len(seen.rounds)] != seen.rounds:
        yield f"a round was lost: {set(seen.rounds) - set(now.rounds)}"
    if now.samples < seen.samples:
        yield f"{seen.samples - now.samples} samples were lost"
    promised = sum(fresh for _, _, fresh, _ in now.rounds)
    if now.samples != promised:
        yield f"a round is torn: {now.samples} samples of {promised}"
    tool = shutil.which("sqlite3")
    # It waits, since the reader beside may be first to find that the log has no owner.
    patient = ("-readonly", "-cmd", ".timeout 60000", str(file))
    check = (tool, *patient, "PRAGMA integrity_check") if tool else ()
    for answer in (_own_check(file), _answer(check) if check else "ok"):
        if answer != "ok":
            yield answer


def _own_check(file: Path) -> str:
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=60)
    with contextlib.closing(connection):
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def _answer(command: Sequence[str]) -> str:
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return (found.stdout + found.stderr).strip()


def kill(kills: int, folder: Path, *, pods: int = 200, seed: int = 1) -> Kills:
    """Record and kill so often, always into the same file."""
    draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
    file, failures = folder / "killed.db", list[str]()
    with hurried(pods) as cluster:
        command = [sys.executable, "-m", "kubemetrics", "record", str(file)]
        command += ["--kubeconfig", str(cluster.kubeconfig()), "--every", f"{_EVERY}s"]
        with Looking(file) as reader:
            for number in range(1, kills + 1):
                wanted = len(reader.sight.rounds) + draw.randint(1, 6)
                with subprocess.Popen(command, cwd=_ROOT) as process:
                    if not reader.wait_for(wanted):
                        failures.append(f"kill {number}: it wrote no round")
                    time.sleep(draw.random() * _EVERY)
                    seen = reader.sight
                    process.send_signal(signal.SIGKILL)
                failures += [f"kill {number}: {fault}" for fault in faults(file, seen)]
    failures += [f"the reader: {error}" for error in reader.errors]
    last = sight_of(file)
    return Kills(kills, len(last.rounds), last.samples, reader.reads, tuple(failures))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.history.killing")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pods", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        found = kill(
            arguments.kills,
            Path(folder),
            pods=arguments.pods,
            seed=arguments.seed,
        )
    print(
        f"{found.kills} kills; {found.rounds} rounds, {found.samples} samples,"
        f" {found.reads} reads beside; {len(found.failures)} failures"
    )
    print("\n".join(found.failures))
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
