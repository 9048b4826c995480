"""What a list that lacks samples shows: a start, a provider's gap, a young node."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from kubemetrics.api import Api
from kubemetrics.doctor import Finding
from kubemetrics.doctor.diagnose import samples as sample_findings
from kubemetrics.flow import Request, Response
from kubemetrics.models.node import Node
from kubemetrics.snapshot import (
    NodeUsage,
    Part,
    Parts,
    PodUsage,
    Snapshot,
    container_rows,
    join,
    snapshot,
)

from .drive import answer, drive
from .make import NOW, at, node, node_sample, parts, pod, running, sample

T = TypeVar("T")
TWO = (node("n1"), node("n2"))


def every(found: Snapshot) -> list[PodUsage | NodeUsage]:
    """Return the rows of pods and nodes."""
    return [*found.pods, *found.nodes]


def codes(found: Snapshot) -> dict[str, str]:
    """Return the code of each row without a value, pods and nodes together."""
    return {row.name: row.reason.code for row in every(found) if row.reason}


def explanation(found: Snapshot, name: str) -> str:
    (row,) = [row for row in every(found) if row.name == name]
    return row.reason.explanation if row.reason else ""


def finding(found: Snapshot, check: str) -> Finding:
    (only,) = [f for f in sample_findings(found) if f.check == check]
    return only


def joined(name: str, ago: float) -> Node:
    """Return a node that joined so many seconds ago."""
    return Node.from_json(
        {
            "metadata": {"name": name, "creationTimestamp": at(-ago)},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
    )


def test_where_nothing_has_a_sample_every_row_is_warming() -> None:
    """A list of NodeSilent reads as a dead fleet: helm-charts#738, #3613."""
    pods = (pod("a"), pod("b", node="n2"), pod("done", phase="Succeeded"))
    found = join(parts(pods, (), TWO, ()))
    assert found.warming
    assert codes(found) == {
        "a": "Warming", "b": "Warming", "done": "Finished", "n1": "Warming",
        "n2": "Warming",
    }  # fmt: skip
    young = join(parts((pod("a", node="n"),), (), (joined("n", 30),), ()))
    assert codes(young) == {"a": "Warming", "n": "Warming"}
    (row,) = [row for row in container_rows(found.pods) if row.row.name == "a"]
    assert row.reason == next(r for r in found.pods if r.name == "a").reason


@pytest.mark.parametrize("other", ["ready", "sample"])
def test_it_does_not_warm_up_without_a_ready_node_or_with_any_sample(
    other: str,
) -> None:
    nodes = (node("n1", ready="False" if other == "ready" else "True"),)
    given = (sample("gone"),) if other == "sample" else ()
    found = join(parts((pod("a"),), given, nodes, ()))
    assert not found.warming
    assert codes(found) == {"a": "NodeSilent", "n1": "NodeSilent"}


def test_pods_measured_and_no_node_is_said_of_the_provider_and_no_node_is_silent() -> (
    None
):
    """helm-charts#3613, prometheus-adapter#549, #610, #639: so for months."""
    pods = (pod("a"), pod("lost", node="n2"))
    found = join(parts(pods, (sample("a"),), TWO, ()))
    assert not found.warming
    assert codes(found) == {
        "lost": "Unreported", "n1": "Unreported", "n2": "Unreported",
    }  # fmt: skip
    assert "whether its node reports is not known" in explanation(found, "lost")
    assert "measures pods and no node" in explanation(found, "n1")
    nodes = finding(found, "nodes")
    assert nodes.evidence.splitlines() == [
        explanation(found, "n1"), "Unreported as well: n2",
    ]  # fmt: skip
    assert "node query" in nodes.advice
    assert finding(found, "pods").what == (
        "1 of 2 running pods has no value: 1 Unreported."
    )


def test_nodes_measured_and_no_pod_is_said_first() -> None:
    """kube-prometheus#2242, metrics-server#1558, #1036."""
    pods = (pod("a"), pod("b", node="n2"))
    both = (node_sample("n1"), node_sample("n2"))
    found = join(parts(pods, (), TWO, both))
    assert codes(found) == {"a": "Unreported", "b": "Unreported"}
    assert "measures nodes and no pod" in explanation(found, "a")
    pods_finding = finding(found, "pods")
    assert pods_finding.evidence.startswith("the provider measures nodes and no pod\n")
    assert "query or scrape of pods" in pods_finding.advice


def test_one_pod_without_a_sample_says_nothing_of_all_pods() -> None:
    young = pod("b", statuses=(running(since=at(-5)),))
    found = join(parts((pod("a"), young), (), TWO, (node_sample(),)))
    assert found.unmeasured == ""


def test_no_pod_of_one_node_is_said_first() -> None:
    """kubeedge#2525, #2834: all four are on node edge."""
    pods = tuple(pod(f"e{i}", node="edge") for i in range(4))
    nodes, both = (node(), node("edge")), (node_sample(), node_sample("edge"))
    found = join(parts((pod("a"), *pods), (sample("a"),), nodes, both))
    first = "all 4 are on node edge, and no pod of it is measured\n"
    assert finding(found, "pods").evidence.startswith(first)
    some = join(parts((pod("a"), *pods), (sample("a"), sample("e1")), nodes, both))
    assert "no pod of" not in finding(some, "pods").evidence
    alone = join(parts((pod("a"), pods[0]), (sample("a"),), nodes, both))
    assert "no pod of" not in finding(alone, "pods").evidence


def test_a_node_that_just_joined_is_young_and_so_are_its_pods() -> None:
    """metrics-server#1571, #1704: at each scale-up."""
    nodes = (node(), joined("fresh", 20))
    old = pod("old", node="fresh")
    young = pod("b", node="fresh", statuses=(running(since=at(-10)),))
    found = join(parts((old, young), (), nodes, (node_sample(),)))
    assert codes(found) == {"b": "TooYoung", "old": "TooYoung", "fresh": "TooYoung"}
    assert explanation(found, "fresh").startswith("Node fresh joined 20s ago; ")
    assert "kubelet" not in finding(found, "nodes").advice
    assert finding(found, "nodes").severity == finding(found, "pods").severity == "info"
    waiting = {"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    crashed = join(
        parts((pod(node="fresh", statuses=(waiting,)),), (), nodes, (node_sample(),))
    )
    assert codes(crashed)["p"] == "ContainerNotRunning"
    late = join(parts((old,), (), (node(), joined("fresh", 600)), (node_sample(),)))
    assert codes(late) == {"old": "NodeSilent", "fresh": "NodeSilent"}
    assert (
        finding(late, "nodes").severity == finding(late, "pods").severity == "warning"
    )


def test_what_is_dated_far_in_the_future_is_not_young_for_ever() -> None:
    """A start an hour ahead of the server's clock says nothing; a little ahead does."""
    ahead, far = (pod(statuses=(running(since=at(s)),)) for s in (5, 3600))
    for made, code in ((ahead, "TooYoung"), (far, "Unreported")):
        found = join(parts((made,)))
        assert codes(found) == {"p": code}


def undated(read: Parts) -> Parts:
    def bare(part: Part[T]) -> Part[T]:
        return replace(part, date=None)

    return replace(
        read,
        pods=bare(read.pods),
        pod_metrics=bare(read.pod_metrics),
        nodes=bare(read.nodes),
        node_metrics=bare(read.node_metrics),
    )


def test_without_a_date_ages_are_by_our_own_clock_and_it_is_said() -> None:
    young = pod("young", statuses=(running(since=at(-5)),), startTime=at(-5))
    read = undated(parts((pod("a"), young), (sample("a", age=3960),)))
    found = join(replace(read, own_clock=NOW))
    assert found.own_clock
    assert found.date == NOW
    assert "by our clock" in finding(found, "clock").what
    old = next(row for row in found.pods if row.name == "a")
    assert old.age == timedelta(seconds=3960)
    assert old.stale
    assert codes(found) == {"young": "TooYoung"}
    assert not join(parts((pod("a"),))).own_clock


def test_our_clock_is_asked_only_where_no_answer_is_dated() -> None:
    def server(dated: str) -> Snapshot:
        def reply(_: Request) -> Response:
            return answer({"items": []}, date=dated)

        return drive(snapshot(Api(), {}, now=lambda: NOW), reply)

    assert server("").date == NOW
    assert server("").own_clock
    found = server("Mon, 23 Nov 2026 02:59:48 GMT")
    assert found.date is not None
    assert found.date != NOW
    assert not found.own_clock


def test_our_clock_is_this_machines() -> None:
    undated = drive(snapshot(Api(), {}), lambda _: answer({"items": []}, date=""))
    assert undated.date is not None
    assert undated.date > NOW


def test_a_stamp_ahead_of_the_clock_is_a_warning() -> None:
    """``ok … the newest -59m54s old``."""
    pods, stamps = tuple(map(pod, "abc")), (sample("a"), sample("b", age=-3600))
    found = join(parts(pods, (*stamps, sample("c")), node_samples=(node_sample(),)))
    freshness = finding(found, "samples")
    assert freshness.severity == "warning"
    assert "1 of 4 samples is dated in the future: 1h ahead" in freshness.what
    assert "the newest 10s old" in freshness.evidence
