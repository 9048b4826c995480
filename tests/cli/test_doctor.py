"""``kubemetrics doctor``: what it prints, and how it ends."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator

import jsonschema
import pytest
import yaml

from kubemetrics.cli import build
from kubemetrics.cli.server_commands import connection_flags
from kubemetrics.doctor import Diagnosis, Finding
from kubemetrics.text import width
from kubemetrics.views.findings import json_text, text_lines
from tests.cluster import Cluster
from tests.tools import schema

from .harness import run


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


@pytest.fixture
def cluster(shared: Cluster) -> Iterator[Cluster]:
    shared.state = "healthy"
    yield shared
    shared.state = "healthy"


def test_a_problem_makes_it_fail(cluster: Cluster) -> None:
    assert run(cluster, "doctor").code == 0
    cluster.state = "down"
    result = run(cluster, "doctor")
    assert result.code == 1
    assert "PROBLEM  metrics API: " in result.out


def test_it_asks_each_question_once(cluster: Cluster) -> None:
    cluster.forget_requests()
    run(cluster, "doctor")
    asked = Counter(f"{seen.method} {seen.path}" for seen in cluster.requests)
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    metrics = "/apis/metrics.k8s.io"
    assert asked == {
        "GET /version": 1,
        "POST /apis/authentication.k8s.io/v1/selfsubjectreviews": 1,
        f"POST {reviews}": 4,
        f"GET {metrics}": 1,
        f"GET {metrics}/v1beta1": 1,
        f"GET {metrics}/v1beta1/pods": 1,
        f"GET {metrics}/v1beta1/nodes": 1,
        "GET /api/v1/pods": 1,
        "GET /api/v1/nodes": 1,
    }


def test_json_is_valid_by_the_published_schema(cluster: Cluster) -> None:
    result = run(cluster, "doctor", "-o", "json", user="noperm")
    found = json.loads(result.out)
    jsonschema.validate(found, json.loads(schema.SCHEMA.read_bytes()))
    assert result.code == 1
    assert not found["healthy"]
    kinds = [document["kind"] for document in yaml.safe_load_all(found["manifest"])]
    assert kinds == ["ClusterRole", "ClusterRoleBinding"]


def test_the_manifest_alone_can_be_applied(cluster: Cluster) -> None:
    result = run(cluster, "doctor", "-o", "manifest", user="noperm")
    kinds = [document["kind"] for document in yaml.safe_load_all(result.out)]
    assert kinds == ["ClusterRole", "ClusterRoleBinding"]


def test_a_configuration_that_cannot_work_is_a_finding(cluster: Cluster) -> None:
    result = run(cluster, "doctor", "--context", "gone")
    assert result.code == 1
    assert result.lines[0].startswith("1 problem; not checked: server, ")
    assert result.lines[1].startswith("PROBLEM  configuration: ")


def test_json_counts_what_is_wrong(cluster: Cluster) -> None:
    found = json.loads(run(cluster, "doctor", "-o", "json").out)
    counted = (found["healthy"], found["problems"], found["warnings"])
    assert counted == (True, 0, 3)  # its clock stands still
    cluster.state = "down"
    found = json.loads(run(cluster, "doctor", "-o", "json").out)
    assert (found["healthy"], found["problems"]) == (False, 1)


def test_its_own_commands_show_what_it_names(cluster: Cluster) -> None:
    found = json.loads(run(cluster, "doctor", "-o", "json").out)
    commands = [
        shlex.split(command)[1:]
        for finding in found["findings"]
        for command in finding["commands"]
        if command.startswith("kubemetrics ")
    ]
    shown = [run(cluster, *words) for words in commands]
    assert [result.code for result in shown] == [0, 0]
    names = [[line.split()[1] for line in result.lines[1:]] for result in shown]
    assert [len(found) for found in names] == [8, 1]
    assert names[1] == ["debug-lhhjd"]


def test_its_commands_connect_as_it_does(cluster: Cluster) -> None:
    cluster.state = "down"
    line = ("doctor", "--context=viewer", "--request-timeout=9s", "-n", "team-a")
    assert (
        "kubectl --context=viewer --request-timeout=9s describe apiservice"
        " v1beta1.metrics.k8s.io\n"
    ) in run(cluster, *line).out


def test_the_flags_of_a_command_are_whole_words_and_no_secret() -> None:
    args = build("doctor")[1].read(
        [
            "--as=jane doe", "--as-group=a", "--as-group=b", "--token=abc123",
            "--proxy-url=http://x", "--insecure-skip-tls-verify", "--context=one",
            "--context=two", "-n", "team-a",
        ]
    )  # fmt: skip
    finding = Finding(
        check="pods", severity="info", what="x",
        commands=("kubemetrics pods -A", "kubectl get pods", "curl x"),
    )  # fmt: skip
    ours, theirs, other = Diagnosis((finding,)).connected_by(
        *connection_flags(args)
    ).findings[0].commands  # fmt: skip
    shared = (
        "--context=two {}--as='jane doe' --as-group=a --as-group=b"
        " --insecure-skip-tls-verify"
    )
    token = '--token="$TOKEN" '
    assert ours == f"kubemetrics {shared.format(token)} --proxy-url=http://x pods -A"
    assert theirs == f"kubectl {shared.format(token)} get pods"
    assert other == "curl x"


def test_right_checks_are_shown_with_v_and_requests_with_two(cluster: Cluster) -> None:
    plain, once, twice = (run(cluster, "doctor", *v) for v in ((), ("-v",), ("-vv",)))
    assert not [line for line in plain.lines if line.startswith("ok ")]
    assert [line for line in once.lines if line.startswith("ok ")]
    assert (once.err, "/version" in twice.err) == ("", True)


def test_no_secret_is_shown(cluster: Cluster) -> None:
    result = run(cluster, "doctor")
    assert cluster.token("viewer") not in result.out


HOSTILE = Diagnosis(
    (
        Finding(
            check="server",
            severity="warning",
            what="\x1b[2Jgone " * 20,
            evidence="first\nsecond\x07",
            advice="\u202edo",
            commands=("rm \x07",),
        ),
    ),
    "a: \x1b[31m\nb: 1\n",
)


def test_findings_are_wrapped_and_harmless() -> None:
    lines = list(text_lines(HOSTILE, width=60, verbose=True))
    assert all(line.isprintable() for line in lines)
    assert max(map(width, lines[:8])) <= 60
    assert "           rm \\x07" in lines
    assert "         first" in lines
    assert "         second\\x07" in lines
    assert "b: 1" in lines
    assert lines[0].startswith("1 warning; not checked: ")
    assert "b: 1" not in text_lines(HOSTILE, width=60)


def test_colour_marks_what_matters() -> None:
    lines = list(text_lines(HOSTILE, width=60, colour=True))
    assert lines[0].startswith("\x1b[1m1 warning")
    assert lines[2].startswith("\x1b[33mWARNING")


def test_json_text_is_ascii() -> None:
    assert json_text(HOSTILE).isascii()


def test_a_manifest_that_is_empty_says_why(cluster: Cluster) -> None:
    result = run(cluster, "doctor", "-o", "manifest", user="viewer")
    assert (result.code, result.out, result.err) == (0, "", "no role is missing\n")
    result = run(cluster, "doctor", "-o", "manifest", "-s", "https://127.0.0.1:1")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("no role to print: ")
