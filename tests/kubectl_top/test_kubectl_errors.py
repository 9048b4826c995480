"""When kubectl says that there is no metrics API."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kubemetrics.api import Api, RetryPolicy
from kubemetrics.flow import Request, Response
from kubemetrics.kubectl_top.output import (
    KubectlError,
    check_name,
    with_kubectl_metrics_errors,
)
from tests.snapshot.drive import drive


def _check(body: bytes) -> str:
    """Return the error of a name that no path holds, under this discovery."""
    answer = Response(status=200, headers={}, body=body, url="https://x/apis")
    with pytest.raises(KubectlError) as caught:
        drive(check_name("a/b"), lambda _: answer)
    return str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"groups":null,"items":7}',
        b'{"groups":[null,{"name":"metrics.k8s.io","versions":null}]}',
        b'{"items":[{"metadata":null},{"metadata":{"name":"metrics.k8s.io"}}]}',
        b'{"groups":[{"name":"metrics.k8s.io","versions":[null,{"version":[]}]}]}',
    ],
)
def test_odd_discovery_lists_no_metrics_api(body: bytes) -> None:
    assert _check(body) == "error: Metrics API not available"


@pytest.mark.parametrize(
    "body",
    [
        b'{"groups":[{"name":"metrics.k8s.io","versions":[{"version":"v1beta1"}]}]}',
        b'{"items":[{"metadata":{"name":"metrics.k8s.io"},"versions":[{"version":"v1"}]}]}',
    ],
)
def test_either_form_of_discovery_lists_the_metrics_api(body: bytes) -> None:
    assert _check(body).startswith('error: invalid resource name "a/b"')


FAILED = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
SAID: list[tuple[int, dict[str, object] | str, str]] = [
    (200, {"reason": "Forbidden", "message": "no", "code": 403}, " (Forbidden): no"),
    (200, {"message": "no"}, ": no"),
    (400, {"message": "nf", "code": 404}, ": nf"),
    (429, {"reason": "Forbidden", "message": "m", "code": 429}, " (Forbidden): m"),
    (503, {"reason": "ServiceUnavailable", "message": "x"}, " (ServiceUnavailable): x"),
    (503, {"message": "mine", "code": 503}, ": mine"),
    (
        500,
        "proxy error: EOF",
        (
            ' (InternalError): an error on the server ("proxy error: EOF") has'
            " prevented the request from succeeding (get pods.metrics.k8s.io)"
        ),
    ),
    (401, {"message": "who", "code": 401}, ": who"),
    (418, {"reason": "Teapot", "message": "tea", "code": 418}, " (Teapot): tea"),
]


@pytest.mark.parametrize(("code", "said", "words"), SAID)
def test_an_error_is_said_as_kubectl_1_37_1_said_it(
    code: int, said: dict[str, object] | str, words: str
) -> None:
    kind, text = "text/plain", said
    if isinstance(said, dict):
        kind, text = "application/json", json.dumps({**FAILED, **said})
    answer = Response(
        status=code,
        headers={"content-type": kind},
        body=str(text).encode(),
        url="https://x/",
    )
    group = b'{"kind":"APIGroup","versions":[{"version":"v1beta1"}]}'
    served = (
        b'{"groups":[{"name":"metrics.k8s.io","versions":[{"version":"v1beta1"}]}]}'
    )
    found = {"/apis/metrics.k8s.io": group, "/apis": served, "/version": b"{}"}

    def server(request: Request) -> Response:
        known = found.get(request.path)
        return answer if known is None else replace(answer, status=200, body=known)

    api = Api(retry=RetryPolicy(attempts=1))
    asked = with_kubectl_metrics_errors(api.list_pod_metrics({}), "pods.metrics.k8s.io")
    with pytest.raises(KubectlError) as caught:
        drive(asked, server)
    assert str(caught.value) == f"Error from server{words}"
