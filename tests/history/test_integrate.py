"""What samples cover: windows that meet, overlap or miss, and their sums."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.history.integrate import (
    NOTHING,
    Covered,
    Integral,
    Sample,
    added,
    byte_seconds,
    cover,
    in_start,
    integrate,
    nanoseconds_of_cpu,
    of_earlier,
    percentile,
    seconds_of_cpu,
)

STEPS = {
    "the first covers its window": ((100, 15_000, None, None), ("first", 15_000)),
    "the first after birth has a gap before it": (
        (100, 15_000, None, 50), ("first", 15_000, 35_000),
    ),
    "the first covers nothing before birth": (
        (100, 300_000, None, 90), ("first", 10_000),
    ),
    "one from before birth covers nothing": (
        (80, 15_000, None, 90), ("first", 0, 0, -10_000),
    ),
    "one that meets the last": (
        (115, 14_986, 100, None), ("contiguous", 14_986, 0, 14),
    ),
    "one that seems to overlap by a rounding": (
        (114, 14_986, 100, None), ("contiguous", 14_986, 0, -986),
    ),
    "one after a missed one": ((130, 15_000, 100, None), ("gap", 15_000, 15_000)),
    "one that overlaps": ((115, 300_000, 100, None), ("overlap", 15_000)),
    "the last again": ((100, 15_000, 100, None), ("repeat",)),
    "one a little older": ((40, 15_000, 100, None), ("repeat",)),
    "one dated back": ((39, 15_000, 100, None), ("back",)),
    "one without a window": ((115, 0, 100, None), ("gap", 0, 15_000)),
    "one with a negative window": ((115, -5, 100, None), ("gap", 0, 15_000)),
}  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), STEPS.values(), ids=STEPS)
def test_a_sample_covers(
    given: tuple[int, int, int | None, int | None], expected: tuple[str, int]
) -> None:
    assert cover(*given) == Covered(*expected)  # type: ignore[arg-type]


MOMENTS = st.integers(0, 2_000)
WINDOWS = st.integers(0, 400_000)
AMOUNTS = st.integers(0, 10**13)
SAMPLES = st.lists(st.builds(Sample, MOMENTS, WINDOWS, AMOUNTS, AMOUNTS), max_size=40)


@given(SAMPLES, st.integers(0, 500), st.integers(0, 500))
def test_covered_time_and_gaps_are_the_lifetime(
    samples: list[Sample], born: int, later: int
) -> None:
    end = max([born, *(sample.at for sample in samples)]) + later
    alive = [sample for sample in samples if sample.at >= born]
    total = integrate(alive, born=born).until(end)
    if alive:
        whole = total.covered + total.gap + total.rounding
        assert whole == (end - born) * 1000
    assert total.covered >= 0
    assert total.gap >= 0
    assert abs(total.rounding) <= 1000 * (total.samples + 1) or total.estimated


@given(SAMPLES)
def test_a_sample_that_comes_again_adds_nothing(samples: list[Sample]) -> None:
    twice = [sample for sample in samples for _ in range(2)]
    assert integrate(twice) == integrate(samples)


@given(
    st.lists(st.tuples(st.integers(10_000, 60_000), AMOUNTS), min_size=1, max_size=40),
    st.integers(0, 999),
)
def test_windows_that_join_lose_nothing_to_the_cut_of_seconds(
    windows: list[tuple[int, int]], offset: int
) -> None:
    """Ends to the millisecond, cut to the second as the API does, are all covered."""
    end, samples = offset, list[Sample]()
    for window, cpu in windows:
        end += window
        samples.append(Sample(end // 1000, window, cpu, 0))
    total = integrate(samples)
    assert total.covered == sum(window for window, _ in windows)
    assert total.cpu == sum(window * cpu for window, cpu in windows)
    assert total.gap == total.estimated == 0


def test_a_provider_of_overlapping_windows_covers_each_moment_once() -> None:
    """prometheus-adapter: the rate of five minutes, whenever it is asked."""
    samples = [Sample(at, 300_000, 10**9, 100) for at in range(600, 1201, 60)]
    total = integrate(samples)
    assert total.covered == 300_000 + 10 * 60_000
    assert total.estimated == 10
    assert seconds_of_cpu(total.cpu) == 900


def test_what_is_not_known_of_a_sample_is_in_no_sum() -> None:
    total = added(NOTHING, Sample(15, 15_000, None, None))
    assert total == Integral(
        1, 15_000, last=15, cpu_missing=15_000, memory_missing=15_000
    )
    total = added(total, Sample(30, 15_000, 4, None))
    assert (total.cpu, total.cpu_missing, total.memory_missing) == (
        60_000, 15_000, 30_000,
    )  # fmt: skip


def test_coverage_is_a_share_of_what_was_lived() -> None:
    samples = [Sample(at, 15_000, 0, 0) for at in range(60, 361, 60)]
    total = integrate(samples, born=0)
    assert total.coverage == Fraction(1, 4)
    assert total.until(361).coverage == Fraction(1, 4), "a second is a rounding"
    assert total.until(420).coverage == Fraction(90, 420)
    assert NOTHING.coverage is None
    assert NOTHING.until(100) == NOTHING


@pytest.mark.parametrize(
    ("window", "started", "earlier"),
    [
        (15_000, 85, False),
        (15_000, 86, False),
        (15_000, 95, True),
        (15_000, 99, True),
        (15_000, 120, True),
        (
            300_000,
            10,
            True,
        ),
        (300_000, -60, False),
    ],
)
def test_a_window_over_two_incarnations_is_whose_it_mostly_is(
    window: int, started: int, *, earlier: bool
) -> None:
    assert of_earlier(100, window, started) is earlier


def test_the_first_minute_is_told_by_where_the_window_began() -> None:
    assert in_start(100, 15_000, 85)
    assert in_start(144, 0, 85)
    assert not in_start(145, 0, 85)
    assert not in_start(100, 15_000, 90)
    assert not in_start(100, 15_000, None)


def test_a_percentile_is_one_of_the_values_by_their_weight() -> None:
    values = [(30, 1), (10, 7), (20, 2), (40, 0)]
    shares = [Fraction(n, 10) for n in (0, 5, 7, 8, 9, 10)]
    found = [percentile(values, share) for share in shares]
    assert found == [10, 10, 10, 20, 20, 30]
    assert percentile([], Fraction(1, 2)) is None


def test_what_an_hour_keeps_is_rounded_down_once() -> None:
    assert nanoseconds_of_cpu(1_999) == byte_seconds(1_999) == 1
