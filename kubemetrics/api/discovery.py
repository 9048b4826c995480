"""What the server says of itself: the versions it serves, and what its user may do.

``/apis`` and ``/apis/metrics.k8s.io`` may be read by whoever is authenticated
(ClusterRole ``system:discovery``), and everybody may review their own access
(``system:basic-user``): both settle what a failed request leaves open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from .. import jsonread
from ..flow import Flow, Query, Request, Response
from ..jsonread import EMPTY, as_object, as_objects, as_text, read_object
from ..wire import APIGroupWire, decode
from .retry import RetryPolicy, send

Get: TypeAlias = Callable[[str, Query], Flow[Response]]
Post: TypeAlias = Callable[[str, Mapping[str, object]], Flow[Mapping[str, Any]]]

GROUP: Final = "metrics.k8s.io"
GROUP_PATH: Final = f"/apis/{GROUP}"
KNOWN_VERSIONS: Final = ("v1beta1", "v1")
"""v1 is GA in Kubernetes 1.37 (KEP-5207); metrics-server serves v1beta1 only so far."""

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


def namespace_names(get: Get) -> Flow[tuple[str, ...]]:
    """Return the names of at most 500 namespaces, in the server's order.

    Raises:
        ApiError: they may not be listed.
        DecodeError: the answer is no list.
    """
    response = yield from get("/api/v1/namespaces", (("limit", "500"),))
    listed = as_objects(read_object(response.body, url=response.url).get("items"))
    names = (as_text(as_object(one.get("metadata")).get("name")) for one in listed)
    return tuple(filter(None, names))


def _serves_metrics(group: Mapping[str, Any]) -> bool:
    name = group.get("name") or as_object(group.get("metadata")).get("name")
    return name == GROUP and any(
        version.get("version") in KNOWN_VERSIONS and version.get("freshness") != "Stale"
        for version in as_objects(group.get("versions"))
    )


def _version(version: Mapping[str, object], _: None) -> str:
    return jsonread.text(version, "version")
