"""``kubemetrics compare``: before and after a rollout, out of a recorded file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from kubemetrics.cli import main
from kubemetrics.history.recorder import Recorder
from kubemetrics.history.store import Writing, set_meta
from kubemetrics.models.pod import OwnerReference, Pod
from tests.tools import schema

from .making import Past, a_pod, a_sample, moment

ROLLOUT = 600


def _owner(pod: Pod) -> OwnerReference:
    if pod.name == "alone":
        return OwnerReference("", "")
    kind = "CronJob" if pod.name.startswith("report") else "Deployment"
    return OwnerReference(kind, pod.labels.get("app", pod.name))


def _web(name: str, template: str, started: float) -> Pod:
    labels = {"app": "web", "pod-template-hash": template}
    return a_pod(name, labels=labels, started=started)


def _pods(at: int) -> list[tuple[Pod, str, str]]:
    """Return the pods of a time, and the CPU and memory of each."""
    if at <= ROLLOUT:
        web = [
            (_web("web-1", "7c9d", 0), "60m", "100Mi"),
            (_web("web-2", "7c9d", 0), "80m", "120Mi"),
        ]
    else:
        web = [
            (_web("web-3", "5f6b", ROLLOUT), "90m", "100Mi"),
            (_web("web-4", "5f6b", ROLLOUT), "120m", "110Mi"),
        ]
    labels = {"app": "web"}
    return [
        *web,
        (a_pod("report-1", labels={"app": "report"}), "10m", "1Mi"),
        (a_pod("other", namespace="y", labels=labels), "5m", "1Mi"),
        (a_pod("alone"), "1m", "1Mi"),
        (a_pod("db", labels={"pod-template-hash": "1", "app": "db"}), "0", "1Mi"),
    ]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record ten minutes of one template, and ten of the next."""
    path, past = tmp_path_factory.mktemp("past") / "prod.db", Past()
    with closing(Writing(path)) as writing:
        recorder = Recorder(writing, owner_of=_owner)
        set_meta(writing.connection, context="prod", cadence_ms="15000")
        for at in range(15, 2 * ROLLOUT + 1, 15):
            pods = _pods(at)
            samples = [a_sample(p, at, cpu=c, memory=m) for p, c, m in pods]
            made = [pod for pod, _, _ in pods]
            recorder.write(past.round(at, *made, samples=samples))
    return path


Compare = Callable[..., str]


@pytest.fixture
def compare(file: Path, capsys: pytest.CaptureFixture[str]) -> Compare:
    def run(*words: str, code: int = 0) -> str:
        assert main(["compare", *words, f"--from={file}"]) == code
        shown = capsys.readouterr()
        return shown.err if code else shown.out

    return run


def test_the_last_rollout_is_shown(compare: Compare) -> None:
    lines = compare("deploy/web", "-n", "x").splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "BEFORE 7c9d (10m) AFTER 5f6b (10m) CHANGE",
        "replicas 2 2",
        "CPU mean 70m (60m to 80m) 105m (90m to 120m) +50% outside",
        "p95 80m 120m +50%",
        "MEM mean 110Mi (100Mi to 120Mi) 105Mi (100Mi to 110Mi) -5% within",
        "max 120Mi 110Mi -8%",
        "restarts/OOM 0/0 0/0",
        (
            "Amounts are of a pod (its lowest to its highest replica); within and"
            " outside: of that range before."
        ),
        "80 and 80 samples; both are short: no night, no weekend in them.",
    ]
    assert max(map(len, lines[:-2])) <= 80


def test_json_has_exact_amounts(compare: Compare) -> None:
    found = json.loads(compare("deployment/web", "-n", "x", "-o", "json"))
    jsonschema.validate(found, json.loads(schema.SCHEMA.read_bytes()))
    assert found["owner"] == {"kind": "Deployment", "name": "web"}
    assert (found["context"], found["namespace"]) == ("prod", "x")
    before, after = found["before"], found["after"]
    assert (before["template"], after["template"]) == ("7c9d", "5f6b")
    assert before["cpu"] == {
        "mean": 70 * 10**6, "lowest_pod": 60 * 10**6, "highest_pod": 80 * 10**6,
        "p95": 80 * 10**6, "max": 80 * 10**6,
    }  # fmt: skip
    assert after["mem"]["max"] == 110 << 20
    assert found["change"]["cpu"]["mean"] == 50
    assert found["change"]["mem"]["max"] == -8.33
    assert found["change"]["cpu"]["within_range_before"] is False
    assert found["change"]["mem"]["within_range_before"] is True


def test_csv_has_a_line_for_each_figure(compare: Compare) -> None:
    text = compare("deployment/web", "-n", "x", "-o", "csv")
    lines = {line["figure"]: line for line in csv.DictReader(io.StringIO(text))}
    mean = lines["cpu_mean_nanocores"]
    assert (mean["before"], mean["after"]) == ("70000000", "105000000")
    assert mean["change_percent"] == "50.0"
    assert lines["template"]["after"] == "5f6b"
    assert lines["oom_kills"]["before"] == "0"


def test_two_ranges_are_compared_whatever_their_template(compare: Compare) -> None:
    before = f"{moment(0)}..{moment(300)}"
    after = f"{moment(300)}..{moment(1200)}"
    words = ("report", "--before", before, "--after", after)
    text = compare(*words)
    assert text.splitlines()[0].split() == [
        "BEFORE", "(5m)", "AFTER", "(15m)", "CHANGE",
    ]  # fmt: skip
    assert "20 and 60 samples" in text
    assert "Amounts are of a pod; one replica before has no range.\n" in text
    assert "within" not in text
    both = compare("web", "-n", "x", *words[1:])
    assert "4 (" not in both
    assert "2 (4 pods)" in both
    found = json.loads(compare("web", "-n", "x", *words[1:], "-o", "json"))
    assert found["after"]["template"] is None
    assert found["after"]["cpu"]["mean"] == 10**6 * (20 * 140 + 40 * 210) // 120


def test_what_was_not_measured_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, past = tmp_path / "f.db", Past()
    with closing(Writing(path)) as writing:
        recorder = Recorder(writing, owner_of=_owner)
        set_meta(writing.connection, context="prod", cadence_ms="15000")
        for at in range(15, 1201, 15):
            pod = _web("web-1", "a", 0) if at <= 600 else _web("web-2", "b", 600)
            some = [a_sample(pod, at)] if at <= 600 or at % 30 else []
            recorder.write(past.round(at, pod, samples=some))
    assert main(["compare", "web", f"--from={path}"]) == 0
    text = capsys.readouterr().out
    assert "AFTER was measured 51% of the time" in text
    assert "BEFORE was measured" not in text
    words = ["--before", f"{moment(0)}..{moment(600)}"]
    nothing = ["--after", f"{moment(610)}..{moment(612)}"]
    assert main(["compare", "web", f"--from={path}", *words, *nothing]) == 2
    assert "it has no samples of it from" in capsys.readouterr().err


def test_a_long_period_lacks_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, past, day = tmp_path / "f.db", Past(), 24 * 3600
    with closing(Writing(path)) as writing:
        recorder = Recorder(writing, owner_of=_owner)
        set_meta(writing.connection, context="prod", cadence_ms="15000")
        for at in range(0, 9 * day + 1, day // 2):
            recorder.write(past.round(at, _web("web-1", "a", 0)))
    words = [
        f"--before={moment(0)}..{moment(8 * day)}",
        f"--after={moment(8.5 * day - 60)}..{moment(8.5 * day)}",
    ]
    assert main(["compare", "web", *words, f"--from={path}"]) == 0
    text = capsys.readouterr().out
    assert "BEFORE is short" not in text
    assert "AFTER is short: no night, no weekend in it" in text


def test_nothing_used_before_has_no_change(compare: Compare) -> None:
    ranges = ["--before", f"{moment(0)}..{moment(300)}",
              "--after", f"{moment(300)}..{moment(600)}"]  # fmt: skip
    found = json.loads(compare("db", *ranges, "-o", "json"))
    assert found["change"]["cpu"]["mean"] is None
    (line,) = [s for s in compare("db", *ranges).splitlines() if s.startswith("CPU")]
    assert "%" not in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["web"], ("web is more than one workload, name one: deployment/web -n x,"
         " deployment/web -n y")),
        (["wob"], "no workload wob was recorded; did you mean web?"),
        (["zzzzzz"], "no workload zzzzzz was recorded\n"),
        (["cronjob/report"], ("cronjob/report has no templates to tell before from"
         " after: give --before T..T --after T..T")),
        (["db"], ("deployment/db has not been rolled out since it is recorded:"
         " give --before")),
        (["db", "--before", "2d..1d"], "--before and --after go together"),
        (["db", "--before", "2d", "--after", "1d..0h"], "takes two times, as 3d..1d"),
        (["db", "--before", "1d..2d", "--after", "1d..0h"], "ends before it begins"),
        (["db", "--before", "x..2d", "--after", "1d..0h"], "--before takes a time"),
        (["db", "-o", "wide"], "takes table, json, csv"),
        (
            ["db", "--before", "2d..1d", "--after", "1d..0h"],
            "it has no samples of it from ",
        ),
        (["zzz", "--before", "2d..1d", "--after", "1d..0h"], "no workload zzz was"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_told(
    compare: Compare, words: list[str], said: str
) -> None:
    assert said in compare(*words, code=2)


def test_without_a_file_that_of_the_context_is_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["compare", "web", "--server=http://127.0.0.1:1"]) == 2
    assert "there is no such file: kubemetrics record" in capsys.readouterr().err


def test_a_rollout_of_a_moment_ago_is_too_short_to_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, past = tmp_path / "f.db", Past()
    with closing(Writing(path)) as writing:
        recorder = Recorder(writing, owner_of=_owner)
        for at in range(15, 601, 15):
            pod = _web("web-1", "a", 0) if at <= 540 else _web("web-2", "b", 540)
            recorder.write(past.round(at, pod))
    assert main(["compare", "web", f"--from={path}"]) == 2
    why = "deployment/web has no two templates with 20 samples each, of 2 recorded: "
    assert why in capsys.readouterr().err
