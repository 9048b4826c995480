"""One odd item costs no other, and what kubectl reads is read: by every entrance.

metrics-server#210 and #301, prometheus-adapter#211: one sample of thousands, and none
was read. Items come through msgspec, through ``json`` and as events of a watch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

import pytest

from kubemetrics import Pod, PodMetrics
from kubemetrics.api import Api
from kubemetrics.api.watch import Watch
from kubemetrics.wire import PodListWire, PodMetricsListWire, _fast_decoder, _slow
from tests.items import drained

Json: TypeAlias = Any
Object: TypeAlias = Mapping[str, Any]
Entrance: TypeAlias = Callable[[Json, type], Object]

WRITTEN: Final = {
    b'"@byte@"': b'"a\xffb"',
    b'"@exponent@"': b"1e99999999999999999999",
    b'"@digits@"': b"9" * 309,
}
"""What `json.dumps` does not write."""


def encoded(value: Json) -> bytes:
    raw = json.dumps(value).encode()
    for mark, text in WRITTEN.items():
        raw = raw.replace(mark, text)
    return raw


def fast(listed: Json, shape: type) -> Object:
    decoder = _fast_decoder(shape)
    assert decoder is not None
    decoded: Any = decoder(encoded(listed))
    return plain(listed, shape) if decoded is None else cast("Object", decoded)


def plain(listed: Json, _: type) -> Object:
    return cast("Object", _slow(encoded(listed), ""))


ENTRANCES: Final = {"msgspec": fast, "json": plain}


def sample(*containers: Json, **fields: Json) -> Json:
    meta = {"name": "odd", "namespace": "n"}
    return {"metadata": meta, "containers": list(containers), **fields}


def used(cpu: Json, **fields: Json) -> Json:
    return {"name": "c", "usage": {"cpu": cpu}, **fields}


SOUND: Final = sample(used("5m"))

READ: Final[Mapping[str, tuple[Json, Mapping[str, str]]]] = {
    "a container with an empty name": (sample(used("1m", name="")), {"": "1m"}),
    "a container without a name": (sample({"usage": {"cpu": "1m"}}), {"": "1m"}),
    "a container whose name is null": (sample(used("1m", name=None)), {"": "1m"}),
    "a container that is null": (sample(None, used("1m")), {"": "", "c": "1m"}),
    "a sample without a name": ({"containers": [used("1m")]}, {"c": "1m"}),
    "a sample without metadata": (sample(used("1m"), metadata=None), {"c": "1m"}),
    "a label that is null": (
        sample(used("1m"), metadata={"labels": {"a": None}}),
        {"c": "1m"},
    ),
    "a sample that is null": (None, {}),
    "containers that are null": (sample(containers=None), {}),
    "a usage that is null": (sample({"name": "c", "usage": None}), {"c": ""}),
    "a window that is null": (sample(used("1m"), window=None), {"c": "1m"}),
    "a quantity with blanks": (sample(used(" 1m\n")), {"c": "1m"}),
    "a quantity that is null": (sample(used(None)), {"c": "0"}),
    "a quantity that is a number": (sample(used(1.5)), {"c": "1500m"}),
    "bytes that are no UTF-8": (sample(used("1m", name="@byte@")), {"a\ufffdb": "1m"}),
}

LOST: Final[Mapping[str, tuple[Json, str]]] = {
    "no quantity": (sample(used("1x")), "$.items[1].containers[0].usage.cpu"),
    "an empty quantity": (sample(used("")), "$.items[1].containers[0].usage.cpu"),
    "an exponent beyond all": (
        sample(used("@exponent@")),
        "$.items[1].containers[0].usage.cpu",
    ),
    "309 digits": (sample(used("@digits@")), "$.items[1].containers[0].usage.cpu"),
    "a name that is a number": (
        sample(used("1m", name=7)),
        "$.items[1].containers[0].name",
    ),
    "a label that is a number": (
        sample(metadata={"name": "odd", "labels": {"a": 7}}),
        "$.items[1].metadata.labels.a",
    ),
    "a sample that is a number": (7, "$.items[1]"),
    "no time": (sample(timestamp="@exponent@"), "$.items[1].timestamp"),
    "no duration": (sample(window="a while"), "$.items[1].window"),
}


def listed(*items: Json) -> Json:
    """Return a list that does not say its kind."""
    return {"items": list(items)}


@pytest.mark.parametrize("entrance", ENTRANCES.values(), ids=ENTRANCES)
@pytest.mark.parametrize(("odd", "usage"), READ.values(), ids=READ)
def test_a_sample_that_kubectl_reads_is_read(
    odd: Json, usage: Mapping[str, str], entrance: Entrance
) -> None:
    body = entrance(listed(SOUND, odd, SOUND), PodMetricsListWire)
    built, lost = drained(body, PodMetrics.from_json)
    assert not lost
    before, read, after = built
    assert before == after == PodMetrics.from_json(SOUND)
    found = {c.name: "" if c.cpu is None else str(c.cpu) for c in read.containers}
    assert found == usage


@pytest.mark.parametrize("entrance", ENTRANCES.values(), ids=ENTRANCES)
@pytest.mark.parametrize(("odd", "path"), LOST.values(), ids=LOST)
def test_a_sample_that_cannot_be_read_is_lost_alone_and_named(
    odd: Json, path: str, entrance: Entrance
) -> None:
    body = entrance(listed(SOUND, odd, SOUND), PodMetricsListWire)
    built, (lost,) = drained(body, PodMetrics.from_json)
    assert built == [PodMetrics.from_json(SOUND)] * 2
    assert lost.error.path == path
    assert lost.name == ("" if odd == 7 else "odd")


def test_a_container_named_twice_is_summed() -> None:
    """metrics-server#301; the pod's value is the same sum."""
    twice = PodMetrics.from_json(
        sample(used("50m"), used("20m", name="d"), used("100m"), used(None))
    )
    usages = {name: str(usage["cpu"]) for name, usage in twice.by_container.items()}
    assert usages == {"c": "150m", "d": "20m"}
    assert str(twice.cpu) == "170m"
    assert len(twice.containers) == 4


def pod(*containers: Json, **fields: Json) -> Json:
    meta = {"name": "p", "resourceVersion": "7"}
    return {"metadata": meta, "spec": {"containers": list(containers)}, **fields}


def asks(cpu: Json, **fields: Json) -> Json:
    return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **fields}


PODS: Final[Mapping[str, tuple[Json, Mapping[str, str]]]] = {
    "a container with an empty name": (pod(asks("1m", name="")), {"": "1m"}),
    "a container without a name": (
        pod({"resources": {"requests": {"cpu": "1m"}}}),
        {"": "1m"},
    ),
    "a container that is null": (pod(None, asks("1m")), {"": "", "c": "1m"}),
    "a quantity with blanks": (pod(asks(" 1m\t")), {"c": "1m"}),
    "a quantity that is null": (pod(asks(None)), {"c": "0"}),
    "bytes that are no UTF-8": (pod(asks("1m", name="@byte@")), {"a\ufffdb": "1m"}),
    "a label that is null": (
        pod(asks("1m"), metadata={"resourceVersion": "7", "labels": {"a": None}}),
        {"c": "1m"},
    ),
    "statuses that are null": (
        pod(asks("1m"), status={"containerStatuses": [None], "conditions": [None]}),
        {"c": "1m"},
    ),
}


def watched(odd: Json) -> Pod:
    watch = Watch(Api(), {"resource_version": "6"}, clock=lambda: 0.0)
    line = encoded({"type": "ADDED", "object": odd})
    (event,) = watch.feed(line + b"\n")
    return event.object


@pytest.mark.parametrize(("odd", "requests"), PODS.values(), ids=PODS)
def test_a_pod_that_kubectl_reads_is_read_from_a_list_and_from_a_watch(
    odd: Json, requests: Mapping[str, str]
) -> None:
    ways = [watched(odd)]
    for entrance in ENTRANCES.values():
        body = entrance(listed(odd), PodListWire)
        built, lost = drained(body, Pod.from_json)
        assert not lost
        ways += built
    assert ways == [ways[0]] * 3
    containers = ways[0].containers
    assert {c.name: str(c.requests.get("cpu", "")) for c in containers} == requests
