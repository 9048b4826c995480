"""What is done to the file between polls, a portion at a time.

Rounds are appended to ``recent``; slices of 15 minutes are moved to ``settled``, where
the samples of a series lie together. When an hour has settled its rows are written,
from which weeks are read. What is older than is kept is deleted, and then what nothing
refers to any more. Each portion is one transaction and can be done again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from ..times import rfc3339_of
from .histogram import BUCKETS, EDGES, encoded
from .integrate import TOLERANCE, byte_seconds, cover, in_start, nanoseconds_of_cpu
from .store import can_limit_analysis, meta, set_meta, transaction

if TYPE_CHECKING:
    from .rounds import SampleRound
    from .store import Connection

SLICE: Final = 900
"""Seconds of time that settle at once, when they are as old."""
HOUR: Final = 3600
_DAY: Final = 86_400
_PORTION: Final = 1000
"""Series in one transaction."""
_FULL: Final = 0.9
"""The share of the largest size from which old samples go: a slice needs room."""


def due_at(found: SampleRound) -> int | None:
    """Return the time by which what is old is judged; nothing, if a round tells none.

    The server's clock and that of the newest sample must agree that it is so late: one
    that is wrong deletes nothing.
    """
    fresh = [reading.at for reading in found.readings if reading.fresh]
    return min(found.at, max(fresh)) if fresh else None


class Kept(NamedTuple):
    """How long samples and hours are kept, in seconds, and the most bytes, if any."""

    samples: int = 3 * _DAY
    hours: int = 90 * _DAY
    size: int | None = None


class HourRow(NamedTuple):
    """What is kept of a series in an hour: the columns of the table.

    *cpu_missing* and *memory_missing* are what of *covered* lacks that resource.
    """

    samples: int
    covered: int
    start: int
    cpu_ns: int | None
    cpu_max: int | None
    cpu_histogram: bytes | None
    memory_bs: int | None
    memory_max: int | None
    memory_min: int | None
    memory_last: int | None
    cpu_missing: int
    memory_missing: int


_SampleRow = tuple[int, int, int | None, int | None]
"""Its time, window, CPU and memory."""


def hour_row(
    samples: Iterable[_SampleRow], last: int | None, starts: Sequence[int]
) -> HourRow:
    """Return the row of an hour's samples, of which there is one at least.

    *last* is the sample before them, *starts* are the times at which it began.
    """
    born = starts[0] if starts else None
    count = total = start = cpu_sum = memory_sum = cpu_missing = memory_missing = 0
    histogram = [0] * BUCKETS
    cpus: list[int] = []
    memories: list[int] = []
    for at, window, cpu, memory in samples:
        covered = window
        if last is None or at <= last or abs((at - last) * 1000 - window) > TOLERANCE:
            covered = cover(at, window, last, born).covered
        last = at
        count += 1
        total += covered
        began = bool(starts) and _in_start(at, covered, starts)
        if began:
            start += covered
        if cpu is None:
            cpu_missing += covered
        else:
            cpu_sum += cpu * covered
            cpus.append(cpu)
            if not began:
                index = bisect_right(EDGES, cpu) - 1
                histogram[min(index, BUCKETS - 1)] += covered
        if memory is None:
            memory_missing += covered
        else:
            memory_sum += memory * covered
            memories.append(memory)
    return HourRow(
        count,
        total,
        start,
        nanoseconds_of_cpu(cpu_sum) if cpus else None,
        max(cpus, default=None),
        encoded(dict(enumerate(histogram))) if cpus else None,
        byte_seconds(memory_sum) if memories else None,
        max(memories, default=None),
        min(memories, default=None),
        memories[-1] if memories else None,
        cpu_missing,
        memory_missing,
    )


def _in_start(at: int, covered: int, starts: Sequence[int]) -> bool:
    index = bisect_right(starts, at)
    return in_start(at, covered, starts[index - 1] if index else None)


class Upkeep:
    """Settles, sums up and deletes, a portion at each `work`.

    *size* returns the bytes of the file; *say* is told in a line what was given up.
    """

    def __init__(
        self,
        connection: Connection,
        kept: Kept = Kept(),  # noqa: B008 - a value
        *,
        size: Callable[[], int] = int,
        say: Callable[[str], object] = str,
    ) -> None:
        self._connection = connection
        self._kept = kept
        self._size = size
        self._say = say
        self._hours_at = 0
        self._deleting: _Deletion | None = None
        self._gave_up = False

    def work(self, now: int) -> bool:
        """Do one portion, by the server's clock; return whether there was any."""
        return (
            self._settle(now)
            or self._sum_up(now)
            or self._delete(now)
            or self._analyze(now)
        )

    # slices

    def _settle(self, now: int) -> bool:
        oldest = self._oldest()
        if oldest is None or (oldest // SLICE + 2) * SLICE > now:
            return False
        begin = oldest // SLICE * SLICE
        with transaction(self._connection):
            self._connection.execute(
                "INSERT OR IGNORE INTO settled SELECT series, at, window, cpu, memory"
                " FROM recent WHERE at < ? ORDER BY series, at",
                (begin + SLICE,),
            )
            self._connection.execute(
                "DELETE FROM recent WHERE at < ?", (begin + SLICE,)
            )
            self._sum_up_again(begin)
        return True

    def _oldest(self) -> int | None:
        found: tuple[int | None]
        found = self._connection.execute("SELECT min(at) FROM recent").fetchone()
        return found[0]

    def _settled_until(self, now: int) -> int:
        until = (now // SLICE - 1) * SLICE
        oldest = self._oldest()
        return until if oldest is None else min(until, oldest // SLICE * SLICE)

    def _sum_up_again(self, begin: int) -> None:
        """Write an hour again for what came late, if it still has its samples."""
        hour = begin // HOUR * HOUR
        if self._number("raw_from") <= hour < self._number("hours_until"):
            set_meta(self._connection, hours_until=str(hour))
            self._hours_at = 0

    # hours

    def _sum_up(self, now: int) -> bool:
        hour = self._number("hours_until") or self._first_hour()
        if hour is None or hour + HOUR > self._settled_until(now):
            return False
        ids = self._portion(self._hours_at) if self._has_rounds(hour) else []
        with transaction(self._connection):
            if ids:
                self._connection.executemany(
                    f"INSERT OR REPLACE INTO hour VALUES ({', '.join('?' * 14)})",  # noqa: S608
                    list(self._hour_rows(ids[0], ids[-1], hour)),
                )
            if len(ids) < _PORTION:
                set_meta(self._connection, hours_until=str(hour + HOUR))
        self._hours_at = ids[-1] if len(ids) == _PORTION else 0
        return True

    def _first_hour(self) -> int | None:
        """Return the hour before the first round, whose samples are a little older."""
        first = self._connection.execute("SELECT min(at) FROM round").fetchone()[0]
        return None if first is None else (first // HOUR - 1) * HOUR

    def _has_rounds(self, hour: int) -> bool:
        """Whether anything was recorded about then: a month of nothing is skipped."""
        found = self._connection.execute(
            "SELECT 1 FROM round WHERE at >= ? AND at < ? AND fresh > 0 LIMIT 1",
            (hour, hour + 2 * HOUR),
        )
        return found.fetchone() is not None

    def _portion(self, after: int) -> list[int]:
        found = self._connection.execute(
            "SELECT id FROM series WHERE id > ? ORDER BY id LIMIT ?", (after, _PORTION)
        )
        return [number for (number,) in found]

    def _hour_rows(
        self, first: int, last: int, hour: int
    ) -> Iterator[Sequence[object]]:
        lasts: dict[int, int | None] = dict(
            self._connection.execute(
                "SELECT s.id, (SELECT max(a.at) FROM settled a WHERE a.series=s.id"
                " AND a.at < ?) FROM series s WHERE s.id BETWEEN ? AND ?",
                (hour, first, last),
            )
        )
        starts = self._starts(first, last)
        # CROSS JOIN: a seek for each series, in their order.
        samples = self._connection.execute(
            "SELECT s.id, a.at, a.window, a.cpu, a.memory FROM series s"
            " CROSS JOIN settled a ON a.series=s.id AND a.at >= ? AND a.at < ?"
            " WHERE s.id BETWEEN ? AND ? ORDER BY s.id, a.at",
            (hour, hour + HOUR, first, last),
        )
        for series, found in groupby(samples, itemgetter(0)):
            rows = (row[1:] for row in found)
            yield (
                series,
                hour,
                *hour_row(rows, lasts[series], starts.get(series, ())),
            )

    def _starts(self, first: int, last: int) -> dict[int, list[int]]:
        """Return when the containers of series started, in order."""
        starts: dict[int, list[int]] = {}
        found = self._connection.execute(
            "SELECT s.id, e.at FROM series s CROSS JOIN event e"
            " ON ifnull(e.object, 0)=s.object AND e.kind='started'"
            " AND (s.container='' OR e.container=s.container)"
            " WHERE s.id BETWEEN ? AND ? ORDER BY s.id, e.at",
            (first, last),
        )
        for series, at in found:
            starts.setdefault(series, []).append(at)
        return starts

    # what is old

    def _delete(self, now: int) -> bool:
        deleting = self._deleting or self._outdated(now) or self._too_large(now)
        if deleting is None:
            return False
        self._deleting = deleting
        ids = self._portion(deleting.after)
        with transaction(self._connection):
            if ids:
                bounds = (ids[0], ids[-1])
                self._delete_rows("settled", "at", deleting.samples, bounds)
                self._delete_rows("hour", "hour", deleting.hours, bounds)
            if len(ids) < _PORTION:
                self._delete_rest(deleting)
        self._deleting = None
        if len(ids) == _PORTION:
            self._deleting = deleting._replace(after=ids[-1])
        return True

    def _outdated(self, now: int) -> _Deletion | None:
        if self._first_hour() is None:
            return None
        until = self._number("hours_until")
        samples = min((now - self._kept.samples) // SLICE * SLICE, until)
        hours = (now - self._kept.hours) // HOUR * HOUR
        samples_from, hours_from = self._kept_from()
        if samples <= samples_from and hours <= hours_from:
            return None
        return _Deletion(max(samples, samples_from), max(hours, hours_from))

    def _too_large(self, now: int) -> _Deletion | None:
        """Give up the oldest slice, and then the oldest day of hours."""
        if self._kept.size is None or self._size() <= self._kept.size * _FULL:
            self._gave_up = False
            return None
        samples, hours = self._kept_from()
        until = self._number("hours_until")
        if samples + SLICE <= until:
            found = _Deletion(samples + SLICE, hours)
            self._note(now, f"samples before {rfc3339_of(found.samples)}")
        elif hours + _DAY <= until:
            found = _Deletion(samples, hours + _DAY)
            self._note(now, f"hours before {rfc3339_of(found.hours)}")
        else:
            return None
        return found

    def _note(self, now: int, what: str) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO event(at, kind, detail) VALUES (?, 'size', ?)",
            (now, f"{what} dropped"),
        )
        if not self._gave_up:
            self._say(f"the file has reached --max-size: {what} are dropped")
        self._gave_up = True

    def _kept_from(self) -> tuple[int, int]:
        """Return from when on there are samples, and hours."""
        first = self._first_hour() or 0
        return (
            self._number("raw_from") or first,
            self._number("hours_from") or first,
        )

    def _delete_rows(
        self, table: str, column: str, before: int, bounds: tuple[int, int]
    ) -> None:
        self._connection.execute(
            f"DELETE FROM {table} WHERE {column} < ? AND series IN"  # noqa: S608
            " (SELECT id FROM series WHERE id BETWEEN ? AND ?)",
            (before, *bounds),
        )

    def _delete_rest(self, deleted: _Deletion) -> None:
        """Delete what no sample and no hour needs any more, and say how far."""
        for script, bound in (
            (_OLD_VERSIONS, deleted.samples),
            (_QUIET_ROUNDS, deleted.samples),
            (_OLD_ROUNDS, deleted.hours),
            (_OLD_EVENTS, deleted.hours),
            (_EMPTY_SERIES, deleted.samples - HOUR),
            (_EMPTY_OBJECTS, deleted.samples - HOUR),
        ):
            self._connection.execute(script, (bound,))
        self._connection.execute(_EMPTY_OWNERS)
        set_meta(
            self._connection,
            raw_from=str(deleted.samples),
            hours_from=str(deleted.hours),
        )

    # statistics

    def _analyze(self, now: int) -> bool:
        """Let the planner know the sizes: once there is something, and daily."""
        due = now - self._number("analyzed") >= _DAY and self._number("hours_until")
        if not due or not can_limit_analysis():
            return False
        self._connection.execute("PRAGMA analysis_limit = 400").fetchone()
        self._connection.execute("ANALYZE")
        set_meta(self._connection, analyzed=str(now))
        return True

    def _number(self, key: str) -> int:
        return int(meta(self._connection).get(key, "0"))


class _Deletion(NamedTuple):
    """Delete *samples* and *hours* before these times, of the series *after* one."""

    samples: int
    hours: int
    after: int = 0


_OLD_VERSIONS: Final = (
    "DELETE FROM version WHERE since < (SELECT max(v.since) FROM version v"
    " WHERE v.object=version.object AND v.since <= ?)"
)
_QUIET_ROUNDS: Final = """
DELETE FROM round WHERE at < ? AND error IS NULL AND missed = 0
AND NOT EXISTS (SELECT 1 FROM round n WHERE (n.error IS NOT NULL OR n.missed > 0)
  AND n.at IN ((SELECT min(m.at) FROM round m WHERE m.at > round.at),
               (SELECT max(m.at) FROM round m WHERE m.at < round.at)))
"""
"""Those before and after a loud one stay: they tell how long a gap was."""
_OLD_ROUNDS: Final = "DELETE FROM round WHERE at < ?"
_OLD_EVENTS: Final = "DELETE FROM event WHERE at < ? AND object IS NULL"
_EMPTY_SERIES: Final = (
    "DELETE FROM series WHERE object IN (SELECT id FROM object WHERE gone < ?)"
    " AND NOT EXISTS (SELECT 1 FROM settled a WHERE a.series=series.id)"
    " AND NOT EXISTS (SELECT 1 FROM hour h WHERE h.series=series.id)"
    " AND id NOT IN (SELECT series FROM recent)"
)
_EMPTY_OBJECTS: Final = (
    "DELETE FROM object WHERE gone < ?"
    " AND NOT EXISTS (SELECT 1 FROM series s WHERE s.object=object.id)"
)
_EMPTY_OWNERS: Final = (
    "DELETE FROM owner WHERE NOT EXISTS (SELECT 1 FROM object o WHERE o.owner=owner.id)"
)
