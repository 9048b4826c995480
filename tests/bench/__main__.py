"""`python -m tests.bench`: measure, print the table, write `.bench/`."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from . import contenders, curl, environments, report, results
from .contenders import SCRIPTS, Contender
from .measure import FailedError, Run, able, in_turn, run
from .results import Place, Result
from .simulation import DISTANCES, simulated

SIZES = (100, 1_000, 10_000)
PACE = "ms that a page of 500 pods takes a paced server (140), 0 for none"
_RUNS = {0: 15, 100: 9, 1_000: 5}
_FEW = 3


class Bench:
    """Measures and collects; *runs* is 0 for as many as suit the size."""

    def __init__(self, arguments: argparse.Namespace, scratch: Path) -> None:
        self.every_peer = os.environ.get("PEERS") == "all"
        self.results: list[Result] = []
        self._runs: int = arguments.runs
        self._only = re.compile(arguments.only)
        self._scratch = scratch

    def imports(self) -> None:
        """Measure what starting costs, without a cluster."""
        found = contenders.imports(every_peer=self.every_peer)
        self._measure("Start", found, Path(os.devnull), Place())

    def real(self, kubeconfig: Path) -> None:
        """Measure lists and tables of the cluster that *kubeconfig* leads to."""
        self._lists(kubeconfig, Place(pods=None), pages=())
        tables = contenders.commands()
        self._measure("Tables, printed", tables, kubeconfig, Place(pods=None))

    def simulated(self, place: Place, pace: float, pages: Sequence[int]) -> None:
        """Measure a simulated cluster; far away too, with few pods or a pace."""
        with simulated(place.pods or 0, pace=pace) as folder:
            self._lists(folder / "0", place, pages)
            far = place.paced or place.pods == min(SIZES)
            for distance in DISTANCES if far else DISTANCES[:1]:
                there = replace(place, distance=distance)
                tables = contenders.commands()
                self._measure("Tables, printed", tables, folder / str(distance), there)

    def _lists(self, kubeconfig: Path, place: Place, pages: Sequence[int]) -> None:
        real = place.pods is None
        curls = curl.options(kubeconfig, self._scratch, pages=not real)
        found = contenders.lists(curls, every_peer=self.every_peer)
        found += contenders.pages(pages)
        expected = "" if real else self._counts(kubeconfig)
        self._measure("Pods and metrics, listed", found, kubeconfig, place, expected)

    def _measure(
        self,
        section: str,
        candidates: Sequence[Contender],
        kubeconfig: Path,
        place: Place,
        expected: str = "",
    ) -> None:
        real = place.pods is None
        environment = contenders.environment(
            kubeconfig, self._scratch / "kubectl", everything=real
        )
        taking_part: dict[str, Callable[[], Run]] = {
            c.name: partial(run, c.argv, environment, expected if c.counts else "")
            for c in candidates
            if c.can(place) and self._only.search(c.name) and shutil.which(c.argv[0])
        }
        if real:  # whose credentials not everyone can use
            taking_part = able(taking_part)
        runs = self._runs or (_FEW if real else _RUNS.get(place.pods or 0, _FEW))
        for name, taken in in_turn(taking_part, runs).items():
            self.results.append(
                Result(section=section, name=name, place=place, runs=taken)
            )
        print(f"measured: {section}: {place}", file=sys.stderr)

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
        except KeyboardInterrupt:
            print("interrupted: the rest is not measured", file=sys.stderr)
    _tell(bench.results, {**facts, "pace": arguments.pace}, arguments.before)
    return 0


def _measure_all(bench: Bench, arguments: argparse.Namespace) -> None:
    if not arguments.no_imports:
        bench.imports()
    real = os.environ.get("KUBECONFIG")
    if real:
        print(f"of the cluster that KUBECONFIG={real} leads to", file=sys.stderr)
        bench.real(Path(real).absolute())
        return
    many = max(arguments.sizes)
    for pods in arguments.sizes if not arguments.paced_only else ():
        bench.simulated(Place(pods=pods), 0, arguments.pages if pods == many else ())
    if arguments.pace:
        place = Place(pods=many, paced=True)
        bench.simulated(place, arguments.pace, arguments.pages)


def _tell(
    found: Sequence[Result], facts: Mapping[str, object], before: Path | None
) -> None:
    former = results.load(before) if before else {}
    path = environments.ROOT / ".bench" / "latest.json"
    packages = {
        name: environments.versions(name)
        for name in ("fast", "peers")
        if environments.python(name).exists()
    }
    results.save(path, found, {**facts, "packages": packages})
    print(report.tables(found, former))
    verdicts = results.judge(found, results.TARGETS)
    if verdicts:
        print(f"\n### Targets\n\n{report.verdicts(verdicts)}")
    print(f"\n{facts}\nwritten to {path}")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="100,1000,10000")
    parser.add_argument("--runs", type=int, default=0, help="of each (15 to 3)")
    parser.add_argument("--only", default="", help="whose name fits: fast|curl")
    parser.add_argument("--no-install", action="store_true", help="what is there")
    parser.add_argument("--no-imports", action="store_true", help="clusters alone")
    parser.add_argument("--pace", type=float, default=140, help=PACE)
    parser.add_argument("--paced-only", action="store_true", help="nothing else")
    parser.add_argument("--pages", type=_sizes, default=(), help="500,1000,2000")
    parser.add_argument("--before", type=Path, help="a kept .bench/latest.json")
    return parser.parse_args(argv)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
