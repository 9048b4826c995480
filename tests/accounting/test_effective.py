"""Effective requests and limits, against upstream's own cases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kubemetrics.accounting import (
    container_limits,
    container_requests,
    pod_limits,
    pod_requests,
)
from kubemetrics.models.pod import Pod
from kubemetrics.quantity import Quantity

DATA = Path(__file__).parents[1] / "data" / "pod-resources.jsonl"
VECTORS = [json.loads(line) for line in DATA.read_text().splitlines()]


def quantities(texts: Mapping[str, str]) -> dict[str, Quantity]:
    return {name: Quantity(text) for name, text in texts.items()}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_pod_counts_as_upstream_counts_it(vector: Mapping[str, Any]) -> None:
    pod = Pod.from_json(vector["pod"])
    options = vector.get("opts", {})
    if "requests" in vector:
        assert pod_requests(pod, **options) == quantities(vector["requests"])
    if "limits" in vector:
        assert pod_limits(pod, **options) == quantities(vector["limits"])


def container(name: str, cpu: str = "", **more: object) -> dict[str, Any]:
    asked = {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}} if cpu else {}
    return {"name": name, "resources": asked, **more}


def status(name: str, cpu: str, **more: object) -> dict[str, Any]:
    running = {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}
    return {"name": name, "resources": running, **more}


def pending(reason: str) -> list[dict[str, str]]:
    return [{"type": "PodResizePending", "status": "True", "reason": reason}]


def pod(
    *containers: dict[str, Any],
    inits: tuple[dict[str, Any], ...] = (),
    spec: Mapping[str, Any] | None = None,
    **state: object,
) -> Pod:
    made: Any = {
        "spec": {
            "containers": list(containers),
            "initContainers": list(inits),
            **(spec or {}),
        },
        "status": state,
    }
    return Pod.from_json(made)


def cpu(amounts: Mapping[str, Quantity]) -> str:
    return str(amounts["cpu"])


def test_a_deferred_resize_counts_as_asked_for() -> None:
    waiting = pod(
        container("a", "4"),
        containerStatuses=[status("a", "2")],
        conditions=pending("Deferred"),
    )
    assert cpu(pod_requests(waiting)) == "4"
    assert cpu(pod_limits(waiting)) == "4"


def test_an_infeasible_resize_counts_as_what_the_node_allocated() -> None:
    refused = pod(
        container("a", "6"),
        containerStatuses=[status("a", "2", allocatedResources={"cpu": "4"})],
        conditions=pending("Infeasible"),
    )
    assert cpu(pod_requests(refused)) == "4"
    assert cpu(pod_limits(refused)) == "2"
    assert cpu(pod_requests(refused, use_status=False)) == "6"


def test_only_the_first_pending_condition_is_looked_at() -> None:
    conditions = pending("Deferred") + pending("Infeasible")
    both = pod(
        container("a", "4"),
        containerStatuses=[status("a", "2")],
        conditions=conditions,
    )
    assert cpu(pod_requests(both)) == "4"


def test_each_resource_takes_its_own_maximum() -> None:
    resized = pod(
        {
            "name": "a",
            "resources": {"requests": {"cpu": "30m", "memory": "20M", "x": "1"}},
        },
        containerStatuses=[
            {
                "name": "a",
                "resources": {"requests": {"cpu": "10m", "memory": "30M", "x": "2"}},
                "allocatedResources": {"cpu": "20m", "memory": "10M", "x": "3"},
            }
        ],
    )
    expected = quantities({"cpu": "30m", "memory": "30M", "x": "3"})
    assert pod_requests(resized) == expected


def test_the_status_of_an_init_container_never_counts() -> None:
    started = pod(
        container("a", "1"),
        inits=(container("i", "2"),),
        initContainerStatuses=[status("i", "8")],
    )
    assert cpu(pod_requests(started)) == "2"


def test_the_status_of_a_sidecar_counts() -> None:
    started = pod(
        container("a", "1"),
        inits=(container("s", "2", restartPolicy="Always"),),
        initContainerStatuses=[status("s", "8")],
    )
    assert cpu(pod_requests(started)) == "9"
    assert cpu(pod_requests(started, use_status=False)) == "3"


@pytest.mark.parametrize(
    ("conditions", "switches", "requests", "limits"),
    [
        ([], {}, "6", "8"),
        ([], {"pod_level_resize": False}, "4", "5"),
        ([], {"use_status": False}, "4", "5"),
        ([], {"pod_level": False}, "1", "1"),
        (pending("Infeasible"), {}, "6", "8"),
    ],
)
def test_a_pod_level_resize_counts_as_a_containers_does(
    conditions: list[dict[str, str]],
    switches: dict[str, bool],
    requests: str,
    limits: str,
) -> None:
    resized = pod(
        container("a", "1"),
        spec={"resources": {"requests": {"cpu": "4"}, "limits": {"cpu": "5"}}},
        resources={"requests": {"cpu": "6"}, "limits": {"cpu": "8"}},
        allocatedResources={"cpu": "3"},
        conditions=conditions,
    )
    assert cpu(pod_requests(resized, **switches)) == requests
    assert cpu(pod_limits(resized, **switches)) == limits


@pytest.mark.parametrize(
    ("conditions", "requests", "limits"),
    [
        ([], "9", "10"),
        (pending("Deferred"), "9", "10"),
        (pending("Infeasible"), "6", "8"),
    ],
)
def test_a_pod_level_resize_that_waits_counts_unless_it_can_never_be(
    conditions: list[dict[str, str]], requests: str, limits: str
) -> None:
    growing = pod(
        container("a", "1"),
        spec={"resources": {"requests": {"cpu": "9"}, "limits": {"cpu": "10"}}},
        resources={"requests": {"cpu": "6"}, "limits": {"cpu": "8"}},
        allocatedResources={"cpu": "3"},
        conditions=conditions,
    )
    assert cpu(pod_requests(growing)) == requests
    assert cpu(pod_limits(growing)) == limits


def test_an_infeasible_pod_level_resize_without_actuated_values_counts_as_none() -> (
    None
):
    """``effectiveReqs[resourceName]`` of a missing name is upstream's zero."""
    refused = pod(
        container("a", "1"),
        spec={"resources": {"requests": {"cpu": "4"}, "limits": {"cpu": "5"}}},
        resources={"requests": {"memory": "1Gi"}},
        conditions=pending("Infeasible"),
    )
    assert pod_requests(refused)["cpu"] == Quantity(0)
    assert cpu(pod_limits(refused)) == "5"


def test_claims_count_unless_they_are_switched_off() -> None:
    claiming = pod(
        container("a", "1"),
        nodeAllocatableResourceClaimStatuses=[{"resources": {"cpu": "500m"}}],
    )
    assert cpu(pod_requests(claiming)) == "1500m"
    assert cpu(pod_requests(claiming, dra=False)) == "1"
    assert cpu(pod_limits(claiming)) == "1"


def test_pod_level_requests_replace_claims_too() -> None:
    claiming = pod(
        container("a", "1"),
        spec={"resources": {"requests": {"cpu": "2"}}},
        nodeAllocatableResourceClaimStatuses=[{"resources": {"cpu": "500m"}}],
    )
    assert cpu(pod_requests(claiming)) == "2"


def test_overhead_is_added_to_a_limit_only_if_it_is_not_zero() -> None:
    odd = pod(
        {"name": "a", "resources": {"limits": {"cpu": "0", "memory": "1Gi"}}},
        spec={"overhead": {"cpu": "1", "memory": "1Gi", "x": "1"}},
    )
    assert pod_limits(odd) == quantities({"cpu": "0", "memory": "2Gi"})
    assert pod_limits(odd, overhead=False)["memory"] == Quantity("1Gi")


def test_a_container_counts_alone_as_it_does_in_its_pod() -> None:
    resized = pod(container("a", "1"), containerStatuses=[status("a", "3")])
    (only,) = resized.containers
    assert container_requests(resized, only) == pod_requests(resized)
    assert container_limits(resized, only) == pod_limits(resized)
