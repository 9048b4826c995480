"""The one reason of a pod without a sample: the first that holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kubemetrics.errors import (
    Forbidden,
    KubeMetricsError,
    MetricsUnavailable,
    TransportError,
)
from kubemetrics.models.pod import Pod
from kubemetrics.snapshot import Part, Parts, PodUsage, Reason, join

from .make import at, node, node_sample, parts, pod, running, sample

ABSENT = MetricsUnavailable("no metrics API", cause="absent", status=404)
DOWN = MetricsUnavailable("metrics API down", cause="down", status=503)
FORBIDDEN = Forbidden("pods.metrics.k8s.io is forbidden", status=403)
LATE = TransportError("no answer", url="https://x", reason="timeout")

DELETED = {"deletionTimestamp": at(20)}
CRASHED: dict[str, Any] = {
    "name": "app",
    "restartCount": 7,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"reason": "Error", "exitCode": 1}},
}
KILLED: dict[str, Any] = {
    "name": "app",
    "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
}
AGAIN = running(
    since=at(-12),
    restartCount=1,
    lastState={"terminated": {"reason": "Error", "exitCode": 2}},
)
UNSCHEDULABLE = [
    {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
    }
]
CREATING = {"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}

TABLE = [
    (pod(phase="Succeeded"), "Finished", "phase Succeeded"),
    (pod(phase="Failed", reason="Evicted"), "Finished", "phase Failed, reason Evicted"),
    (
        pod(node="", phase="Pending", conditions=UNSCHEDULABLE),
        "NotScheduled",
        "(Unschedulable: 0/1 nodes are available: 1 Insufficient cpu)",
    ),
    (
        pod(phase="Pending", statuses=(CREATING,)),
        "NotStarted",
        "container app is waiting (ContainerCreating)",
    ),
    (pod(phase="Pending", statuses=()), "NotStarted", "Its phase is Pending."),
    (pod(meta=DELETED), "Terminating", "deletionTimestamp 2026-05-01T12:00:20"),
    (pod(node="n2"), "NodeSilent", "no sample of node n2, whose Ready condition is Un"),
    (
        pod(statuses=(CRASHED,)),
        "ContainerNotRunning",
        "app is waiting (CrashLoopBackOff; last ended with Error, exit code 1)",
    ),
    (
        pod(statuses=({**CRASHED, "state": {"waiting": {}}},)),
        "ContainerNotRunning",
        "app is waiting (last ended with Error, exit code 1).",
    ),
    (
        pod(statuses=(running("ok"), KILLED)),
        "ContainerNotRunning",
        "Container app is terminated (OOMKilled, exit code 137)",
    ),
    (pod(statuses=(AGAIN,)), "Restarted", "Container app restarted 12s ago"),
    (pod(statuses=(running(since=at(-9)),)), "TooYoung", "It started 9s ago"),
    (pod(statuses=(), startTime=at(-8)), "TooYoung", "It started 8s ago"),
    (pod(), "Unreported", "its node reports"),
]


def only(read: Parts) -> PodUsage:
    (row,) = [row for row in join(read).pods if row.name == "p"]
    return row


def reason(read: Parts) -> Reason:
    found = only(read).reason
    assert found is not None
    return found


def cluster(*pods: Pod) -> Parts:
    """A cluster of two nodes, n2 silent, with one measured pod to set the cadence."""
    nodes = (node("n1"), node("n2", ready="Unknown"))
    return parts((*pods, pod("other")), (sample("other"),), nodes)


@pytest.mark.parametrize(("without", "code", "said"), TABLE)
def test_the_reason_is_what_the_api_showed(without: Pod, code: str, said: str) -> None:
    found = reason(cluster(without))
    assert found.code == code
    assert said in found.explanation
    assert found.explanation.endswith(".")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ABSENT, "ApiAbsent"),
        (DOWN, "ApiDown"),
        (FORBIDDEN, "Forbidden"),
        (LATE, "ReadFailed"),
    ],
)
@pytest.mark.parametrize("without", [row[0] for row in TABLE])
def test_metrics_that_cannot_be_read_are_the_first_reason(
    without: Pod, error: KubeMetricsError, code: str
) -> None:
    read = replace(cluster(without), pod_metrics=Part(errors={"": error}))
    assert reason(read) == Reason(code, str(error))  # type: ignore[arg-type]


EVERYTHING: list[dict[str, Any]] = [
    {"phase": "Failed"},
    {"node": "", "phase": "Pending"},
    {"phase": "Pending"},
    {"meta": DELETED},
    {"node": "n2"},
    {"statuses": ({**CRASHED, "name": "web"}, AGAIN)},
    {"statuses": (AGAIN,)},
    {"statuses": (running(since=at(-1)),)},
]


@pytest.mark.parametrize("first", range(len(EVERYTHING)))
def test_the_first_reason_that_holds_wins(first: int) -> None:
    """Each pod has all the later conditions too."""
    traits: dict[str, Any] = {}
    for later in EVERYTHING[:first:-1]:
        traits |= later
    traits |= EVERYTHING[first]
    codes = [
        "Finished",
        "NotScheduled",
        "NotStarted",
        "Terminating",
        "NodeSilent",
        "ContainerNotRunning",
        "Restarted",
        "TooYoung",
    ]
    assert reason(cluster(pod(**traits))).code == codes[first]


def test_whether_a_node_is_silent_is_unknown_where_it_may_not_be_read() -> None:
    read = replace(cluster(pod(node="n2")), node_metrics=Part(errors={"": FORBIDDEN}))
    found = reason(read)
    assert found.code == "Unreported"
    assert "whether its node reports is not known" in found.explanation
    assert "a silent node" in found.explanation


def test_unreported_names_causes_only_as_possible() -> None:
    said = reason(cluster(pod())).explanation
    assert "possible causes: a container that has used no CPU" in said


def test_a_reason_is_of_the_namespace_where_it_holds() -> None:
    """Of several namespaces one may be forbidden; the others keep their values."""
    read = parts((pod(), pod("q", "other")), (sample("q", "other"),))
    read = replace(
        read,
        pod_metrics=replace(read.pod_metrics, errors={"default": FORBIDDEN}),
    )
    assert reason(read).code == "Forbidden"
    (other,) = [row for row in join(read).pods if row.name == "q"]
    assert other.usage is not None


def test_without_the_servers_date_no_pod_is_called_young() -> None:
    young = pod(statuses=(running(since=at(-1)),))
    read = cluster(young)
    undated = replace(
        read,
        pods=replace(read.pods, date=None),
        pod_metrics=replace(read.pod_metrics, date=None),
        nodes=replace(read.nodes, date=None),
        node_metrics=replace(read.node_metrics, date=None),
    )
    assert reason(undated).code == "Unreported"


def test_a_window_dated_now_makes_no_pod_young_prometheus_adapter_555() -> None:
    old = pod(statuses=(running(since=at(-400)),))
    now = parts((old,), (sample("other", age=0, window="5m0s"),), (node(),), ())
    now = replace(now, node_metrics=Part(errors={"": FORBIDDEN}))
    assert reason(now).code == "Unreported"
    assert join(now).cadence is None
    late = sample("late", age=200, window="5m0s")
    more = tuple(sample(f"s{i}", age=0, window="5m0s") for i in range(3))
    rows = join(parts((old,), (late, *more), (node(),), ())).pods
    assert [row.name for row in rows if row.stale] == ["late"]
    # Of a minute or less it may be that of a provider which measured just now.
    fresh = parts((old,), (sample("other", age=0),), (node(),), ())
    assert join(fresh).cadence == timedelta(seconds=15)


def test_how_long_a_pod_is_young_follows_the_cadence_of_the_list() -> None:
    """A provider's window may be five minutes."""
    young = pod(statuses=(running(since=at(-400)),))
    slow = parts((young,), (sample("other", window="5m0s"),), (node(),), ())
    slow = replace(slow, node_metrics=Part(errors={"": FORBIDDEN}))
    assert reason(slow).code == "TooYoung"
    assert reason(cluster(young)).code == "Unreported"


def test_while_the_api_warms_up_no_node_is_accused() -> None:
    read = parts((pod(),), (), (node(),), ())
    snapshot = join(read)
    assert snapshot.warming
    assert "warms up" in reason(read).explanation
    assert reason(read).code == "Warming"
    assert [row.reason for row in snapshot.nodes] == [reason(read)]
    assert not join(parts((), (), (node(ready="False"),), ())).warming
    assert not join(parts((pod(),), (), (node(),), (node_sample(),))).warming


def test_a_nodes_wrong_clock_makes_no_pod_young() -> None:
    """Start times are the kubelet's: one of a clock ahead lies in the future."""
    ages = (-300, 10, 10)
    nodes = tuple(node(f"n{i}") for i in range(3))
    samples = tuple(node_sample(f"n{i}", age=a) for i, a in enumerate(ages))
    started = running(since=at(-100 + 310))
    long_running = pod("p", node="n0", statuses=(started,), startTime=at(-100 + 310))
    young = pod("q", node="n0", statuses=(running(since=at(-5 + 310)),))
    snapshot = join(parts((long_running, young), (), nodes, samples))
    codes = {row.name: row.reason.code for row in snapshot.pods if row.reason}
    assert codes == {"p": "Unreported", "q": "TooYoung"}


def test_a_pod_whose_kubelet_is_lost_is_not_said_to_run() -> None:
    assert (
        "Its phase is Unknown, its node"
        in reason(cluster(pod(phase="Unknown"))).explanation
    )


@pytest.mark.parametrize(("age", "code"), [(29, "TooYoung"), (31, "Unreported")])
def test_a_pod_is_young_for_two_windows(age: int, code: str) -> None:
    assert reason(cluster(pod(statuses=(running(since=at(-age)),)))).code == code


def test_a_node_that_is_gone_from_the_list_is_silent_too() -> None:
    found = reason(cluster(pod(node="deleted")))
    assert found.code == "NodeSilent"
    assert found.explanation == "The metrics API has no sample of node deleted."


def test_a_restart_long_ago_is_no_reason() -> None:
    old = {**running(), "restartCount": 3}
    assert reason(cluster(pod(statuses=(old,)))).code == "Unreported"


def test_a_node_that_was_not_asked_for_is_not_called_silent() -> None:
    """client.snapshot(node_selector=…) reads the metrics of those nodes alone."""
    crashed = pod("crashed", node="n2", statuses=(CRASHED,))
    pods = (pod("here"), crashed, pod("there", node="n2"))
    some = replace(parts(pods, nodes=(node(),)), some_nodes=True)
    found = {row.name: row.reason for row in join(some).pods}
    codes = {name: reason and reason.code for name, reason in found.items()}
    assert codes == {
        "here": "Unreported", "crashed": "ContainerNotRunning", "there": "Unreported",
    }  # fmt: skip
    unknown = "whether its node reports is not known"
    assert unknown in getattr(found["there"], "explanation", "")
    assert unknown not in getattr(found["here"], "explanation", "")
    silent = replace(parts(pods, nodes=(node(), node("n2"))), some_nodes=True)
    assert {row.reason.code for row in join(silent).pods if row.reason} == {
        "Unreported", "NodeSilent",
    }  # fmt: skip
