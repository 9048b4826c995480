"""Operations driven by hand: a small cluster of values answers, no time really passes.

It has 100 pods, 81 of which have a sample. An outcome (`outcomes`) stands in the way of
one kind of request, always or once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from kubemetrics.api import Api, RetryPolicy
from kubemetrics.api.answers import error_from_response
from kubemetrics.api.exchange import ok
from kubemetrics.api.watch import Watch
from kubemetrics.errors import KubeMetricsError, TransportError
from kubemetrics.flow import Request, Response, Step
from tests.api.playing import Play, answer, broken, page, status

from .consumer import MARKERS, Consumer
from .outcomes import OUTCOMES, POD

PODS = "/api/v1/pods"
METRICS = "/apis/metrics.k8s.io/v1beta1/pods"
NAMES = tuple(f"pod-{number}" for number in range(100))
CHUNK = 60
VERSION = 7

DEADLINE, SILENCE = 1.2, 0.1
"""Seconds of the whole call, and until a stream that says nothing counts as dead."""

POLICY = RetryPolicy(
    first_wait=0.01, watch_first_wait=0.45, watch_interval=0.0, random=lambda: 0.0
)
"""A watch that fails for good is begun twice: after the second the wait is too long."""

MOST = 20
"""Attempts; no policy of the tests comes near."""

STREAMS = ("watch", "next watch", "in stream")
OPERATIONS = ("list", "page 2", "metrics", "get", *STREAMS)


@dataclass(slots=True)
class Clock:
    """Goes on when the test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    @property
    def left(self) -> float:
        return max(0.0, DEADLINE - self.now)


class Driver(Play):
    """Takes steps as both drivers do: a wait there is no time for is not begun."""

    def __init__(self, cluster: HandmadeCluster) -> None:
        super().__init__(cluster.answer)
        self._clock = cluster.clock

    def _take(self, step: Step) -> Response:
        answered = super()._take(step)
        for pause in self.pauses:
            if pause.seconds > self._clock.left:
                raise broken("deadline")
            self._clock.now += pause.seconds
        self.pauses.clear()
        return answered


class HandmadeCluster:
    """Answers with values; *outcome* is in the way of *operation*, *times* times.

    *reached* counts the operation's own requests that got as far as the server.
    """

    def __init__(self, operation: str, outcome: str, times: int | None) -> None:
        self.clock = Clock()
        self.reached = 0
        self._operation = operation
        self._outcome = outcome
        self._times = times
        self._first = 2 if operation == "next watch" else 1
        self._matched = 0
        self._markers: tuple[str, ...] = ()

    def bring_markers(self) -> None:
        self._markers = MARKERS

    def answer(self, request: Request) -> Response:
        """Answer, or raise what keeps the answer from coming."""
        if self._is(request) and self._strikes():
            return self._told()
        match request.path:
            case "/api/v1/pods":
                return self._page(dict(request.query))
            case "/api/v1/namespaces/ns/pods/debug":
                return answer(200, POD)
            case "/apis/metrics.k8s.io/v1beta1/pods":
                return answer(200, {"kind": "PodMetricsList", "items": _samples()})
            case "/apis/metrics.k8s.io":
                versions = [{"version": "v1beta1"}]
                return answer(200, {"kind": "APIGroup", "versions": versions})
        return status(404, "NotFound")

    def stream(self, request: Request) -> Iterator[bytes]:
        """Yield what a watch's request brings, or raise what ends it."""
        version = int(dict(request.query)["resourceVersion"])
        lines = self._events(version)
        strikes = self._strikes()
        if self._operation != "in stream":
            if strikes:
                yield self._body()
                return
            if self._operation == "next watch" and self._matched == 1:
                lines = lines[:1]
            yield from lines
        elif not strikes:
            yield from lines
        elif self._outcome == "deadline":  # which no whole line came before
            yield lines[0][:10]
            self._told()
        else:
            yield lines[0]
            yield self._in_stream()

    def _is(self, request: Request) -> bool:
        match self._operation:
            case "list":
                return request.path == PODS and "continue" not in dict(request.query)
            case "page 2":
                return request.path == PODS and "continue" in dict(request.query)
            case "metrics":
                return request.path == METRICS
            case "get":
                return request.path.endswith("/debug")
        return False  # streams are asked for apart

    def _strikes(self) -> bool:
        self._matched += 1
        assert self._matched <= MOST, "it is asked for without end"
        past = self._matched - self._first
        strikes = past >= 0 and (self._times is None or past < self._times)
        self.reached += not (strikes and self._outcome == "refused")
        return strikes

    def _told(self) -> Response:
        """Give the outcome; what takes time takes it here."""
        told = OUTCOMES[self._outcome]
        if isinstance(told, Response):
            return told
        if told.reason == "deadline":
            self.clock.now = DEADLINE
        elif told.reason == "timeout":
            self.clock.now += SILENCE
        raise told

    def _body(self) -> bytes:
        """Return the body of a watch's answer; no body of a refusal is a stream."""
        if self._outcome == "end":
            return b""
        told = self._told()
        if not ok(told.status):
            raise error_from_response(told)
        return told.body

    def _in_stream(self) -> bytes:
        """Return what comes after a stream's first line; a Status is an ERROR event."""
        if self._outcome == "end":
            return b'{"type":"MODIFIED","object":{"kind":"Pod","metad'
        told = self._told()
        if ok(told.status):
            return told.body + b"\n"
        return b'{"type":"ERROR","object":%b}\n' % told.body

    def _page(self, query: dict[str, str]) -> Response:
        if "continue" in query:
            return page(NAMES[CHUNK:], version=str(VERSION))
        names = (*NAMES, *self._markers)
        version = str(VERSION + len(self._markers))
        if int(query.get("limit") or len(names)) < len(names):
            return page(names[:CHUNK], token="more", version=version)
        return page(names, version=version)

    def _events(self, after: int) -> list[bytes]:
        return [
            json.dumps({"type": "ADDED", "object": _marker(name, version)}).encode()
            + b"\n"
            for version, name in enumerate(self._markers, VERSION + 1)
            if version > after
        ]


def _marker(name: str, version: int) -> dict[str, object]:
    metadata = {"name": name, "namespace": "ns", "resourceVersion": str(version)}
    return {"kind": "Pod", "metadata": metadata}


def _samples() -> list[dict[str, object]]:
    return [
        {
            "metadata": {"name": name, "namespace": "ns"},
            "timestamp": "2026-11-23T02:59:48Z",
            "window": "15s",
            "containers": [],
        }
        for name in NAMES[:81]
    ]


def play(operation: str, outcome: str, times: int | None) -> str:
    """Say what comes of an operation, and the attempts that reached the server."""
    cluster = HandmadeCluster(operation, outcome, times)
    try:
        text = _run(operation, cluster)
    except TransportError as error:
        text = error.reason
    except KubeMetricsError as error:
        text = type(error).__name__
    return f"{text} {cluster.reached}"


def _run(operation: str, cluster: HandmadeCluster) -> str:
    api, driver = Api(retry=POLICY), Driver(cluster)
    match operation:
        case "list" | "page 2":
            return f"{len(driver.run(api.list_pods({'chunk_size': CHUNK})))} pods"
        case "metrics":
            return f"{len(driver.run(api.list_pod_metrics({})))} samples"
        case "get":
            return driver.run(api.get_pod("debug", "ns")).phase
    consumer = Consumer(listed=len(NAMES), bring=cluster.bring_markers)
    watch = Watch(api, {}, clock=cluster.clock)
    for name in _watched(watch, cluster, driver):
        if consumer.hears(name):
            break
    return consumer.text


def _watched(watch: Watch, cluster: HandmadeCluster, driver: Driver) -> Iterator[str]:
    """Yield the pods that a watch tells of, driven as both drivers do."""
    for event in driver.run(watch.begin()):
        yield event.object.name
    while cluster.clock.left:
        failure: KubeMetricsError | None = None
        try:
            for chunk in cluster.stream(watch.request(cluster.clock.left)):
                for event in watch.feed(chunk):
                    yield event.object.name
        except KubeMetricsError as error:
            failure = error
        try:
            for event in driver.run(watch.ended(failure)):
                yield event.object.name
        except TransportError as error:
            if error.reason == "deadline":
                return
            raise
