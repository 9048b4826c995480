"""What is handed over: lines of OpenMetrics, and what Prometheus answers from them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from kubemetrics import open_history
from kubemetrics.cli import main
from kubemetrics.cli.history_command import HISTORY
from kubemetrics.history import reading
from kubemetrics.history.figures import CoveredSample, Hour, Trace
from kubemetrics.history.recorder import Recorder
from kubemetrics.history.store import Writing, set_meta
from kubemetrics.serve.handover import Level, RecordedSource, written
from tests.serve.prometheus import PROMETHEUS, answering

from .making import T0, Past, a_node_sample, a_pod, a_sample

PROMTOOL: Final = shutil.which("promtool")
CPU: Final = "kubemetrics_container_cpu_usage_seconds_total"
OBSERVED: Final = "kubemetrics_container_cpu_observed_seconds_total"
MEMORY: Final = "kubemetrics_container_memory_working_set_bytes"
ODD: Final = 'back\\slash "quoted"'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Record three hours, a gap, and a pod that is made anew under its name."""
    path, past = tmp_path / "prod.db", Past()
    with closing(Writing(path)) as writing:
        recorder = Recorder(writing)
        set_meta(writing.connection, context="prod", cadence_ms="60000")
        for at in (*range(0, 7200, 60), *range(9000, 10800, 60)):
            pods = [
                a_pod("web", uid="one" if at < 3600 else "two"),
                a_pod("db", namespace="y", containers=("a", "b")),
            ]
            samples = [
                a_sample(pod, at, cpu=f"{at % 7 + 1}234567n", memory=f"{at}", window=60)
                for pod in pods
            ]
            nodes = [a_node_sample("n1", at)]
            recorder.write(past.round(at, *pods, samples=samples, of_nodes=nodes))
    return path


def handed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["history", "-o", "openmetrics", *words]) == 0
    return capsys.readouterr().out


def parsed(text: str) -> dict[str, list[Sample]]:
    """Return the samples of each family, which may come but once."""
    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    found = {family.name: family.samples for family in families}
    assert len(found) == len(families)
    return found


def a_trace(*samples: CoveredSample, hours: tuple[Hour, ...] = (), **of: str) -> Trace:
    about = {
        "kind": "pod", "namespace": "x", "name": "web", "container": "app",
        "node": "n1", "owner_kind": "", "owner": "", "template": "", "uid": "",
    } | of  # fmt: skip
    return Trace(**about, since=0, until=0, samples=samples, hours=hours)  # type: ignore[arg-type]


def lines(*traces: Trace, level: Level = "container") -> list[str]:
    """Return what is written of *traces*, without names and comments."""
    source = RecordedSource("", lambda of: traces if of == level else ())
    text = "".join(written([source]))
    return [line for line in text.splitlines() if not line.startswith("#")]


def values(found: list[str], name: str) -> list[tuple[str, str]]:
    parts = [line.rsplit(" ", 2) for line in found if line.startswith(f"{name}{{")]
    return [(at, value) for _, value, at in parts]


def test_counters_begin_at_nothing_and_stay_flat_over_a_gap() -> None:
    found = lines(
        a_trace(
            CoveredSample(100, 15_000, 10**9, 7),
            CoveredSample(115, 14_500, 1, 8),
            CoveredSample(200, 10_250, 2 * 10**9, 9),
        )
    )
    assert values(found, CPU) == [
        ("85.000", "0"), ("100.000", "15"), ("115.000", "15.000000014"),
        ("189.750", "15.000000014"), ("200.000", "35.500000014"),
    ]  # fmt: skip
    assert [value for _, value in values(found, OBSERVED)] == [
        "0", "15", "29.5", "29.5", "39.75",
    ]  # fmt: skip
    assert [at for at, _ in values(found, MEMORY)] == ["100.000", "115.000", "200.000"]


def test_what_was_not_measured_has_no_value() -> None:
    found = lines(
        a_trace(
            CoveredSample(100, 15_000, None, 7),
            CoveredSample(115, 15_000, 10**9, None),
            CoveredSample(130, 0, 10**9, None),
        )
    )
    assert values(found, CPU) == [
        ("100.000", "0"),
        ("115.000", "15"),
        ("130.000", "15"),
    ]
    assert values(found, OBSERVED)[-1] == ("130.000", "15")
    assert values(found, MEMORY) == [("100.000", "7")]


def test_an_hour_is_one_value_with_its_largest_memory() -> None:
    hours = (
        Hour(3600, 240, 3_600_000, 5 * 10**9, 1, {}, 9, 99, 9, cpu_missing=600_000),
        Hour(7200, 240, 1_800_000, None, None, {}, None, None, None),
    )
    found = lines(a_trace(CoveredSample(10800, 15_000, 10**9, 7), hours=hours))
    assert values(found, CPU) == [
        ("3599.000", "0"), ("7199.000", "5"), ("10785.000", "5"), ("10800.000", "20"),
    ]  # fmt: skip
    assert values(found, OBSERVED)[-1] == ("10800.000", "3015")
    assert values(found, MEMORY) == [("7199.000", "99"), ("10800.000", "7")]


def test_pods_of_one_name_are_one_series_in_the_order_of_time() -> None:
    sample, nothing = CoveredSample(115, 15_000, 10**9, 7), (None, None)
    found = lines(
        a_trace(CoveredSample(130, 15_000, 10**9, 1), sample),
        a_trace(CoveredSample(100, 15_000, 10**9, 2), sample._replace(memory=9)),
        a_trace(CoveredSample(100, 15_000, *nothing), CoveredSample(90, 1, *nothing)),
        a_trace(CoveredSample(90, 1, *nothing), node="n2"),
        a_trace(CoveredSample(90, 1, *nothing)),
    )
    assert values(found, CPU) == [
        ("85.000", "0"), ("100.000", "15"), ("115.000", "45"), ("130.000", "60"),
    ]  # fmt: skip
    assert values(found, OBSERVED)[-1] == ("130.000", "60")
    assert [value for _, value in values(found, MEMORY)] == ["2", "9", "1"]


def test_what_ends_at_once_begins_with_the_longer_window() -> None:
    long, short = (CoveredSample(100, window, 10**9, 1) for window in (15_000, 5_000))
    found = lines(a_trace(long), a_trace(short))
    assert values(found, CPU) == [("85.000", "0"), ("100.000", "20")]


@pytest.mark.parametrize(
    ("level", "of", "named"),
    [
        ("pod", {"container": "", "namespace": "", "node": ""},
         'pod_cpu_usage_seconds_total{namespace="",pod="web",node=""}'),
        ("node", {"kind": "node", "name": ODD},
         'node_cpu_usage_seconds_total{node="back\\\\slash \\"quoted\\""}'),
    ],
)  # fmt: skip
def test_each_level_has_its_labels(
    level: Level, of: dict[str, str], named: str
) -> None:
    trace = replace(a_trace(CoveredSample(100, 15_000, 1, 7)), **of)  # type: ignore[arg-type]
    found = lines(trace, level=level)
    assert found[0] == f"kubemetrics_{named} 0 85.000"


def test_one_series_is_read_at_a_time() -> None:
    read: list[str] = []

    def traces(level: Level) -> Iterator[Trace]:
        for number in range(9 if level == "container" else 0):
            read.append(f"{number}")
            yield a_trace(CoveredSample(100, 15_000, 1, 1), name=f"{number}")

    found = written([RecordedSource("", traces)])
    assert 'pod="0"' in next(found)
    assert len(read) <= 2


def test_a_strict_parser_takes_it_and_its_sums_are_those_of_the_file(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = handed(capsys, f"--from={file}")
    families = parsed(text)
    assert len(families) == 6
    with open_history(file) as history:
        expected: dict[tuple[str, str], Fraction] = {}
        for trace in history.traces():
            key = trace.name, trace.container
            used = history.figures([trace]).core_seconds
            expected[key] = expected.get(key, Fraction()) + used
    last = {
        (s.labels["pod"], s.labels["container"]): s.value
        for s in families[CPU.removesuffix("_total")]
    }
    assert last == {key: pytest.approx(float(used)) for key, used in expected.items()}


def test_a_file_is_read_by_a_bounded_number_of_series(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = handed(capsys, f"--from={file}")
    monkeypatch.setattr(reading, "_FEW", 0)
    monkeypatch.setattr(reading, "_MOST", 1)
    assert handed(capsys, f"--from={file}") == whole
    with open_history(file) as history:
        assert tuple(history.iter_traces()) == history.traces()


@pytest.mark.parametrize(
    ("words", "pods"),
    [(["-n", "y"], {"db"}), (["web"], {"web"}), (["-n", "*"], {"db", "web"})],
)
def test_what_is_handed_over_is_chosen(
    file: Path, capsys: pytest.CaptureFixture[str], words: list[str], pods: set[str]
) -> None:
    text = handed(capsys, f"--from={file}", *words)
    found = {s.labels["pod"] for samples in parsed(text).values() for s in samples}
    assert found == pods


def test_a_range_begins_at_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--since", "2026-01-02T01:00:00Z", "--until", "2026-01-02T01:02:00Z"]
    found = values(handed(capsys, f"--from={file}", "web", *words).splitlines(), CPU)
    assert [float(at) - T0 for at, _ in found] == [3600, 3660, 3720]
    assert found[0][1] == "0"


def test_several_files_are_told_apart_in_whole_families(
    file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tmp_path / "two.db"
    other.write_bytes(file.read_bytes())
    text = handed(capsys, f"--from={file}", f"--from={other}")
    for samples in parsed(text).values():
        assert {sample.labels["context"] for sample in samples} == {"prod", "two"}


def test_nothing_found_is_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "-o", "openmetrics", f"--from={file}", "nosuch"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "# EOF\n"
    assert shown.err == "No samples found\n"


@pytest.mark.parametrize(
    "words", [["--by", "pod"], ["--where", "cpu.avg > 1"], ["--no-headers"]]
)
def test_a_flag_of_rows_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["history", "-o", "openmetrics", f"--from={file}", *words]) == 2
    assert f"error: {words[0]} is of rows" in capsys.readouterr().err


@pytest.mark.skipif(
    PROMTOOL is None or PROMETHEUS is None,
    reason="promtool and prometheus are not here",
)
def test_prometheus_answers_as_the_file_does(
    file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text, blocks = tmp_path / "h.om", tmp_path / "blocks"
    text.write_text(handed(capsys, f"--from={file}"))
    subprocess.run(
        [PROMTOOL or "", "tsdb", "create-blocks-from", "openmetrics", text, blocks],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    used: dict[str, Fraction] = {}
    most: dict[str, int] = {}
    with open_history(file) as history:
        for trace in history.traces():
            found, key = history.figures([trace]), f"{trace.name}/{trace.container}"
            used[key] = used.get(key, Fraction()) + found.core_seconds
            most[key] = max(most.get(key, 0), found.memory.most or 0)
        end = history.last
    with answering(blocks) as prometheus:

        def asked(query: str) -> dict[str, float]:
            return {
                f"{one['metric']['pod']}/{one['metric']['container']}": float(
                    one["value"][1]
                )
                for one in prometheus.query(query, end)
            }

        first_to_last = asked(f"{CPU} - min_over_time({CPU}[4h])")
        assert first_to_last == {k: pytest.approx(float(v)) for k, v in used.items()}
        assert asked(f"max_over_time({MEMORY}[4h])") == most
        grown = asked(f"increase({CPU}[{end - T0 + 60}s])")
        assert grown == {k: pytest.approx(float(v)) for k, v in used.items()}


def test_what_the_help_says_makes_lines_of_milliseconds(
    file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As VictoriaMetrics imports them."""
    text = tmp_path / "h.om"
    text.write_text(handed(capsys, f"--from={file}"))
    script = re.search(r"sed -E '(.*)' h\.om", HISTORY.description)
    assert script
    ran = subprocess.run(
        ["sed", "-E", script[1], text], check=True, capture_output=True, timeout=60
    )
    found = ran.stdout.decode().splitlines()
    kept = [line for line in text.read_text().splitlines() if line[0] != "#"]
    assert len(found) == len(kept)
    for line, before in zip(found, kept, strict=True):
        (head, _, at), (same, _, moment) = line.rpartition(" "), before.rpartition(" ")
        assert head == same
        assert Fraction(int(at), 1000) == Fraction(moment)
