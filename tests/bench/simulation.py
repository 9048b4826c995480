"""Serve a simulated cluster for a benchmark: `python -m tests.bench.simulation`.

A process of its own, so that nothing of it counts with what is measured. Writes a
kubeconfig for each distance, as FOLDER/MILLISECONDS, and says ``ready``.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.cluster.cluster import Cluster
from tests.cluster.distance import Distance
from tests.cluster.generator import Generated
from tests.cluster.options import Options
from tests.cluster.pace import Pace

from .environments import ROOT

DISTANCES = (0, 40, 100)
"""Milliseconds of a round trip."""

_PAGE = 500
_USER = "viewer"


@contextlib.contextmanager
def simulated(
    pods: int, *, unique: bool = False, lazy: bool = False, pace: float = 0
) -> Generator[Path, None, None]:
    """Serve so many pods from another process; gives the folder of kubeconfigs.

    With *unique* each has a label of its own; with *lazy* they are made when listed;
    *pace* is how many ms a page of 500 pods takes. At the end it says what CPU time
    the server took.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", __name__, "--pods", str(pods)]
        command += ["--pace", str(pace)]
        options = ["--lazy"] if lazy else []
        options += ["--unique"] if unique else []
        with subprocess.Popen(
            [*command, "--folder", folder, *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,  # an interrupt is for who measures
        ) as server:
            assert server.stdout is not None
            if server.stdout.readline() != "ready\n":
                raise RuntimeError("the simulated cluster did not start")
            try:
                yield Path(folder)
            finally:
                said, _ = server.communicate()  # its input's end is its end
                print(said.strip(), file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.simulation")
    parser.add_argument("--pods", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--lazy", action="store_true")
    parser.add_argument("--unique", action="store_true")
    parser.add_argument("--pace", type=float, default=0)
    arguments = parser.parse_args(argv)
    wanted = Generated(
        pods=arguments.pods,
        nodes=max(3, arguments.pods // 50),
        unique=arguments.unique,
        lazy=arguments.lazy,
    )
    pace = Pace(items=arguments.pace / 1000) if arguments.pace else None
    with Cluster.generated(wanted, Options(pace=pace), frozen=False) as cluster:
        cluster.warm(_PAGE)
        with contextlib.ExitStack() as stack:
            for distance in DISTANCES:
                _write(cluster, distance, arguments.folder, stack)
            print("ready", flush=True)
            before = time.process_time()
            sys.stdin.read()
            taken = time.process_time() - before
            answers = len(cluster.requests)
            print(f"the server took {taken:.1f} s of CPU for {answers} answers")
    return 0


def _write(
    cluster: Cluster, distance: int, folder: Path, stack: contextlib.ExitStack
) -> None:
    path = folder / str(distance)
    cluster.kubeconfig(_USER, path)
    if distance:
        port = urlsplit(cluster.url).port or 0
        relay = stack.enter_context(Distance(port, distance / 1000))
        path.write_text(path.read_text().replace(f":{port}", f":{relay.port}"))


if __name__ == "__main__":
    sys.exit(main())
