"""One round of a view: read every cluster, and make rows of what came."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from ..frozen import dataclass
from ..output.machine import Source
from ..output.view import Found
from ..snapshot import Coverage, PartName
from .plan import Plan, reads
from .progress import Bar
from .reading import Cluster, Reading, side_by_side

R = TypeVar("R")


class Moment:
    """The server's time at the last reading, for the ages in a table."""

    def __init__(self) -> None:
        self.date: datetime | None = None

    def __call__(self) -> datetime | None:
        """Tell it."""
        return self.date

    def take(self, readings: Sequence[Reading]) -> None:
        """Set it to the latest of what was read."""
        self.date = _date(readings)


def _date(readings: Sequence[Reading]) -> datetime | None:
    dates = [r.snapshot.date for r in readings if r.snapshot and r.snapshot.date]
    return max(dates, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round(Generic[R]):
    """What one round gave: *rows* as they are shown, out of *all_rows*."""

    readings: Sequence[Reading]
    coverages: Sequence[Coverage]
    all_rows: Sequence[R]
    rows: Sequence[R]
    unmatched: tuple[str, ...]

    @property
    def date(self) -> datetime | None:
        """The servers' time."""
        return _date(self.readings)

    @property
    def latest(self) -> datetime | None:
        """The time of the newest sample."""
        found = [r.snapshot for r in self.readings if r.snapshot]
        samples = [
            *(row.metrics for snapshot in found for row in snapshot.pods),
            *(row.metrics for snapshot in found for row in snapshot.nodes),
        ]
        stamps = [m.timestamp for m in samples if m and m.timestamp]
        return max(stamps, default=None)

    @property
    def sources(self) -> list[Source]:
        """Where the rows are from, for machine outputs."""
        return [
            Source(
                context=reading.context,
                coverage=coverage if reading.snapshot else None,
                snapshot=reading.snapshot,
                error=str(reading.error) if reading.error else "",
            )
            for reading, coverage in zip(self.readings, self.coverages, strict=True)
        ]


class Rounds(Generic[R]):
    """Reads the same clusters for the same plan, again and again."""

    def __init__(
        self,
        args: Namespace,
        wanted: Plan[R],
        moment: Moment,
        clusters: Sequence[Cluster],
    ) -> None:
        self._plan = wanted
        self._moment = moment
        self._clusters = clusters
        self._options = reads(args, wanted.view)

    def take(self) -> Round[R]:
        """Read everything once."""
        with Bar.for_(self._clusters) as bar:
            calls = [self._call(cluster, bar) for cluster in self._clusters]
            readings = side_by_side(calls)
        self._moment.take(readings)
        return self._round(readings)

    def _call(self, cluster: Cluster, bar: Bar) -> Callable[[], Reading]:
        return lambda: cluster.read(
            lambda config: {**self._options(config), "progress": bar.progress}
        )

    def _round(self, readings: Sequence[Reading]) -> Round[R]:
        found = [self._find(reading) for reading in readings]
        rows = [row for part in found for row in part.rows]
        names = [name for part in found for name in part.names]
        return Round(
            readings=readings,
            coverages=[part.coverage for part in found],
            all_rows=rows,
            rows=self._plan.arrangement.apply(rows),
            unmatched=self._unmatched(readings, names),
        )

    def _unmatched(
        self, readings: Sequence[Reading], names: Sequence[str]
    ) -> tuple[str, ...]:
        """Return the names that nothing has; it takes everything to be sure."""
        part: PartName = "nodes" if self._plan.view.of_nodes else "pods"
        sure = all(r.snapshot and not r.snapshot.error(part) for r in readings)
        return self._plan.choice.unmatched(names) if sure else ()

    def _find(self, reading: Reading) -> Found[R]:
        if reading.snapshot is None:
            return Found((), Coverage(), ())
        return self._plan.view.find(
            reading.context, reading.snapshot, self._plan.choice
        )
