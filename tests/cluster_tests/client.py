"""A plain client for the tests of the simulated cluster, on http.client."""

from __future__ import annotations

import contextlib
import gzip
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection

from tests.cluster import Cluster
from tests.cluster.encoding import Json


@dataclass(frozen=True, slots=True)
class Got:
    """An answer, whole."""

    status: int
    headers: Message
    body: bytes

    @property
    def plain(self) -> bytes:
        if self.headers.get("Content-Encoding") == "gzip":
            return gzip.decompress(self.body)
        return self.body

    def json(self) -> Json:
        return json.loads(self.plain)

    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.json()["items"]]


def client_context(cluster: Cluster) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=cluster.ca_pem.decode())


@contextlib.contextmanager
def connected(
    cluster: Cluster, context: ssl.SSLContext | None = None
) -> Iterator[HTTPConnection]:
    connection = HTTPSConnection(
        cluster.options.host,
        cluster.port,
        context=context or client_context(cluster),
        timeout=60,
    )
    try:
        yield connection
    finally:
        connection.close()


def headers_of(cluster: Cluster, user: str | None, **more: str) -> dict[str, str]:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if user:
        headers["Authorization"] = f"Bearer {cluster.token(user)}"
    return headers


def get(cluster: Cluster, path: str, user: str | None = "viewer", **more: str) -> Got:
    """GET *path* on a new connection; more headers by keyword."""
    with connected(cluster) as connection:
        connection.request("GET", path, headers=headers_of(cluster, user, **more))
        response = connection.getresponse()
        return Got(response.status, response.headers, response.read())
