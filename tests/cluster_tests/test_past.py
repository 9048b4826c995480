"""The simulated past against itself: what was served is what its ledger says."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.cluster.clock import rfc3339
from tests.cluster.curves import Curve, Flat, Ramp, Steps, bursts, daily, restless, span
from tests.cluster.past import SYSTEM_CPU, Past, Published
from tests.cluster.pasts import NODES, begun, holding
from tests.cluster.points import Point, Points
from tests.cluster.quantities import nanocores, whole_bytes

CURVES: dict[str, Curve] = {
    "flat": Flat(250_000_000),
    "bursts": bursts(10_000_000, 900_000_000, every=60, busy=7),
    "daily": daily(50_000_000, 800_000_000),
    "restless": restless(1, 999_999_999, seed=3),
    "ramp": Ramp(17, 1003),
    "steps": Steps((5, 0, 7), 333),
}


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_an_integral_is_the_sum_of_its_milliseconds(curve: Curve) -> None:
    born, start, end = 12_345, 13_579, 19_999
    summed = sum(curve.at(moment, born) for moment in range(start, end))
    assert span(curve, start, end, born) == summed


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_a_curve_reaches_what_it_is_asked_for_first_when_it_says_so(
    curve: Curve,
) -> None:
    born = 12_345
    value = max(curve.at(moment, born) for moment in range(born, born + 20_000, 100))
    found = curve.reaches(value, born)
    assert found is not None
    assert curve.at(found, born) >= value
    assert all(curve.at(m, born) < value for m in range(born, found, 100))


def lived(name: str, seconds: int) -> Iterator[Past]:
    with holding() as cluster:
        past = begun(name, cluster)
        past.advance(seconds)
        yield past


@pytest.fixture(scope="module")
def hour() -> Iterator[Past]:
    yield from lived("hour", 2 * 3600)


@pytest.fixture(scope="module")
def clocks() -> Iterator[Past]:
    yield from lived("clocks", 1800)


def of_containers(past: Past) -> dict[int, list[Published]]:
    found: dict[int, list[Published]] = {}
    for sample in past.samples:
        if not sample.node:
            found.setdefault(sample.run, []).append(sample)
    return found


def test_samples_lose_less_than_a_nanocore_of_what_the_counter_says(hour: Past) -> None:
    assert len(hour.samples) > 3000
    for sample in hour.samples:
        lost = sample.spent * 1000 - sample.cpu * sample.own
        assert 0 <= lost < sample.own


def test_windows_join_where_nothing_happened_and_stay_within_a_life(hour: Past) -> None:
    joined = 0
    for number, samples in of_containers(hour).items():
        run = hour.runs[number - 1]
        assert samples[0].moment - samples[0].own >= run.started
        for before, sample in itertools.pairwise(samples):
            gap = sample.moment - sample.own - before.moment
            assert gap >= 0
            joined += not gap
    assert joined > 2000


def test_what_was_served_is_a_part_of_what_was_used_and_nearly_all(hour: Past) -> None:
    for number, samples in of_containers(hour).items():
        run = hour.runs[number - 1]
        spent, used = sum(s.spent for s in samples), run.spent(hour.now)
        assert spent <= used
        length = (run.ended or hour.now) - run.born
        if length > 1_700_000:
            assert sum(s.own for s in samples) > 0.9 * length


def test_in_an_hour_containers_are_killed_restarted_moved_and_replaced(
    hour: Past,
) -> None:
    reasons = Counter(run.reason for run in hour.runs)
    assert reasons["OOMKilled"] >= 2
    assert reasons["Error"] >= 2
    assert reasons["Completed"] >= 10
    db = [run for run in hour.runs if run.pod == "db-0"]
    assert {run.node for run in db} == {"n1", "n2"}
    assert len({run.uid for run in db}) > 1
    templates = {run.pod.rsplit("-", 1)[0] for run in hour.runs}
    assert {"web-a", "web-t1", "web-t2"} <= templates
    killed = next(run for run in hour.runs if run.reason == "OOMKilled")
    assert killed.ended is not None
    limit = whole_bytes(killed.usage.limits["memory"])
    assert killed.usage.memory.at(killed.ended, killed.born) >= limit
    assert killed.usage.memory.at(killed.ended - 1, killed.born) < limit


def test_the_api_serves_what_the_ledger_says_was_published_last(hour: Past) -> None:
    served = {
        (sample.namespace, sample.name, usage.name): (
            sample.timestamp,
            nanocores(usage.cpu),
            whole_bytes(usage.memory),
        )
        for sample in hour.cluster.pod_samples.samples()
        for usage in sample.usages
    }
    open_ones = [s for s in hour.samples if s.until is None and not s.node]
    runs = [hour.runs[sample.run - 1] for sample in open_ones]
    assert served == {
        (run.namespace, run.pod, run.container): (
            rfc3339(datetime.fromtimestamp(sample.at, UTC)),
            sample.cpu,
            sample.memory,
        )
        for run, sample in zip(runs, open_ones, strict=True)
    }
    assert len(served) == 6


def test_a_node_uses_what_its_pods_do_and_its_own(hour: Past) -> None:
    spent = {
        name: sum(s.spent for s in hour.samples if s.node == name) for name in NODES
    }
    own = SYSTEM_CPU * hour.now // 1000
    used = sum(run.spent(hour.now) for run in hour.runs)
    assert 0.95 * (used + 2 * own) < sum(spent.values()) < used + 2 * own


def test_a_sample_that_came_while_the_api_was_down_could_not_be_read(
    hour: Past,
) -> None:
    (began, end) = hour.outages[0]
    hidden = [s for s in hour.samples if began <= s.since and (s.until or 0) <= end]
    assert hidden
    assert {hour.readable(sample) for sample in hidden if sample.until} == {0}
    ended = [s for s in hour.samples if s.until and s.until < began]
    assert min(map(hour.readable, ended)) > 0


def test_clocks_jump_forth_and_back_and_no_cpu_is_lost_but_in_between(
    clocks: Past,
) -> None:
    assert [by for _, by in clocks.jumps] == [1_800_000, -300_000, -2000]
    longest = max(sample.own for sample in clocks.samples)
    assert longest > 1_800_000  # a window from before the jump to after it
    for sample in clocks.samples:
        assert 0 <= sample.spent * 1000 - sample.cpu * sample.own < sample.own
    moments = [sample.moment for sample in clocks.samples if sample.node == "n1"]
    assert moments != sorted(moments)


def test_a_provider_of_means_answers_with_windows_that_overlap() -> None:
    for past in lived("means", 1200):
        samples = next(iter(of_containers(past).values()))
        assert {sample.window for sample in samples} == {300_000}
        steps = {b.moment - a.moment for a, b in itertools.pairwise(samples)}
        assert steps == {15_000}


def test_a_past_goes_the_same_way_however_it_is_driven() -> None:
    told = []
    for step in (1800, 7):
        with holding() as cluster:
            past = begun("hour", cluster)
            while past.now < 1_800_000:
                past.advance(min(step, (1_800_000 - past.now) / 1000))
            told.append([(s.run, s.moment, s.cpu, s.memory) for s in past.samples])
    assert told[0] == told[1]


S = 1000


def test_a_young_container_is_measured_since_its_start() -> None:
    points = Points(15 * S)
    points.store({("a", "p"): {"c": Point(0, 12 * S, 6 * 10**9, 7)}}, {})
    found = points.pods()["a", "p"]["c"]
    assert (found.window, found.cpu) == (12 * S, 500_000_000)


def test_one_that_is_younger_or_was_restarted_hides_its_pod() -> None:
    points = Points(15 * S)
    old, young = Point(0, 100 * S, 10, 7), Point(95 * S, 100 * S, 10, 7)
    points.store({("a", "p"): {"c": Point(0, 85 * S, 9, 7), "d": old}}, {})
    points.store({("a", "p"): {"c": old, "d": young}}, {})
    assert points.pods() == {}


def test_a_point_that_is_not_newer_keeps_the_one_before_unless_it_is_older_too() -> (
    None
):
    points = Points(15 * S)
    for moment in (15, 30, 30, 20, 10):
        points.store({}, {"n": Point(0, moment * S, moment, 7)})
        told = points.nodes().get("n")
        expected = {15: None, 30: (30 * S, 15 * S), 20: (20 * S, 5 * S), 10: None}
        assert (told and (told.moment, told.window)) == expected[moment]


def test_a_counter_that_falls_is_no_sample() -> None:
    points = Points(15 * S)
    points.store({}, {"n": Point(0, 15 * S, 9, 7)})
    points.store({}, {"n": Point(0, 30 * S, 8, 7)})
    assert points.nodes() == {}
