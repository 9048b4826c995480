"""Clusters made by hand hold what they were given."""

from __future__ import annotations

from tests.cluster import Cluster
from tests.cluster.objects import node, node_metrics, pod, pod_metrics

from .client import get
from .kubectl import kubectl, needs_kubectl


def small_cluster() -> Cluster:
    return Cluster.holding(
        pods=[
            pod("tie-b", containers=("x", "y")),
            pod("tie-a"),
            pod("waiting", "other", node="", phase="Pending"),
        ],
        nodes=[node("n1", swap=4 << 30), node("n2", ready=False)],
        pod_metrics=[
            pod_metrics("tie-a", usage={"c": ("156340n", "1Mi")}),
            pod_metrics("tie-b", usage={"x": ("156340n", "0"), "y": ("0", "1Mi")}),
        ],
        node_metrics=[node_metrics("n1", "250m", "4Gi")],
    )


def test_an_empty_cluster_has_empty_lists() -> None:
    with Cluster.holding() as cluster:
        assert get(cluster, "/api/v1/pods").names() == []
        assert get(cluster, "/api/v1/nodes").names() == []
        assert get(cluster, "/apis/metrics.k8s.io/v1beta1/pods").names() == []
        assert get(cluster, "/api/v1/namespaces").names() == ["default"]


def test_objects_are_listed_in_order_whatever_order_they_came_in() -> None:
    with small_cluster() as cluster:
        assert get(cluster, "/api/v1/pods").names() == ["tie-a", "tie-b", "waiting"]
        assert get(cluster, "/api/v1/namespaces").names() == ["default", "other"]
        assert cluster.ledger.total.cpu == 2 * 156_340
        assert cluster.ledger.silent == {"n2"}


def test_a_pod_restarted_when_its_last_container_did() -> None:
    restarting = pod("a", containers=("x", "y"))
    ends = ("2026-11-23T02:49:48Z", "2026-11-23T02:58:48Z")
    for status, end in zip(
        restarting["status"]["containerStatuses"], ends, strict=True
    ):
        ended = {"exitCode": 1, "finishedAt": end}
        status |= {"restartCount": 2, "lastState": {"terminated": ended}}
    with Cluster.holding(pods=[restarting]) as cluster:
        accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
        (row,) = get(cluster, "/api/v1/pods", Accept=accept).json()["rows"]
    assert row["cells"][:5] == ["a", "2/2", "Running", "4 (60s ago)", "59m"]


@needs_kubectl
def test_kubectl_tops_a_cluster_made_by_hand() -> None:
    with small_cluster() as cluster:
        pods = kubectl(cluster, "top", "pods", "--no-headers")
        nodes = kubectl(cluster, "top", "nodes", "--show-swap", "--no-headers")
        listed = kubectl(cluster, "get", "nodes", "--no-headers")
    assert pods.stdout.split() == ["tie-a", "1m", "1Mi", "tie-b", "1m", "1Mi"]
    assert nodes.stdout.split()[:5] == ["n1", "250m", "6%", "4096Mi", "25%"]
    assert "NotReady" in listed.stdout
