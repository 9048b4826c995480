"""The metrics API as a server has it: its versions, and why none of them answers.

``/apis`` and ``/apis/metrics.k8s.io`` may be read by whoever is authenticated
(ClusterRole ``system:discovery``), and everybody may review their own access
(``system:basic-user``): both settle what a failed request leaves open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from .. import jsonread
from ..errors import (
    ApiError,
    Forbidden,
    InternalError,
    KubeMetricsError,
    MetricsUnavailable,
    NotFound,
    ServiceUnavailable,
    Unauthorized,
)
from ..flow import Flow, Pause, Query, Request, Response, attempt
from ..frozen import dataclass
from ..jsonread import EMPTY, as_object, as_objects, read_object
from ..models.metrics import GROUP, GROUP_PATH, KNOWN_VERSIONS
from ..wire import APIGroupWire, decode
from .answers import AGGREGATOR_TEXTS, NO_CREDENTIALS, rbac_hint, unexpected_text
from .exchange import RetryPolicy, send

Get: TypeAlias = Callable[[str, Query], Flow[Response]]
Post: TypeAlias = Callable[[str, Mapping[str, object]], Flow[Mapping[str, Any]]]

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_AGGREGATED: Final = (
    "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
)
_ACCEPT: Final = ",".join(
    [_AGGREGATED.format("v2"), _AGGREGATED.format("v2beta1"), "application/json"]
)


def registered_versions(get: Get) -> Flow[tuple[str, ...]]:
    """Return the versions of the metrics API that are registered with the server.

    Raises:
        ApiError: the group cannot be read; a 404 in plain text: it is not registered.
        DecodeError: the answer is no APIGroup.
    """
    response = yield from get(GROUP_PATH, ())
    group = decode(response.body, APIGroupWire, url=response.url)
    return jsonread.children(group, "versions", _version, None)


def serves_metrics() -> Flow[bool]:
    """Return whether discovery lists a known version of the metrics API, not stale.

    It asks as kubectl does before ``top``: for aggregated discovery, whose versions are
    ``Stale`` while the server behind them cannot be reached (kubectl pkg/cmd/top,
    ``SupportedMetricsAPIVersionAvailable``).

    Raises:
        ApiError: discovery failed.
        DecodeError: the answer is no JSON object.
    """
    request = Request(path="/apis", headers=(("accept", _ACCEPT),))
    response = yield from send(request, RetryPolicy())
    # Aggregated discovery has items, an APIGroupList of an older server has groups.
    document = read_object(response.body, url=response.url)
    groups = [*as_objects(document.get("groups")), *as_objects(document.get("items"))]
    return any(_serves_metrics(group) for group in groups)


def may(
    post: Post, verb: str, resource: str, *, group: str, namespace: str = ""
) -> Flow[bool]:
    """Return whether the user may *verb* a resource: a SelfSubjectAccessReview.

    Without a *namespace* it is asked of the whole cluster, as ``kubectl auth can-i -A``
    does.

    Raises:
        ApiError: the server does not answer the review.
        DecodeError: the answer is no review.
    """
    attributes = {
        "verb": verb,
        "group": group,
        "resource": resource,
        "namespace": namespace,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answered = yield from post(_REVIEWS, review)
    return jsonread.boolean(jsonread.child(answered, "status") or EMPTY, "allowed")


def _serves_metrics(group: Mapping[str, Any]) -> bool:
    name = group.get("name") or as_object(group.get("metadata")).get("name")
    return name == GROUP and any(
        version.get("version") in KNOWN_VERSIONS and version.get("freshness") != "Stale"
        for version in as_objects(group.get("versions"))
    )


def _version(version: Mapping[str, object], _: None) -> str:
    return jsonread.text(version, "version")


def is_down_error(error: ApiError) -> bool:
    """Return whether the API behind the aggregator is down.

    kube-aggregator says so in text. What stands between it and the provider may say it
    in a Status of its own, or as a failure to proxy.
    """
    text = unexpected_text(error)
    if isinstance(error, ServiceUnavailable):
        return text is None or text.startswith(AGGREGATOR_TEXTS)
    said = error.message if text is None else text
    return isinstance(error, InternalError) and said.lower().startswith(_PROXY_ERROR)


_PROXY_ERROR: Final = "proxy error"


def absent_error(failure: ApiError) -> MetricsUnavailable:
    """Return the error for a group that is not registered."""
    return MetricsUnavailable(
        f"the metrics API is absent: {GROUP} is not registered",
        cause="absent",
        url=failure.url,
        status=failure.status,
        hint="install metrics-server or another provider: kubemetrics doctor has the"
        " command",
    )


def down_error(failure: ApiError) -> MetricsUnavailable:
    """Return the error for a group that is registered and does not answer."""
    return MetricsUnavailable(
        f"the metrics API is down: {GROUP} is registered, but the server says"
        f' "{unexpected_text(failure) or failure.message}"',
        cause="down",
        url=failure.url,
        status=failure.status,
        hint="kubemetrics doctor, or kubectl describe apiservice"
        f" {KNOWN_VERSIONS[0]}.{GROUP}, tells more",
    )


def not_served_error(failure: ApiError, versions: tuple[str, ...]) -> ApiError:
    """Return the error for a group none of whose *versions* answers."""
    if is_down_error(failure):
        return down_error(failure)
    served = ", ".join(versions) or "none"
    return failure.explained(f"{GROUP} is registered with versions: {served}")


_RBAC_REFUSAL: Final = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>\w+)"'
    r' in API group "[^"]*"(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_AGGREGATION_LAYER: Final = (
    "the core API accepts these credentials: the refusal comes from the aggregation"
    " layer, see metrics-server's --requestheader-client-ca-file"
)


def explain_forbidden(error: Forbidden, post: Post, *, absent: bool) -> Flow[ApiError]:
    """Return a 403 with its cause: RBAC answers before the group is looked up."""
    refused = _RBAC_REFUSAL.search(error.message)
    if refused is None:
        return error
    if absent and refused["user"] != "system:anonymous":
        return error.explained(
            f"and the metrics API is absent: {GROUP} is not registered here"
        )
    allowed = yield from attempt(
        may(
            post,
            refused["verb"],
            refused["resource"],
            group=GROUP,
            namespace=refused["namespace"] or "",
        )
    )
    if refused["user"] == "system:anonymous":
        unknown = isinstance(allowed, KubeMetricsError)
        return error.explained(NO_CREDENTIALS if unknown else _AGGREGATION_LAYER)
    return error.explained(
        _AGGREGATION_LAYER if allowed is True else rbac_hint(error.message)
    )


def explain_unauthorized(error: Unauthorized, get: Get) -> Flow[ApiError]:
    """Return a 401 with its cause: the core API may accept these credentials."""
    core = yield from attempt(get("/version", ()))
    accepted = isinstance(core, Response | Forbidden)
    return error.explained(_AGGREGATION_LAYER) if accepted else error


_POLL: Final = 0.02
"""Seconds until a request asks again whether another one's discovery is done."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The *versions* that are registered, or the *error* that hides them.

    *core* is the answer of ``/version``, asked where the group is not registered.
    """

    versions: tuple[str, ...] = ()
    error: KubeMetricsError | None = None
    core: object = None

    @property
    def no_group(self) -> bool:
        """Whether the group is not registered: the text 404."""
        return isinstance(self.error, NotFound) and _foreign(self.error)


class MetricsGroup:
    """The group metrics.k8s.io of one server; remembers the version that answered.

    Requests that fail side by side, as a snapshot's two do, share one discovery: one
    that ended after a request was sent is as good as one of its own.
    """

    def __init__(self, get: Get, post: Post) -> None:
        self._get = get
        self._post = post
        self.version: str = KNOWN_VERSIONS[0]
        self.discoveries: int = 0
        self._last = Discovery()
        self._discovering: dict[str, object] = {}

    def recovered(
        self, failure: ApiError, tried: str, tail: str, query: Query, *, since: int
    ) -> Flow[Response]:
        """Return what another version than *tried* answers to a GET that failed.

        *since* counts the discoveries before it was sent.

        Raises:
            MetricsUnavailable: the API is absent or down.
            Forbidden: with what explains it.
            ApiError: any other failure, as it is.
        """
        if isinstance(failure, Unauthorized):
            raise (yield from explain_unauthorized(failure, self._get))
        if isinstance(failure, Forbidden):
            found = yield from self._discovered(since)
            raise (
                yield from explain_forbidden(failure, self._post, absent=found.no_group)
            )
        if not _unserved(failure):
            raise failure  # the API is there, the object is not
        found = yield from self._discovered(since)
        if found.error is not None:
            raise _without_group(failure, found) from failure
        for version in _others(found.versions, tried):
            response = yield from self._try(version, tail, query)
            if not isinstance(response, ApiError):
                return response
            failure = response if is_down_error(response) else failure
        raise not_served_error(failure, found.versions) from failure

    def _ask(self, version: str, tail: str, query: Query) -> Flow[Response]:
        return self._get(f"{GROUP_PATH}/{version}{tail}", query)

    def _try(self, version: str, tail: str, query: Query) -> Flow[Response | ApiError]:
        """Ask another version; a Status shows that it is served, unless it is down."""
        try:
            response = yield from self._ask(version, tail, query)
        except ApiError as error:
            if _foreign(error) or is_down_error(error):
                return error
            self.version = version
            raise
        self.version = version
        return response

    def _discovered(self, since: int) -> Flow[Discovery]:
        """Discover what is registered, unless another request just did or does."""
        mine = object()
        while self.discoveries == since:
            if self._discovering.setdefault("by", mine) is not mine:
                yield Pause(_POLL, "another request looks at the metrics API")
                continue
            try:
                self._last = yield from self._discover()
                self.discoveries += 1
            finally:
                self._discovering.clear()
        return self._last

    def _discover(self) -> Flow[Discovery]:
        versions = yield from attempt(registered_versions(self._get))
        if not isinstance(versions, KubeMetricsError):
            return Discovery(versions)
        if not Discovery(error=versions).no_group:
            return Discovery(error=versions)
        core = yield from attempt(self._get("/version", ()))
        return Discovery(error=versions, core=core)


def _others(listed: tuple[str, ...], tried: str) -> list[str]:
    return [v for v in KNOWN_VERSIONS if v in listed and v != tried]


def _foreign(error: KubeMetricsError) -> bool:
    return isinstance(error, ApiError) and unexpected_text(error) is not None


def _unserved(error: ApiError) -> bool:
    """Whether no provider answered: a Status is one's answer, but for a 503."""
    looked_into = isinstance(error, NotFound | ServiceUnavailable)
    return is_down_error(error) or (looked_into and _foreign(error))


def _without_group(failure: ApiError, found: Discovery) -> ApiError:
    """Return the error for a group that cannot be read: absent, down or neither."""
    if found.no_group:
        core = found.core
        if not isinstance(core, KubeMetricsError) or (
            isinstance(core, ApiError) and not _foreign(core)
        ):
            return absent_error(failure)
        return failure.explained("this server does not answer as a Kubernetes API")
    # A Status may as well come from an API server that is in trouble itself.
    down = is_down_error(failure) and _foreign(failure)
    return down_error(failure) if down else failure
