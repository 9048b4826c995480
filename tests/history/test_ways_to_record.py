"""Each way to record, against the books of a simulated past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from kubemetrics.history.figures import Trace
from kubemetrics.history.integrate import Sample, integrate
from kubemetrics.history.poller import PodSelection
from kubemetrics.history.reading import History
from kubemetrics.history.store import Writing
from tests.cluster.options import Options
from tests.cluster.past import Past, Published
from tests.cluster.pasts import begun, holding
from tests.cluster.rbac import VIEWERS, Role, Rule

from .driving import Kept, Place, Way, kept_by, place, record

NAMES_ONLY = Role(
    name="names",
    subject=VIEWERS,
    rules=(Rule(groups=("metrics.k8s.io",), resources=("pods", "nodes")),),
)


class Recorded(NamedTuple):
    """A past, what a file has of it, and the file."""

    past: Past
    kept: dict[Place, Kept]
    path: Path


@contextmanager
def begun_past(name: str, options: Options | None = None) -> Iterator[Past]:
    with holding(options=options) as cluster:
        yield begun(name, cluster)


def recorded(past: Past, path: Path, seconds: float, way: Way) -> Recorded:
    with closing(Writing(path)) as writing:
        record(past, writing, seconds, watch=False, way=way)
        return Recorded(past, kept_by(writing), path)


def pods_of(past: Past, least: int) -> list[Published]:
    """Return the samples of containers that were served so long, in ms."""
    return [s for s in past.samples if not s.node and past.readable(s) >= least]


def traces(found: Recorded) -> tuple[Trace, ...]:
    with History(found.path) as history:
        return history.traces()


def share(found: Recorded) -> Fraction:
    """Return the share of the series' lives that was measured."""
    lives = traces(found)
    return Fraction(sum(t.covered for t in lives), sum(t.lifetime for t in lives))


def core_ns(found: Recorded) -> int:
    return sum(s.cpu * s.covered for t in traces(found) for s in t.samples if s.cpu)


def served(past: Past) -> dict[Place, Kept]:
    return {place(past, s): Kept(s.window, s.cpu, s.memory) for s in past.samples}


def test_of_level_pod_the_sum_of_what_was_served_of_each_pod_is_kept(
    tmp_path: Path,
) -> None:
    with begun_past("hour") as past:
        found = recorded(past, tmp_path / "a.db", 900, Way(level="pod"))
    sums: dict[Place, list[Published]] = {}
    for sample in (s for s in past.samples if not s.node):
        uid, _, at = place(past, sample)
        sums.setdefault((uid, "", at), []).append(sample)
    lasting = {
        (uid, "", at)
        for uid, _, at in (place(past, s) for s in pods_of(past, past.cadence))
    }
    assert len(lasting) > 150
    assert lasting - found.kept.keys() == set()
    nodes = {*past.node_uids.values()}
    of_pods = {where: one for where, one in found.kept.items() if where[0] not in nodes}
    assert of_pods == {
        where: Kept(
            sums[where][0].window,
            sum(s.cpu for s in sums[where]),
            sum(s.memory for s in sums[where]),
        )
        for where in of_pods
    }


def test_asked_once_a_minute_it_says_that_a_quarter_was_measured(
    tmp_path: Path,
) -> None:
    with begun_past("quiet") as past:
        found = recorded(past, tmp_path / "a.db", 1200, Way(every=60))
        spent = sum(run.spent(past.now) for run in past.runs)
    assert {where: served(past).get(where) for where in found.kept} == found.kept
    assert 22 < 100 * share(found) < 28
    assert core_ns(found) < 1000 * spent
    with History(found.path) as history:
        total = history.figures(history.traces())
    assert total.lower_bound


def test_one_round_at_a_time_says_that_a_twentieth_was_measured(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    with begun_past("quiet") as past:
        past.advance(60)
        for _ in range(8):
            with closing(Writing(path)) as writing:
                record(past, writing, 1, watch=False, way=Way(once=True))
            past.advance(300)
        with closing(Writing(path)) as writing:
            found = Recorded(past, kept_by(writing), path)
            (missed,) = writing.connection.execute(
                "SELECT sum(missed) FROM round"
            ).fetchone()
    assert {where: served(past).get(where) for where in found.kept} == found.kept
    assert len({at for _, _, at in found.kept}) <= 2 * 8, "a scrape is of a second"
    assert 4 < 100 * share(found) < 7
    assert missed in range(7 * 8 * 18, 7 * 8 * 20), "of eight series, nineteen each"


@pytest.mark.parametrize(
    ("selection", "owners"),
    [
        (PodSelection(("shop",)), {"web", "leak"}),
        (PodSelection((), "app in (leak,db)"), {"leak", "db"}),
        (PodSelection(("shop",), "app!=leak"), {"web"}),
    ],
    ids=["namespace", "labels", "both"],
)
def test_of_some_pods_all_is_recorded_and_of_others_nothing(
    tmp_path: Path, selection: PodSelection, owners: set[str]
) -> None:
    with begun_past("hour") as past:
        found = recorded(past, tmp_path / "a.db", 1000, Way(selection=selection))
    lasting = {
        place(past, s)
        for s in pods_of(past, past.cadence)
        if past.runs[s.run - 1].pod.split("-")[0] in owners
    }
    assert lasting - found.kept.keys() == set()
    known = {run.uid: run.pod.split("-")[0] for run in past.runs}
    assert {known[uid] for uid, _, _ in found.kept if uid in known} == owners
    assert {where: served(past).get(where) for where in found.kept} == found.kept


def test_where_pods_may_not_be_read_their_names_stand_for_them_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    with begun_past("hour", Options(roles=(NAMES_ONLY,))) as past:
        found = recorded(past, tmp_path / "a.db", 1300, Way())

    def named(sample: Published) -> Place:
        run = past.runs[sample.run - 1]
        return (f"?{run.namespace}/{run.pod}", run.container, sample.at)

    pods = {named(s): Kept(s.window, s.cpu, s.memory) for s in pods_of(past, 0)}
    lasting = {named(s) for s in pods_of(past, past.cadence)}
    assert len(lasting) > 300
    assert lasting - found.kept.keys() == set()
    of_pods = {where: one for where, one in found.kept.items() if "/" in where[0]}
    assert {where: pods.get(where) for where in of_pods} == of_pods


def test_a_provider_that_changes_is_recorded_on_without_counting_time_twice(
    tmp_path: Path,
) -> None:
    """From a scraper of kubelets to one whose windows of five minutes overlap."""
    with begun_past("quiet") as past:
        past.after(450, lambda: past.answer_with_means(300))
        found = recorded(past, tmp_path / "a.db", 1500, Way())
    for sample in pods_of(past, past.cadence):
        if sample.since < 450_000:
            assert place(past, sample) in found.kept
    assert {where: served(past).get(where) for where in found.kept} == found.kept
    series: dict[tuple[str, str], list[Sample]] = {}
    for (uid, name, at), one in sorted(found.kept.items()):
        series.setdefault((uid, name), []).append(Sample(at, *one))
    web = next(run for run in past.runs if run.container == "proxy")
    total = integrate(series[web.uid, "proxy"])
    assert total.estimated > 10
    first, last = series[web.uid, "proxy"][0], series[web.uid, "proxy"][-1]
    whole = (last.at - first.at) * 1000 + first.window
    assert total.covered + total.gap + total.rounding == whole
    assert total.covered >= Fraction(97, 100) * whole
    began = past.stamp(web.born) // 1000
    length = (last.at - began) * 1000
    spent = web.spent(length)
    assert 0.85 * spent < total.cpu / 1000 < 1.15 * spent


def test_resizes_evictions_and_rollouts_are_told_once_and_when(tmp_path: Path) -> None:
    with begun_past("quiet") as past:
        past.after(200, lambda: past.resize("data", "db-0", "db", {"cpu": "2"}))
        past.after(400, lambda: past.roll_out("shop", "web", "t1"))
        leak = next(run for run in past.runs if run.pod.startswith("leak"))
        past.after(
            700, lambda: past.evict("shop", leak.pod, "The node was low on memory.")
        )
        path = tmp_path / "a.db"
        with closing(Writing(path)) as writing:
            record(past, writing, 1000)
            file = writing.connection
            told = file.execute(
                "SELECT e.kind, o.name, e.at, e.detail FROM event e JOIN object o"
                " ON o.id=e.object WHERE e.kind IN ('resized', 'evicted')"
            ).fetchall()
            ends = file.execute(
                "SELECT kind, detail FROM event WHERE kind='terminated'"
            ).fetchall()
            templates = Counter(
                file.execute(
                    "SELECT w.name, o.template, o.gone IS NULL FROM object o"
                    " JOIN owner w ON w.id=o.owner WHERE o.kind='pod'"
                )
            )
            kept = kept_by(writing)
    changes = {kind: (name, detail) for kind, name, _, detail in told}
    assert len(told) == 2
    name, detail = changes["resized"]
    assert name == "db-0"
    assert "cpu_request:500000000->2000000000" in detail
    assert changes["evicted"] == (leak.pod, "The node was low on memory.")
    ats = {kind: at - past.stamp(0) // 1000 for kind, _, at, _ in told}
    assert 200 <= ats["resized"] < 220
    assert 700 <= ats["evicted"] < 720
    assert ends == [("terminated", "Evicted exit=137 restartCount=0")]
    assert templates == {
        ("web-a", "a", 0): 2, ("web-t1", "t1", 1): 2,
        ("leak-a", "a", 1): 1, ("db", "a", 1): 1,
    }  # fmt: skip
    lasting = {place(past, s) for s in pods_of(past, past.cadence)}
    assert lasting - kept.keys() == set()
