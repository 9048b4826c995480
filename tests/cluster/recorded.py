"""The recorded cluster: what kube-apiserver 1.36 and metrics-server 0.9 answered.

`tests/data/recorded` holds every answer as it came over the wire, large ones
compressed again; `index.json` says who asked what.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from kubemetrics.testing.apiserver import encode
from kubemetrics.testing.etcd import Entry, Key, indexed

from .clock import parse_rfc3339, rfc3339
from .contents import Contents
from .encoding import Json
from .samples import Sample, sample_from_json

DATA = Path(__file__).parent.parent / "data" / "recorded"
#: The Date of most recorded answers.
RECORDED_AT = parse_rfc3339("2026-11-23T02:59:48Z")
_REVISION = 609
_OLDEST = 580
_TIME = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One recorded request and its answer; *body* is as the wire had it."""

    name: str
    method: str
    path: str
    user: str
    accept: str
    accept_encoding: str
    request_body: bytes
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Json:
        plain = gzip.decompress(self.body) if self._is_compressed() else self.body
        return json.loads(plain)

    def _is_compressed(self) -> bool:
        return self.headers.get("content-encoding") == "gzip"


def body(file: str) -> bytes:
    """Return a recorded body as the wire had it."""
    raw = (DATA / file).read_bytes()
    return gzip.decompress(raw) if file.endswith(".gz") else raw


@cache
def exchanges() -> tuple[Exchange, ...]:
    listed = json.loads((DATA / "index.json").read_text())
    return tuple(_exchange(item) for item in listed)


def exchange(name: str) -> Exchange:
    return next(item for item in exchanges() if item.name == name)


def _exchange(item: dict[str, Any]) -> Exchange:
    posted = item.get("request_body")
    return Exchange(
        name=item["name"],
        method=item["method"],
        path=item["path"],
        user=item["as"],
        accept=item["accept"],
        accept_encoding=item["accept_encoding"],
        request_body=b"" if posted is None else json.dumps(posted).encode(),
        status=item["status"],
        headers=item["headers"],
        body=body(item["body"]),
    )


def kubectl_runs() -> list[dict[str, Any]]:
    """Return what kubectl 1.37 printed against the real cluster, run by run."""
    lines = body("kubectl-1.37.jsonl.gz").splitlines()
    return [json.loads(line) for line in lines]


def raw_items(list_body: bytes) -> Iterator[bytes]:
    """Cut a list's items out without re-encoding them."""
    text = list_body.decode()
    decoder = json.JSONDecoder()
    at = text.index('"items":[') + len('"items":[')
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        yield text[at:end].encode()
        at = end + (text[end] == ",")


def _entries(name: str) -> tuple[Entry, ...]:
    return tuple(
        indexed(json.loads(raw), raw) for raw in raw_items(exchange(name).body)
    )


def _samples(name: str) -> tuple[Sample, ...]:
    return tuple(map(sample_from_json, exchange(name).json()["items"]))


_REASONS: dict[str, tuple[str, ...]] = {
    "Finished": (
        "kube-system/frontend-web-kmhqnft6rr-bp8tp",
        "team-a/auth-gateway-29000010-rwkld",
        "team-a/session-cache-29000024-8slpv",
        "team-c/reporting-q2gs52gf-j4drs",
        "team-f/notifier-29000029-4fcjn",
        "team-f/notifier-29000029-flm8z",
        "team-f/notifier-29000029-sm7tj",
    ),
    "NotScheduled": ("team-c/redis-3", "team-d/orders-worker-lx87j7nc-7fnlw"),
    "NotStarted": (
        "default/geo-lookup-hpzsndctdm-9m9sh",
        "team-b/geo-lookup-kfv4n8hx47-hvsr9",
    ),
    "NodeSilent": ("kube-system/kube-proxy-d875m", "monitoring/node-exporter-m6xsn"),
    "ContainerNotRunning": (
        "team-b/debug-tzpns",
        "team-d/frontend-web-486wnf72mv-rkb7n",
    ),
    "Unreported": (
        "team-c/postgres-0",
        "team-e/checkout-api-9lttqlsq28-8s8pd",
        "team-e/kafka-3",
        "team-f/debug-pn8hw",
    ),
}


def _missing() -> dict[Key, str]:
    return {
        (namespace, name): reason
        for reason, pods in _REASONS.items()
        for namespace, _, name in (pod.partition("/") for pod in pods)
    }


def built_in_groups() -> list[dict[str, Any]]:
    """Return the aggregated discovery of all groups but metrics.k8s.io."""
    groups: list[dict[str, Any]] = exchange("apis-aggregated").json()["items"]
    return [g for g in groups if g["metadata"]["name"] != "metrics.k8s.io"]


def apiservice_bodies() -> dict[str, dict[str, Any]]:
    return {
        "available": exchange("apiservice-available").json(),
        "down": exchange("down-apiservice").json(),
    }


def moved(contents: Contents, now: datetime) -> Contents:
    """Return the cluster with every time moved as if *now* were the recording's."""
    delta = now.replace(microsecond=0) - contents.now

    def move(found: re.Match[bytes]) -> bytes:
        moment = parse_rfc3339(found[1].decode()) + delta
        return f'"{rfc3339(moment)}"'.encode()

    def entry(old: Entry) -> Entry:
        return replace(old, raw=_TIME.sub(move, old.raw))

    def sample(old: Sample) -> Sample:
        moved_raw = _TIME.sub(move, encode(old.to_json()))
        return sample_from_json(json.loads(moved_raw))

    return replace(
        contents,
        pods=tuple(map(entry, contents.pods)),
        nodes=tuple(map(entry, contents.nodes)),
        namespaces=tuple(map(entry, contents.namespaces)),
        pod_samples=tuple(map(sample, contents.pod_samples)),
        node_samples=tuple(map(sample, contents.node_samples)),
        now=now,
    )


@cache
def recorded_contents() -> Contents:
    """Return the recorded cluster as it was, with its own times."""
    return Contents(
        pods=_entries("pods-all"),
        nodes=_entries("nodes"),
        namespaces=_entries("namespaces"),
        pod_samples=_samples("podmetrics-all"),
        node_samples=_samples("nodemetrics"),
        revision=_REVISION,
        oldest_revision=_OLDEST,
        now=RECORDED_AT,
        missing=_missing(),
        partial=frozenset({("monitoring", "debug-lhhjd")}),
    )
