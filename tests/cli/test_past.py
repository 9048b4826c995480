"""Views of the past: what a file keeps is shown as the present was."""

from __future__ import annotations

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
