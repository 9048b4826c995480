"""The recorded cluster: what is known of it, found again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from kubemetrics.errors import Forbidden
from kubemetrics.models.metrics import PodMetrics
from kubemetrics.models.pod import Pod
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import (
    Part,
    Parts,
    Snapshot,
    container_rows,
    join,
    rollup,
    summed,
)

from . import recorded

FORBIDDEN = Forbidden("nodes is forbidden", status=403)


@cache
def snapshot() -> Snapshot:
    return join(recorded.parts())


def test_every_pod_has_a_value_or_its_reason() -> None:
    assert len(snapshot().pods) == 100
    assert all(
        (row.usage is None) == (row.reason is not None) for row in snapshot().pods
    )


def test_the_reasons_are_those_of_the_cluster() -> None:
    reasons = Counter(row.reason.code for row in snapshot().pods if row.reason)
    assert reasons == {
        "Finished": 7,
        "NotScheduled": 2,
        "NotStarted": 2,
        "NodeSilent": 2,
        "ContainerNotRunning": 2,
        "Unreported": 4,
    }


def test_coverage_is_one_sentence() -> None:
    assert snapshot().coverage.sentence == (
        "81 of 89 running pods measured (2 NodeSilent, 2 ContainerNotRunning, "
        "4 Unreported); also 7 finished, 4 not running yet"
    )
    assert snapshot().node_coverage.sentence == "9 of 10 nodes measured (1 NodeSilent)"


def test_one_pod_is_measured_in_part() -> None:
    (row,) = [row for row in snapshot().pods if row.partial]
    assert row.key == ("monitoring", "debug-lhhjd")
    assert row.missing == ("envoy-proxy",)
    assert not any(row.stale for row in snapshot().pods)


def test_the_silent_node_is_there() -> None:
    silent = [row for row in snapshot().nodes if row.reason]
    assert [row.name for row in silent] == ["ip-10-0-9-19.ec2.internal"]
    assert silent[0].usage is None
    assert "Ready condition is Unknown" in str(silent[0].reason)


def recorded_total(name: str) -> dict[str, Quantity]:
    """Add up what is written in the recording."""
    items = json.loads(recorded.body(name))["items"]
    usages = [container["usage"] for item in items for container in item["containers"]]
    return {
        resource: sum((Quantity(u[resource]) for u in usages), Quantity(0))
        for resource in ("cpu", "memory")
    }


@pytest.mark.parametrize(
    "by",
    [
        (),
        ("owner",),
        ("namespace",),
        ("node",),
        ("namespace", "owner"),
        ("label:app", "qos"),
        ("priority-class", "pod"),
        ("owner", "container"),
    ],
)
def test_rollups_add_up_to_the_recorded_totals(by: tuple[str, ...]) -> None:
    rows = container_rows(snapshot().pods) if "container" in by else snapshot().pods
    groups = rollup(rows, by)
    expected = recorded_total("podmetrics-all")
    for resource in ("cpu", "memory"):
        values = [group.usage.get(resource, Quantity(0)) for group in groups]
        assert sum(values, Quantity(0)) == expected[resource]
    assert summed(rows).usage == expected


def test_a_namespace_adds_up_to_its_own_recording() -> None:
    namespace = recorded.exchange("podmetrics-namespace")["path"].split("/")[-2]
    groups = {g.key[0].value: g for g in rollup(snapshot().pods, ["namespace"])}
    assert groups[namespace].usage == recorded_total("podmetrics-namespace")


def test_owners_are_concluded_without_a_request() -> None:
    keys = [group.key[0] for group in rollup(snapshot().pods, ["owner"])]
    owners = {f"{key.kind}/{key.value}" for key in keys}
    assert {
        "Deployment/geo-lookup",
        "DaemonSet/kube-proxy",
        "StatefulSet/kafka",
        "Job/notifier-29000029",
        "Pod/debug-lhhjd",
    } <= owners


def test_nodes_are_reconciled_with_their_pods() -> None:
    for row in snapshot().nodes:
        assert row.breakdown is not None
        if row.usage is None:
            assert row.breakdown.rest is None
            continue
        for resource, rest in (row.breakdown.rest or {}).items():
            pods = row.breakdown.pods_usage.get(resource, Quantity(0))
            assert rest + pods == row.usage[resource]
            assert rest > Quantity(0)


def test_system_is_said_only_where_every_pod_is_measured() -> None:
    named = {
        row.name: row.breakdown.rest_name for row in snapshot().nodes if row.breakdown
    }
    assert named["worker-003"] == "system"
    assert named["ip-10-0-2-12.ec2.internal"] == "system and 2 unmeasured pods"
    assert named["ip-10-0-1-11.ec2.internal"] == "system and 1 unmeasured pod"


def test_all_containers_of_all_pods_are_there() -> None:
    rows = container_rows(snapshot().pods)
    listed = json.loads(recorded.body("pods-all"))["items"]
    count = sum(
        len(pod["spec"].get(kind, ()))
        for pod in listed
        for kind in ("containers", "initContainers", "ephemeralContainers")
    )
    assert len(rows) == count
    assert all((row.usage is None) == (row.reason is not None) for row in rows)
    (lacking,) = [
        r for r in rows if (r.row.name, r.name) == ("debug-lhhjd", "envoy-proxy")
    ]
    assert lacking.reason is not None
    assert lacking.reason.code == "Unreported"


def without_nodes(read: Parts) -> Parts:
    return replace(
        read,
        nodes=Part(errors={"": FORBIDDEN}),
        node_metrics=Part(errors={"": FORBIDDEN}),
    )


def test_who_may_read_one_namespace_loses_only_the_nodes() -> None:
    pods = recorded.part("pods-as-nslimited-own", Pod.from_json)
    samples = recorded.part("podmetrics-as-nslimited-own", PodMetrics.from_json)
    limited = join(
        without_nodes(
            replace(
                recorded.parts(),
                pods=pods,
                pod_metrics=samples,
                all_pods=None,
                all_pod_metrics=None,
            )
        )
    )
    whole = {row.key: row for row in snapshot().pods}
    assert limited.nodes == ()
    assert [f.part for f in limited.failures] == ["nodes", "node metrics"]
    for row in limited.pods:
        assert row.usage == whole[row.key].usage
        assert row.demand == whole[row.key].demand
        assert row.ratio("cpu", "node") is None
        assert row.ratio("cpu", "requests") == whole[row.key].ratio("cpu", "requests")
    assert limited.coverage.measured == sum(r.usage is not None for r in limited.pods)


def test_samples_without_readable_pods_stay_and_count() -> None:
    blind = join(replace(recorded.parts(), pods=Part(errors={"": FORBIDDEN})))
    assert len(blind.pods) == 81
    assert all(row.state == "orphan" for row in blind.pods)
    assert summed(blind.pods).usage == recorded_total("podmetrics-all")
    assert blind.coverage.sentence == (
        "0 of 0 running pods measured; also 81 samples of pods not in the list"
    )
    by_label = rollup(blind.pods, ["label:app"])
    known = rollup([r for r in snapshot().pods if r.usage], ["label:app"])
    assert [g.key for g in by_label] == [g.key for g in known]
    assert [g.usage for g in by_label] == [g.usage for g in known]


@pytest.mark.parametrize("code", ["ApiAbsent", "ApiDown"])
def test_without_the_metrics_api_every_pod_says_so(
    code: str, unavailable: Callable[[str], Part[PodMetrics]]
) -> None:
    part = unavailable(code)
    down = join(replace(recorded.parts(), pod_metrics=part))
    assert {row.reason.code for row in down.pods if row.reason} == {code}
    assert len(down.pods) == 100
    assert down.coverage.sentence == (
        f"0 of 89 running pods measured (89 {code}); also 7 finished, 4 not running yet"
    )
