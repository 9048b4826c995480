"""Driving a flow by hand: every request is answered by a function."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar, cast

from kubemetrics.errors import KubeMetricsError
from kubemetrics.flow import NOTHING, Flow, Fork, Request, Response, Step

T = TypeVar("T")
Server = Callable[[Request], Response]
"""Answers a request, or raises what keeps the answer from coming."""

DATE = "Mon, 23 Nov 2026 02:59:48 GMT"


def drive(flow: Flow[T], server: Server) -> T:
    """Run *flow* to its result: forks one part after the other, without waiting."""
    try:
        step = next(flow)
        while True:
            try:
                answer = _take(step, server)
            except KubeMetricsError as error:
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as stop:
        return cast("T", stop.value)


def _take(step: Step, server: Server) -> Response:
    if isinstance(step, Request):
        return server(step)
    if isinstance(step, Fork):
        for part in step.flows:
            drive(part, server)
    return NOTHING


def answer(body: object, status: int = 200, date: str = DATE) -> Response:
    """Return a JSON answer."""
    headers = {"content-type": "application/json", "date": date}
    raw = json.dumps(body).encode()
    return Response(status=status, headers=headers, body=raw, url="https://x/")


def forbidden(request: Request) -> Response:
    """Return the Status of a 403."""
    message = f'{request.path} is forbidden: User "u" cannot list resource "r"'
    return answer(
        {"kind": "Status", "message": message, "reason": "Forbidden", "code": 403}, 403
    )
