"""``--watch``: on a pipe, on a terminal, how it waits and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from kubemetrics.cli import watching
from kubemetrics.cli.watching import Happening, Happenings, Pace
from kubemetrics.client.sync import DeferredCall
from tests.cluster import Cluster, Seen
from tests.cluster.clock import rfc3339
from tests.cluster.faults import api_error, with_headers
from tests.tools.interrupt import HANG, interrupt, interruptible

from .happenings import frames, play
from .harness import run

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def measure(cluster: Cluster, name: str, cpu: str) -> None:
    """Let time pass, and give the pod of team-c a new sample."""
    cluster.clock.shift(15)
    sample = cluster.pod_samples.get("team-c", name)
    assert sample is not None
    first, *others = sample.usages
    cluster.pod_samples.put(
        replace(
            sample,
            timestamp=rfc3339(cluster.clock.now()),
            usages=(replace(first, cpu=cpu), *others),
        )
    )


class Between:
    """What happens between the rounds: a new sample each time, as ``pod cpu``.

    It stands in for the sleep of the command; *waits* are the seconds it was to take.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._samples: list[str] = []
        self.waits: list[float] = []

    def measure(self, *samples: str) -> None:
        self._samples += samples

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        measure(self._cluster, *self._samples.pop(0).split())


@pytest.fixture
def between(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Between:
    made = Between(cluster)
    monkeypatch.setattr(watching, "time", made)
    play(monkeypatch, 3600.0, before_read=made.sleep)
    return made


def rounds_of(cluster: Cluster) -> int:
    return sum(seen.path.endswith("v1beta1/nodes") for seen in cluster.requests)


# on a pipe

ONE = ("pods", "-n", "team-c", "redis-0", "--watch=1", "--fail-on", "cpu > 1")


def test_new_samples_are_appended_under_one_header(
    cluster: Cluster, between: Between
) -> None:
    line = ("pods", "-n", "team-c", "redis-*", "--watch=1", "--columns", "name,cpu")
    between.measure("redis-0 777m", "redis-0 2")
    result = run(cluster, *line, "--fail-on", "cpu > 1")
    header, *rows = [line.split() for line in result.lines]
    assert header == ["SAMPLED-AT", "NAME", "CPU"]
    assert [row[1] for row in rows[:4]] == [f"redis-{i}" for i in (0, 1, 2, 3)]
    assert [row[1:] for row in rows[4:]] == [["redis-0", "777m"], ["redis-0", "2000m"]]


def test_it_ends_when_the_condition_holds(cluster: Cluster, between: Between) -> None:
    between.measure("redis-0 2")
    assert run(cluster, *ONE).code == 10
    assert between.waits == [1.0]


def test_ndjson_goes_on_line_by_line(cluster: Cluster, between: Between) -> None:
    between.measure("redis-0 2")
    result = run(cluster, *ONE, "-o", "ndjson")
    usages = [json.loads(line)["cpu"]["usage"] for line in result.lines]
    assert len(usages) == 2
    assert usages[1] == 2_000_000_000


def test_yaml_goes_on_document_by_document(cluster: Cluster, between: Between) -> None:
    between.measure("redis-0 2")
    result = run(cluster, *ONE, "-o", "yaml")
    documents = list(yaml.safe_load_all(result.out))
    assert [len(document["items"]) for document in documents] == [1, 1]


def test_what_has_no_new_sample_is_not_said_again(
    cluster: Cluster, between: Between
) -> None:
    between.measure("redis-1 3m", "redis-0 2")
    result = run(cluster, *ONE, "-o", "json")
    assert (rounds_of(cluster), result.out.count('"items"')) == (3, 2)


def test_without_a_number_it_waits_for_the_next_sample(
    cluster: Cluster, between: Between
) -> None:
    line = [word for word in ONE if word != "--watch=1"]
    between.measure("redis-0 2")
    assert run(cluster, *line, "--watch").code == 10
    # The sample is as old as the time it has to be served.
    assert between.waits == [15.0]


def test_a_first_round_that_fails_is_the_end(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-w", user="noperm")
    assert result.code == 1
    assert result.err.startswith("error: pods is forbidden")


def test_a_name_that_is_not_there_is_the_end(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-w", "web-7")
    assert (result.code, result.out) == (1, "")
    assert result.err == 'error: pods "web-7" not found in namespace default\n'


@pytest.mark.parametrize("width", [None, 100])
def test_a_number_that_is_no_pod_was_meant_for_the_flag(
    cluster: Cluster, width: int | None
) -> None:
    result = run(cluster, "pods", "-w", "5s", width=width)
    assert result.code == 1
    assert 'error: pods "5s" not found' in result.out + result.err
    assert result.err.endswith("did you mean --watch=5?\n")
    assert "--watch=5" not in run(cluster, "pods", "--watch=9", "5", width=width).err


def test_a_later_round_that_fails_is_told_and_survived(
    cluster: Cluster, between: Between
) -> None:
    refusal = api_error(403, "Forbidden", "not now")
    for path in {seen.path for seen in first_round(cluster)}:
        cluster.faults.add(refusal, path=path, first=2)
    between.measure("redis-0 3m", "redis-0 2")
    result = run(cluster, *ONE)
    assert (result.code, result.err.splitlines()[0]) == (10, "error: not now")
    assert result.err.splitlines()[1:] == [
        "--fail-on: 1 of 1 pod matches 'cpu > 1': team-c/redis-0 (cpu.usage 2000m)"
    ]


def first_round(cluster: Cluster) -> list[Seen]:
    assert run(cluster, *ONE[:4]).code == 0
    seen = cluster.requests
    cluster.forget_requests()
    return seen


def process(cluster: Cluster, *line: str) -> subprocess.Popen[str]:
    own = {"KUBECONFIG": str(cluster.kubeconfig("viewer")), "TERM": "xterm"}
    with interruptible():
        return subprocess.Popen(
            [sys.executable, "-m", "kubemetrics", *line],
            env={**os.environ, **own},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def test_ctrl_c_ends_it_cleanly(cluster: Cluster) -> None:
    line = ("pods", "-n", "team-c", "-w")
    with process(cluster, *line) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("SAMPLED-AT")
        _, err = interrupt(running)
    assert running.returncode == 130
    assert "Traceback" not in err


def test_a_reader_that_has_enough_ends_it_quietly(cluster: Cluster) -> None:
    line = ("pods", "-n", "team-c", "--watch=1")
    with process(cluster, *line) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        measure(cluster, "redis-0", "2")
        assert running.wait(timeout=60) == 0
        assert "Traceback" not in running.stderr.read()


# on a terminal


def test_the_screen_is_redrawn_with_change_and_trend(
    cluster: Cluster, between: Between
) -> None:
    line = ("pods", "-n", "team-c", "redis-?", "--watch=1", "--color", "never")
    between.measure("redis-0 50m", "redis-0 100m", "redis-0 25m", "redis-0 2")
    result = run(cluster, *line, "--fail-on", "cpu > 1", width=100)
    before_last = frames(result.out)[-2]
    status, header, *rows = before_last
    assert "sample 1s old" in status
    assert header.split()[:2] == ["NAME", "STATUS"]
    assert "CPU-TREND" in header
    redis = next(row for row in rows if row.startswith("redis-0")).split()
    assert "25m" in redis
    assert "-75m" in redis
    assert any(cell.endswith("▄█▂") for cell in redis)
    still = next(row for row in rows if row.startswith("redis-1"))
    assert "+" not in still


def test_more_rows_than_fit_are_counted(cluster: Cluster) -> None:
    line = ("pods", "-A", "--watch=1", "--fail-on", "cpu > 0")
    (frame,) = frames(run(cluster, *line, width=100, height=30).out)
    assert len(frame) == 29
    assert "by CPU   rows 1-25 of 100" in frame[0]
    assert len(frame[2:-2]) == 25
    assert "81 of 89 running pods measured" in frame[-2]
    assert frame[-1].endswith("not running yet")


def test_a_servers_warning_is_not_drawn_over(
    cluster: Cluster, between: Between
) -> None:
    said = tuple(("Warning", f'299 - "old {number}"') for number in range(5))
    cluster.faults.add(with_headers(*said), path="/api/v1/nodes")
    line = ("pods", "-n", "team-c", "redis-?", "--watch=1", "--fail-on", "cpu > 1")
    between.measure("redis-0 3m", "redis-0 2")
    result = run(cluster, *line, width=100)
    assert "Warning" not in result.err
    drawn = frames(result.out)
    assert len(drawn) == 5
    for frame in drawn:
        assert frame[-4:] == [
            "Warning: old 0", "Warning: old 1", "Warning: old 2",
            "… and 2 more warnings",
        ]  # fmt: skip


def test_on_a_pipe_a_servers_warning_is_printed_once(
    cluster: Cluster, between: Between
) -> None:
    cluster.faults.add(
        with_headers(("Warning", '299 - "old"')), path="/api/v1/nodes", times=None
    )
    between.measure("redis-0 2")
    assert run(cluster, *ONE).err.count("Warning: old\n") == 1


# the pace


def paced(*rounds: tuple[float, float]) -> tuple[Pace, list[float]]:
    """Return the waits after rounds: (time of the newest sample, the server's time)."""
    pace = Pace()
    found = [
        pace.wait(NOW + timedelta(seconds=latest), NOW + timedelta(seconds=now))
        for latest, now in rounds
    ]
    return pace, [wait.total_seconds() for wait in found]


def waits(*rounds: tuple[float, float]) -> list[float]:
    return paced(*rounds)[1]


def test_the_next_round_waits_for_the_next_sample() -> None:
    assert waits((0, 5)) == [12.0]  # 15 s until a pace is known, and 2 s to be served


def test_the_pace_is_learned_from_the_samples() -> None:
    assert waits((0, 5), (60, 65))[1] == 57.0


def test_a_round_that_missed_a_sample_does_not_slow_the_others() -> None:
    assert waits((0, 5), (60, 65), (180, 185))[2] == 57.0


def test_a_late_sample_is_looked_for_again_soon() -> None:
    assert waits((0, 5), (0, 18), (0, 21)) == [12.0, 3.0, 3.0]


def test_a_wait_is_never_shorter_than_a_second_nor_longer_than_minutes() -> None:
    assert waits((0, 16.5)) == [1.0]
    assert waits((0, 5), (10_000, 10_005))[1] == 300.0


def test_without_any_sample_a_default_is_waited() -> None:
    assert Pace().wait(None, NOW) == timedelta(seconds=15)


def test_samples_dated_now_are_polled_at_a_default_prometheus_adapter_555() -> None:
    pace, found = paced((0, 0), (15, 15), (300, 300))
    assert (found, pace.stamped_when_asked) == ([15.0, 15.0, 15.0], True)


def test_stamps_that_follow_the_polls_are_no_pace_prometheus_adapter_555() -> None:
    """The answer takes three seconds, and is dated at its beginning."""
    pace, found = paced((0, 3), (17, 20), (36, 39), (54, 57))
    assert (found[2:], pace.stamped_when_asked) == ([15.0, 15.0], True)


def test_samples_at_a_pace_are_not_taken_for_dated_now() -> None:
    assert not paced((0, 2), (15, 17), (30, 32), (45, 47))[0].stamped_when_asked
    # One that was just taken when it was asked for, and the clock of a node ahead.
    assert not paced((0, 0), (0, 15))[0].stamped_when_asked
    assert not paced((60, 0))[0].stamped_when_asked


def test_the_screen_says_when_the_next_is_due(
    cluster: Cluster, between: Between
) -> None:
    line = ("pods", "-n", "team-c", "redis-?", "--watch", "--color", "never")
    between.measure("redis-0 2")
    result = run(cluster, *line, "--fail-on", "cpu > 1", width=100)
    first, *_ = frames(result.out)
    assert " old, next in ~15s " in first[0]


def test_the_screen_says_that_samples_are_dated_now_prometheus_adapter_555(
    cluster: Cluster, between: Between
) -> None:
    cluster.scrape()
    line = ("pods", "-n", "team-c", "redis-?", "--watch", "--color", "never")
    between.measure("redis-0 2")
    result = run(cluster, *line, "--fail-on", "cpu > 1", width=100)
    first, *_ = frames(result.out)
    assert "sample 0s old, stamped when asked, next in ~15s" in first[0]
    assert between.waits == [15.0]


# what happens while a screen is shown


def test_what_happens_is_queued_in_its_order() -> None:
    happenings = Happenings()
    happenings.put("q")
    happenings.put()
    assert happenings.wait(HANG) == Happening(key="q")
    assert happenings.wait(HANG) == Happening()
    assert happenings.wait(0) is None


def test_the_end_of_a_round_is_something_that_happens() -> None:
    happenings = Happenings()
    begun = happenings.begin(lambda: "rows")
    assert happenings.wait(HANG) == Happening(read=True)
    assert begun.result(HANG) == "rows"
    assert happenings.now() <= happenings.now()


def test_a_round_that_raises_ends_too_and_raises_where_it_is_asked_for() -> None:
    def fail() -> None:
        raise OSError(5, "broken")

    happenings = Happenings()
    begun = happenings.begin(fail)
    assert happenings.wait(HANG) == Happening(read=True)
    with pytest.raises(OSError, match="broken"):
        begun.result(HANG)


def test_where_no_thread_can_be_had_a_round_is_read_when_it_is_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "begun", DeferredCall)
    happenings = Happenings()
    begun = happenings.begin(lambda: "rows")
    assert happenings.wait(HANG) == Happening(read=True)
    assert begun.result() == "rows"


def test_prometheus_is_one_text_and_not_watched(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-w", "-o", "prometheus")
    assert result.code == 2
    assert "--watch does not go with -o prometheus" in result.err
