"""`python -m tests.bench.huge`: what each of 100,000 pods costs, and each of 1,000.

Every pod has a label and times of its own. Time is measured within the process, from
after the start; the memory of a pod is the growth of the peak from few to many.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from . import contenders, environments, results
from .measure import heard
from .simulation import simulated

FEW: Final = 1_000
MANY: Final = 100_000
_RUNS: Final = {FEW: 15, MANY: 3}
_MOST_TIME: Final = 1.1
_MOST_MEMORY: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Medians: microseconds a pod, and the peak in MB."""

    pods: int
    wall: float
    cpu: float
    peak: float


def measure(environment: str, pods: int, kubeconfig: Path) -> Cost:
    """List everything several times, each time in a process of its own."""
    argv = (
        str(environments.python(environment)),
        str(contenders.SCRIPTS / "ours_growth.py"),
    )
    with tempfile.TemporaryDirectory() as cache:
        found = contenders.environment(kubeconfig, Path(cache))
        runs = [heard(argv, found) for _ in range(_RUNS[pods])]
    said = [_numbers(line, pods) for _, line in runs]
    return Cost(
        pods=pods,
        wall=statistics.median(wall for wall, _ in said) / pods * 1e6,
        cpu=statistics.median(cpu for _, cpu in said) / pods * 1e6,
        peak=statistics.median(taken.peak for taken, _ in runs),
    )


def _numbers(line: str, pods: int) -> tuple[float, float]:
    counted, _, wall, cpu = line.split()
    if int(counted) != pods:
        raise RuntimeError(f"{counted} pods were listed, not {pods}")
    return float(wall), float(cpu)


def tell(environment: str, few: Cost, many: Cost) -> bool:
    """Print the growth; return whether it is within the bounds."""
    memory = (many.peak - few.peak) * 1024 / (many.pods - few.pods)
    time = many.wall / few.wall
    print(f"\n### {environment}, labels and times unique to each pod\n")
    print("| pods | wall µs a pod | CPU µs a pod | peak MB |\n|---:|---:|---:|---:|")
    for cost in (few, many):
        print(f"| {cost.pods:,} | {cost.wall:.1f} | {cost.cpu:.1f} | {cost.peak:.0f} |")
    met = time <= _MOST_TIME and memory <= _MOST_MEMORY
    print(
        f"\ntime a pod {time:.2f} times as long (at most {_MOST_TIME}; CPU"
        f" {many.cpu / few.cpu:.2f}), memory {memory:.2f} KB a pod (at most"
        f" {_MOST_MEMORY}): {'met' if met else 'NOT MET'}"
    )
    return met


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.huge")
    parser.add_argument("--no-install", action="store_true", help="what is there")
    if not parser.parse_args(argv).no_install:
        environments.prepare_ours()
    costs: dict[str, list[Cost]] = {"fast": [], "plain": []}
    for pods in (FEW, MANY):
        with simulated(pods, unique=True, lazy=pods == MANY) as folder:
            for environment, found in costs.items():
                found.append(measure(environment, pods, folder / "0"))
    _save(costs)
    for environment, (few, many) in costs.items():
        tell(environment, few, many)
    return 0


def _save(costs: Mapping[str, Sequence[Cost]]) -> None:
    path = environments.ROOT / ".bench" / "huge.json"
    path.parent.mkdir(exist_ok=True)
    rows = {name: [asdict(cost) for cost in found] for name, found in costs.items()}
    path.write_text(json.dumps({**results.machine(), "costs": rows}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
