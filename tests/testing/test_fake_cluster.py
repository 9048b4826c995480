"""The fake cluster: what it holds is what both clients and the command read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import anyio
import pytest

from kubemetrics import (
    AsyncClient,
    Client,
    Forbidden,
    KubeMetricsError,
    MetricsUnavailable,
    NotFound,
    TransportError,
    testing,
)
from kubemetrics.cli import main
from kubemetrics.errors import BadRequest
from kubemetrics.testing import (
    FakeCluster,
    FakeObject,
    container,
    node,
    pod,
)
from kubemetrics.testing.pytest_plugin import fake_cluster  # noqa: F401 - a fixture
from tests.snapshot.recorded import body

HPAS = "/apis/autoscaling/v2/horizontalpodautoscalers"


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    pods = [
        pod("web-0", cpu="250m", memory="1Gi", limits={"memory": "2Gi"}),
        pod("db-0", "data", cpu=1, memory="3Gi", labels={"app": "db"}, node="node-2"),
        pod("job", "data", phase="Succeeded"),
        pod("bad", "data", phase="Failed"),
        pod("new", "data", phase="Pending", node=""),
    ]
    objects = {HPAS: [{"metadata": {"name": "h", "namespace": "data"}}]}
    with FakeCluster(pods, objects=objects) as running:
        yield running


@pytest.fixture
def client(cluster: FakeCluster) -> Iterator[Client]:
    with Client(cluster.config) as made:
        yield made


def test_a_pod_has_the_values_it_was_given(client: Client) -> None:
    row = client.snapshot("default").pods[0]
    assert row.cpu == "250m"
    assert row.memory == "1Gi"
    assert row.memory_limit == "2Gi"
    assert row.ratio("memory", "limits") == 1 / 2
    assert client.get_pod("web-0").node_name == "node-1"
    assert client.get_pod_metrics("web-0").cpu == "250m"


def test_a_pod_that_does_not_run_has_its_reason(client: Client) -> None:
    found = {row.name: row.reason for row in client.snapshot("data").pods}
    codes = {name: reason and reason.code for name, reason in found.items()}
    assert codes == {
        "bad": "Finished",
        "db-0": None,
        "job": "Finished",
        "new": "NotScheduled",
    }


def test_a_node_uses_what_its_pods_use_unless_it_is_given_more(
    client: Client,
) -> None:
    rows = {row.name: row for row in client.snapshot(reconcile=True).nodes}
    assert rows["node-1"].cpu == "250m"
    assert rows["node-2"].memory == "3Gi"
    assert client.get_node("node-2").name == "node-2"
    with FakeCluster(nodes=[node("n", cpu="2", capacity={"cpu": 8})]) as other:
        with Client(other.config) as of_other:
            row = of_other.snapshot().nodes[0]
        assert row.cpu == "2"
        assert row.capacity["cpu"] == 8


def test_containers_are_measured_each_for_itself() -> None:
    held = {
        "app": container(cpu="1", restarts=2),
        "idle": container(requests={"cpu": "1"}),
    }
    found = pod("a", containers=held)
    with FakeCluster([found]) as cluster, Client(cluster.config) as client:
        row = client.snapshot().pods[0]
    assert row.missing == ("idle",)
    assert row.pod is not None
    assert [c.restarts for c in row.pod.containers] == [2, 0]


def test_an_owner_is_that_of_the_view() -> None:
    found = pod("web-0", owner=("StatefulSet", "web"))
    with FakeCluster([found]) as cluster, Client(cluster.config) as client:
        reference = client.list_pods()[0].owner
    assert reference is not None
    assert (reference.kind, reference.name) == ("StatefulSet", "web")


def test_a_wrong_amount_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="not a quantity: '1 GB'"):
        pod("a", memory="1 GB")


def test_lists_are_narrowed_and_paged(client: Client, cluster: FakeCluster) -> None:
    assert [p.name for p in client.list_pods(label_selector="app=db")] == ["db-0"]
    fields = "spec.nodeName=node-2,metadata.namespace=data"
    assert [p.name for p in client.list_pods(field_selector=fields)] == ["db-0"]
    assert [len(page) for page in client.iter_pods(chunk_size=2)] == [2, 2, 1]
    assert len(client.list_pod_metrics("data")) == 1
    assert len(client.list_nodes()) == 2
    assert cluster.paths[0] == "/api/v1/pods"
    names = client.iter_objects("/api/v1/namespaces")
    assert [found["metadata"]["name"] for found in names] == ["data", "default"]


def test_other_lists_are_those_given(client: Client) -> None:
    assert [found["metadata"]["name"] for found in client.iter_objects(HPAS)] == ["h"]
    assert list(client.iter_objects(HPAS, namespace="elsewhere")) == []
    with pytest.raises(NotFound):
        list(client.iter_objects("/apis/batch/v1/jobs"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get_pod("nobody"),
        lambda client: client.get_pod_metrics("nobody"),
        lambda client: client.get_node_metrics("nobody"),
        lambda client: client.get_raw("/api/v1/secrets"),
        lambda client: client.get_raw("/apis/metrics.k8s.io/v1beta1/things"),
    ],
    ids=["pod", "sample", "node's sample", "resource", "measured resource"],
)
def test_what_is_not_there_is_not_found(
    client: Client, ask: Callable[[Client], object]
) -> None:
    with pytest.raises(NotFound):
        ask(client)


def test_samples_cannot_be_watched(cluster: FakeCluster) -> None:
    url = f"{cluster.url}/apis/metrics.k8s.io/v1beta1/pods?watch=1"
    with pytest.raises(HTTPError, match="405"), urlopen(url):  # noqa: S310 - loopback
        pass


def plain(value: object) -> Any:  # noqa: ANN401 - what no type checker would let pass
    return value


@pytest.mark.parametrize(
    ("made", "error", "says"),
    [
        (
            lambda: FakeCluster(objects={"/api/v1/pods": []}),
            ValueError,
            "/api/v1/pods is what pods= and nodes= are given for",
        ),
        (
            lambda: FakeCluster(objects={"batch/v1/jobs": []}),
            ValueError,
            "'batch/v1/jobs' is no list's: /apis/GROUP/VERSION/RESOURCE is",
        ),
        (
            lambda: FakeCluster(plain([{"metadata": {"name": "a"}}])),
            TypeError,
            "takes pod(…), node(…) or FakeObject(obj=…, usage=…), not dict",
        ),
        (
            lambda: FakeCluster.recorded("/nowhere"),
            NotADirectoryError,
            "/nowhere is no folder of recorded lists",
        ),
        (lambda: pod("a", phase="running"), ValueError, "no phase 'running': there"),
        (
            lambda: pod("a", cpu=1, containers={"c": container()}),
            ValueError,
            "pod a: each of its containers has its own amounts",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    made: Callable[[], object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=re.escape(says)):
        made()


def test_a_pod_of_which_one_amount_is_given_has_both() -> None:
    """metrics-server's samples have both, always."""
    held = [pod("a", memory="1Gi"), pod("b", cpu="1")]
    with FakeCluster(held) as cluster, Client(cluster.config) as client:
        rows = client.snapshot().pods
    assert [str(row.cpu) for row in rows] == ["0", "1"]
    assert [str(row.memory) for row in rows] == ["1Gi", "0"]
    assert [row.reason for row in rows] == [None, None]


def test_a_node_comes_as_a_pod_does(client: Client, cluster: FakeCluster) -> None:
    cluster.apply(node("node-1", cpu="2", ready=False))
    cluster.apply(node("node-3"))
    rows = {row.name: row for row in client.snapshot(reconcile=True).nodes}
    assert rows["node-1"].cpu == 2
    assert not rows["node-1"].ready
    assert len(rows) == 3
    assert len(client.list_pods()) == 5


def test_a_wrong_selector_is_refused(client: Client) -> None:
    with pytest.raises(BadRequest, match="unable to parse requirement"):
        client.list_pods(label_selector="a in b")


@pytest.mark.parametrize(
    ("state", "error", "code"),
    [
        ("absent", MetricsUnavailable, "ApiAbsent"),
        ("down", MetricsUnavailable, "ApiDown"),
        ("forbidden", Forbidden, "Forbidden"),
    ],
)
def test_a_state_is_the_metrics_apis(
    client: Client,
    cluster: FakeCluster,
    state: Any,  # noqa: ANN401 - a Literal
    error: type[KubeMetricsError],
    code: str,
) -> None:
    cluster.state = state
    with pytest.raises(error):
        client.list_pod_metrics()
    reason = client.snapshot("default").pods[0].reason
    assert reason is not None
    assert reason.code == code


def test_one_that_warms_up_has_no_sample_yet(
    client: Client, cluster: FakeCluster
) -> None:
    assert cluster.state == "healthy"
    cluster.state = "warming"
    assert len(client.list_pod_metrics()) == 0
    assert client.snapshot().warming


def test_a_state_that_there_is_not_is_refused(cluster: FakeCluster) -> None:
    state: Any = "sick"
    with pytest.raises(ValueError, match="no state 'sick': there are healthy, absent"):
        cluster.state = state


def test_time_stands_still_until_it_is_told(
    client: Client, cluster: FakeCluster
) -> None:
    first = client.get_pod_metrics("web-0").timestamp
    assert client.get_pod_metrics("web-0").timestamp == first
    cluster.tick(60)
    second = client.get_pod_metrics("web-0").timestamp
    assert first is not None
    assert second is not None
    assert (second - first).total_seconds() == 75
    assert client.snapshot().date == cluster.now


def test_a_watch_sees_what_happens(client: Client, cluster: FakeCluster) -> None:
    with client.watch_pods("default") as events:
        assert next(events).type == "ADDED"
        cluster.apply(pod("elsewhere", "data"))
        cluster.oom_kill("web-0")
        killed = next(events)
        ended = killed.object.containers[0].last_termination
        assert ended is not None
        assert (killed.type, ended.reason, ended.exit_code) == (
            "MODIFIED",
            "OOMKilled",
            137,
        )
        cluster.apply(pod("late", cpu="1"))
        assert next(events).object.name == "late"
        cluster.delete("late")
        assert next(events).type == "DELETED"
    assert client.get_pod("web-0").containers[0].restarts == 1


def test_a_change_is_named_by_what_a_watch_sees(cluster: FakeCluster) -> None:
    """Both clients name it for themselves, as they must after a new list."""
    start = f"{cluster.url}/api/v1/pods?watch=1&timeoutSeconds=0"
    with urlopen(f"{cluster.url}/api/v1/pods") as answer:  # noqa: S310 - loopback
        version = json.load(answer)["metadata"]["resourceVersion"]
    for app in ("other", "db", "db", "other", "other"):
        cluster.apply(pod("db-1", "data", labels={"app": app}))
    query = f"&resourceVersion={version}&labelSelector=app%3Ddb"
    with urlopen(start + query) as answer:  # noqa: S310 - loopback
        events = [json.loads(line) for line in answer]
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_loses_a_pod_that_its_selector_no_longer_chooses(
    client: Client, cluster: FakeCluster
) -> None:
    with client.watch_pods(label_selector="app=db") as events:
        assert next(events).object.name == "db-0"
        cluster.apply(pod("db-0", "data", labels={"app": "old"}))
        assert next(events).type == "DELETED"


@pytest.mark.parametrize(
    "change",
    [
        lambda cluster: cluster.delete("nobody"),
        lambda cluster: cluster.oom_kill("nobody"),
        lambda cluster: cluster.oom_kill("web-0", container="nobody"),
    ],
    ids=["delete", "kill", "kill a container"],
)
def test_what_is_not_there_cannot_change(
    cluster: FakeCluster, change: Callable[[FakeCluster], None]
) -> None:
    with pytest.raises(KeyError, match="nobody"):
        change(cluster)


def test_the_awaiting_client_reads_and_watches_it(cluster: FakeCluster) -> None:
    async def script() -> list[str]:
        async with AsyncClient(cluster.config) as client:
            found = [sample.name for sample in await client.list_pod_metrics()]
            async with client.watch_pods("default") as events:
                found.append((await anext(events)).object.name)
            return found

    for backend in ("asyncio", "trio"):
        assert anyio.run(script, backend=backend) == ["db-0", "web-0", "web-0"]


def test_the_command_works_with_its_kubeconfig(
    cluster: FakeCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(cluster.kubeconfig(tmp_path / "config"))
    assert main(["top", "pods", "--kubeconfig", config]) == 0
    assert "web-0   250m         1024Mi" in capsys.readouterr().out
    main(["doctor", "--kubeconfig", config])
    assert "PROBLEM" not in capsys.readouterr().out


def test_a_recorded_cluster_is_as_it_was(tmp_path: Path) -> None:
    for name, recorded in {
        "pods.json": "pods-all",
        "nodes.json": "nodes",
        "podmetrics.json": "podmetrics-all",
        "nodemetrics.json": "nodemetrics",
    }.items():
        (tmp_path / name).write_bytes(body(recorded))
    with (
        FakeCluster.recorded(tmp_path) as cluster,
        Client(cluster.config) as client,
    ):
        snapshot = client.snapshot()
    assert len(snapshot.pods) == 100
    assert sum(row.usage is not None for row in snapshot.pods) == 81
    assert len(snapshot.nodes) == 10


def test_a_folder_with_nothing_in_it_is_an_empty_cluster(tmp_path: Path) -> None:
    with (
        FakeCluster.recorded(tmp_path) as cluster,
        Client(cluster.config) as client,
    ):
        assert len(client.list_pods()) == 0


def test_it_is_served_within_its_block_only() -> None:
    cluster = FakeCluster([pod("a")])
    with pytest.raises(RuntimeError, match="use it in a 'with'"):
        _ = cluster.url
    with cluster:
        config = cluster.config
        with urlopen(f"{cluster.url}/healthz") as answer:  # noqa: S310 - loopback
            assert answer.read() == b"ok"
            date = datetime.strptime(
                answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT"
            ).replace(tzinfo=UTC)
            assert date == cluster.now
    cluster.close()
    with Client(config) as client, pytest.raises(TransportError):
        client.list_pods(timeout=1)


def test_the_fixture_is_a_cluster(fake_cluster: FakeCluster) -> None:  # noqa: F811
    fake_cluster.apply(FakeObject(obj=pod("a").obj, usage={}))
    with Client(fake_cluster.config) as client:
        assert len(client.list_pods()) == 1


def test_pytest_knows_the_fixture_by_its_entry_point(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_it(fake_cluster):\n    assert fake_cluster.url\n", "utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_plugin_costs_others_nothing() -> None:
    """Neither the clients nor a server is imported for it."""
    probe = (
        "import sys; before = set(sys.modules);"
        "import kubemetrics.testing.pytest_plugin;"
        "print([m for m in set(sys.modules) - before if m.startswith('kubemetrics')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import pytest; {probe}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(json.loads(done.stdout.replace("'", '"'))) == [
        "kubemetrics",
        "kubemetrics.testing",
        "kubemetrics.testing.pytest_plugin",
    ]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="FakeCluser"):
        getattr(testing, "FakeCluser")  # noqa: B009 - a misspelling, on purpose
