"""What a request is about, pages of a store, and the events of a watch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kubemetrics.testing import apiserver
from kubemetrics.testing.apiserver import Refusal, RequestInfo, request_info
from kubemetrics.testing.etcd import NODE, POD, Revision, Store, entry_of, indexed
from kubemetrics.testing.event_stream import EventStream
from kubemetrics.testing.paging import list_page

METRICS = "metrics.k8s.io"


def info(path: str, method: str = "GET", **query: str) -> RequestInfo:
    return request_info(method, path, query)


@pytest.mark.parametrize(
    ("found", "verb", "resource", "namespace", "name"),
    [
        (info("/api/v1/pods"), "list", "pods", "", ""),
        (info("/api/v1/namespaces/a/pods/p"), "get", "pods", "a", "p"),
        (info("/api/v1/namespaces/a/pods/p/log"), "get", "pods/log", "a", "p"),
        (info("/api/v1/namespaces/a"), "get", "namespaces", "a", "a"),
        (
            info("/api/v1/namespaces/a/status"),
            "get",
            "namespaces/status",
            "a",
            "a",
        ),
        (info("/apis/apps/v1/deployments", watch="1"), "watch", "deployments", "", ""),
        (info("/api/v1/pods", "DELETE"), "deletecollection", "pods", "", ""),
        (info("/api/v1/nodes/n", "DELETE"), "delete", "nodes", "", "n"),
        (info("/api/v1/nodes", "POST"), "create", "nodes", "", ""),
        (info("/api/v1/nodes", "OPTIONS"), "options", "nodes", "", ""),
        (info("/version"), "get", "", "", ""),
        (info("/apis/apps/v1", "POST"), "post", "", "", ""),
    ],
)
def test_a_path_says_what_a_request_is_about(
    found: RequestInfo, verb: str, resource: str, namespace: str, name: str
) -> None:
    assert (found.verb, found.full_resource) == (verb, resource)
    assert (found.namespace, found.name) == (namespace, name)


def test_a_version_stands_behind_its_group() -> None:
    assert info("/api/v1/pods").group_version == "v1"
    assert info("/apis/apps/v1/deployments").group_version == "apps/v1"


SAMPLES = f"/apis/{METRICS}/v1beta1"
POD_SAMPLE = info(f"{SAMPLES}/namespaces/a/pods/p")


@pytest.mark.parametrize(
    ("refusal", "code", "message"),
    [
        (apiserver.unauthorized(), 401, "Unauthorized"),
        (apiserver.method_not_allowed(), 405, "the server does not allow this method"),
        (
            apiserver.forbidden("eve", info("/metrics")),
            403,
            'forbidden: User "eve" cannot get path "/metrics"',
        ),
        (
            apiserver.forbidden("eve", POD_SAMPLE),
            403,
            f'pods.{METRICS} "p" is forbidden: User "eve" cannot get resource "pods"',
        ),
        (
            apiserver.sample_not_found(POD_SAMPLE, "PodMetrics", "Running"),
            404,
            f'podmetrics.{METRICS} "a/p" not found',
        ),
        (
            apiserver.sample_not_found(POD_SAMPLE, "PodMetrics", "Pending"),
            404,
            'pods "p" not found',
        ),
        (
            apiserver.sample_not_found(info(f"{SAMPLES}/nodes/n"), "NodeMetrics", ""),
            404,
            f'nodemetrics.{METRICS} "n" not found',
        ),
        (
            apiserver.sample_not_found(info(f"{SAMPLES}/nodes/n"), "NodeMetrics", None),
            404,
            'node "n" not found',
        ),
    ],
)
def test_a_refusal_is_in_the_servers_words(
    refusal: Refusal, code: int, message: str
) -> None:
    assert refusal.code == code
    assert refusal.status["message"].startswith(message)


def a_pod(name: str, namespace: str = "a", **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


@pytest.fixture
def store() -> Store:
    listed = [("p", "a"), ("q", "a"), ("r", "b")]
    made = (entry_of(a_pod(name, space), at) for at, (name, space) in enumerate(listed))
    return Store(Revision(10, oldest=5), list(made))


def names(store: Store, namespace: str = "", **query: str) -> list[str]:
    return [entry.name for entry in list_page(store, query, namespace, None).entries]


def token(store: Store, **query: str) -> str:
    page = list_page(store, query, "", None)
    found: str = page.metadata["continue"]
    return found


def test_pages_show_one_moment(store: Store) -> None:
    following = token(store, limit="2")
    store.delete("a", "q")
    store.apply(a_pod("s", "b"))
    assert names(store, limit="2", **{"continue": following}) == ["r"]
    assert names(store) == ["p", "r", "s"]
    assert names(store, "a") == ["p"]
    assert names(store, resourceVersion="10") == ["p", "r", "s"]
    exact = {"resourceVersion": "10", "resourceVersionMatch": "Exact"}
    assert names(store, **exact) == ["p", "q", "r"]
    assert names(store, limit="1", resourceVersion="0") == ["p", "r", "s"]


def test_a_namespace_that_starts_like_another_is_not_it() -> None:
    store = Store(Revision(1), [entry_of(a_pod("x", n), 1) for n in ("a", "a-b", "b")])
    assert names(store, "a") == ["x"]
    assert names(store, limit="-1") == ["x", "x", "x"]


def test_what_has_no_namespace_has_pages_too() -> None:
    listed = [indexed({"metadata": {"name": name}}, b"{}") for name in "mno"]
    store = Store(Revision(1), listed)
    assert len(store) == 3
    following = token(store, limit="1")
    assert names(store, **{"continue": following}) == ["n", "o"]


def test_a_selection_says_no_number_of_what_remains(store: Store) -> None:
    page = list_page(store, {"limit": "1"}, "", lambda entry: entry.namespace == "a")
    assert "remainingItemCount" not in page.metadata
    assert (
        list_page(store, {"limit": "1"}, "", None).metadata["remainingItemCount"] == 2
    )


def test_a_moment_that_is_forgotten_is_gone(store: Store) -> None:
    following = token(store, limit="1")
    store.revision.compact()
    store.forget()
    with pytest.raises(Refusal) as gone:
        names(store, **{"continue": following})
    assert gone.value.code == 410
    fresh = gone.value.status["metadata"]["continue"]
    assert names(store, **{"continue": fresh}) == ["q", "r"]
    with pytest.raises(Refusal, match="too old"):
        names(store, resourceVersion="10", resourceVersionMatch="Exact")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"resourceVersion": "99"}, 504),
        ({"continue": "!!"}, 400),
        ({"continue": "e30"}, 400),
        ({"continue": "_w"}, 400),
        ({"continue": "e30", "resourceVersion": "3"}, 400),
        ({"resourceVersion": "abc"}, 400),
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"limit": "x"}, 400),
    ],
)
def test_a_query_that_is_wrong_is_refused(
    store: Store, query: Mapping[str, str], code: int
) -> None:
    with pytest.raises(Refusal) as refused:
        list_page(store, query, "", None)
    assert refused.value.code == code


def watched(store: Store, namespace: str = "", **query: str) -> list[str]:
    """Return the lines of a watch that ends at once: type and name or revision."""
    query.setdefault("timeoutSeconds", "0")
    kind = NODE if namespace == "nodes" else POD
    stream = EventStream(
        store,
        kind,
        query,
        namespace="" if kind is NODE else namespace,
        test=None,
        bookmark_seconds=0,
    )
    events = [json.loads(line) for line in stream.run() if line]
    return [f"{e['type']} {e['object']['metadata'].get('name', '')}" for e in events]


def test_a_watch_from_nowhere_begins_with_what_there_is(store: Store) -> None:
    assert watched(store, "a") == ["ADDED p", "ADDED q"]
    book = {"allowWatchBookmarks": "true", "sendInitialEvents": "true"}
    assert watched(store, **book) == ["ADDED p", "ADDED q", "ADDED r", "BOOKMARK "]


def test_a_watch_begins_with_what_its_selector_chooses(store: Store) -> None:
    stream = EventStream(
        store,
        POD,
        {"timeoutSeconds": "0"},
        namespace="",
        test=lambda entry: entry.name == "q",
    )
    (line,) = filter(None, stream.run())
    assert json.loads(line)["object"]["metadata"]["name"] == "q"


def test_a_watch_goes_on_from_a_revision(store: Store) -> None:
    store.apply(a_pod("s"))
    store.delete("a", "p")
    assert watched(store, resourceVersion="10") == ["ADDED s", "DELETED p"]
    assert watched(store, "b", resourceVersion="10") == []
    book = {"allowWatchBookmarks": "1", "resourceVersion": "11"}
    assert watched(store, "nodes", **book) == ["DELETED p", "BOOKMARK "]


def test_a_watch_sends_bookmarks_while_nothing_happens(store: Store) -> None:
    query = {"allowWatchBookmarks": "true", "resourceVersion": "10"}
    stream = EventStream(
        store, POD, query, namespace="", test=None, bookmark_seconds=0
    ).run()
    assert json.loads(next(stream))["type"] == "BOOKMARK"
    assert next(stream) == b""
    store.apply(a_pod("s"))
    assert json.loads(next(stream))["object"]["metadata"]["name"] == "s"


@pytest.mark.parametrize("forget", [Revision.compact, None], ids=["before", "while"])
def test_a_watch_of_a_forgotten_moment_ends(
    store: Store, forget: Callable[[Revision], None] | None
) -> None:
    stream = EventStream(
        store, POD, {"resourceVersion": "10"}, namespace="", test=None
    ).run()
    if forget is None:
        assert next(stream) == b""
        store.apply(a_pod("s"))
        store.forget()
    else:
        forget(store.revision)
    event = json.loads(next(stream))
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert list(stream) == []


@pytest.mark.parametrize(("version", "code"), [("abc", 400), ("99", 504)])
def test_a_watch_from_a_wrong_revision_is_refused(
    store: Store, version: str, code: int
) -> None:
    with pytest.raises(Refusal) as refused:
        EventStream(store, POD, {"resourceVersion": version}, namespace="", test=None)
    assert refused.value.code == code


def test_a_watch_ends_with_its_server(store: Store) -> None:
    stream = EventStream(
        store,
        POD,
        {"resourceVersion": "10"},
        namespace="",
        test=None,
        lives=lambda: False,
    )
    assert list(stream.run()) == []
