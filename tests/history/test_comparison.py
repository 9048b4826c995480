"""A pod of a workload before and after, against means that anyone can do by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from kubemetrics.history.comparison import (
    PodFigures,
    change,
    lacking,
    last_templates,
    period,
    within,
)
from kubemetrics.history.figures import CoveredSample, Trace
from kubemetrics.history.histogram import EDGES, bucket

from .test_figures import CORE, hour, trace


def pod(name: str, template: str, since: int, until: int, cpu: int = CORE) -> Trace:
    """Return a pod with a sample each 10 s, of so much CPU and as many bytes."""
    samples = [
        CoveredSample(at, 10_000, cpu, cpu) for at in range(since + 10, until + 1, 10)
    ]
    return trace(
        name=name, uid=name, template=template, since=since, until=until,
        samples=tuple(samples),
    )  # fmt: skip


def test_a_mean_is_of_all_that_was_covered_and_its_range_of_the_pods_means() -> None:
    long, brief = pod("a", "x", 0, 300, CORE), pod("b", "x", 0, 100, 3 * CORE)
    found = period([long, brief], 0, 300)
    assert found.cpu.mean == Fraction(30 * CORE + 10 * 3 * CORE, 40)
    assert found.cpu.lowest_pod == CORE
    assert found.cpu.highest_pod == 3 * CORE
    assert (found.cpu.p95, found.cpu.most) == (3 * CORE, 3 * CORE)
    assert (found.samples, found.pods) == (40, 2)
    assert found.coverage == 1
    assert found.template == "x"


def test_a_pod_is_the_sum_of_its_containers_at_each_sample() -> None:
    def container(name: str, *values: int | None) -> Trace:
        samples = enumerate(values, 1)
        return trace(*((10 * i, v) for i, v in samples), container=name, until=40)

    app = container("app", CORE, CORE, 5 * CORE, CORE)
    init = container("init", 6 * CORE, None)
    found = period([app, init], 0, 40)
    assert found.cpu.mean == Fraction(10 * (8 + 6) * CORE, 40)
    assert found.cpu.most == 7 * CORE
    assert found.memory.most == 400
    assert (found.samples, found.pods, found.replicas) == (4, 1, 1)


def test_restarts_and_oom_kills_are_those_of_all_containers() -> None:
    one = trace(restarts=2, oom_kills=1)
    found = period([one, trace(container="b", restarts=3, oom_kills=4)], 0, 100)
    assert (found.restarts, found.oom_kills) == (5, 5)


def test_replicas_are_what_there_was_for_most_of_the_time() -> None:
    surge = [pod("a", "x", 0, 100), pod("b", "x", 0, 300), pod("c", "x", 90, 300)]
    found = period(surge, 0, 300)
    assert (found.replicas, found.pods) == (2, 3)


def test_nothing_measured_has_no_mean_and_nothing_at_all_no_replicas() -> None:
    found = period([trace()], 0, 100)
    assert found.cpu == PodFigures(None, None, None, None, None)
    assert (found.measured, found.replicas) == (0, 1)
    assert found.coverage == 0
    empty = period([], 0, 100)
    assert (empty.replicas, empty.coverage, empty.template) == (0, None, "")


def test_of_hours_one_container_has_a_percentile_and_several_have_none() -> None:
    old: dict[str, Any] = {"hours": (hour(0, CORE),), "until": 3610}
    one = trace((3610, 2 * CORE), **old)
    found = period([one], 0, 3610)
    assert found.cpu.mean == Fraction(3620 * CORE * 1000, 3_610_000)
    assert found.cpu.p95 == EDGES[bucket(CORE) + 1]
    assert (found.cpu.most, found.memory.most) == (2 * CORE, 36100)
    assert found.memory.p95 is None
    assert found.samples == 241
    two = period([one, trace(container="other", **old)], 0, 3610)
    assert (two.cpu.p95, two.cpu.most) == (None, None)
    assert two.cpu.mean == Fraction(7220 * CORE * 1000, 3_610_000)


def test_the_last_two_templates_are_compared() -> None:
    traces = [
        pod("a", "one", 0, 400), pod("b", "two", 400, 800),
        pod("c", "three", 800, 1200), pod("d", "four", 1200, 1290),
        pod("e", "", 0, 1290),
    ]  # fmt: skip
    found = last_templates(traces)
    assert found is not None
    assert [side.template for side in found] == ["two", "three"]
    assert [(side.since, side.until) for side in found] == [(400, 800), (800, 1200)]


def test_a_rollback_is_compared_by_its_new_pods() -> None:
    traces = [
        pod("a", "one", 0, 400, 9 * CORE), pod("b", "two", 400, 800),
        pod("c", "one", 800, 1200, 2 * CORE),
    ]  # fmt: skip
    found = last_templates(traces)
    assert found is not None
    assert [side.template for side in found] == ["two", "one"]
    assert found[1].cpu.mean == 2 * CORE


def test_pods_that_follow_each_other_are_of_one_template() -> None:
    brief = [pod(n, "one", i * 150, i * 150 + 120) for i, n in enumerate("abc")]
    found = last_templates([*brief, pod("d", "two", 500, 900)])
    assert found is not None
    assert [(side.template, side.samples) for side in found] == [
        ("one", 36), ("two", 40),
    ]  # fmt: skip


def test_a_pod_that_is_replaced_within_a_rollout_is_of_its_template() -> None:
    traces = [
        pod("a", "one", 0, 600), pod("b", "two", 300, 900),
        pod("c", "one", 350, 650), pod("d", "two", 400, 900),
    ]  # fmt: skip
    found = last_templates(traces)
    assert found is not None
    assert [(side.template, side.pods) for side in found] == [("one", 2), ("two", 2)]


def test_a_template_that_was_hardly_there_does_not_part_another() -> None:
    traces = [
        pod("a", "one", 0, 400), pod("b", "two", 400, 500), pod("c", "one", 500, 900)
    ]  # fmt: skip
    assert last_templates(traces) is None
    found = last_templates([*traces, pod("d", "two", 900, 1200)])
    assert found is not None
    assert [(side.template, side.pods) for side in found] == [("one", 2), ("two", 1)]


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        (100, 138, Fraction(38, 100)),
        (Fraction(4), 3, Fraction(-1, 4)),
        (0, 3, None),
        (None, 3, None),
        (3, None, None),
    ],
)
def test_a_change_is_a_share_of_before(
    before: Fraction | int | None, after: Fraction | int | None, share: Fraction | None
) -> None:
    assert change(before, after) == share


@pytest.mark.parametrize(
    ("mean", "pods", "inside"),
    [
        (64, 3, True), (79, 3, True), (63, 3, False), (98, 3, False), (98, 1, None),
        (None, 3, None),
    ],
)  # fmt: skip
def test_a_mean_is_within_the_range_of_several_replicas(
    mean: int | None, pods: int, *, inside: bool | None
) -> None:
    before = PodFigures(Fraction(71), Fraction(64), Fraction(79), None, None)
    known = None if mean is None else Fraction(mean)
    after = PodFigures(known, known, known, None, None)
    assert within(before, pods, after) is inside


def test_without_pods_before_there_is_no_range() -> None:
    nothing = PodFigures(None, None, None, None, None)
    assert within(nothing, 0, nothing) is None


@pytest.mark.parametrize(
    ("since", "until", "missing"),
    [
        ((23, 10), (23, 12), ("night", "weekend")),  # a Monday
        ((23, 1), (23, 12), ("night", "weekend")),
        ((23, 23), (24, 6), ("weekend",)),
        ((28, 0), (29, 0), ()),
        ((27, 12), (28, 23), ("weekend",)),
    ],
)
def test_what_a_period_lacks_is_told_by_its_clock(
    since: tuple[int, int], until: tuple[int, int], missing: tuple[str, ...]
) -> None:
    begin, end = (datetime(2026, 11, *at, tzinfo=UTC) for at in (since, until))
    assert lacking(begin, end) == missing
