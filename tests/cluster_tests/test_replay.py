"""The simulated cluster answers every recorded request as the real one did."""

from __future__ import annotations

import gzip
import json
import ssl
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any

import pytest

from kubemetrics.testing.paging import decode_mark
from tests.cluster import Cluster
from tests.cluster.encoding import Json
from tests.cluster.recorded import Exchange, exchanges


def _state(name: str) -> str:
    for state in ("absent", "down-just-now", "down", "warming-1", "warming-2"):
        if name.startswith(f"{state}-"):
            return state
    return "healthy"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        running.users.add_token(running.token("viewer"), "viewer")
        yield running


def connect(cluster: Cluster) -> HTTPConnection:
    context = ssl.create_default_context(cadata=cluster.ca_pem.decode())
    return HTTPSConnection("127.0.0.1", cluster.port, context=context, timeout=60)


def ask(connection: HTTPConnection, cluster: Cluster, item: Exchange) -> HTTPResponse:
    headers = {
        "Accept": item.accept,
        "Accept-Encoding": item.accept_encoding,
        "User-Agent": "kubemetrics-recorder/1",
    }
    if item.user != "anonymous":
        headers["Authorization"] = f"Bearer {cluster.token(item.user)}"
    connection.request(item.method, item.path, item.request_body or None, headers)
    return connection.getresponse()


def _keys(value: Json) -> Json:
    """Reduce a value to its shape: keys and list lengths."""
    if isinstance(value, dict):
        return {key: _keys(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_keys(part) for part in value]
    return type(value).__name__


def _names(document: dict[str, Any]) -> list[Any]:
    items = document.get("items") or document.get("rows") or []
    metadata = [item.get("object", item)["metadata"] for item in items]
    return [(m.get("namespace"), m.get("name")) for m in metadata]


def _place(document: dict[str, Any]) -> tuple[int | None, str]:
    """Return what a page says of the rest: how many items, and after which key."""
    metadata = document.get("metadata", {})
    token = metadata.get("continue", "")
    start = decode_mark(token).start if token else ""
    return metadata.get("remainingItemCount"), start


def _without_descriptions(document: dict[str, Any]) -> dict[str, Any]:
    for column in document.get("columnDefinitions", []):
        column.pop("description", None)
    return document


_WATCHES = ("watch-plain", "watch-initial-events", "watch-too-old", "watch-events")
PLAIN = [item for item in exchanges() if item.name not in _WATCHES]


@pytest.mark.parametrize("item", PLAIN, ids=lambda item: item.name)
def test_an_answer_is_as_recorded(cluster: Cluster, item: Exchange) -> None:
    cluster.state = _state(item.name)
    connection = connect(cluster)
    try:
        response = ask(connection, cluster, item)
        body = response.read()
    finally:
        connection.close()
    assert response.status == item.status
    assert response.headers["Content-Type"] == item.headers["content-type"]
    for header in ("content-encoding", "retry-after", "vary"):
        assert response.headers.get(header) == item.headers.get(header), header
    caching = ", ".join(response.headers.get_all("Cache-Control", []))
    assert caching == item.headers["cache-control"]
    _compare_bodies(item, response, body)


def _compare_bodies(item: Exchange, response: HTTPResponse, body: bytes) -> None:
    if "json" not in item.headers["content-type"] or item.status >= 400:
        assert body == item.body
        assert response.headers.get("Content-Length") == str(len(body))
        return
    if item.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    ours = _without_descriptions(json.loads(body))
    real = _without_descriptions(item.json())
    assert ours.get("kind") == real.get("kind")
    assert _names(ours) == _names(real)
    assert _keys(ours) == _keys(real)
    assert _place(ours) == _place(real)
    if real.get("kind") == "Table":
        assert ours["rows"] == real["rows"]
    framing = ("content-length", "transfer-encoding")
    for header in framing:
        assert (header in response.headers) == (header in item.headers)
