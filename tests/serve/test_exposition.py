"""What is served is accepted by promtool and by prometheus_client's strict parser."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families as loosely

from kubemetrics.serve.counters import Level
from kubemetrics.serve.exposition import (
    Family,
    Format,
    Metric,
    Point,
    decimal,
    labels,
    rendered,
)
from kubemetrics.serve.exposition import series as counted
from kubemetrics.serve.families import Choice
from tests.snapshot import recorded

from .rounds import Serving, moved, pod, round_of, sample, series

PROMTOOL = shutil.which("promtool")
SHAPES: list[tuple[Level, Choice]] = [
    *((level, Choice()) for level in get_args(Level)),
    ("container", Choice(lean=True)),
    ("container", Choice(timestamps=True)),
    ("container", Choice(names="kubelet")),
    ("container", Choice(names="kubelet", lean=True, timestamps=True)),
    ("node", Choice(timestamps=True, lean=True)),
    ("namespace", Choice(lean=True)),
]
every_shape = pytest.mark.parametrize(("level", "choice"), SHAPES, ids=repr)


@cache
def served(level: Level, choice: Choice) -> tuple[Family, ...]:
    """Return what is served of the recorded cluster."""
    found = Serving(level, "app", "kubernetes.io/os").take(recorded.parts())
    return tuple(found.families(choice))


@every_shape
def test_the_strict_parser_reads_every_series(level: Level, choice: Choice) -> None:
    families = served(level, choice)
    found = series(families)
    keys = [(name, *sorted(labels.items())) for name, labels, _ in found]
    assert len(keys) == len(set(keys)) == counted(families)


@every_shape
def test_both_formats_say_the_same(level: Level, choice: Choice) -> None:
    families = served(level, choice)
    plain = [
        (s.name, tuple(s.labels.items()), float(s.value))
        for family in loosely(rendered(families, "text").decode())
        for s in family.samples
    ]
    strict = [
        (name, tuple(labels.items()), value)
        for name, labels, value in series(families)
        if not name.endswith("_created")
    ]
    assert plain == strict


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here")
@every_shape
def test_promtool_has_nothing_to_say(level: Level, choice: Choice) -> None:
    done = subprocess.run(
        [PROMTOOL or "", "check", "metrics"],
        input=rendered(served(level, choice), "text"),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_every_family_is_served_somewhere() -> None:
    """Else its name would be checked by nobody."""
    names = {
        family.metric.name
        for shape in SHAPES
        for family in served(*shape)
        if family.points
    }
    asked = [
        "container_cpu_usage_seconds", "container_cpu_observed_seconds",
        "container_memory_working_set_bytes", "container_resource_requests",
        "container_resource_limits", "pod_resource_requests", "pod_resource_limits",
        "pod_unmeasured", "pod_info", "node_cpu_usage_seconds",
        "node_cpu_observed_seconds", "node_memory_working_set_bytes",
        "node_allocatable", "node_capacity", "up", "last_sample_timestamp_seconds",
        "build_info", "missed_samples", "rounds", "list_duration_seconds",
    ]  # fmt: skip
    assert {f"kubemetrics_{name}" for name in asked} <= names
    theirs = [
        "container_cpu_usage_seconds", "container_memory_working_set_bytes",
        "node_cpu_usage_seconds", "node_memory_working_set_bytes",
        "kube_pod_container_resource_requests", "kube_pod_container_resource_limits",
        "kube_node_status_allocatable", "kube_pod_owner", "kube_pod_info",
        "kube_replicaset_owner", "kube_pod_status_phase",
    ]  # fmt: skip
    assert set(theirs) <= names


def test_openmetrics_names_a_counter_without_its_suffix() -> None:
    metric = Metric("cpu_seconds", "counter", "CPU.", "seconds")
    families = [Family(metric, [Point(labels([("pod", "a")]), "1.5", "1700000000")])]
    assert rendered(families, "openmetrics").decode().splitlines() == [
        "# TYPE cpu_seconds counter",
        "# UNIT cpu_seconds seconds",
        "# HELP cpu_seconds CPU.",
        'cpu_seconds_total{pod="a"} 1.5',
        'cpu_seconds_created{pod="a"} 1700000000',
        "# EOF",
    ]
    assert rendered(families, "text").decode().splitlines() == [
        "# HELP cpu_seconds_total CPU.",
        "# TYPE cpu_seconds_total counter",
        'cpu_seconds_total{pod="a"} 1.5',
    ]


def test_a_time_is_in_seconds_in_one_format_and_in_milliseconds_in_the_other() -> None:
    families = [Family(Metric("up", "gauge", "Up."), [Point("", "1", "", 1234567)])]
    assert b"\nup 1 1234.567\n" in rendered(families, "openmetrics")
    assert b"\nup 1 1234567\n" in rendered(families, "text")


def test_a_family_without_a_series_is_left_out() -> None:
    families = [Family(Metric("up", "gauge", "Up."), [])]
    assert rendered(families, "text") == b""
    assert rendered(families, "openmetrics") == b"# EOF\n"


@pytest.mark.parametrize(
    ("value", "written"),
    [('a"b', r"a\"b"), ("a\\b", r"a\\b"), ("a\nb", r"a\\nb"), ("\u202e", r"\\u202e")],
)
def test_no_label_breaks_out_of_its_quotes(value: str, written: str) -> None:
    assert labels([("pod", value)]) == f'pod="{written}"'


def test_a_hostile_name_is_read_back_as_one_series() -> None:
    name = 'x"} 1\n# EOF\n\\'
    found = Serving().take(
        round_of(pod(name), samples=(sample(name, labels={"app": '"'}),))
    )
    assert len(found.values("kubemetrics_container_cpu_usage_seconds_total")) == 1


@pytest.mark.parametrize(
    ("nanos", "written"),
    [
        (0, "0"), (1, "0.000000001"), (10**9, "1"), (1_500_000_000, "1.5"),
        (123_456_789_012, "123.456789012"), (10**27 + 1, f"{10**18}.000000001"),
    ],
)  # fmt: skip
def test_billionths_are_written_exactly(nanos: int, written: str) -> None:
    assert decimal(nanos) == written


def lines_of(found: Serving) -> Iterator[str]:
    yield from rendered(found.families(), "text").decode().splitlines()


def test_a_round_later_only_values_differ() -> None:
    found = Serving().take(recorded.parts())
    before = [line.rpartition(" ")[0] for line in lines_of(found)]
    found.take(moved(recorded.parts(), 15))
    assert [line.rpartition(" ")[0] for line in lines_of(found)] == before


def test_all_formats_are_known() -> None:
    assert set(get_args(Format)) == {"text", "openmetrics"}
