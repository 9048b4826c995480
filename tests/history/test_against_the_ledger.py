"""A recorder on a simulated cluster with a past, against the books of that past.

The suite records little more than an hour of it; `--full` a day:
`pytest --full -m full tests/history/test_against_the_ledger.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple

import pytest

from kubemetrics.history.integrate import Sample, integrate
from kubemetrics.history.store import Writing
from tests.cluster.past import Past, Published
from tests.cluster.pasts import begun, holding

from .driving import Kept, Place, kept_by, place, record


class Recorded(NamedTuple):
    """A past and what a file has of it."""

    past: Past
    kept: dict[Place, Kept]
    file: Connection


class Plan(NamedTuple):
    """Which past is recorded, and how."""

    name: str
    hours: float
    watch: bool = True
    wandering: int = 0
    """By how many ms a scrape may be late."""


@contextmanager
def recorded(plan: Plan, folder: Path) -> Iterator[Recorded]:
    path = folder / "a.db"
    with holding() as cluster, closing(Writing(path)) as writing:
        past = begun(plan.name, cluster, wandering=plan.wandering)
        record(past, writing, plan.hours * 3600, watch=plan.watch)
        yield Recorded(past, kept_by(writing), writing.connection)


PLANS = {
    "watched": Plan("hour", 1.35),
    "listed": Plan("hour", 0.65, watch=False),
    "wandering": Plan("hour", 0.5, wandering=6000),
}
DAY = pytest.param(Plan("hour", 24), id="day", marks=pytest.mark.full)


@pytest.fixture(
    scope="module",
    params=[*(pytest.param(plan, id=name) for name, plan in PLANS.items()), DAY],
)
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    with recorded(request.param, tmp_path_factory.mktemp("past")) as made:
        yield made


def test_no_sample_is_lost_that_was_served_for_as_long_as_any_is(
    found: Recorded,
) -> None:
    past, kept, _ = found
    shortest = past.cadence - past.wandering
    lasting = [s for s in past.samples if past.readable(s) >= shortest]
    assert len(lasting) > 500
    lost = [place(past, s) for s in lasting if place(past, s) not in kept]
    assert lost == []


def test_no_sample_is_there_that_was_not_served_so(found: Recorded) -> None:
    past, kept, _ = found
    served = {place(past, s): Kept(s.window, s.cpu, s.memory) for s in past.samples}
    assert {where: served.get(where) for where in kept} == kept


def published(found: Recorded) -> Iterator[tuple[Kept, Published]]:
    """Yield what is kept with what is true of it."""
    served = {place(found.past, s): s for s in found.past.samples}
    return ((kept, served[where]) for where, kept in found.kept.items())


def test_core_seconds_are_those_of_the_counters_within_a_nanocore(
    found: Recorded,
) -> None:
    """Of what the API itself says of one window: a young container's is its pod's."""
    past, kept, _ = found
    series: dict[tuple[str, str], list[Sample]] = {}
    truth: dict[tuple[str, str], tuple[int, int]] = {}
    for (uid, name, at), one in sorted(kept.items()):
        series.setdefault((uid, name), []).append(Sample(at, *one))
    for one, sample in published(found):
        uid, name, _ = place(past, sample)
        spent, covered = truth.get((uid, name), (0, 0))
        exact = sample.spent * 1000 + sample.cpu * (sample.window - sample.own)
        truth[uid, name] = (spent + exact, covered + one.window)
    for which, samples in series.items():
        total, (spent, covered) = integrate(samples), truth[which]
        assert total.covered == covered
        assert 0 <= spent - total.cpu < total.covered, which
        assert total.estimated == 0


def test_the_rows_of_hours_are_the_sums_of_what_was_served_in_them(
    found: Recorded,
) -> None:
    """The suite's first whole hour; a day has more than twenty."""
    past, _, file = found
    hours: dict[tuple[str, str, int], list[tuple[Kept, Published]]] = {}
    for one, sample in published(found):
        uid, name, at = place(past, sample)
        hours.setdefault((uid, name, at // 3600 * 3600), []).append((one, sample))
    rows = file.execute(
        "SELECT o.uid, s.container, h.hour, h.samples, h.covered, h.cpu_ns, h.cpu_max,"
        " h.memory_max, h.memory_min, h.memory_bs FROM hour h"
        " JOIN series s ON s.id=h.series JOIN object o ON o.id=s.object"
    ).fetchall()
    assert rows or past.now < 80 * 60_000
    until = max((row[2] for row in rows), default=0)
    assert {tuple(row[:3]) for row in rows} == {h for h in hours if h[2] <= until}
    for uid, name, hour, samples, covered, cpu, *memory in rows:
        of_hour = hours[uid, name, hour]
        kept = [one for one, _ in of_hour]
        assert samples == len(kept)
        assert covered == sum(one.window for one in kept)
        spent = sum(
            sample.spent * 1000 + sample.cpu * (sample.window - sample.own)
            for _, sample in of_hour
        )
        assert 0 <= spent - cpu * 1000 < covered + 1000
        assert memory == [
            max(one.cpu for one in kept),
            max(one.memory for one in kept),
            min(one.memory for one in kept),
            sum(one.memory * one.window for one in kept) // 1000,
        ]


def test_what_came_to_an_end_is_told_once_and_when(found: Recorded) -> None:
    past, _, file = found
    told = Counter(
        file.execute(
            "SELECT o.uid, e.container, e.kind, e.at FROM event e"
            " JOIN object o ON o.id=e.object"
            " WHERE e.kind IN ('oom_killed', 'terminated')"
        )
    )
    kinds = {"OOMKilled": "oom_killed", "Error": "terminated"}
    assert told == Counter(
        (r.uid, r.container, kinds[r.reason], past.stamp(r.ended) // 1000)
        for r in past.runs
        if r.reason in kinds
    )
    assert told


def test_pods_are_kept_with_their_template_and_until_they_went(
    found: Recorded,
) -> None:
    past, _, file = found
    kept = {
        uid: (name, node, owner, template, bool(gone))
        for uid, name, node, owner, template, gone in file.execute(
            "SELECT o.uid, o.name, o.node, w.name, o.template, o.gone FROM object o"
            " JOIN owner w ON w.id=o.owner WHERE o.kind='pod'"
        )
    }
    ended = {run.uid for run in past.runs if run.reason == "Completed"}
    lived = {run.uid: run for run in past.runs}
    assert kept.keys() == lived.keys()
    for uid, (name, node, owner, template, gone) in kept.items():
        run = lived[uid]
        assert (name, node, gone) == (run.pod, run.node, uid in ended)
        assert name.startswith(f"{owner}-")
        assert owner == "db" or owner.endswith(f"-{template}")


def test_a_clock_that_goes_back_is_told_and_loses_what_lies_before_the_last_sample(
    tmp_path: Path,
) -> None:
    with recorded(Plan("clocks", 0.45), tmp_path) as (past, kept, file):
        (back,) = (at for at, by in past.jumps if by == -300_000)
        assert file.execute("SELECT count(*) FROM event WHERE kind='clock'").fetchone()
        told = file.execute("SELECT detail FROM event WHERE kind='clock'").fetchall()
        assert told == [("set back of all nodes",)]
        lasts: dict[tuple[str, str], int] = {}
        for sample in past.samples:
            uid, name, at = place(past, sample)
            if past.readable(sample) < past.cadence:
                continue
            last = lasts.get((uid, name), 0)
            if at > last:
                lasts[uid, name] = at
                assert (uid, name, at) in kept, (uid, name, sample.since)
            else:
                assert sample.since > back


def test_a_provider_of_means_is_recorded_without_counting_time_twice(
    tmp_path: Path,
) -> None:
    with recorded(Plan("means", 1), tmp_path) as (past, kept, _):
        series: dict[tuple[str, str], list[Sample]] = {}
        for (uid, name, at), one in sorted(kept.items()):
            series.setdefault((uid, name), []).append(Sample(at, *one))
        web = next(r for r in past.runs if r.container == "proxy" and not r.ended)
        samples = series[web.uid, "proxy"]
        total = integrate(samples, born=samples[0].at)
        naive = sum(s.cpu * s.window for s in samples if s.cpu)
        length = samples[-1].at - samples[0].at
        assert total.estimated > 10
        assert total.covered == length * 1000
        spent = web.spent(past.now) * length * 1000 // (past.now - web.born)
        assert 0.8 * spent < total.cpu / 1000 < 1.2 * spent
        assert naive > 3 * total.cpu


def test_a_recorder_that_comes_back_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with holding() as cluster:
        past = begun("quiet", cluster)
        with closing(Writing(path)) as writing:
            record(past, writing, 300)
        began = past.now
        past.advance(200)
        past.outages.append((began, past.now))
        with closing(Writing(path)) as writing:
            record(past, writing, 300)
            kept = kept_by(writing)
            rounds = writing.connection.execute(
                "SELECT sum(fresh), sum(missed) FROM round"
            ).fetchone()
    lasting = [s for s in past.samples if past.readable(s) >= past.cadence]
    assert {place(past, s) for s in lasting} - kept.keys() == set()
    assert rounds[0] == len(kept), "what was known is not new again"
    assert rounds[1] in range(8 * 12, 8 * 15), "thirteen rounds of eight series"


def test_the_view_of_sql_adds_up_to_what_was_used_while_it_was_measured(
    found: Recorded,
) -> None:
    """``usage`` divides for people, and so is as exact as a float is."""
    past, _, file = found
    told = dict(
        file.execute(
            "SELECT name, sum(core_seconds) FROM usage WHERE kind='pod' GROUP BY name"
        ).fetchall()
    )
    spent: Counter[str] = Counter()
    for _, sample in published(found):
        if not sample.node:
            extra = sample.cpu * (sample.window - sample.own)
            spent[past.runs[sample.run - 1].pod] += sample.spent * 1000 + extra
    assert told == {
        name: pytest.approx(nanoseconds / 10**12, rel=1e-6)
        for name, nanoseconds in spent.items()
    }
