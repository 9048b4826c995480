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
class Place:
    """A cluster, as a contender sees it.

    *pods* is 0 where none are listed, ``None`` for as many as a real cluster has;
    *distance* is the round trip in ms; a *paced* server takes a real one's time.
    """

    pods: int | None = 0
    distance: int = 0
    paced: bool = False

    def __str__(self) -> str:
        if self.pods is None:
            return "the cluster that KUBECONFIG leads to"
        if not self.pods:
            return "start"
        paced = ", paced" if self.paced else ""
        far = f", {self.distance} ms of round trip" if self.distance else ""
        return f"{self.pods:,} pods{paced}{far}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The runs of one contender."""

    section: str
    name: str
    place: Place
    runs: Sequence[Run]

    @property
    def median(self) -> Run:
        return median(self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """*ours* is to take at most *wall* and *peak* of what *theirs* takes."""

    ours: str
    theirs: str
    place: Place = Place()
    wall: float | None = None
    peak: float | None = None


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


_MANY = Place(pods=10_000)
_PACED = Place(pods=10_000, paced=True)

TARGETS = (
    Target(ours="from kubemetrics import Client", theirs="import httpx", wall=1.25),
    Target(ours="kubemetrics --help", theirs="import httpx", wall=0.7),
    *(
        Target(ours=f"kubemetrics ({extra})", theirs=theirs, place=_MANY, **most)
        for extra, theirs, most in (
            ("fast", "lightkube", {"wall": 0.30, "peak": 0.15}),
            ("plain", "lightkube", {"wall": 0.60, "peak": 0.20}),
            ("fast", "kubernetes", {"wall": 0.10, "peak": 0.06}),
            ("fast", "bare httpx loop", {"wall": 0.45}),
        )
    ),
    *(
        Target(ours=f"kubemetrics {ours} (fast)", theirs=theirs, place=place, **most)
        for place in (_MANY, _PACED)
        for ours, theirs, most in (
            ("pods -A", "kubectl get, then top", {"wall": 0.40, "peak": 0.12}),
            ("top pods -A", "kubectl top pods -A", {"wall": 1.2}),
        )
    ),
    *(
        Target(ours="kubemetrics (fast)", theirs=theirs, place=_PACED, **most)
        for theirs, most in (
            ("curl, pods only", {"wall": 1.5}),
            ("curl, pages of pods only", {"wall": 1.5}),
            ("lightkube", {"wall": 0.25, "peak": 0.15}),
        )
    ),
    *(
        Target(
            ours="kubemetrics top pods -A (plain)",
            theirs=theirs,
            place=Place(pods=100, distance=distance),
            wall=wall,
        )
        for distance, theirs, wall in (
            (0, "bare top script", 1.15),
            (40, "bare top script", 1.15),
            (100, "bare top script", 1.15),
            (0, "kubectl top pods -A", 2.8),
            (40, "kubectl top pods -A", 1.2),
            (100, "kubectl top pods -A", 0.95),
        )
    ),
)


def judge(results: Iterable[Result], targets: Iterable[Target]) -> list[Verdict]:
    """Compare what was measured of each target; the others are left out."""
    found = {(r.name, r.place): r.median for r in results}
    verdicts: list[Verdict] = []
    for target in targets:
        ours = found.get((target.ours, target.place))
        theirs = found.get((target.theirs, target.place))
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


def load(path: Path) -> dict[tuple[str, Place], Run]:
    """Read the medians of an earlier `save`."""
    rows = json.loads(path.read_text())["results"]
    return {(row["name"], Place(**row["place"])): Run(**row["median"]) for row in rows}
