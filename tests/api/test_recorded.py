"""Every recorded refusal gives its typed error, with words a person can act on.

``recorded_errors.txt`` lists them; what the API asks beyond the recorded request is
answered from the recordings of the same state and the same user.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kubemetrics.api import Api, RetryPolicy
from kubemetrics.errors import KubeMetricsError
from kubemetrics.flow import Flow, Request, Response
from tests.cluster.recorded import Exchange, exchange, exchanges

from .playing import URL, Play

METRICS = "/apis/metrics.k8s.io/v1beta1/"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
TABLE = Path(__file__).with_name("recorded_errors.txt").read_text("utf-8")
LINES = [line.partition(" | ") for line in TABLE.splitlines()]
EXPECTED = {name: words for name, _, words in LINES}


def response(recorded: Exchange, path: str) -> Response:
    return Response(
        status=recorded.status,
        headers={name.lower(): value for name, value in recorded.headers.items()},
        body=recorded.body,
        url=f"{URL}{path}",
    )


def beyond(name: str, recorded: Exchange, path: str) -> str:
    """Name the recording that answers what is asked beyond the recorded request."""
    if recorded.user == "bad":
        return "pods-as-bad"
    if recorded.user == "anonymous":
        return "podmetrics-as-anonymous"
    if path == REVIEW:
        return "access-review-nometrics-list-pods-metrics"
    if path == "/apis/metrics.k8s.io":
        return "absent-group" if name.startswith("absent") else "metrics-group"
    return {
        "/version": "version",
        "/api/v1/namespaces/default/pods/nope": "pod-missing",
    }[path]


def flow(api: Api, recorded: Exchange) -> Flow[object]:
    """Ask what was asked, by the operation for it where there is one."""
    path = urlsplit(recorded.path).path
    if not path.startswith(METRICS) or "watch" in recorded.path:
        return api.get_raw(recorded.path)
    kind, _, name = path.removeprefix(METRICS).partition("/")
    if kind == "namespaces":
        return api.get_pod_metrics(name.rpartition("/")[2], name.partition("/")[0])
    if kind == "nodes":
        return api.get_node_metrics(name) if name else api.list_node_metrics({})
    return api.list_pod_metrics({})


def shown(name: str) -> str:
    recorded = exchange(name)
    asked = urlsplit(recorded.path).path

    def server(request: Request) -> Response:
        if request.path == asked:
            return response(recorded, recorded.path)
        other = exchange(beyond(name, recorded, request.path))
        return response(other, request.path)

    play = Play(server)
    try:
        result = play.run(flow(Api(retry=RetryPolicy(attempts=1)), recorded))
    except KubeMetricsError as error:
        return f"{type(error).__name__}: {error}"
    return f"{result!r}"


REFUSALS = [e.name for e in exchanges() if e.status >= 400] + [
    "warming-2-podmetrics",
    "warming-2-nodemetrics",
]


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_state_says_what_the_table_says(name: str) -> None:
    assert shown(name) == EXPECTED[name]


def test_the_table_lists_nothing_else() -> None:
    assert list(EXPECTED) == REFUSALS
