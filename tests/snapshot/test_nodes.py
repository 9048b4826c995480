"""Nodes reconciled with their pods."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from kubemetrics.doctor.diagnose import samples as sample_findings
from kubemetrics.errors import Forbidden
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import NodeBreakdown, NodeUsage, Part, Parts, above_full, join
from kubemetrics.views.nodes import node_table

from .make import at, node, node_sample, parts, pod, running, sample

FORBIDDEN = Forbidden("pods is forbidden", status=403)


def only(read: Parts) -> NodeUsage:
    (row,) = join(read).nodes
    return row


def breakdown(read: Parts) -> NodeBreakdown:
    found = only(read).breakdown
    assert found is not None
    return found


def test_usage_is_the_pods_and_the_rest() -> None:
    pods = (pod("a"), pod("b"))
    found = breakdown(parts(pods, (sample("a"), sample("b"))))
    assert found.pod_count == 2
    assert found.pods_usage == {"cpu": Quantity("100m"), "memory": Quantity("100Mi")}
    assert found.rest == {"cpu": Quantity("900m"), "memory": Quantity("924Mi")}
    assert found.rest_name == "system"


def test_the_rest_is_not_the_systems_alone_where_a_pod_is_not_measured() -> None:
    pods = (pod("a"), pod("b"), pod("c", statuses=(running("app"), running("x"))))
    found = breakdown(parts(pods, (sample("a"), sample("c"))))
    assert found.rest_name == "system and 2 unmeasured pods"


def test_a_pod_that_is_being_deleted_may_still_run() -> None:
    leaving = pod("a", meta={"deletionTimestamp": at(20)})
    found = breakdown(parts((leaving,)))
    assert found.rest_name == "system and 1 unmeasured pod"


def test_finished_pods_hold_nothing_and_waiting_ones_hold_their_requests() -> None:
    pods = (
        pod("a", phase="Failed"),
        pod("b", phase="Pending"),
        pod("c", node="", phase="Pending"),
    )
    found = breakdown(parts(pods))
    assert found.pod_count == 1
    assert found.demand.requests["cpu"] == Quantity("100m")
    assert found.rest_name == "system"


def test_the_rest_is_never_negative() -> None:
    """Pods and nodes are measured at different moments."""
    read = parts((pod(),), (sample(app=("1100m", "1100Mi")),))
    assert breakdown(read).rest == {"cpu": Quantity(0), "memory": Quantity(0)}


def test_a_node_far_below_its_pods_has_no_rest_and_it_is_said() -> None:
    """kubernetes#122382, AKS#3390: ``0m system`` would be invented."""
    read = parts((pod(),), (sample(app=("3300m", "1Gi")),))
    found = join(read)
    (row,) = found.nodes
    assert breakdown(read).rest == {"memory": Quantity(0)}
    table = node_table()
    sentence = (
        "cpu: its pods use 3300m and the node itself 1, which cannot be; what the "
        "system takes is not known."
    )
    assert table.need("explanation").get(row) == sentence
    assert table.need("cpu.rest").get(row) is None
    (finding,) = [f for f in sample_findings(found) if f.check == "nodes"]
    assert finding.severity == "warning"
    assert finding.evidence == f"n1: {sentence}"
    assert "less than its pods" in finding.advice
    assert finding.what == (
        "1 of 1 node measured; 1 node uses less than its pods, which cannot be."
    )


def test_what_states_no_allocatable_has_all_of_its_capacity_for_pods() -> None:
    """One denominator: the node's own share and its pods'."""
    bare = node(allocatable=None)
    found = join(parts((pod(),), (sample(app=("500m", "1Gi")),), (bare,)))
    assert found.nodes[0].ratio("cpu", "usage") == Fraction(1, 2)
    assert found.pods[0].ratio("cpu", "node") == Fraction(1, 4)
    assert found.pods[0].ratio("memory", "node") == Fraction(1, 4)


def test_conditions_are_judged_by_how_their_type_should_be() -> None:
    """rancher#43696, k3s#8997, k8sgpt#1461: of others nobody knows."""
    states = {
        "Ready": "True", "KernelReady": "True", "NetworkingReady": "False",
        "AcceleratedHardwareReady": "Unknown", "EtcdIsVoter": "False",
        "MemoryPressure": "False", "DiskPressure": "True", "PIDPressure": "Unknown",
        "NetworkUnavailable": "True", "ReadonlyProblem": "True", "Odd": "True", "": "",
    }  # fmt: skip
    conditions = [{"type": name, "status": state} for name, state in states.items()]
    row = only(parts(nodes=(node(conditions=conditions),)))
    assert {c.type for c in row.troubles} == {
        "NetworkingReady", "AcceleratedHardwareReady", "EtcdIsVoter", "DiskPressure",
        "PIDPressure", "NetworkUnavailable", "ReadonlyProblem",
    }  # fmt: skip
    assert node_table().need("other_conditions").get(row) == "Odd=True"
    lost = [{"type": t, "status": "Unknown"} for t in ("Ready", "DiskPressure")]
    silent = only(parts(nodes=(node(conditions=lost),)))
    assert [c.type for c in silent.troubles] == ["Ready", "DiskPressure"]
    assert node_table().need("troubles").get(silent) is None
    voter = [{"type": "EtcdIsVoter", "status": "True"}, {"type": "Odd", "status": "x"}]
    assert only(parts(nodes=(node(conditions=voter),))).troubles == ()


def test_a_silent_node_has_pods_and_requests_but_no_rest() -> None:
    read = parts((pod(),), (), (node(),), (node_sample("other"),))
    (row, _) = join(read).nodes
    assert row.breakdown is not None
    assert row.breakdown.rest is None
    assert row.breakdown.demand.requests["cpu"] == Quantity("100m")


def test_a_node_says_what_it_has_and_what_is_left() -> None:
    row = only(parts((pod(),), (sample(),)))
    assert row.reserved == {
        "cpu": Quantity("200m"),
        "memory": Quantity("1Gi"),
        "pods": Quantity(0),
    }
    assert row.headroom == {
        "cpu": Quantity("1700m"),
        "memory": Quantity("2972Mi"),
        "pods": Quantity(9),
    }
    assert row.ratio("cpu", "usage") == Fraction(10, 18)
    assert row.ratio("cpu", "requests") == Fraction(1, 18)
    assert row.ratio("cpu", "limits") == Fraction(1, 9)
    assert row.ready


def test_without_allocatable_the_capacity_counts() -> None:
    row = only(parts((), (), (node(allocatable=None),)))
    assert row.allocatable["cpu"] == Quantity(2)


def test_limits_may_be_overcommitted_and_partial() -> None:
    big = pod(
        spec={
            "containers": [
                {"name": "a", "resources": {"limits": {"cpu": "4"}}},
                {"name": "b", "resources": {"limits": {"memory": "1Gi"}}},
            ]
        }
    )
    row = only(parts((big,), (sample(),)))
    assert row.breakdown is not None
    assert row.ratio("cpu", "limits") == Fraction(40, 18)
    assert row.breakdown.demand.partial_limit("cpu")


def test_taints_cordons_and_conditions_are_told() -> None:
    troubled = node(
        conditions=[
            {"type": "MemoryPressure", "status": "True", "reason": "Low"},
            {"type": "DiskPressure", "status": "False"},
            {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"},
        ]
    )
    row = only(parts((), (), (replace(troubled, unschedulable=True),)))
    assert row.cordoned
    assert [c.type for c in row.troubles] == ["MemoryPressure", "Ready"]
    assert not row.ready
    assert row.taints == ()


def test_without_all_pods_there_is_no_breakdown_and_a_reason() -> None:
    read = replace(parts((pod(),), (sample(),)), all_pods=Part(errors={"": FORBIDDEN}))
    row = only(read)
    assert row.breakdown is None
    assert row.headroom is None
    assert row.ratio("cpu", "requests") is None
    assert row.breakdown_reason is not None
    assert row.breakdown_reason.code == "Forbidden"


def test_nobody_who_did_not_ask_gets_a_breakdown() -> None:
    read = replace(parts((pod(),), (sample(),)), all_pods=None, all_pod_metrics=None)
    row = only(read)
    assert row.breakdown is None
    assert row.breakdown_reason is None


def test_pods_of_other_namespaces_count_though_they_are_not_shown() -> None:
    shown, other = pod("a", "team"), pod("b", "other")
    samples = (sample("a", "team"), sample("b", "other"))
    whole = parts((shown, other), samples)
    read = replace(
        whole,
        pods=replace(whole.pods, items=(shown,)),
        pod_metrics=replace(whole.pod_metrics, items=samples[:1]),
    )
    assert len(join(read).pods) == 1
    assert breakdown(read).pod_count == 2
    assert breakdown(read).pods_usage["cpu"] == Quantity("100m")


def test_a_node_above_full_is_explained() -> None:
    read = parts((pod(),), (sample(),), (node(),), (node_sample("n1", "1900m", "1Gi"),))
    row = only(read)
    assert above_full(row, "cpu") == (
        "cpu is at 105% of allocatable and 95% of capacity: 200m are kept for the "
        "system, and usage counts system daemons too (system: 1850m)."
    )
    assert above_full(row, "memory") == ""
    assert above_full(row, "nvidia.com/gpu") == ""


def test_a_node_above_its_capacity_is_explained_without_its_pods() -> None:
    read = parts((), (), (node(),), (node_sample("n1", "2100m", "5Gi"),))
    row = only(replace(read, all_pods=None, all_pod_metrics=None))
    assert above_full(row, "cpu").endswith("may be off by their jitter.")
    assert above_full(row, "memory") == (
        "memory is at 166% of allocatable and 125% of capacity: 1Gi are kept for the "
        "system, and usage counts system daemons too."
    )
