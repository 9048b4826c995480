"""Percentages: both parts are of the same containers, or the percentage is marked."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest

from kubemetrics.models.pod import Pod
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import PodUsage, container_rows, join, rollup
from kubemetrics.table.expressions import where
from kubemetrics.views.groups import group_table
from kubemetrics.views.pods import pod_table

from .make import parts, pod, running, sample

MEM = "memory"
Amounts = Mapping[str, Any]


def amounts(requests: str = "", limits: str = "") -> Amounts:
    """Return ``resources`` of memory, with CPU beside it."""
    asked = {"requests": {MEM: requests, "cpu": "1"}} if requests else {}
    capped = {"limits": {MEM: limits, "cpu": "1"}} if limits else {}
    return {**asked, **capped}


def made(
    containers: Mapping[str, Amounts],
    *,
    init: Mapping[str, tuple[str, Amounts]] | None = None,
    state: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
    name: str = "p",
) -> Pod:
    """Return a pod; *init* holds a kind and amounts, *state* what is not running."""
    states = {"done": {"terminated": {"exitCode": 0}}, "runs": {"running": {}}}
    kinds = init or {}
    return pod(
        name,
        statuses=tuple(
            running(c)
            if (state or {}).get(c) is None
            else {"name": c, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
            for c in containers
        ),
        spec={
            "containers": [
                {"name": c, "resources": given} for c, given in containers.items()
            ],
            "initContainers": [
                {
                    "name": c,
                    "resources": given,
                    **({"restartPolicy": "Always"} if kind == "sidecar" else {}),
                }
                for c, (kind, given) in kinds.items()
            ],
            **(spec or {}),
        },
        initContainerStatuses=[
            {"name": c, "state": states["done" if kind == "ended" else "runs"]}
            for c, (kind, _) in kinds.items()
        ],
    )


def row_of(of: Pod, **memory: str) -> PodUsage:
    given: dict[str, Any] = {name: ("10m", value) for name, value in memory.items()}
    (row,) = join(parts((of,), (sample(**given),))).pods
    return row


def shown(row: PodUsage, base: str) -> str:
    """Return the percentage of memory as a table shows it, its mark included."""
    column = pod_table().need(f"mem.pct_{base}")
    share = column.get(row)
    assert column.mark is not None
    if not isinstance(share, Fraction):
        return "-"
    return f"{column.mark(row)}{share * 100 // 1}%"


APP = amounts("1Gi", "1Gi")


def test_an_ended_init_container_does_not_dilute_the_alarm_of_the_readme() -> None:
    """kube-capacity#53, #74: at 972Mi of 1Gi it is about to be killed."""
    ended = made({"app": APP}, init={"setup": ("ended", amounts("64Mi", "4Gi"))})
    row = row_of(ended, app="972Mi")
    assert row.demand is not None
    assert row.demand.limits[MEM] == Quantity("4Gi")
    assert shown(row, "limit") == "*94%"
    assert shown(row, "request") == "94%"
    assert where("mem.pct_limit > 90", pod_table())(row)


def test_a_partial_sample_is_compared_with_the_containers_measured() -> None:
    """k9s#1867: 163Mi beside a request of 1024Mi that another container has."""
    two = made({"a": amounts("128Mi", "256Mi"), "b": amounts("896Mi", "1Gi")})
    row = row_of(two, a="163Mi")
    assert row.missing == ("b",)
    assert shown(row, "request") == "*127%"
    assert shown(row, "limit") == "*63%"


def test_usage_of_containers_without_a_request_is_in_no_share_of_requests() -> None:
    """k9s#2196, radar#1291: 11611m of 400m is no 2902 %."""
    two = made({"a": amounts("100Mi"), "b": {}})
    row = row_of(two, a="50Mi", b="900Mi")
    assert row.usage is not None
    assert row.usage[MEM] == Quantity("950Mi")
    assert shown(row, "request") == "*50%"
    whole = made({"b": {}})
    assert shown(row_of(whole, b="900Mi"), "request") == "-"


def test_what_is_set_aside_is_divided_though_nothing_that_runs_requests_it() -> None:
    ended = made({"app": {}}, init={"i": ("ended", amounts("224Mi"))})
    row = row_of(ended, app="247Mi")
    assert row.ratio(MEM, "requests") == Fraction(247, 224)
    assert shown(row, "request") == "110%"
    assert pod_table().need("mem.requests").get(row) == Quantity("224Mi")
    (group,) = rollup([row], ["namespace"])
    assert group.ratio(MEM, "requests") == Fraction(247, 224)


def test_such_a_share_is_a_lower_bound_where_something_was_not_measured() -> None:
    ended = made({"app": {}, "b": {}}, init={"i": ("ended", amounts("224Mi"))})
    row = row_of(ended, app="56Mi")
    assert shown(row, "request") == "~25%"


def test_a_limit_that_a_measured_container_lacks_gives_no_share() -> None:
    two = made({"a": amounts("", "100Mi"), "b": {}})
    assert shown(row_of(two, a="50Mi", b="1Mi"), "limit") == "-"
    assert shown(row_of(two, a="50Mi"), "limit") == "*50%"


def test_an_init_container_counts_while_it_runs() -> None:
    while_it_runs = made({"app": APP}, init={"setup": ("runs", amounts("", "100Mi"))})
    assert shown(row_of(while_it_runs, setup="90Mi"), "limit") == "*90%"


def test_a_sidecar_serves_and_an_ended_init_container_that_was_measured_does_not() -> (
    None
):
    mesh = made(
        {"app": APP},
        init={
            "setup": ("ended", amounts("8Gi", "8Gi")),
            "proxy": ("sidecar", amounts("1Gi", "1Gi")),
        },
    )
    row = row_of(mesh, app="512Mi", proxy="512Mi", setup="1Gi")
    assert shown(row, "limit") == "*50%"
    assert shown(row, "request") == "*50%"


@pytest.mark.parametrize(
    ("memory", "share"),
    [({"a": "1Gi", "b": "512Mi"}, "75%"), ({"a": "1Gi"}, "~50%")],
)
def test_pod_level_amounts_are_those_of_the_whole_pod(
    memory: Mapping[str, str], share: str
) -> None:
    """A sample that lacks a container is then a lower bound, and marked as one."""
    level = {"resources": amounts("2Gi", "2Gi")}
    two = made({"a": amounts("1Mi", "1Gi"), "b": {}}, spec=level)
    row = row_of(two, **memory)
    assert shown(row, "request") == share
    assert shown(row, "limit") == share


def test_the_overhead_of_a_runtime_class_is_no_part_of_a_share() -> None:
    sandboxed = made({"app": APP}, spec={"overhead": {MEM: "1Gi", "cpu": "1m"}})
    row = row_of(sandboxed, app="512Mi")
    assert row.demand is not None
    assert row.demand.requests[MEM] == Quantity("2Gi")
    assert shown(row, "request") == "*50%"


def test_a_resize_in_which_rows_add_up_to_more_is_divided_by_the_pods_amount() -> None:
    status = [
        running("a", resources={"requests": {MEM: "2Gi"}}),
        running("b", resources={"requests": {MEM: "1Gi"}}),
    ]
    resized = pod(
        statuses=(running("a"), running("b")),
        spec={
            "containers": [
                {"name": "a", "resources": amounts("1Gi")},
                {"name": "b", "resources": amounts("2Gi")},
            ]
        },
        containerStatuses=status,
    )
    row = row_of(resized, a="1536Mi", b="1536Mi")
    assert shown(row, "request") == "100%"
    assert shown(row_of(resized, a="1Gi"), "request") == "*50%"


def test_a_pods_own_status_is_not_that_of_the_containers_that_serve() -> None:
    """A kubelet allots the peak of the start as well, of an init container's."""
    ended = {"name": "setup", "resources": amounts("4Gi")}
    allotted = pod(
        statuses=(running(),),
        spec={
            "containers": [{"name": "app", "resources": amounts("1Gi")}],
            "initContainers": [ended],
        },
        initContainerStatuses=[{"name": "setup", "state": {"terminated": {}}}],
        allocatedResources=amounts("4Gi")["requests"],
        resources=amounts("4Gi"),
    )
    assert shown(row_of(allotted, app="512Mi"), "request") == "*50%"


def test_a_claim_counts_in_the_whole_pod_and_in_no_single_container() -> None:
    claim = {
        "resourceClaimName": "c",
        "containers": ["a"],
        "mapping": [{"name": MEM, "quantity": "1Gi"}],
    }
    claiming = pod(
        statuses=(running("a"), running("b")),
        spec={
            "containers": [
                {"name": name, "resources": amounts("1Gi")} for name in ("a", "b")
            ]
        },
        nodeAllocatableResourceClaimStatuses=[claim],
    )
    assert shown(row_of(claiming, a="1Gi", b="512Mi"), "request") == "50%"
    assert shown(row_of(claiming, a="1Gi"), "request") == "*100%"


def test_the_value_of_a_pod_as_a_whole_is_compared_with_the_containers_that_run() -> (
    None
):
    """One cgroup cannot be told apart: no share where one has no request."""
    ended = made({"app": APP}, init={"setup": ("ended", amounts("4Gi", "4Gi"))})
    assert shown(row_of(ended, **{"": "512Mi"}), "limit") == "*50%"
    mixed = made({"a": APP, "b": {}})
    assert shown(row_of(mixed, **{"": "512Mi"}), "request") == "-"
    assert shown(row_of(mixed, **{"": "512Mi"}), "limit") == "-"


def test_an_impossible_value_is_in_neither_part() -> None:
    two = made({"a": APP, "b": amounts("3Gi", "3Gi")})
    assert shown(row_of(two, a="512Mi", b="-1Mi"), "limit") == "*50%"


def test_a_group_divides_what_can_be_divided_and_marks_it() -> None:
    pods = (
        made({"app": APP}, init={"i": ("ended", amounts("", "4Gi"))}, name="a"),
        made({"app": APP}, name="b"),
        made({"app": {}}, name="c"),
        made({"app": APP}, name="d"),
    )
    samples = tuple(
        sample(name, app=("1m", memory))
        for name, memory in {"a": "1Gi", "b": "512Mi", "c": "7Gi"}.items()
    )
    rows = join(parts(pods, samples)).pods
    table = group_table(("namespace",))
    (group,) = rollup(rows, ["namespace"])
    assert group.ratio(MEM, "requests") == Fraction(3, 4)
    column = table.need("mem.pct_request")
    assert column.mark is not None
    assert column.mark(group) == "*"
    assert group.ratio(MEM, "limits") is None
    (two,) = rollup(rows[:2], ["namespace"])
    assert two.ratio(MEM, "limits") == Fraction(3, 4)
    assert table.need("mem.compared.limits").get(two) == Quantity("2Gi")


def test_machines_are_told_what_a_marked_percentage_divides() -> None:
    ended = made({"app": APP}, init={"setup": ("ended", amounts("64Mi", "4Gi"))})
    row = row_of(ended, app="972Mi")
    table = pod_table()
    keys = ("requests", "usage_in_requests", "limits", "usage_in_limits")
    found = [table.need(f"mem.compared.{key}").get(row) for key in keys]
    assert found == [None, None, Quantity("1Gi"), Quantity("972Mi")]


def test_an_init_container_shows_what_it_asks_for_and_lacks_nothing() -> None:
    ended = made(
        {"app": APP}, init={"i": ("ended", amounts("64Mi")), "j": ("runs", {})}
    )
    first, second, _ = container_rows(join(parts((ended,))).pods)
    assert first.demand is not None
    assert first.demand.requests == {MEM: Quantity("64Mi"), "cpu": Quantity(1)}
    assert first.demand.unlimited == {}
    assert second.demand is not None
    assert second.demand.unrequested == {}
