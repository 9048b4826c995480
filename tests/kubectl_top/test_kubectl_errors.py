"""When kubectl says that there is no metrics API."""

from __future__ import annotations

import pytest

from kubemetrics.flow import Response
from kubemetrics.kubectl_top.output import KubectlError, check_name
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
