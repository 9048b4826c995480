"""Reads ranges of a recorded file: `open_history` for scripts, and what views need.

with open_history("prod.db") as history:
    for trace in history.traces(namespace="team-a"):
        print(trace.name, trace.container, history.figures([trace]).core_seconds)
"""

from __future__ import annotations

import json
import os
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

from ..errors import HistoryError, check_type
from ..jsonread import as_object, as_text
from ..times import rfc3339_of
from .figures import CoveredSample, Figures, Hour, Trace, figures, figures_of
from .histogram import decoded
from .integrate import TOLERANCE
from .steps import Columns
from .store import (
    LAST_SECOND,
    cadence_of,
    damage_of,
    meta,
    open_reading,
    texts,
    whole_numbers,
)

if TYPE_CHECKING:
    from .store import Connection

K = TypeVar("K", bound="tuple[str, ...]")
_HOUR: Final = 3600
_LEAD: Final = 900
"""Seconds before a range in which the sample before its first one is looked for."""
_BRIEF: Final = frozenset({"init", "ephemeral"})
"""The roles of what ends long before its pod does."""


class HistoryGap(NamedTuple):
    """A time without samples, in seconds, and why."""

    since: int
    until: int
    cause: str


class PodSilence(NamedTuple):
    """A time in which a pod ran without samples, in seconds, and the reason of then."""

    namespace: str
    name: str
    since: int
    until: int
    reason: str


class History:
    """A recorded file, open to be read; close it, or use it in a ``with``."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a file.

        Raises:
            HistoryError: it cannot be read, or has no samples yet.
        """
        check_type("path", path, "FilePath")
        self.path: Path = Path(path)
        self._connection: Connection = open_reading(path)
        try:
            self._about, first, last, newest = self._begin()
            self._step = max(cadence_of(self.path, self._about), 1)
        except BaseException:
            self.close()
            raise
        self.first: int = first
        self.last: int = last
        # The newest sample is some seconds older than the round that brought it: what
        # is after it was not missed, but is not over.
        fresh = 0 <= last - newest <= _FRESH * self._step
        self._end = newest if fresh else last

    def _begin(self) -> tuple[dict[str, str], int, int, int]:
        """Return what the file says of itself, its first and last second, its newest.

        The newest sample is meant, which is among the recent ones if it is not old.
        """
        with damage_of(self.path):
            about = meta(self._connection)
            first, last, newest = self._connection.execute(
                "SELECT min(at), max(at), (SELECT max(at) FROM recent) FROM round"
            ).fetchone()
            if first is None:
                raise HistoryError(f"{self.path}: it has no samples yet")
            texts(self.path, *about.values())
            # Old rounds of which nothing is to be told are dropped before hours are.
            known = (int(about.get(key, "0")) for key in ("created", "hours_from"))
            first = min(first, max(known) or first)
        newest = first if newest is None else newest
        whole_numbers(self.path, first, last, newest, most=LAST_SECOND)
        return about, first, last, newest

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def __repr__(self) -> str:
        """Return the file and the range of time that it has."""
        since, until = map(rfc3339_of, self.range())
        return f"<History {self.path}: {since} to {until}>"

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @property
    def context(self) -> str:
        """The kubeconfig context that was recorded."""
        return self._about.get("context", "")

    @property
    def step(self) -> int:
        """The provider's cadence in whole seconds."""
        return self._step

    def range(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[int, int]:
        """Return a range in seconds, cut to what was recorded.

        Without *until* it ends with the newest sample, or where this is old, with the
        last round that looked for one.
        """
        end = self._end if until is None else min(int(until.timestamp()), self._end)
        begin = self._earliest if since is None else int(since.timestamp())
        return max(begin, self._earliest), end

    @property
    def _earliest(self) -> int:
        """The first round less a cadence: its samples are of the time before it."""
        return self.first - self.step

    def traces(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        namespace: str | None = None,
        kind: str = "pod",
        keep: Callable[[Trace], bool] | None = None,
    ) -> tuple[Trace, ...]:
        """Return each series of pods' containers (or of nodes) in a range."""
        return tuple(
            self.iter_traces(
                since=since, until=until, namespace=namespace, kind=kind, keep=keep
            )
        )

    def iter_traces(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        namespace: str | None = None,
        kind: str = "pod",
        keep: Callable[[Trace], bool] | None = None,
    ) -> Iterator[Trace]:
        """Read what `traces` returns one by one, in bounded memory.

        They come by namespace, name and container.
        """
        bounds = self.range(since, until)
        with damage_of(self.path):
            wanted = self._wanted(bounds, kind, namespace, keep)
            for found in self._read(wanted, bounds):
                yield _whole(*found)

    def figures_by(
        self,
        key: Callable[[Trace], K],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        step: int | None = None,
        kind: str = "pod",
        keep: Callable[[Trace], bool] | None = None,
    ) -> Iterator[tuple[K, Figures]]:
        """Return the figures of the sum of what has the same *key*, in its order.

        Samples are read series by series and none is kept, so that memory is bounded.
        """
        bounds = self.range(since, until)
        grid = (*bounds, step or self.step)
        with damage_of(self.path):
            found = self._wanted(bounds, kind, None, keep)
            keyed = sorted(((key(t), i, r, t) for i, r, t in found), key=itemgetter(0))
            read = self._read([(i, r, t) for _, i, r, t in keyed], bounds)
            for each, same in groupby(keyed, key=itemgetter(0)):
                count = len(list(same))
                yield each, figures_of(islice(read, count), count, grid)

    def _wanted(
        self,
        bounds: tuple[int, int],
        kind: str,
        namespace: str | None,
        keep: Callable[[Trace], bool] | None,
    ) -> list[tuple[int, str, Trace]]:
        found = self._bare(*bounds, kind, namespace)
        return [(i, r, t) for i, r, t in found if keep is None or keep(t)]

    def _read(
        self, wanted: Sequence[tuple[int, str, Trace]], bounds: tuple[int, int]
    ) -> Iterator[tuple[Trace, Columns]]:
        """Return each series and its samples, which are not put into the trace."""
        size = self._at_once(len(wanted), bounds)
        for first in range(0, len(wanted), size):
            batch = wanted[first : first + size]
            # What is recent is read first: what settles meanwhile is met twice, which
            # is told by its time, and never missed.
            recent = self._recent(*bounds, {i for i, _, _ in batch})
            for series, role, trace in batch:
                yield self._filled(series, role, trace, bounds, recent.get(series))

    def _at_once(self, count: int, bounds: tuple[int, int]) -> int:
        """Return of how many series of *count* the recent samples fit into memory.

        These lie by time: each time some are looked for, all of the range are read.
        """
        if count <= _FEW:
            return max(count, 1)
        rows: int = self._connection.execute(
            "SELECT count(*) FROM recent WHERE at>? AND at<=?",
            (bounds[0] - _LEAD, bounds[1]),
        ).fetchone()[0]
        return max(count // (rows // _MOST + 1), 1)

    def figures(
        self,
        traces: Sequence[Trace],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        step: int | None = None,
    ) -> Figures:
        """Return the figures of one trace, or of the sum of several."""
        begin, end = self.range(since, until)
        with damage_of(self.path):
            return figures(traces, begin, end, step or self.step)

    def silences(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[PodSilence, ...]:
        """Return when pods had no samples although others had, and why."""
        begin, end = self.range(since, until)
        with damage_of(self.path):
            rows = self._connection.execute(_SILENCES, (begin, end)).fetchall()
            for space, name, *_, reason in rows:
                texts(self.path, space, name, reason)
        return tuple(
            PodSilence(space, name, max(at, begin), min(last or end, end), reason)
            for space, name, at, last, reason in rows
        )

    def labels(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        kind: str = "pod",
    ) -> dict[str, Mapping[str, str]]:
        """Return the labels of pods (or nodes) as they were last in a range, by uid."""
        begin, end = self.range(since, until)
        found: dict[str, Mapping[str, str]] = {}
        with damage_of(self.path):
            for uid, body in self._connection.execute(
                _LAST_VERSIONS, (kind, self._seen(end), begin)
            ):
                texts(self.path, uid, body)
                metadata = as_object(as_object(json.loads(body)).get("metadata"))
                labels = as_object(metadata.get("labels"))
                found[uid] = {name: as_text(labels[name]) for name in labels}
        return found

    def gaps(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[HistoryGap, ...]:
        """Return the times in which no sample of anything came, and their causes."""
        begin, end = self.range(since, until)
        with damage_of(self.path):
            rows = self._connection.execute(_ROUNDS, (begin, end)).fetchall()
            thinned = int(self._about.get("raw_from", "0"))
        found = _gaps(rows, self.last, 4 * self.step, thinned)
        return tuple(
            HistoryGap(max(gap.since, begin), min(gap.until, end), gap.cause)
            for gap in found
            if gap.since < end and gap.until > begin
        )

    def _bare(
        self, begin: int, end: int, kind: str, namespace: str | None
    ) -> Iterator[tuple[int, str, Trace]]:
        rows = self._connection.execute(
            "SELECT s.id, s.role, s.container, o.id, o.kind, o.namespace, o.name,"
            " o.node, o.template, o.uid, o.seen, o.gone, w.kind, w.name"
            " FROM series s JOIN object o ON o.id=s.object"
            " LEFT JOIN owner w ON w.id=o.owner"
            " WHERE o.kind=? AND o.seen<=? AND (o.gone IS NULL OR o.gone>?)"
            " AND (? IS NULL OR o.namespace=?)"
            " ORDER BY o.namespace, o.name, s.container",
            (kind, self._seen(end), begin, namespace, namespace),
        ).fetchall()
        ooms, starts = self._events(begin, end)
        for series, role, container, known, *rest in rows:
            kept, space, name, node, template, uid, seen, gone, of, owner = rest
            words = (container, kept, space, name, node, template, uid)
            texts(self.path, role, *words, of or "", owner or "")
            place = (known, container)
            yield (
                series,
                role,
                Trace(
                    kind=kept,
                    namespace=space,
                    name=name,
                    container=container,
                    node=node,
                    owner_kind=of or "",
                    owner=owner or "",
                    template=template,
                    uid=uid,
                    since=max(begin, seen),
                    until=min(end, end if gone is None else gone),
                    restarts=starts.get(place, 0),
                    oom_kills=ooms.get(place, 0),
                ),
            )

    def _seen(self, end: int) -> int:
        """Return until when an object was seen first that may have samples by *end*."""
        return self.last if end == self._end else end

    def _events(
        self, begin: int, end: int
    ) -> tuple[dict[tuple[int, str], int], dict[tuple[int, str], int]]:
        """Return OOM kills and restarts in a range: a first start is no restart."""
        ooms: dict[tuple[int, str], int] = {}
        starts: dict[tuple[int, str], int] = {}
        for known, container, count in self._connection.execute(
            "SELECT object, container, count(*) FROM event WHERE kind='oom_killed'"
            " AND at>? AND at<=? AND object IS NOT NULL GROUP BY 1, 2",
            (begin, end),
        ):
            ooms[known, container] = count
        for known, container, count in self._connection.execute(
            "SELECT e.object, e.container, count(*) FROM event e WHERE"
            " e.kind='started' AND e.at>? AND e.at<=? AND e.at>(SELECT min(f.at) FROM"
            " event f WHERE ifnull(f.object, 0)=ifnull(e.object, 0) AND"
            " f.container=e.container AND"
            " f.kind='started') GROUP BY 1, 2",
            (begin, end),
        ):
            starts[known, container] = count
        return ooms, starts

    def _recent(self, begin: int, end: int, wanted: set[int]) -> dict[int, array[int]]:
        """Return the samples of *wanted* series that are not settled yet, in order.

        Each is four numbers of its series' array: an object each takes ten times as
        much memory.
        """
        found = {series: array("q") for series in wanted}
        (oldest,) = self._connection.execute("SELECT min(at) FROM recent").fetchone()
        if oldest is None:
            return found
        # They lie by time, and those of a few series are found sooner in each second.
        first = max(begin - _LEAD + 1, oldest)
        if first > end:
            return found
        of_few = len(wanted) <= _FEW and end - first <= _FEW_SECONDS
        rows = self._connection.execute(
            _EACH_SECOND.format(wanted=",".join(map(str, sorted(wanted))))
            if of_few
            else _WHOLE_RANGE,
            (first, end),
        )
        for series, *sample in rows:
            if (kept := found.get(series)) is not None:
                kept.extend(sample)
        return found

    def _filled(
        self,
        series: int,
        role: str,
        trace: Trace,
        bounds: tuple[int, int],
        recent: array[int] | None,
    ) -> tuple[Trace, Columns]:
        begin, end = bounds
        hours = tuple(self._hours(series, begin, end))
        raw = hours[-1].hour + _HOUR - 1 if hours else begin
        rows = self._connection.execute(
            "SELECT at, window, cpu, memory FROM settled"
            " WHERE series=? AND at>? AND at<=? ORDER BY at",
            (series, raw - _LEAD, end),
        ).fetchall()
        samples = _covered(rows, recent, raw)
        since, until = trace.since, trace.until
        if samples.ats:
            first = samples.ats[0] - samples.covered[0] // 1000
            since = min(since, max(first, begin))
            until = samples.ats[-1] if role in _BRIEF else until
        return replace(trace, hours=hours, since=since, until=until), samples

    def _hours(self, series: int, begin: int, end: int) -> Iterator[Hour]:
        """Return the hours whose samples are gone."""
        raw = -(-int(self._about.get("raw_from", "0")) // _HOUR) * _HOUR
        if begin == self._earliest:  # of the hour in which all began, all is wanted
            begin = begin // _HOUR * _HOUR
        if raw <= begin:
            return
        for hour, samples, covered, cpu, top, blob, *memory in self._connection.execute(
            "SELECT hour, samples, covered, cpu_ns, cpu_max, cpu_histogram,"
            " memory_bs, memory_max, memory_last, cpu_missing, memory_missing FROM hour"
            " WHERE series=? AND hour>=? AND hour<? AND hour<=? ORDER BY hour",
            (series, -(-begin // _HOUR) * _HOUR, raw, end - _HOUR),
        ):
            histogram: dict[int, int] = {}
            with suppress(ValueError):
                histogram = decoded(blob or b"")
            yield Hour(hour, samples, covered, cpu, top, histogram, *memory)


_SILENCES: Final = """
SELECT o.namespace, o.name, e.at, e.until, e.detail
FROM event e JOIN object o ON o.id=e.object
WHERE e.kind='unmeasured' AND o.kind='pod' AND e.at<?2 AND ifnull(e.until, ?2)>?1
ORDER BY e.at, o.namespace, o.name
"""
_LAST_VERSIONS: Final = """
SELECT o.uid, v.body FROM object o JOIN version v ON v.object=o.id
WHERE o.kind=?1 AND o.seen<=?2 AND (o.gone IS NULL OR o.gone>?3) AND v.since=
  (SELECT max(w.since) FROM version w WHERE w.object=o.id AND w.since<=?2)
"""
_FRESH: Final = 2
"""Cadences for which a sample may be the newest although all is well."""
_ROUNDS: Final = """
SELECT at, fresh, missed, error FROM round
WHERE at>=ifnull((SELECT max(at) FROM round WHERE at<=?1 AND fresh>0), 0)
  AND at<=ifnull((SELECT min(at) FROM round WHERE at>=?2 AND fresh>0), at)
ORDER BY at
"""
"""The rounds of a range, from the one with samples before it to the one after it."""
_FEW: Final = 200
_FEW_SECONDS: Final = 1_000_000
"""Recent samples are of hours; a damaged date must not have us count for years."""
_MOST: Final = 3_000_000
"""Recent samples that are in memory at once: 32 bytes each."""
_UNKNOWN: Final = -(1 << 63)
"""What stands in an array for what a sample lacks."""
_VALUES: Final = f"r.cpu, {_UNKNOWN}), ifnull(r.memory, {_UNKNOWN})"
_EACH_SECOND: Final = (
    "WITH RECURSIVE second(at) AS (SELECT ? UNION ALL SELECT at+1 FROM second"  # noqa: S608
    f" WHERE at<?) SELECT r.series, r.at, r.window, ifnull({_VALUES} FROM second s"
    " CROSS JOIN recent r ON r.at=s.at AND r.series IN ({wanted}) ORDER BY r.at"
)
_WHOLE_RANGE: Final = (
    f"SELECT r.series, r.at, r.window, ifnull({_VALUES} FROM recent r"  # noqa: S608
    " WHERE r.at>=? AND r.at<=? ORDER BY r.at"
)


def _covered(
    rows: Sequence[tuple[Any, ...]], recent: array[int] | None, begin: int
) -> Columns:
    """Return the samples after *begin*, each with the time that it covers.

    They are settled *rows* and *recent* ones; of what is both the settled one counts.
    """
    ats, windows, cpu, memory = map(list, zip(*rows, strict=True)) if rows else _no()
    if recent:
        late = bisect_right(recent[::4], ats[-1]) if ats else 0
        ats += recent[late * 4 :: 4]
        windows += recent[late * 4 + 1 :: 4]
        cpu += _known(recent[late * 4 + 2 :: 4])
        memory += _known(recent[late * 4 + 3 :: 4])
    if windows and min(windows) < 0:  # of a damaged file: it covers nothing
        windows = [max(window, 0) for window in windows]
    # As `integrate.cover` judges samples in their order, without a value for each.
    covered = windows[:1] + [
        window if window - (at - last) * 1000 <= TOLERANCE else (at - last) * 1000
        for last, at, window in zip(ats, ats[1:], windows[1:], strict=False)
    ]
    first = bisect_right(ats, begin)
    return Columns(ats[first:], covered[first:], cpu[first:], memory[first:])


def _no() -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    return [], [], [], []


def _known(values: array[int]) -> Sequence[int | None]:
    if _UNKNOWN not in values:
        return values
    return [None if value == _UNKNOWN else value for value in values]


def _whole(trace: Trace, samples: Columns) -> Trace:
    """Put the samples of a series into it."""
    return replace(
        trace, samples=tuple(map(CoveredSample._make, zip(*samples, strict=True)))
    )


def _gaps(
    rows: Sequence[Sequence[Any]], end: int, longest: int, thinned: int
) -> Iterator[HistoryGap]:
    """Return what lies between rounds that brought something, if it is long.

    The last gap may go on until the *end*. Before *thinned* only rounds are left that
    tell of gaps: time between others tells of none.
    """
    last = rows[0][0] if rows else end
    asked: list[tuple[int, str]] = []
    for at, fresh, missed, error in (*rows, (end, 1, 0, None)):
        if not fresh:
            asked.append((at, str(error or "")))
            continue
        begin = last
        if last < thinned:
            first = asked[0][0] if asked else last if missed else at
            begin = last if first - last <= longest else first
        if at - begin > longest:
            yield HistoryGap(begin, at, _cause(asked))
        last, asked = at, []


def _cause(asked: Sequence[tuple[int, str]]) -> str:
    """Return the last failure of rounds that brought nothing."""
    errors = [error for _, error in asked if error]
    return errors[-1] if errors else _STILL if asked else _NOBODY


_NOBODY: Final = "NotRecorded"
_STILL: Final = "no new samples"
"""Causes of a gap in which nobody asked, and in which nothing new was answered."""


def open_history(path: str | os.PathLike[str]) -> History:
    """Open a file of ``kubemetrics record`` to read it; a writer may go on.

    Raises:
        HistoryError: it cannot be read, or has no samples yet.
    """
    return History(path)
