"""What a person reads beside the rows: one line a cause, in the number that fits."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from tests.cluster import Cluster

from .harness import run


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("nodes nope", 1, 'error: nodes "nope" not found'),
        ("cluster nope", 1, 'error: nodes "nope" not found'),
        ("pods -n nope", 0, 'error: namespace "nope" not found'),
        ("pods x -n nope", 1, 'error: namespace "nope" not found'),
        ("pods -A --node nope --strict", 1, 'error: node "nope" not found'),
        ("pods x --node nope", 1, 'error: node "nope" not found'),
        ("pods -A x", 1, 'error: pods "x" not found'),
        ("pods -n default -l no=such", 0, "No resources found in default namespace."),
        ("pods -A -l no=such", 0, "No resources found"),
        ("pods -A --where 'name == x'", 0, "0 of 100 pods shown"),
        ("nodes worker-003 --where 'cpu > 99'", 0, "0 of 1 node shown"),
        (
            "cluster --fail-on 'cpu > 999'", 0,
            "--fail-on: 0 of 1 cluster match 'cpu > 999'",
        ),
        (
            "nodes --by arch --fail-on 'cpu > 999'", 0,
            "--fail-on: 0 of 1 node group match 'cpu > 999'",
        ),
    ],
)  # fmt: skip
def test_a_cause_is_said_once_and_counts_are_in_the_right_number(
    cluster: Cluster, line: str, code: int, said: str
) -> None:
    result = run(cluster, *shlex.split(line))
    assert (result.code, result.err) == (code, f"{said}\n")


def test_a_name_is_missed_where_one_of_several_namespaces_is_there(
    cluster: Cluster,
) -> None:
    result = run(cluster, "pods", "x", "-n", "team-a", "-n", "nope")
    assert result.err.splitlines() == [
        'error: namespace "nope" not found',
        'error: pods "x" not found',
    ]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("-A -n team-b", "-A is of all namespaces: -n team-b is ignored"),
        (
            "--all -A",
            "--all goes with --fail-on, and is ignored; all namespaces are -A",
        ),
        (
            "-A --all-contexts --context viewer",
            "--all-contexts is of all contexts: --context viewer is ignored",
        ),
    ],
)
def test_a_flag_that_another_one_makes_void_is_named(
    cluster: Cluster, flags: str, said: str
) -> None:
    result = run(cluster, "pods", *flags.split(), "--top", "1")
    assert result.err.splitlines()[0] == said
    assert result.out


def test_flags_that_mean_something_together_are_not_named(cluster: Cluster) -> None:
    line = "pods -n team-b --context viewer --all --fail-on 'cpu > 999'"
    assert "ignored" not in run(cluster, *shlex.split(line)).err


@pytest.mark.parametrize("flag", ["-n", "--exclude-namespace"])
def test_namespaces_with_commas_are_refused_with_what_to_type(
    cluster: Cluster, flag: str
) -> None:
    result = run(cluster, "pods", flag, "team-a,team-b")
    each = f"{flag} team-a {flag} team-b"
    said = f"error: {flag} takes one namespace; it may be repeated: {each}"
    assert (result.code, result.err.splitlines()[0]) == (2, said)
