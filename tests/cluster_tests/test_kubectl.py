"""Real kubectl finds a cluster it can work with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import Cluster
from tests.cluster.recorded import exchange, kubectl_runs

from .kubectl import kubectl, needs_kubectl

pytestmark = needs_kubectl
_AGE = re.compile(r"age: [0-9hms.]+")
#: Rows of equal value: kubectl sorts them by an unstable algorithm, yet with the same
#: input in the same order it gives the same result.
RUNS = kubectl_runs()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def _name(run: dict[str, Any]) -> str:
    return f"{run['state']}-{run['as']}-{' '.join(run['args'])}"


@pytest.mark.parametrize("run", RUNS, ids=_name)
def test_kubectl_prints_what_it_printed_against_the_real_cluster(
    cluster: Cluster, run: dict[str, Any]
) -> None:
    cluster.state = run["state"]
    ours = kubectl(cluster, *run["args"], user=run["as"])
    assert ours.stdout == run["stdout"]
    assert _AGE.sub("age: X", ours.stderr) == _AGE.sub("age: X", run["stderr"])
    assert ours.code == run["rc"]


@pytest.fixture
def healthy(cluster: Cluster) -> Cluster:
    cluster.state = "healthy"
    return cluster


WORKING: dict[str, tuple[str, ...]] = {
    "get pods -A": ("team-f        reporting-vkkg6rc7z-9bg96         1/1", "Evicted"),
    "get pods -A -o wide": ("NOMINATED NODE", "ip-10-0-7-17.ec2.internal"),
    "get pods -n team-c -l app=redis": ("redis-0", "redis-3   0/1     Pending"),
    "get nodes": ("worker-008", "NotReady"),
    "get namespaces": ("kube-system       Active   24m",),
    "get pods.metrics.k8s.io -n kube-system": (
        "NAME",
        "WINDOW",
        "etcd-control-plane-0",
    ),
    "get deployments -A": (),
    "get apiservices": ("v1beta1.metrics.k8s.io",),
    "describe node worker-004": ("Non-terminated Pods:          (21 in total)",),
    "describe pod -n team-c redis-0": ("Controlled By:  StatefulSet/redis",),
    "api-resources": ("metrics.k8s.io/v1beta1", "PodMetrics", "deployments"),
    "version": ("Server Version: v1.36.2",),
    "auth whoami": ("Username    admin",),
    "auth can-i list pods": ("yes",),
    "auth can-i --list": ("*.*",),
}


@pytest.mark.parametrize(("command", "shown"), WORKING.items(), ids=WORKING)
def test_kubectl_works(healthy: Cluster, command: str, shown: tuple[str, ...]) -> None:
    run = kubectl(healthy, *command.split(), user="admin")
    assert run.code == 0, run.stderr
    for text in shown:
        assert text in run.stdout


def test_kubectl_reads_the_objects_back_as_recorded(healthy: Cluster) -> None:
    run = kubectl(healthy, "get", "pods", "-n", "kube-system", "-o", "json")
    items = json.loads(run.stdout)["items"]
    recorded = exchange("pods-namespace").json()["items"]
    for item in items:
        assert (item.pop("kind"), item.pop("apiVersion")) == ("Pod", "v1")
        item["metadata"].pop("managedFields", None)
    for item in recorded:
        item["metadata"].pop("managedFields", None)
    assert items == recorded


def test_kubectl_raw_gives_the_bytes(healthy: Cluster) -> None:
    run = kubectl(healthy, "get", "--raw", "/apis/metrics.k8s.io/v1beta1/pods")
    assert run.stdout.encode() == exchange("podmetrics-all").body


def test_kubectl_pages_and_sees_every_pod(healthy: Cluster) -> None:
    healthy.forget_requests()
    run = kubectl(healthy, "get", "pods", "-A", "--chunk-size=30", "--no-headers")
    assert len(run.stdout.splitlines()) == 100
    assert [s for s in healthy.requests if "continue" in s.query][-1].status == 200


def test_kubectl_watches(healthy: Cluster) -> None:
    run = kubectl(
        healthy, "get", "pods", "-A", "--watch-only", "--request-timeout=1s", "-o=name"
    )
    assert run.stdout == ""
    watched = [seen for seen in healthy.requests if "watch" in seen.query]
    assert watched[-1].status == 200
