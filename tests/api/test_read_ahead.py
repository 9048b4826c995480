"""Pages asked for ahead: the list stays the same, whatever comes when and fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.api import Api, RetryPolicy
from kubemetrics.api.lists import WINDOW, following_token, list_all
from kubemetrics.api.operations import pod_kind
from kubemetrics.errors import DecodeError, Forbidden, KubeMetricsError
from kubemetrics.flow import Flow, Open

from .playing import broken
from .stepping import HandAnswer, World, pieces, refusal

PLACES = ("first", "late", "last", "strange")
"""Where the metadata of a page stands, or what it looks like."""


def encoded(number: int, pages: int, place: str) -> bytes:
    """Return a page of one pod, whose continue token is the next one's number."""
    token = str(number + 1) if number + 1 < pages else ""
    meta = {"resourceVersion": "7", "continue": token}
    if place == "strange":
        meta["selfLink"] = "}{"
    items = [{"metadata": {"name": f"pod-{number}", "namespace": "ns"}}]
    head = {"kind": "PodList", "apiVersion": "v1"}
    if place in {"first", "strange"}:
        return json.dumps({**head, "metadata": meta, "items": items}).encode()
    if place == "late":
        return json.dumps({**head, "x": 1, "metadata": meta, "items": items}).encode()
    return json.dumps({**head, "items": items, "metadata": meta}).encode()


class Pages:
    """A server of so many pages; *failures* stand in the way of some, once each."""

    def __init__(
        self,
        places: list[str],
        *,
        cut: int = 100,
        failures: dict[int, HandAnswer | Exception] | None = None,
    ) -> None:
        self.places = places
        self.cut = cut
        self.failures = dict(failures or {})
        self.asked: list[int] = []
        self.under_way: list[tuple[int, HandAnswer]] = []

    def __call__(self, step: Open) -> HandAnswer:
        query = parse_qs(urlsplit(step.url).query)
        number = int(query.get("continue", ["0"])[0])
        self.asked.append(number)
        come = self.failures.pop(number, None)
        if isinstance(come, Exception):
            raise come
        if come is None:
            body = encoded(number, len(self.places), self.places[number])
            if "limit" not in query:
                body = self._whole()
            come = HandAnswer(pieces(body, *[self.cut] * 3))
        self.under_way.append((number, come))
        return come

    def _whole(self) -> bytes:
        items = [
            {"metadata": {"name": f"pod-{number}", "namespace": "ns"}}
            for number in range(len(self.places))
        ]
        return json.dumps({"kind": "PodList", "items": items}).encode()

    @property
    def open(self) -> int:
        return sum(not come.closed for _, come in self.under_way)


class Counting(Pages):
    """Notes after each request how many pages are under way."""

    most: list[int]

    def __call__(self, step: Open) -> HandAnswer:
        come = super().__call__(step)
        self.most = [*getattr(self, "most", []), self.open]
        return come


QUICK = RetryPolicy(random=lambda: 0.0)


def names(count: int) -> list[str]:
    return [f"pod-{number}" for number in range(count)]


def listed(
    server: Pages, *, window: int = WINDOW, choices: Iterator[int] | None = None
) -> tuple[list[str], World]:
    world = World(server, choices=choices)
    api = Api(retry=QUICK)

    def send(*args: object) -> Flow[object]:
        return api.get_page("/api/v1/pods", *args)  # type: ignore[arg-type]

    pods = world.run(list_all(send, pod_kind(), {}, window=window))  # type: ignore[arg-type]
    world.finish()
    return [pod.name for pod in pods], world


FAILURES: st.SearchStrategy[HandAnswer | Exception] = st.sampled_from(
    [
        HandAnswer([b'{"kind":"PodList",', broken("reset")]),
        refusal(503),
        refusal(429),
        broken("reset"),
        broken("reset", reused=True),
        refusal(410, reason="Expired"),
    ]
)


def _copy(failure: HandAnswer | Exception) -> HandAnswer | Exception:
    if isinstance(failure, Exception):
        return failure
    return HandAnswer(list(failure.pieces), failure.status, failure.headers)


@given(data=st.data())
def test_every_pod_comes_once_and_in_order(data: st.DataObject) -> None:
    """Whatever passes stands in the way, whoever goes first, however it is cut."""
    places = data.draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=7))
    window = data.draw(st.integers(0, 5))
    numbers = st.integers(1, len(places))
    failures = data.draw(st.dictionaries(numbers, FAILURES, max_size=2))
    fresh = {number: _copy(failure) for number, failure in failures.items()}
    choices = data.draw(st.lists(st.integers(0, 5), max_size=200))
    server = Pages(places, cut=data.draw(st.integers(1, 120)), failures=fresh)
    found, _ = listed(server, window=window, choices=iter(choices))
    assert found == names(len(places))
    assert server.open == 0


@given(
    window=st.integers(1, 6),
    choices=st.lists(st.integers(0, 6), max_size=300),
    count=st.integers(1, 9),
)
def test_no_more_are_on_their_way_than_the_window_and_none_is_asked_for_twice(
    window: int, choices: list[int], count: int
) -> None:
    server = Counting(["first"] * count)
    found, _ = listed(server, window=window, choices=iter(choices))
    assert found == names(count)
    assert server.asked == list(range(count))
    assert max(server.most) <= min(window, 4)


def test_the_next_page_is_asked_for_while_this_one_still_comes() -> None:
    server = Pages(["first"] * 3, cut=120)
    order: list[str] = []
    read = HandAnswer.read

    class Told(HandAnswer):
        def read(self) -> bytes:
            piece = read(self)
            order.append("end" if not piece else "piece")
            return piece

    def serve(step: Open) -> HandAnswer:
        come = server(step)
        order.append("asked")
        told = Told(come.pieces)
        server.under_way[-1] = (server.under_way[-1][0], told)
        return told

    world = World(serve, choices=iter([1] * 100))
    world.run(Api(retry=QUICK).list_pods({}))
    second = order.index("asked", 1)
    assert second < order.index("end")
    assert server.open == 0


@pytest.mark.parametrize("place", ["late", "last", "strange"])
def test_metadata_that_is_not_found_early_costs_nothing_but_time(place: str) -> None:
    server = Pages([place] * 3)
    found, _ = listed(server)
    assert found == names(3)
    assert server.asked == [0, 1, 2]


def test_after_a_429_pages_come_one_by_one() -> None:
    """Turns go round, so that each page is still under way when it is decided."""
    server = Counting(["first"] * 8, failures={1: refusal(429)})
    turns = [0, 1, 2, 3, 4, 5] * 100
    assert listed(server, window=4, choices=iter(turns))[0] == names(8)
    assert max(server.most[:3]) > 1
    assert set(server.most[-4:]) == {1}


def test_a_refusal_ahead_is_raised_in_its_turn_and_ends_what_is_under_way() -> None:
    server = Pages(
        ["first"] * 6, failures={2: refusal(403, reason="Forbidden", message="no")}
    )
    world = World(server, choices=iter([0, 1, 2] * 100))
    with pytest.raises(Forbidden):
        world.run(Api(retry=QUICK).list_pods({}))
    asked = list(server.asked)
    world.finish()
    assert server.asked == asked
    assert asked == [0, 1, 2]
    assert server.open == 0


def test_a_page_that_cannot_be_read_ends_the_next_one() -> None:
    class Wrong(Pages):
        def __call__(self, step: Open) -> HandAnswer:
            come = super().__call__(step)
            if self.asked[-1] == 0:
                come.pieces.append(b"}")
            return come

    server = Wrong(["first"] * 4)
    world = World(server, choices=iter([1] * 100))
    with pytest.raises(DecodeError):
        world.run(Api(retry=QUICK).list_pods({}))
    asked = list(server.asked)
    world.finish()
    assert server.asked == asked


def test_a_consumer_that_stops_after_a_page_has_no_more_asked_for() -> None:
    server = Pages(["first"] * 9)
    world = World(server, choices=iter([0, 1, 2] * 100))
    pages = Api(retry=QUICK).pages_of_pods({})
    assert [pod.name for pod in world.run(pages.next())] == ["pod-0"]
    asked = len(server.asked)
    assert asked <= 1 + WINDOW
    world.call.cancel()
    world.finish()
    assert len(server.asked) == asked


def test_a_token_that_comes_again_is_not_asked_for_ahead() -> None:
    def serve(_: Open) -> HandAnswer:
        return HandAnswer(
            [b'{"kind":"PodList","metadata":{"continue":"t"},', b'"items":[]}']
        )

    world = World(serve)
    with pytest.raises(DecodeError, match="never ends"):
        world.run(Api(retry=QUICK).list_pods({}))
    assert len(world.opened) == 2


def test_a_token_that_is_another_in_the_end_is_the_one_that_counts() -> None:
    """JSON may say a name twice; the last one holds."""
    bodies = {
        "": b'{"kind":"PodList","metadata":{"continue":"x"},"items":[],'
        b'"metadata":{"continue":"y"}}',
        "x": b'{"kind":"PodList","metadata":{},"items":[{"metadata":{"name":"x"}}]}',
        "y": b'{"kind":"PodList","metadata":{},"items":[{"metadata":{"name":"y"}}]}',
    }

    def serve(step: Open) -> HandAnswer:
        query = parse_qs(urlsplit(step.url).query)
        return HandAnswer(pieces(bodies[query.get("continue", [""])[0]], 60))

    pods = World(serve).run(Api(retry=QUICK).list_pods({}))
    assert [pod.name for pod in pods] == ["y"]


def test_a_list_in_one_piece_asks_for_nothing_ahead() -> None:
    server = Pages(["first"] * 3)
    world = World(server)
    pods = world.run(Api(retry=QUICK).list_pods({"chunk_size": 0}))
    assert [pod.name for pod in pods] == names(3)
    assert server.asked == [0]


@pytest.mark.parametrize(
    ("head", "token"),
    [
        (b'{"kind":"PodList","apiVersion":"v1","metadata":{"continue":"t"},"i', "t"),
        (b'{"metadata":{"resourceVersion":"7","continue":"t"}}', "t"),
        (b' {\n "kind": "PodList",\n "metadata": {\n "continue": "t"\n },\n', "t"),
        (b'{"kind":"PodList","metadata":{"resourceVersion":"7"},"items"', ""),
        (b'{"kind":"PodList","metadata":{},', ""),
        (b'{"kind":"PodList","metadata":{"continue":null},', ""),
        (b"", None),
        (b'{"kind":"PodList","metadata":{"continue":"t"', None),
        (b'{"kind":"PodList","metadata":{"continue":"t"}', None),
        (b'{"items":[{"metadata":{"continue":"t"}}],', None),
        (b'{"kind":"PodList","metadata":{"continue":7},', None),
        (b'{"kind":"PodList","metadata":{"continue":"\xff"x},', None),
        (b'{"kind":"PodList","metadata":{"a":{"continue":"t"}},', None),
        (b'{"kind":"Pod\\"List","metadata":{"continue":"t"},', None),
        (b"<html>", None),
    ],
)
def test_a_token_is_told_from_the_first_bytes_or_not_at_all(
    head: bytes, token: str | None
) -> None:
    assert following_token(head) == token


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_bytes_break_it(noise: bytes, at: int) -> None:
    head = encoded(0, 2, "first")
    found = following_token(head[:at] + noise + head[at:])
    assert found is None or isinstance(found, str)


def test_an_error_of_the_first_page_is_the_lists() -> None:
    with pytest.raises(KubeMetricsError):
        listed(Pages(["first"], failures={0: refusal(403)}))


def test_an_item_nested_too_deeply_is_named_where_it_stands() -> None:
    """It is met while the page comes, and said of the page and the item's number."""
    deep = b'{"metadata":{"name":"deep"},"spec":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    pods = [b'{"metadata":{"name":"pod-%d"}}' % number for number in range(12_000)]
    items = b",".join([*pods, deep, *pods])
    body = b'{"kind":"PodList","metadata":{},"items":[' + items + b"]}"
    cut: list[bytes | Exception] = [
        body[at : at + 50_000] for at in range(0, len(body), 50_000)
    ]
    world = World(lambda _: HandAnswer(cut))
    with pytest.raises(DecodeError) as caught:
        world.run(
            list_all(partial(Api(retry=QUICK).get_page, "/api/v1/pods"), pod_kind(), {})
        )
    assert "nested too deeply" in str(caught.value)
