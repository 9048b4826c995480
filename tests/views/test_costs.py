"""What rows cost: what is requested or used, whichever is more, and what is unused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from kubemetrics.models.metrics import PodMetrics
from kubemetrics.models.pod import Pod
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import Snapshot, join
from kubemetrics.views.costs import Prices, cost_of, priced
from kubemetrics.views.view import RowSelection
from tests.cli.harness import run
from tests.cluster import Cluster
from tests.leftovers import kept
from tests.snapshot.make import node, node_sample, parts, pod, running, sample

from .views import VIEWS, snapshot, view

PRICES = Prices.parse("cpu=1,memory=0.5")
GI = 1024**3


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with kept(), Cluster.recorded() as found:
        yield found


def cost(of: object, prices: Prices = PRICES) -> tuple[str | None, str | None, str]:
    found = cost_of(of, prices)
    hour, unused = (None if q is None else str(q) for q in (found.hour, found.unused))
    return hour, unused, "".join(mark or "." for mark in found.marks)


def one(cpu: str, memory: str, **more: object) -> dict[str, Any]:
    """Return the ``spec`` of a pod whose one container requests so much."""
    requests = {"cpu": cpu, "memory": memory}
    return {
        "containers": [{"name": "app", "resources": {"requests": requests}}],
        **more,
    }


def snapshot_of(*pods: Pod, samples: tuple[PodMetrics, ...] = ()) -> Snapshot:
    return join(parts(pods, samples, (node(),), (node_sample(),)))


@pytest.mark.parametrize(
    ("text", "hour", "currency"),
    [
        ("cpu=0.03", {"cpu": Fraction(3, 100)}, ""),
        ("memory=1,currency=EUR", {"memory": Fraction(1, GI)}, "EUR"),
        (" CPU = 2 , mem=0", {"cpu": 2, "memory": 0}, ""),
    ],
)
def test_prices_are_of_a_core_hour_and_a_gibibyte_hour(
    text: str, hour: dict[str, Fraction], currency: str
) -> None:
    found = Prices.parse(text)
    assert (dict(found.hour), found.currency) == (hour, currency)


@pytest.mark.parametrize(
    "text",
    [
        "", "cpu", "cpu=", "cpu=x", "cpu=-1", "cpu=1e3", "cpu=1,cpu=2", "disk=1",
        "currency=EUR", "cpu=1,currency=", "cpu=1,currency=\x1b[31m", "cpu=1,,",
        "cpu=1,memory=2,mem=3", f"cpu={'9' * 5000}", "cpu=٣", "cpu=1,currency=E U",
    ],
)  # fmt: skip
def test_wrong_prices_are_one_line(cluster: Cluster, text: str) -> None:
    result = run(cluster, "pods", f"--price={text}")
    assert (result.code, result.out) == (2, "")
    line, _ = result.err.splitlines()
    assert line.startswith("error: --price: expected cpu=0.03,memory=0.004: ")
    assert len(line) < 200
    assert "\x1b" not in line


def test_a_pod_costs_what_it_requests_or_uses_whichever_is_more() -> None:
    """OpenCost's specification: of each resource, and not of both together."""
    asks = pod("p", spec=one("2", "1Gi"), statuses=(running(),))
    found = snapshot_of(asks, samples=(sample(app=("500m", "3Gi")),)).pods[0]
    assert cost(found) == ("3500m", "1500m", "..")
    cpu_alone = Prices.parse("cpu=1")
    assert cost(found, cpu_alone) == ("2", "1500m", "..")


def test_what_was_not_measured_costs_its_requests_at_least() -> None:
    asks = pod("p", spec=one("2", "1Gi"), statuses=(running(),))
    (row,) = snapshot_of(asks).pods
    assert cost(row) == ("2500m", None, "~~")
    half = sample(app=("500m", "1Gi"), side=("1", "1Gi"))
    both = pod(
        "p",
        spec={"containers": [*one("2", "1Gi")["containers"], {"name": "b"}]},
        statuses=(running(), running("b")),
    )
    (row,) = snapshot_of(both, samples=(half,)).pods
    assert cost(row) == ("2500m", None, "~~")


def test_what_holds_nothing_costs_nothing() -> None:
    done = pod("done", spec=one("2", "1Gi"), phase="Succeeded")
    nowhere = pod("nowhere", spec=one("2", "1Gi", nodeName=""), phase="Pending")
    rows = snapshot_of(done, nowhere).pods
    assert [cost(row) for row in rows] == [("0", "0", "..")] * 2


def test_a_pod_that_could_not_be_read_costs_what_it_uses_at_least() -> None:
    (row,) = join(parts((), (sample(app=("500m", "1Gi")),))).pods
    assert cost(row) == ("1", None, "~~")


def test_a_node_costs_what_it_has_and_unused_is_what_no_pod_is_charged_for() -> None:
    asks = pod("p", spec=one("1", "1Gi"), statuses=(running(),))
    there = node(
        capacity={"cpu": "4", "memory": "8Gi"},
        allocatable={"cpu": "3", "memory": "6Gi"},
    )
    used = node_sample(cpu="500m", memory="2Gi")
    (row,) = join(parts((asks,), (sample(),), (there,), (used,))).nodes
    assert cost(row) == ("8", "6", "..")
    silent = join(parts((asks,), (sample(),), (there,), ())).nodes[0]
    assert cost(silent) == ("8", None, ".~")
    bare = node(capacity={}, allocatable={})
    unknown = join(parts((asks,), (sample(),), (bare,), (used,))).nodes[0]
    assert cost(unknown) == (None, None, "~~")


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "many"])
def test_every_view_has_costs_and_totals_add_up(name: str) -> None:
    found = snapshot("recorded")
    made = priced(view(name), PRICES)
    rows = made.find("c", found, RowSelection()).rows
    hour, unused = made.table.need("cost.hour"), made.table.need("cost")
    assert unused is hour
    assert all(isinstance(hour.get(row), Quantity) for row in rows)
    groups = {"namespaces", "workloads", "label:app"}
    if name in groups:
        pods = sum((cost_of(row, PRICES).hour or Quantity(0) for row in found.pods),
                   Quantity(0))  # fmt: skip
        values = [hour.get(row) for row in rows]
        assert sum((v for v in values if isinstance(v, Quantity)), Quantity(0)) == pods


def test_costs_are_columns_keys_and_sums(cluster: Cluster) -> None:
    line = "pods -n team-c --price cpu=0.03,memory=0.004,currency=EUR"
    table = run(cluster, *line.split(), "--sum", width=160).lines
    assert "  COST/H  COST/H-UNUSED" in table[0]
    amounts = [
        Decimal(row.split()[-1]) for row in table[1:] if row.split()[-1][0] == "0"
    ]
    assert amounts
    document = json.loads(run(cluster, *line.split(), "-o", "json").out)
    assert document["metadata"]["units"]["money"] == "EUR"
    costs = [item["cost"]["hour"] for item in document["items"]]
    sort = run(cluster, *line.split(), "--sort", "cost", "-o", "json")
    ordered = [item["cost"]["hour"] for item in json.loads(sort.out)["items"]]
    assert ordered == sorted(costs, reverse=True)
    where = ("--where", "cost.unused > 0.05", "--columns", "name", "--no-headers")
    named = run(cluster, *line.split(), *where).lines
    assert [name.strip() for name in named] == [
        item["name"] for item in document["items"]
        if (item["cost"]["unused"] or 0) > 0.05
    ]  # fmt: skip
    csv = run(cluster, *line.split(), "-o", "csv", "--columns", "cost.hour").lines
    assert csv[0] == "cost_hour"
    assert [float(cell) for cell in csv[1:]] == costs
    series = run(cluster, *line.split(), "-o", "prometheus").out
    assert "# HELP kubemetrics_pod_cost_hour the price of an hour of what it" in series
    gap = run(cluster, *line.split(), "--unused", width=200).lines[0]
    assert "COST/H-UNUSED" in gap


def test_a_cost_is_compared_with_a_number_and_with_another(cluster: Cluster) -> None:
    line = [
        "workloads",
        "-A",
        "--price",
        "cpu=1",
        "-o",
        "json",
        "--columns",
        "owner.name",
        "--where",
    ]
    most = run(cluster, *line, "cost.unused / cost.hour > 90%")
    assert most.code == 0
    assert json.loads(most.out)["items"]
    wrong = run(cluster, *line, "cost > cpu")
    assert "cpu.usage is an amount of CPU, cost.hour a cost" in wrong.err
    unpriced = run(cluster, "pods", "--where", "cost > 1")
    assert "no column 'cost' of pods" in unpriced.err
