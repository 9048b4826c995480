"""Snapshots as JSON, read back: nothing that a view shows may be lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubemetrics.errors import (
    DecodeError,
    Forbidden,
    MetricsUnavailable,
    TransportError,
)
from kubemetrics.jsonread import UnreadableItem
from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from kubemetrics.models.node import Node
from kubemetrics.models.pod import Container, ContainerState, Pod
from kubemetrics.models.written import (
    written_node,
    written_node_metrics,
    written_pod,
    written_pod_metrics,
)
from kubemetrics.snapshot import Part, Parts, Snapshot, SnapshotOptions, join
from kubemetrics.snapshot.document import (
    DocumentReader,
    chosen,
    objects_of,
    snapshots_of,
)
from tests.views.hostile import hostile, unreadable
from tests.views.recorded import recorded

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
T = TypeVar("T")


def parts_of(snapshot: Snapshot) -> Parts:
    assert snapshot.parts is not None
    return snapshot.parts


def again(parts: Parts) -> Parts:
    """Write the lists as text and read them back."""
    text = json.dumps(list(objects_of(parts, "here")))
    ((context, found),) = snapshots_of(json.loads(text))
    assert context == "here"
    return found


def reasons(snapshot: Snapshot) -> list[object]:
    of_pods = [row.reason for row in snapshot.pods]
    return [*of_pods, *(row.reason for row in snapshot.nodes)]


def failures(snapshot: Snapshot) -> list[tuple[str, str, str]]:
    return [(f.part, f.namespace, str(f.error)) for f in snapshot.failures]


def read_again(value: T, write: Callable[[T], Any], read: Callable[[Any], T]) -> T:
    return read(json.loads(json.dumps(write(value))))


def same_pod(pod: Pod) -> bool:
    return read_again(pod, written_pod, Pod.from_json) == pod


def same_node(node: Node) -> bool:
    return read_again(node, written_node, Node.from_json) == node


def same_sample(sample: PodMetrics) -> bool:
    return read_again(sample, written_pod_metrics, PodMetrics.from_json) == sample


def same_node_sample(sample: NodeMetrics) -> bool:
    return read_again(sample, written_node_metrics, NodeMetrics.from_json) == sample


def test_recorded_objects_are_written_as_they_were_read() -> None:
    parts = parts_of(recorded())
    assert all(map(same_pod, parts.pods.items))
    assert all(map(same_node, parts.nodes.items))
    assert all(map(same_sample, parts.pod_metrics.items))
    assert all(map(same_node_sample, parts.node_metrics.items))


ODD: Sequence[Mapping[str, Any]] = (
    {},
    {"spec": {"resources": {}}, "status": {"resources": {}, "allocatedResources": {}}},
    {"spec": {"resources": {"limits": {"cpu": "1"}}, "overhead": {"memory": "1Mi"}}},
    {"status": {"resources": {"requests": {}}, "conditions": [{"type": "Ready"}]}},
    {
        "metadata": {"deletionTimestamp": "2026-01-01T00:00:00.25+01:00"},
        "spec": {
            "containers": [{"name": "a"}, {"name": "b"}, {"name": "unseen"}],
            "initContainers": [
                {"name": "a", "restartPolicy": "Always"},
                {"name": "once", "resources": {"requests": {"cpu": "10m"}}},
            ],
            "ephemeralContainers": [{"name": "debug"}],
        },
        "status": {
            "containerStatuses": [
                {"name": "b", "state": {}, "resources": {}, "restartCount": 3},
                {"name": "gone", "state": {"running": {}}},
                {"name": "a", "allocatedResources": {}, "started": True},
            ],
            "initContainerStatuses": [
                {
                    "name": "once",
                    "state": {"terminated": {"exitCode": 1, "signal": 9}},
                    "lastState": {
                        "terminated": {
                            "reason": "OOMKilled",
                            "startedAt": "2026-01-01T00:00:00Z",
                            "finishedAt": "2026-01-01T00:00:01Z",
                        }
                    },
                }
            ],
            "ephemeralContainerStatuses": [
                {"name": "debug", "state": {"waiting": {"reason": "x"}}}
            ],
            "nodeAllocatableResourceClaimStatuses": [{"resources": {"cpu": "2"}}],
        },
    },
)


@pytest.mark.parametrize("obj", ODD)
def test_what_is_empty_stays_apart_from_what_is_missing(
    obj: Mapping[str, Any],
) -> None:
    as_read: Any = obj
    assert same_pod(Pod.from_json(as_read))


def test_a_node_keeps_its_swap_taints_and_times() -> None:
    obj: Any = {
        "metadata": {"name": "n", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "unschedulable": True,
            "taints": [{"key": "k", "effect": "NoExecute"}],
        },
        "status": {
            "conditions": [
                {"type": "Ready", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            ],
            "nodeInfo": {"kubeletVersion": "v1.36.0", "swap": {"capacity": 0}},
        },
    }
    assert same_node(Node.from_json(obj))


@pytest.mark.parametrize("seconds", [0, 15, -1.5, 14.985, 300.000001])
def test_a_window_is_kept_to_the_microsecond(seconds: float) -> None:
    sample = NodeMetrics(
        name="n", labels={}, timestamp=NOW, window=timedelta(seconds=seconds), usage={}
    )
    assert same_node_sample(sample)


@pytest.mark.parametrize("made", [recorded, unreadable])
def test_a_snapshot_is_joined_again_as_it_was(made: Callable[[], Snapshot]) -> None:
    snapshot = made()
    found = join(again(parts_of(snapshot)))
    assert reasons(found) == reasons(snapshot)
    assert failures(found) == failures(snapshot)
    bare = replace(found, failures=(), parts=None)
    assert bare == replace(snapshot, failures=(), parts=None)


def test_names_that_are_attacks_come_back_unchanged() -> None:
    snapshot = hostile()
    found = join(again(parts_of(snapshot)))
    assert [row.key for row in found.pods] == [row.key for row in snapshot.pods]
    assert [row.usage for row in found.pods] == [row.usage for row in snapshot.pods]


def test_errors_keep_what_decides_reasons_and_exit_codes() -> None:
    errors = {
        "a": Forbidden("no", status=403),
        "b": MetricsUnavailable("none", cause="absent", status=404),
        "c": MetricsUnavailable("down", cause="down", status=503),
        "d": TransportError("no answer", url="https://x", reason="timeout"),
    }
    lost = UnreadableItem("web", "a", DecodeError("expected a string", path="$.x"))
    empty: Part[Any] = Part()
    parts = Parts(
        pods=Part(unreadable=(lost,)),
        pod_metrics=Part(errors=errors),
        nodes=empty,
        node_metrics=empty,
        own_clock=NOW,
    )
    found = again(parts)
    assert found.own_clock == NOW
    back = found.pod_metrics.errors
    assert {n: str(e) for n, e in back.items()} == {
        n: str(e) for n, e in errors.items()
    }
    assert isinstance(back["a"], Forbidden)
    causes = [e.cause for e in back.values() if isinstance(e, MetricsUnavailable)]
    assert causes == ["absent", "down"]
    (item,) = found.pods.unreadable
    assert (item.namespace, item.name, str(item.error)) == ("a", "web", str(lost.error))


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ([1], "$.objects[0]: expected an object"),
        ([{"kind": "Pod"}], "$.objects[0].kind: unknown kind 'Pod'"),
        ([{"kind": "Snapshot"}, {"kind": "X"}], "$.objects[1].kind: unknown kind 'X'"),
        (
            [{"kind": "Snapshot"}, {"kind": "Pod", "spec": 1}],
            "$.objects[1].spec: expected an object, got int",
        ),
    ],
)
def test_what_is_no_snapshot_is_told_by_its_place(
    objects: Sequence[object], said: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        snapshots_of(objects)
    assert str(caught.value) == said


def pod(name: str, namespace: str = "a", node: str = "n1", app: str = "web") -> Pod:
    return Pod(
        name=name,
        namespace=namespace,
        node_name=node,
        labels={"app": app},
        phase="Running",
        containers=(Container(name="c", state=ContainerState("running")),),
    )


def some_parts(**more: object) -> Parts:
    pods = (pod("one"), pod("two", "b", app="db"), pod("three", node="n2"))
    samples = tuple(
        PodMetrics(
            name=p.name,
            namespace=p.namespace,
            labels=p.labels,
            timestamp=NOW,
            window=None,
            containers=(),
        )
        for p in pods
    )
    nodes = (Node(name="n1", labels={"pool": "x"}), Node(name="n2"))
    sampled = (NodeMetrics(name="n1", labels={}, timestamp=NOW, window=None, usage={}),)
    parts = Parts(
        pods=Part(items=pods, errors={"c": Forbidden("no", status=403)}),
        pod_metrics=Part(items=samples),
        nodes=Part(items=nodes),
        node_metrics=Part(items=sampled),
        whole=True,
    )
    changed: Any = more
    return replace(parts, **changed)


@pytest.mark.parametrize(
    ("options", "names", "nodes"),
    [
        ({}, ["one", "two", "three"], ["n1", "n2"]),
        ({"namespace": ("a",)}, ["one", "three"], ["n1", "n2"]),
        ({"label_selector": "app!=web"}, ["two"], ["n1", "n2"]),
        ({"field_selector": "metadata.name=one"}, ["one"], ["n1", "n2"]),
        ({"field_selector": "spec.nodeName!=n1"}, ["three"], ["n1", "n2"]),
        ({"node": "n2"}, ["three"], ["n2"]),
        ({"node_selector": "pool=x"}, ["one", "two", "three"], ["n1"]),
    ],
)
def test_objects_are_chosen_as_a_server_does(
    options: SnapshotOptions, names: list[str], nodes: list[str]
) -> None:
    found = chosen(some_parts(), options)
    assert [p.name for p in found.pods.items] == names
    assert [n.name for n in found.nodes.items] == nodes
    assert [n.name for n in found.node_metrics.items] == [n for n in nodes if n == "n1"]
    assert bool(found.pods.errors) == ("namespace" not in options)
    assert found.narrowed == any(key in options for key in ("field_selector", "node"))


def test_the_pods_of_nodes_are_those_of_the_whole_cluster() -> None:
    options: SnapshotOptions = {"reconcile": True, "label_selector": "app=db"}
    found = chosen(some_parts(), options)
    assert found.all_pods is not None
    assert len(found.all_pods.items) > len(found.pods.items)
    with pytest.raises(ValueError, match="keeps some pods of the cluster"):
        chosen(some_parts(whole=False), options)
    everything = some_parts().pods
    apart = some_parts(whole=False, pods=Part(), all_pods=everything)
    assert chosen(again(apart), options).all_pods is not None


def test_a_field_that_is_not_kept_is_refused() -> None:
    with pytest.raises(ValueError, match=r"field status.podIP is not kept"):
        chosen(some_parts(), {"field_selector": "status.podIP=1"})


def members(pieces: Sequence[bytes]) -> list[tuple[str, object]]:
    return list(DocumentReader(iter(pieces)).members())


def cut(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None)
@given(
    document=st.dictionaries(st.text(), VALUES),
    indent=st.sampled_from([None, 0, 2]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le"]),
    size=st.integers(4, 30),
)
@example(document={"abcdefg": -0.5}, indent=None, encoding="utf-8", size=15)
@example(document={"abcdef": 1e300}, indent=None, encoding="utf-8", size=14)
def test_a_document_is_read_as_json_reads_it_wherever_its_text_is_cut(
    document: dict[str, object], indent: int | None, encoding: str, size: int
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    expected = [
        (name, item)
        for name, value in document.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    encoded = text.encode(encoding, "surrogatepass")
    assert members(cut(encoded, size)) == expected


@settings(max_examples=50, deadline=None)
@given(document=st.dictionaries(st.text(), VALUES), at=st.integers(0), new=st.binary())
@example(document={}, at=0, new=b"")
@example(document={}, at=0, new=b"0\x01")
@example(document={}, at=1, new=b"1:2}")
@example(document={}, at=1, new=b'"a" 2}')
@example(document={}, at=2, new=b"{")
@example(document={}, at=1, new=b'"a": 1,}')
@example(document={}, at=1, new=b'"a": [1,]}')
@example(document={"a": "b"}, at=5, new=b"\xff")
@example(document={"a": "b"}, at=5, new=b"1" * 10**4)
def test_a_damaged_document_is_what_json_takes_it_for(
    document: dict[str, object], at: int, new: bytes
) -> None:
    text = json.dumps(document).encode()
    place = at % (len(text) + 1)
    damaged = text[:place] + new
    try:
        found: object = json.loads(damaged)
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            members(cut(damaged, 7))
        return
    assert {name for name, _ in members([damaged])} <= set(
        found if isinstance(found, dict) else ()
    )


def test_what_is_wrong_is_said_before_all_is_read() -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"a": [1, 2, ?'
        yield b" " * 10**6
        raise AssertionError

    with pytest.raises(ValueError, match=r"Expecting value \(character 13\)"):
        list(DocumentReader(endless()).members())


def test_an_object_beyond_any_of_the_cluster_is_not_waited_for() -> None:
    with pytest.raises(ValueError, match="longer than 2 MiB"):
        members([b'{"a": "', *[b"x" * 10**6] * 9])


def test_the_cost_of_a_value_grows_with_its_members_and_its_text() -> None:
    def cost(value: object) -> int:
        text = json.dumps({"a": value}, ensure_ascii=False)
        reader = DocumentReader(iter([text.encode()]))
        next(reader.members())
        return reader.cost

    small = cost({"b": 1})
    assert cost({"b": 1, "c": 1}) > small + 100
    assert cost({"b": "x" * 1000}) >= small + 1000
    assert cost({"b": "é" * 1000}) >= small + 4000
