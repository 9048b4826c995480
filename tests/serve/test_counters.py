"""Counters go on, begin anew and go as what they are of does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubemetrics.models.metrics import PodMetrics
from kubemetrics.serve.counters import Level
from kubemetrics.serve.families import Choice
from kubemetrics.snapshot import Parts
from tests.snapshot import recorded
from tests.snapshot.make import at

from .rounds import Serving, moved, of_node, pod, round_of, running, sample, series

CPU = "kubemetrics_container_cpu_usage_seconds_total"
OBSERVED = "kubemetrics_container_cpu_observed_seconds_total"
MEMORY = "kubemetrics_container_memory_working_set_bytes"
SILENT = "kubemetrics_pod_unmeasured"
APP = ("default", "p", "app", "n1")


def later(metrics: PodMetrics, seconds: int, **more: Any) -> Parts:  # noqa: ANN401 - of a pod
    """Return a round of one pod so many seconds after the first."""
    return moved(round_of(pod(**more), samples=(metrics,)), seconds)


def test_cpu_is_the_sum_of_what_each_window_used() -> None:
    found = Serving()
    found.take(later(sample(app=("50m", "50Mi"), window="15s"), 0))
    assert found.values(CPU) == {APP: 0.75}
    found.take(later(sample(app=("200m", "60Mi"), window="14.986s"), 15))
    assert found.values(CPU) == {APP: 3.7472}
    assert found.values(OBSERVED) == {APP: 29.986}
    assert found.values(MEMORY) == {APP: 60 * 2**20}


def test_a_sample_that_is_given_again_adds_nothing() -> None:
    found = Serving().take(later(sample(), 0)).take(later(sample(), 0))
    assert found.values(OBSERVED) == {APP: 15}


def test_two_samples_of_one_second_both_count() -> None:
    """At a cadence of a second: the API says its whole ones, whenever they ended."""
    found = Serving().take(later(sample(age=1, window="1s", app=("1", "1Mi")), 0))
    for window, memory, observed in (
        ("0.9s", "2Mi", 1.9),
        ("0.9s", "2Mi", 1.9),  # given again
        ("0.9s", "3Mi", 2.8),
        ("1s", "4Mi", 2.8),  # another's, who measures beside the first
        ("0s", "5Mi", 2.8),
    ):
        found.take(later(sample(age=1, window=window, app=("1", memory)), 0))
        assert found.values(OBSERVED) == {APP: observed}
        assert found.values(CPU) == {APP: observed}
    found.take(later(sample(age=1, window="1.2s", app=("1", "1Mi")), 1))
    assert found.values(OBSERVED) == {APP: 4.0}


def test_a_gap_is_in_neither_sum() -> None:
    found = Serving().take(later(sample(), 0)).take(later(sample(), 60))
    assert found.values(OBSERVED) == {APP: 30}


def test_windows_that_overlap_count_no_time_twice() -> None:
    found = Serving().take(later(sample(window="5m"), 0))
    found.take(later(sample(window="5m"), 60))
    assert found.values(OBSERVED) == {APP: 360}


def test_after_a_clock_is_set_back_counting_goes_on() -> None:
    found = Serving().take(later(sample(), 0))
    found.take(later(sample(), -3600)).take(later(sample(), -3585))
    assert found.values(OBSERVED) == {APP: 30}


def test_a_restarted_container_begins_at_nothing() -> None:
    found = Serving().take(later(sample(), 0)).take(later(sample(), 15))
    again = {"statuses": (running(since=at(20), restartCount=1),)}
    found.take(later(sample(window="5s"), 30, **again))
    assert found.values(OBSERVED) == {}, "the window is that of the one before"
    found.take(later(sample(window="15s"), 45, **again))
    assert found.values(OBSERVED) == {APP: 15}


def test_a_pod_of_the_same_name_begins_at_nothing() -> None:
    found = Serving().take(later(sample(), 0)).take(later(sample(), 15))
    found.take(later(sample(), 30, meta={"uid": "another"}))
    assert found.values(OBSERVED) == {APP: 15}


def test_a_pod_that_is_gone_goes_at_once() -> None:
    found = Serving().take(later(sample(), 0)).take(moved(round_of(samples=()), 15))
    assert not [name for name, labels, _ in series(found.families()) if "pod" in labels]


def test_a_finished_pod_has_a_reason_and_no_value() -> None:
    found = Serving().take(later(sample(), 0))
    found.take(later(sample(), 15, phase="Succeeded"))
    assert found.values(CPU) == {}
    assert found.values(SILENT) == {("default", "p", "Finished"): 1}


def test_a_value_stays_two_rounds_and_then_a_reason_stands_for_it() -> None:
    found = Serving().take(later(sample(), 0))
    for seconds in (15, 30):
        found.take(moved(round_of(pod(), samples=()), seconds))
        assert found.values(CPU) == {APP: 0.75}
        assert found.values(SILENT) == {}
    found.take(moved(round_of(pod(), samples=()), 45))
    assert found.values(CPU) == {}
    assert found.values(SILENT) == {("default", "p", "Unreported"): 1}
    found.take(later(sample(), 60))
    assert found.values(CPU) == {APP: 1.5}, "its sum goes on from where it was"
    assert found.values(SILENT) == {}


def test_a_sample_that_grows_old_is_no_value() -> None:
    old = round_of(pod(), samples=(sample(),))
    found = Serving().take(old)
    for seconds in (60, 75, 90):
        aged = moved(old, seconds)
        found.take(
            replace(
                aged, pod_metrics=replace(aged.pod_metrics, items=old.pod_metrics.items)
            )
        )
    assert found.values(CPU) == {}
    assert found.values(SILENT) == {("default", "p", "Stale"): 1}


def test_a_sample_without_its_time_cannot_be_counted() -> None:
    undated = replace(sample(), timestamp=None)
    found = Serving().take(round_of(pod(), samples=(undated,)))
    assert found.values(CPU) == {}
    assert found.values(SILENT) == {("default", "p", "Undated"): 1}


def test_a_container_without_a_value_beside_one_that_has_one() -> None:
    both = {"statuses": (running("app"), running("log"))}
    found = Serving().take(later(sample(app=("50m", "50Mi")), 0, **both))
    assert found.values("kubemetrics_container_unmeasured") == {
        ("default", "p", "log", "n1", "Unreported"): 1
    }
    assert found.values(SILENT) == {}


def test_memory_alone_is_served_with_the_reason_for_cpu() -> None:
    memory = PodMetrics.from_json(
        {
            "metadata": {"name": "p", "namespace": "default"},
            "timestamp": at(-10),
            "window": "15s",
            "containers": [{"name": "app", "usage": {"memory": "50Mi"}}],
        }
    )
    found = Serving().take(round_of(pod(), samples=(memory,)))
    assert (found.values(CPU), found.values(OBSERVED)) == ({}, {})
    assert found.values(MEMORY) == {APP: 50 * 2**20}
    assert found.values("kubemetrics_container_unmeasured") == {(*APP, "Unreported"): 1}


def test_pods_that_may_not_be_read_are_known_by_their_samples() -> None:
    found = Serving().take(moved(round_of(samples=(sample(),)), 0))
    found.take(moved(round_of(samples=(sample(),)), 15))
    assert found.values(OBSERVED) == {("default", "p", "app", ""): 30}


def test_a_pod_counts_its_time_once_whatever_its_containers() -> None:
    both = {"statuses": (running("app"), running("log"))}
    usage = sample(app=("50m", "50Mi"), log=("10m", "10Mi"))
    found = Serving("pod").take(later(usage, 0, **both)).take(later(usage, 15, **both))
    key = ("default", "p", "n1")
    assert found.values("kubemetrics_pod_cpu_usage_seconds_total") == {key: 1.8}
    assert found.values("kubemetrics_pod_cpu_observed_seconds_total") == {key: 30}
    assert found.values("kubemetrics_pod_memory_working_set_bytes") == {key: 60 * 2**20}


def owned(name: str) -> dict[str, Any]:
    of = [{"kind": "DaemonSet", "name": "agent", "controller": True}]
    return {"name": name, "meta": {"uid": name, "ownerReferences": of}}


def test_a_group_keeps_what_pods_used_that_are_gone() -> None:
    a, b = pod(**owned("a")), pod(**owned("b"))
    found = Serving("workload")
    found.take(round_of(a, b, samples=(sample("a"), sample("b"))))
    key = ("default", "DaemonSet", "agent")
    observed = "kubemetrics_workload_cpu_observed_seconds_total"
    assert found.values(observed) == {key: 30}
    found.take(moved(round_of(a, samples=(sample("a"),)), 15))
    assert found.values(observed) == {key: 45}
    assert found.values("kubemetrics_workload_pods") == {key: 1}
    assert found.values("kubemetrics_workload_memory_working_set_bytes") == {
        key: 50 * 2**20
    }
    found.take(moved(round_of(samples=()), 30))
    assert found.values(observed) == {}
    found.take(moved(round_of(a, samples=(sample("a"),)), 45))
    assert found.values(observed) == {key: 15}, "it begins anew"


def test_a_group_counts_its_silent_pods_by_reason() -> None:
    a, b = pod(**owned("a")), pod(**owned("b"))
    found = Serving("namespace").take(round_of(a, b, samples=(sample("a"),)))
    assert found.values("kubemetrics_namespace_unmeasured") == {
        ("default", "Unreported"): 1
    }
    assert found.values("kubemetrics_namespace_resource_requests") == {
        ("default", "cpu", "core"): 0.2,
        ("default", "memory", "byte"): 200 * 2**20,
    }


def test_groups_are_apart_by_the_labels_asked_for() -> None:
    a = pod("a", meta={"labels": {"app.kubernetes.io/name": "x"}})
    found = Serving("namespace", "app.kubernetes.io/name")
    found.take(round_of(a, pod("b"), samples=(sample("a"), sample("b"))))
    labels = [
        labels
        for name, labels, _ in series(found.families())
        if name == "kubemetrics_namespace_pods"
    ]
    assert labels == [
        {"namespace": "default", "label_app_kubernetes_io_name": "x"},
        {"namespace": "default", "label_app_kubernetes_io_name": ""},
    ]


def test_a_limit_that_a_container_lacks_is_no_limit() -> None:
    spec = {
        "containers": [
            {"name": "app", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
            {"name": "log", "resources": {"limits": {"cpu": "1"}}},
        ]
    }
    found = Serving("pod").take(round_of(pod(spec=spec), samples=()))
    assert found.values("kubemetrics_pod_resource_limits") == {
        ("default", "p", "n1", "cpu", "core"): 2
    }


def test_a_node_counts_and_has_what_its_pods_request() -> None:
    found = Serving("node").take(round_of(pod(), samples=(sample(),)))
    assert found.values("kubemetrics_node_cpu_usage_seconds_total") == {("n1",): 15}
    assert found.values("kubemetrics_node_resource_requests") == {
        ("n1", "cpu", "core"): 0.1,
        ("n1", "memory", "byte"): 100 * 2**20,
    }
    assert found.values("kubemetrics_node_allocatable")["n1", "pods", "integer"] == 10
    assert not found.values(SILENT)


def test_a_node_that_is_silent_says_why() -> None:
    quiet = round_of(pod(), samples=())
    two = replace(quiet, nodes=replace(quiet.nodes, items=(of_node(), of_node("n2"))))
    found = Serving().take(two)
    assert found.values("kubemetrics_node_unmeasured") == {("n2", "NodeSilent"): 1}


def test_a_node_of_the_same_name_begins_at_nothing() -> None:
    found = Serving("node").take(round_of(samples=()))
    again = moved(round_of(samples=()), 15)
    other = replace(of_node(), uid="another")
    found.take(replace(again, nodes=replace(again.nodes, items=(other,))))
    assert found.values("kubemetrics_node_cpu_observed_seconds_total") == {("n1",): 15}


def test_every_running_container_of_the_recording_has_a_value_or_a_reason() -> None:
    found = Serving().take(recorded.parts())
    shown = {labels[:3] for labels in found.values(CPU)}
    silent = {labels[:2] for labels in found.values(SILENT)}
    alone = {labels[:3] for labels in found.values("kubemetrics_container_unmeasured")}
    pods = [row.pod for row in found.snapshot.pods if row.pod]
    assert len(pods) > 50
    for one in pods:
        for container in one.all_containers:
            if container.running:
                key = (*one.key, container.name)
                said = (key in shown, one.key in silent, key in alone)
                assert sum(said) == 1, (key, said)


def test_lean_is_usage_and_reasons_alone() -> None:
    found = Serving().take(recorded.parts())
    names = {name for name, _, _ in series(found.families(Choice(lean=True)))}
    assert CPU in names
    assert SILENT in names
    assert "kubemetrics_pod_info" not in names
    assert "kubemetrics_pod_resource_requests" not in names


def test_the_times_of_samples_stand_beside_usage_alone() -> None:
    found = Serving().take(round_of(pod(), samples=(sample(),)))
    for family in found.families(Choice(timestamps=True)):
        timed = "_cpu_" in family.metric.name or "_memory_" in family.metric.name
        assert all((p.stamp is not None) == timed for p in family.points), family


def test_what_is_not_known_has_no_series() -> None:
    """Pods and nodes that may not be read; a provider without node samples."""
    alone = round_of(samples=(sample(),))
    alone = replace(alone, nodes=replace(alone.nodes, items=()))
    found = Serving("node").take(alone)
    assert {n for n, labels, _ in series(found.families()) if "node" in labels} == {
        f"kubemetrics_node_{name}"
        for name in (
            "cpu_usage_seconds_total",
            "cpu_usage_seconds_created",
            "cpu_observed_seconds_total",
            "memory_working_set_bytes",
        )
    }
    found = Serving().take(alone)
    assert not found.values("kube_pod_info", Choice(names="kubelet"))


def test_the_memory_of_a_group_is_that_of_the_pods_that_have_one() -> None:
    a, b = pod(**owned("a")), pod(**owned("b"))
    only_cpu = replace(sample("b"), containers=_without_memory(sample("b")))
    found = Serving("workload").take(round_of(a, b, samples=(sample("a"), only_cpu)))
    memory = "kubemetrics_workload_memory_working_set_bytes"
    assert [*found.values(memory).values()] == [50 * 2**20]
    assert [*found.values("kubemetrics_workload_unmeasured")] == [
        ("default", "DaemonSet", "agent", "Unreported")
    ]


@pytest.mark.parametrize("level", ["pod", "namespace"])
def test_a_pod_without_one_of_its_containers_is_said_to_be_partial(
    level: Level,
) -> None:
    both = {"statuses": (running("app"), running("log"))}
    found = Serving(level).take(later(sample(), 0, **both))
    reasons = {labels[-1] for labels in found.values(f"kubemetrics_{level}_unmeasured")}
    assert reasons == {"Partial"}


def test_a_node_of_which_only_cpu_is_known() -> None:
    odd = round_of(samples=())
    (of,) = odd.node_metrics.items
    of = replace(of, usage={"cpu": of.usage["cpu"]})
    found = Serving().take(
        replace(odd, node_metrics=replace(odd.node_metrics, items=(of,)))
    )
    assert found.values("kubemetrics_node_cpu_observed_seconds_total") == {("n1",): 15}
    assert not found.values("kubemetrics_node_memory_working_set_bytes")
    assert found.values("kubemetrics_node_unmeasured")


def _without_memory(metrics: PodMetrics) -> Any:  # noqa: ANN401 - its containers
    return tuple(replace(c, usage={"cpu": c.usage["cpu"]}) for c in metrics.containers)
