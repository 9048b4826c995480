"""Values that cannot be, and samples that lack CPU or memory."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from kubemetrics.doctor.diagnose import samples as sample_findings
from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import container_rows, join, rollup, summed
from kubemetrics.table.columns import Table
from kubemetrics.views.groups import group_table
from kubemetrics.views.nodes import node_table
from kubemetrics.views.pods import pod_table

from .make import node, node_sample, parts, pod, running, sample

TWO = (running("a"), running("b"))


def half(made: PodMetrics, resource: str) -> PodMetrics:
    """Return a sample whose containers have a value of *resource* alone."""
    return replace(
        made,
        containers=tuple(
            replace(c, usage={resource: c.usage[resource]}) for c in made.containers
        ),
    )


@pytest.mark.parametrize(
    ("cpu", "thread"),
    [
        ("-513m", "metrics-server#745"),
        ("-9223372036854775808m", "metrics-server PR #1300"),
        ("18446744074", "prometheus-adapter#280"),
        ("4001m", "kubernetes#93462"),
    ],
)
def test_a_value_that_cannot_be_is_in_no_sum(cpu: str, thread: str) -> None:
    odd, good = sample("odd", app=(cpu, "50Mi")), sample("p", app=("700m", "50Mi"))
    snapshot = join(parts((pod("odd"), pod()), (odd, good)))
    wrong, _ = snapshot.pods
    assert wrong.usage == {"memory": Quantity("50Mi")}, thread
    assert wrong.reason is not None
    assert wrong.reason.code == "Implausible"
    assert str(Quantity(cpu)) in wrong.reason.explanation
    assert not wrong.partial
    assert summed(snapshot.pods).usage["cpu"] == Quantity("700m")
    assert summed(container_rows(snapshot.pods)).usage["cpu"] == Quantity("700m")
    assert snapshot.coverage.sentence == (
        "1 of 2 running pods measured (1 Implausible)"
    )
    (found,) = [f for f in sample_findings(snapshot) if f.check == "pods"]
    assert found.severity == "warning"
    assert f"default/odd: {wrong.reason.explanation}" in found.evidence


def test_twice_the_capacity_is_still_a_value() -> None:
    (row,) = join(parts((pod(),), (sample(app=("4", "8Gi")),))).pods
    assert row.usage == {"cpu": Quantity("4"), "memory": Quantity("8Gi")}
    assert row.reason is None


def test_where_the_capacity_is_not_known_or_0_no_value_is_too_large() -> None:
    nothing = node(capacity={"cpu": "0", "memory": "0"})
    wrong = node(capacity={"cpu": "-4", "memory": "-1"})
    for nodes in ((), (nothing,), (wrong,)):
        (row,) = join(parts((pod(),), (sample(app=("4000", "8Ti")),), nodes)).pods
        assert row.reason is None


def test_containers_that_are_too_large_together_are_no_value_of_the_pod() -> None:
    both = sample(a=("3", "1Mi"), b=("3", "1Mi"))
    (row,) = join(parts((pod(statuses=TWO),), (both,))).pods
    assert row.usage == {"memory": Quantity("2Mi")}
    assert row.reason is not None
    assert row.reason.explanation == (
        "The metrics API gives 6 of cpu for the pod, which cannot be."
    )


def test_beside_a_container_with_an_impossible_value_the_others_are_summed() -> None:
    one = sample(a=("-1m", "1Mi"), b=("20m", "1Mi"))
    (row,) = join(parts((pod(statuses=TWO),), (one,))).pods
    assert row.usage == {"cpu": Quantity("20m"), "memory": Quantity("2Mi")}
    assert row.missing == ("a",)
    assert row.ratio("cpu", "requests") is not None
    a, b = container_rows([row])
    assert a.reason is not None
    assert a.reason.code == "Implausible"
    assert b.reason is None


def test_a_node_with_an_impossible_value_has_none() -> None:
    for given in ("-1", "5"):
        (row,) = join(parts(node_samples=(node_sample(cpu=given),))).nodes
        assert row.usage == {"memory": Quantity("1Gi")}
        assert row.reason is not None
        assert row.reason.code == "Implausible"
        assert row.ratio("cpu", "usage") is None
        assert row.breakdown is not None
        assert row.breakdown.rest == {"memory": Quantity("1Gi")}


@pytest.mark.parametrize(("there", "gone"), [("memory", "cpu"), ("cpu", "memory")])
def test_half_a_sample_has_a_reason_and_is_not_measured(there: str, gone: str) -> None:
    """prometheus-adapter PR #330."""
    snapshot = join(parts((pod(), pod("q")), (half(sample(), there), sample("q"))))
    row, _ = snapshot.pods
    assert row.usage is not None
    assert set(row.usage) == {there}
    assert row.reason is not None
    assert row.reason.code == "Unreported"
    assert row.reason.explanation == f"The sample has no value of {gone}."
    assert snapshot.coverage.measured == 1
    assert not snapshot.coverage.complete
    assert snapshot.nodes[0].breakdown is not None
    assert snapshot.nodes[0].breakdown.unmeasured == 1
    (container,) = container_rows([row])
    assert container.reason == row.reason
    marks = {
        column.key: column.mark(row)
        for column in pod_table().columns
        if column.key in {"cpu.usage", "mem.usage"} and column.mark
    }
    short = {"cpu": "cpu.usage", "memory": "mem.usage"}
    assert marks == {short[there]: "", short[gone]: "~"}
    assert pod_table().need("quality").get(row) is None


def marked(view: Table[Any], row: object) -> dict[str, str]:
    """Return the marks of both usages."""
    columns = (view.need(key) for key in ("cpu.usage", "mem.usage"))
    return {c.header: c.mark(row) for c in columns if c.mark}


@pytest.mark.parametrize("by", ["namespace", "container"])
def test_a_sum_is_a_lower_bound_of_what_is_missing_and_of_nothing_else(by: str) -> None:
    """A pod without CPU has all its memory."""
    found = join(parts((pod(),), (half(sample(), "memory"),)))
    members = container_rows(found.pods) if by == "container" else found.pods
    (group,) = rollup(members, [by])
    assert marked(group_table((by,)), group) == {"CPU": "~", "MEM": ""}
    (row,) = found.nodes
    assert row.breakdown is not None
    assert row.breakdown.incomplete == {"cpu"}
    pods = [node_table().need(f"{key}.pods").mark for key in ("cpu", "mem")]
    assert [mark(row) for mark in pods if mark] == ["~", ""]


def test_a_container_that_lacks_one_value_bounds_that_one_of_its_pod() -> None:
    one = sample(a=("-1m", "1Mi"), b=("20m", "1Mi"))
    (row,) = join(parts((pod(statuses=TWO),), (one,))).pods
    assert row.partial
    assert marked(pod_table(), row) == {"CPU": "~", "MEM": ""}
    assert marked(group_table(("owner",)), summed([row])) == {"CPU": "~", "MEM": ""}


def test_an_empty_usage_has_a_reason_for_both() -> None:
    made: Any = {
        "metadata": {"name": "p", "namespace": "default"},
        "containers": [{"name": "app", "usage": {}}],
    }
    (row,) = join(parts((pod(),), (PodMetrics.from_json(made),))).pods
    assert row.usage is None
    assert row.reason is not None
    assert row.reason.explanation == "The sample has no value of cpu and memory."
    (container,) = container_rows([row])
    assert container.usage is None
    assert container.reason is not None


def test_a_node_with_half_a_sample_has_a_reason() -> None:
    made: Any = {"metadata": {"name": "n1"}, "usage": {"cpu": "1"}}
    snapshot = join(parts(node_samples=(NodeMetrics.from_json(made),)))
    (row,) = snapshot.nodes
    assert row.usage == {"cpu": Quantity(1)}
    assert row.reason is not None
    assert row.reason.explanation == "The sample has no value of memory."
    assert not snapshot.node_coverage.complete
    mark = node_table().need("cpu.usage").mark
    assert mark is not None
    assert mark(row) == ""


def test_percentages_of_a_sum_leave_out_the_requests_of_what_is_not_measured() -> None:
    odd, good = sample("odd", app=("-513m", "50Mi")), sample("p", app=("50m", "50Mi"))
    rows = join(parts((pod("odd"), pod()), (odd, good))).pods
    for total in (summed(rows), summed(container_rows(rows))):
        assert total.ratio("cpu", "requests") == Fraction(1, 2)
        assert total.ratio("memory", "requests") == Fraction(1, 2)
        assert total.demand.requests["cpu"] == Quantity("200m")
