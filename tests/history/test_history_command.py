"""``kubemetrics history``: sums of a recorded range, by the keys that are asked for."""

from __future__ import annotations

import json
from argparse import Namespace
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kubemetrics.cli import main
from kubemetrics.cli.history_command import HISTORY
from kubemetrics.history.recorder import Recorder
from kubemetrics.history.store import Writing, set_meta
from kubemetrics.models.node import Node
from tests.tools import schema

from .making import NODE, T0, Past, a_node_sample, a_pod, a_sample


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Record ten minutes of two pods in two namespaces, with a gap before the last."""
    path, past = tmp_path / "prod.db", Past()
    with closing(Writing(path)) as writing:
        recorder = Recorder(writing)
        set_meta(writing.connection, context="prod", cadence_ms="15000")
        for at in (*range(0, 600, 15), 900):
            pods = [a_pod("web"), a_pod("db", namespace="y", containers=("a", "b"))]
            recorder.write(past.round(at, *pods))
    return path


def test_a_range_is_summed_by_owner(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", f"--from={file}", "-o", "json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [(i["namespace"], i["owner"]["name"]) for i in items] == [
        ("x", "web"), ("y", "db"),
    ]  # fmt: skip
    web, db = items
    assert web["cpu"]["core_hours"] == 41 * 15 * 10**8 // 3600 / 10**9
    assert db["cpu"]["core_hours"] == 2 * 41 * 15 * 10**8 // 3600 / 10**9
    assert (web["cpu"]["avg"], db["cpu"]["p95"]) == (10**8, 2 * 10**8)
    assert (web["samples"], web["context"], web["percentiles"]) == (
        41,
        "prod",
        "samples",
    )
    assert web["coverage"] == 67.21


def test_prometheus_is_told_of_core_seconds_which_are_its_base_unit(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", f"--from={file}", "-o", "prometheus"]) == 0
    lines = capsys.readouterr().out.splitlines()
    name = "kubemetrics_range_cpu_core_seconds"
    (web,) = (one for one in lines if one.startswith(name) and "web" in one)
    nano_hours = 41 * 15 * 10**8 // 3600
    assert Fraction(web.split()[-1]) == Fraction(nano_hours * 3600, 10**9)
    assert not any("hours" in one.split()[2] for one in lines if one[0] == "#")


def test_help_offers_no_flag_that_a_range_refuses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["history", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--watch" not in shown
    assert " name, or" not in shown


def test_a_table_says_its_range_its_gaps_and_what_is_a_lower_bound(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", f"--from={file}", "--by", "pod,container"]) == 0
    shown = capsys.readouterr()
    header, *rows = shown.out.splitlines()
    assert header.split()[:3] == ["NAMESPACE", "POD", "CONTAINER"]
    assert [row.split()[:3] for row in rows] == [
        ["x", "web", "app"], ["y", "db", "a"], ["y", "db", "b"],
    ]  # fmt: skip
    assert "~" in rows[0]
    assert "(15m15s), 2 pods, 123 samples each 15 s" in shown.err
    assert "00:15:00 UTC (5m15s): NotRecorded" in shown.err


def test_json_says_its_range_its_gaps_and_its_trend_in_numbers(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", f"--from={file}", "-o", "json", "--step", "30s"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads(schema.SCHEMA.read_bytes()))
    assert found["metadata"]["sources"] == [
        {
            "context": "prod",
            "file": str(file),
            "since": "2026-01-01T23:59:45Z",
            "until": "2026-01-02T00:15:00Z",
            "cadence": 15,
            "step": 30,
            "pods": 2,
            "nodes": None,
            "samples": 123,
            "gaps": [
                {
                    "since": "2026-01-02T00:09:45Z",
                    "until": "2026-01-02T00:15:00Z",
                    "cause": "NotRecorded",
                }
            ],
            "silences": [],
            "error": None,
        }
    ]
    assert found["items"][0]["trend"][:2] == [10**8, 10**8]
    assert found["items"][0]["trend"][-2:] == [None, 10**8]


def test_of_many_gaps_the_longest_are_told_and_the_others_counted(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Writing(file)) as writing:
        writing.connection.executemany(
            "INSERT INTO round(at, fresh, repeated, missed, took_ms)"
            " VALUES (?, 1, 0, 0, 1)",
            [(T0 + at,) for at in (1070, 1300, 1700, 1780)],
        )
    assert main(["history", f"--from={file}"]) == 0
    said = capsys.readouterr().err
    assert said.count("\ngap ") == 3
    assert "gap 2026-01-02 00:09:45 to 00:15:00 UTC (5m15s): NotRecorded" in said
    assert "2026-01-02 00:21:40 to 00:28:20 UTC (6m40s): NotRecorded\n2 shorter" in said
    since = ["--since", "2026-01-02T00:16:00Z"]
    assert main(["history", f"--from={file}", *since]) == 0
    assert capsys.readouterr().err.endswith("\n1 shorter gap\n")


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ("MetricsUnavailable (down): it is down: no", "MetricsUnavailable (down)"),
        ("Forbidden: you may not", "Forbidden"),
        ("it took: too long", "it took: too long"),
        ("x" * 101, "x" * 100 + "..."),
    ],
)
def test_the_cause_of_a_gap_is_told_in_short_and_in_json_whole(
    file: Path, capsys: pytest.CaptureFixture[str], cause: str, told: str
) -> None:
    with closing(Writing(file)) as writing:
        writing.connection.execute(
            "INSERT INTO round(at, fresh, repeated, missed, took_ms, error)"
            " VALUES (?, 0, 0, 0, 1, ?)", (T0 + 700, cause),
        )  # fmt: skip
    assert main(["history", f"--from={file}"]) == 0
    assert f"\ngap 2026-01-02 00:09:45 to 00:15:00 UTC (5m15s): {told}\n" in (
        capsys.readouterr().err
    )
    assert main(["history", f"--from={file}", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metadata"]["sources"][0]["gaps"][0]["cause"] == cause


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["-n", "y"], ["db"]),
        (["web"], ["web"]),
        (["pod/d*"], ["db"]),
        (["po/d*"], ["db"]),
        (["--where", "cpu.avg > 120m"], ["db"]),
        (["--top", "1", "--sort", "-cpu.core_hours"], ["db"]),
        (["--since", "2026-01-02T00:01:00Z", "--until", "2026-01-02T00:02:00Z"],
         ["web", "db"]),
        (["--by", "owner,namespace,owner", "--step", "1m"], ["web", "db"]),
    ],
)  # fmt: skip
def test_rows_are_chosen(
    file: Path, capsys: pytest.CaptureFixture[str], words: list[str], names: list[str]
) -> None:
    columns = ["--columns", "owner.name", "-o", "csv"]
    assert main(["history", *words, f"--from={file}", *columns]) == 0
    assert capsys.readouterr().out.split() == ["owner_name", *names]


def test_a_range_that_ends_before_it_begins_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "--since", "1h", "--until", "2h", f"--from={file}"]) == 2
    assert "--since 1h is not before --until 2h" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--since", "2026-01-02T00:15:00Z"],
        ["--since", "2027-01-01"],
        ["--until", "2026-01-01T12:00:00Z"],
        ["--since", "2027-01-01", "-o", "openmetrics"],
    ],
)
def test_a_range_of_which_nothing_was_recorded_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["history", f"--from={file}", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"error: {file}: nothing was recorded in that range: it has 2026-01-01"
        " 23:59:45 UTC to 2026-01-02 00:15:00 UTC (15m15s)\n"
    )


def test_of_several_files_those_with_the_range_are_shown(
    file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    late = tmp_path / "late.db"
    with closing(Writing(late)) as writing:
        for at in (9000, 9015):
            Recorder(writing).write(Past().round(at, a_pod()))
    words = ["--since", "2026-01-02T01:00:00Z", "-o", "csv", "--columns", "context"]
    assert main(["history", f"--from={file}", f"--from={late}", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out.split() == ["context", "late"]
    assert "error: context prod:" in shown.err


@pytest.mark.parametrize(
    ("names", "rows", "missing"),
    [
        (["nope"], [], ["nope"]),
        (["nope", "pod/web", "no*", "web", "neither"], ["web"], ["nope", "neither"]),
        (["no*"], [], []),
    ],
)
def test_a_workload_that_was_not_recorded_is_told(
    file: Path,
    capsys: pytest.CaptureFixture[str],
    names: list[str],
    rows: list[str],
    missing: list[str],
) -> None:
    words = ["history", f"--from={file}", *names]
    columns = ["--columns", "owner.name", "-o", "csv"]
    assert main([*words, *columns]) == (1 if missing else 0)
    shown = capsys.readouterr()
    assert shown.out.split() == ["owner_name", *rows]
    assert [line for line in shown.err.splitlines() if "not found" in line] == [
        f'error: workloads "{name}" not found' for name in missing
    ]
    assert main([*words, f"--from={file}", *columns]) == (1 if missing else 0)


def test_nothing_in_a_namespace_names_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["history", "-n", "nope", f"--from={file}"])
    assert "No resources found in nope namespace." in capsys.readouterr().err


def test_lower_bounds_are_explained_and_not_good_enough_for_a_strict_one(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["history", f"--from={file}"]
    whole = ["--until", "2026-01-02T00:09:00Z"]
    said = "~ covers less than 95 %: a lower bound\n"
    assert main(words) == 0
    assert said in capsys.readouterr().err
    assert main([*words, "--strict"]) == 4
    capsys.readouterr()
    assert main([*words, *whole, "--strict"]) == 0
    assert said not in capsys.readouterr().err


def test_what_was_used_has_its_price(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["history", f"--from={file}", "--price", "cpu=3600,memory=64,currency=EUR"]
    assert main([*words, "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads(schema.SCHEMA.read_bytes()))
    items = found["items"]
    seconds = 41 * 15
    web = seconds * 0.1 + 64 * seconds / 3600 / 1024
    assert [i["cost"]["used"] for i in items] == [
        pytest.approx(web, abs=1e-9), pytest.approx(2 * web, abs=1e-9),
    ]  # fmt: skip
    assert main([*words, "--sum", "--sort", "-cost", "--columns", "+mem.avg"]) == 0
    header, first, *_, total = capsys.readouterr().out.splitlines()
    assert "COST-USED" in header
    assert "db" in first
    assert f"~{3 * web:.4f}" in total
    assert main([*words, "--columns", "help"]) == 0
    (line,) = [s for s in capsys.readouterr().out.splitlines() if "cost.used" in s]
    assert line.split()[1:3] == ["COST-USED", "price"]
    assert main(["history", f"--from={file}", "--price", "cpu"]) == 2
    assert "--price: expected cpu=0.03" in capsys.readouterr().err


def test_a_gate_fails(file: Path) -> None:
    assert main(["history", f"--from={file}", "--fail-on", "coverage < 90"]) == 10


def test_several_files_have_their_names(
    file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tmp_path / "two.db"
    other.write_bytes(file.read_bytes())
    words = [f"--from={file}", f"--from={other}", "--columns", "context", "-o", "csv"]
    assert main(["history", *words]) == 0
    assert set(capsys.readouterr().out.split()) == {"context", "prod", "two"}
    again = [f"--from={file}", f"--from={file}", "--columns", "context", "-o", "csv"]
    assert main(["history", *again]) == 0
    assert set(capsys.readouterr().out.split()) == {"context", str(file)}


def test_without_a_file_that_of_the_context_is_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["history", "--server=http://127.0.0.1:1"]) == 2
    assert "there is no such file: kubemetrics record" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["history", "compare web"])
def test_a_record_is_not_looked_for_in_a_file_named_as_stdin_is(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([*command.split(), "--from=-"]) == 2
    error = "error: a record cannot come from stdin: name a file that has it\n"
    assert capsys.readouterr().err == error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--by", "colour"],
            "choose from namespace, owner, pod, container, node, label",
        ),
        (["--by", "label:"], "cannot sum a range by 'label:'"),
        (["--level", "node", "--by", "pod"], "--by pod is of pods"),
        (["--level", "pod", "node/n1"], "is no pod's"),
        (["node/n1", "web"], "have no table in common"),
        (["node/n1", "-n", "x"], "-n is of pods"),
        (["-w"], "-w follows the present"),
        (["--since", "soon"], "--since takes a time"),
        (["--step", "soon"], "--step takes a length of time"),
    ],
)
def test_a_wrong_flag_is_told(
    file: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["history", f"--from={file}", *words]) == 2
    assert said in capsys.readouterr().err


def test_columns_are_listed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--by", "", "--columns", "help", f"--from={file}"]) == 0
    assert "cpu.core_hours" in capsys.readouterr().out
    table = HISTORY.table
    assert table is not None
    assert table(Namespace(by="pod")).get("pod") is not None


def test_what_was_not_measured_is_no_value(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    range_ = ["--since", "2026-01-02T00:12:00Z", "--until", "2026-01-02T00:13:00Z"]
    assert main(["history", f"--from={file}", *range_, "-o", "json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [item["cpu"]["p95"] for item in items] == [None, None]
    assert [item["coverage"] for item in items] == [0, 0]


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """Record five minutes in which four of five pods have no samples for a while."""
    path, past = tmp_path / "silent.db", Past()
    pods = [a_pod(name, namespace="y" if name == "e" else "x") for name in "abcde"]
    with closing(Writing(path)) as writing:
        recorder = Recorder(writing)
        for at in range(15, 316, 15):
            quiet = "bcde" if 60 < at < 180 else "e" if at > 240 else ""
            samples = [a_sample(pod, at) for pod in pods if pod.name not in quiet]
            nodes = [a_node_sample("n1", at)]
            recorder.write(past.round(at, *pods, samples=samples, of_nodes=nodes))
    return path


def test_pods_without_samples_are_named_with_their_reason(
    silent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> list[str]:
        assert main(["history", f"--from={silent}", *words]) == 0
        lines = capsys.readouterr().err.splitlines()
        return [line for line in lines if line.endswith("without samples")]

    assert said() == [
        "Unreported: x/b, x/c, x/d and 1 more, for up to 2m without samples"
    ]
    assert said("-n", "y") == ["Unreported: y/e, for up to 2m without samples"]
    late = ("--since", "2026-01-02T00:04:10Z")
    assert said(*late) == ["Unreported: y/e, for up to 1m5s without samples"]
    assert said("a") == said("--since", "2026-01-02T00:03:00Z", "-n", "x") == []


def test_json_has_each_silence(
    silent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", f"--from={silent}", "-n", "y", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads(schema.SCHEMA.read_bytes()))
    first, last = found["metadata"]["sources"][0]["silences"]
    assert first == {
        "namespace": "y",
        "pod": "e",
        "since": "2026-01-02T00:01:00Z",
        "until": "2026-01-02T00:03:00Z",
        "reason": "Unreported",
    }
    assert last["until"] == "2026-01-02T00:05:15Z"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Record three pods with labels, of which one changes, and two nodes."""
    path, past = tmp_path / "prod.db", Past()
    with closing(Writing(path)) as writing:
        recorder = Recorder(writing)
        set_meta(writing.connection, context="prod", cadence_ms="15000")
        for at in range(0, 60, 15):
            late = "two" if at > 20 else "one"
            pods = [
                a_pod("web", labels={"app": late}),
                a_pod("db", namespace="y", labels={"app": "two"}),
                a_pod("bare"),
            ]
            nodes = [replace(NODE, labels={"pool": "a"}), Node(name="n2", uid="u2")]
            samples = [a_node_sample(node.name, at) for node in nodes]
            recorder.write(past.round(at, *pods, nodes=nodes, of_nodes=samples))
    return path


def items_of(
    file: Path, capsys: pytest.CaptureFixture[str], *words: str
) -> list[dict[str, Any]]:
    assert main(["history", f"--from={file}", "-o", "json", *words]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, json.loads(schema.SCHEMA.read_bytes()))
    found: list[dict[str, Any]] = document["items"]
    return found


@pytest.mark.parametrize(
    ("words", "used"),
    [
        (["--level", "node"], {"n1": 4, "n2": 4}),
        (["--level", "node", "n2"], {"n2": 4}),
        (["node/n1"], {"n1": 4}),
        (["no/n*", "--by", "node"], {"n1": 4, "n2": 4}),
        (["--by", "node"], {"n1": 3 * 4 / 10}),
    ],
)
def test_nodes_are_told_by_their_own_samples_and_by_their_pods(
    labelled: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    used: dict[str, float],
) -> None:
    items = items_of(labelled, capsys, *words)
    cores = {i["node"]: i["cpu"]["core_hours"] * 3600 / 15 for i in items}
    assert cores == pytest.approx(used)
    # What is not known of nodes is no 0.
    told = 0 if words[0] == "--by" else None
    assert {(i["restarts"], i["oom_kills"]) for i in items} == {(told, told)}
    main(["history", f"--from={labelled}", *words])
    noun = "3 pods" if words[0] == "--by" else f"{len(used)} node"
    assert noun in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "samples"),
    [
        (["--by", "label:app"], {("", None): 4, ("", "two"): 8}),
        (["--by", "namespace,label:app"],
         {("x", None): 4, ("x", "two"): 4, ("y", "two"): 4}),
        (["--by", "label:app", "--until", "2026-01-02T00:00:15Z"],
         {("", None): 2, ("", "one"): 2, ("", "two"): 2}),
    ],
)  # fmt: skip
def test_labels_are_those_that_a_pod_had_last(
    labelled: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    samples: dict[tuple[str, str | None], int],
) -> None:
    items = items_of(labelled, capsys, *words)
    found = {(i.get("namespace", ""), i["labels"]["app"]): i["samples"] for i in items}
    assert found == samples
    main(["history", f"--from={labelled}", *words])
    assert "labels as each pod had them last" in capsys.readouterr().err


def test_nodes_are_summed_up_by_label(
    labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = items_of(labelled, capsys, "--level=node", "--by=label:pool")
    assert [i["labels"]["pool"] for i in items] == [None, "a"]


def test_a_node_that_was_not_recorded_is_told(
    labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "node/n9", f"--from={labelled}"]) != 0
    assert 'nodes "node/n9" not found' in capsys.readouterr().err


def test_one_node_is_handed_over(
    labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "node/n1", f"--from={labelled}", "-o=openmetrics"]) == 0
    out = capsys.readouterr().out
    assert '{node="n1"}' in out
    assert "n2" not in out
    assert "pod=" not in out


def test_a_sum_of_hours_says_how_to_get_its_percentiles(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Writing(file)) as writing:
        values = f"{T0 - 3600}, 240, 3600000, 0, 5, 10, x'', 9, 9, 1, 9, 0, 0"
        writing.connection.execute(f"INSERT INTO hour SELECT id, {values} FROM series")  # noqa: S608
        writing.connection.execute("UPDATE object SET seen=?", (T0 - 3600,))
        set_meta(writing.connection, raw_from=str(T0), hours_from=str(T0 - 3600))
    said = "of hours no percentile and no maximum of a sum is known: --by owner,pod"
    assert main(["history", f"--from={file}"]) == 0
    assert said in capsys.readouterr().err
    assert main(["history", f"--from={file}", "--by", "pod,container"]) == 0
    assert said not in capsys.readouterr().err
