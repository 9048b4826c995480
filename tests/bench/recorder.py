"""`python -m tests.bench.recorder`: what it costs to record 10,000 pods, and to ask.

    python -m tests.bench.recorder --minutes 4           # a real recorder, in real time
    python -m tests.bench.recorder --hours 3 --keep FILE # three hours into a file
    python -m tests.bench.recorder --ask FILE            # questions to such a file

In real time a `kubemetrics record` reads a simulated cluster that is scraped each 15 s;
the system says what it took between two rounds. Hours are written by the recorder's own
code from rounds made up in memory, so that they take minutes: what a round takes to be
written and kept in order is then the process's own, without what it takes to read it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from kubemetrics.history.integrate import Covered
from kubemetrics.history.recorder import Recorder
from kubemetrics.history.rounds import Measured, Reading, SampleRound
from kubemetrics.history.store import Writing
from kubemetrics.history.upkeep import Upkeep, due_at
from kubemetrics.models.node import Node
from kubemetrics.models.pod import OwnerReference, Pod
from kubemetrics.snapshot.rollup import pod_owner
from tests.cluster import Cluster, Generated

from .environments import ROOT
from .measure import run

_CADENCE: Final = 15
_NANO: Final = 10**9
_PATIENCE: Final = 300.0
_START: Final = int(datetime(2026, 11, 23, 3, tzinfo=UTC).timestamp())


def wanted(pods: int) -> Generated:
    return Generated(pods=pods, nodes=max(3, pods // 50), seed=1)


# In real time


@contextlib.contextmanager
def scraped(pods: int, kubeconfig: Path) -> Generator[None, None, None]:
    command = [sys.executable, "-m", "tests.cluster", f"--pods={pods}"]
    command += [f"--scrape={_CADENCE}", f"--kubeconfig={kubeconfig}"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            yield
        finally:
            server.terminate()


def in_real_time(pods: int, minutes: float) -> None:
    """Let a recorder run, and print its share of a processor from round to round."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig, file = Path(folder) / "config", Path(folder) / "a.db"
        command = [sys.executable, "-m", "kubemetrics", "record", str(file)]
        command += ["--kubeconfig", str(kubeconfig)]
        with scraped(pods, kubeconfig), subprocess.Popen(command, cwd=ROOT) as recorder:
            _wait_for_rounds(file, 6)
            began, before = time.monotonic(), cpu_seconds(recorder.pid)
            time.sleep(minutes * 60)
            length, taken = time.monotonic() - began, cpu_seconds(recorder.pid) - before
            most = peak(recorder.pid)
            recorder.terminate()
            recorder.wait()
        with contextlib.closing(sqlite3.connect(file)) as connection:
            (rounds,) = connection.execute(
                "SELECT count(*) FROM round WHERE fresh"
            ).fetchone()
            (samples,) = connection.execute("SELECT count(*) FROM recent").fetchone()
            (polls,) = connection.execute("SELECT count(*) FROM round").fetchone()
    print(
        f"{pods:,} pods in real time, {length:.0f} s: {taken / length:.1%} of a core,"
        f" peak {most:.0f} MB, {rounds} rounds with new samples of {polls} polls,"
        f" {samples:,} samples"
    )


def _wait_for_rounds(file: Path, count: int) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(sqlite3.Error):
            uri = f"{file.as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
                found = connection.execute("SELECT count(*) FROM round WHERE fresh")
                if found.fetchone()[0] >= count:
                    return
        time.sleep(1)
    raise TimeoutError(f"{file} has no {count} rounds after {_PATIENCE:.0f} s")


def cpu_seconds(process: int) -> float:
    """Return user and system seconds so far (proc(5))."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(process: int | str = "self") -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(found) / 1024


# Hours


def readings(pods: Sequence[Pod], nodes: Sequence[Node]) -> list[Reading]:
    """Return a reading of each running pod and of each node, for `at` 0."""
    whole = Covered("contiguous", _CADENCE * 1000)
    nothing = (Measured("", 0, 0),)
    of_pods = [
        Reading(
            "pod",
            pod.uid,
            *pod.key,
            pod.node_name,
            0,
            _CADENCE * 1000,
            whole,
            tuple(Measured(c.name, 0, 0) for c in pod.containers),
            pod,
        )
        for pod in pods
        if pod.phase == "Running"
    ]
    window = _CADENCE * 1000
    return of_pods + [
        Reading("node", n.uid, "", n.name, n.name, 0, window, whole, nothing)
        for n in nodes
    ]


def rounds(pods: int, count: int) -> Iterator[SampleRound]:
    """Yield rounds whose values are of any size, as real ones are."""
    with Cluster.generated(wanted(pods)) as cluster:
        objects: list[Any] = [entry.load() for entry in cluster.pods.current()]
        machines: list[Any] = [entry.load() for entry in cluster.nodes.current()]
    listed = [Pod.from_json(each) for each in objects]
    nodes = [Node.from_json(each) for each in machines]
    draw = random.Random(1)  # noqa: S311 - reproducible, not secret
    base = readings(listed, nodes)
    by_key, by_name = {p.key: p for p in listed}, {n.name: n for n in nodes}
    for number in range(count):
        at = _START + number * _CADENCE
        made = [
            reading._replace(
                at=at - draw.randrange(2),
                window=_CADENCE * 1000 + draw.randrange(-900, 900),
                values=tuple(
                    Measured(v.container, draw.randrange(_NANO), draw.randrange(2**31))
                    for v in reading.values
                ),
            )
            for reading in base
        ]
        yield SampleRound(
            date=datetime.fromtimestamp(at, UTC),
            cadence=_CADENCE,
            pods=by_key,
            nodes=by_name,
            changed=() if number else listed,
            changed_nodes=() if number else nodes,
            readings=made,
            fresh=sum(len(reading.values) for reading in made),
            failures={},
        )


def _owner(pod: Pod) -> OwnerReference:
    """Return the workload, as the command does."""
    found = pod_owner(pod)
    return OwnerReference(found.kind, found.name)


def hours(pods: int, length: float, file: Path) -> None:
    """Write so many hours; print what a round took, and a sample takes."""
    written, kept = [], 0.0
    count = round(length * 3600 / _CADENCE)
    with contextlib.closing(Writing(file)) as writing:
        writing.belongs_to("benchmark", "https://benchmark")
        recorder = Recorder(writing, owner_of=_owner)
        upkeep = Upkeep(writing.connection)
        for found in rounds(pods, count):
            began = time.process_time()
            recorder.write(found)
            written.append(time.process_time() - began)
            began, now = time.process_time(), due_at(found)
            while now is not None and upkeep.work(now):
                pass
            kept += time.process_time() - began
    with contextlib.closing(sqlite3.connect(file)) as connection:
        (samples,) = connection.execute(
            "SELECT (SELECT count(*) FROM recent) + (SELECT count(*) FROM settled)"
        ).fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (page,) = connection.execute("PRAGMA page_size").fetchone()
    size = file.stat().st_size
    middle, busy = statistics.median(written), sum(written) + kept
    print(
        f"{pods:,} pods, {length:g} h, {samples:,} samples: a round is written in"
        f" {middle:.2f} s of CPU; with what keeps the file in order"
        f" {busy / count / _CADENCE:.1%} of a core; {size / samples:.1f} bytes a sample"
        f" ({(size - free * page) / samples:.1f} without free pages)"
    )


# Questions


def _text(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%FT%TZ}"


def ask(file: Path, runs: int) -> None:
    """Print what answers to people take."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        (last,) = connection.execute("SELECT max(at) FROM round").fetchone()
        kind, name, namespace = connection.execute(
            "SELECT kind, name, namespace FROM owner WHERE kind='Deployment' LIMIT 1"
        ).fetchone()
    owner, until = (
        f"{kind.lower()}/{name}",
        f"{datetime.fromtimestamp(last, UTC):%FT%TZ}",
    )
    at = f"{datetime.fromtimestamp(last - 1800, UTC):%FT%TZ}"
    ranged = ("--from", str(file), "--since", _text(last - 86400), "--until", until)
    questions = {
        "history of an owner": ("history", owner, "-n", namespace, *ranged),
        "history of all, by owner": ("history", "--by", "owner", *ranged),
        "pods -A --from --at": ("pods", "-A", "--from", str(file), "--at", at),
        "nodes --from --at": ("nodes", "--from", str(file), "--at", at),
    }
    for title, arguments in questions.items():
        command = (sys.executable, "-m", "kubemetrics", *arguments)
        taken = [run(command, dict(os.environ)) for _ in range(runs)]
        wall = statistics.median(each.wall for each in taken)
        most = max(each.peak for each in taken)
        print(f"{title}: {wall:.2f} s, {most:.0f} MB")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.recorder")
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=0, help="in real time")
    parser.add_argument("--hours", type=float, default=0, help="written in minutes")
    parser.add_argument("--keep", type=Path, help="the file of those hours")
    parser.add_argument("--ask", type=Path, help="a file that is there already")
    parser.add_argument("--runs", type=int, default=3, help="of each question")
    arguments = parser.parse_args(argv)
    if arguments.minutes:
        in_real_time(arguments.pods, arguments.minutes)
    with tempfile.TemporaryDirectory() as folder:
        file = arguments.keep or Path(folder) / "hours.db"
        if arguments.hours:
            hours(arguments.pods, arguments.hours, file)
        asked = arguments.ask or (file if arguments.hours else None)
        if asked:
            ask(asked, arguments.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
