"""What a range comes to, against sums that anyone can do by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from kubemetrics.history.figures import (
    TREND,
    CoveredSample,
    Hour,
    Trace,
    figures,
    sparkline,
    steps,
)
from kubemetrics.history.histogram import EDGES, bucket

CORE = 10**9


def trace(*samples: tuple[int, int | None], **more: Any) -> Trace:  # noqa: ANN401
    """Return a series with samples of 10 s: (at, cpu), with memory at * 10."""
    facts: dict[str, Any] = {
        "kind": "pod",
        "namespace": "x",
        "name": "web",
        "container": "app",
        "node": "n1",
        "owner_kind": "Deployment",
        "owner": "web",
        "template": "",
        "uid": "u",
        "since": 0,
        "until": 100,
        "samples": tuple(CoveredSample(at, 10_000, c, at * 10) for at, c in samples),
    }
    return Trace(**{**facts, **more})


def hour(at: int, cpu: int) -> Hour:
    """Return an hour that was wholly covered, at so many nanocores throughout."""
    whole = 3600 * 1000
    buckets = {bucket(cpu): whole}
    return Hour(at, 240, whole, cpu * 3600, cpu, buckets, 7 * 3600, 9, 8)


def test_one_series_is_weighted_by_what_it_covers() -> None:
    found = figures([trace((10, CORE), (20, 3 * CORE), (30, None))], 0, 100, 10)
    assert found.core_seconds == 40
    assert found.cpu.average == Fraction(40 * CORE, 20), "the third lacks it"
    assert found.memory.average == 200
    assert (found.cpu.p50, found.cpu.p95, found.cpu.most) == (CORE, 3 * CORE, 3 * CORE)
    assert (found.memory.most, found.memory.last) == (300, 300)
    assert found.memory.integral == 10 * (100 + 200 + 300)
    assert found.coverage == Fraction(20, 100), "of CPU"
    assert found.lower_bound
    assert found.percentiles == "samples"


def test_a_sum_adds_up_step_by_step() -> None:
    one = trace((10, CORE), (20, CORE))
    two = trace((15, 2 * CORE), (30, 4 * CORE))
    grid = (0, 30, 10)
    assert steps([one, two], "cpu", grid) == [
        (0, 3 * CORE), (10, 3 * CORE), (20, 4 * CORE),
    ]  # fmt: skip
    found = figures([one, two], *grid)
    assert found.core_seconds == 10 + 10 + 20 + 40
    assert found.cpu.average == Fraction(80 * CORE, 30)
    assert (found.cpu.p50, found.cpu.most) == (3 * CORE, 4 * CORE)
    assert found.memory.last == 200 + 300
    assert found.series == 2


def test_hours_give_sums_and_for_one_series_percentiles() -> None:
    old = trace(hours=(hour(0, CORE), hour(3600, 2 * CORE)), since=0, until=7200)
    found = figures([old], 0, 7200, 15)
    assert found.core_seconds == 3 * 3600
    assert found.cpu.most == 2 * CORE
    assert found.cpu.p50 == EDGES[bucket(CORE) + 1]
    assert found.memory.p95 is None
    assert (found.memory.most, found.memory.last) == (9, 8)
    assert (found.percentiles, found.samples) == ("hours", 480)
    both = figures([old, old], 0, 7200, 15)
    assert both.core_seconds == 6 * 3600
    assert (both.cpu.p95, both.cpu.most, both.percentiles) == (None, None, "")


def test_an_hour_that_lacks_one_resource_is_measured_by_the_other() -> None:
    half = hour(0, CORE)._replace(cpu=CORE * 1800, cpu_missing=1800 * 1000)
    none = hour(3600, CORE)._replace(memory=None)
    old = trace(hours=(half, none), since=0, until=7200)
    for traces in ([old], [old, old]):
        found = figures(traces, 0, 7200, 15)
        assert found.trend[0] == found.trend[12] == len(traces) * CORE
        assert found.coverage == Fraction(1, 2), "of memory: of CPU three quarters"
    assert figures([old], 0, 7200, 15).cpu.average == CORE
    assert figures([old], 0, 7200, 15).memory.average == 7
    assert (old.measured("cpu"), old.measured("memory")) == (5_400_000, 3_600_000)


def test_hours_and_samples_of_one_series_are_one_distribution() -> None:
    mixed = trace((3610, CORE), hours=(hour(0, CORE),), since=0, until=3610)
    found = figures([mixed], 0, 3610, 15)
    assert found.cpu.p99 == EDGES[bucket(CORE) + 1]
    assert found.core_seconds == 3610


def test_of_nothing_nothing_is_known() -> None:
    found = figures([trace(until=0)], 0, 0, 15)
    assert found.coverage is None
    assert not found.lower_bound
    assert found.cpu.average is None
    assert found.memory.last is None
    empty = figures([trace(until=0), trace(until=0)], 0, 0, 15)
    assert empty.cpu.average is None
    assert empty.cpu.most is None
    assert empty.core_seconds == 0


def test_a_trend_has_as_many_parts_whatever_the_range() -> None:
    found = figures([trace((10, CORE), (100, 2 * CORE))], 0, 100, 10).trend
    assert len(found) == TREND
    assert found[0] == CORE
    assert max(v for v in found if v is not None) == 2 * CORE
    old = trace(hours=(hour(0, CORE),), since=0, until=86_400)
    assert figures([old], 0, 86_400, 15).trend[:2] == (CORE, None)
    assert figures([old, old], 0, 86_400, 15).trend[:2] == (2 * CORE, None)


def test_a_sparkline_goes_from_nothing_to_the_largest() -> None:
    assert sparkline([0, None, 50, 100]) == "▁·▄█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""


def test_the_mean_of_a_sum_is_over_the_time_of_its_windows() -> None:
    """A window is wholly of the range in which it ends, and is cut at neither end."""
    pair = [trace(*[(at, CORE) for at in range(7, 120, 10)]) for _ in range(2)]
    inside = [
        trace(*[(s.at, s.cpu) for s in one.samples if 20 < s.at <= 60]) for one in pair
    ]
    found = figures(inside, 20, 60, 10)
    assert found.core_seconds == 2 * 4 * 10
    assert found.cpu.average == found.cpu.most == 2 * CORE
    later = figures(inside, 20, 97, 10)
    assert later.cpu.average == 2 * CORE * Fraction(40, 80), "from 17 to 97"
