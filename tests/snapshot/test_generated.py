"""Generated clusters, whose ledger knows the truth, read by the real client."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubemetrics.client.sync import Client
from kubemetrics.config.resolve import load_config
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import Snapshot, container_rows, rollup, summed
from tests.cluster import Amount, Cluster, Generated

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
SETTLED = {"finished", "waiting"}


def take(cluster: Cluster) -> Snapshot:
    config = load_config(str(cluster.kubeconfig("viewer")))
    with Client(config) as client:
        return client.snapshot(reconcile=True)


def amounts(amount: Amount) -> dict[str, Quantity]:
    return {"cpu": Quantity.from_nanos(amount.cpu), "memory": Quantity(amount.memory)}


@pytest.mark.parametrize("seed", range(5))
def test_a_snapshot_says_what_the_ledger_knows(seed: int) -> None:
    wanted = Generated(nodes=9, pods=250, seed=seed)
    with Cluster.generated(wanted, now=NOW) as cluster:
        snapshot, truth = take(cluster), cluster.ledger
    rows = {row.key: row for row in snapshot.pods}
    assert rows.keys() == truth.all_pods
    reasons = {key: row.reason.code for key, row in rows.items() if row.reason}
    assert reasons == dict(truth.missing)
    assert {key for key, row in rows.items() if row.partial} == truth.partial
    assert {row.name for row in snapshot.nodes if row.reason} == truth.silent
    used = {key: dict(row.usage) for key, row in rows.items() if row.usage}
    assert used == {key: amounts(amount) for key, amount in truth.pods.items()}
    assert summed(snapshot.pods).usage == amounts(truth.total)
    assert summed(container_rows(snapshot.pods)).usage == amounts(truth.total)
    by_namespace = rollup(snapshot.pods, ["namespace"])
    assert {g.key[0].value: dict(g.usage) for g in by_namespace if g.usage} == {
        name: amounts(amount) for name, amount in truth.by_namespace().items()
    }


@pytest.mark.parametrize("seed", range(5))
def test_every_node_of_a_cluster_is_reconciled(seed: int) -> None:
    wanted = Generated(nodes=9, pods=250, seed=seed)
    with Cluster.generated(wanted, now=NOW) as cluster:
        snapshot, truth = take(cluster), cluster.ledger
    for row in snapshot.nodes:
        assert row.breakdown is not None
        here = [pod for pod in snapshot.pods if pod.node_name == row.name]
        assert row.breakdown.pod_count == sum(pod.state != "finished" for pod in here)
        assert row.breakdown.demand == summed(here).demand
        if row.usage is None:
            assert row.breakdown.rest is None
            continue
        assert row.usage == amounts(truth.nodes[row.name])
        whole = row.breakdown.rest_name == "system"
        lacking = [
            pod
            for pod in here
            if pod.partial or (pod.usage is None and pod.state not in SETTLED)
        ]
        assert whole == (not lacking)
        for resource, rest in (row.breakdown.rest or {}).items():
            pods = row.breakdown.pods_usage.get(resource, Quantity(0))
            assert rest == max(row.usage[resource] - pods, Quantity(0))
