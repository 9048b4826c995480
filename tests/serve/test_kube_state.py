"""Under the kubelet's names there is what dashboards and krr look for beside usage."""

from __future__ import annotations

import re
from typing import Any

from kubemetrics.models.pod import Pod
from kubemetrics.serve.families import Choice, known
from tests.snapshot import recorded
from tests.snapshot.make import node, parts

from .queries import QUERIES, RULES, UNANSWERED
from .rounds import Serving, of_node, pod, round_of, running, sample, series

KUBELET = Choice(names="kubelet")
STATUS = "kube_pod_container_status"


def values(name: str, *pods: Pod, labels: tuple[str, ...] = ()) -> dict[Any, float]:
    """Return the series of a name by what tells them apart but pod and uid."""
    found = Serving("container", *labels).take(round_of(*pods, samples=()))
    return {
        tuple(v for k, v in given.items() if k not in {"namespace", "uid"}): value
        for known, given, value in series(found.families(KUBELET))
        if known == name
    }


def owned(name: str, kind: str, owner: str, **labels: str) -> Pod:
    of = [{"kind": kind, "name": owner, "controller": True}]
    meta: dict[str, Any] = {"ownerReferences": of, "labels": labels}
    if kind == "Job":
        meta["creationTimestamp"] = "2026-05-01T12:00:07Z"
    return pod(name, meta=meta)


def containing(*statuses: Any, **more: Any) -> Pod:  # noqa: ANN401 - as the API says them
    return pod(statuses=statuses, **more)


WEB = owned("web-abc-1", "ReplicaSet", "web-abc", **{"pod-template-hash": "abc"})
LOST = owned("lost-1", "ReplicaSet", "lost")
DAILY = owned("daily-29627280-x", "Job", "daily-29627280")
ONCE = owned("once-x", "Job", "once")


def test_a_deployment_is_found_as_dashboards_do() -> None:
    assert values("kube_replicaset_owner", WEB, WEB, LOST) == {
        ("web-abc", "Deployment", "web", "true"): 1,
        ("lost", "", "", ""): 1,
    }
    assert values("kube_job_owner", DAILY, ONCE) == {
        ("daily-29627280", "CronJob", "daily", "true"): 1,
        ("once", "", "", ""): 1,
    }
    assert values("kube_pod_owner", WEB, pod("alone")) == {
        ("web-abc-1", "ReplicaSet", "web-abc", "true"): 1,
        ("alone", "", "", ""): 1,
    }


def test_of_a_pod_there_are_its_node_phase_class_and_end() -> None:
    gone = pod("gone", phase="Failed", reason="Evicted", qosClass="BestEffort")
    odd = pod("odd", phase="", reason="Preempting")
    urgent = pod("urgent", spec={"priorityClassName": "high"})
    assert values("kube_pod_info", WEB, urgent) == {
        ("web-abc-1", "n1", "ReplicaSet", "web-abc", ""): 1,
        ("urgent", "n1", "", "", "high"): 1,
    }
    assert values("kube_pod_status_phase", gone, odd) == {
        ("gone", "Failed"): 1,
        ("odd", "Unknown"): 1,
    }
    assert values("kube_pod_status_qos_class", gone, odd) == {("gone", "BestEffort"): 1}
    assert values("kube_pod_status_reason", gone, odd) == {("gone", "Evicted"): 1}


def test_labels_are_those_that_were_asked_for() -> None:
    named = pod("named", meta={"labels": {"app": "web", "tier": "front"}})
    assert values("kube_pod_labels", named) == {}
    assert values("kube_pod_labels", named, labels=("app", "team")) == {
        ("named", "web", ""): 1
    }


def test_the_states_of_containers_are_told_as_far_as_they_are_known() -> None:
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    crashing = containing(
        {"name": "a", "restartCount": 3, "lastState": ended, "ready": False,
         "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
        {"name": "b", "state": {"terminated": {"exitCode": 0}}},
        running("c", ready=True, lastState={"terminated": {"reason": "Error"}}),
        {"name": "d", "state": {"waiting": {}}},
    )  # fmt: skip
    assert values(f"{STATUS}_running", crashing) == {("p", "c"): 1}
    assert values(f"{STATUS}_terminated", crashing) == {("p", "b"): 1}
    assert values(f"{STATUS}_waiting", crashing) == {("p", "a"): 1, ("p", "d"): 1}
    assert values(f"{STATUS}_waiting_reason", crashing) == {
        ("p", "a", "CrashLoopBackOff"): 1
    }
    assert values(f"{STATUS}_restarts_total", crashing)["p", "a"] == 3
    assert values(f"{STATUS}_ready", crashing) == {
        ("p", name): float(name == "c") for name in "abcd"
    }
    assert values(f"{STATUS}_last_terminated_reason", crashing) == {
        ("p", "a", "OOMKilled"): 1,
        ("p", "c", "Error"): 1,
    }
    assert values(f"{STATUS}_last_terminated_exitcode", crashing) == {
        ("p", "a"): 137,
        ("p", "c"): 0,
    }


def test_init_containers_that_are_done_and_unseen_ones_have_no_state() -> None:
    starting = pod(
        statuses=(),
        spec={"containers": [{"name": "app"}], "initContainers": [{"name": "init"}]},
        initContainerStatuses=[running("init")],
    )
    assert values(f"{STATUS}_running", starting) == {}
    assert values(f"{STATUS}_ready", starting) == {}


def test_usage_has_the_image_that_the_spec_asks_for() -> None:
    spec = {"containers": [{"name": "app", "image": "nginx:1.27"}]}
    pods = (pod("a", spec=spec), pod("b"))
    found = Serving().take(round_of(*pods, samples=(sample("a"), sample("b"))))
    name = "container_memory_working_set_bytes"
    of = {pod: image for _, pod, *_, image in found.values(name, KUBELET)}
    assert of == {"a": "nginx:1.27", "b": "unknown"}
    alone = Serving().take(round_of(samples=(sample("a"),)))
    assert {key[-1] for key in alone.values(name, KUBELET)} == {"unknown"}
    assert not alone.values("kube_pod_info", KUBELET)


def test_nodes_are_machines_of_so_many_cores() -> None:
    found = Serving().take(parts(nodes=(of_node(),)))
    assert found.values("machine_cpu_cores", KUBELET) == {("n1", "n1"): 2}
    assert found.values("machine_memory_bytes", KUBELET) == {("n1", "n1"): 4 * 2**30}
    assert found.values("kube_node_info", KUBELET) == {("n1", ""): 1}
    new = Serving().take(parts(nodes=(node("new", capacity={"pods": "10"}),)))
    assert new.values("kube_node_info", KUBELET)
    assert not new.values("machine_cpu_cores", KUBELET)
    silent = Serving().take(parts(nodes=()))
    assert not silent.values("kube_node_info", KUBELET)


def test_requests_of_pods_are_told_once() -> None:
    """Dashboards know the containers' alone; both would be a sum of the same."""
    found = Serving().take(recorded.parts())
    names = {name for name, _, _ in series(found.families(KUBELET))}
    assert "kube_pod_container_resource_requests" in names
    assert not any("pod_resource" in name for name in names)


def test_every_family_that_is_asked_for_is_there_or_named_as_missing() -> None:
    asked = [*(query for _, query in RULES), *(query for query, _ in QUERIES)]
    name = re.compile(r"\b(?:container|kube|machine|node)_[a-z_]+\b(?![:=\]])")
    names = {found for query in asked for found in name.findall(query)}
    families = known("kubelet")
    assert len(names) > 12
    assert names <= families.keys()
    assert not families.keys() & set(UNANSWERED)
