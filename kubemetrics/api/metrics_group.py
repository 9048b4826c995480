"""What is said when there is no metrics API to ask, and when that may be said."""

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
from ..flow import Flow, Pause, Query, Response, attempt
from ..frozen import dataclass
from ..jsonread import as_object, as_objects
from ..wire import APIGroupWire, decode
from .answers import NO_CREDENTIALS, foreign_text, not_bound
from .retry import AGGREGATOR_TEXTS

GROUP: Final = "metrics.k8s.io"
KNOWN_VERSIONS: Final = ("v1beta1", "v1")
"""v1 is GA in Kubernetes 1.37 (KEP-5207); metrics-server serves v1beta1 only so far."""


def says_down(error: ApiError) -> bool:
    """Say whether these are the aggregator's own words for an API that is down."""
    text = foreign_text(error) or ""
    return isinstance(error, ServiceUnavailable) and text.startswith(AGGREGATOR_TEXTS)


def absent(failure: ApiError) -> MetricsUnavailable:
    """Return the error for a group that is not registered."""
    return MetricsUnavailable(
        f"the metrics API is absent: {GROUP} is not registered",
        cause="absent",
        url=failure.url,
        status=failure.status,
        hint="install metrics-server or another provider",
    )


def down(failure: ApiError) -> MetricsUnavailable:
    """Return the error for a group that is registered and does not answer."""
    return MetricsUnavailable(
        f"the metrics API is down: {GROUP} is registered, but the server says"
        f' "{foreign_text(failure)}"',
        cause="down",
        url=failure.url,
        status=failure.status,
        hint="kubemetrics doctor, or kubectl describe apiservice"
        f" {KNOWN_VERSIONS[0]}.{GROUP}, tells more",
    )


def unserved(failure: ApiError, versions: tuple[str, ...]) -> ApiError:
    """Return the error for a group none of whose *versions* answers."""
    if says_down(failure):
        return down(failure)
    served = ", ".join(versions) or "none"
    return failure.explained(f"{GROUP} is registered with versions: {served}")


# Why the metrics API refused: a 401 or 403 has several causes, told apart here.


Post: TypeAlias = Callable[[str, Mapping[str, object]], Flow[Mapping[str, Any]]]

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_REFUSED: Final = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>\w+)"'
    r' in API group "[^"]*"(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_AGGREGATION_LAYER: Final = (
    "the core API accepts these credentials: the refusal comes from the aggregation"
    " layer, see metrics-server's --requestheader-client-ca-file"
)


def explain_forbidden(error: Forbidden, post: Post, *, absent: bool) -> Flow[ApiError]:
    """Say what may explain a 403; RBAC answers before anyone looks at the group."""
    refused = _REFUSED.search(error.message)
    if refused is None:
        return error
    if absent and refused["user"] != "system:anonymous":
        return error.explained(
            f"and the metrics API is absent: {GROUP} is not registered here"
        )
    review = yield from attempt(post(_REVIEWS, _review(refused)))
    if refused["user"] == "system:anonymous":
        unknown = isinstance(review, KubeMetricsError)
        return error.explained(NO_CREDENTIALS if unknown else _AGGREGATION_LAYER)
    status = None if isinstance(review, KubeMetricsError) else review.get("status")
    allowed = as_object(status).get("allowed") is True
    return error.explained(_AGGREGATION_LAYER if allowed else not_bound(error.message))


def explain_unauthorized(
    error: Unauthorized, get: Callable[[str, Query], Flow[Response]]
) -> Flow[ApiError]:
    """Say whether the core API refuses these credentials too."""
    core = yield from attempt(get("/version", ()))
    accepted = isinstance(core, Response | Forbidden)
    return error.explained(_AGGREGATION_LAYER) if accepted else error


def _review(refused: re.Match[str]) -> Mapping[str, object]:
    """Ask whether the core API would have allowed what was refused."""
    attributes = {
        "group": GROUP,
        "verb": refused["verb"],
        "resource": refused["resource"],
        "namespace": refused["namespace"] or "",
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


# The metrics API: which version is served, and what is true when it does not answer.
#
# On the happy path there is no discovery: the version that is served nearly everywhere
# is asked for, and only a failure is looked into.


Get: TypeAlias = Callable[[str, Query], Flow[Response]]

_SECOND_LOOK: Final = 0.02
"""Seconds between two glances at whether the other's look is done."""


@dataclass(frozen=True, slots=True)
class Look:
    """What discovery says of the group: its *versions*, or why they are not known.

    *core* is what ``/version`` said, asked where there is no such group.
    """

    versions: tuple[str, ...] = ()
    error: KubeMetricsError | None = None
    core: object = None

    @property
    def no_group(self) -> bool:
        """Whether the group is not registered: the text 404."""
        return isinstance(self.error, NotFound) and _foreign(self.error)


class MetricsApi:
    """The group metrics.k8s.io of one server; remembers the version that answered.

    Requests that fail side by side, as a snapshot's two do, look into it once: a look
    that ended after a request was sent is as good as one of its own.
    """

    def __init__(self, get: Get, post: Post) -> None:
        self._get = get
        self._post = post
        self._version = KNOWN_VERSIONS[0]
        self._looks = 0
        self._last = Look()
        self._looking: dict[str, object] = {}

    def get(self, tail: str, query: Query = ()) -> Flow[Response]:
        """GET *tail* below the version that is served.

        Raises:
            MetricsUnavailable: the API is absent or down.
            Forbidden: with what explains it.
            ApiError: any other answer, as it is.
        """
        tried, looks = self._version, self._looks
        try:
            return (yield from self._ask(tried, tail, query))
        except (NotFound, ServiceUnavailable) as error:
            if not _foreign(error):  # a Status: the API is there, the object is not
                raise
            failure = error
        except Forbidden as error:
            look = yield from self._look(looks)
            raise (
                yield from explain_forbidden(error, self._post, absent=look.no_group)
            ) from None
        except Unauthorized as error:
            raise (yield from explain_unauthorized(error, self._get)) from None
        look = yield from self._look(looks)
        if look.error is not None:
            raise _without_group(failure, look) from None
        for version in _others(look.versions, tried):
            response = yield from self._try(version, tail, query)
            if response is not None:
                return response
        raise unserved(failure, look.versions)

    def _ask(self, version: str, tail: str, query: Query) -> Flow[Response]:
        return self._get(f"/apis/{GROUP}/{version}{tail}", query)

    def _try(self, version: str, tail: str, query: Query) -> Flow[Response | None]:
        """Ask another version; a Status shows that it is served, whatever it says."""
        try:
            response = yield from self._ask(version, tail, query)
        except ApiError as error:
            if _foreign(error):
                return None
            self._version = version
            raise
        self._version = version
        return response

    def _look(self, since: int) -> Flow[Look]:
        """Look at what is registered, unless another request just did or does."""
        mine = object()
        while self._looks == since:
            if self._looking.setdefault("by", mine) is not mine:
                yield Pause(_SECOND_LOOK, "another request looks at the metrics API")
                continue
            try:
                self._last = yield from self._discover()
                self._looks += 1
            finally:
                self._looking.clear()
        return self._last

    def _discover(self) -> Flow[Look]:
        try:
            response = yield from self._get(f"/apis/{GROUP}", ())
            group = decode(response.body, APIGroupWire, url=response.url)
        except KubeMetricsError as error:
            look = Look(error=error)
        else:
            return Look(_versions(group))
        if not look.no_group:
            return look
        core = yield from attempt(self._get("/version", ()))
        return Look(error=look.error, core=core)


def _versions(group: APIGroupWire) -> tuple[str, ...]:
    found = (entry.get("version") for entry in as_objects(group.get("versions")))
    return tuple(version for version in found if isinstance(version, str))


def _others(listed: tuple[str, ...], tried: str) -> list[str]:
    return [v for v in KNOWN_VERSIONS if v in listed and v != tried]


def _foreign(error: KubeMetricsError) -> bool:
    return isinstance(error, ApiError) and foreign_text(error) is not None


def _without_group(failure: ApiError, look: Look) -> ApiError:
    """The group could not be read: not there, or something else in the way."""
    if look.no_group:
        core = look.core
        if not isinstance(core, KubeMetricsError) or (
            isinstance(core, ApiError) and not _foreign(core)
        ):
            return absent(failure)
        return failure.explained("this server does not answer as a Kubernetes API")
    return down(failure) if says_down(failure) else failure
