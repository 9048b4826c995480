"""A driver by hand for the steps of an exchange: nothing is sent, no time passes.

Several flows run side by side by turns; which goes next is for the test to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from kubemetrics.api.exchange import Credentials, Exchange
from kubemetrics.errors import KubeMetricsError
from kubemetrics.flow import (
    NOTHING,
    Broken,
    Close,
    Flow,
    Fork,
    Join,
    Open,
    PeerCertificate,
    Read,
    Request,
    Share,
    Start,
    Step,
    Wait,
    Work,
)
from kubemetrics.transport.connections import BodyReader

T = TypeVar("T")

URL = "https://cluster:6443"


class Clock:
    """Goes on when something waits, or when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class HandCall:
    """The time of a call, told by a clock of the test's."""

    def __init__(self, clock: Clock, timeout: float | None = None) -> None:
        self.timeout = timeout
        self.cancelled = False
        self._clock = clock
        self._until = None if timeout is None else clock.now + timeout
        self._branches: list[HandCall] = []

    def remaining(self) -> float | None:
        if self.cancelled:
            return 0.0
        return None if self._until is None else max(0.0, self._until - self._clock.now)

    def branch(self) -> HandCall:
        part = HandCall(self._clock, self.remaining())
        part.timeout, part.cancelled = self.timeout, self.cancelled
        self._branches.append(part)
        return part

    def share(self, url: str) -> Share:
        del url
        return Share()

    def cancel(self) -> None:
        self.cancelled = True
        for part in self._branches:
            part.cancel()


@dataclass(eq=False, slots=True)
class HandAnswer:
    """An answer in pieces; a piece that is an error is raised where it stands."""

    pieces: list[bytes | Exception] = field(default_factory=list)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False
    complete: bool = False

    def read(self) -> bytes:
        assert not self.closed
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        self.complete = not piece
        return piece

    def certificate(self) -> PeerCertificate | None:
        return None


def pieces(body: bytes, *sizes: int) -> list[bytes | Exception]:
    """Cut a body after so many bytes each."""
    cut: list[bytes | Exception] = []
    for size in sizes:
        cut.append(body[:size])
        body = body[size:]
    return [piece for piece in [*cut, body] if piece]


def refusal(status: int, **facts: object) -> HandAnswer:
    body = json.dumps({"kind": "Status", "code": status, **facts}).encode()
    return HandAnswer([body], status, {"content-type": "application/json"})


class HandCredentials:
    """Tokens, the next one after each that was rejected."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = tokens
        self._rejected = 0
        self.fetches = 0

    def cached(self) -> str | None:
        return None if self.fetches <= self._rejected else self._current

    def fetch(self, wanted: Callable[[], bool], /) -> str:
        assert wanted()
        self.fetches += 1
        return self._current

    def rejected(self, credential: str, /) -> bool:
        del credential
        self._rejected = self.fetches
        return True

    @property
    def _current(self) -> str:
        return self._tokens[min(self._rejected, len(self._tokens) - 1)]


class HandServer:
    """What an exchange asks of its server."""

    def __init__(self, source: Credentials, clock: Clock) -> None:
        self.address = URL
        self.source = source
        self.clock = clock

    def url(self, request: Request) -> str:
        query = "&".join(f"{name}={value}" for name, value in request.query)
        return f"{URL}{request.path}{'?' if query else ''}{query}"

    def headers(
        self, request: Request, credential: object
    ) -> list[tuple[bytes, bytes]]:
        del request
        return [(b"authorization", str(credential).encode())]

    def credentials_shown(self) -> str:
        return "a token"

    def body(self, *, url: str, encoding: str) -> BodyReader:
        return BodyReader(url=url, encoding=encoding)


class _Runner(Generic[T]):
    """One flow, what it is to be sent next, and what it waits for."""

    def __init__(self, flow: Flow[T]) -> None:
        self.flow = flow
        self.send: Callable[[], Step] = lambda: next(flow)
        self.ready: Callable[[], bool] = lambda: True
        self.done = False
        self.result: Any = None
        self.error: Exception | None = None


class World:
    """Answers every `Open` by *serve*, in an order of *choices*; keeps a record."""

    def __init__(
        self,
        serve: Callable[[Open], HandAnswer],
        *,
        source: Credentials | None = None,
        choices: Iterator[int] | None = None,
        timeout: float | None = None,
    ) -> None:
        self.silence: float | None = 60.0
        self.clock = Clock()
        self.life = HandCall(self.clock)
        self.call = HandCall(self.clock, timeout)
        self.opened: list[Open] = []
        self.answers: list[HandAnswer] = []
        self.waits: list[float] = []
        self.runners: list[_Runner[Any]] = []
        self._serve = serve
        self._server = HandServer(source or HandCredentials("token"), self.clock)
        self._choices = choices

    @property
    def exchange(self) -> Exchange:
        return Exchange(self._server, self.call, self.life, self.silence)

    @property
    def urls(self) -> list[str]:
        return [step.url.removeprefix(URL) for step in self.opened]

    def run(self, flow: Flow[T]) -> T:
        """Run a flow of an operation to its end; all that it began has to end too."""
        main = self._begin(self.exchange.perform(flow))
        while not main.done:
            self._turn()
        if main.error is not None:
            raise main.error
        return cast("T", main.result)

    def finish(self) -> None:
        """Let what is left in the background come to its end."""
        while not all(runner.done for runner in self.runners):
            self._turn()

    def _begin(self, flow: Flow[T]) -> _Runner[T]:
        runner = _Runner(flow)
        self.runners.append(runner)
        return runner

    def _turn(self) -> None:
        ready = [r for r in self.runners if not r.done and r.ready()]
        assert ready, "everybody waits for somebody"
        chosen = next(self._choices, 0) if self._choices else 0
        self._advance(ready[chosen % len(ready)])

    def _advance(self, runner: _Runner[Any]) -> None:
        try:
            step = runner.send()
        except StopIteration as stop:
            runner.done, runner.result = True, stop.value
        except Exception as error:  # noqa: BLE001 - raised by `run`
            runner.done, runner.error = True, error
        else:
            self._take(runner, step)

    def _take(self, runner: _Runner[Any], step: Step) -> None:
        runner.ready = lambda: True
        flow = runner.flow
        if isinstance(step, Fork):
            parts = [self._begin(part) for part in step.flows]
            runner.ready = lambda: (
                any(p.error for p in parts) or all(p.done for p in parts)
            )
            runner.send = lambda: self._meet(runner, parts, step.stop)
            return
        if isinstance(step, Join):
            task = cast("_Runner[Any]", step.task)
            runner.ready = lambda: task.done
            runner.send = lambda: self._joined(runner, task)
            return
        try:
            answer = self._answer(step)
        except KubeMetricsError as error:
            raised = error
            runner.send = lambda: flow.throw(raised)
        except Exception as error:  # noqa: BLE001 - as a driver does
            broken = Broken(error)
            runner.send = lambda: flow.throw(broken)
        else:
            runner.send = lambda: flow.send(answer)

    def _answer(self, step: Step) -> object:
        if isinstance(step, Work):
            return step.function()
        if isinstance(step, Open):
            self.opened.append(step)
            answer = self._serve(step)
            self.answers.append(answer)
            return answer
        if isinstance(step, Read):
            return cast("HandAnswer", step.answer).read()
        if isinstance(step, Close):
            cast("HandAnswer", step.answer).closed = True
        elif isinstance(step, Wait):
            self.waits.append(step.seconds)
            self.clock.now += step.seconds
        elif isinstance(step, Start):
            return self._begin(step.flow)
        else:
            raise TypeError(step)
        return NOTHING

    @staticmethod
    def _meet(
        runner: _Runner[Any], parts: list[_Runner[Any]], stop: Callable[[], None]
    ) -> Step:
        stop()
        failed = next((part.error for part in parts if part.error), None)
        return runner.flow.throw(failed) if failed else runner.flow.send(NOTHING)

    @staticmethod
    def _joined(runner: _Runner[Any], task: _Runner[Any]) -> Step:
        if task.error is not None:
            return runner.flow.throw(task.error)
        return runner.flow.send(task.result)


def in_turn(answers: Iterable[HandAnswer | Exception]) -> Callable[[Open], HandAnswer]:
    """Answer with one after the other."""
    left = iter(answers)

    def serve(_: Open) -> HandAnswer:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return serve
