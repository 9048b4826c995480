"""The watch as a machine, fed by hand: no time passes but what the test says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.api import Api, RetryPolicy
from kubemetrics.api.watch import LONGEST_LINE, Watch, WatchEvent, WatchOptions
from kubemetrics.errors import (
    CredentialError,
    DecodeError,
    Expired,
    Forbidden,
    KubeMetricsError,
    ServiceUnavailable,
    TooManyRequests,
    TransportError,
    TransportReason,
)
from kubemetrics.flow import Response
from tests.api.playing import Play, answer, broken, in_turn, status


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Consumer:
    """A watch, its clock and the picture that its events have drawn."""

    def __init__(
        self,
        options: WatchOptions | None = None,
        *,
        random: float = 0.0,
        interval: float = 0.0,
    ) -> None:
        self.clock = Clock()
        policy = RetryPolicy(attempts=1, random=lambda: random, watch_interval=interval)
        self.warned: list[str] = []
        api = Api(retry=policy, on_warning=self.warned.append)
        self.watch = Watch(api, options or {}, clock=self.clock)
        self.waits: list[float] = []
        self.picture: dict[str, str] = {}

    def begin(self, *answers: Response | KubeMetricsError) -> list[str]:
        play = Play(in_turn(answers))
        return self.told(play.run(self.watch.begin()))

    def open(self) -> dict[str, str]:
        return dict(self.watch.request(None).query)

    def feed(self, *chunks: bytes) -> list[str]:
        return [word for c in chunks for word in self.told(self.watch.feed(c))]

    def ended(
        self,
        error: KubeMetricsError | None,
        *answers: Response | KubeMetricsError,
        lived: float = 0.0,
    ) -> list[str]:
        self.clock.now += lived
        play = Play(in_turn(answers))
        events = play.run(self.watch.ended(error))
        self.waits = play.waits
        return self.told(events)

    def told(self, events: Iterable[WatchEvent]) -> list[str]:
        words: list[str] = []
        for event in events:
            pod = event.object
            words.append(f"{event.type} {pod.name} {pod.phase}".strip())
            assert (pod.name in self.picture) == (event.type != "ADDED")
            if event.type == "DELETED":
                del self.picture[pod.name]
            else:
                self.picture[pod.name] = pod.phase
        return words


def pod(name: str, version: int, phase: str = "", uid: str = "") -> dict[str, object]:
    metadata = {"name": name, "namespace": "ns", "uid": uid or name}
    return {
        "metadata": {**metadata, "resourceVersion": str(version)},
        "status": {"phase": phase},
    }


def pods(*items: dict[str, object], version: int) -> Response:
    metadata = {"resourceVersion": str(version)}
    return answer(200, {"kind": "PodList", "metadata": metadata, "items": items})


def line(kind: str, obj: object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def bookmark(version: int) -> bytes:
    meta = {"resourceVersion": str(version), "creationTimestamp": None}
    return line("BOOKMARK", {"kind": "Pod", "metadata": meta, "spec": {}})


def started(*names: str, version: int = 5) -> Consumer:
    consumer = Consumer()
    consumer.begin(pods(*(pod(name, 1) for name in names), version=version))
    consumer.open()
    return consumer


EXPIRED = Expired("too old", status=410, reason="Expired")


def test_what_there_is_comes_first() -> None:
    consumer = Consumer()
    told = consumer.begin(pods(pod("a", 1, "Running"), pod("b", 3), version=5))
    assert told == ["ADDED a Running", "ADDED b"]


def test_the_stream_begins_where_the_list_ended() -> None:
    assert started("a").open() == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "5",
        "timeoutSeconds": "300",
    }


@pytest.mark.parametrize(
    ("random", "remaining", "seconds"),
    [
        (0.0, None, "300"),
        (0.5, None, "450"),
        (0.9999, None, "600"),
        (0.5, 20.2, "21"),
        (0.5, 0.01, "1"),
    ],
)
def test_the_server_is_told_to_end_after_5_to_10_minutes(
    random: float, remaining: float | None, seconds: str
) -> None:
    consumer = Consumer(random=random)
    consumer.begin(pods(version=5))
    asked = dict(consumer.watch.request(remaining).query)
    assert asked["timeoutSeconds"] == seconds


def test_selectors_and_the_namespace_are_asked_for_everywhere() -> None:
    options: WatchOptions = {
        "namespace": "ns",
        "label_selector": "a=b",
        "field_selector": "spec.nodeName=n",
    }
    consumer = Consumer(options)
    play = Play(in_turn([pods(version=5)]))
    play.run(consumer.watch.begin())
    for request in (play.requests[0], consumer.watch.request(None)):
        assert request.path == "/api/v1/namespaces/ns/pods"
        assert ("labelSelector", "a=b") in request.query
        assert ("fieldSelector", "spec.nodeName=n") in request.query


def test_changes_are_told_as_they_come() -> None:
    consumer = started("a")
    told = consumer.feed(
        line("ADDED", pod("b", 6)),
        line("MODIFIED", pod("a", 7, "Running"))
        + line("DELETED", pod("b", 8, "Failed")),
    )
    assert told == ["ADDED b", "MODIFIED a Running", "DELETED b Failed"]


@pytest.mark.parametrize(
    "last", [line("MODIFIED", pod("a", 9)), bookmark(9)], ids=["event", "bookmark"]
)
def test_a_stream_goes_on_after_what_was_told_last(last: bytes) -> None:
    consumer = started("a")
    consumer.feed(line("MODIFIED", pod("a", 7)), last)
    consumer.ended(None)
    assert consumer.waits == []
    assert consumer.open()["resourceVersion"] == "9"


def test_bookmarks_are_not_shown() -> None:
    assert started().feed(bookmark(9)) == []


@given(st.data())
def test_lines_and_letters_may_be_cut_anywhere(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.text("aé漢𝄞", min_size=1), unique=True, max_size=5))
    objects = [pod(name, 6 + at) for at, name in enumerate(names)]
    encoded = "".join(
        json.dumps({"type": "ADDED", "object": obj}, ensure_ascii=False) + "\n"
        for obj in objects
    ).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(encoded)), max_size=8)))
    bounds = [0, *cuts, len(encoded)]
    consumer = started()
    chunks = [encoded[a:b] for a, b in pairwise(bounds)]
    assert consumer.feed(*chunks) == [f"ADDED {name}" for name in names]


def test_empty_lines_mean_nothing() -> None:
    assert started().feed(b"\n \n" + line("ADDED", pod("a", 6)) + b"\n") == ["ADDED a"]


def test_a_line_of_megabytes_is_a_line() -> None:
    consumer = started()
    obj = pod("a", 6)
    obj["filler"] = "x" * (4 << 20)
    whole = line("ADDED", obj)
    pieces = [whole[at : at + (64 << 10)] for at in range(0, len(whole), 64 << 10)]
    assert consumer.feed(*pieces) == ["ADDED a"]


def test_a_line_without_end_is_an_error() -> None:
    consumer = started()
    chunk = b"x" * (1 << 20)
    with pytest.raises(TransportError, match=f"more than {LONGEST_LINE} bytes"):
        consumer.feed(*[chunk] * 40)


@pytest.mark.parametrize(
    ("garbage", "says"),
    [
        (b"\xff\xfe{\n", "not JSON"),
        (b"{\n", "not JSON"),
        (b"[]\n", "expected a JSON object"),
        (line("ADDED", {}), r"\$\.object\.metadata\.resourceVersion"),
        (line("ADDED", 7), "object"),
        (b'{"type":"ADDED","object":' + b"[" * 100_000 + b"\n", "nested too deeply"),
    ],
)
def test_a_line_that_is_no_event_is_an_error(garbage: bytes, says: str) -> None:
    with pytest.raises(DecodeError, match=says):
        started().feed(garbage)


def test_what_came_before_garbage_is_told() -> None:
    consumer = started()
    with pytest.raises(DecodeError):
        consumer.feed(line("ADDED", pod("a", 6)) + b"garbage\n")
    assert consumer.picture == {"a": ""}
    consumer.ended(DecodeError("garbage"))
    assert consumer.open()["resourceVersion"] == "6"


def test_half_a_line_at_the_end_of_a_stream_is_forgotten() -> None:
    consumer = started()
    consumer.feed(line("ADDED", pod("a", 6)) + b'{"type":"ADD')
    consumer.ended(broken("reset"))
    consumer.open()
    assert consumer.feed(line("ADDED", pod("b", 7))) == ["ADDED b"]


def test_an_event_of_a_new_kind_is_passed_over() -> None:
    consumer = started()
    assert consumer.feed(line("SURPRISE", pod("a", 6))) == []
    assert consumer.open()["resourceVersion"] == "6"


def odd(name: object, version: int) -> dict[str, object]:
    """Return a pod whose phase is no text."""
    made: dict[str, Any] = pod("x", version)
    return {"metadata": {**made["metadata"], "name": name}, "status": {"phase": 7}}


class TestAPodThatCannotBeRead:
    """It costs itself and no other, and neither the watch nor its list."""

    def test_the_first_list_leaves_it_out_and_names_it(self) -> None:
        consumer = Consumer()
        told = consumer.begin(pods(pod("a", 1), odd("b", 2), pod("c", 3), version=5))
        assert told == ["ADDED a", "ADDED c"]
        (warned,) = consumer.warned
        assert "ns/b" in warned
        assert "$.items[1].status.phase" in warned
        assert consumer.open()["resourceVersion"] == "5"

    def test_an_event_of_it_is_named_once_and_passed_over(self) -> None:
        consumer = started("a", "b")
        again = (line("MODIFIED", odd("a", version)) for version in (6, 7))
        assert consumer.feed(*again, line("ADDED", pod("c", 8))) == ["ADDED c"]
        (warned,) = consumer.warned
        assert "ns/a" in warned
        assert "$.object.status.phase" in warned
        assert consumer.open()["resourceVersion"] == "8"
        well = line("MODIFIED", pod("a", 9, "Failed"))
        assert consumer.feed(well) == ["MODIFIED a Failed"]
        consumer.feed(line("MODIFIED", odd("a", 10)))
        assert len(consumer.warned) == 2

    def test_it_is_gone_when_it_is_deleted_whatever_else_is_odd(self) -> None:
        consumer = started("a")
        assert consumer.feed(line("DELETED", odd("a", 6))) == ["DELETED a"]
        assert consumer.feed(line("DELETED", odd("never", 7))) == []

    def test_a_later_list_does_not_take_it_for_gone(self) -> None:
        consumer = started("a", "b")
        assert consumer.ended(EXPIRED, pods(odd("a", 6), version=7)) == ["DELETED b"]
        assert consumer.ended(EXPIRED, pods(version=9)) == ["DELETED a"]

    def test_one_without_a_name_may_be_any_that_is_known(self) -> None:
        consumer = started("a", "b")
        assert consumer.ended(EXPIRED, pods(odd(7, 6), version=7)) == []
        assert "without a name" in consumer.warned[0]
        assert consumer.ended(EXPIRED, pods(pod("a", 1), version=9)) == ["DELETED b"]

    def test_who_hears_no_warnings_goes_on_as_well(self) -> None:
        watch = Watch(Api(), {"resource_version": "5"}, clock=Clock())
        assert list(watch.feed(line("ADDED", odd("a", 6)))) == []


class TestWhatIsMissed:
    """After a 410 a list is compared with the picture."""

    def relisted(self, *items: dict[str, object]) -> list[str]:
        consumer = Consumer()
        first = [pod("a", 1), pod("b", 2, "Running"), pod("c", 3)]
        consumer.begin(pods(*first, version=5))
        consumer.open()
        told = consumer.ended(EXPIRED, pods(*items, version=50))
        assert consumer.open()["resourceVersion"] == "50"
        assert sorted(consumer.picture) == sorted(
            str(item["metadata"]["name"])  # type: ignore[index]
            for item in items
        )
        return told

    def test_nothing(self) -> None:
        same = [pod("a", 1), pod("b", 2, "Running"), pod("c", 3)]
        assert self.relisted(*same) == []

    def test_a_pod_that_vanished(self) -> None:
        assert self.relisted(pod("a", 1), pod("c", 3)) == ["DELETED b Running"]

    def test_a_pod_that_came(self) -> None:
        more = [pod("a", 1), pod("b", 2, "Running"), pod("c", 3), pod("d", 9)]
        assert self.relisted(*more) == ["ADDED d"]

    def test_a_pod_that_changed(self) -> None:
        changed = [pod("a", 1), pod("b", 9, "Failed"), pod("c", 3)]
        assert self.relisted(*changed) == ["MODIFIED b Failed"]

    def test_another_pod_of_the_same_name(self) -> None:
        again = [pod("a", 1), pod("b", 9, "Pending", uid="new"), pod("c", 3)]
        assert self.relisted(*again) == ["DELETED b Running", "ADDED b Pending"]

    def test_all(self) -> None:
        assert self.relisted() == ["DELETED a", "DELETED b Running", "DELETED c"]


def test_events_that_the_list_has_told_already_come_as_what_they_are() -> None:
    consumer = started("a")
    again = consumer.feed(line("ADDED", pod("a", 6)), line("MODIFIED", pod("b", 7)))
    assert again == ["MODIFIED a", "ADDED b"]
    assert consumer.feed(line("DELETED", pod("never", 8))) == []


def test_an_error_event_ends_the_stream_with_its_error() -> None:
    obj = {"kind": "Status", "code": 410, "reason": "Expired", "status": "Failure"}
    with pytest.raises(Expired):
        started().feed(line("ERROR", obj))


def test_a_failing_list_is_tried_again_with_longer_waits() -> None:
    consumer = started("a")
    down = status(503, "ServiceUnavailable")
    told = consumer.ended(EXPIRED, down, broken("refused"), pods(version=9))
    assert told == ["DELETED a"]
    assert consumer.waits == pytest.approx([0.8, 1.6, 3.2])


def test_a_list_that_expires_in_turn_is_tried_again() -> None:
    consumer = started("a")
    gone = status(410, "Expired")
    assert consumer.ended(EXPIRED, gone, pods(version=9)) == ["DELETED a"]


@pytest.mark.parametrize(
    "error",
    [
        Forbidden("no", status=403),
        CredentialError("no plugin"),
        broken("closed"),
        broken("tls"),
        broken("deadline"),
    ],
)
def test_a_failing_list_may_be_beyond_help(error: KubeMetricsError) -> None:
    with pytest.raises(type(error)):
        started("a").ended(EXPIRED, error)


PASSING: tuple[TransportReason, ...] = (
    "reset",
    "timeout",
    "refused",
    "dns",
    "protocol",
)


@pytest.mark.parametrize(
    "error",
    [
        *(broken(reason) for reason in PASSING),
        ServiceUnavailable("no", status=503),
        TooManyRequests("no", status=429),
        DecodeError("garbage"),
    ],
)
def test_what_may_pass_is_waited_for(error: KubeMetricsError) -> None:
    consumer = started("a")
    assert consumer.ended(error) == []
    assert consumer.waits == [0.8]
    assert consumer.open()["resourceVersion"] == "5"


def test_the_server_may_ask_for_a_longer_wait() -> None:
    consumer = started("a")
    consumer.ended(TooManyRequests("no", status=429, retry_after=7.0))
    assert consumer.waits == [7.0]


LASTING: tuple[TransportReason, ...] = ("tls", "closed", "deadline", "limit")


@pytest.mark.parametrize(
    "error",
    [
        *(broken(reason) for reason in LASTING),
        Forbidden("no", status=403),
        CredentialError("no plugin"),
    ],
)
def test_what_will_not_pass_is_raised(error: KubeMetricsError) -> None:
    consumer = started("a")
    consumer.feed(bookmark(6))
    with pytest.raises(type(error)):
        consumer.ended(error)


def test_a_stream_that_is_never_readable_is_an_error_in_the_end() -> None:
    consumer = started("a")
    for _ in range(3):
        consumer.ended(DecodeError("garbage"))
    with pytest.raises(DecodeError):
        consumer.ended(DecodeError("garbage"))


def test_a_readable_event_in_between_is_a_new_beginning() -> None:
    consumer = started("a")
    for version in range(6, 20):
        consumer.feed(bookmark(version))
        consumer.ended(DecodeError("garbage"))
        consumer.open()


@pytest.mark.parametrize(
    ("told", "lived", "error", "waits"),
    [
        (True, 0.0, None, []),
        (False, 1.0, None, []),
        (False, 300.0, None, []),
        (False, 0.9, None, [0.8]),  # very short: no hot loop
        (True, 0.0, broken("reset"), []),
        (True, 0.0, broken("timeout"), []),
        (False, 90.0, broken("timeout"), [0.8]),
        (True, 0.0, broken("refused"), [0.8]),
        (True, 300.0, ServiceUnavailable("no", status=503), [0.8]),
    ],
)
def test_a_stream_that_ends_as_streams_do_goes_on_at_once(
    told: bool,  # noqa: FBT001
    lived: float,
    error: KubeMetricsError | None,
    waits: list[float],
) -> None:
    consumer = started("a")
    if told:
        consumer.feed(bookmark(6))
    consumer.ended(error, lived=lived)
    assert consumer.waits == waits


def test_very_short_streams_wait_longer_and_longer() -> None:
    consumer = started("a")
    waits: list[float] = []
    for _ in range(7):
        consumer.open()
        consumer.ended(None)
        waits += consumer.waits
    assert waits == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0])


def test_a_watch_may_begin_at_a_version_without_a_list() -> None:
    consumer = Consumer({"resource_version": "3"})
    assert consumer.begin() == []
    assert consumer.open()["resourceVersion"] == "3"
    assert consumer.feed(line("ADDED", pod("a", 4))) == ["ADDED a"]


def test_without_a_list_events_are_told_as_they_come() -> None:
    consumer = Consumer({"resource_version": "3"})
    consumer.begin()
    events = consumer.watch.feed(
        line("DELETED", pod("a", 4)) + line("MODIFIED", pod("b", 5))
    )
    assert [event.type for event in events] == ["DELETED", "MODIFIED"]


def test_without_a_list_a_410_brings_one() -> None:
    consumer = Consumer({"resource_version": "3"})
    consumer.begin()
    assert consumer.ended(EXPIRED, pods(pod("a", 1), version=9)) == ["ADDED a"]
    assert consumer.open()["resourceVersion"] == "9"


def test_a_failing_first_list_is_the_callers_to_hear() -> None:
    with pytest.raises(TransportError):
        Consumer().begin(broken("refused"))


@pytest.mark.parametrize(
    ("lived", "waits"), [(0.0, [1.0]), (0.25, [0.75]), (1.0, []), (300.0, [])]
)
def test_streams_are_opened_at_most_once_a_second(
    lived: float, waits: list[float]
) -> None:
    """A server that closes after each event was asked 70 times a second."""
    consumer = Consumer(interval=1.0)
    consumer.begin(pods(version=5))
    consumer.open()
    consumer.feed(line("ADDED", pod("a", 6)))
    consumer.ended(None, lived=lived)
    assert consumer.waits == waits


def test_a_second_is_what_is_kept_between_streams() -> None:
    assert RetryPolicy().watch_interval == 1.0
