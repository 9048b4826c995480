"""What a view and a snapshot take, in any combination, gives the rows that it should.

The rows are compared with a plain filter over what the generated cluster knows of
itself: the same rows, the same sums and the same order, in every output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given, settings

from kubemetrics.client.sync import Client
from kubemetrics.config.resolve import load_config
from kubemetrics.models import Quantities
from kubemetrics.snapshot import NodeUsage, PodUsage
from tests.cli.harness import run
from tests.cluster import Cluster
from tests.leftovers import kept

from .asked import Asked, Field, Requirement, Taken
from .commands import commands, snapshots
from .judge import chosen_nodes, chosen_pods, exit_code
from .printed import expected, has_names, printed
from .truth import Cell, Row, Truth, serve, truth_of

COMMANDS, SNAPSHOTS = 80, 40
"""How many to draw for each of the clusters."""


@pytest.fixture(scope="module", params=[3, 7])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with serve(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def truth(cluster: Cluster) -> Truth:
    return truth_of(cluster)


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[Client]:
    config = load_config(str(cluster.kubeconfig("viewer")))
    with Client(config) as opened:
        yield opened


PENDING = (Field("status.phase", equal=True, value="Pending"),)
TWO = ("team-b", "team-a")
ZONES = (Requirement("topology.kubernetes.io/zone", "=", ("eu-west-1a",)),)


@given(asked=commands())
@settings(max_examples=COMMANDS)
@example(asked=Asked(view="pods", namespaces=TWO, fields=PENDING))
@example(asked=Asked(view="pods", namespaces=("*", "team-a"), excluded=("team-a",)))
@example(asked=Asked(view="pods", total=True, columns=("cpu.usage", "name")))
@example(asked=Asked(view="nodes", names=("control-plane-0",) * 2, strict=True))
@example(asked=Asked(view="nodes", labels=ZONES))
def test_a_view_shows_the_rows_that_were_asked_for(
    cluster: Cluster, truth: Truth, asked: Asked
) -> None:
    result = run(cluster, *asked.words)
    if asked.output == "name" and not has_names(asked):
        assert (result.code, result.out) == (2, ""), str(asked)
        return
    assert result.code == exit_code(truth, asked), f"{asked}\n{result.err}"
    assert printed(result.out, truth, asked) == expected(truth, asked), str(asked)


@given(taken=snapshots())
@settings(max_examples=SNAPSHOTS)
@example(taken=Taken(namespaces=TWO, node="worker-004"))
@example(taken=Taken(node_labels=ZONES))
def test_a_snapshot_has_the_rows_that_were_asked_for(
    client: Client, truth: Truth, taken: Taken
) -> None:
    with kept():  # connections, as the client is of all examples
        snapshot = client.snapshot(**taken.options)
    assert not snapshot.failures, str(taken)
    wanted = chosen_pods(truth, taken), chosen_nodes(truth, taken)
    pods = [_pod(row) for row in snapshot.pods]
    assert pods == [_cells(row, _OF_PODS) for row in wanted[0]], str(taken)
    nodes = [_node(row) for row in snapshot.nodes]
    keys = _OF_NODES if taken.reconcile else _OF_NODES[:3]
    assert nodes == [_cells(row, keys) for row in wanted[1]], str(taken)


_OF_PODS = ("namespace", "name", "cpu.usage", "mem.usage", "reason")
_OF_NODES = ("name", "cpu.usage", "mem.usage", "pods.count", "cpu.pods", "mem.rest")


def _cells(row: Row, keys: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(row.cells[key] for key in keys)


def _pod(row: PodUsage) -> tuple[object, ...]:
    reason = row.reason.code if row.reason else ""
    return row.namespace, row.name, *_amounts(row.usage), reason


def _node(row: NodeUsage) -> tuple[object, ...]:
    plain = (row.name, *_amounts(row.usage))
    if row.breakdown is None:
        return plain
    cpu, _ = _amounts(row.breakdown.pods_usage)
    _, rest = _amounts(row.breakdown.rest)
    return *plain, row.breakdown.pod_count, cpu, rest


def _amounts(usage: Quantities | None) -> tuple[int | None, int | None]:
    """Return CPU in nanocores and memory in bytes."""
    known = usage or {}
    cpu, memory = known.get("cpu"), known.get("memory")
    return (
        None if cpu is None else cpu.nanos,
        None if memory is None else memory.value,
    )
