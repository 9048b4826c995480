"""The gates of a command: what they are decided over, and what they say."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from tests.cluster import Cluster

from .harness import Result, run


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def gate(cluster: Cluster, line: str, user: str = "viewer") -> Result:
    return run(cluster, *shlex.split(line), user=user)


@pytest.mark.parametrize(
    ("line", "code", "verdict"),
    [
        (
            "pods -A --where 'name == redis-0' --fail-on 'restarts > 5'", 0,
            "0 of 1 pod match 'restarts > 5'",
        ),
        (
            "pods -A --fail-on 'restarts > 5' --top 1 --sort name", 10,
            "12 of 100 pods match 'restarts > 5'",
        ),
        (
            "pods -A --where 'namespace == nope' --fail-on 'restarts > 5'", 0,
            "0 of 100 pods judged",
        ),
        ("pods -A -l app=nope --fail-on 'restarts > 5'", 0, "0 of 0 pods judged"),
        (
            "nodes --fail-on 'status == NotReady'", 10,
            "1 of 10 nodes matches 'status == NotReady': ip-10-0-9-19.ec2.internal ",
        ),
        (
            "pods -n team-c --where 'name == redis-3' --fail-on 'cpu > 0'", 0,
            "0 of 15 pods judged ('cpu > 0' can be told of none)",
        ),
    ],
)  # fmt: skip
def test_the_verdict_is_over_what_where_leaves_and_top_does_not_matter(
    cluster: Cluster, line: str, code: int, verdict: str
) -> None:
    result = gate(cluster, line)
    assert result.code == code
    assert result.err.splitlines()[-1].startswith(f"--fail-on: {verdict}")


def test_the_first_that_match_are_named_with_their_values_and_all_counted(
    cluster: Cluster,
) -> None:
    line = "pods -A --fail-on 'mem.pct_limit > 90' --sort -mem.pct_limit"
    result = gate(cluster, line)
    assert result.err.splitlines()[-1] == (
        "--fail-on: 14 of 100 pods match 'mem.pct_limit > 90':"
        " team-c/orders-worker-lqt4xwhf-vdh79 (mem.pct_limit 508%);"
        " monitoring/node-exporter-rbxr9 (mem.pct_limit 323%);"
        " monitoring/node-exporter-znwdd (mem.pct_limit 319%); and 11 more"
    )
    assert len(result.lines) == 15


def test_only_what_matches_is_shown_unless_all_is_asked_for(cluster: Cluster) -> None:
    line = "pods -A --no-headers --fail-on 'mem.pct_limit > 90'"
    assert len(gate(cluster, line).lines) == 14
    assert len(gate(cluster, f"{line} --all").lines) == 100
    assert len(gate(cluster, f"{line} --top 3").lines) == 3
    assert len(gate(cluster, f"{line} -o name").lines) == 14
    assert gate(cluster, "pods -A --fail-on 'restarts > 9999'").out == ""


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("pods -n prdo", 'namespace "prdo"'),
        ("pods -n team-a -n prdo", 'namespace "prdo"'),
        ("workloads -n prdo -n 'team-*'", 'namespace "prdo"'),
        ("pods -A --node wroker-4", 'node "wroker-4"'),
    ],
)
def test_a_gate_is_not_satisfied_by_what_does_not_exist(
    cluster: Cluster, line: str, missing: str
) -> None:
    error = f"error: {missing} not found\n"
    plain = gate(cluster, line)
    assert (plain.code, error in plain.err) == (0, True)
    for flag in ("--strict", "--fail-on 'cpu > 9999'"):
        result = gate(cluster, f"{line} {flag}")
        assert (result.code, error in result.err) == (1, True)


def test_a_namespace_without_pods_is_not_missing(cluster: Cluster) -> None:
    result = gate(cluster, "pods -n default -l app=nope --strict")
    assert (result.code, "not found" in result.err) == (0, False)


def test_where_we_may_not_look_nothing_is_said(cluster: Cluster) -> None:
    result = gate(cluster, "pods -n team-a -l app=nope --strict", user="nslimited")
    assert (result.code, "not found" in result.err) == (0, False)


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ("status == running", "status == running matches none, Running would"),
        ("name =~ 'redis-.*'", "redis-.* may mean redis-*"),
    ],
)
@pytest.mark.parametrize("flag", ["--where", "--fail-on"])
def test_what_matches_nothing_may_be_meant_otherwise(
    cluster: Cluster, flag: str, condition: str, hint: str
) -> None:
    result = gate(cluster, f'pods -A {flag} "{condition}"')
    assert (result.code, hint in result.err) == (0, True)


def test_a_word_that_no_value_is_like_has_no_hint(cluster: Cluster) -> None:
    result = gate(cluster, "pods -A --where 'status == Sleeping or status == Running'")
    assert "matches none" not in result.err
    result = gate(cluster, "pods -A --where 'status == Sleeping'")
    assert result.err.splitlines()[-1] == "0 of 100 pods shown"
