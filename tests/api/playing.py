"""Flows by hand: a function answers each request, and every step is written down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TypeVar, cast

from kubemetrics.errors import KubeMetricsError, TransportError, TransportReason
from kubemetrics.flow import NOTHING, Flow, Fork, Pause, Request, Response, Step
from kubemetrics.testing.apiserver import status_object

T = TypeVar("T")
Server = Callable[[Request], Response]

URL = "https://cluster:6443"
DATE = "Mon, 23 Nov 2026 02:59:48 GMT"
TEXT = "text/plain; charset=utf-8"


class Play:
    """Drives flows against a *server* and remembers what was asked and waited."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.requests: list[Request] = []
        self.pauses: list[Pause] = []

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    @property
    def waits(self) -> list[float]:
        return [pause.seconds for pause in self.pauses]

    def run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._take(step)
                except KubeMetricsError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as stop:
            return cast("T", stop.value)

    def _take(self, step: Step) -> Response:
        if isinstance(step, Request):
            self.requests.append(step)
            return self._server(step)
        if isinstance(step, Fork):
            for flow in step.flows:
                self.run(flow)
        if isinstance(step, Pause):
            self.pauses.append(step)
        return NOTHING


def in_turn(answers: Iterable[Response | KubeMetricsError]) -> Server:
    """Answer with one after the other."""
    left = iter(answers)

    def server(_: Request) -> Response:
        answer = next(left)
        if isinstance(answer, KubeMetricsError):
            raise answer
        return answer

    return server


def by_path(answers: dict[str, Response | KubeMetricsError]) -> Server:
    """Answer what belongs to the path."""
    return lambda request: in_turn([answers[request.path]])(request)


def answer(
    status: int = 200,
    body: object = b"",
    *,
    headers: dict[str, str] | None = None,
    kind: str = "application/json",
    path: str = "/",
    elapsed: float = 0.0,
) -> Response:
    """Make an answer; anything but bytes becomes JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(
        status=status,
        headers={"content-type": kind, "date": DATE, **(headers or {})},
        body=raw,
        url=f"{URL}{path}",
        elapsed=elapsed,
    )


def text(status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    return answer(status, words.encode(), kind=TEXT, headers=headers)


def status(code: int, reason: str, message: str = "no", **details: object) -> Response:
    return answer(code, status_object(code, reason, message, details))


def broken(
    reason: TransportReason, *, reused: bool = False, elapsed: float = 0.0
) -> TransportError:
    return TransportError(
        f"{URL}: {reason}", url=URL, reason=reason, reused=reused, elapsed=elapsed
    )


def page(
    names: Iterable[str],
    *,
    token: str = "",
    remaining: int | None = None,
    version: str = "7",
    kind: str = "PodList",
) -> Response:
    """Make a page of pods of namespace ns."""
    metadata = {"resourceVersion": version, "continue": token}
    if remaining is not None:
        metadata = {**metadata, "remainingItemCount": remaining}  # type: ignore[dict-item]
    items = [{"metadata": {"name": name, "namespace": "ns"}} for name in names]
    return answer(200, {"kind": kind, "metadata": metadata, "items": items})
