"""A list comes as a real server sends it: by a clock that only sleeping moves."""

from __future__ import annotations

import itertools
import json
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from tests.cluster import Cluster, Generated, Options, Pace
from tests.cluster.encoding import SLICE, ListJson, Mark, packed, plain
from tests.cluster.pace import PAGE

from .client import connected, get, headers_of

PODS = "/api/v1/pods"
WANTED = Generated(nodes=6, pods=120, seed=5)


@dataclass(slots=True)
class Time:
    """A clock that stands still but for what is slept, or put in by hand."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pace(self, items: float = 0.140) -> Pace:
        return Pace(items=items, clock=self.clock, sleep=self.sleep)


def marks(*encoded: int) -> tuple[Mark, ...]:
    return tuple(Mark(at, at) for at in encoded)


def arrivals(pace: Pace, time: Time, found: Sequence[Mark]) -> list[float]:
    """Return when each piece is there, in milliseconds from the start."""
    start = time.now
    body = bytes(found[-1].sent)
    return [round((time.now - start) * 1000, 3) for _ in pace.pieces(body, found)]


def test_a_page_has_its_head_after_20_ms_and_its_pods_over_140_more() -> None:
    time = Time()
    found = arrivals(time.pace(), time, marks(0, PAGE // 2, PAGE))
    assert found == [20, 90, 160]


@pytest.mark.parametrize(
    ("items", "size", "expected"),
    [
        (0.140, 2 * PAGE, [40, 320]),
        (0.140, PAGE // 10, [2, 16]),
        (0.070, PAGE, [10, 80]),
    ],
)
def test_other_sizes_and_speeds_are_in_proportion(
    items: float, size: int, expected: list[float]
) -> None:
    time = Time()
    assert arrivals(time.pace(items), time, marks(0, size)) == expected


def test_little_delays_of_a_write_are_made_up_for() -> None:
    time = Time()
    for at, _ in enumerate(time.pace().pieces(bytes(PAGE), marks(0, PAGE // 2, PAGE))):
        time.now += 0.004 if at < 2 else 0
    assert time.now == pytest.approx(1000.160)


def test_what_a_reader_keeps_waiting_comes_later() -> None:
    time = Time()
    for at, _ in enumerate(time.pace().pieces(bytes(PAGE), marks(0, PAGE // 2, PAGE))):
        time.now += 3 if at == 1 else 0
    assert time.now == pytest.approx(1003.160)


LIST = ListJson(b'{"metadata":{"continue":"x"},"items":[', b"7," * SLICE + b"7]}\n")


def test_a_compressed_head_can_be_read_before_the_items_come() -> None:
    body = packed(LIST)
    machine = zlib.decompressobj(wbits=31)
    first = body.marks[0]
    assert machine.decompress(body.sent[: first.sent]) == LIST.head
    assert first.encoded == len(LIST.head)
    assert machine.decompress(body.sent[first.sent :]) == LIST.items
    assert machine.eof


@pytest.mark.parametrize("encoding", [plain, packed])
def test_marks_lead_to_the_end_of_a_body(encoding: type) -> None:
    body = encoding(LIST)
    assert body.marks[-1] == Mark(len(body.sent), len(LIST))
    assert len(body.marks) == 4
    for before, mark in itertools.pairwise(body.marks):
        assert before.sent <= mark.sent
        assert 0 < mark.encoded - before.encoded <= SLICE


@pytest.fixture(scope="module")
def at_once() -> Iterator[Cluster]:
    with Cluster.generated(WANTED) as running:
        yield running


@pytest.mark.parametrize("coding", ["gzip", "identity"])
@pytest.mark.parametrize(
    "path",
    [PODS, f"{PODS}?limit=50", "/apis/metrics.k8s.io/v1beta1/pods", "/api/v1/nodes"],
)
def test_a_paced_list_is_the_same_list(
    at_once: Cluster, path: str, coding: str
) -> None:
    time = Time()
    options = Options(pace=time.pace())
    with Cluster.generated(WANTED, options, now=at_once.clock.now()) as cluster:
        got = get(cluster, path, Accept_Encoding=coding)
    assert got.json() == get(at_once, path).json()
    assert sum(time.slept) == pytest.approx(len(got.plain) / PAGE * 0.160, rel=0.01)


def test_what_is_no_list_is_there_at_once() -> None:
    time = Time()
    with Cluster.generated(WANTED, Options(pace=time.pace())) as cluster:
        get(cluster, "/version")
        entry = cluster.pods.current()[0]
        get(cluster, f"/api/v1/namespaces/{entry.namespace}/pods/{entry.name}")
    assert time.slept == []


def test_the_next_page_can_be_asked_for_while_this_one_comes() -> None:
    read, slept = threading.Event(), itertools.count()

    def sleep(_: float) -> None:
        if next(slept) == 1:  # between the head of the first page and its items
            assert read.wait(30)

    pace = Pace(sleep=sleep)
    with (
        Cluster.generated(WANTED, Options(pace=pace)) as cluster,
        connected(cluster) as connection,
    ):
        headers = headers_of(cluster, "viewer", Accept_Encoding="gzip")
        connection.request("GET", f"{PODS}?limit=50", headers=headers)
        response = connection.getresponse()
        machine = zlib.decompressobj(wbits=31)
        head = machine.decompress(response.read1(1 << 16))
        metadata = json.loads(head + b"]}")["metadata"]
        assert metadata.keys() == {
            "resourceVersion",
            "continue",
            "remainingItemCount",
        }
        following = f"{PODS}?limit=50&continue={metadata['continue']}"
        assert len(get(cluster, following).names()) == 50
        read.set()
        items = machine.decompress(response.read())
        assert len(json.loads(head + items)["items"]) == 50
