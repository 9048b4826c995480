"""Why the metrics API refused: a 401 or 403 has several causes, told apart here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ..errors import ApiError, Forbidden, KubeMetricsError, Unauthorized
from ..flow import Flow, Query, Response, attempt
from .status import NO_CREDENTIALS, as_object, not_bound
from .unavailable import GROUP

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
