"""Watch streams carry what the recorded ones carry, and every change once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import Cluster, Options
from tests.cluster.recorded import body, exchange

from .client import connected, get, headers_of

PODS = "/api/v1/namespaces/default/pods"
SYSTEM = "/api/v1/namespaces/kube-system/pods"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def pod(name: str, namespace: str = "default", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": "2026-11-23T02:59:53Z",
            "labels": labels,
        },
        "spec": {"containers": [{"name": "c", "image": "busybox:1"}]},
        "status": {"phase": "Pending"},
    }


def events(cluster: Cluster, target: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in get(cluster, target).body.splitlines()]


def brief(event: dict[str, Any]) -> tuple[str, str | None]:
    return event["type"], event["object"]["metadata"].get("name")


@pytest.mark.parametrize("name", ["watch-plain", "watch-initial-events"])
def test_a_watch_from_nowhere_sends_the_recorded_lines(
    cluster: Cluster, name: str
) -> None:
    recorded = exchange(name)
    target = recorded.path.replace("timeoutSeconds=2", "timeoutSeconds=0.1")
    assert get(cluster, target).body == recorded.body


def test_a_watch_from_a_compacted_revision_gets_410_in_the_stream(
    cluster: Cluster,
) -> None:
    recorded = exchange("watch-too-old")
    answer = get(cluster, recorded.path)
    assert (answer.status, answer.body) == (200, recorded.body)


def test_the_recorded_changes_come_in_the_recorded_shape(cluster: Cluster) -> None:
    recorded = [json.loads(line) for line in exchange("watch-events").body.splitlines()]
    target = f"{PODS}?watch=true&allowWatchBookmarks=true&resourceVersion=607"
    for event in recorded:
        if event["type"] == "DELETED":
            cluster.delete("default", "watched")
        elif event["type"] != "BOOKMARK":
            cluster.apply(event["object"])
    ours = events(cluster, f"{target}&timeoutSeconds=0.1")
    real = [e for e in recorded if e["object"]["metadata"]["resourceVersion"] != "610"]
    assert [brief(e) for e in ours] == [("ADDED", "watched"), *map(brief, real)]
    assert ours[1:] == real


def test_a_change_reaches_a_running_watch_at_once(cluster: Cluster) -> None:
    start = cluster.revision.current
    target = f"{PODS}?watch=true&resourceVersion={start}&timeoutSeconds=60"
    timer = threading.Timer(0.1, cluster.apply, [pod("late")])
    with connected(cluster) as connection:
        connection.request("GET", target, headers=headers_of(cluster, "viewer"))
        response = connection.getresponse()
        timer.start()
        line = json.loads(response.readline())
    timer.join()
    assert brief(line) == ("ADDED", "late")


def test_a_watch_resumes_where_it_was_and_misses_nothing(cluster: Cluster) -> None:
    first = cluster.apply(pod("a"))
    cluster.apply(pod("b"))
    cluster.delete("default", "a")
    seen = events(
        cluster, f"{PODS}?watch=1&resourceVersion={first.revision}&timeoutSeconds=0.1"
    )
    assert [brief(e) for e in seen] == [("ADDED", "b"), ("DELETED", "a")]


def test_an_object_that_enters_or_leaves_a_selector_is_added_or_deleted(
    cluster: Cluster,
) -> None:
    start = cluster.revision.current
    for value in ("no", "yes", "yes", "no"):
        cluster.apply(pod("a", picked=value))
    target = f"{PODS}?watch=1&resourceVersion={start}&timeoutSeconds=0.1"
    seen = events(cluster, f"{target}&labelSelector=picked%3Dyes")
    assert [e["type"] for e in seen] == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_of_one_namespace_does_not_see_another(cluster: Cluster) -> None:
    start = cluster.revision.current
    cluster.apply(pod("a", "kube-system"))
    target = f"?watch=1&resourceVersion={start}&timeoutSeconds=0.1"
    assert events(cluster, PODS + target) == []
    assert len(events(cluster, SYSTEM + target)) == 1
    assert len(events(cluster, "/api/v1/pods" + target)) == 1


def test_compaction_ends_a_watch_that_lags_and_expires_pages(cluster: Cluster) -> None:
    page = get(cluster, "/api/v1/pods?limit=10").json()
    token = page["metadata"]["continue"]
    cluster.compact()
    (event,) = events(cluster, f"{PODS}?watch=1&resourceVersion=600&timeoutSeconds=1")
    assert event["object"]["code"] == 410
    expired = get(cluster, f"/api/v1/pods?limit=10&continue={token}")
    assert (expired.status, expired.json()["reason"]) == (410, "Expired")
    fresh = expired.json()["metadata"]["continue"]
    rest = get(cluster, f"/api/v1/pods?continue={fresh}")
    assert rest.status == 200
    assert len(rest.json()["items"]) == 90


def test_a_watch_that_keeps_up_survives_a_compaction(cluster: Cluster) -> None:
    target = f"{PODS}?watch=true&resourceVersion=609&timeoutSeconds=60"
    with connected(cluster) as connection:
        connection.request("GET", target, headers=headers_of(cluster, "viewer"))
        response = connection.getresponse()
        seen = []
        for name in ("a", "b"):
            cluster.apply(pod(name))
            seen.append(brief(json.loads(response.readline())))
            cluster.compact()
    assert seen == [("ADDED", "a"), ("ADDED", "b")]


def test_pages_show_one_moment_whatever_changes_in_between(cluster: Cluster) -> None:
    first = get(cluster, "/api/v1/pods?limit=60").json()
    cluster.apply(pod("zzz", "zzz"))
    cluster.delete("team-f", "debug-pn8hw")
    token = first["metadata"]["continue"]
    second = get(cluster, f"/api/v1/pods?limit=60&continue={token}").json()
    names = [i["metadata"]["name"] for i in first["items"] + second["items"]]
    real = json.loads(body("pods-all.body.gz"))["items"]
    assert names == [item["metadata"]["name"] for item in real]


def test_a_list_at_an_exact_revision_shows_that_moment(cluster: Cluster) -> None:
    added = cluster.apply(pod("a")).revision
    changed = cluster.apply(pod("b")).revision
    cluster.delete("default", "a")
    for revision, names in ((added - 1, []), (added, ["a"]), (changed, ["a", "b"])):
        query = f"resourceVersion={revision}&resourceVersionMatch=Exact"
        listed = get(cluster, f"{PODS}?{query}").names()
        assert [name for name in listed if name in ("a", "b")] == names
    cluster.compact()
    query = f"resourceVersion={added}&resourceVersionMatch=Exact"
    assert get(cluster, f"{PODS}?{query}").status == 410


def test_bookmarks_come_as_often_as_asked_for() -> None:
    target = f"{PODS}?watch=1&allowWatchBookmarks=true&resourceVersion=609"
    with (
        Cluster.recorded(Options(bookmark_seconds=0.05)) as cluster,
        connected(cluster) as connection,
    ):
        connection.request("GET", target, headers=headers_of(cluster, "viewer"))
        response = connection.getresponse()
        seen = [json.loads(response.readline()) for _ in range(3)]
    assert [event["type"] for event in seen] == ["BOOKMARK"] * 3


def test_a_watch_the_client_leaves_is_gone_at_the_server(cluster: Cluster) -> None:
    with connected(cluster) as connection:
        target = f"{PODS}?watch=1&resourceVersion=609"
        connection.request("GET", target, headers=headers_of(cluster, "viewer"))
        response = connection.getresponse()
        assert cluster.open_connections == 1
        response.close()
    assert cluster.settle() == 0
