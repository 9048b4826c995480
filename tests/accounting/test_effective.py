"""Effective requests and limits, against upstream's own cases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubemetrics.accounting import (
    container_limits,
    container_requests,
    pod_limits,
    pod_requests,
)
from kubemetrics.models.pod import Container, Pod
from kubemetrics.quantity import Quantity

DATA = Path(__file__).parents[1] / "data"


def vectors(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


VECTORS = vectors("pod-resources.jsonl")
UPSTREAM = vectors("component-helpers.jsonl")
"""The tables of helpers_test.go in component-helpers/resource, 1.37."""


def quantities(texts: Mapping[str, str]) -> dict[str, Quantity]:
    return {name: Quantity(text) for name, text in texts.items()}


@pytest.mark.parametrize("vector", VECTORS + UPSTREAM, ids=lambda vector: vector["id"])
def test_a_pod_counts_as_upstream_counts_it(vector: Mapping[str, Any]) -> None:
    pod = Pod.from_json(vector["pod"])
    options = vector.get("opts", {})
    if "requests" in vector:
        assert pod_requests(pod, **options) == quantities(vector["requests"])
    if "limits" in vector:
        assert pod_limits(pod, **options) == quantities(vector["limits"])


def test_upstreams_tables_are_whole() -> None:
    """All its assertions on requests and limits, but for two switches we have not.

    Those fill in requests that are missing, and reuse a map.
    """
    assert sum(("requests" in one) + ("limits" in one) for one in UPSTREAM) == 149


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


def test_the_status_of_an_init_container_counts_in_the_peak() -> None:
    started = pod(
        container("a", "1"),
        inits=(container("i", "2"),),
        initContainerStatuses=[status("i", "8")],
    )
    assert cpu(pod_requests(started)) == "8"
    assert cpu(pod_limits(started)) == "8"
    assert cpu(pod_requests(started, use_status=False)) == "2"


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
        ([], {"pod_level": False}, "6", "8"),
        ([], {"pod_level": False, "pod_level_resize": False}, "1", "1"),
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


def test_an_infeasible_pod_level_resize_leaves_what_the_status_does_not_say() -> None:
    """Names of the effective map alone replace the sum, and cpu is none of them."""
    refused = pod(
        container("a", "1"),
        spec={"resources": {"requests": {"cpu": "4"}, "limits": {"cpu": "5"}}},
        containerStatuses=[status("a", "2")],
        resources={"requests": {"memory": "1Gi"}},
        conditions=pending("Infeasible"),
    )
    assert pod_requests(refused) == quantities({"cpu": "2", "memory": "1Gi"})
    assert pod_limits(refused) == quantities({"cpu": "2"})


def test_claims_count_unless_they_are_switched_off() -> None:
    """1.36 says what they take in one map."""
    claiming = pod(
        container("a", "1"),
        nodeAllocatableResourceClaimStatuses=[{"resources": {"cpu": "500m"}}],
    )
    assert cpu(pod_requests(claiming)) == "1500m"
    assert cpu(pod_requests(claiming, dra=False)) == "1"
    assert cpu(pod_limits(claiming)) == "1500m"
    assert cpu(pod_limits(claiming, dra=False)) == "1"


def test_a_container_is_looked_for_among_all_statuses_and_the_first_one_counts() -> (
    None
):
    """``findContainerStatus``: the list of its kind is not asked for."""
    crossed = pod(
        container("a", "1"),
        inits=(container("i", "1"),),
        containerStatuses=[status("i", "3"), status("i", "9")],
        initContainerStatuses=[status("a", "2"), status("i", "9")],
    )
    assert cpu(pod_requests(crossed)) == "3"
    (regular,), (init,) = crossed.containers, crossed.init_containers
    assert cpu(container_requests(crossed, regular)) == "2"
    assert cpu(container_limits(crossed, init)) == "3"


@pytest.mark.parametrize(
    ("said", "requests", "limits"),
    [
        ({"requests": {}, "limits": {}}, "4", {"cpu": "1"}),
        ({"requests": None, "limits": {}}, "1", {"cpu": "1"}),
        ({"requests": {}, "limits": None}, "4", {"cpu": "3"}),
        ({}, "1", {"cpu": "3"}),
        (None, "1", {"cpu": "3"}),
    ],
)
def test_an_empty_map_of_a_status_is_there_and_a_null_one_is_not(
    said: object, requests: str, limits: dict[str, str]
) -> None:
    """Go tells nil from empty: there is nothing, or nothing is said of it."""
    one = pod(
        container("a", "1"),
        containerStatuses=[{"name": "a", "resources": {"limits": {"cpu": "3"}}}],
        allocatedResources={"cpu": "4"},
        resources=said,
    )
    assert cpu(pod_requests(one)) == requests
    assert pod_limits(one) == quantities(limits)


CLAIMED = ["c1", "c2"]
MAPPING = {"containers": CLAIMED, "mapping": [{"name": "cpu", "quantity": "50m"}]}
OVERHEAD = {
    "containers": CLAIMED,
    "overhead": [
        {"name": "memory", "perPod": "1Gi", "perContainer": "100Mi"},
        {"name": "hugepages-2Mi", "perPod": "4Mi"},
    ],
}


def asks(name: str, requests: str = "", limits: str = "") -> dict[str, Any]:
    amounts = {"requests": requests, "limits": limits}
    return {
        "name": name,
        "resources": {kind: {"cpu": text} for kind, text in amounts.items() if text},
    }


def pod_level(requests: str, limits: str) -> dict[str, Any]:
    return {"requests": {"cpu": requests}, "limits": {"cpu": limits}}


CASES_OF_1_37: dict[str, tuple[Pod, dict[str, str], dict[str, str]]] = {
    "one container grows and another shrinks": (
        pod(
            asks("c1", "1", "1"),
            asks("c2", "2", "2"),
            containerStatuses=[status("c1", "2"), status("c2", "1")],
        ),
        {"cpu": "3"},
        {"cpu": "3"},
    ),
    "a status with allocatedResources alone": (
        pod(
            asks("c1", "1"),
            containerStatuses=[{"name": "c1", "allocatedResources": {"cpu": "3"}}],
        ),
        {"cpu": "3"},
        {},
    ),
    "the status of a run-to-completion container": (
        pod(
            asks("c1", "1"),
            inits=(asks("i", "1"),),
            initContainerStatuses=[
                {"name": "i", "resources": {"requests": {"cpu": "4"}}}
            ],
        ),
        {"cpu": "4"},
        {},
    ),
    "infeasible, one container without a status": (
        pod(
            asks("c1", "9", "9"),
            asks("c2", "1"),
            containerStatuses=[status("c1", "2")],
            conditions=pending("Infeasible"),
        ),
        {"cpu": "2"},
        {"cpu": "2"},
    ),
    "a pod-level status, of a pod without pod-level resources": (
        pod(
            asks("c1", "1", "2"),
            allocatedResources={"cpu": "4"},
            resources=pod_level("3", "5"),
        ),
        {"cpu": "4"},
        {"cpu": "5"},
    ),
    "a claim with a mapping": (
        pod(
            asks("c1", "100m", "100m"),
            asks("c2", "100m"),
            nodeAllocatableResourceClaimStatuses=[MAPPING],
        ),
        {"cpu": "250m"},
        {"cpu": "150m"},
    ),
    "a claim with overhead, hugepages a limit without one": (
        pod(
            asks("c1", "100m", "100m"),
            asks("c2", "100m"),
            nodeAllocatableResourceClaimStatuses=[OVERHEAD],
        ),
        {"cpu": "200m", "memory": "1224Mi", "hugepages-2Mi": "4Mi"},
        {"cpu": "100m", "hugepages-2Mi": "4Mi"},
    ),
    "pod-level amounts replace a claim's": (
        pod(
            asks("c1", "1", "1"),
            spec={"resources": pod_level("2", "2")},
            nodeAllocatableResourceClaimStatuses=[
                {"mapping": [{"name": "cpu", "quantity": "3"}]}
            ],
        ),
        {"cpu": "2"},
        {"cpu": "2"},
    ),
    "a pod-level resize that is infeasible": (
        pod(
            asks("c1", "1"),
            spec={"resources": pod_level("10", "20")},
            allocatedResources={"cpu": "3"},
            resources=pod_level("4", "8"),
            conditions=pending("Infeasible"),
        ),
        {"cpu": "4"},
        {"cpu": "8"},
    ),
}


@pytest.mark.parametrize(
    ("case", "requests", "limits"), CASES_OF_1_37.values(), ids=CASES_OF_1_37
)
def test_a_pod_counts_by_the_rule_of_1_37(
    case: Pod, requests: dict[str, str], limits: dict[str, str]
) -> None:
    """component-helpers 1.37: the largest of three sums, and not the sum of maxima."""
    assert pod_requests(case) == quantities(requests)
    assert pod_limits(case) == quantities(limits)


def test_without_pod_level_resize_a_pods_own_status_does_not_count() -> None:
    """The scheduler looks at it; ``kubectl describe`` and quota do not."""
    case, _, _ = CASES_OF_1_37[
        "a pod-level status, of a pod without pod-level resources"
    ]
    assert cpu(pod_requests(case, pod_level_resize=False)) == "1"
    assert cpu(pod_limits(case, pod_level_resize=False)) == "2"
    assert cpu(pod_requests(case, use_status=False)) == "1"


@pytest.mark.parametrize("name", CASES_OF_1_37)
def test_without_the_status_a_pod_counts_as_it_was_asked_for(name: str) -> None:
    case, _, _ = CASES_OF_1_37[name]
    bare = replace(
        case,
        conditions=(),
        allocated=None,
        status_resources=None,
        containers=tuple(map(unseen, case.containers)),
        init_containers=tuple(map(unseen, case.init_containers)),
    )
    assert pod_requests(case, use_status=False) == pod_requests(bare)
    assert pod_limits(case, use_status=False) == pod_limits(bare)


def unseen(one: Container) -> Container:
    return replace(one, allocated=None, status_resources=None)


def test_a_claim_of_which_nothing_is_known_takes_nothing() -> None:
    odd = pod(
        asks("c1", "1"),
        nodeAllocatableResourceClaimStatuses=[
            {},
            {"mapping": [{"name": "cpu", "quantity": None}]},
            {"overhead": [{"name": "cpu", "perContainer": "2"}]},
            None,
        ],
    )
    assert pod_requests(odd) == quantities({"cpu": "1"})


def test_the_rows_of_containers_may_add_up_to_more_than_their_pod() -> None:
    """Each has room for the larger of its two sizes; together they have it once."""
    case, _, _ = CASES_OF_1_37["one container grows and another shrinks"]
    rows = [cpu(container_requests(case, one)) for one in case.containers]
    assert rows == ["2", "2"]
    assert cpu(pod_requests(case)) == "3"


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
