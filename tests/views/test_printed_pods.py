"""STATUS, READY and RESTARTS against the rules of upstream's printer.

The rows are those of TestPrintPod, TestPrintPodWide, TestPrintPodConditions,
TestPrintPodList and TestPrintNonTerminatedPod in kubernetes
pkg/printers/internalversion/printers_test.go, and further ones for sidecars, deletion
and what no test of upstream has; each container has a name here.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubemetrics.models.pod import Pod
from kubemetrics.views.pods import pod_status

UP = "running ready 3"
"""A container as a row has it: its state (a word, a reason or what an exit code says),
whether it is ready or started, and its restarts."""

ROWS: list[tuple[str, str, list[str], list[str], dict[str, Any]]] = [
    # TestPrintPod
    ("1/2 podPhase 6", "podPhase", [], [UP, "- 3"], {}),
    ("1/2 Waits 6", "podPhase", [], [UP, "waiting:Waits 3"], {}),
    ("0/2 Waits 6", "podPhase", [], ["waiting:Waits 3", "terminated:Ends 3"], {}),
    ("1/2 podPhase 6", "podPhase", [], [UP, "- ready 3"], {}),
    ("1/2 podReason 6", "podPhase", [], [UP, "- ready 3"], {"reason": "podReason"}),
    ("1/2 NotReady 6", "Running", [], ["terminated:Completed ready 3", UP], {}),
    ("1/2 Running 6", "Running", [], ["terminated:Completed ready 3", UP],
     {"Ready": "True"}),
    ("0/1 Init:0/1 3", "podPhase", ["running 3"], ["waiting"], {}),
    ("0/1 Init:0/2 3", "podPhase", ["running 3", "waiting"], ["waiting"], {}),
    ("0/1 Init:1/2 3", "podPhase", ["terminated", "running 3"], ["waiting"], {}),
    ("0/1 Init:1/2 5", "podPhase", ["terminated 2", "running 3"], ["waiting"], {}),
    ("0/1 Running 4", "Running", ["terminated 2"], ["running 4"], {}),
    ("1/1 Running 3", "Running", [], [UP], {}),
    ("2/2 Running 3", "Running", [], ["running ready", UP], {}),
    ("2/2 Running 9", "Running", [], ["running ready 6", UP], {}),
    ("0/2 SchedulingGated 0", "podPhase", [], ["", ""],
     {"PodScheduled": "False", "gate": "SchedulingGated"}),
    # TestPrintPodConditions, TestPrintNonTerminatedPod, TestPrintPodList
    ("1/2 Running 6", "Running", [], [UP, "- 3"], {}),
    ("1/2 Succeeded 6", "Succeeded", [], [UP, "- 3"], {}),
    ("1/2 Failed 6", "Failed", [], [UP, "- 3"], {}),
    ("1/2 Pending 6", "Pending", [], [UP, "- 3"], {}),
    ("1/2 Unknown 6", "Unknown", [], [UP, "- 3"], {}),
    ("1/2 Failed 6", "Failed", [], [UP, "- ready 3"], {}),
    ("2/2 podPhase 6", "podPhase", [], [UP, UP], {}),
    ("1/1 podPhase 1", "podPhase", [], ["running ready 1"], {}),
    # how a container ended
    ("0/1 ExitCode:0 0", "Succeeded", [], ["terminated"], {}),
    ("0/1 ExitCode:137 2", "Running", [], ["terminated::137 2"], {}),
    ("0/1 Signal:9 0", "Running", [], ["terminated::0:9"], {}),
    ("0/1 OOMKilled 0", "Failed", [], ["terminated:OOMKilled:137:9"], {}),
    ("0/1 Init:ExitCode:1 0", "Pending", ["terminated::1"], ["waiting"], {}),
    ("0/1 Init:Signal:9 0", "Pending", ["terminated::1:9"], ["waiting"], {}),
    ("0/1 Init:Error 1", "Pending", ["terminated:Error:1 1"], ["waiting"], {}),
    ("0/1 Init:ErrImagePull 0", "Pending", ["waiting:ErrImagePull"], ["waiting"], {}),
    ("0/1 Init:0/1 0", "Pending", ["waiting:PodInitializing"], ["waiting"], {}),
    ("0/1 PodInitializing 0", "Pending", ["terminated"], ["waiting:PodInitializing"],
     {}),
    # the first status has the last word; whatever says Completed, one that runs denies
    ("1/3 Error 0", "Running", [],
     ["terminated:Error:1", "terminated:Completed", "running ready"], {}),
    ("1/2 NotReady 0", "Running", [], ["running ready", "waiting:Completed"],
     {"Ready": "Unknown"}),
    ("0/2 Completed 0", "Running", [], ["running", "terminated:Completed"], {}),
    # init containers that run again, while the pod is up
    ("1/1 Init:0/1 3", "Running", ["running 5"], [UP], {"Initialized": "True"}),
    ("0/1 Ends 3", "Running", ["running 5"], ["terminated:Ends 3"],
     {"Initialized": "True"}),
    ("0/1 Init:0/1 5", "Running", ["running 5"], [UP], {"Initialized": "False"}),
    # sidecars are counted; their restarts outlast the initialization
    ("2/2 Running 7", "Running", ["*running ready started 4"], [UP], {}),
    ("1/2 Running 7", "Running", ["*running started 4"], [UP], {}),
    ("0/2 Init:0/1 4", "Pending", ["*running ready 4"], ["waiting"], {}),
    ("1/2 Init:1/2 4", "Pending", ["*running ready started 4", "running"],
     ["waiting"], {}),
    ("1/2 Running 7", "Running", ["*terminated started 4"], [UP], {}),
    ("1/2 Running 7", "Running", ["*terminated:Error:1 started 4", "terminated 9"],
     [UP], {}),
    ("0/2 Init:Error 4", "Pending", ["*terminated:Error:1 4"], ["waiting"], {}),
    ("0/2 Init:CrashLoopBackOff 4", "Pending", ["*waiting:CrashLoopBackOff 4"],
     ["waiting"], {}),
    # deletion
    ("1/1 Terminating 3", "Running", [], [UP], {"deleted": True}),
    ("0/1 Terminating 0", "Pending", ["running"], ["waiting"], {"deleted": True}),
    ("1/1 Unknown 3", "Running", [], [UP], {"deleted": True, "reason": "NodeLost"}),
    ("0/1 Completed 0", "Succeeded", [], ["terminated:Completed"], {"deleted": True}),
    ("0/1 Error 0", "Failed", [], ["terminated:Error:1"], {"deleted": True}),
    ("0/1 Evicted 0", "Failed", [], [""], {"reason": "Evicted", "deleted": True}),
]  # fmt: skip


def state(text: str) -> dict[str, Any]:
    kind, *said = f"{text}:::".split(":")[:4]
    if kind == "waiting":
        return {"waiting": {"reason": said[0]}}
    if kind == "terminated":
        ended = {"exitCode": int(said[1] or 0), "signal": int(said[2] or 0)}
        return {"terminated": {"reason": said[0], **ended}}
    return {"running": {}} if kind == "running" else {}


def status(name: str, text: str) -> dict[str, Any]:
    word, *rest = text.lstrip("*").split()
    return {
        "name": name,
        "state": state(word),
        "ready": "ready" in rest,
        "started": "started" in rest,
        "restartCount": next((int(r) for r in rest if r.isdigit()), 0),
    }


def statuses(prefix: str, given: list[str]) -> list[dict[str, Any]]:
    return [status(f"{prefix}{i}", text) for i, text in enumerate(given) if text]


def made(phase: str, init: list[str], main: list[str], more: dict[str, Any]) -> Pod:
    """Build the pod of a row."""
    gate = more.get("gate", "")
    conditions = [
        {"type": name, "status": more[name], "reason": gate}
        for name in ("Ready", "Initialized", "PodScheduled")
        if name in more
    ]
    spec = {
        "containers": [{"name": f"c{i}"} for i in range(len(main))],
        "initContainers": [
            {"name": f"i{i}", "restartPolicy": "Always" if text[:1] == "*" else ""}
            for i, text in enumerate(init)
        ],
    }
    obj: Any = {
        "metadata": {
            "name": "p",
            "deletionTimestamp": "2026-01-01T00:00:00Z" if "deleted" in more else None,
        },
        "spec": spec,
        "status": {
            "phase": phase,
            "reason": more.get("reason", ""),
            "conditions": conditions,
            "initContainerStatuses": statuses("i", init),
            "containerStatuses": statuses("c", main),
        },
    }
    return Pod.from_json(obj)


def printed(pod: Pod) -> str:
    shown = pod_status(pod)
    return f"{shown.ready}/{shown.containers} {shown.word} {shown.restarts}"


@pytest.mark.parametrize("row", ROWS, ids=[f"{i} {r[0]}" for i, r in enumerate(ROWS)])
def test_a_pod_is_printed_as_upstream_prints_it(
    row: tuple[str, str, list[str], list[str], dict[str, Any]],
) -> None:
    shown, phase, init, main, more = row
    assert printed(made(phase, init, main, more)) == shown


@pytest.mark.parametrize(
    ("listed", "shown"),
    [("ab", "0/2 Waits 0"), ("ba", "0/2 Ends 0")],
)
def test_the_status_that_is_listed_first_has_the_last_word(
    listed: str, shown: str
) -> None:
    """A virtual kubelet lists them as it likes: by name is a habit of the kubelet."""
    given = {"a": status("a", "waiting:Waits"), "b": status("b", "terminated:Ends")}
    obj: Any = {
        "spec": {"containers": [{"name": "a"}, {"name": "b"}]},
        "status": {"containerStatuses": [given[name] for name in listed]},
    }
    assert printed(Pod.from_json(obj)) == shown
