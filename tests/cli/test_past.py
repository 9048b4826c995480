"""Views of the past: what a file keeps is shown as the present was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cluster import Cluster, Generated

from .harness import run

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
KINDS = ("pods", "containers", "nodes")
COMMANDS = (
    "pods -A -o full",
    "pods -A -o json",
    "pods -A -o csv --sort mem.usage",
    "pods -A --unused",
    "pods -A --where cpu>50m --fail-on mem.pct_limit>80",
    "pods -n team-a -n kube-system -L app",
    "pods -A -l app -o wide",
    "pods -A --by node,qos",
    "containers -A -o full",
    "nodes -o full",
    "nodes -o prometheus",
    "namespaces",
    "workloads -A -o md",
    "cluster",
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    wanted = Generated(nodes=5, pods=60, seed=3)
    with Cluster.generated(wanted, now=NOW) as made:
        yield made


@pytest.fixture(scope="module")
def files(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("past")
    found: dict[str, Path] = {}
    for kind in KINDS:
        found[kind] = folder / f"{kind}.json"
        found[kind].write_text(run(cluster, kind, "-A", "-o", "json").out)
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_every_view_is_had_of_the_json_of_any_rows(
    cluster: Cluster, files: dict[str, Path], command: str
) -> None:
    words = command.split()
    live = run(cluster, *words)
    for kind in KINDS:
        past = run(cluster, *words, "--from", str(files[kind]))
        assert (past.out, past.code) == (live.out, live.code)
        note = f"as it was at 2026-11-23 03:00:00 UTC: {files[kind]}\n"
        machine = "json" in words or "csv" in words or "prometheus" in words
        assert past.err == live.err + ("" if machine else note)


def test_without_a_namespace_all_that_the_file_keeps_is_shown(
    cluster: Cluster, files: dict[str, Path]
) -> None:
    bare = run(cluster, "pods", "--from", str(files["pods"]))
    assert bare.out == run(cluster, "pods", "-A").out


def test_several_files_stand_side_by_side(
    cluster: Cluster, files: dict[str, Path], tmp_path: Path
) -> None:
    def contexts(*words: str) -> set[str]:
        found = run(cluster, "pods", *words, "-o", "csv", "--columns", "context")
        assert found.code == 0
        return set(found.lines[1:])

    both = [f"--from={files['pods']}", f"--from={files['nodes']}"]
    assert contexts(both[0]) == {"viewer"}
    assert contexts(*both) == {str(files["pods"]), str(files["nodes"])}
    file = tmp_path / "both.json"
    file.write_text(run(cluster, "pods", *both, "-o", "json").out)
    kept = {str(files["pods"]), str(files["nodes"])}
    assert contexts(f"--from={file}") == kept
    twice = contexts(f"--from={file}", f"--from={file}")
    assert twice == {f"{file}:{name}" for name in kept}


def test_a_name_that_the_file_has_not_is_told(
    cluster: Cluster, files: dict[str, Path]
) -> None:
    found = run(cluster, "pods", "nothing", "-n", "a", "--from", str(files["pods"]))
    assert found.code == 1
    assert 'error: pods "nothing" not found in namespace a\n' in found.err


def test_what_may_not_be_read_then_is_missing_now(
    cluster: Cluster, tmp_path: Path
) -> None:
    file = tmp_path / "limited.json"
    words = ["pods", "-n", "team-a", "-o", "full"]
    live = run(cluster, *words, user="nslimited")
    assert live.out
    file.write_text(run(cluster, *words[:3], "-o", "json", user="nslimited").out)
    past = run(cluster, *words, "--from", str(file))
    assert (past.out, past.code) == (live.out, live.code)
    assert run(cluster, *words).out != live.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["namespaces"],
            "it keeps sums (UsageRollupList), of which no rows can be had",
        ),
        (["cluster"], "it keeps sums ("),
        (["pods", "-A", "--top", "3"], "it keeps no more than was shown: write it"),
        (["pods", "-A", "--where", "cpu>0"], "it keeps no more than was shown"),
        (["pods", "-A", "--columns", "name"], "it keeps no more than was shown"),
        (["nodes", "no-such"], "it keeps no more than was shown"),
    ],
)
def test_what_cannot_be_read_back_says_how_it_can(
    cluster: Cluster, tmp_path: Path, words: list[str], said: str
) -> None:
    file = tmp_path / "some.json"
    file.write_text(run(cluster, *words, "-o", "json").out)
    found = run(cluster, "pods", "--from", str(file))
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"error: {file}: {said}")
    assert len(found.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not the -o json of kubemetrics: Expecting value"),
        ("[]", "not the -o json of kubemetrics pods, containers or nodes"),
        ('{"apiVersion": "v1"}', "not the -o json of kubemetrics pods"),
        (
            '{"apiVersion": "kubemetrics/v2", "kind": "PodUsageList", "objects": [1]}',
            "$.objects[0]: expected an object",
        ),
    ],
)
def test_another_file_is_told_apart(
    cluster: Cluster, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    found = run(cluster, "pods", "--from", str(file))
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"error: {file}: {said}")


def test_a_file_that_is_not_there_is_named(cluster: Cluster, tmp_path: Path) -> None:
    found = run(cluster, "pods", "--from", str(tmp_path / "x.json"))
    assert found.err == f"error: {tmp_path / 'x.json'}: No such file or directory\n"
    assert found.code == 2


def test_nodes_need_the_pods_of_the_whole_cluster(
    cluster: Cluster, tmp_path: Path
) -> None:
    file = tmp_path / "one.json"
    file.write_text(run(cluster, "pods", "-n", "team-a", "-o", "json").out)
    found = run(cluster, "nodes", "--from", str(file))
    assert found.code == 2
    assert "it keeps some pods of the cluster, and this needs all" in found.err
    found = run(cluster, "pods", "--from", str(file), "--field-selector", "spec.x=1")
    assert "field spec.x is not kept" in found.err


@pytest.mark.parametrize("word", ["-w", "--all-contexts", "--context=a"])
def test_flags_of_the_present_alone_are_refused(
    cluster: Cluster, files: dict[str, Path], word: str
) -> None:
    found = run(cluster, "pods", "--from", str(files["pods"]), word)
    assert (found.code, found.out) == (2, "")
    assert "--from" in found.err


def test_a_document_is_read_from_stdin(
    cluster: Cluster, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with files["pods"].open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        piped = run(cluster, "nodes", "--from", "-")
    named = run(cluster, "nodes", "--from", str(files["pods"]))
    assert (piped.code, piped.out) == (0, named.out)
    assert piped.err.endswith(": stdin\n")


def test_stdin_may_be_closed(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    found = run(cluster, "pods", "--from", "-")
    assert (found.code, found.err) == (2, "error: stdin: it is closed\n")


def test_a_record_is_not_read_from_a_pipe(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"SQLite format 3\0")
    with file.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        found = run(cluster, "pods", "--from", "-")
    said = "error: stdin: a file of kubemetrics record: name the file itself\n"
    assert (found.code, found.err) == (2, said)


def test_a_pipe_that_nobody_writes_to_ends_at_the_time_limit(
    cluster: Cluster, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = run(cluster, "pods", "--from", str(pipe), "--request-timeout=10ms")
    said = f"error: {pipe}: nothing came for 0.01 s\n"
    assert (found.code, found.err) == (2, said)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/", "/: Is a directory"),
        ("/dev/zero", "/dev/zero: not the -o json of kubemetrics: Expecting value"),
        ("/dev/null", "/dev/null: not the -o json of kubemetrics: Expecting value"),
        ("a\0b", r"a\x00b: no file has a null character in its name"),
    ],
)
def test_what_is_no_document_is_refused_in_a_line(
    cluster: Cluster, path: str, said: str
) -> None:
    found = run(cluster, "pods", "--from", path)
    assert found.code == 2
    assert found.err.startswith(f"error: {said}")
    assert len(found.err.splitlines()) == 1


def test_a_time_limit_that_is_none_is_refused(
    cluster: Cluster, files: dict[str, Path]
) -> None:
    words = ("pods", "--from", str(files["pods"]), "--request-timeout=soon")
    found = run(cluster, *words)
    assert found.code == 2
    assert found.err.startswith("error: --request-timeout: must be seconds")


HEAD = '{"apiVersion": "kubemetrics/v2", "kind": "PodUsageList", "objects": ['


@pytest.mark.parametrize(
    "text",
    [
        HEAD + '{"kind": "Snapshot"}' + ', {"kind": "Pod"}' * 2000,
        HEAD + '{"kind": "Snapshot"}' + " " * (5 << 20),
        HEAD + '{"kind": "' + "é" * (600 << 10) + '"}',
    ],
    ids=["objects", "blanks", "wide characters"],
)
def test_a_document_that_takes_too_much_names_the_way_out(
    cluster: Cluster, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "large.json"
    file.write_text(text)
    limit = {"KUBEMETRICS_MAX_MEMORY": "1Mi"}
    found = run(cluster, "pods", "--from", str(file), environ=limit)
    assert found.code == 2
    assert " MiB: set KUBEMETRICS_MAX_MEMORY=1Gi, or write it of" in found.err
