"""Every public read of the library."""

from __future__ import annotations

import json

import pytest

from kubemetrics import (
    AsyncClient,
    Client,
    Config,
    Forbidden,
    NotFound,
    Pod,
    Quantity,
    ResourceList,
)

from .conftest import may


@pytest.fixture(scope="session")
def pods(client: Client, namespace: str | None) -> ResourceList[Pod]:
    listed = client.list_pods(namespace=namespace)
    if not listed:
        pytest.skip("there is no pod to look at")
    return listed


def test_the_pages_of_a_list_add_up_to_the_whole(
    client: Client, namespace: str | None
) -> None:
    whole = client.list_pods(namespace=namespace, chunk_size=0)
    paged = client.list_pods(namespace=namespace, chunk_size=max(7, len(whole) // 20))
    assert [p.key for p in paged] == sorted(p.key for p in paged)
    if paged.resource_version == whole.resource_version:
        assert list(paged) == list(whole)


def test_pages_one_by_one_are_the_list(
    client: Client, namespace: str | None, pods: ResourceList[Pod]
) -> None:
    size = max(20, len(pods) // 20)
    pages = list(client.iter_pods(namespace=namespace, chunk_size=size))
    assert all(len(page) <= size for page in pages)
    assert len({p.key for page in pages for p in page}) == sum(map(len, pages))


def test_a_pod_by_name_is_the_one_of_the_list(
    client: Client, pods: ResourceList[Pod]
) -> None:
    listed = pods[0]
    got = may(lambda: client.get_pod(listed.name, listed.namespace))
    assert (got.uid, got.containers[0].name) == (
        listed.uid,
        listed.containers[0].name,
    )


def test_selectors_select(client: Client, pods: ResourceList[Pod]) -> None:
    some = next((p for p in pods if p.labels), None)
    if some is None:
        pytest.skip("no pod has a label")
    key, value = next(iter(some.labels.items()))
    labelled = client.list_pods(
        namespace=some.namespace, label_selector=f"{key}={value}"
    )
    named = client.list_pods(
        namespace=some.namespace, field_selector=f"metadata.name={some.name}"
    )
    assert all(p.labels[key] == value for p in labelled)
    assert some.key in {p.key for p in labelled}
    assert [p.key for p in named] in ([some.key], [])


def test_nodes_are_read_whole_and_by_name(client: Client) -> None:
    nodes = may(client.list_nodes)
    assert nodes
    for node in nodes:
        assert node.allocatable["cpu"] > Quantity(0)
        assert node.info.kubelet_version
    assert may(lambda: client.get_node(nodes[0].name)).name == nodes[0].name


def test_samples_have_names_times_and_amounts(
    client: Client, namespace: str | None
) -> None:
    samples = may(lambda: client.list_pod_metrics(namespace=namespace))
    for sample in samples:
        assert sample.name
        assert sample.timestamp is None or sample.timestamp.tzinfo
        assert all(
            c.cpu is not None and c.cpu >= Quantity(0) for c in sample.containers
        )
    if samples:
        first = samples[0]
        got = may(lambda: client.get_pod_metrics(first.name, first.namespace))
        assert [c.name for c in got.containers] == [c.name for c in first.containers]


def test_node_samples_have_names_and_amounts(client: Client) -> None:
    samples = may(client.list_node_metrics)
    for sample in samples:
        assert sample.cpu is not None
        assert sample.memory is not None
        assert sample.memory > Quantity(0)
    if samples:
        assert may(lambda: client.get_node_metrics(samples[0].name)).cpu is not None


@pytest.mark.parametrize("method", ["get_pod", "get_pod_metrics"])
def test_what_is_not_there_is_not_found(
    client: Client, config: Config, method: str
) -> None:
    with pytest.raises(NotFound) as caught:
        may(lambda: getattr(client, method)("no-such-pod", config.namespace))
    assert "no-such-pod" in str(caught.value)


def test_a_raw_path_gives_the_body(client: Client) -> None:
    version = json.loads(client.get_raw("/version"))
    assert version["major"] == "1"


def test_a_snapshot_has_a_value_or_a_reason_for_every_pod(
    client: Client, namespace: str | None
) -> None:
    snapshot = client.snapshot(namespace=namespace)
    assert snapshot.pods
    for row in snapshot.pods:
        assert (row.usage is None) != (row.reason is None)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_the_async_client_reads_the_same(
    config: Config, client: Client, namespace: str | None
) -> None:
    async with AsyncClient(config) as other:
        pods = await other.list_pods(namespace=namespace)
        assert {p.namespace for p in pods} <= {
            p.namespace for p in client.list_pods(namespace=namespace)
        }
        try:
            samples = await other.list_pod_metrics(namespace=namespace)
        except Forbidden as error:
            pytest.skip(str(error))
        assert {s.name for s in samples} <= {p.name for p in pods} | {
            s.name for s in client.list_pod_metrics(namespace=namespace)
        }
