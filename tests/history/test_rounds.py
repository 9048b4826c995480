"""When to poll so that no window is missed, and whose a sample is."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubemetrics.errors import (
    ApiError,
    Forbidden,
    HistoryError,
    MetricsUnavailable,
    ServerTimeout,
    TransportError,
)
from kubemetrics.history.integrate import cover
from kubemetrics.history.rounds import (
    DEFAULT_CADENCE,
    Judge,
    Key,
    Measured,
    Phase,
    Reading,
    SampleRound,
    Seen,
    counted,
    milliseconds,
    read_error,
    seen,
)
from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from kubemetrics.models.node import Node
from kubemetrics.models.pod import Pod
from kubemetrics.snapshot.reasons import error_reason


@dataclass
class Provider:
    """Publishes a round at each of *moments*; a poll sees the last one before it."""

    moments: list[float]
    polls: int = 0
    last: float | None = None
    taken: int = 0

    def poll(self, now: float) -> Seen:
        """Return what a poll then finds, of one series."""
        self.polls += 1
        index = bisect_right(self.moments, now) - 1
        if index < 1:
            return Seen()
        at = self.moments[index]
        window = at - self.moments[index - 1]
        if at == self.last:
            return Seen(repeated=1)
        gap = self.last is not None and at - window > self.last + 1
        self.last, self.taken = at, self.taken + 1
        return Seen(fresh=1, gaps=int(gap), window=round(window, 3))


def moments(length: float, cadence: float, wander: Callable[[], float]) -> list[float]:
    return [n * cadence + wander() for n in range(int(length / cadence))]


def followed(provider: Provider, phase: Phase, until: float) -> Phase:
    while phase.next < until:
        phase = phase.after(phase.next, provider.poll(phase.next))
    return phase


DAY = 24 * 3600


@pytest.mark.parametrize("cadence", [15.0, 15.013, 14.99, 30.0, 60.0])
@pytest.mark.parametrize("wander", [0.0, 1.0, 2.0])
def test_no_round_of_a_day_is_missed(cadence: float, wander: float) -> None:
    dice = random.Random(f"{cadence} {wander}")  # noqa: S311
    provider = Provider(moments(DAY, cadence, lambda: dice.uniform(0, wander)))
    phase = followed(provider, Phase(), DAY - 2 * cadence)
    assert phase.mode == "phased"
    assert len(provider.moments) - provider.taken <= 4, "the first and the last ones"
    assert provider.polls <= 1.12 * len(provider.moments) + 15


def test_a_provider_that_loses_its_pace_is_found_again() -> None:
    """A restart of metrics-server: the rounds go on at another moment."""
    early = moments(3600, 15, lambda: 0.0)
    late = [m + 3607.5 for m in moments(3600, 15, lambda: 0.0)]
    provider = Provider([*early, *late])
    followed(provider, Phase(), 7190)
    assert len(provider.moments) - provider.taken <= 4


def after(phase: Phase, *found: Seen) -> Phase:
    for each in found:
        phase = phase.after(phase.next, each)
    return phase


FRESH = Seen(fresh=10, window=15.0)
REPEAT = Seen(repeated=10)
FOUND = (FRESH, REPEAT, REPEAT, FRESH, REPEAT, FRESH)


def test_it_searches_by_fifths_until_the_samples_changed_twice() -> None:
    phase = Phase(next=100.0)
    times = []
    for found in FOUND:
        times.append(phase.next)
        assert phase.mode == "searching"
        phase = phase.after(phase.next, found)
    assert times == [100, 103, 106, 109, 112, 115]
    assert phase.mode == "phased"
    assert phase.next == 115 + 15 + 5


@pytest.mark.parametrize(
    ("window", "length"),
    [
        (None, 0),
        (timedelta(seconds=-1), 0),
        (timedelta(), 0),
        (timedelta(seconds=14, microseconds=985_999), 14_985),
        (timedelta(days=2, milliseconds=1), 172_800_001),
    ],
)
def test_a_window_is_in_whole_milliseconds_and_never_negative(
    window: timedelta | None, length: int
) -> None:
    assert milliseconds(window) == length


def test_repeats_move_the_phase_and_single_misses_do_not_change_it() -> None:
    phase = after(Phase(), *FOUND)
    before = phase.next
    phase = after(phase, REPEAT)
    assert phase.next == before + 3
    phase = after(phase, Seen(fresh=10, gaps=5, window=15.0))
    assert phase.mode == "phased"
    assert before + 3 + 14.9 < phase.next < before + 3 + 15


def test_a_round_in_which_most_missed_one_begins_a_new_search() -> None:
    phase = after(Phase(), *FOUND)
    before = phase.next
    phase = after(phase, Seen(fresh=10, gaps=6, window=15.0))
    assert (phase.mode, phase.next) == ("searching", before + 3)
    assert after(phase, FRESH).mode == "searching"
    assert after(phase, FRESH, FRESH).mode == "phased"


@pytest.mark.parametrize("begun", [Phase(), after(Phase(), *FOUND)])
def test_who_has_nothing_new_for_long_is_asked_once_a_cadence(begun: Phase) -> None:
    phase = after(begun, FRESH)
    waits = []
    for _ in range(12):
        before = phase.next
        phase = after(phase, REPEAT)
        waits.append(phase.next - before)
    assert waits[:9] == pytest.approx([3] * 9)
    assert waits[9:] == pytest.approx([15] * 3, rel=0.01)
    phase = after(phase, FRESH, REPEAT)
    assert phase.unchanged == 1


OVERLAP = Seen(fresh=10, overlaps=10, window=300.0)


def test_a_provider_of_overlapping_windows_is_asked_once_a_minute() -> None:
    phase = after(Phase(), Seen(fresh=10, window=300.0), OVERLAP)
    assert phase.mode == "searching", "one overlaps where a clock was set back"
    phase = after(phase, REPEAT, OVERLAP)
    before = phase.next
    assert phase.mode == "spaced"
    assert after(phase, OVERLAP, REPEAT, OVERLAP).next == before + 180
    assert after(phase, FRESH).mode == "searching"


def test_a_distance_of_the_user_s_goes_before_all_else() -> None:
    phase = Phase(every=60.0, next=5.0)
    phase = phase.after(5.0, FRESH)
    assert phase.next == 65
    phase = phase.after(65.4, REPEAT)
    assert phase.next == 125
    phase = phase.after(300.0, Seen(failed=True))
    assert phase.next == 300, "what was slept through is not made up for"


def test_failures_are_tried_again_soon_and_then_once_a_cadence() -> None:
    phase = after(Phase(), *FOUND)
    waits = []
    for _ in range(6):
        before = phase.next
        phase = after(phase, Seen(failed=True))
        waits.append(phase.next - before)
    assert waits == [3, 3, 3, 3, 15, 15]
    assert after(phase, FRESH).failures == 0
    assert phase.mode == "phased"


@pytest.mark.parametrize(
    ("windows", "cadence"),
    [
        ((), DEFAULT_CADENCE),
        ((15.0, 1815.0, 14.9, 15.0, 15.1), 15),
        ((18.0, 12.0, 18.0, 12.0, 18.0, 12.0, 18.0, 12.0), 15),
        ((60.0,) * 17 + (15.0,) * 3, 15),
        ((0.5,), 1),
        ((900.0,), 300),
    ],
    ids=["none", "a gap", "wandering", "changed", "short", "long"],
)
def test_the_cadence_is_the_mean_of_windows_near_the_newest(
    windows: tuple[float, ...], cadence: float
) -> None:
    assert Phase(windows=windows).cadence == cadence


START = datetime(2026, 1, 2, tzinfo=UTC)
T0 = int(START.timestamp())


def pod(name: str = "web-0", uid: str = "u1", *, started: int | None = 0) -> Pod:
    start = None if started is None else START + timedelta(seconds=started)
    return Pod(name=name, namespace="x", uid=uid, node_name="n1", start_time=start)


def sample(at: int | None, window: float = 15.0, name: str = "web-0") -> PodMetrics:
    timestamp = None
    if at is not None:
        timestamp = (START + timedelta(seconds=at)).isoformat().replace("+00:00", "Z")
    return PodMetrics.from_json(
        {
            "metadata": {"name": name, "namespace": "x"},
            "timestamp": timestamp,  # type: ignore[typeddict-item]
            "window": f"{window}s",
            "containers": [
                {"name": "app", "usage": {"cpu": "250m", "memory": "2Mi"}},
                {"name": "log", "usage": {"cpu": "-1", "memory": "2e18"}},
            ],
        }
    )


def node_sample(at: int | None, name: str = "n1") -> NodeMetrics:
    stamp = None if at is None else START + timedelta(seconds=at)
    return NodeMetrics(
        name=name, labels={}, timestamp=stamp, window=timedelta(seconds=15), usage={}
    )


def judged(
    judge: Judge, pods: Mapping[Key, Pod] | None, *samples: PodMetrics
) -> list[Reading]:
    return judge.readings(pods, {}, samples, ())


def known(*pods: Pod) -> dict[Key, Pod]:
    return {each.key: each for each in pods}


def test_a_reading_has_the_uid_of_its_pod_and_exact_amounts() -> None:
    (found,) = judged(Judge(), known(pod()), sample(60, 14.986))
    assert found == Reading(
        "pod", "u1", "x", "web-0", "n1", T0 + 60, 14_986,
        cover(T0 + 60, 14_986, None, T0),
        (Measured("app", 250_000_000, 2 << 20), Measured("log", None, None)),
        pod(),
    )  # fmt: skip


def test_what_was_read_before_is_a_repeat_and_no_longer_fresh() -> None:
    judge = Judge({"u1": T0 + 60})
    kinds = [
        judged(judge, known(pod()), sample(at))[0].covered.kind
        for at in (60, 75, 75, 105, 30, 120)
    ]
    assert kinds == ["repeat", "contiguous", "repeat", "gap", "back", "contiguous"]


def test_a_sample_of_no_known_pod_waits_until_the_pod_is_known() -> None:
    judge = Judge()
    assert judged(judge, {}, sample(60)) == []
    (found,) = judged(judge, known(pod(started=None)), sample(60))
    assert found.covered.kind == "first"


def test_where_pods_may_not_be_read_the_name_stands_for_the_uid() -> None:
    (found,) = judged(Judge(), None, sample(60))
    assert (found.uid, found.pod, found.node) == ("?x/web-0", None, "")
    (found,) = judged(Judge(), known(replace(pod(), uid="")), sample(60))
    assert found.uid == "?x/web-0"


def test_a_sample_from_before_a_pod_began_is_of_the_one_of_its_name_before() -> None:
    judge, first, second = Judge(), pod(), pod(uid="u2", started=100)
    judged(judge, known(first), sample(90))
    judge.ended([first])
    uids = [
        judged(judge, known(second), sample(at, window))[0].uid
        for at, window in ((105, 15), (122, 15), (123, 300))
    ]
    assert uids == ["u1", "u2", "u1"]


def test_a_late_sample_of_a_pod_that_is_gone_is_still_its_own() -> None:
    judge = Judge()
    judged(judge, known(pod()), sample(60))
    judge.ended([pod()])
    (found,) = judged(judge, {}, sample(75))
    assert (found.uid, found.covered.kind) == ("u1", "contiguous")
    judge.ended([pod(uid="u2")])
    (found,) = judged(judge, {}, sample(90))
    assert (found.uid, found.covered.kind) == ("u2", "first")


def test_nodes_are_known_by_uid_unless_they_may_not_be_read() -> None:
    nodes = {"n1": Node(name="n1", uid="nu1"), "n2": Node(name="n2")}
    samples = [node_sample(60), node_sample(60, "n2"), node_sample(60, "n3")]
    found = Judge().readings({}, nodes, (), samples)
    assert [r.uid for r in found] == ["nu1", "?n2"]
    found = Judge().readings({}, None, (), samples)
    assert [r.uid for r in found] == ["?n1", "?n2", "?n3"]


def test_a_sample_without_a_time_is_left_out() -> None:
    nodes = {"n1": Node(name="n1", uid="nu1")}
    found = Judge().readings(known(pod()), nodes, [sample(None)], [node_sample(None)])
    assert found == []


def test_series_are_counted_and_what_was_lost_before_them() -> None:
    judge = Judge({"u1": T0 + 60, "u2": T0 + 60})
    pods = known(pod(), pod("web-1", "u2"), pod("web-2", "u3"))
    samples = (sample(120), sample(60, name="web-1"), sample(45, name="web-2"))
    found = judged(judge, pods, *samples)
    assert counted(found, 15.0) == (4, 2, 2 * 3), "three rounds of two containers"
    assert seen(found, failed=False) == Seen(2, 1, 1, 0, 15.0)
    assert seen([], failed=True) == Seen(failed=True)


def test_a_clock_set_back_is_told_once_of_the_node_or_of_all() -> None:
    pods = known(
        *(replace(pod(f"p{i}", f"u{i}"), node_name=f"n{i % 3}") for i in range(6))
    )

    def told(judge: Judge, *ats: int) -> tuple[str, ...]:
        samples = [sample(at, name=f"p{i}") for i, at in enumerate(ats)]
        return judge.newly_back(judged(judge, pods, *samples))

    judge = Judge()
    assert told(judge, *[900] * 6) == ()
    assert told(judge, 600, 915, 915, 600, 915, 915) == ("n0",)
    assert told(judge, 615, 930, 930, 615, 930, 930) == (), "it is known"
    assert told(judge, *[600] * 6) == ("",)
    assert told(judge, *[945] * 6) == ()
    assert told(judge, 600, 960, 960, 600, 960, 960) == ("n0",), "once more"


def a_round(**failures: Any) -> SampleRound:  # noqa: ANN401 - errors
    return SampleRound(date=START + timedelta(seconds=0.9), failures=failures)


def test_the_time_of_a_round_is_in_whole_seconds() -> None:
    assert a_round().at == T0


def test_that_nodes_may_not_be_read_is_no_error_of_a_round() -> None:
    no = Forbidden("no", status=403)
    lost = TransportError("lost", url="", reason="reset")
    assert a_round().error == a_round(pods=lost).error == ""
    assert a_round(node_metrics=no).error == ""
    assert a_round(node_metrics=lost).error == "lost"
    assert a_round(node_metrics=lost, pod_metrics=no).error == "no"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            MetricsUnavailable("it is down: no", cause="down", status=503, hint="ask"),
            "MetricsUnavailable (down): it is down: no",
        ),
        (
            MetricsUnavailable("it is absent", cause="absent", status=404),
            "MetricsUnavailable (absent): it is absent",
        ),
        (Forbidden("you may not", status=403, hint="ask"), "Forbidden: you may not"),
    ],
)
def test_a_failure_that_has_a_reason_is_kept_with_it_and_without_advice(
    error: ApiError, text: str
) -> None:
    assert a_round(pod_metrics=error).cause == text
    again = read_error(text)
    assert isinstance(again, type(error))
    assert (again.message, again.status) == (error.message, error.status)
    assert error_reason(again).code == error_reason(error).code


def test_other_failures_are_kept_as_they_are_told() -> None:
    slow = ServerTimeout("it took: too long", status=504, hint="wait")
    assert a_round(pod_metrics=slow).cause == "it took: too long"
    assert a_round(pod_metrics=HistoryError("lost: x")).cause == "lost: x"
    assert a_round().cause == ""
    assert str(read_error("it took: too long")) == "it took: too long"
