"""`kubemetrics top` against what real kubectl 1.37 did on the recorded cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from kubemetrics.cli import main
from tests.cluster import Cluster, Options, faults
from tests.cluster.recorded import kubectl_runs
from tests.cluster.scripts import Fault
from tests.cluster_tests.kubectl import kubectl, skip_reason

from .scenes import open_scene
from .ties import settled

_OOPS = (
    'Error from server (InternalError): an error on the server ("oops") has prevented'
    " the request from succeeding (get {})"
)
_TEA = (
    "Error from server: the server responded with the status code 418 but did not"
    " return more information (get {})"
)
_METHOD = (
    "Error from server (MethodNotAllowed): the server does not allow this method on"
    " the requested resource (get {})"
)
_STATUS = "Error from server (InternalError): etcd"
_BOTH = (
    "error: invalid resource name \"a%/b\": [may not contain '/' may not contain '%']"
)
_AGE = re.compile(r"age: \d+m[0-9.]+s")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded(now=datetime.now(UTC)) as running:
        yield running


@pytest.fixture
def healthy(cluster: Cluster) -> Cluster:
    cluster.state = "healthy"
    cluster.forget_requests()
    return cluster


def top(cluster: Cluster, *args: str, user: str = "viewer") -> int:
    return main(["--kubeconfig", str(cluster.kubeconfig(user)), "top", *args])


def paths(cluster: Cluster) -> list[str]:
    return sorted(seen.target for seen in cluster.requests)


def _name(run: dict[str, Any]) -> str:
    return f"{run['state']}-{run['as']}-{' '.join(run['args'])}"


RUNS = [run for run in kubectl_runs() if run["args"] != ["top"]]


@pytest.mark.parametrize("run", RUNS, ids=_name)
def test_it_does_what_kubectl_did(
    cluster: Cluster, run: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.state = run["state"]
    args = run["args"][1:]
    code = top(cluster, *args, user=run["as"])
    out, err = capsys.readouterr()
    assert settled(out, cluster.ledger, args) == settled(
        run["stdout"], cluster.ledger, args
    )
    assert _AGE.sub("age: X", err) == _AGE.sub("age: X", run["stderr"])
    assert code == run["rc"]


def test_without_a_kind_it_shows_its_help_as_a_mistake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["top"]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("usage: kubemetrics top")


@pytest.mark.parametrize(
    ("line", "requests"),
    [
        ("pods -A", ["/apis/metrics.k8s.io/v1beta1/pods"]),
        ("pods", ["/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"]),
        (
            "pods -l a=b -n x",
            [
                "/api/v1/namespaces/x/pods?labelSelector=a%3Db&limit=1000",
                "/apis/metrics.k8s.io/v1beta1/namespaces/x/pods?labelSelector=a%3Db",
            ],
        ),
        ("nodes", ["/api/v1/nodes?limit=1000", "/apis/metrics.k8s.io/v1beta1/nodes"]),
        (
            "node worker-004",
            [
                "/api/v1/nodes/worker-004",
                "/apis/metrics.k8s.io/v1beta1/nodes/worker-004",
            ],
        ),
        ("pods --sort-by=x", []),
        ("pods -l ===", []),
    ],
)
def test_it_asks_for_no_more_than_it_needs(
    healthy: Cluster, line: str, requests: list[str]
) -> None:
    top(healthy, *line.split())
    assert paths(healthy) == requests


def test_a_field_selector_costs_one_more_request(healthy: Cluster) -> None:
    assert not top(healthy, "pods", "-A", "--field-selector=status.phase=Running")
    assert [path.partition("?")[0] for path in paths(healthy)] == [
        "/api/v1/pods",
        "/apis/metrics.k8s.io/v1beta1/pods",
    ]


def test_a_server_of_the_new_version_only_is_served_as_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Cluster.recorded(Options(metrics_versions=("v1",))) as cluster:
        assert not top(cluster, "nodes")
        assert "control-plane-0" in capsys.readouterr().out


@pytest.mark.parametrize("state", ["absent", "down"])
def test_who_may_do_nothing_hears_that_the_api_is_not_there(
    cluster: Cluster, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.state = state  # where RBAC answers 403 before anything else
    assert top(cluster, "pods", user="noperm") == 1
    assert capsys.readouterr().err == "error: Metrics API not available\n"


def test_a_refused_connection_is_told_in_kubectls_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Cluster.recorded() as cluster, cluster.refusing():
        assert top(cluster, "nodes") == 1
    assert capsys.readouterr().err == (
        f"The connection to the server 127.0.0.1:{cluster.port} was refused"
        " - did you specify the right host or port?\n"
    )


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (faults.text(403, "no"), "Error from server (Forbidden): no (get {})"),
        (faults.text(500, "oops"), _OOPS),
        (faults.text(418, "tea"), _TEA),
        (faults.text(405, "no"), _METHOD),
        (faults.api_error(500, "InternalError", "etcd"), _STATUS),
    ],
)
def test_a_failure_is_told_in_kubectls_words(
    healthy: Cluster,
    fault: Fault,
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = "/apis/metrics.k8s.io/v1beta1/nodes"
    healthy.faults.add(fault, path=path, times=None)
    try:
        assert top(healthy, "nodes") == 1
        assert ("/apis" in paths(healthy)) == ("Forbidden" in line)
        mine = capsys.readouterr().err
        assert mine == f"{line.format('nodes.metrics.k8s.io')}\n"
        theirs = None if skip_reason() else kubectl(healthy, "top", "nodes").stderr
        assert theirs in {None, mine}
    finally:
        healthy.faults.clear()


@pytest.mark.parametrize(
    ("scene", "line", "message"),
    [
        ("young", "pods", "error: metrics not available yet"),
        ("empty", "pods", "No resources found in default namespace."),
        ("empty", "nodes", "error: metrics not available yet"),
        ("healthy", "pod ..", "error: invalid resource name \"..\": [may not be '..']"),
        ("absent", "node a/b", "error: Metrics API not available"),
        ("healthy", "node a%/b", _BOTH),
    ],
)
def test_what_there_is_not_is_told(
    scene: str, line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_scene(scene) as cluster:
        code = top(cluster, *line.split())
    assert capsys.readouterr() == ("", f"{message}\n")
    assert code == message.startswith("error")


def test_a_broken_connection_is_told_with_what_broke_it(
    healthy: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert top(healthy, "nodes", "--tls-server-name=evil.example") == 1
    err = capsys.readouterr().err
    assert err.startswith("Unable to connect to the server: ")
    assert "evil.example" in err


def test_where_discovery_fails_that_is_what_is_told(
    healthy: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy.faults.add(faults.text(404, "no"), when=lambda seen: "metrics" in seen.path)
    healthy.faults.add(faults.api_error(403, "Forbidden", "no entry"), path="/apis")
    try:
        assert top(healthy, "nodes") == 1
    finally:
        healthy.faults.clear()
    assert capsys.readouterr().err == "Error from server (Forbidden): no entry\n"


@pytest.mark.parametrize("args", [("--context", "nope"), ("--as-group", "x")])
def test_a_wrong_configuration_is_1_here(
    healthy: Cluster, args: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert top(healthy, "nodes", *args) == 1
    assert capsys.readouterr().err.startswith("error: ")
