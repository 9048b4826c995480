from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubemetrics.models import Condition
from kubemetrics.models.pod import Container, ContainerState, Pod
from kubemetrics.snapshot import PodUsage
from kubemetrics.views.pods import (
    PodStatus,
    pod_status,
    pod_table,
    restarted_note,
)

from .recorded import DATA, recorded

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNNING = ContainerState("running", started_at=NOW)
DONE = ContainerState("terminated", "Completed", 0)
CRASHING = ContainerState("waiting", "CrashLoopBackOff")


def state(
    kind: str, reason: str = "", code: int = 1, signal: int = 0
) -> ContainerState:
    return ContainerState(kind, reason, code, signal)  # type: ignore[arg-type]


def main(name: str, state: ContainerState, **fields: int) -> Container:
    return Container(
        name=name,
        state=state,
        ready=bool(fields.get("ready")),
        restarts=fields.get("restarts", 0),
    )


def init(name: str, state: ContainerState, restarts: int = 0) -> Container:
    return Container(name=name, kind="init", state=state, restarts=restarts)


def sidecar(name: str, state: ContainerState, **fields: int) -> Container:
    return Container(
        name=name,
        kind="sidecar",
        state=state,
        ready=bool(fields.get("ready")),
        started=bool(fields.get("started")),
        restarts=fields.get("restarts", 0),
    )


def pod(*containers: Container, phase: str = "Running", reason: str = "") -> Pod:
    return Pod(
        name="p",
        phase=phase,
        reason=reason,
        containers=tuple(c for c in containers if c.kind == "regular"),
        init_containers=tuple(c for c in containers if c.kind != "regular"),
    )


NO_STATUS = ContainerState("")
A_READY = main("a", RUNNING, ready=1)


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        (PodStatus("Running", 1, 1, 0), pod(A_READY)),
        (PodStatus("Running", 0, 1, 0), pod(main("a", RUNNING))),
        (PodStatus("Pending", 0, 1, 0), pod(main("a", NO_STATUS), phase="Pending")),
        (
            PodStatus("Evicted", 0, 1, 0),
            pod(main("a", NO_STATUS), phase="Failed", reason="Evicted"),
        ),
        (
            PodStatus("ContainerCreating", 0, 1, 0),
            pod(main("a", state("waiting", "ContainerCreating")), phase="Pending"),
        ),
        (
            PodStatus("Pending", 0, 1, 0),
            pod(main("a", state("waiting")), phase="Pending"),
        ),
        (PodStatus("Completed", 0, 1, 0), pod(main("a", DONE), phase="Succeeded")),
        (
            PodStatus("CrashLoopBackOff", 1, 2, 7),
            pod(main("a", CRASHING, restarts=7), main("b", RUNNING, ready=1)),
        ),
        (  # the status lists by name: the first of them has the last word
            PodStatus("CrashLoopBackOff", 0, 2, 7),
            pod(
                main("b", state("terminated", "Error")),
                main("a", CRASHING, restarts=7),
            ),
        ),
        (PodStatus("OOMKilled", 0, 1, 1), pod(
            main("a", state("terminated", "OOMKilled", 137), restarts=1))),
        (PodStatus("ExitCode:3", 0, 1, 0), pod(main("a", state("terminated", code=3)))),
        (
            PodStatus("Signal:9", 0, 1, 0),
            pod(main("a", state("terminated", signal=9))),
        ),
        (PodStatus("NotReady", 1, 2, 0), pod(A_READY, main("b", DONE))),
        (
            PodStatus("Init:0/2", 0, 1, 0),
            pod(init("i", RUNNING), init("j", NO_STATUS), main("a", NO_STATUS),
                phase="Pending"),
        ),
        (
            PodStatus("Init:1/2", 0, 1, 4),
            pod(
                init("i", DONE, restarts=3),
                init("j", state("waiting", "PodInitializing"), restarts=1),
                main("a", state("waiting", "PodInitializing")),
                phase="Pending",
            ),
        ),
        (
            PodStatus("Init:CrashLoopBackOff", 0, 1, 5),
            pod(init("i", CRASHING, restarts=5), main("a", NO_STATUS)),
        ),
        (
            PodStatus("Init:Error", 0, 1, 0),
            pod(init("i", state("terminated", "Error")), main("a", NO_STATUS)),
        ),
        (
            PodStatus("Init:ExitCode:2", 0, 1, 0),
            pod(init("i", state("terminated", code=2)), main("a", NO_STATUS)),
        ),
        (
            PodStatus("Init:Signal:9", 0, 1, 0),
            pod(init("i", state("terminated", signal=9)), main("a", NO_STATUS)),
        ),
        (
            PodStatus("PodInitializing", 0, 1, 0),
            pod(init("i", DONE, restarts=2),
                main("a", state("waiting", "PodInitializing")), phase="Pending"),
        ),
        (  # init containers' restarts are forgotten once they are done
            PodStatus("Running", 1, 1, 1),
            pod(init("i", DONE, restarts=2),
                main("a", RUNNING, ready=1, restarts=1)),
        ),
        (
            PodStatus("Running", 2, 2, 5),
            pod(
                sidecar("s", RUNNING, ready=1, started=1, restarts=4),
                init("i", DONE, restarts=9),
                main("a", RUNNING, ready=1, restarts=1),
            ),
        ),
        (
            PodStatus("Init:0/1", 0, 2, 4),
            pod(sidecar("s", RUNNING, restarts=4), main("a", NO_STATUS)),
        ),
        (
            PodStatus("Init:1/2", 1, 2, 0),
            pod(
                sidecar("s", RUNNING, ready=1, started=1),
                init("i", RUNNING),
                main("a", NO_STATUS),
            ),
        ),
    ],
)  # fmt: skip
def test_a_pod_shows_as_kubectl_shows_it(shown: PodStatus, given: Pod) -> None:
    assert pod_status(given) == shown


def with_(pod: Pod, *conditions: Condition, deleted: bool = False) -> Pod:
    return Pod(
        name=pod.name,
        phase=pod.phase,
        reason=pod.reason,
        containers=pod.containers,
        init_containers=pod.init_containers,
        conditions=conditions,
        deletion_timestamp=NOW if deleted else None,
    )


@pytest.mark.parametrize(
    ("word", "given"),
    [
        ("Terminating", with_(pod(A_READY), deleted=True)),
        ("Terminating", with_(pod(main("a", CRASHING)), deleted=True)),
        ("Completed", with_(pod(main("a", DONE), phase="Succeeded"), deleted=True)),
        ("Unknown", with_(pod(A_READY, reason="NodeLost"), deleted=True)),
        ("NodeLost", with_(pod(A_READY, reason="NodeLost"))),
        (
            "Running",
            with_(pod(A_READY, main("b", DONE)), Condition("Ready", "True")),
        ),
        (
            "NotReady",
            with_(pod(A_READY, main("b", DONE)), Condition("Ready", "False")),
        ),
        (
            "SchedulingGated",
            with_(
                pod(main("a", NO_STATUS), phase="Pending"),
                Condition("PodScheduled", "False", "SchedulingGated"),
            ),
        ),
        (  # whatever the phase, and whatever the reason
            "SchedulingGated",
            with_(
                pod(main("a", NO_STATUS), reason="Evicted"),
                Condition("PodScheduled", "False", "SchedulingGated"),
            ),
        ),
        (
            "CrashLoopBackOff",
            with_(
                pod(main("a", CRASHING)),
                Condition("PodScheduled", "False", "SchedulingGated"),
            ),
        ),
        (  # an init container that runs again does not hide a pod that is up
            "CrashLoopBackOff",
            with_(
                pod(init("i", RUNNING), main("a", CRASHING)),
                Condition("Initialized", "True"),
            ),
        ),
    ],
)
def test_conditions_and_deletion_change_the_word(word: str, given: Pod) -> None:
    assert pod_status(given).word == word


def reported(**status: object) -> PodStatus:
    """Return what shows of a running pod of two containers and two to begin with."""
    made: Any = {
        "spec": {
            "containers": [{"name": "a"}, {"name": "b"}],
            "initContainers": [{"name": "i"}, {"name": "j"}],
        },
        "status": {"phase": "Running", **status},
    }
    return pod_status(Pod.from_json(made))


def test_a_container_status_without_a_state_is_waiting() -> None:
    """``v1.ContainerState``: waiting is the default, and starts a pod's init over."""
    ways: list[dict[str, Any]] = [
        {},
        {"state": None},
        {"state": {}},
        {"state": {"waiting": None}},
    ]
    for said in ways:
        names = [{"name": "i", **said}, {"name": "j", **said}]
        assert reported(initContainerStatuses=names) == PodStatus("Init:0/2", 0, 2, 0)
        ready = [{"name": "a", "ready": True, "restartCount": 3, **said}]
        assert reported(containerStatuses=ready) == PodStatus("Running", 0, 2, 3)


def test_init_containers_are_counted_as_the_status_lists_them() -> None:
    """One that the status does not speak of is none to ``printPod``."""
    only = [{"name": "j", "state": {"running": {}}}]
    assert reported(initContainerStatuses=only) == PodStatus("Init:0/2", 0, 2, 0)


def test_the_recorded_pods_show_as_the_api_server_printed_them() -> None:
    body = gzip.decompress((DATA / "pods-table.body.gz").read_bytes())
    table = json.loads(body)
    names = [column["name"] for column in table["columnDefinitions"]]
    pods = {row.key: row.pod for row in recorded().pods}
    printed = datetime(2026, 11, 23, 2, 59, 45, tzinfo=UTC)  # the answer's Date
    for row in table["rows"]:
        cells = dict(zip(names, row["cells"], strict=True))
        found = pods[row["object"]["metadata"]["namespace"], cells["Name"]]
        assert found is not None
        shown = pod_status(found)
        assert cells["Status"] == shown.word
        assert cells["Ready"] == f"{shown.ready}/{shown.containers}"
        restarts = f"{shown.restarts}{restarted_note(shown.restarted, printed)}"
        assert cells["Restarts"] == restarts


def ended(hours: int, reason: str = "Error", code: int = 1) -> ContainerState:
    at = NOW + timedelta(hours=hours)
    return ContainerState("terminated", reason, code, finished_at=at)


def test_the_last_restart_is_the_latest_of_what_is_counted() -> None:
    """``printPod``: init containers that are done count neither way."""
    one = Container(name="a", state=RUNNING, restarts=1, last_termination=ended(3))
    two = Container(name="b", state=RUNNING, restarts=2, last_termination=ended(5))
    done = Container(
        name="i", kind="init", state=DONE, restarts=1, last_termination=ended(9)
    )
    beside = Container(
        name="s", kind="sidecar", state=RUNNING, started=True, restarts=1,
        last_termination=ended(7),
    )  # fmt: skip
    starting = Container(
        name="j", kind="init", state=CRASHING, restarts=4, last_termination=ended(2)
    )
    assert pod_status(pod(one, two)).restarted == ended(5).finished_at
    assert pod_status(pod(done, one)).restarted == ended(3).finished_at
    assert pod_status(pod(beside, done, one)).restarted == ended(7).finished_at
    assert pod_status(pod(done, starting, one)).restarted == ended(9).finished_at
    never = Container(name="a", state=RUNNING, last_termination=ended(3))
    assert pod_status(pod(never)).restarted is None


def test_a_pod_ended_last_as_the_container_that_ended_last() -> None:
    killed = Container(
        name="a", state=CRASHING, last_termination=ended(3, "OOMKilled", 137)
    )
    failed = Container(name="b", state=ended(4), last_termination=ended(5))
    done = Container(name="i", kind="init", state=ended(6, "Completed", 0))
    undated = Container(name="c", state=ContainerState("terminated", "Error", 2))
    assert pod(killed, failed).ended == ended(4)
    assert pod(killed, done).ended == ended(3, "OOMKilled", 137)
    assert pod(undated, killed).ended == ended(3, "OOMKilled", 137)
    assert pod(undated, done).ended == undated.state
    assert pod(A_READY, done).ended is None


def test_each_row_has_the_status_of_its_own_pod_whichever_was_read_before() -> None:
    table = pod_table()
    columns = [table.need(key) for key in ("ready", "status", "restarts")]
    pods = [pod(A_READY), pod(main("a", CRASHING, restarts=3)), None, pod(A_READY)]
    rows = [
        PodUsage(namespace="n", name="p", state="running", pod=each) for each in pods
    ]
    expected = [
        ["1/1", "Running", 0],
        ["0/1", "CrashLoopBackOff", 3],
        [None, None, None],
        ["1/1", "Running", 0],
    ]
    assert [[column.get(row) for column in columns] for row in rows] == expected
    assert [[column.get(row) for row in rows] for column in columns] == [
        list(column) for column in zip(*expected, strict=True)
    ]
