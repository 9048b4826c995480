"""What a server serves and allows, read once for everybody who asks."""

from __future__ import annotations

import json

import pytest

from kubemetrics.api import Api
from kubemetrics.api.metrics_group import (
    may,
    registered_versions,
    serves_metrics,
)
from kubemetrics.errors import DecodeError

from .playing import Play, answer

GROUP = {"name": "metrics.k8s.io", "versions": [{"version": "v1beta1"}]}
AGGREGATED = {"metadata": {"name": "metrics.k8s.io"}, "versions": GROUP["versions"]}
STALE = {**AGGREGATED, "versions": [{"version": "v1beta1", "freshness": "Stale"}]}


def asked(document: object) -> Play:
    """Answer whatever is asked with *document*."""
    return Play(lambda _: answer(200, json.dumps(document).encode()))


@pytest.mark.parametrize(
    ("document", "served"),
    [
        ({"groups": [{"name": "apps"}, GROUP]}, True),
        ({"items": [AGGREGATED]}, True),
        ({"items": [STALE]}, False),
        ({"groups": [{**GROUP, "versions": [{"version": "v9"}]}]}, False),
        ({"groups": [{**GROUP, "name": "custom.metrics.k8s.io"}]}, False),
        ({"groups": None}, False),
        ({}, False),
    ],
)
def test_the_metrics_api_is_served_if_a_known_version_of_it_is_listed_and_not_stale(
    document: object, *, served: bool
) -> None:
    play = asked(document)
    assert play.run(serves_metrics()) is served
    assert play.paths == ["/apis"]


def test_registered_versions_that_are_no_list_are_a_decode_error() -> None:
    with pytest.raises(DecodeError):
        asked({**GROUP, "versions": "v1"}).run(registered_versions(Api().get))


def test_the_versions_that_are_registered_keep_the_servers_order() -> None:
    versions = [{"version": "v1"}, {"version": "v1beta1"}]
    play = asked({**GROUP, "versions": versions})
    assert play.run(registered_versions(Api().get)) == ("v1", "v1beta1")
    assert play.paths == ["/apis/metrics.k8s.io"]


@pytest.mark.parametrize(
    ("document", "allowed"),
    [
        ({"status": {"allowed": True}}, True),
        ({"status": {"allowed": False}}, False),
        ({"status": {"denied": True}}, False),
        ({}, False),
    ],
)
def test_an_access_review_is_answered_by_allowed_alone(
    document: object, *, allowed: bool
) -> None:
    play = asked(document)
    flow = may(Api().post, "list", "pods", group="metrics.k8s.io", namespace="shop")
    assert play.run(flow) is allowed
    assert json.loads(play.requests[0].body or b"") == {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {
                "verb": "list",
                "group": "metrics.k8s.io",
                "resource": "pods",
                "namespace": "shop",
            }
        },
    }
