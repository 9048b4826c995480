"""Selectors choose, and refuse, as Kubernetes does."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from kubemetrics.testing.matching import label_selector
from tests.cluster import Cluster

from .client import get

PODS = "/api/v1/pods"
LABELS = {"app": "web", "tier": "", "zone": "a"}
CHOSEN = {
    "": True,
    "app": True,
    "!app": False,
    "none": False,
    "!none": True,
    "app=web": True,
    "app==web": True,
    "app = web": True,
    "app=api": False,
    "app!=web": False,
    "app!=api": True,
    "none!=x": True,
    "tier=": True,
    "tier!=": False,
    "app in (api,web)": True,
    "app in (api)": False,
    "app notin (api, db)": True,
    "app notin (web)": False,
    "none notin (x)": True,
    "none in (x)": False,
    "app=web,zone=a": True,
    "app=web,zone=b": False,
    "app,!none,zone in (a,b),tier=": True,
}


@pytest.mark.parametrize(("selector", "chosen"), CHOSEN.items(), ids=CHOSEN)
def test_a_label_selector_chooses(selector: str, *, chosen: bool) -> None:
    assert label_selector(selector)(LABELS) is chosen


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


REFUSED = {
    "labelSelector=a===b": (
        "unable to parse requirement: found '=', expected: identifier"
    ),
    "labelSelector=a in b": "unable to parse requirement: found 'b', expected: '('",
    "labelSelector=a ~ b": (
        "unable to parse requirement: found '~', expected: in, notin, =, ==, !=, gt, lt"
    ),
    "fieldSelector=spec.nope=x": "field label not supported: spec.nope",
    "fieldSelector=spec": "invalid selector: 'spec'; can't understand 'spec'",
}


@pytest.mark.parametrize(("query", "message"), REFUSED.items(), ids=REFUSED)
def test_a_bad_selector_is_refused(cluster: Cluster, query: str, message: str) -> None:
    name, _, selector = query.partition("=")
    refused = get(cluster, f"{PODS}?{name}={quote(selector)}")
    assert (refused.status, refused.json()["message"]) == (400, message)


FIELDS = {
    "metadata.name=etcd-control-plane-0": 1,
    "metadata.namespace==team-f": 8,
    "spec.nodeName=": 2,
    "status.phase=Pending": 4,
    "status.phase!=Running,status.phase!=Pending": 7,
    "metadata.namespace=team-f,status.phase=Succeeded": 3,
}


@pytest.mark.parametrize(("selector", "count"), FIELDS.items(), ids=FIELDS)
def test_a_field_selector_chooses(cluster: Cluster, selector: str, count: int) -> None:
    assert len(get(cluster, f"{PODS}?fieldSelector={quote(selector)}").names()) == count


def test_pages_of_a_selection_hold_the_selection(cluster: Cluster) -> None:
    query = f"fieldSelector={quote('status.phase!=Running')}&limit=4"
    names, token = [], ""
    while True:
        page = get(cluster, f"{PODS}?{query}&continue={token}")
        names += page.names()
        token = page.json()["metadata"].get("continue", "")
        assert "remainingItemCount" not in page.json()["metadata"]
        if not token:
            break
        assert len(page.names()) == 4
    assert len(names) == len(set(names)) == 11
