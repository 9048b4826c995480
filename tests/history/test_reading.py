"""A recorded file read by scripts: series, sums, gaps."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubemetrics import HistoryError, open_history
from kubemetrics.history import reading
from kubemetrics.history.figures import Trace
from kubemetrics.history.histogram import encoded
from kubemetrics.history.integrate import cover
from kubemetrics.history.reading import _UNKNOWN
from kubemetrics.history.recorder import Recorder
from kubemetrics.history.store import Writing, set_meta
from kubemetrics.history.upkeep import Kept, Upkeep

from .making import START, T0, Past, a_node_sample, a_pod, a_sample, moment


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Record 5 minutes: a pod of two containers, one that goes, a gap, an OOM kill."""
    path, past = tmp_path / "f.db", Past()
    with closing(Writing(path)) as writing:
        recorder = Recorder(writing)
        set_meta(writing.connection, context="prod", cadence_ms="14985")
        for at in (0, 15, 30, 45, 60, 240, 255, 270):
            again = {"running": {"startedAt": moment(50)}}
            killed = {"terminated": {"reason": "OOMKilled", "finishedAt": moment(49)}}
            late = at > 50
            web = a_pod(
                containers=("app",),
                restarts=int(late),
                state=again if late else None,
                last=killed if late else None,
            )
            both = [web, a_pod("two", containers=("a", "b"), namespace="y")]
            pods = both if at < 45 else both[:1]
            of_nodes = [a_node_sample("n1", at)]
            recorder.write(past.round(at, *pods, of_nodes=of_nodes))
    return path


def test_each_series_has_its_samples_and_what_they_cover(file: Path) -> None:
    with open_history(file) as history:
        assert history.context == "prod"
        assert repr(history) == (
            f"<History {file}: 2026-01-01T23:59:45Z to 2026-01-02T00:04:30Z>"
        )
        assert history.step == 15
        app, a, b = history.traces()
        found = history.figures([app])
        both = history.figures([a, b], step=15)
    assert (app.name, app.container, a.container, b.container) == (
        "web",
        "app",
        "a",
        "b",
    )
    assert [s.at - T0 for s in app.samples] == [0, 15, 30, 45, 60, 240, 255, 270]
    assert found.core_seconds == Fraction(8 * 15, 10)
    assert found.cpu.average == 10**8
    assert (found.oom_kills, found.restarts) == (1, 1)
    assert found.coverage == Fraction(120, 285)
    assert both.core_seconds == 2 * Fraction(3 * 15, 10)
    assert both.memory.integral == 2 * 45 * 2**20


@pytest.mark.parametrize("few", [0, 200])
def test_a_range_before_all_recent_samples_has_none_of_them(
    file: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(reading, "_FEW", few)
    with closing(Writing(file)) as writing:
        run = writing.connection.execute
        old = "FROM recent WHERE at < ?", (T0 + 60,)
        run(
            f"INSERT INTO settled SELECT series, at, window, cpu, memory {old[0]}",
            old[1],
        )
        run(f"DELETE {old[0]}", old[1])
    with open_history(file) as history:
        until = START + timedelta(seconds=45)
        app, *_ = history.traces(until=until)
        assert [s.at - T0 for s in app.samples] == [0, 15, 30, 45]


def test_few_series_and_many_are_found_alike(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_traces() -> tuple[Trace, ...]:
        with open_history(file) as history:
            return history.traces()

    few = all_traces()
    monkeypatch.setattr(reading, "_FEW", 0)
    assert all_traces() == few
    assert len(few) == 3


def test_a_range_takes_windows_by_their_end(file: Path) -> None:
    since, until = START + timedelta(seconds=15), START + timedelta(seconds=45)
    with open_history(file) as history:
        (app, *_) = history.traces(since=since, until=until)
        assert [s.at - T0 for s in app.samples] == [30, 45]
        found = history.figures([app], since=since, until=until)
        assert found.core_seconds == 3
        assert history.range(START - timedelta(days=1)) == (T0 - 15, T0 + 270)
        quiet = START + timedelta(seconds=100), START + timedelta(seconds=200)
        (app, *_) = history.traces(since=quiet[0], until=quiet[1])
        assert (app.samples, app.lifetime) == ((), 100_000)
        assert history.figures([app]).coverage == 0
        later = START + timedelta(days=1)
        assert history.range(until=later) == (T0 - 15, T0 + 270)


def test_series_are_chosen(file: Path) -> None:
    with open_history(file) as history:
        assert [t.name for t in history.traces(namespace="y")] == ["two", "two"]
        assert [t.name for t in history.traces(kind="node")] == ["n1"]
        kept = history.traces(keep=lambda trace: trace.container == "b")
        assert [t.container for t in kept] == ["b"]


def test_a_gap_has_its_cause(file: Path) -> None:
    with open_history(file) as history:
        (gap,) = history.gaps()
    assert gap == (T0 + 60, T0 + 240, "NotRecorded")
    with closing(Writing(file)) as writing:
        down = HistoryError("the metrics API is down")
        Recorder(writing).write(Past().round(300, samples=(), pod_metrics=down))
        Recorder(writing).write(Past().round(600, a_pod()))
    with open_history(file) as history:
        assert history.gaps()[-1].cause == "the metrics API is down"


def later(file: Path, *rounds: tuple[int, int, str | None]) -> None:
    """Add rounds: when, how many fresh samples, and what failed."""
    with closing(Writing(file)) as writing:
        writing.connection.executemany(
            "INSERT INTO round(at, fresh, repeated, missed, took_ms, error)"
            " VALUES (?, ?, 0, 0, 1, ?)",
            [(T0 + at, fresh, error) for at, fresh, error in rounds],
        )


def test_a_range_ends_with_the_newest_sample_unless_that_is_old(file: Path) -> None:
    later(file, (283, 2, None))
    with open_history(file) as history:
        assert (history.last, history.range()[1]) == (T0 + 283, T0 + 270)
        (app, *_) = history.traces(since=START + timedelta(seconds=240))
        assert history.figures([app]).coverage == 1
    later(file, (301, 0, "the metrics API is down"))
    with open_history(file) as history:
        assert history.range()[1] == T0 + 301


def test_what_the_last_round_saw_first_has_its_samples(file: Path) -> None:
    with closing(Writing(file)) as writing:
        young = a_pod("young")
        samples = [a_sample(young, 285)]
        Recorder(writing).write(Past().round(298, young, samples=samples))
    with open_history(file) as history:
        assert history.range()[1] == T0 + 285
        (trace,) = history.traces(keep=lambda trace: trace.name == "young")
        assert [s.at - T0 for s in trace.samples] == [285]
        assert history.figures([trace]).coverage == 1
        until = START + timedelta(seconds=280)
        assert not history.traces(until=until, keep=lambda t: t.name == "young")


def test_a_gap_that_goes_on_is_told(file: Path) -> None:
    down = "the metrics API is down"
    later(file, (300, 0, down), (360, 0, down))
    with open_history(file) as history:
        assert history.gaps()[-1] == (T0 + 270, T0 + 360, down)
        within = START + timedelta(seconds=300), START + timedelta(seconds=350)
        assert history.gaps(since=within[0], until=within[1]) == (
            (T0 + 300, T0 + 350, down),
        )
        before = START + timedelta(seconds=60)
        assert history.gaps(until=before) == ()
    later(file, (370, 2, None), (380, 2, None))
    with open_history(file) as history:
        assert history.gaps(since=START + timedelta(seconds=371)) == ()


def test_a_gap_in_which_nothing_new_was_answered_is_not_said_to_be_unrecorded(
    file: Path,
) -> None:
    later(file, (330, 0, None), (400, 2, None))
    with open_history(file) as history:
        assert history.gaps()[-1] == (T0 + 270, T0 + 400, "no new samples")


def test_a_file_that_begins_with_failures_says_so(tmp_path: Path) -> None:
    path, past = tmp_path / "f.db", Past()
    with closing(Writing(path)) as writing:
        down = HistoryError("the metrics API is down")
        for at in (0, 60):
            round_ = past.round(at, samples=(), pod_metrics=down)
            Recorder(writing).write(round_)
        Recorder(writing).write(past.round(120, a_pod()))
    with open_history(path) as history:
        assert history.gaps() == ((T0, T0 + 120, "the metrics API is down"),)


@pytest.mark.parametrize(("known", "said"), [("15036", 15), ("14985", 15), ("9", 1)])
def test_the_cadence_is_the_nearest_second(file: Path, known: str, said: int) -> None:
    with closing(Writing(file)) as writing:
        set_meta(writing.connection, cadence_ms=known)
    with open_history(file) as history:
        assert history.step == said


def test_settled_samples_and_hours_are_read_as_well(file: Path) -> None:
    hour = T0 // 3600 * 3600
    with closing(Writing(file)) as writing:
        run = writing.connection.execute
        run("INSERT INTO settled SELECT series, at, window, cpu, memory FROM recent")
        run("DELETE FROM recent")
        blob = encoded({5: 3_600_000})
        values = (hour - 3600, 240, 3_600_000, 0, 5 * 10**9, 10**9, blob, 9, 9, 1, 9)
        marks = ", ".join("?" * 11 + "00")
        run(f"INSERT INTO hour SELECT id, {marks} FROM series", values)  # noqa: S608
        run("UPDATE hour SET cpu_histogram=x'80' WHERE series=2")
        run("INSERT INTO round(at, fresh, repeated, missed, took_ms)"
            " VALUES (?, 1, 0, 0, 1)", (hour - 3600,))  # fmt: skip
        run("UPDATE object SET seen=?", (hour - 3600,))
        set_meta(writing.connection, raw_from=str(hour))
    with open_history(file) as history:
        traces = history.traces()
        found = history.figures(traces[:1])
        assert len(traces[0].samples) == 8
    assert found.percentiles == "hours"
    assert found.core_seconds == 5 + 12
    assert [len(t.hours) for t in traces] == [1, 1, 1]


def test_an_init_container_lives_as_long_as_its_samples(file: Path) -> None:
    with closing(Writing(file)) as writing:
        writing.connection.execute("UPDATE series SET role='init' WHERE container='a'")
        writing.connection.execute("UPDATE object SET gone=NULL")
    with open_history(file) as history:
        (a, b) = history.traces(namespace="y")
    assert a.until - T0 == 30
    assert b.until - T0 == 270


def test_what_is_set_back_or_comes_twice_counts_once(file: Path) -> None:
    with closing(Writing(file)) as writing:
        run = writing.connection.execute
        run("INSERT INTO settled SELECT series, at, window, cpu, memory FROM recent")
    with open_history(file) as history:
        assert len(history.traces()[0].samples) == 8


def test_a_file_without_rounds_is_refused(tmp_path: Path) -> None:
    Writing(tmp_path / "f.db").close()
    with pytest.raises(HistoryError, match="it has no samples yet"):
        open_history(tmp_path / "f.db")


def test_what_only_hours_tell_of_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Rounds of which nothing is to be told go with the samples: not gaps, nor time."""
    path, past, hour = tmp_path / "f.db", Past(), 3600
    off, down = range(3 * hour, 3 * hour + 900), range(4 * hour, 4 * hour + 600)
    with closing(Writing(path)) as writing:
        recorder, pod = Recorder(writing), a_pod()
        set_meta(writing.connection, cadence_ms="60000")
        keeping = Upkeep(writing.connection, Kept(samples=2 * hour))
        error = HistoryError("the metrics API is down")
        for at in range(60, 10 * hour, 60):
            if at in off:
                continue
            if at in down:
                found = past.round(at, pod, samples=(), pod_metrics=error)
            else:
                found = past.round(at, pod, samples=[a_sample(pod, at, window=60)])
            recorder.write(found)
            while keeping.work(T0 + at):
                pass
        rounds = writing.connection.execute("SELECT count(*) FROM round").fetchone()[0]
    assert rounds < 160, "most are gone"
    with open_history(path) as history:
        assert history.range() == (T0, T0 + 10 * hour - 60)
        (trace,) = history.traces()
        assert len(trace.hours) == 8
        missed = (len(off) + len(down)) // 60
        assert history.figures([trace]).core_seconds == (10 * 60 - 1 - missed) * 6
        assert history.gaps() == (
            (T0 + off.start - 60, T0 + off.stop, "NotRecorded"),
            (T0 + down.start - 60, T0 + down.stop, "the metrics API is down"),
        )


KEYS: dict[str, Callable[[Trace], tuple[str, ...]]] = {
    "series": lambda trace: (trace.name, trace.container),
    "pod": lambda trace: (trace.name,),
    "all": lambda _: (),
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("few", [True, False])
def test_figures_by_a_key_are_those_of_what_has_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, key: str, *, few: bool
) -> None:
    if not few:
        monkeypatch.setattr(reading, "_FEW", 0)
        monkeypatch.setattr(reading, "_MOST", 5)
    of = KEYS[key]
    until = START + timedelta(seconds=255)
    with open_history(file) as history:
        found = dict(history.figures_by(of, until=until, step=20))
        traces = history.traces(until=until)
        expected = {
            each: history.figures(
                [t for t in traces if of(t) == each], until=until, step=20
            )
            for each in sorted({of(trace) for trace in traces})
        }
    assert found == expected
    assert list(found) == list(expected)


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(-1, 40_000), st.none() | st.just(7)),
        max_size=8,
    ),
    st.integers(0, 8),
    st.integers(0, 3),
    st.integers(-1, 100),
)
@example([(9, -1, 7), (9, 30_000, None)], 1, 1, 0)
def test_samples_cover_what_they_do_one_by_one(
    found: list[tuple[int, int, int | None]], settled: int, twice: int, begin: int
) -> None:
    times = accumulate(after for after, _, _ in found)
    rows = [(at, w, v, v) for at, (_, w, v) in zip(times, found, strict=True)]
    recent = array("q")
    for row in rows[max(settled - twice, 0) :]:
        recent.extend([_UNKNOWN if value is None else value for value in row])
    last, expected = None, []
    for at, window, cpu, memory in rows:
        judged = cover(at, window, last)
        last = at
        if at > begin:
            expected.append((at, judged.covered, cpu, memory))
    columns = reading._covered(rows[:settled], recent, begin)
    assert list(zip(*columns, strict=True)) == expected
