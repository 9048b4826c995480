"""Sums step by step, against fractions that are added up in the plainest way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubemetrics.history.figures import (
    TREND,
    Amount,
    CoveredSample,
    Trace,
    figures,
    steps,
    value_of,
)
from kubemetrics.history.integrate import cover
from kubemetrics.history.steps import StepSums, by_step, columns

from .test_figures import CORE, trace

Row = tuple[int, int, int | None, int | None]

amounts = st.one_of(st.none(), st.integers(0, 3), st.integers(0, 1 << 40))
rows = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 40), st.integers(500, 5000)),
        st.one_of(st.integers(0, 40_000), st.just(15_000)),
        amounts,
        amounts,
    ),
    max_size=12,
)


def judged(found: Sequence[Row]) -> tuple[CoveredSample, ...]:
    """Return samples that come so many seconds after each other, as they are read."""
    at, last, samples = 0, None, []
    for after, window, cpu, memory in found:
        at += after
        judgement = cover(at, window, last)
        if judgement.kind not in {"repeat", "back"}:
            last = at
            if at > 0:
                samples.append(CoveredSample(at, judgement.covered, cpu, memory))
    return tuple(samples)


def plainly(
    traces: Iterable[Trace], of: Amount, since: int, until: int, step: int
) -> dict[int, int]:
    """Return the sum of means in each step, with a fraction for each mean."""
    total: dict[int, Fraction] = {}
    for one in traces:
        found: dict[int, tuple[int, int]] = {}
        for sample in one.samples:
            value, end = value_of(sample, of), min(sample.at, until) * 1000
            begin = max(sample.at * 1000 - sample.covered, since * 1000)
            while value is not None and begin < end:
                index = (begin - since * 1000) // (step * 1000)
                border = min((since + (index + 1) * step) * 1000, end)
                amount, covered = found.get(index, (0, 0))
                part = border - begin
                found[index] = amount + value * part, covered + part
                begin = border
        for index, (amount, covered) in found.items():
            total[index] = total.get(index, Fraction()) + Fraction(amount, covered)
    return {index: int(value) for index, value in sorted(total.items())}


@given(st.lists(rows, min_size=1, max_size=3), st.integers(1, 70), st.integers(0, 90))
@example([[(5, 40_000, 1, None), (15, 15_000, None, 2), (4000, 15_000, 3, 3)]], 3, 0)
def test_steps_and_trends_are_those_of_fractions(
    found: list[list[Row]], step: int, early: int
) -> None:
    traces = [trace(samples=judged(series), until=10**9) for series in found]
    last = max((s.at for t in traces for s in t.samples), default=0)
    until = max(last - early, 1)
    for of in ("cpu", "memory"):
        expected = plainly(traces, of, 0, until, step)
        shown = steps(traces, of, (0, until, step))
        assert shown == [(index * step, v) for index, v in expected.items()]
    part = -(-until // TREND)
    expected = plainly(traces, "cpu", 0, until, part)
    means = [expected.get(index) for index in range(TREND)]
    assert list(figures(traces, 0, until, step).trend) == means
    assert list(figures(traces, 0, until, part).trend) == means


@given(st.lists(rows, min_size=2, max_size=3))
def test_a_sum_has_all_that_its_series_used(found: list[list[Row]]) -> None:
    traces = [trace(samples=judged(series), until=9000) for series in found]
    whole = figures(traces, 0, 9000, 15)
    each = [figures([one], 0, 9000, 15) for one in traces]
    assert whole.cpu.integral == sum(one.cpu.integral for one in each)
    assert whole.memory.integral == sum(one.memory.integral for one in each)
    used = sum((s.cpu or 0) * s.covered for t in traces for s in t.samples)
    assert whole.cpu.integral == Fraction(used, 1000)
    assert whole.samples == sum(len(t.samples) for t in traces)


def test_a_sum_of_thirds_is_whole() -> None:
    third = [trace(samples=(CoveredSample(9, 9000, v, v),)) for v in (0, 1)]
    parts = [
        trace(samples=(CoveredSample(3, 1000, 1, 0), CoveredSample(5, 2000, 0, 0)))
        for _ in range(3)
    ]
    assert steps([*third, *parts], "cpu", (0, 9, 9)) == [(0, 2)]


@pytest.mark.parametrize("years", [1, 1000])
def test_years_between_two_samples_take_no_room(years: int) -> None:
    late = years * 365 * 86_400
    one = trace((10, CORE), (late, 2 * CORE), (late + 10, CORE)).samples
    total = StepSums(1)
    for part in by_step(columns(one), 0, 10)[0]:
        assert len(part.covered) <= 4
        total.add(*part)
    assert list(total.values()) == [
        (0, CORE),
        *[
            (index, value)
            for index, value in plainly([trace(samples=one)], "cpu", 0, late + 10, 10)
            .items()
            if index
        ],
    ]  # fmt: skip


def test_a_series_that_began_earlier_is_cut_at_the_beginning() -> None:
    long = trace(samples=(CoveredSample(5, 305_000, CORE, 7),))
    assert steps([long, long], "cpu", (0, 30, 10)) == [(0, 2 * CORE)]
    found = figures([long, long], 0, 30, 10)
    assert found.core_seconds == 610


def test_of_pods_that_follow_each_other_one_is_there_at_a_time() -> None:
    """However wide a step: each has its share of those in which it came or went."""
    ats = range(10, 1001, 10)
    lives = [(0, 260), (260, 700), (700, 1000)]
    pods = [
        trace(*[(at, CORE) for at in ats if a < at <= b], since=a, until=b)
        for a, b in lives
    ]
    for step in (10, 100, 260, 500, 1000, 3000):
        found = figures(pods, 0, 1000, step)
        assert (found.cpu.p50, found.cpu.most) == (CORE, CORE), step
        assert set(found.trend) == {CORE}, "24 parts of 42 s"
    alone = figures(pods[1:2], 0, 1000, 1000)
    assert (alone.cpu.p95, set(alone.trend)) == (CORE, {CORE, None})


def test_what_was_not_measured_of_a_life_is_taken_to_have_been_like_the_rest() -> None:
    some = trace((310, CORE), (320, CORE), (390, CORE), since=300, until=400)
    other = trace(*[(at, CORE) for at in range(10, 401, 10)], until=400)
    found = figures([some, other], 0, 400, 200)
    assert (found.cpu.p50, found.cpu.most) == (CORE, CORE + CORE // 2)


def test_what_is_there_at_the_beginning_is_taken_to_have_been_there_before() -> None:
    both = [trace((110, CORE), (120, CORE), since=100, until=200) for _ in range(2)]
    assert figures(both, 0, 200, 200).cpu.most == 2 * CORE
