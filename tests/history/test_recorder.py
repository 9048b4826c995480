"""What rounds become in the file, and that what comes again changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubemetrics.errors import TransportError
from kubemetrics.history import recorder as recorder_module
from kubemetrics.history.recorder import Recorder, last_samples, own_controller
from kubemetrics.history.rounds import Judge, SampleRound
from kubemetrics.history.store import Writing
from kubemetrics.models.node import Node
from kubemetrics.models.pod import OwnerReference, Pod

from .making import NODE, T0, Past, a_node_sample, a_pod, a_sample, moment


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Writing]:
    with closing(Writing(tmp_path / "a.db")) as made:
        yield made


@pytest.fixture
def past() -> Past:
    return Past()


def rows(writing: Writing, query: str) -> list[Any]:
    found = writing.connection.execute(query).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


def events(writing: Writing) -> list[tuple[int, str, str, str]]:
    """Return events but the starts, by seconds from the beginning."""
    query = "SELECT at, kind, container, detail FROM event WHERE kind!='started'"
    return [(at - T0, *rest) for at, *rest in rows(writing, f"{query} ORDER BY id")]


def test_a_round_is_kept_with_what_it_is_about(writing: Writing, past: Past) -> None:
    pod = a_pod(labels={"pod-template-hash": "7c9d"}, containers=("app", "log"))
    written = Recorder(writing).write(
        past.round(15, pod, of_nodes=[a_node_sample("n1", 15)])
    )
    assert written == (3, 2)
    columns = "kind, uid, namespace, name, node, template"
    assert rows(writing, f"SELECT {columns} FROM object") == [  # noqa: S608
        ("node", "uid-n1", "", "n1", "n1", ""),
        ("pod", "uid-web", "x", "web", "n1", "7c9d"),
    ]  # fmt: skip
    assert rows(writing, "SELECT container, role FROM series") == [
        ("app", "container"), ("log", "container"), ("", "node"),
    ]  # fmt: skip
    assert rows(writing, "SELECT at, window, cpu, memory FROM recent") == [
        (T0 + 15, 15_000, 100_000_000, 1 << 20),
        (T0 + 15, 15_000, 100_000_000, 1 << 20),
        (T0 + 15, 15_000, 1_000_000_000, 1 << 30),
    ]
    columns = "at, fresh, repeated, missed, took_ms, error"
    assert rows(writing, f"SELECT {columns} FROM round") == [  # noqa: S608
        (T0 + 15, 3, 0, 0, 250, None)
    ]  # fmt: skip
    query = "SELECT name, core_seconds, bytes FROM usage WHERE kind='pod'"
    assert rows(writing, query) == [
        ("web", 1.5, 1 << 20)
    ] * 2  # fmt: skip


def test_a_pod_is_kept_as_it_was_whenever_it_changes(
    writing: Writing, past: Past
) -> None:
    recorder = Recorder(writing)
    first, second = a_pod(), a_pod(labels={"a": "b"})
    for at, pod in ((15, first), (30, first), (45, second)):
        recorder.write(past.round(at, pod))
    kept = rows(
        writing,
        "SELECT since, body FROM version JOIN object ON id=object WHERE kind='pod'",
    )
    assert [since for since, _ in kept] == [T0 + 15, T0 + 45]
    assert [Pod.from_json(json.loads(body)) for _, body in kept] == [first, second]


def test_a_recorder_that_begins_anew_goes_on_where_it_was(
    writing: Writing, past: Past
) -> None:
    Recorder(writing).write(past.round(15, a_pod(), of_nodes=[a_node_sample("n1", 15)]))
    before = [
        rows(writing, f"SELECT * FROM {table}")  # noqa: S608
        for table in ("object", "version", "series", "spec", "event", "recent")
    ]
    lasts = last_samples(writing.connection)
    assert lasts == {"uid-web": T0 + 15, "uid-n1": T0 + 15}
    again = Past(judge=Judge(lasts))
    found = again.round(
        20, a_pod(), samples=[a_sample(a_pod(), 15)], of_nodes=[a_node_sample("n1", 15)]
    )
    assert Recorder(writing).write(found) == (0, 0)
    assert before == [
        rows(writing, f"SELECT * FROM {table}")  # noqa: S608
        for table in ("object", "version", "series", "spec", "event", "recent")
    ]
    assert rows(writing, "SELECT fresh, repeated FROM round") == [(2, 0), (0, 2)]


def test_of_level_pod_the_sum_is_kept(writing: Writing, past: Past) -> None:
    pod = a_pod(
        containers=("app", "log"),
        resources={"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
    )
    Recorder(writing, level="pod").write(
        past.round(15, pod, of_nodes=[a_node_sample("n1", 15)])
    )
    assert rows(writing, "SELECT container, role FROM series") == [
        ("", "pod"), ("", "node"),
    ]  # fmt: skip
    assert rows(writing, "SELECT cpu, memory FROM recent") == [
        (200_000_000, 2 << 20), (10**9, 1 << 30),
    ]  # fmt: skip
    assert rows(writing, "SELECT cpu_request, cpu_limit, memory_limit FROM spec") == [
        (2 * 10**9, None, 2 << 30)
    ]


def test_what_no_container_knows_of_itself_the_sum_does_not_know(
    writing: Writing, past: Past
) -> None:
    sample = a_sample(a_pod(), 15, cpu="-1")
    Recorder(writing, level="pod").write(past.round(15, a_pod(), samples=[sample]))
    assert rows(writing, "SELECT cpu, memory FROM recent") == [(None, 1 << 20)]


def test_the_owner_is_whom_the_caller_names(writing: Writing, past: Past) -> None:
    recorder = Recorder(writing, owner_of=lambda _: OwnerReference("Deployment", "web"))
    recorder.write(past.round(15, a_pod("web-1"), a_pod("web-2")))
    assert rows(writing, "SELECT namespace, kind, name FROM owner") == [
        ("x", "Deployment", "web")
    ]
    assert rows(writing, "SELECT owner, name FROM usage") == [
        ("web", "web-1"), ("web", "web-2"),
    ]  # fmt: skip
    assert own_controller(a_pod()) == OwnerReference("Pod", "web")


def test_requests_and_limits_are_kept_when_they_change(
    writing: Writing, past: Past
) -> None:
    recorder = Recorder(writing)
    asked = {"requests": {"cpu": "100m", "memory": "1Mi"}}
    more = {"requests": {"cpu": "200m", "memory": "1Mi"}, "limits": {"cpu": "1"}}
    for at, resources in ((15, asked), (30, asked), (45, more)):
        recorder.write(past.round(at, a_pod(resources=resources)))
    columns = "since, cpu_request, cpu_limit, memory_request"
    assert rows(writing, f"SELECT {columns} FROM spec") == [  # noqa: S608
        (T0 + 15, 10**8, None, 1 << 20),
        (T0 + 45, 2 * 10**8, 10**9, 1 << 20),
    ]  # fmt: skip
    detail = "cpu_request:100000000->200000000 cpu_limit:none->1000000000"
    assert events(writing) == [(45, "resized", "app", detail)]


def of_image(image: str) -> Pod:
    pod = a_pod(resources={"requests": {"cpu": "1"}})
    containers = tuple(replace(c, image=image) for c in pod.containers)
    return replace(pod, containers=containers)


def test_the_image_is_kept_when_it_changes_and_that_is_no_resize(
    writing: Writing, past: Past
) -> None:
    recorder = Recorder(writing)
    for at, image in ((15, ""), (30, "web:1"), (45, "web:1"), (60, "web:2\ud800")):
        recorder.write(past.round(at, of_image(image)))
    assert rows(writing, "SELECT since, cpu_request, image FROM spec") == [
        (T0 + 15, 10**9, None),
        (T0 + 30, 10**9, "web:1"),
        (T0 + 60, 10**9, "web:2?"),
    ]
    assert events(writing) == []


def test_a_pod_of_which_the_sum_is_kept_has_no_image(
    writing: Writing, past: Past
) -> None:
    Recorder(writing, level="pod").write(past.round(15, of_image("web:1")))
    assert rows(writing, "SELECT cpu_request, image FROM spec") == [(10**9, None)]


def test_an_amount_that_no_column_holds_is_not_known(
    writing: Writing, past: Past
) -> None:
    pod = a_pod(resources={"requests": {"cpu": "100E", "memory": "8Ei"}})
    Recorder(writing).write(past.round(15, pod))
    assert rows(writing, "SELECT cpu_request, memory_request FROM spec") == [
        (None, None)
    ]


KILLED = {
    "terminated": {
        "reason": "OOMKilled",
        "exitCode": 137,
        "startedAt": moment(0),
        "finishedAt": moment(40),
    }
}


def test_how_a_container_ended_is_kept_once(writing: Writing, past: Past) -> None:
    recorder = Recorder(writing)
    recorder.write(past.round(15, a_pod()))
    again = a_pod(state={"running": {"startedAt": moment(41)}}, last=KILLED, restarts=1)
    recorder.write(past.round(45, again))
    recorder.write(past.round(60, a_pod(labels={"a": "b"}, last=KILLED, restarts=1)))
    assert events(writing) == [
        (40, "oom_killed", "app", "OOMKilled exit=137 restartCount=1")
    ]
    starts = rows(writing, "SELECT at FROM event WHERE kind='started' ORDER BY at")
    assert starts == [T0, T0 + 41]


def test_restarts_that_were_not_seen_are_one_event(
    writing: Writing, past: Past
) -> None:
    recorder = Recorder(writing)
    recorder.write(past.round(15, a_pod(restarts=2)))
    state = {"terminated": {"exitCode": 1, "finishedAt": moment(50)}}
    recorder.write(past.round(60, a_pod(state=state, restarts=5)))
    assert events(writing) == [
        (50, "terminated", "app", "exit=1 restartCount=5 restarts=3")
    ]


def test_an_end_without_a_time_is_of_the_round(writing: Writing, past: Past) -> None:
    Recorder(writing).write(past.round(15, a_pod(state={"terminated": {}})))
    assert events(writing) == [(15, "terminated", "app", "exit=0 restartCount=0")]


def test_an_eviction_is_kept_once_with_its_message(
    writing: Writing, past: Past
) -> None:
    recorder = Recorder(writing)
    gone = {
        "phase": "Failed",
        "reason": "Evicted",
        "message": "low \ud800 " + "x" * 999,
    }
    for at, labels in ((15, {}), (30, {"a": "b"})):
        recorder.write(past.round(at, a_pod(status=gone, labels=labels), samples=[]))
    ((at, kind, _, detail),) = events(writing)
    assert (at, kind, detail[:6], len(detail)) == (15, "evicted", "low ? ", 300)


def test_a_pod_that_is_gone_has_an_end_and_its_name_may_come_again(
    writing: Writing, past: Past
) -> None:
    recorder = Recorder(writing)
    for at, uid in ((15, "u1"), (30, "u2")):
        recorder.write(past.round(at, a_pod(uid=uid, started=at - 15)))
    recorder.write(past.round(45, nodes=()))
    assert rows(writing, "SELECT uid, seen, gone FROM object ORDER BY id") == [
        ("uid-n1", T0 + 15, T0 + 45),
        ("u1", T0 + 15, T0 + 30),
        ("u2", T0 + 30, T0 + 45),
    ]
    assert rows(writing, "SELECT count(*) FROM recent") == [2]


def test_what_went_while_nothing_was_recorded_is_found_at_the_first_round(
    writing: Writing, past: Past
) -> None:
    other = a_pod("other", namespace="y")
    Recorder(writing).write(
        past.round(15, a_pod(), other, nodes=[NODE, Node(name="n2")])
    )
    Recorder(writing, some=True).write(Past().round(30))
    assert rows(writing, "SELECT name FROM object WHERE gone IS NOT NULL") == ["n2"]
    Recorder(writing, namespaces=["x"]).write(Past().round(45))
    gone = "SELECT name FROM object WHERE gone IS NOT NULL AND kind='pod'"
    assert rows(writing, gone) == ["web"]
    lost = TransportError("lost", url="", reason="reset")
    late = Recorder(writing)
    late.write(Past().round(60, pods=lost))
    assert rows(writing, gone) == ["web"], "pods were not read"
    late.write(Past().round(75))
    assert rows(writing, gone) == ["web", "other"]


def test_where_pods_may_not_be_read_names_are_kept(
    writing: Writing, past: Past
) -> None:
    found = past.round(
        15,
        samples=[a_sample(a_pod(), 15)],
        of_nodes=[a_node_sample("n1", 15)],
        names_only=True,
    )
    Recorder(writing).write(found)
    query = "SELECT uid, name, role FROM object JOIN series s ON object=object.id"
    assert rows(writing, query) == [
        ("?x/web", "web", "container"), ("?n1", "n1", "node"),
    ]  # fmt: skip
    assert rows(writing, "SELECT count(*) FROM spec") == [0]


def test_a_sidecar_has_its_role_and_what_no_pod_has_is_a_container(
    writing: Writing, past: Past
) -> None:
    made: Any = {
        "metadata": {"name": "web", "namespace": "x", "uid": "u"},
        "spec": {"initContainers": [{"name": "s", "restartPolicy": "Always"}]},
    }
    pod = Pod.from_json(made)
    sample = a_sample(a_pod(containers=("s", "stray")), 15)
    Recorder(writing).write(past.round(15, pod, samples=[sample]))
    assert rows(writing, "SELECT container, role FROM series") == [
        ("s", "sidecar"), ("stray", "container"),
    ]  # fmt: skip
    assert rows(writing, "SELECT count(*) FROM spec") == [1]


def test_a_finished_pod_keeps_what_it_had_asked_for(
    writing: Writing, past: Past
) -> None:
    recorder = Recorder(writing)
    asked = {"requests": {"cpu": "1"}}
    recorder.write(past.round(15, a_pod(resources=asked)))
    done = a_pod(resources=asked, status={"phase": "Succeeded"})
    recorder.write(past.round(30, done, samples=[]))
    assert rows(writing, "SELECT cpu_request FROM spec") == [10**9]
    assert events(writing) == []


def test_a_clock_set_back_is_an_event_and_nothing_is_stored_for_it(
    writing: Writing, past: Past
) -> None:
    recorder = Recorder(writing)
    recorder.write(past.round(900, a_pod(), of_nodes=[a_node_sample("n1", 900)]))
    found = past.round(
        915,
        a_pod(),
        a_pod("far"),
        samples=[a_sample(a_pod(), 600), a_sample(a_pod("far"), 915)],
        of_nodes=[a_node_sample("n1", 600)],
    )
    recorder.write(found)
    assert events(writing) == [(915, "clock", "", "set back of all nodes")]
    assert rows(writing, "SELECT count(*) FROM recent") == [3]


def test_a_clock_set_back_on_one_node_is_about_that_node(
    writing: Writing, past: Past
) -> None:
    recorder, two = Recorder(writing), [NODE, Node(name="n2", uid="u2")]
    for at, first in ((900, 900), (915, 600)):
        of_nodes = [a_node_sample("n1", first), a_node_sample("n2", at)]
        recorder.write(past.round(at, nodes=two, of_nodes=of_nodes))
    query = "SELECT o.name, detail FROM event JOIN object o ON o.id=event.object"
    assert rows(writing, query) == [("n1", "set back of n1")]


def unmeasured(writing: Writing) -> list[tuple[str, int, int | None, str]]:
    query = (
        "SELECT o.name, at, until, detail FROM event JOIN object o ON o.id=event.object"
        " WHERE event.kind='unmeasured' ORDER BY event.id"
    )
    return [(n, at - T0, u and u - T0, d) for n, at, u, d in rows(writing, query)]


def test_what_runs_without_a_sample_is_kept_from_the_last_one_to_the_next(
    writing: Writing, past: Past
) -> None:
    recorder, node = Recorder(writing), a_node_sample
    pods = (a_pod("a"), a_pod("b", started=10), a_pod("c"))
    recorder.write(past.round(15, *pods, of_nodes=[node("n1", 15)]))
    a, _, c = pods
    for at in (30, 45, 60, 75):
        recorder.write(past.round(at, *pods, samples=[a_sample(a, at)]))
    assert unmeasured(writing) == [
        ("b", 15, None, "Unreported"),
        ("c", 15, None, "Unreported"),
    ]
    recorder = Recorder(writing)
    recorder.write(past.round(90, *pods, samples=[a_sample(c, 90)]))
    recorder.write(past.round(105, *pods[:1]))
    assert unmeasured(writing) == [
        ("b", 15, 105, "Unreported"),
        ("c", 15, 90, "Unreported"),
    ]


def test_a_silent_node_is_the_reason_and_an_error_is_the_round_s(
    writing: Writing, past: Past
) -> None:
    recorder, lost = Recorder(writing), TransportError("lost", url="", reason="reset")
    for at in (15, 90):
        recorder.write(past.round(at, a_pod(), samples=[], pod_metrics=lost))
    assert rows(writing, "SELECT error FROM round") == ["lost", "lost"]
    assert unmeasured(writing) == []
    other = [a_node_sample("n2", 105)]
    nodes = [NODE, Node(name="n2", uid="u2")]
    waits = a_pod("waits", state={"waiting": {}})
    found = past.round(105, a_pod(), waits, samples=[], of_nodes=other, nodes=nodes)
    recorder.write(found)
    assert unmeasured(writing) == [("web", 15, None, "NodeSilent")]


def test_a_round_that_cannot_be_written_leaves_nothing_of_it(
    writing: Writing, past: Past
) -> None:
    recorder = Recorder(writing)
    writing.connection.execute("DROP TABLE round")
    with pytest.raises(Exception, match="no such table: round"):
        recorder.write(past.round(15, a_pod()))
    assert rows(writing, "SELECT count(*) FROM recent") == [0]


def test_nodes_that_may_not_be_read_are_not_gone(writing: Writing, past: Past) -> None:
    Recorder(writing).write(past.round(15, a_pod()))
    Recorder(writing).write(replace(Past().round(30), nodes=None, changed_nodes=()))
    gone = "SELECT name FROM object WHERE gone IS NOT NULL"
    assert rows(writing, gone) == ["web"]


def test_what_is_remembered_of_objects_is_bounded_and_found_again(
    writing: Writing, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_SPARE", 0)
    recorder = Recorder(writing)
    recorder.write(past.round(15, a_pod(), a_pod("late")))
    recorder.write(past.round(30, a_pod()))
    late = a_sample(a_pod("late"), 30)
    recorder.write(past.round(45, a_pod(), samples=[a_sample(a_pod(), 45), late]))
    recorder.write(past.round(60, a_pod()))
    assert len(recorder._objects) <= 2
    assert rows(writing, "SELECT name, count(*) FROM usage GROUP BY name") == [
        ("late", 2), ("web", 4),
    ]  # fmt: skip


def test_what_is_known_by_name_alone_ends_when_it_has_no_sample_any_more(
    writing: Writing, past: Past
) -> None:
    recorder = Recorder(writing)

    def by_name(past: Past, at: int, *names: str) -> SampleRound:
        samples = [a_sample(a_pod(name), at) for name in names]
        of_nodes = [a_node_sample("n1", at)] if "a" in names else []
        return past.round(at, samples=samples, of_nodes=of_nodes, names_only=True)

    recorder.write(by_name(past, 15, "a", "b"))
    for at in (300, 615, 630):
        recorder.write(by_name(past, at, "b"))
    gone = "SELECT uid, gone FROM object WHERE gone IS NOT NULL ORDER BY uid"
    assert rows(writing, gone) == [("?n1", T0 + 15), ("?x/a", T0 + 15)]
    recorder.write(by_name(past, 645, "a", "b"))
    assert rows(writing, gone) == [], "it is back"
    again, later = Recorder(writing), Past()
    again._lasts.clear()  # what was last has settled
    for at in (5000, 5601):
        again.write(by_name(later, at, "b"))
    assert rows(writing, gone) == [("?n1", T0 + 5000), ("?x/a", T0 + 5000)]


def test_a_pod_or_node_without_a_uid_stays_while_it_is_listed(
    writing: Writing, past: Past
) -> None:
    nameless = replace(a_pod(), uid="")
    node = Node(name="n1")
    Recorder(writing).write(past.round(15, nameless, nodes=[node]))
    Recorder(writing).write(Past().round(30, nameless, nodes=[node]))
    query = "SELECT uid, gone FROM object ORDER BY id"
    assert rows(writing, query) == [("?n1", None), ("?x/web", None)]
    recorder = Recorder(writing)
    recorder.write(past.round(45, nodes=[]))
    assert rows(writing, query) == [("?n1", T0 + 45), ("?x/web", T0 + 45)]
