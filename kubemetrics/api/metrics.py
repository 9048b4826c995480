"""The metrics API: which version is served, and what is true when it does not answer.

On the happy path there is no discovery: the version that is served nearly everywhere is
asked for, and only a failure is looked into.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ..errors import (
    ApiError,
    Forbidden,
    KubeMetricsError,
    MetricsUnavailable,
    NotFound,
    ServiceUnavailable,
    Unauthorized,
)
from ..flow import Flow, Response, attempt
from ..wire import decode
from ..wire.answers import APIGroupWire
from .retry import AGGREGATOR_TEXTS
from .status import foreign_text

GROUP: Final = "metrics.k8s.io"
KNOWN_VERSIONS: Final = ("v1beta1", "v1")
"""v1 is GA in Kubernetes 1.37 (KEP-5207); metrics-server serves v1beta1 only so far."""

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_FORBIDDEN: Final = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>\w+)"'
    r'.* in the namespace "(?P<namespace>[^"]*)"|User "(?P<who>[^"]*)" cannot'
    r' (?P<does>\w+) resource "(?P<what>\w+)"'
)

Query: TypeAlias = tuple[tuple[str, str], ...]
Get: TypeAlias = Callable[[str, Query], Flow[Response]]
Post: TypeAlias = Callable[[str, Mapping[str, object]], Flow[Mapping[str, Any]]]


class MetricsApi:
    """The group metrics.k8s.io of one server; remembers the version that answered."""

    def __init__(self, get: Get, post: Post) -> None:
        self._get = get
        self._post = post
        self._version = KNOWN_VERSIONS[0]

    def get(self, tail: str, query: Query = ()) -> Flow[Response]:
        """GET *tail* below the version that is served.

        Raises:
            MetricsUnavailable: the API is absent or down.
            Forbidden: with what explains it.
            ApiError: any other answer, as it is.
        """
        tried = self._version
        try:
            return (yield from self._ask(tried, tail, query))
        except (NotFound, ServiceUnavailable) as error:
            if error.reason:  # a Status: the API is there, the object is not
                raise
            failure = error
        except (Forbidden, Unauthorized) as error:
            raise (yield from self._explain(error)) from None
        versions = yield from attempt(self._versions())
        if isinstance(versions, KubeMetricsError):
            raise (yield from self._without_group(failure, versions)) from None
        for version in _others(versions, tried):
            response = yield from self._try(version, tail, query)
            if response is not None:
                return response
        raise _unserved(failure, versions)

    def _ask(self, version: str, tail: str, query: Query) -> Flow[Response]:
        return self._get(f"/apis/{GROUP}/{version}{tail}", query)

    def _try(self, version: str, tail: str, query: Query) -> Flow[Response | None]:
        """Ask another version; a Status shows that it is served, whatever it says."""
        try:
            response = yield from self._ask(version, tail, query)
        except ApiError as error:
            if not error.reason:
                return None
            self._version = version
            raise
        self._version = version
        return response

    def _versions(self) -> Flow[tuple[str, ...]]:
        response = yield from self._get(f"/apis/{GROUP}", ())
        group = decode(response.body, APIGroupWire, url=response.url)
        return tuple(v.get("version", "") for v in group.get("versions") or ())

    def _without_group(
        self, failure: ApiError, why: KubeMetricsError
    ) -> Flow[KubeMetricsError]:
        """The group could not be read: not there, or something else in the way."""
        if isinstance(why, NotFound) and not why.reason:
            core = yield from attempt(self._get("/version", ()))
            if not isinstance(core, KubeMetricsError) or _is_status(core):
                return _absent(failure)
            return failure.explained("this server does not answer as a Kubernetes API")
        return _down(failure) if _says_down(failure) else failure

    def _explain(self, error: Forbidden | Unauthorized) -> Flow[ApiError]:
        if isinstance(error, Unauthorized):
            return (yield from self._explain_unauthorized(error))
        if '"system:anonymous"' in error.message:
            return error.explained("no credentials arrived at the server")
        versions = yield from attempt(self._versions())
        if isinstance(versions, NotFound) and not versions.reason:
            return error.explained(
                f"and the metrics API is absent: {GROUP} is not registered here"
            )
        allowed = yield from self._allowed(error)
        if allowed:
            return error.explained(_AGGREGATION_LAYER)
        return error.explained("a binding to the ClusterRole view usually allows it")

    def _explain_unauthorized(self, error: Unauthorized) -> Flow[ApiError]:
        core = yield from attempt(self._get("/version", ()))
        accepted = isinstance(core, Response | Forbidden)
        return error.explained(_AGGREGATION_LAYER) if accepted else error

    def _allowed(self, error: Forbidden) -> Flow[bool]:
        """Ask the core API whether it would have allowed what was refused."""
        found = _FORBIDDEN.search(error.message)
        if found is None:
            return False
        attributes = {
            "group": GROUP,
            "verb": found["verb"] or found["does"],
            "resource": found["resource"] or found["what"],
            "namespace": found["namespace"] or "",
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = yield from attempt(self._post(_REVIEWS, review))
        if isinstance(answer, KubeMetricsError):
            return False
        return (answer.get("status") or {}).get("allowed") is True


_AGGREGATION_LAYER: Final = (
    "the core API accepts these credentials: the refusal comes from the aggregation"
    " layer, see metrics-server's --requestheader-client-ca-file"
)


def _others(listed: tuple[str, ...], tried: str) -> list[str]:
    return [v for v in KNOWN_VERSIONS if v in listed and v != tried]


def _is_status(error: KubeMetricsError) -> bool:
    return isinstance(error, ApiError) and bool(error.reason)


def _says_down(error: ApiError) -> bool:
    """Say whether these are the aggregator's own words for an API that is down."""
    texts = tuple(text.decode() for text in AGGREGATOR_TEXTS)
    return isinstance(error, ServiceUnavailable) and foreign_text(error).startswith(
        texts
    )


def _unserved(failure: ApiError, versions: tuple[str, ...]) -> ApiError:
    if _says_down(failure):
        return _down(failure)
    served = ", ".join(versions) or "none"
    return failure.explained(f"{GROUP} is registered with versions: {served}")


def _absent(failure: ApiError) -> MetricsUnavailable:
    return MetricsUnavailable(
        f"the metrics API is absent: {GROUP} is not registered",
        cause="absent",
        url=failure.url,
        status=failure.status,
        hint="install metrics-server or another provider",
    )


def _down(failure: ApiError) -> MetricsUnavailable:
    return MetricsUnavailable(
        f'the metrics API is down: {GROUP} is registered, but "{foreign_text(failure)}"',
        cause="down",
        url=failure.url,
        status=failure.status,
        hint="kubemetrics doctor, or kubectl describe apiservice"
        f" {KNOWN_VERSIONS[0]}.{GROUP}, tells more",
    )
