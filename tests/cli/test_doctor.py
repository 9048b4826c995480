"""``kubemetrics doctor``: what it prints, and how it ends."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import jsonschema
import pytest
import yaml

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
    assert result.out.startswith("PROBLEM  configuration: ")


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
        ),
    ),
    "a: \x1b[31m\nb: 1\n",
)


def test_findings_are_wrapped_and_harmless() -> None:
    lines = list(text_lines(HOSTILE, width=60))
    assert all(line.isprintable() for line in lines)
    assert max(map(width, lines[:6])) <= 60
    assert "         first" in lines
    assert "         second\\x07" in lines
    assert "b: 1" in lines
    assert lines[-1] == "1 warning found"


def test_colour_marks_what_matters() -> None:
    lines = list(text_lines(HOSTILE, width=60, colour=True))
    assert lines[0].startswith("\x1b[33mWARNING")


def test_json_text_is_ascii() -> None:
    assert json_text(HOSTILE).isascii()


def test_a_manifest_that_is_empty_says_why(cluster: Cluster) -> None:
    result = run(cluster, "doctor", "-o", "manifest", user="viewer")
    assert (result.code, result.out, result.err) == (0, "", "no role is missing\n")
    result = run(cluster, "doctor", "-o", "manifest", "-s", "https://127.0.0.1:1")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("no role to print: ")
