"""The screen of a watch on a terminal: time, sizes and keys, without waiting."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.cluster import Cluster
from tests.cluster.clock import rfc3339
from tests.cluster.faults import api_error
from tests.cluster.quantities import nanocores

from .happenings import Step, frames, play
from .harness import Result, run


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


@pytest.fixture(scope="module")
def still() -> Iterator[Cluster]:
    """A cluster that no test changes."""
    with Cluster.recorded() as running:
        yield running


class Watch:
    """Watches a cluster while steps happen; *keys* says that they can be typed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def __call__(
        self,
        cluster: Cluster,
        line: str,
        *steps: Step,
        size: str = "120x30",
        reading: float = 0,
    ) -> list[list[str]]:
        play(self._patch, *steps, reading=reading)
        return frames(self._run(cluster, line, size).out)

    def result(
        self, cluster: Cluster, line: str, *steps: Step, size: str = "120x30"
    ) -> Result:
        play(self._patch, *steps)
        return self._run(cluster, line, size)

    def _run(self, cluster: Cluster, line: str, size: str) -> Result:
        columns, rows = map(int, size.split("x"))
        words = [*line.split(), "--color", "never"]
        return run(cluster, *words, width=columns, height=rows)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def resized(columns: int, rows: int) -> Step:
    def resize() -> None:
        os.environ.update(COLUMNS=str(columns), LINES=str(rows))

    return resize


def names(frame: list[str]) -> list[str]:
    """Return the names of the pods of a frame, of all namespaces or of one."""
    header = frame[1].split()
    index = header.index("NAME")
    return [line.split()[index] for line in frame[2:] if " measured " not in line]


PODS = "pods -A -w"


# time and rounds


def test_the_age_of_the_sample_ticks_each_second(still: Cluster, watch: Watch) -> None:
    first, *ticks = watch(still, f"{PODS} --watch=60", 3.0)
    ages = [frame[0].split(" old, ")[0].split()[-1] for frame in [first, *ticks]]
    assert ages[0] == "2s"
    assert list(dict.fromkeys(ages)) == ["2s", "3s", "4s", "5s"]
    assert "next in ~57s" in ticks[-1][0]
    assert [frame[1:] for frame in ticks] == [first[1:]] * len(ticks)


def test_a_slow_round_stops_neither_the_ages_nor_the_keys(
    still: Cluster, watch: Watch
) -> None:
    steps = (15.0, 2.0, "m", 2.0)
    drawn = watch(still, "pods -A --watch=15", *steps, reading=3.0)
    tops = [frame[0] for frame in drawn]
    ages = [top.split("sample ")[1].split(" old")[0] for top in tops]
    assert list(dict.fromkeys(ages)) == [*(f"{n}s" for n in range(2, 21))][:19]
    assert any("18s old, reading" in top and "by MEM" not in top for top in tops)
    assert any("19s old, reading" in top and "by MEM" in top for top in tops)
    assert "sample 3s old, next in ~14s" in tops[-1]


def scraped(cluster: Cluster, load: int) -> Step:
    """Measure again: every pod now takes *load* per cent of its CPU."""

    def scrape() -> None:
        cluster.clock.shift(15)
        for sample in cluster.pod_samples.samples():
            usages = (
                replace(u, cpu=f"{nanocores(u.cpu) * load // 100}n")
                for u in sample.usages
            )
            stamp = rfc3339(cluster.clock.now())
            cluster.pod_samples.put(
                replace(sample, timestamp=stamp, usages=tuple(usages))
            )

    return scrape


@pytest.mark.parametrize("size", ["80x40", "120x40", "200x40"])
def test_columns_are_the_same_from_the_first_frame_on(
    cluster: Cluster, watch: Watch, size: str
) -> None:
    loads = [part for load in (900, 11, 500) for part in (scraped(cluster, load), 15.0)]
    drawn = watch(cluster, "pods -n team-c --watch=15", *loads, size=size)
    headers = [frame[1].split() for frame in drawn]
    assert "CPU-Δ" in headers[0]
    assert size == "80x40" or "CPU-TREND" in headers[0]
    assert headers == [headers[0]] * len(drawn)
    assert drawn[-1][2:] != drawn[0][2:]


def test_no_two_columns_of_a_watch_have_the_same_header(
    still: Cluster, watch: Watch
) -> None:
    (header,) = {frame[1] for frame in watch(still, PODS, size="400x40")}
    added = [word for word in header.split() if "Δ" in word or "TREND" in word]
    assert added == ["CPU-Δ", "CPU-TREND", "MEM-Δ", "MEM-TREND"]


def test_columns_only_become_wider(cluster: Cluster, watch: Watch) -> None:
    loads = [scraped(cluster, 90_000_000), 15.0, scraped(cluster, 1), 15.0]
    drawn = watch(cluster, "pods -n team-c --watch=15", *loads, size="300x40")
    widths = [len(frame[1]) for frame in drawn]
    assert widths == sorted(widths)
    assert widths[-1] > widths[0]


def test_growth_drops_no_column(cluster: Cluster, watch: Watch) -> None:
    line = "pods -n team-c --watch=15"
    width = max(map(len, watch(cluster, line, size="110x40")[0][1:-1]))
    steps = (scraped(cluster, 900_000), 15.0)
    first, *_, last = watch(cluster, line, *steps, size=f"{width}x40")
    assert last[1].split() == first[1].split()


def test_a_round_that_fails_keeps_the_rows_and_says_why(
    cluster: Cluster, watch: Watch
) -> None:
    def fail() -> None:
        cluster.faults.add(api_error(403, "Forbidden", "not now"), times=None)

    first, *_, last = watch(cluster, "pods -n team-c --watch=15", fail, 15.5)
    assert names(last)[:-1] == names(first)
    assert last[-1] == "error: not now"
    assert "sample 17s old" in last[0]


def test_without_any_sample_none_is_said_to_be_old(
    cluster: Cluster, watch: Watch
) -> None:
    for sample in cluster.pod_samples.samples():
        cluster.pod_samples.remove(*sample.key)
    for sample in cluster.node_samples.samples():
        cluster.node_samples.remove(*sample.key)
    (*_, last) = watch(cluster, "pods -n team-c -w")
    assert "no sample yet, next in ~15s" in last[0]


def test_a_gate_that_ends_it_says_what_matched(cluster: Cluster, watch: Watch) -> None:
    result = watch.result(
        cluster, "pods -n team-c --watch=15 --fail-on cpu>3", scraped(cluster, 2000),
        15.0,
    )  # fmt: skip
    assert result.code == 10
    assert result.err.startswith("--fail-on: 1 of 15 pods matches 'cpu>3': team-c/")


# sizes


def test_a_resize_redraws_at_once(still: Cluster, watch: Watch) -> None:
    wide, *_, narrow = watch(still, PODS, resized(80, 20), size="160x30")
    assert (len(wide), len(narrow)) == (29, 19)
    assert max(map(len, narrow)) <= 80 < max(map(len, wide))
    assert "rows 1-15 of 100" in narrow[0]


def test_columns_come_back_on_a_wider_terminal(still: Cluster, watch: Watch) -> None:
    steps = (resized(60, 30), resized(160, 30))
    first, *_, last = watch(still, PODS, *steps, size="160x30")
    assert first[1].split() == last[1].split()


@pytest.mark.parametrize("size", ["10x2", "20x3", "40x5", "1x1"])
def test_a_tiny_terminal_is_not_overfilled(
    still: Cluster, watch: Watch, size: str
) -> None:
    height = int(size.partition("x")[2])
    for frame in watch(still, PODS, " ", "?", "?", "/", "escape", size=size):
        assert len(frame) <= max(height - 1, 2)


def test_the_busiest_are_those_that_fit(still: Cluster, watch: Watch) -> None:
    fitting = watch(still, PODS, size="120x200")[0]
    cut = watch(still, PODS, size="120x12")[0]
    assert "by name   100 pods" in fitting[0]
    assert fitting[2:-1] == sorted(fitting[2:-1])
    assert "by CPU   rows 1-" in cut[0]
    assert names(cut)[:2] == ["kafka-0", "kube-proxy-cbw6c"]


def test_the_order_of_the_command_line_stays(still: Cluster, watch: Watch) -> None:
    frame = watch(still, f"{PODS} --sort name", size="120x12")[0]
    assert "by NAME   rows" in frame[0]
    assert names(frame) == sorted(names(frame))


# keys


def test_q_ends_it(still: Cluster, watch: Watch) -> None:
    result = watch.result(still, PODS, "q", "never typed")
    assert (result.code, result.err, len(frames(result.out))) == (0, "", 2)


def order(frame: list[str]) -> str:
    return next(part for part in frame[0].split("   ") if part.startswith("by "))


def test_a_key_sorts_and_the_same_again_reverses(still: Cluster, watch: Watch) -> None:
    drawn = watch(still, PODS, "m", "m", "m", "c", "n", "n", "x")
    assert list(map(order, drawn[1:])) == [
        "by MEM", "by MEM, smallest first", "by MEM", "by CPU", "by name",
        "by name, Z-A", "by name, Z-A", "by name, Z-A",
    ]  # fmt: skip
    most, least = names(drawn[1]), names(drawn[2])
    assert most[0].startswith("frontend-web")
    assert most[0] not in least
    namespaces = [line.split()[0] for line in drawn[5][2:8]]
    assert namespaces == sorted(namespaces)


def test_the_column_beside_can_be_sorted_by(still: Cluster, watch: Watch) -> None:
    drawn = watch(still, PODS, "c", "<", ">", "n", ">")
    assert list(map(order, drawn[1:6])) == [
        "by CPU", "by STATUS", "by CPU", "by name", "by NAMESPACE",
    ]  # fmt: skip
    after = watch(still, PODS, "c", "<", "<", "<", "<")
    assert list(map(order, after[3:6])) == ["by NAME", "by NAMESPACE", "by MEM%LIM"]


def test_pages_and_lines_are_turned(still: Cluster, watch: Watch) -> None:
    steps = (" ", "pagedown", "down", "up", "pageup", "home", "b", "k")
    drawn = watch(still, PODS, *steps, size="120x30")
    shown = [
        next(part for part in frame[0].split("   ") if part.startswith("rows"))
        for frame in drawn[:-1]
    ]
    starts = [int(part.split()[1].partition("-")[0]) for part in shown]
    size = starts[1] - 1
    assert starts == [
        1, size + 1, 2 * size + 1, 2 * size + 2, 2 * size + 1, size + 1, 1, 1, 1,
    ]  # fmt: skip
    every = names(drawn[0]) + names(drawn[1])
    assert len({*every}) == 2 * size


def test_after_the_last_page_comes_the_first(still: Cluster, watch: Watch) -> None:
    drawn = watch(still, PODS, *(" " for _ in range(3)), size="120x40")
    assert "rows 73-100 of" in drawn[-3][0]
    assert "rows 1-36 of" in drawn[-1][0]


def test_the_last_row_is_not_scrolled_away(still: Cluster, watch: Watch) -> None:
    drawn = watch(still, "pods -n team-c -w", *("j" for _ in range(40)), size="120x60")
    assert len(names(drawn[-1])) == 1


def test_a_part_of_a_name_filters_while_it_is_typed(
    still: Cluster, watch: Watch
) -> None:
    steps = ("/", "K", "a", "f", "x", "backspace", "up", "enter")
    drawn = watch(still, PODS, *steps)
    assert drawn[4][0].startswith("/Kaf_")
    assert names(drawn[4]) == [f"kafka-{n}" for n in (0, 1, 2, 3)]
    assert names(drawn[5]) == []
    assert "/Kaf   4 pods" in drawn[8][0]


def test_a_filter_may_be_an_expression(still: Cluster, watch: Watch) -> None:
    text = "mem.pct_limit > 300"
    drawn = watch(still, PODS, "/", *text, "enter")
    assert len(names(drawn[-3])) > 10  # it holds when it is entered
    assert f"/{text}   3 pods" in drawn[-1][0]


def test_a_filter_that_cannot_be_read_says_so_and_can_be_mended(
    still: Cluster, watch: Watch
) -> None:
    drawn = watch(still, PODS, "/", *"cpu >", "enter", *" 1", "enter")
    broken = next(frame[0] for frame in drawn if "column" in frame[0])
    assert broken.startswith("/cpu >_   column 6: ")
    assert "/cpu > 1   1 pod" in drawn[-1][0]


def test_escape_drops_the_filter(still: Cluster, watch: Watch) -> None:
    drawn = watch(still, PODS, "/", "x", "enter", "/", "escape")
    assert "of 100" in drawn[-1][0]


def test_an_expression_stays_in_force_while_another_is_typed(
    still: Cluster, watch: Watch
) -> None:
    steps = ("/", *"cpu>1", "enter", "/", "0", "escape")
    drawn = watch(still, PODS, *steps)
    assert drawn[-3][0].startswith("/cpu>10_")
    assert names(drawn[-3]) == ["kafka-0"]


def test_a_page_that_a_filter_leaves_empty_is_the_first(
    still: Cluster, watch: Watch
) -> None:
    drawn = watch(still, PODS, " ", " ", "/", *"kafka", "enter")
    assert "4 pods" in drawn[-1][0]
    assert len(names(drawn[-1])) == 4


def test_a_pause_reads_nothing_until_it_ends(cluster: Cluster, watch: Watch) -> None:
    def rounds() -> int:
        return sum(seen.path == "/api/v1/namespaces/team-c/pods" for seen in asked)

    asked = cluster.requests
    steps = ("p", 100.0, "p", 0.5)
    drawn = watch(cluster, "pods -n team-c --watch=15", *steps)
    asked = cluster.requests
    assert any("paused" in frame[0] for frame in drawn)
    assert rounds() == 2


def test_help_is_shown_and_left(still: Cluster, watch: Watch) -> None:
    drawn = watch(still, PODS, "?", "x", "?", "q")
    assert any(line.startswith("/ ") for line in drawn[1])
    assert drawn[2] == drawn[0]
    assert len(drawn) == 5


def test_top_keeps_its_number_in_another_order(still: Cluster, watch: Watch) -> None:
    drawn = watch(still, f"{PODS} --top 3", "m")
    assert [len(names(frame)) for frame in drawn] == [3, 3, 3]
    assert names(drawn[0]) != names(drawn[1])


def test_a_total_stays_below_every_page(still: Cluster, watch: Watch) -> None:
    drawn = watch(still, f"{PODS} --sum", " ", size="120x20")
    totals = [next(x for x in frame if x.startswith("TOTAL")) for frame in drawn]
    assert totals == [totals[0]] * 3


def test_nodes_and_groups_can_be_watched(still: Cluster, watch: Watch) -> None:
    for line in ("nodes -w", "namespaces -w", "containers -A -w", "workloads -A -w"):
        drawn = watch(still, line, "n", "m", "/", "e", "enter")
        assert "TREND" in drawn[0][1], line
        assert drawn[0][0].startswith(f"kubemetrics {line.split()[0]}")


def test_a_dumb_terminal_gets_no_escapes(still: Cluster) -> None:
    line = ("pods", "-A", "-w", "--fail-on", "cpu > 0", "--color", "never")
    result = run(still, *line, width=100, environ={"TERM": "dumb"})
    assert result.code == 10
    assert "\x1b" not in result.out
    assert len(result.lines) == 101
