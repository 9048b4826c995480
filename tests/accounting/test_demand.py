"""Where a limit does not bind, and who asks for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kubemetrics.accounting import (
    NO_DEMAND,
    Demands,
    Totals,
    container_demand,
    demand,
)
from kubemetrics.jsonread import EMPTY
from kubemetrics.models import ActuatedResources, Condition, Resources
from kubemetrics.models.pod import Pod
from kubemetrics.quantity import Quantity

FULL = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}}


def pod(*resources: dict[str, Any], phase: str = "Running", **spec: object) -> Pod:
    containers = [
        {"name": f"c{i}", "resources": one} for i, one in enumerate(resources)
    ]
    made: Any = {
        "metadata": {"name": "p"},
        "spec": {"containers": containers, **spec},
        "status": {"phase": phase},
    }
    return Pod.from_json(made)


def test_a_container_without_a_limit_makes_the_pods_partial() -> None:
    asked = demand(pod({"limits": {"cpu": "2", "memory": "2Gi"}}, {}))
    assert asked.limits == {"cpu": Quantity(2), "memory": Quantity("2Gi")}
    assert asked.partial_limit("cpu")
    assert asked.unlimited == {"cpu": 1, "memory": 1}


def test_a_limit_of_zero_is_no_limit() -> None:
    asked = demand(pod({"limits": {"cpu": "0"}}))
    assert asked.partial_limit("cpu")


def test_a_pod_level_limit_makes_it_whole_again() -> None:
    asked = demand(pod({}, {}, resources={"limits": {"cpu": "2"}}))
    assert not asked.partial_limit("cpu")
    assert asked.unlimited == {"memory": 2}


def test_a_pod_level_amount_of_another_resource_is_ignored() -> None:
    asked = demand(
        pod({}, resources={"requests": {"cpu": "1", "storage": "1Gi"}}),
    )
    assert asked.requests == {"cpu": Quantity(1)}


def test_a_limit_is_partial_for_each_resource_on_its_own() -> None:
    asked = demand(pod(FULL))
    assert not asked.partial_limit("cpu")
    assert asked.partial_limit("memory")


def test_an_init_container_without_a_limit_leaves_the_limit_whole() -> None:
    asked = demand(pod(FULL, initContainers=[{"name": "i"}]))
    assert asked.unlimited == {"memory": 1}


def test_a_sidecar_without_a_limit_makes_it_partial() -> None:
    sidecar = {"name": "s", "restartPolicy": "Always"}
    asked = demand(pod(FULL, initContainers=[sidecar]))
    assert asked.unlimited == {"cpu": 1, "memory": 2}


def test_other_resources_are_marked_where_one_container_has_a_limit() -> None:
    asked = demand(pod({"limits": {"ephemeral-storage": "1Gi"}}, {}))
    assert asked.unlimited["ephemeral-storage"] == 1


def test_who_asks_for_no_gpu_gets_none_and_is_not_marked() -> None:
    asked = demand(pod({"limits": {"nvidia.com/gpu": "1"}}, {}))
    assert not asked.partial_limit("nvidia.com/gpu")


def test_containers_that_ask_for_nothing_are_counted() -> None:
    asked = demand(pod(FULL, {}, {}))
    assert asked.unrequested == {"cpu": 2, "memory": 2}
    assert demand(pod(FULL)).unrequested == {}


def test_a_finished_pod_holds_nothing() -> None:
    for phase in ("Succeeded", "Failed"):
        finished = pod(FULL, phase=phase)
        assert demand(finished) is NO_DEMAND
        assert container_demand(finished, finished.containers[0]) is NO_DEMAND


def test_a_pod_whose_kubelet_is_lost_still_holds_what_it_asked_for() -> None:
    assert demand(pod(FULL, phase="Unknown")).requests["cpu"] == Quantity(1)


def test_a_container_is_marked_like_its_pod() -> None:
    both = pod(FULL, {})
    first, second = (container_demand(both, c) for c in both.containers)
    assert first.unlimited == {"memory": 1}
    assert second.unlimited == second.unrequested == {"cpu": 1, "memory": 1}


def test_a_container_alone_asks_for_what_its_spec_says() -> None:
    (only,) = pod(FULL).containers
    asked = container_demand(pod(FULL), only)
    assert asked.requests == {"cpu": Quantity(1), "memory": Quantity("1Gi")}
    assert asked.limits == {"cpu": Quantity(2)}


def test_nobodys_demand_is_empty_and_not_partial() -> None:
    for nothing in (NO_DEMAND, Totals().demand):
        assert nothing.requests == nothing.limits == {}
        assert not nothing.partial_limit("cpu")
        assert nothing.unrequested == {}


def test_marks_add_up_with_the_amounts() -> None:
    added = Totals()
    added.add(None, demand(pod(FULL)))
    added.add(None, demand(pod(FULL, {})))
    assert added.demand.requests == {"cpu": Quantity(2), "memory": Quantity("2Gi")}
    assert added.demand.limits == {"cpu": Quantity(4)}
    assert added.demand.unlimited == {"memory": 3, "cpu": 1}
    assert added.demand.unrequested == {"cpu": 1, "memory": 1}


def replicas(container: Mapping[str, Any], **changes: Any) -> tuple[Pod, Pod]:  # noqa: ANN401
    """Return two pods of one list, which share their maps; the second one changed."""
    first = pod(FULL)
    (only,) = first.containers
    settled = replace(
        only,
        status_resources=ActuatedResources(only.requests, only.limits),
        allocated=only.requests,
    )
    changed = replace(settled, **container)
    first = replace(first, containers=(settled,))
    return first, replace(first, containers=(changed,), **changes)


def test_replicas_share_one_account() -> None:
    shared = Demands()
    first, second = replicas({}, name="q")
    assert shared.of(first) is shared.of(second)
    (only,) = first.containers
    assert shared.of_container(first, only) is shared.of_container(second, only)


MORE = Resources({"cpu": Quantity(3)}, {"cpu": Quantity(4)})
ACTUATED = ActuatedResources(MORE.requests, MORE.limits)
INFEASIBLE = (Condition("PodResizePending", "True", "Infeasible"),)


@pytest.mark.parametrize(
    ("container", "changes"),
    [
        ({}, {"phase": "Failed"}),
        ({}, {"overhead": MORE.requests}),
        ({}, {"resources": MORE}),
        ({}, {"claimed": MORE.requests}),
        ({"status_resources": ACTUATED}, {}),
        ({"status_resources": None, "allocated": None}, {"conditions": INFEASIBLE}),
        ({"allocated": MORE.requests}, {"conditions": INFEASIBLE}),
        ({}, {"status_resources": ACTUATED}),
        ({}, {"status_resources": ACTUATED, "allocated": MORE.requests}),
        ({"allocated": MORE.requests}, {}),
        ({"kind": "ephemeral"}, {}),
        ({"requests": MORE.requests}, {}),
        ({"limits": MORE.limits}, {}),
    ],
)
def test_a_replica_that_differs_has_its_own_account(
    container: dict[str, object], changes: dict[str, object]
) -> None:
    shared = Demands()
    first, second = replicas(container, **changes)
    assert shared.of(first) == demand(first)
    assert shared.of(second) == demand(second)
    for one in (first, second):
        (only,) = one.containers
        assert shared.of_container(one, only) == container_demand(one, only)


@pytest.mark.parametrize(
    "change",
    [{}, {"requests": MORE.requests}, {"limits": MORE.limits}, {"kind": "sidecar"}],
)
def test_before_a_kubelet_reports_only_replicas_share_an_account(
    change: dict[str, object],
) -> None:
    first = pod(FULL)
    (one,) = first.containers
    other = replace(one, **change)  # type: ignore[arg-type]
    second = replace(first, containers=(other,))
    shared = Demands()
    assert (shared.of(first) is shared.of(second)) == (not change)
    assert shared.of(second) == demand(second)
    alone = [shared.of_container(first, one), shared.of_container(second, other)]
    assert alone == [container_demand(first, one), container_demand(second, other)]


def test_whatever_counts_tells_two_accounts_apart() -> None:
    """Statuses of init containers and of the pod, claims, and a resize that cannot be.

    All share their maps, as the pods of one list do: only one input differs each time.
    """
    first, _ = replicas({})
    (one,) = first.containers
    silent = replace(one, status_resources=None, allocated=None)
    init = replace(silent, name="i", kind="init")
    started = replace(init, status_resources=ACTUATED)
    admitted = replace(init, allocated=MORE.requests)
    said = ActuatedResources(EMPTY, EMPTY)
    many = [
        replace(pod, conditions=conditions)
        for pod in (
            first,
            replace(first, containers=(silent,)),
            *(replace(first, init_containers=(i,)) for i in (init, started, admitted)),
            replace(first, claimed=MORE.requests),
            replace(first, status_resources=said),
            replace(first, status_resources=said, allocated=MORE.requests),
            replace(first, status_resources=said, allocated=MORE.limits),
            replace(first, status_resources=ACTUATED, allocated=MORE.requests),
            replace(first, resources=MORE),
            replace(first, resources=MORE, status_resources=said),
        )
        for conditions in ((), INFEASIBLE)
    ]
    shared = Demands()
    assert [shared.of(pod) for pod in many] == [demand(pod) for pod in many]
    rows = [(pod, c) for pod in many for c in pod.containers + pod.init_containers]
    assert [shared.of_container(pod, c) for pod, c in rows] == [
        container_demand(pod, c) for pod, c in rows
    ]
