"""Lists of any kind, untyped; and namespaces without a keyword."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from kubemetrics import (
    AsyncClient,
    Client,
    Config,
    DecodeError,
    Expired,
    Forbidden,
    NotFound,
    TransportError,
    load_config,
)
from kubemetrics.api import RetryPolicy
from kubemetrics.errors import BadRequest
from tests.cluster import Cluster, faults
from tests.leftovers import kept

PODS = "/api/v1/pods"
JOBS = "/apis/batch/v1/jobs"
QUICK = RetryPolicy(first_wait=0.01, random=lambda: 0.0)
DRIVERS = pytest.mark.parametrize("driver", ["sync", "asyncio", "trio"])


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    with kept(), Cluster.recorded() as found:
        yield found


@pytest.fixture
def cluster(shared: Cluster) -> Iterator[Cluster]:
    yield shared
    shared.faults.clear()
    shared.forget_requests()


@pytest.fixture
def config(cluster: Cluster) -> Config:
    return load_config(str(cluster.kubeconfig("admin")))


def objects(
    driver: str,
    config: Config,
    path: str,
    **options: Any,  # noqa: ANN401
) -> list[dict[str, Any]]:
    if driver == "sync":
        with Client(config, retry=QUICK) as client:
            return list(client.iter_objects(path, **options))

    async def main() -> list[dict[str, Any]]:
        async with AsyncClient(config, retry=QUICK) as client:
            return [found async for found in client.iter_objects(path, **options)]

    return anyio.run(main, backend=driver)


@DRIVERS
def test_every_page_is_read(cluster: Cluster, config: Config, driver: str) -> None:
    found = objects(driver, config, PODS, chunk_size=30)
    assert len(found) == 100
    assert len(cluster.requests) == 4
    with Client(config) as client:
        names = [(pod.namespace, pod.name) for pod in client.list_pods()]
    assert [(f["metadata"]["namespace"], f["metadata"]["name"]) for f in found] == names
    assert {(f["apiVersion"], f["kind"]) for f in found} == {("v1", "Pod")}
    json.dumps(found)


def test_a_large_body_is_read_as_a_small_one(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With msgspec, as from a MiB on, and without."""
    small = objects("sync", config, PODS)
    monkeypatch.setattr("kubemetrics.wire._LARGE", 0)
    assert objects("sync", config, PODS) == small


def test_it_is_narrowed_by_namespace_and_selector(
    cluster: Cluster, config: Config
) -> None:
    found = objects("sync", config, PODS, namespace="team-a", label_selector="app")
    asked = cluster.requests[0]
    assert asked.path == "/api/v1/namespaces/team-a/pods"
    assert asked.query["labelSelector"] == "app"
    assert {f["metadata"]["namespace"] for f in found} <= {"team-a"}
    objects("sync", config, "/api/v1/namespaces/team-a/pods")
    assert cluster.requests[-1].path == "/api/v1/namespaces/team-a/pods"


def test_samples_are_objects_too(config: Config) -> None:
    found = objects("sync", config, "/apis/metrics.k8s.io/v1beta1/nodes")
    assert {f["kind"] for f in found} == {"NodeMetrics"}
    assert "usage" in found[0]


def test_an_empty_list_has_no_objects(config: Config) -> None:
    assert objects("sync", config, JOBS) == []


@DRIVERS
def test_what_passes_is_tried_again(
    cluster: Cluster, config: Config, driver: str
) -> None:
    cluster.faults.add(faults.text(503, "later"), path=PODS, first=1)
    assert len(objects(driver, config, PODS)) == 100
    assert [seen.status for seen in cluster.requests] == [503, 200]


def body(text: str) -> Callable[[Cluster], object]:
    fault = faults.answer(200, text.encode(), "application/json")
    return lambda cluster: cluster.faults.add(fault, path=PODS)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (
            lambda c: c.faults.add(faults.api_error(403, "Forbidden", "no"), path=PODS),
            Forbidden,
            "no",
        ),
        (
            lambda c: c.faults.add(faults.api_error(410, "Expired", "old"), path=PODS),
            Expired,
            "old",
        ),
        (body('{"kind": "Pod", "metadata": {}}'), DecodeError, 'a list, got "Pod"'),
        (body("{}"), DecodeError, "expected a list, got none"),
        (body('{"kind": "List", "items": [1]}'), DecodeError, r"items\[0\]"),
        (body("<html>"), DecodeError, "a web page instead"),
    ],
    ids=["forbidden", "expired", "one object", "no list", "no object", "page"],
)
@DRIVERS
def test_what_lasts_is_an_error(
    cluster: Cluster,
    config: Config,
    driver: str,
    fault: Callable[[Cluster], object],
    error: type[Exception],
    says: str,
) -> None:
    fault(cluster)
    with pytest.raises(error, match=says):
        objects(driver, config, PODS)


def test_it_has_a_deadline(cluster: Cluster, config: Config) -> None:
    cluster.faults.add(faults.silence(), path=PODS)
    with pytest.raises(TransportError, match=r"0\.2"):
        objects("sync", config, PODS, timeout=0.2)


@pytest.mark.parametrize(
    ("path", "options", "says"),
    [
        ("api/v1/pods", {}, "not a path on the server"),
        ("//api/v1/pods", {}, "not a path on the server"),
        (f"{PODS}?limit=1", {}, "a list's path has no query"),
        ("/api/v1/namespaces/a/pods", {"namespace": "b"}, "names a namespace already"),
        (PODS, {"namespace": "a/b"}, "invalid resource name"),
    ],
)
def test_a_path_that_is_none_is_refused(
    config: Config,
    path: str,
    options: dict[str, Any],
    says: str,
) -> None:
    with pytest.raises(BadRequest, match=says):
        objects("sync", config, path, **options)


def test_a_path_that_is_not_served_is_not_found(config: Config) -> None:
    with pytest.raises(NotFound):
        objects("sync", config, "/apis/example.org/v1/things")


def test_an_unknown_keyword_is_refused(config: Config) -> None:
    with pytest.raises(TypeError, match="unexpected keyword 'namespaces'"):
        objects("sync", config, PODS, namespaces="a")


def test_numbers_are_those_of_json(cluster: Cluster, config: Config) -> None:
    long = "1" * 5000
    body('{"kind":"List","items":[{"a":1.5,"b":[2.0,{"c":1e3}],"n":' + long + "}]}")(
        cluster
    )
    (found,) = objects("sync", config, PODS)
    assert (found["a"], found["b"]) == (1.5, [2.0, {"c": 1000.0}])
    assert {type(found["a"]), type(found["b"][0]), type(found["n"])} == {float}


# a namespace without its keyword

READS: dict[str, Callable[[Client, Any], Any]] = {
    "list_pods": lambda client, names: client.list_pods(*names),
    "list_pod_metrics": lambda client, names: client.list_pod_metrics(*names),
    "iter_pods": lambda client, names: next(client.iter_pods(*names)),
    "snapshot": lambda client, names: client.snapshot(*names).pods,
}


@pytest.mark.parametrize("read", READS)
def test_a_namespace_needs_no_keyword(config: Config, read: str) -> None:
    with Client(config) as client:
        found = READS[read](client, ["team-a"])
    assert {item.namespace for item in found} == {"team-a"}


def test_a_watch_needs_none(config: Config) -> None:
    with Client(config) as client, client.watch_pods("team-a") as events:
        assert next(events).object.namespace == "team-a"


def test_the_asynchronous_client_needs_none(config: Config) -> None:
    async def main() -> set[str]:
        async with AsyncClient(config) as client:
            pods, samples = (
                await client.list_pods("team-a"),
                await client.list_pod_metrics("team-a"),
            )
            rows = (await client.snapshot("team-a")).pods
            pages = [page async for page in client.iter_pods("team-a")]
            async with client.watch_pods("team-a") as events:
                event = await anext(aiter(events))
            found: list[Any] = [*pods, *samples, *rows, *pages[0], event.object]
            return {one.namespace for one in found}

    assert anyio.run(main) == {"team-a"}


def test_a_snapshot_takes_several(config: Config) -> None:
    with Client(config) as client:
        found = client.snapshot("team-a", "team-b").pods
    assert {row.namespace for row in found} == {"team-a", "team-b"}


def test_a_list_takes_one(config: Config) -> None:
    with (
        Client(config) as client,
        pytest.raises(TypeError, match=r"not 2: snapshot\(\) takes several"),
    ):
        client.list_pods("team-a", "team-b")


@pytest.mark.parametrize("read", ["list_pods", "snapshot"])
def test_a_namespace_is_given_once(config: Config, read: str) -> None:
    with Client(config) as client, pytest.raises(TypeError, match="given twice"):
        getattr(client, read)("team-a", namespace="team-b")
