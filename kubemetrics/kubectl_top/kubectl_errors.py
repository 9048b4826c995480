"""kubectl's own words for what goes wrong, for the commands that stand in for its own.

Sources: kubectl pkg/cmd/util/helpers.go, ``StandardErrorMessage``; apimachinery
pkg/api/errors/errors.go, ``NewGenericServerResponse``; kubectl pkg/cmd/top.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlsplit

from ..api.answers import unexpected_text
from ..api.discovery import serves_metrics
from ..commandline import console
from ..errors import (
    ApiError,
    Forbidden,
    KubeMetricsError,
    MetricsUnavailable,
    NotFound,
    ServiceUnavailable,
    TransportError,
    Unauthorized,
)
from ..flow import Flow

T = TypeVar("T")

_NO_MORE: Final = (
    "the server responded with the status code {} but did not return more information"
)
_GENERIC: Final[Mapping[int, tuple[str, str]]] = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    403: ("Forbidden", "{text}"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: (
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    ),
    406: ("NotAcceptable", "{text}"),
    409: ("Conflict", "the server reported a conflict"),
    415: ("UnsupportedMediaType", "{text}"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: (
        "TooManyRequests",
        "the server has received too many requests and has asked us to try again later",
    ),
    503: (
        "ServiceUnavailable",
        "the server is currently unable to handle the request",
    ),
    504: (
        "Timeout",
        (
            "the server was unable to return a response in the time allotted, but may"
            " still be processing the request"
        ),
    ),
}
_SERVER_ERROR: Final = (
    "InternalError",
    'an error on the server ("{text}") has prevented the request from succeeding',
)

_DOUBTFUL: Final = (
    Unauthorized, Forbidden, NotFound, ServiceUnavailable, MetricsUnavailable,
)  # fmt: skip
"""What an API may answer, or be answered for, that is not there."""

_UNAUTHORIZED: Final = "error: You must be logged in to the server ({})"


class KubectlError(KubeMetricsError):
    """What kubectl would print on stderr, the whole line."""


def fail(error: KubeMetricsError) -> int:
    """Show *error* in kubectl's words; return kubectl's exit code."""
    console.complain(line(error))
    return 1


def put(text: str) -> int:
    """Write *text* to stdout; return the exit code.

    kubectl never knows that its stdout was closed from the start (``>&-``): Go's
    runtime opens /dev/null in its place (runtime/fds_unix.go), and all is well.
    """
    failure = console.attempt(sys.stdout, (text,))
    closed = failure is not None and failure.errno == errno.EBADF
    return console.settle(0, None if closed else failure)


def line(error: KubeMetricsError, asked: str = "") -> str:
    """Return kubectl's line; *asked* is the resource (and name) that was asked for."""
    if isinstance(error, ApiError):
        return _api_line(error, asked)
    if isinstance(error, TransportError):
        if error.reason == "refused":
            host = urlsplit(error.url).netloc
            return (
                f"The connection to the server {host} was refused"
                " - did you specify the right host or port?"
            )
        return f"Unable to connect to the server: {error}"
    return str(error) if isinstance(error, KubectlError) else f"error: {error}"


def with_kubectl_errors(flow: Flow[T], asked: str) -> Flow[T]:
    """Run *flow*; its errors of the API become kubectl's."""
    try:
        return (yield from flow)
    except ApiError as error:
        raise KubectlError(line(error, asked)) from None


def with_kubectl_metrics_errors(flow: Flow[T], asked: str) -> Flow[T]:
    """Run *flow*, which asks the metrics API; its errors become kubectl's.

    kubectl looks into discovery before it asks. Here only the failures do that could
    come from an API that is not there: without it RBAC still answers 403.
    """
    try:
        return (yield from flow)
    except ApiError as error:
        failure = error
    known = isinstance(failure, NotFound) and failure.reason
    if isinstance(failure, _DOUBTFUL) and not known:
        yield from _check_served()
    raise KubectlError(line(failure, asked))


def check_name(name: str) -> Flow[None]:
    """Refuse a name that a path cannot hold, as client-go does: after discovery.

    Source: apimachinery pkg/api/validation/path/name.go.
    """
    problems = [f"may not be '{name}'"] if name in {".", ".."} else []
    problems += [f"may not contain '{part}'" for part in "/%" if part in name]
    if problems:
        yield from _check_served()
        listed = " ".join(problems)
        raise KubectlError(f'error: invalid resource name "{name}": [{listed}]')


def _api_line(error: ApiError, asked: str) -> str:
    reason, message = error.reason, error.message
    if not reason:
        reason, message = _generic(error, asked)
    if isinstance(error, Unauthorized):
        return _UNAUTHORIZED.format(message)
    return f"Error from server{f' ({reason})' if reason else ''}: {message}"


def _generic(error: ApiError, asked: str) -> tuple[str, str]:
    unknown = ("", _NO_MORE.format(error.status))
    server_error = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    otherwise = _SERVER_ERROR if server_error else unknown
    reason, template = _GENERIC.get(error.status, otherwise)
    message = template.replace("{text}", unexpected_text(error) or "")
    return reason, f"{message} (get {asked})" if asked else message


def _check_served() -> Flow[None]:
    """Look whether discovery lists a version of the metrics API that is not stale.

    Raises:
        KubectlError: it does not; or it failed, where client-go makes up the text.
    """
    try:
        served = yield from serves_metrics()
    except Unauthorized as error:
        text = _GENERIC[error.status][1]
        raise KubectlError(_UNAUTHORIZED.format(text)) from None
    except ApiError as error:
        raise KubectlError(line(error)) from None
    if not served:
        raise KubectlError("error: Metrics API not available")
