"""The past as the file has it: each view is what it was when it was the present."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from kubemetrics.cli import main
from kubemetrics.cli.past import past_time
from kubemetrics.commandline import UsageError
from kubemetrics.errors import HistoryError
from kubemetrics.history.moment import moment
from kubemetrics.history.recorder import Recorder
from kubemetrics.history.store import Writing, set_meta
from kubemetrics.testing import FakeCluster, node, pod
from kubemetrics.times import rfc3339

from .making import NODE, START, Past, a_node_sample, a_pod, a_sample

COMMANDS = (
    "pods -A -o full",
    "pods -A -o json",
    "containers -A -o csv",
    "nodes -o full",
    "namespaces --sum",
    "workloads -A --unused",
    "cluster -o json",
    "pods -A --where cpu>100m --fail-on mem>1Mi",
    "pods -A -l app=web --by label:app",
)


class Shown(NamedTuple):
    code: int
    out: str
    err: str


class Recorded(NamedTuple):
    """A file of some rounds, and what was shown *live* at each of their times."""

    file: Path
    config: Path
    live: dict[datetime, dict[str, Shown]]


def run(config: Path, words: list[str]) -> Shown:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*words, f"--kubeconfig={config}"])
    return Shown(code, out.getvalue(), err.getvalue())


def happenings(cluster: FakeCluster) -> Iterator[None]:
    """Let some time pass, and pods come, change and go."""
    yield
    cluster.tick()
    cluster.apply(pod("web-1", cpu="20m", memory="3Mi", labels={"app": "web"}))
    yield
    cluster.tick(60)
    cluster.oom_kill("web-0")
    cluster.tick()
    yield
    cluster.tick()
    cluster.delete("web-1")
    yield
    cluster.tick(3600)
    cluster.apply(pod("db-0", namespace="db", cpu="1", memory="1Gi"))
    cluster.tick()
    yield


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("moment")
    file, config = folder / "fake.db", folder / "config"
    live: dict[datetime, dict[str, Shown]] = {}
    web = pod("web-0", cpu="250m", memory="64Mi", labels={"app": "web"})
    with FakeCluster([web], nodes=[node(cpu="4", memory="8Gi")]) as cluster:
        cluster.kubeconfig(config)
        for _ in happenings(cluster):
            assert run(config, ["record", str(file), "--once"]).code == 0
            live[cluster.now] = {c: run(config, c.split()) for c in COMMANDS}
    return Recorded(file, config, live)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_view_of_the_past_is_what_the_present_was(
    recorded: Recorded, command: str
) -> None:
    for now, live in recorded.live.items():
        words = [*command.split(), f"--from={recorded.file}", f"--at={rfc3339(now)}"]
        past = run(recorded.config, words)
        assert past.code == live[command].code
        assert without_times(past.out) == without_times(live[command].out)
    latest = run(recorded.config, [*command.split(), f"--from={recorded.file}"])
    (*_, last) = recorded.live.values()
    assert without_times(latest.out) == without_times(last[command].out)


def without_times(text: str) -> object:
    """Leave out of a document when its lists were made, which the file keeps once."""
    if not text.startswith("{"):
        return text
    document = json.loads(text)
    document.pop("objects", None)
    return document


def test_the_footer_repeats_the_time_with_its_zone(recorded: Recorded) -> None:
    now = next(iter(recorded.live))
    past = run(
        recorded.config, ["pods", f"--from={recorded.file}", f"--at={rfc3339(now)}"]
    )
    assert f"as it was at {now:%Y-%m-%d %H:%M:%S} UTC: {recorded.file}\n" in past.err


def test_what_nobody_recorded_has_that_reason(recorded: Recorded) -> None:
    middle = list(recorded.live)[3] + timedelta(minutes=30)
    words = ["pods", "-o", "json", f"--from={recorded.file}", f"--at={rfc3339(middle)}"]
    past = run(recorded.config, words)
    (item,) = json.loads(past.out)["items"]
    assert (item["name"], item["reason"]) == ("web-0", "NotRecorded")
    assert "the last round was" in item["explanation"]


def test_a_time_before_the_file_is_refused_with_its_beginning(
    recorded: Recorded,
) -> None:
    first = next(iter(recorded.live))
    for at in (first - timedelta(seconds=1), first - timedelta(days=9)):
        found = run(
            recorded.config, ["pods", f"--from={recorded.file}", f"--at={rfc3339(at)}"]
        )
        assert (found.code, found.out) == (2, "")
        assert f"it begins at {first:%Y-%m-%d %H:%M:%S} UTC" in found.err


def test_a_time_whose_samples_are_gone_is_refused_with_what_is_there(
    recorded: Recorded, tmp_path: Path
) -> None:
    file, first = tmp_path / "f.db", next(iter(recorded.live))
    file.write_bytes(recorded.file.read_bytes())
    later = first + timedelta(seconds=30)
    with closing(Writing(file)) as writing:
        set_meta(writing.connection, raw_from=str(int(later.timestamp())))
    words = ["pods", f"--from={file}", f"--at={rfc3339(first)}"]
    found = run(recorded.config, words)
    assert (found.code, found.out) == (2, "")
    assert f"it reaches back to {later:%Y-%m-%d %H:%M:%S} UTC; before" in found.err


def test_without_a_file_the_one_of_the_context_is_read(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found = run(recorded.config, ["pods", "--at", "3h"])
    own = tmp_path / "kubemetrics" / "fake.db"
    assert found.code == 2
    assert f"error: {own}: there is no such file" in found.err
    own.parent.mkdir()
    own.write_bytes(recorded.file.read_bytes())
    now = rfc3339(list(recorded.live)[-1])
    found = run(recorded.config, ["pods", "--at", now, "-o", "name"])
    assert found.out == "pod/web-0\n"  # of the context's own namespace
    assert "db-0" in run(recorded.config, ["pods", "-A", "--at", now]).out


@pytest.mark.parametrize(
    "words",
    [
        ["-w", "--at=1h"],
        ["--all-contexts", "--at=1h"],
        ["--at=yesterday"],
        ["--at="],
    ],
)
def test_a_wrong_way_to_ask_of_the_past_is_told(
    recorded: Recorded, words: list[str]
) -> None:
    found = run(recorded.config, ["pods", *words])
    assert (found.code, found.out) == (2, "")
    assert "--at" in found.err


def test_a_snapshot_has_one_moment(recorded: Recorded, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{}")
    found = run(recorded.config, ["pods", f"--from={file}", "--at=1h"])
    assert found.err.startswith(f"error: {file}: it keeps one moment")


def test_times_are_read_in_every_form() -> None:
    now = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)
    wanted = datetime(2026, 1, 1, 14, 5, tzinfo=UTC)
    for text in ("2026-01-01T14:05:00Z", "2026-01-01 14:05", "2026-01-01 14:05:00"):
        assert past_time("--at", text, now) == wanted
    assert past_time("--at", "14:05", now) == wanted + timedelta(days=1)
    assert past_time("--at", "2d", now) == now - timedelta(days=2)
    for text in ("", "tomorrow", "25:00", "-3h", "2026-13-01", "99999999d"):
        with pytest.raises(UsageError, match="--at takes a time"):
            past_time("--at", text, now)


def test_a_file_without_a_round_says_so(tmp_path: Path) -> None:
    file = tmp_path / "empty.db"
    Writing(file).close()
    with pytest.raises(HistoryError, match="it has no samples yet"):
        moment(file)


def test_samples_that_have_settled_are_found_as_well(tmp_path: Path) -> None:
    file, past = tmp_path / "f.db", Past()
    with closing(Writing(file)) as writing:
        recorder = Recorder(writing)
        web = a_pod(containers=("app", "side"))
        for at in (0, 15, 30):
            recorder.write(past.round(at, web, of_nodes=[a_node_sample("n1", at)]))
        before = moment(file, START + timedelta(seconds=20))
        move = writing.connection.execute
        move("INSERT INTO settled SELECT series, at, window, cpu, memory FROM recent")
        move("DELETE FROM recent")
    found = moment(file, START + timedelta(seconds=20))
    assert found == before
    (sample,) = found.pod_metrics
    assert sample == a_sample(web, 15)
    assert found.nodes == (NODE,)
    assert [n.name for n in found.node_metrics] == ["n1"]


def test_pods_that_may_not_be_read_are_names_alone(tmp_path: Path) -> None:
    file = tmp_path / "f.db"
    with closing(Writing(file)) as writing:
        Recorder(writing).write(Past().round(0, a_pod(), names_only=True))
        set_meta(writing.connection, names_only="1")
        writing.connection.execute("DELETE FROM version")
    found = moment(file)
    assert found.pods == ()
    assert [s.name for s in found.pod_metrics] == ["web"]
    assert str(found.refused) == "pods could not be read"


def test_what_failed_then_is_said(tmp_path: Path) -> None:
    file, past = tmp_path / "f.db", Past()
    with closing(Writing(file)) as writing:
        recorder = Recorder(writing)
        recorder.write(past.round(0, a_pod()))
        down = HistoryError("the metrics API is down")
        recorder.write(past.round(600, a_pod(), samples=(), pod_metrics=down))
    found = moment(file)
    assert str(found.error) == "the metrics API is down"


def test_a_value_that_was_not_given_is_none_of_the_past(tmp_path: Path) -> None:
    file = tmp_path / "f.db"
    with closing(Writing(file)) as writing:
        Recorder(writing).write(Past().round(0, a_pod()))
        writing.connection.execute("UPDATE recent SET cpu=NULL")
    (sample,) = moment(file).pod_metrics
    assert sample.cpu is None
    assert sample.memory == "1Mi"
    with closing(sqlite3.connect(file)) as connection:
        (rounds,) = connection.execute("SELECT count(*) FROM round").fetchone()
    assert rounds == 1
