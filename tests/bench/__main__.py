"""`python -m tests.bench`: measure, print the table, write `.bench/`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from . import contenders, curl, environments, report, results
from .contenders import SCRIPTS, Contender
from .measure import FailedError, Run, able, in_turn, run
from .results import Result
from .simulation import DISTANCES, simulated

SIZES = (100, 1_000, 10_000)
_RUNS = {0: 15, 100: 9, 1_000: 5}
_FEW = 3


class Bench:
    """Measures and collects; *runs* is 0 for as many as suit the size."""

    def __init__(self, arguments: argparse.Namespace, scratch: Path) -> None:
        self.every_peer = os.environ.get("PEERS") == "all"
        self.results: list[Result] = []
        self._runs: int = arguments.runs
        self._only: str = arguments.only
        self._scratch = scratch

    def imports(self) -> None:
        """Measure what starting costs, without a cluster."""
        found = contenders.imports(every_peer=self.every_peer)
        self._measure("Start", found, Path(os.devnull))

    def cluster(
        self, kubeconfig: Path, pods: int | None, *, far: Mapping[int, Path]
    ) -> None:
        """Measure lists and tables of the cluster that *kubeconfig* leads to."""
        lists = contenders.lists(every_peer=self.every_peer)
        tables = contenders.commands(curl.options(kubeconfig, self._scratch))
        expected = self._counts(kubeconfig) if far else ""
        self._measure("Pods and metrics, listed", lists, kubeconfig, pods, expected)
        self._measure("Tables, printed", tables, kubeconfig, pods)
        if pods == min(SIZES):
            for distance, there in far.items():
                self._measure("Tables, printed", tables, there, pods, "", distance)

    def _measure(
        self,
        section: str,
        candidates: Sequence[Contender],
        kubeconfig: Path,
        pods: int | None = 0,
        expected: str = "",
        distance: int = 0,
    ) -> None:
        environment = contenders.environment(
            kubeconfig, self._scratch / "kubectl", everything=pods is None
        )
        taking_part: dict[str, Callable[[], Run]] = {
            c.name: partial(run, c.argv, environment, expected if c.counts else "")
            for c in candidates
            if c.can(pods, distance) and self._only in c.name
        }
        if pods is None:  # whose credentials not everyone can use
            taking_part = able(taking_part)
        runs = self._runs or (_FEW if pods is None else _RUNS.get(pods, _FEW))
        for name, taken in in_turn(taking_part, runs).items():
            self.results.append(
                Result(
                    section=section, name=name, pods=pods, distance=distance, runs=taken
                )
            )
        print(f"measured: {section}, {pods} pods, {distance} ms", file=sys.stderr)

    def _counts(self, kubeconfig: Path) -> str:
        """Ask the plainest contender what all of them are to find."""
        argv = [environments.python("plain"), SCRIPTS / "bare_lists.py"]
        environment = contenders.environment(kubeconfig, self._scratch)
        done = subprocess.run(argv, env=environment, check=True, capture_output=True)
        return done.stdout.decode().strip()


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    if not arguments.no_install:
        environments.prepare(every_peer=os.environ.get("PEERS") == "all")
    facts = results.machine()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(arguments, Path(scratch))
        try:
            _measure_all(bench, arguments)
        except FailedError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    _tell(bench.results, facts)
    return 0


def _measure_all(bench: Bench, arguments: argparse.Namespace) -> None:
    if not arguments.no_imports:
        bench.imports()
    real = os.environ.get("KUBECONFIG")
    if real:
        print(f"of the cluster that KUBECONFIG={real} leads to", file=sys.stderr)
        bench.cluster(Path(real).absolute(), None, far={})
        return
    for pods in arguments.sizes:
        with simulated(pods) as folder:
            far = {distance: folder / str(distance) for distance in DISTANCES[1:]}
            bench.cluster(folder / "0", pods, far=far)


def _tell(found: Sequence[Result], facts: Mapping[str, object]) -> None:
    path = environments.ROOT / ".bench" / "latest.json"
    packages = {name: environments.versions(name) for name in ("fast", "peers")}
    results.save(path, found, {**facts, "packages": packages})
    print(report.tables(found))
    verdicts = results.judge(found, results.TARGETS)
    if verdicts:
        print(f"\n### Targets\n\n{report.verdicts(verdicts)}")
    print(f"\n{facts}\nwritten to {path}")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="100,1000,10000")
    parser.add_argument("--runs", type=int, default=0, help="of each (15 to 3)")
    parser.add_argument("--only", default="", help="whose name has this in it")
    parser.add_argument("--no-install", action="store_true", help="what is there")
    parser.add_argument("--no-imports", action="store_true", help="clusters alone")
    return parser.parse_args(argv)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
