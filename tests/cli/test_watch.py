"""``--watch``, as a process: on a pipe, on a terminal, and how it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kubemetrics.cli.pace import Pace
from tests.cluster import Cluster
from tests.cluster.clock import rfc3339

from .harness import run

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "kubemetrics", *args]


def environ(cluster: Cluster) -> dict[str, str]:
    own = {"KUBECONFIG": str(cluster.kubeconfig("viewer")), "TERM": "xterm"}
    return {**os.environ, **own}


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


# on a pipe


def test_new_samples_are_appended_under_one_header(cluster: Cluster) -> None:
    line = ("pods", "-n", "team-c", "redis-*", "--watch=1", "--columns", "name,cpu")
    with subprocess.Popen(
        command(*line), env=environ(cluster), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(5)]
        measure(cluster, "redis-0", "777m")
        second = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert first[0].split() == ["SAMPLED-AT", "NAME", "CPU"]
    assert len({line.split()[1] for line in first[1:]}) == 4
    assert second.split()[1:] == ["redis-0", "777m"]
    assert rest == ""
    assert process.returncode == 130


def test_ndjson_goes_on_line_by_line(cluster: Cluster) -> None:
    line = ("pods", "-n", "team-c", "redis-0", "--watch=1", "-o", "ndjson")
    with subprocess.Popen(
        command(*line), env=environ(cluster), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert '"name": "redis-0"' in process.stdout.readline()
        measure(cluster, "redis-0", "777m")
        assert '"usage": 777000000' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130


def test_it_ends_when_the_condition_holds(cluster: Cluster) -> None:
    line = ("pods", "-n", "team-c", "redis-0", "--watch=1", "--fail-on", "cpu > 1")
    with subprocess.Popen(
        command(*line), env=environ(cluster), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        measure(cluster, "redis-0", "2")
        assert process.wait(timeout=20) == 10


def test_a_reader_that_has_enough_ends_it_quietly(cluster: Cluster) -> None:
    line = ("pods", "-n", "team-c", "--watch=1")
    with subprocess.Popen(
        command(*line),
        env=environ(cluster),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        measure(cluster, "redis-0", "2")
        assert process.wait(timeout=20) == 0
        assert "Traceback" not in process.stderr.read()


def test_a_first_round_that_fails_is_the_end(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-w", user="noperm")
    assert result.code == 1
    assert result.err.startswith("error: pods is forbidden")


# on a terminal


class Screen:
    """A terminal of 100 by 30 and what was drawn on it."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        size = struct.pack("HHHH", 30, 100, 0, 0)
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, size)
        os.set_blocking(self.ours, False)
        self.text = ""

    def read(self) -> str:
        with suppress(OSError):  # there is nothing to read
            self.text += os.read(self.ours, 1 << 16).decode()
        return self.text

    @property
    def frames(self) -> list[str]:
        """Each redraw, as plain lines."""
        return [
            frame.replace("\x1b[K", "").replace("\r\n", "\n")
            for frame in self.read().split("\x1b[H")[1:]
            if frame.endswith("\x1b[J")
        ]

    def wait_for_frames(self, count: int) -> None:
        deadline = time.monotonic() + 20
        while len(self.frames) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def close(self) -> None:
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen()
    yield made
    made.close()


def test_the_screen_is_redrawn_with_change_and_trend(
    cluster: Cluster, screen: Screen
) -> None:
    line = ("pods", "-n", "team-c", "redis-?", "--watch=1", "--color", "never")
    with subprocess.Popen(
        command(*line), env=environ(cluster), stdout=screen.theirs,
        stderr=screen.theirs, stdin=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        screen.wait_for_frames(1)
        for cpu in ("50m", "100m", "25m"):
            wanted = len(screen.frames) + 2
            measure(cluster, "redis-0", cpu)
            screen.wait_for_frames(wanted)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    status, header, *rows = screen.frames[-1].splitlines()
    assert "newest sample" in status
    assert header.split()[:2] == ["NAME", "STATUS"]
    assert "TREND" in header
    redis = next(row for row in rows if row.startswith("redis-0"))
    assert "25m" in redis
    assert "-75m" in redis
    assert "▄█▂" in redis
    still = next(row for row in rows if row.startswith("redis-1"))
    assert "+" not in still


def test_more_rows_than_fit_are_counted(cluster: Cluster, screen: Screen) -> None:
    line = ("pods", "-A", "--watch=1")
    with subprocess.Popen(
        command(*line), env=environ(cluster), stdout=screen.theirs,
        stderr=screen.theirs, stdin=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        screen.wait_for_frames(1)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    lines = screen.frames[-1].splitlines()
    assert len(lines) <= 30
    assert any("more rows" in line for line in lines)
    assert any("81 of 89 running pods measured" in line for line in lines)


# the pace


def waits(*rounds: tuple[float, float]) -> list[float]:
    """Return the waits after rounds: (time of the newest sample, the server's time)."""
    pace = Pace()
    window = timedelta(seconds=20)
    return [
        pace.wait(
            NOW + timedelta(seconds=latest), NOW + timedelta(seconds=now), window
        ).total_seconds()
        for latest, now in rounds
    ]


def test_the_next_round_waits_for_the_next_sample() -> None:
    assert waits((0, 5)) == [17.0]  # 20 s of the window, and 2 s to be served


def test_the_pace_is_learned_from_the_samples() -> None:
    assert waits((0, 5), (60, 65))[1] == 57.0


def test_a_late_sample_is_looked_for_again_soon() -> None:
    assert waits((0, 5), (0, 23), (0, 27)) == [17.0, 4.0, 4.0]


def test_a_wait_is_never_shorter_than_a_second_nor_longer_than_minutes() -> None:
    assert waits((0, 21.5)) == [1.0]
    assert waits((0, 0), (10_000, 10_000))[1] == 300.0


def test_without_any_sample_the_window_or_a_default_is_waited() -> None:
    assert Pace().wait(None, NOW, None) == timedelta(seconds=15)
