"""What becomes of samples in time: slices, hours, and what is kept no longer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubemetrics.history import store, upkeep
from kubemetrics.history.histogram import bucket, decoded, percentile_edge
from kubemetrics.history.integrate import Sample, in_start, integrate, percentile
from kubemetrics.history.recorder import Recorder
from kubemetrics.history.store import Writing, meta, pragma, transaction
from kubemetrics.history.upkeep import HOUR, Kept, Upkeep, due_at, hour_row

from .making import T0, Past, a_pod, a_sample

DAY = 24 * HOUR


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Writing]:
    with closing(Writing(tmp_path / "a.db")) as made:
        yield made


def rows(writing: Writing, query: str) -> list[Any]:
    found = writing.connection.execute(query).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


def count(writing: Writing, table: str) -> int:
    found: int = rows(writing, f"SELECT count(*) FROM {table}")[0]  # noqa: S608
    return found


def filled(
    writing: Writing, ats: Sequence[int], *names: str, cadence: int = 15
) -> None:
    """Record a round at each of these times, of pods that use more and more."""
    past, recorder = Past(), Recorder(writing)
    pods = [a_pod(name) for name in names or ("web",)]
    for index, at in enumerate(ats):
        samples = [
            a_sample(pod, at, cpu=f"{index % 500 + 1}m", window=cadence) for pod in pods
        ]
        recorder.write(past.round(at, *pods, samples=samples))


def finished(upkeep: Upkeep, at: int) -> int:
    """Do all that there is to do then; return how much that was."""
    done = 0
    while upkeep.work(T0 + at):
        done += 1
        assert done < 10_000
    return done


def test_a_sample_takes_less_than_28_bytes_of_the_file_with_what_moving_it_leaves_free(
    writing: Writing,
) -> None:
    """With its share of pods, versions and hours it is less than 32."""
    dice, connection, series, empty = Random(1), writing.connection, 300, 0  # noqa: S311
    work = Upkeep(connection).work
    for at in range(0, 2 * HOUR + 900, 15):
        with transaction(connection):
            connection.executemany(
                "INSERT INTO recent VALUES (?, ?, ?, ?, ?)",
                [
                    (
                        T0 + at,
                        200 + number,  # of two bytes, as nearly all are
                        dice.randrange(14_000, 16_000),
                        dice.randrange(10**9),
                        dice.randrange(2**31),
                    )
                    for number in range(series)
                ],
            )
        empty = empty or pragma(connection, "page_count")
        while work(T0 + at):
            pass
    taken = (pragma(connection, "page_count") - empty) * pragma(connection, "page_size")
    assert taken / (series * (2 * 240 + 60)) < 28


SAMPLES = st.lists(
    st.builds(
        Sample,
        st.integers(0, 4000),
        st.integers(0, 20_000),
        st.none() | st.integers(0, 10**12),
        st.none() | st.integers(0, 2**40),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda sample: sample.at,
)


@settings(max_examples=40)
@given(SAMPLES, st.none() | st.integers(-100, 0), st.lists(st.integers(-50, 4000)))
def test_the_row_of_an_hour_is_what_its_samples_add_up_to(
    samples: list[Sample], last: int | None, starts: list[int]
) -> None:
    samples.sort()
    starts.sort()
    row = hour_row(samples, last, starts)
    total = integrate(samples, born=starts[0] if starts else None, last=last)
    cpus = [s.cpu for s in samples if s.cpu is not None]
    memories = [s.memory for s in samples if s.memory is not None]
    assert (row.samples, row.covered) == (len(samples), total.covered)
    assert (row.cpu_missing, row.memory_missing) == (
        total.cpu_missing, total.memory_missing,
    )  # fmt: skip
    assert (row.cpu_ns or 0) == total.cpu // 1000
    assert (row.memory_bs or 0) == total.memory // 1000
    assert (row.cpu_max, row.memory_max, row.memory_min) == (
        max(cpus, default=None), max(memories, default=None),
        min(memories, default=None),
    )  # fmt: skip
    assert row.memory_last == (memories[-1] if memories else None)
    assert (row.cpu_histogram is None) == (row.cpu_ns is None) == (not cpus)
    if len(cpus) == len(samples):
        histogram = decoded(row.cpu_histogram or b"")
        assert row.start + sum(histogram.values()) == row.covered


def test_what_runs_in_a_container_s_first_minute_is_in_no_histogram() -> None:
    samples = [
        (at, 15_000, 10**9 if at <= 60 else 10**6, 1) for at in range(15, 181, 15)
    ]
    row = hour_row(samples, None, [0])
    assert row.start == 60_000
    assert decoded(row.cpu_histogram or b"") == {bucket(10**6): 120_000}
    assert not in_start(75, 15_000, 0)


def test_a_percentile_of_hours_is_close_to_that_of_samples() -> None:
    samples = [(15 * i, 15_000, i * 3_000_000, 1) for i in range(1, 240)]
    row = hour_row(samples, 0, ())
    share = Fraction(95, 100)
    exact = percentile([(cpu, window) for _, window, cpu, _ in samples], share)
    edge = percentile_edge(decoded(row.cpu_histogram or b""), share)
    assert exact is not None
    assert edge is not None
    assert exact <= edge <= exact * 1.05 + 1_000_000


def test_slices_settle_when_they_are_as_old_as_long(writing: Writing) -> None:
    filled(writing, range(15, 1801, 15))
    before = rows(writing, "SELECT * FROM usage ORDER BY at")
    keeping = Upkeep(writing.connection)
    finished(keeping, 1799)
    assert count(writing, "settled") == 0
    assert finished(keeping, 1800) == 1
    assert rows(writing, "SELECT max(at) FROM settled") == [T0 + 885]
    assert rows(writing, "SELECT min(at) FROM recent") == [T0 + 900]
    assert rows(writing, "SELECT * FROM usage ORDER BY at") == before


def test_hours_are_written_when_their_last_slice_has_settled(writing: Writing) -> None:
    filled(writing, range(15, 3 * HOUR + 1, 15), "a", "b")
    keeping = Upkeep(writing.connection)
    finished(keeping, 2 * HOUR + 899)
    assert rows(writing, "SELECT DISTINCT hour FROM hour") == [T0]
    finished(keeping, 3 * HOUR)
    kept = rows(writing, "SELECT series, hour, samples, covered, cpu_ns FROM hour")
    for series, hour, samples, covered, cpu_ns in kept:
        query = (
            "SELECT at, window, cpu, memory FROM settled"
            " WHERE series=? AND at BETWEEN ? AND ? ORDER BY at"
        )
        bounds = (series, hour, hour + HOUR - 1)
        samples_of = writing.connection.execute(query, bounds).fetchall()
        found = integrate((Sample(*row) for row in samples_of), last=hour - 15)
        assert (samples, covered, cpu_ns) == (
            found.samples, found.covered, found.cpu // 1000,
        )  # fmt: skip
    assert [(hour - T0) // HOUR for _, hour, *_ in kept] == [0, 1, 0, 1]
    assert meta(writing.connection)["hours_until"] == str(T0 + 2 * HOUR)


def test_many_series_are_summed_up_in_portions(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_PORTION", 2)
    filled(writing, range(60, HOUR + 1, 60), "a", "b", "c", "d", "e")
    interrupted = Upkeep(writing.connection)
    while not count(writing, "hour"):
        assert interrupted.work(T0 + 2 * HOUR)
    assert count(writing, "hour") == 2
    finished(Upkeep(writing.connection), 2 * HOUR)
    assert count(writing, "hour") == 5


def test_many_series_go_in_portions(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_PORTION", 2)
    filled(writing, range(60, 5 * HOUR, 60), "a", "b", "c", "d", cadence=60)
    finished(Upkeep(writing.connection, Kept(samples=2 * HOUR)), 5 * HOUR)
    query = "SELECT series, min(at) FROM settled GROUP BY series"
    assert {at for _, at in rows(writing, query)} == {T0 + 3 * HOUR}
    assert count(writing, "hour") == 4 * 4


def test_what_comes_late_is_summed_up_again(writing: Writing) -> None:
    filled(writing, range(15, 2 * HOUR + 1, 15))
    keeping = Upkeep(writing.connection)
    finished(keeping, 3 * HOUR)
    covered = rows(writing, "SELECT covered FROM hour")
    filled(writing, [1805])
    finished(keeping, 4 * HOUR)
    found = rows(writing, "SELECT covered, samples FROM hour")
    assert [(a - b, n) for (a, n), b in zip(found, covered, strict=False)] == [
        (0, 240), (0, 240),
    ]  # fmt: skip


def test_what_comes_for_an_hour_whose_samples_are_gone_changes_it_no_more(
    writing: Writing,
) -> None:
    filled(writing, range(60, 6 * HOUR, 60), cadence=60)
    keeping = Upkeep(writing.connection, Kept(samples=2 * HOUR))
    finished(keeping, 6 * HOUR)
    before = rows(writing, "SELECT * FROM hour")
    filled(writing, [90], cadence=60)
    finished(keeping, 6 * HOUR)
    assert rows(writing, "SELECT * FROM hour") == before


def test_nothing_recorded_is_passed_over_at_once(writing: Writing) -> None:
    filled(writing, [*range(60, HOUR, 60), *range(30 * DAY, 30 * DAY + 2 * HOUR, 60)])
    done = finished(Upkeep(writing.connection), 30 * DAY + 3 * HOUR)
    assert done < 30 * 24 + 30
    assert len(rows(writing, "SELECT DISTINCT hour FROM hour")) == 3


def test_samples_go_when_they_are_old_and_their_hours_stay(writing: Writing) -> None:
    filled(writing, range(60, 10 * HOUR, 60), cadence=60)
    total = rows(writing, "SELECT sum(cpu * window) FROM recent")[0]
    keeping = Upkeep(writing.connection, Kept(samples=2 * HOUR))
    finished(keeping, 10 * HOUR)
    begin = T0 + 8 * HOUR
    assert rows(writing, "SELECT min(at) FROM settled") == [begin]
    assert meta(writing.connection)["raw_from"] == str(begin)
    hours = writing.connection.execute(
        "SELECT sum(cpu_ns) FROM hour WHERE hour < ?", (begin,)
    ).fetchone()[0]
    left = sum(
        rows(writing, f"SELECT sum(cpu * window) FROM {table}")[0]  # noqa: S608
        for table in ("settled", "recent")
    )
    assert hours * 1000 + left == total


def test_samples_wait_until_their_hour_is_written(writing: Writing) -> None:
    filled(writing, range(60, HOUR, 60), cadence=60)
    keeping = Upkeep(writing.connection, Kept(samples=60))
    finished(keeping, HOUR + 899)
    assert count(writing, "settled") + count(writing, "recent") == 59
    finished(keeping, HOUR + 900)
    assert count(writing, "hour") == 1
    assert count(writing, "settled") == 0


def test_a_pod_keeps_the_version_from_which_the_rest_is_read(writing: Writing) -> None:
    past, recorder = Past(), Recorder(writing)
    for at in range(0, 6 * HOUR, HOUR // 2):
        pod = a_pod(labels={"at": str(at)})
        recorder.write(past.round(at, pod))
    finished(Upkeep(writing.connection, Kept(samples=2 * HOUR)), 6 * HOUR)
    kept = rows(
        writing, "SELECT since FROM version JOIN object ON id=object WHERE kind='pod'"
    )
    assert [(since - T0) / HOUR for since in kept] == [4, 4.5, 5, 5.5]
    assert count(writing, "version") == 5, "the node's only one is older, and stays"


def test_rounds_that_tell_a_cause_stay_as_long_as_hours(writing: Writing) -> None:
    filled(writing, [60, 75, 90, 105, 300, 315, 330])
    writing.connection.execute("UPDATE round SET error='down' WHERE id=1")
    keeping = Upkeep(writing.connection, Kept(samples=HOUR, hours=DAY))
    finished(keeping, 5 * HOUR)
    left = rows(writing, "SELECT id FROM round")
    assert left == [1, 2, 4, 5, 6], "an error and a gap, and what was around them"
    writing.connection.execute("INSERT INTO event(at, kind) VALUES (0, 'clock')")
    finished(keeping, 3 * DAY)
    assert count(writing, "round") == count(writing, "hour") == 0
    assert rows(writing, "SELECT kind FROM event") == ["started"]


def test_of_pods_that_came_and_went_nothing_stays_for_ever(writing: Writing) -> None:
    past, recorder = Past(), Recorder(writing)
    keeping = Upkeep(writing.connection, Kept(samples=2 * HOUR, hours=12 * HOUR))
    for at in range(0, 36 * HOUR, 10 * 60):
        job = a_pod(f"job-{at}", started=at - 60)
        recorder.write(past.round(at, job))
        finished(keeping, at)
    assert count(writing, "object") < 12 * 6 + 30
    assert count(writing, "series") < 12 * 6 + 30
    assert count(writing, "owner") < 12 * 6 + 30
    assert count(writing, "version") < 12 * 6 + 30
    assert count(writing, "settled") + count(writing, "recent") < 6 * 4
    problems = rows(writing, "PRAGMA foreign_key_check")
    assert problems == []
    assert rows(writing, "PRAGMA integrity_check") == ["ok"]


def test_a_clock_that_is_wrong_makes_nothing_old() -> None:
    """That of the server, of a node, or this machine's where no answer is dated."""
    past = Past()
    found = past.round(30, a_pod(), samples=[a_sample(a_pod(), 15)])
    assert due_at(found) == T0 + 15
    assert due_at(replace(found, date=found.date + timedelta(days=99))) == T0 + 15
    ahead = past.round(45, a_pod(), samples=[a_sample(a_pod(), 99 * DAY)])
    assert due_at(ahead) == T0 + 45
    assert due_at(past.round(60, a_pod(), samples=[])) is None


class Size:
    """Says that a file is full until so many samples are left."""

    def __init__(self, writing: Writing, samples: int, hours: int = 0) -> None:
        self._writing = writing
        self._samples = samples
        self._hours = hours

    def __call__(self) -> int:
        fits = count(self._writing, "settled") <= self._samples
        return 0 if fits and count(self._writing, "hour") <= self._hours else 1000


def test_a_full_file_gives_up_its_oldest_samples_first(writing: Writing) -> None:
    filled(writing, range(60, 10 * HOUR, 60), cadence=60)
    said: list[str] = []
    size = Size(writing, samples=200, hours=99)
    keeping = Upkeep(writing.connection, Kept(size=1000), size=size, say=said.append)
    finished(keeping, 10 * HOUR)
    assert 180 < count(writing, "settled") <= 200
    assert count(writing, "hour") == 9
    assert len(said) == 1
    assert said[0].startswith(
        "the file has reached --max-size: samples before 2026-01-0"
    )
    details = rows(writing, "SELECT detail FROM event WHERE kind='size'")
    assert len(details) == 1
    assert details[0].endswith(" dropped")


def test_a_full_file_without_samples_gives_up_hours_and_then_can_do_no_more(
    writing: Writing,
) -> None:
    filled(writing, range(600, 5 * DAY, 600), cadence=600)
    size = Size(writing, samples=12, hours=30)
    finished(Upkeep(writing.connection, Kept(size=1000), size=size), 5 * DAY)
    assert count(writing, "settled") <= 12
    assert 0 < count(writing, "hour") <= 30
    size = Size(writing, samples=0)
    assert finished(Upkeep(writing.connection, Kept(size=1000), size=size), 5 * DAY) < 9


def test_the_planner_knows_the_sizes_once_there_is_something(writing: Writing) -> None:
    keeping = Upkeep(writing.connection)
    assert not keeping.work(T0)
    filled(writing, range(60, 2 * HOUR, 60), cadence=60)
    finished(keeping, 2 * HOUR)
    assert rows(writing, "SELECT count(*) > 0 FROM sqlite_stat1") == [1]
    analyzed = meta(writing.connection)["analyzed"]
    finished(keeping, 2 * HOUR + DAY - 1)
    assert meta(writing.connection)["analyzed"] == analyzed
    finished(keeping, 2 * HOUR + DAY)
    assert meta(writing.connection)["analyzed"] != analyzed


def test_an_old_sqlite_does_not_analyze_all_of_a_file(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_LIMITED_ANALYSIS", (99, 0))
    filled(writing, range(60, 2 * HOUR, 60), cadence=60)
    finished(Upkeep(writing.connection), 2 * HOUR)
    assert "analyzed" not in meta(writing.connection)
