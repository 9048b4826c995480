"""What an API may leave out is empty; what is of the wrong type is told with its path.

Missing, null and empty come from real servers (kubernetes-client/python#627, #1494).
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import operator
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics import DecodeError, Node, NodeMetrics, Pod, PodMetrics
from tests.cluster.recorded import body

KINDS: dict[str, tuple[type[Pod | Node | PodMetrics | NodeMetrics], Any]] = {
    "pod": (Pod, json.loads(body("pod-get.body.gz"))),
    "node": (Node, json.loads(body("node-get.body.gz"))),
    "pod metrics": (PodMetrics, json.loads(body("podmetrics-get.body"))),
    "node metrics": (NodeMetrics, json.loads(body("nodemetrics-get.body"))),
}


def places(
    value: Any,  # noqa: ANN401 - JSON
    path: tuple[str | int, ...] = (),
) -> Iterator[tuple[str | int, ...]]:
    """Name every place below a JSON value."""
    inside: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in inside:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from places(child, (*path, key))


def changed(obj: Any, path: tuple[str | int, ...], value: Any) -> Any:  # noqa: ANN401
    changed = json.loads(json.dumps(obj))  # a copy, at a tenth of deepcopy's time
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


CASES = [(kind, path) for kind, (_, obj) in KINDS.items() for path in places(obj)]


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", KINDS)
def test_any_place_may_hold_anything(kind: str) -> None:
    """Every place in turn: the model is read, or the error is ours."""
    model, obj = KINDS[kind]
    for path in places(obj):
        for value in (None, 7, "x", "", [], {}, [None], {"x": None}, True, 1.5):
            with contextlib.suppress(DecodeError):
                model.from_json(changed(obj, path, value))


@pytest.mark.parametrize("kind", KINDS)
def test_any_place_may_be_null(kind: str) -> None:
    model, obj = KINDS[kind]
    for path in places(obj):
        model.from_json(changed(obj, path, None))


def test_what_kubectl_reads_is_read() -> None:
    """Names that are missing or empty, nulls, and blanks around a quantity."""
    sample = PodMetrics.from_json(
        {
            "metadata": {"labels": {"a": None}},  # type: ignore[dict-item]
            "containers": [None, {"name": "", "usage": {"cpu": " 1 ", "memory": None}}],  # type: ignore[list-item,dict-item]
        }
    )
    assert (sample.name, sample.labels) == ("", {"a": ""})
    assert [c.name for c in sample.containers] == ["", ""]
    assert (str(sample.cpu), str(sample.memory)) == ("1", "0")


def test_a_swap_capacity_of_null_is_not_known() -> None:
    swap: Any = {"status": {"nodeInfo": {"swap": {"capacity": None}}}}
    assert Node.from_json(swap).info.swap_capacity is None


@pytest.mark.parametrize("model", [Pod, Node, PodMetrics, NodeMetrics])
@pytest.mark.parametrize(
    "obj",
    [
        {"metadata": {"name": "a"}},
        {"metadata": {"name": "a"}, "spec": {}, "status": {}},
    ],
)
def test_a_name_is_enough(model: type[Pod], obj: Any) -> None:  # noqa: ANN401 - JSON
    assert model.from_json(obj).name == "a"


WRONG: list[tuple[type[Any], dict[str, Any], str]] = [
    (Pod, {"metadata": []}, "$.metadata"),
    (Pod, {"metadata": {"name": 7}}, "$.metadata.name"),
    (Pod, {"metadata": {"name": "a", "labels": {"x": 7}}}, "$.metadata.labels.x"),
    (Pod, {"metadata": {"name": "a", "labels": {"x": []}}}, "$.metadata.labels.x"),
    (
        Pod,
        {"metadata": {"name": "a", "creationTimestamp": "now"}},
        "$.metadata.creationTimestamp",
    ),
    (Pod, {"spec": {"containers": {}}}, "$.spec.containers"),
    (Pod, {"spec": {"containers": [{"name": 7}]}}, "$.spec.containers[0].name"),
    (Pod, {"spec": {"containers": [{"name": "a"}, 7]}}, "$.spec.containers[1]"),
    (
        Pod,
        {
            "spec": {
                "containers": [{"name": "a", "resources": {"requests": {"cpu": "x"}}}]
            }
        },
        "$.spec.containers[0].resources.requests.cpu",
    ),
    (
        Pod,
        {
            "spec": {
                "containers": [{"name": "a", "resources": {"limits": {"cpu": True}}}]
            }
        },
        "$.spec.containers[0].resources.limits.cpu",
    ),
    (Pod, {"spec": {"overhead": {"cpu": []}}}, "$.spec.overhead.cpu"),
    (Pod, {"status": {"phase": 7}}, "$.status.phase"),
    (Pod, {"metadata": {"deletionTimestamp": 7}}, "$.metadata.deletionTimestamp"),
    (Pod, {"status": {"containerStatuses": 7}}, "$.status.containerStatuses"),
    (
        Pod,
        {"status": {"containerStatuses": [{"name": "a", "restartCount": "x"}]}},
        "$.status.containerStatuses[0].restartCount",
    ),
    (
        Pod,
        {"status": {"containerStatuses": [{"name": "a", "state": {"waiting": 7}}]}},
        "$.status.containerStatuses[0].state.waiting",
    ),
    (Pod, {"status": {"resources": {"requests": 7}}}, "$.status.resources.requests"),
    (
        Node,
        {"metadata": {"name": "n"}, "status": {"capacity": {"cpu": {}}}},
        "$.status.capacity.cpu",
    ),
    (
        Node,
        {"metadata": {"name": "n"}, "spec": {"unschedulable": "no"}},
        "$.spec.unschedulable",
    ),
    (PodMetrics, {"metadata": {"name": "a"}, "window": "long"}, "$.window"),
    (PodMetrics, {"metadata": {"name": "a"}, "timestamp": "2026-11-23"}, "$.timestamp"),
    (
        PodMetrics,
        {
            "metadata": {"name": "a"},
            "containers": [{"name": "c", "usage": {"cpu": "1x"}}],
        },
        "$.containers[0].usage.cpu",
    ),
    (NodeMetrics, {"metadata": {"name": "a"}, "usage": [1]}, "$.usage"),
]


@pytest.mark.parametrize(("model", "obj", "path"), WRONG)
def test_an_error_names_the_place(
    model: type[Any], obj: dict[str, Any], path: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        model.from_json(obj)
    assert caught.value.path == path


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.no_cover
@given(kind=st.sampled_from(sorted(KINDS)), value=json_values, data=st.data())
def test_nothing_but_our_error_comes_of_any_json(
    kind: str,
    value: Any,  # noqa: ANN401 - JSON
    data: st.DataObject,
) -> None:
    model, obj = KINDS[kind]
    path = data.draw(st.sampled_from([p for k, p in CASES if k == kind]))
    with contextlib.suppress(DecodeError):
        model.from_json(changed(obj, path, value))


@pytest.mark.parametrize("kind", [Pod, Node, PodMetrics, NodeMetrics])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "empty"])
def test_a_model_is_copied_pickled_and_taken_apart(
    kind: type[Pod | Node | PodMetrics | NodeMetrics],
    whole: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Workers of a process pool hand models over; ``asdict`` copies as it goes."""
    said = next(body for known, body in KINDS.values() if known is kind)
    obj: Any = said if whole else {"metadata": {"name": "a"}}
    model = kind.from_json(obj)
    assert pickle.loads(pickle.dumps(model)) == model  # noqa: S301 - our own
    assert copy.deepcopy(model) == model
    apart = dataclasses.asdict(model)
    assert json.loads(json.dumps(apart, default=str))["name"] == model.name


def test_what_many_objects_share_cannot_be_changed() -> None:
    labels: Any = Pod(name="a").labels
    for change in (
        lambda: labels.update(a="b"),
        lambda: labels.setdefault("a", "b"),
        lambda: operator.setitem(labels, "a", "b"),
        lambda: operator.ior(labels, {"a": "b"}),
    ):
        with pytest.raises(TypeError, match="many objects share it"):
            change()
    assert Pod(name="b").labels == {}
