"""Pages put together are the list, for eager and for lazy clusters."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.cluster import Cluster, Generated

from .client import get

PODS = "/api/v1/pods"


@pytest.fixture(scope="module", params=[False, True], ids=["eager", "lazy"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    wanted = Generated(nodes=6, pods=120, seed=5, lazy=request.param)
    with Cluster.generated(wanted) as running:
        yield running


def pages(cluster: Cluster, path: str, query: str) -> list[list[str]]:
    found, token = [], ""
    while True:
        page = get(cluster, f"{path}?{query}&continue={token}")
        found.append(page.names())
        metadata = page.json()["metadata"]
        token = metadata.get("continue", "")
        if not token:
            return found


@pytest.mark.parametrize("limit", [1, 7, 60, 119, 120, 500])
def test_pages_of_any_size_make_up_the_list(cluster: Cluster, limit: int) -> None:
    found = pages(cluster, PODS, f"limit={limit}")
    assert [name for page in found for name in page] == get(cluster, PODS).names()
    assert all(len(page) == limit for page in found[:-1])


def test_a_limit_below_nothing_is_none(cluster: Cluster) -> None:
    assert len(get(cluster, f"{PODS}?limit=-1").names()) == 120


def test_pages_of_one_namespace_stay_in_it(cluster: Cluster) -> None:
    path = "/api/v1/namespaces/kube-system/pods"
    whole = get(cluster, path).names()
    found = pages(cluster, path, "limit=3")
    assert [name for page in found for name in page] == whole
    assert 0 < len(whole) < 120


def test_a_page_says_how_many_remain(cluster: Cluster) -> None:
    metadata = get(cluster, f"{PODS}?limit=50").json()["metadata"]
    assert metadata["remainingItemCount"] == 70
    selected = f"{PODS}?limit=5&labelSelector={quote('app')}"
    assert "remainingItemCount" not in get(cluster, selected).json()["metadata"]


def test_one_pod_is_found_and_another_is_not(cluster: Cluster) -> None:
    entry = cluster.pods.current()[60]
    path = f"/api/v1/namespaces/{entry.namespace}/pods"
    found = get(cluster, f"{path}/{entry.name}").json()
    assert found["kind"] == "Pod"
    assert found["metadata"]["name"] == entry.name
    assert get(cluster, f"{path}/zzz").status == 404
    assert get(cluster, f"/api/v1/namespaces/zzz/pods/{entry.name}").status == 404


def test_a_list_from_the_watch_cache_has_no_pages(cluster: Cluster) -> None:
    assert len(get(cluster, f"{PODS}?limit=5&resourceVersion=0").names()) == 120


TOO_NEW = "resourceVersion=999999999"
BAD: dict[str, tuple[int, str]] = {
    f"{TOO_NEW}": (504, "Timeout"),
    "continue=!!": (400, "BadRequest"),
    "continue=e30": (400, "BadRequest"),
    "resourceVersion=abc": (400, "BadRequest"),
    "resourceVersionMatch=Exact": (422, "Invalid"),
    "limit=x": (400, "BadRequest"),
}


@pytest.mark.parametrize(("query", "refusal"), BAD.items(), ids=BAD)
def test_a_bad_query_is_refused(
    cluster: Cluster, query: str, refusal: tuple[int, str]
) -> None:
    got = get(cluster, f"{PODS}?{query}")
    assert (got.status, got.json()["reason"]) == refusal


def test_a_lazy_cluster_does_not_change() -> None:
    wanted = Generated(nodes=3, pods=10, lazy=True)
    with (
        Cluster.generated(wanted) as cluster,
        pytest.raises(TypeError, match="cannot change"),
    ):
        cluster.apply({"metadata": {"name": "a", "namespace": "default"}})
