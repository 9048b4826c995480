"""One exchange, step by step: credentials, redirects, reading, time, closing."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kubemetrics.api import Api, RetryPolicy
from kubemetrics.api.answers import error_from_response
from kubemetrics.api.watch import Watch, WatchEvent
from kubemetrics.errors import (
    CredentialError,
    Forbidden,
    KubeMetricsError,
    TransportError,
    Unauthorized,
)
from kubemetrics.flow import (
    Close,
    Emitter,
    Flow,
    Fork,
    Join,
    Open,
    Pause,
    Read,
    Request,
    Response,
    Share,
    Start,
    Work,
)

from .playing import broken
from .stepping import (
    URL,
    HandAnswer,
    HandCredentials,
    World,
    in_turn,
    pieces,
    refusal,
)

GET = Request(path="/api")


def ask(request: Request = GET) -> Flow[Response]:
    response: Response = yield request
    return response


def answer(body: bytes = b"{}") -> HandAnswer:
    return HandAnswer([body])


def tokens(world: World) -> list[str]:
    return [dict(step.headers)[b"authorization"].decode() for step in world.opened]


class Sink:
    """Keeps what it was fed, and waits a moment each time."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.finished = False

    def feed(self, piece: bytes) -> Flow[None]:
        self.taken.append(piece)
        yield Pause(0)

    def finish(self) -> bytes:
        self.finished = True
        return b"left"


class TestSteps:
    """What a driver is asked to do, in order."""

    def test_a_request_is_a_credential_an_answer_its_pieces_and_its_end(self) -> None:
        world = World(in_turn([]))
        flow = world.exchange.perform(ask())
        work = next(flow)
        assert isinstance(work, Work)
        opening = flow.send(work.function())
        assert isinstance(opening, Open)
        assert (opening.method, opening.url) == ("GET", f"{URL}/api")
        come = HandAnswer(status=200)
        read = flow.send(come)
        assert isinstance(read, Read)
        assert read.answer is come
        assert isinstance(flow.send(b"a"), Read)
        assert isinstance(flow.send(b"b"), Read)
        close = flow.send(b"")
        assert isinstance(close, Close)
        assert close.answer is come
        with pytest.raises(StopIteration) as stop:
            flow.send(None)
        assert stop.value.value.body == b"ab"

    def test_pieces_are_decompressed_as_they_come(self) -> None:
        body = b'{"kind":"x"}' * 1000
        cut = pieces(gzip.compress(body), 7, 1, 20)
        world = World(in_turn([HandAnswer(cut, 200, {"content-encoding": "gzip"})]))
        assert world.run(ask()).body == body

    def test_a_sink_takes_a_body_as_it_comes_and_says_what_is_left(self) -> None:
        sinks: list[Sink] = []

        def made(_: Share) -> Sink:
            sinks.append(Sink())
            return sinks[-1]

        world = World(in_turn([HandAnswer([b"a", b"b", b"c"])]))
        response = world.run(ask(Request(path="/", sink=made)))
        assert response.body == b"left"
        assert [response.sink] == sinks
        assert sinks[0].taken == [b"a", b"b", b"c"]

    def test_one_whose_body_is_cut_short_is_left_alone(self) -> None:
        sink = Sink()
        cut = gzip.compress(b"a body" * 1000)[:-9]
        answer = HandAnswer([cut], 200, {"content-encoding": "gzip"})
        with pytest.raises(TransportError):
            World(in_turn([answer])).run(ask(Request(path="/", sink=lambda _: sink)))
        assert not sink.finished

    @pytest.mark.parametrize("status", [403, 500])
    def test_a_refusal_goes_into_none(self, status: int) -> None:
        world = World(in_turn([refusal(status)]))
        response = world.run(ask(Request(path="/", sink=lambda _: Sink())))
        assert (response.status, response.sink) == (status, None)

    def test_an_error_without_end_is_read_as_far_as_it_may_matter(self) -> None:
        endless: list[bytes | Exception] = [b"x" * (1 << 18)] * 100
        world = World(in_turn([HandAnswer(endless, 500)]))
        assert world.run(ask()).status == 500
        assert len(endless) > 90
        assert world.answers[0].closed

    @pytest.mark.parametrize(
        "headers", [{"content-encoding": "gzip"}, {"content-encoding": "br"}]
    )
    def test_a_body_that_cannot_be_read_is_closed(
        self, headers: dict[str, str]
    ) -> None:
        world = World(in_turn([HandAnswer([b"no gzip"], 200, headers)]))
        with pytest.raises(TransportError) as caught:
            world.run(ask())
        assert caught.value.reason == "protocol"
        assert world.answers[0].closed

    def test_what_breaks_off_is_closed_and_logged_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, "kubemetrics")
        world = World(in_turn([HandAnswer([b"a", broken("reset")])]))
        with pytest.raises(TransportError):
            world.run(ask())
        assert world.answers[0].closed
        assert [record.getMessage() for record in caplog.records] == [
            f"GET {URL}/api: reset after 0.000 s"
        ]

    @pytest.mark.parametrize("place", ["opening", "reading"])
    def test_what_nobody_foresaw_is_an_error_of_this_package(self, place: str) -> None:
        """H1: a library's own ``ValueError`` is no traceback of the user's."""
        strange = ValueError("cannot be")
        cell = strange if place == "opening" else HandAnswer([strange])
        world = World(in_turn([cell]))
        with pytest.raises(TransportError, match="ValueError: cannot be") as caught:
            world.run(ask())
        assert caught.value.__cause__ is strange


class TestCredentials:
    """A 401 is replayed once with another credential."""

    def test_a_401_renews_and_is_replayed(self) -> None:
        source = HandCredentials("old", "new")
        world = World(in_turn([refusal(401), answer()]), source=source)
        assert world.run(ask()).status == 200
        assert tokens(world) == ["old", "new"]

    def test_the_body_of_the_401_is_read_so_that_its_connection_lives(self) -> None:
        """W13: each renewal cost a handshake and held a connection meanwhile."""
        source = HandCredentials("old", "new")
        read: list[bool] = []
        first = refusal(401)
        fetch = source.fetch

        def fetching(wanted: Callable[[], bool], /) -> str:
            read.append(first.complete and first.closed)
            return fetch(wanted)

        source.fetch = fetching  # type: ignore[method-assign]
        World(in_turn([first, answer()]), source=source).run(ask())
        assert read == [False, True]

    def test_a_second_401_is_the_answer(self) -> None:
        source = HandCredentials("old", "new", "newer")
        world = World(in_turn([refusal(401), refusal(401)]), source=source)
        assert world.run(ask()).status == 401

    def test_a_401_says_which_credentials_were_refused(self) -> None:
        world = World(in_turn([refusal(401)]))
        with pytest.raises(Unauthorized, match="the server does not know a token, or"):
            world.run(Api().get("/"))

    def test_the_same_credential_again_is_not_sent(self) -> None:
        source = HandCredentials("same", "same")
        world = World(in_turn([refusal(401)]), source=source)
        assert world.run(ask()).status == 401
        assert tokens(world) == ["same"]

    @pytest.mark.parametrize(
        ("header", "secret"),
        [
            ("Bearer t0k/en", "t0k/en"),
            ("Bearer t0k/en", r"t0k\/en"),
            ("Basic amFuZTpodW50ZXIy", "amFuZTpodW50ZXIy"),
            ("Basic amFuZTpodW50ZXIy", "hunter2"),
        ],
    )
    def test_what_was_sent_is_masked_where_the_server_repeats_it(
        self, header: str, secret: str
    ) -> None:
        """In the message, and in all that the error holds."""
        text = f'{{"kind": "Status", "message": "no: {secret}", "reason": "{secret}"'
        body = f'{text}, "details": {{"causes": [{{"message": "{secret}"}}]}}}}'
        headers = {"x-echo": secret}
        world = World(
            in_turn([HandAnswer([body.encode()], 403, headers)]),
            source=HandCredentials(header),
        )
        response = world.run(ask())
        error = error_from_response(response)
        assert str(error).startswith("no: [redacted]")
        assert secret.replace("\\", "") not in f"{vars(error)} {response.headers}"

    def test_a_source_without_another_one_is_not_asked(self) -> None:
        source = HandCredentials("only")
        source.rejected = lambda _: False  # type: ignore[method-assign]
        world = World(in_turn([refusal(401)]), source=source)
        assert world.run(ask()).status == 401
        assert source.fetches == 1

    def test_what_changes_something_is_not_sent_twice(self) -> None:
        source = HandCredentials("old", "new")
        world = World(in_turn([refusal(401)]), source=source)
        posted = Request(method="POST", path="/", body=b"{}")
        assert world.run(ask(posted)).status == 401
        assert len(world.opened) == 1
        assert source.fetches == 2  # for the next one

    def test_a_defect_of_a_source_is_a_credential_error(self) -> None:
        source = HandCredentials("a")

        def fails(_: Callable[[], bool], /) -> str:
            raise LookupError("getpwuid")

        source.fetch = fails  # type: ignore[method-assign]
        with pytest.raises(CredentialError, match="LookupError: getpwuid"):
            World(in_turn([]), source=source).run(ask())


def redirect(to: str | None, status: int = 302) -> HandAnswer:
    return HandAnswer([b"moved"], status, {} if to is None else {"location": to})


class TestRedirects:
    """W15, k/k#93129: a GET follows one to the same scheme, host and port."""

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    @pytest.mark.parametrize(
        ("to", "asked"),
        [
            ("/api/", "/api/"),
            ("other", "/other"),
            (f"{URL}/x?a=b#part", "/x?a=b"),
            ("https://CLUSTER:6443/x", None),
        ],
    )
    def test_to_the_same_server(self, status: int, to: str, asked: str | None) -> None:
        world = World(in_turn([redirect(to, status), answer()]))
        assert world.run(ask()).status == 200
        assert tokens(world) == ["token", "token"]
        assert world.answers[0].complete
        assert asked is None or world.urls[1] == asked

    @pytest.mark.parametrize(
        "to",
        [
            "https://cluster/x",
            "http://cluster:6443/x",
            "https://other:6443/x",
            "//other:6443/x",
            "https://user@cluster:6443/x",
            "https://cluster:6443@other/x",
            "https://[login]/",
            "https://cluster:99999999/",
            "/größe",
            "",
            None,
        ],
    )
    def test_to_anywhere_else_is_refused(self, to: str | None) -> None:
        world = World(in_turn([redirect(to)]))
        assert world.run(ask()).status == 302
        assert world.urls == ["/api"]

    def test_of_what_changes_something_is_refused(self) -> None:
        world = World(in_turn([redirect("/x", 307)]))
        posted = Request(method="POST", path="/", body=b"{}")
        assert world.run(ask(posted)).status == 307

    @pytest.mark.parametrize("status", [300, 303, 304, 305])
    def test_of_another_kind_is_refused(self, status: int) -> None:
        world = World(in_turn([redirect("/x", status)]))
        assert world.run(ask()).status == status

    def test_round_in_a_circle_ends(self) -> None:
        world = World(lambda _: redirect("/x"))
        assert world.run(ask()).status == 302
        assert len(world.opened) == 6


class TestTime:
    """The time of the whole call, and a client that is closed."""

    def test_nothing_is_sent_once_it_is_over(self) -> None:
        world = World(in_turn([]), timeout=1.0)
        world.clock.now = 1.0
        with pytest.raises(TransportError, match="no full answer within 1 s") as caught:
            world.run(ask())
        assert caught.value.reason == "deadline"

    def test_a_piece_that_comes_too_late_does_not_count(self) -> None:
        def slow(_: Open) -> HandAnswer:
            world.clock.now += 3.0
            return answer()

        world = World(slow, timeout=2.0)
        with pytest.raises(TransportError) as caught:
            world.run(ask())
        assert caught.value.reason == "deadline"
        assert caught.value.elapsed == 3.0

    @pytest.mark.parametrize("last", [False, True])
    def test_a_wait_that_does_not_fit_ends_the_call(self, last: bool) -> None:  # noqa: FBT001
        """W14: a watch waits for what is left, and ends at the time asked for."""

        def waits() -> Flow[None]:
            yield Pause(30.0, last=last)

        world = World(in_turn([]), timeout=20.0)
        with pytest.raises(TransportError) as caught:
            world.run(waits())
        assert caught.value.reason == "deadline"
        assert world.waits == ([20.0] if last else [])

    @pytest.mark.parametrize("place", ["before", "reading", "waiting"])
    def test_closing_is_told_as_such(self, place: str) -> None:
        def close(_: Open) -> HandAnswer:
            world.life.cancel()
            return HandAnswer([OSError("cut")])

        def flow() -> Flow[None]:
            if place == "waiting":
                world.life.cancel()
                yield Pause(1.0)
            yield from ask()

        world = World(close)
        if place == "before":
            world.life.cancel()
        with pytest.raises(TransportError, match="the client was closed") as caught:
            world.run(flow())
        assert caught.value.reason == "closed"

    def test_a_part_that_is_cancelled_does_not_try_again(self) -> None:
        """Its connection is cut, which looks as if it had broken."""

        def serve(step: Open) -> HandAnswer:
            if step.url.endswith("fails"):
                return refusal(403, reason="Forbidden")
            return HandAnswer([b"{"] * 9 + [broken("reset")])

        api = Api(retry=RetryPolicy())

        def both() -> Flow[None]:
            yield Fork((_nothing(api.get("/waits")), _nothing(api.get("/fails"))))

        world = World(serve, choices=iter([0, *[1, 2] * 50]))
        with pytest.raises(Forbidden):
            world.run(both())
        world.finish()
        assert sorted(world.urls) == ["/fails", "/waits"]


def _nothing(flow: Flow[Any]) -> Flow[None]:
    yield from flow


class TestBackground:
    """What is started runs beside, and is joined with its result or error."""

    def test_a_result_is_joined(self) -> None:
        def flow() -> Flow[list[bytes]]:
            task = yield Start(ask())
            mine = yield from ask(Request(path="/mine"))
            theirs: Response = yield Join(task)
            return [mine.body, theirs.body]

        world = World(in_turn([answer(b"1"), answer(b"2")]), choices=iter([0, 0, 0]))
        assert world.run(flow()) == [b"1", b"2"]

    def test_so_is_an_error(self) -> None:
        def flow() -> Flow[Response]:
            task = yield Start(Api().get("/"))
            response: Response = yield Join(task)
            return response

        with pytest.raises(Unauthorized):
            World(lambda _: refusal(401)).run(flow())

    def test_a_defect_in_the_background_is_raised_where_it_is_joined(self) -> None:
        def breaks() -> Flow[None]:
            yield Pause(0)
            raise ZeroDivisionError

        def flow() -> Flow[None]:
            task = yield Start(breaks())
            yield Join(task)

        with pytest.raises(ZeroDivisionError):
            World(in_turn([])).run(flow())


class TestWatch:
    """The loop around the machine: streams, waits, the end."""

    @staticmethod
    def told(world: World, policy: RetryPolicy) -> Iterator[WatchEvent]:
        watch = Watch(Api(retry=policy), {"resource_version": "1"}, clock=world.clock)
        emitter = Emitter(world.exchange.watch(watch))
        while (event := world.run(emitter.next())) is not None:
            assert isinstance(event, WatchEvent)
            yield event

    @staticmethod
    def event(name: str, version: int) -> bytes:
        return (
            b'{"type":"ADDED","object":{"metadata":'
            b'{"name":"%b","resourceVersion":"%d"}}}\n' % (name.encode(), version)
        )

    def test_it_ends_at_the_time_asked_for_and_not_before(self) -> None:
        """W14: twenty seconds ended after 16.8."""
        world = World(lambda _: refusal(503), timeout=20.0)
        policy = RetryPolicy(random=lambda: 0.0)
        assert list(self.told(world, policy)) == []
        assert world.clock.now == 20.0
        assert world.waits == pytest.approx([0.8, 1.6, 3.2, 6.4, 8.0])

    def test_a_server_that_closes_after_each_event_is_asked_once_a_second(
        self,
    ) -> None:
        """W14: it was asked 309 times in 4.3 s."""

        def serve(_: Open) -> HandAnswer:
            number = len(world.opened)
            return HandAnswer([self.event(f"pod-{number}", number)])

        world = World(serve, timeout=4.3)
        assert len(list(self.told(world, RetryPolicy()))) == 5
        assert world.clock.now == 4.3

    @pytest.mark.parametrize(("silence", "allowed"), [(60.0, 150.0), (None, 162.5)])
    def test_a_stream_that_has_died_is_noticed_whatever_lists_may_take(
        self, silence: float | None, allowed: float
    ) -> None:
        world = World(in_turn([refusal(403, reason="Forbidden")]))
        world.silence = silence
        with pytest.raises(KubeMetricsError):
            next(self.told(world, RetryPolicy()))
        assert [step.silence for step in world.opened] == [allowed]

    def test_what_a_stream_brought_before_it_broke_is_told(self) -> None:
        world = World(
            in_turn(
                [
                    HandAnswer([self.event("a", 2), b'{"ty', broken("reset")]),
                    refusal(403, reason="Forbidden"),
                ]
            )
        )
        events = self.told(world, RetryPolicy())
        assert next(events).object.name == "a"
        with pytest.raises(KubeMetricsError):
            next(events)
        assert all(come.closed for come in world.answers)
