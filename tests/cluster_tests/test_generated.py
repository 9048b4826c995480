"""Generated clusters are what their ledger says, and as heavy as real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cluster import Cluster, Generated
from tests.cluster.clock import rfc3339
from tests.cluster.generator import generate
from tests.cluster.generator.usage import cpu_text, memory_text
from tests.cluster.quantities import nanocores, whole_bytes

from .client import get
from .kubectl import kubectl, needs_kubectl

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
REASONS = {
    "Finished",
    "NotScheduled",
    "NotStarted",
    "Terminating",
    "NodeSilent",
    "ContainerNotRunning",
    "Restarted",
    "TooYoung",
    "Unreported",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.generated(Generated(nodes=12, pods=300, seed=7)) as running:
        yield running


@pytest.mark.parametrize("seed", range(4))
def test_every_pod_has_a_sample_or_a_reason(seed: int) -> None:
    wanted = Generated(nodes=10, pods=200, seed=seed)
    with Cluster.generated(wanted, now=NOW) as cluster:
        ledger = cluster.ledger
    assert len(ledger.all_pods) == 200
    assert ledger.pods.keys() | ledger.missing.keys() == ledger.all_pods
    assert not ledger.pods.keys() & ledger.missing.keys()
    assert set(ledger.missing.values()) == REASONS
    assert set() < ledger.partial <= ledger.pods.keys()
    assert ledger.silent == ledger.all_nodes - ledger.nodes.keys()


def test_the_same_seed_and_time_give_the_same_bytes() -> None:
    wanted = Generated(nodes=5, pods=60, seed=3)
    one, other = generate(wanted, NOW), generate(wanted, NOW)
    assert list(one.pods) == list(other.pods)
    assert one.pod_samples == other.pod_samples
    assert list(generate(Generated(nodes=5, pods=60, seed=4), NOW).pods) != one.pods


def test_lazy_pods_are_the_same_pods() -> None:
    eager = generate(Generated(nodes=5, pods=60, seed=3), NOW)
    lazy = generate(Generated(nodes=5, pods=60, seed=3, lazy=True), NOW)
    assert list(lazy.pods) == list(eager.pods)


@pytest.mark.parametrize("lazy", [False, True])
def test_unique_pods_share_no_label_and_no_uid(*, lazy: bool) -> None:
    wanted = Generated(nodes=5, pods=60, unique=True, lazy=lazy)
    contents = generate(wanted, NOW)
    marks = {entry.labels["kubemetrics.example/unique"] for entry in contents.pods}
    assert len(marks) == 60
    shown = {entry.load()["metadata"]["uid"] for entry in contents.pods}
    assert marks == shown
    sampled = {s.labels["kubemetrics.example/unique"] for s in contents.pod_samples}
    assert sampled <= marks


def test_pods_weigh_what_real_ones_do(cluster: Cluster) -> None:
    sizes = [len(entry.raw) for entry in cluster.pods.current()]
    assert 10_000 < sum(sizes) / len(sizes) < 14_000


def test_what_is_served_is_what_the_ledger_counts(cluster: Cluster) -> None:
    served = get(cluster, "/apis/metrics.k8s.io/v1beta1/pods").json()["items"]
    usages = [c["usage"] for item in served for c in item["containers"]]
    assert sum(nanocores(u["cpu"]) for u in usages) == cluster.ledger.total.cpu
    assert sum(whole_bytes(u["memory"]) for u in usages) == cluster.ledger.total.memory
    by_namespace = cluster.ledger.by_namespace().values()
    assert sum(amount.cpu for amount in by_namespace) == cluster.ledger.total.cpu


def test_the_clock_of_one_node_can_be_ahead() -> None:
    contents = generate(Generated(nodes=6, pods=60, seed=3, skew=300), NOW)
    late = {s.name for s in contents.node_samples if (s.timestamp or "") > rfc3339(NOW)}
    assert len(late) == 1
    nodes = {e.key: e.fields["spec.nodeName"] for e in contents.pods}
    ahead = {s.key for s in contents.pod_samples if (s.timestamp or "") > rfc3339(NOW)}
    assert {nodes[key] for key in ahead} == late


def test_nodes_use_more_than_their_pods(cluster: Cluster) -> None:
    ledger = cluster.ledger
    used = dict.fromkeys(ledger.nodes, 0)
    for key, amount in ledger.pods.items():
        entry = cluster.pods.get(*key)
        assert entry is not None
        used[entry.fields["spec.nodeName"]] += amount.cpu
    assert all(used[name] < ledger.nodes[name].cpu for name in used)


def test_fields_and_labels_are_those_of_the_object(cluster: Cluster) -> None:
    for entry in cluster.pods.current():
        pod = json.loads(entry.raw)
        assert pod["metadata"]["labels"] == entry.labels
        assert pod["status"]["phase"] == entry.fields["status.phase"]
        assert pod["spec"].get("nodeName", "") == entry.fields["spec.nodeName"]
        assert int(pod["metadata"]["resourceVersion"]) == entry.revision


@given(st.integers(0, 10**13), st.randoms())
def test_cpu_is_written_exactly(nanocores_: int, rng: Random) -> None:
    assert nanocores(cpu_text(nanocores_, rng)) == nanocores_


@given(st.integers(0, 2**40), st.randoms())
def test_memory_is_written_exactly(kibibytes: int, rng: Random) -> None:
    size = kibibytes << 10
    assert whole_bytes(memory_text(size, rng)) == size


@needs_kubectl
def test_kubectl_sums_a_generated_cluster_to_the_ledger(cluster: Cluster) -> None:
    run = kubectl(cluster, "top", "pods", "-A", "--no-headers")
    assert run.code == 0
    rows = [line.split() for line in run.stdout.splitlines()]
    ledger = cluster.ledger.pods
    assert {(row[0], row[1]) for row in rows} == ledger.keys()
    for namespace, name, cpu, memory in rows:
        amount = ledger[namespace, name]
        assert cpu == f"{-(-amount.cpu // 1_000_000)}m"
        assert memory == f"{amount.memory >> 20}Mi"


@needs_kubectl
def test_kubectl_describes_every_generated_node(cluster: Cluster) -> None:
    run = kubectl(cluster, "describe", "nodes", user="admin")
    assert (run.code, run.stderr) == (0, "")
    assert run.stdout.count("Non-terminated Pods:") == 12
    assert "(invalid" not in run.stdout
