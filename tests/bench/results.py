"""What was measured, and how it compares with what it has to be."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .measure import Run, median


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The runs of one contender.

    *pods* is 0 where none are listed, ``None`` for as many as a real cluster has.
    """

    section: str
    name: str
    pods: int | None
    distance: int
    runs: Sequence[Run]

    @property
    def median(self) -> Run:
        return median(self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """*ours* is to take at most *wall* and *peak* of what *theirs* takes."""

    ours: str
    theirs: str
    pods: int = 0
    distance: int = 0
    wall: float | None = None
    peak: float | None = None

    @property
    def place(self) -> str:
        far = f", {self.distance} ms" if self.distance else ""
        return f"{self.pods:,} pods{far}" if self.pods else "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A target's figures as they are; CPU time is told beside, being steadier."""

    target: Target
    wall: float
    cpu: float
    peak: float

    @property
    def met(self) -> bool:
        limits = ((self.wall, self.target.wall), (self.peak, self.target.peak))
        return all(limit is None or value <= limit for value, limit in limits)


TARGETS = (
    Target(ours="from kubemetrics import Client", theirs="import httpx", wall=1.25),
    Target(ours="kubemetrics --help", theirs="import httpx", wall=0.7),
    Target(
        ours="kubemetrics (fast)", theirs="lightkube", pods=10_000, wall=0.30, peak=0.15
    ),
    Target(
        ours="kubemetrics (plain)",
        theirs="lightkube",
        pods=10_000,
        wall=0.60,
        peak=0.20,
    ),
    Target(
        ours="kubemetrics (fast)",
        theirs="kubernetes",
        pods=10_000,
        wall=0.10,
        peak=0.06,
    ),
    Target(ours="kubemetrics (fast)", theirs="bare httpx loop", pods=10_000, wall=0.45),
    Target(
        ours="kubemetrics pods -A (fast)",
        theirs="kubectl get, then top",
        pods=10_000,
        wall=0.40,
        peak=0.12,
    ),
    Target(
        ours="kubemetrics top pods -A (fast)",
        theirs="kubectl top pods -A",
        pods=10_000,
        wall=1.2,
    ),
    *(
        Target(
            ours="kubemetrics top pods -A (plain)",
            theirs="bare top script",
            pods=100,
            distance=distance,
            wall=1.15,
        )
        for distance in (0, 40, 100)
    ),
    *(
        Target(
            ours="kubemetrics top pods -A (plain)",
            theirs="kubectl top pods -A",
            pods=100,
            distance=distance,
            wall=wall,
        )
        for distance, wall in ((0, 2.8), (40, 1.2), (100, 0.95))
    ),
)


def judge(results: Iterable[Result], targets: Iterable[Target]) -> list[Verdict]:
    """Compare what was measured of each target; the others are left out."""
    found = {(r.name, r.pods, r.distance): r.median for r in results}
    verdicts: list[Verdict] = []
    for target in targets:
        ours = found.get((target.ours, target.pods, target.distance))
        theirs = found.get((target.theirs, target.pods, target.distance))
        if ours and theirs:
            verdicts.append(
                Verdict(
                    target=target,
                    wall=ours.wall / theirs.wall,
                    cpu=ours.cpu / theirs.cpu,
                    peak=ours.peak / theirs.peak,
                )
            )
    return verdicts


def machine() -> dict[str, Any]:
    """Tell what it was measured on."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def save(path: Path, results: Iterable[Result], facts: Mapping[str, Any]) -> None:
    """Write everything as JSON."""
    path.parent.mkdir(exist_ok=True)
    rows = [{**asdict(result), "median": asdict(result.median)} for result in results]
    path.write_text(json.dumps({**facts, "results": rows}, indent=1) + "\n")
