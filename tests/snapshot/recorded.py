"""The recorded cluster, as parts of a snapshot."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from kubemetrics.models import Pool
from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from kubemetrics.models.node import Node
from kubemetrics.models.pod import Pod
from kubemetrics.snapshot import Part, Parts

T = TypeVar("T")
FOLDER = Path(__file__).parents[1] / "data" / "recorded"


def body(name: str) -> bytes:
    """Return a recorded body, as it was before any compression."""
    raw = (FOLDER / exchange(name)["body"]).read_bytes()
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


@cache
def _index() -> dict[str, Any]:
    listed = json.loads((FOLDER / "index.json").read_text())
    return {entry["name"]: entry for entry in listed}


def exchange(name: str) -> dict[str, Any]:
    """Return what the index says of a recording."""
    found: dict[str, Any] = _index()[name]
    return found


def part(name: str, build: Callable[[Any, Pool], T]) -> Part[T]:
    """Return a recorded list as a part."""
    pool = Pool()
    items = json.loads(body(name))["items"]
    return Part(
        items=tuple(build(item, pool) for item in items),
        date=parsedate_to_datetime(exchange(name)["headers"]["date"]),
    )


@cache
def parts() -> Parts:
    """Return everything that a viewer reads, all pods for the nodes included."""
    pods = part("pods-all", Pod.from_json)
    samples = part("podmetrics-all", PodMetrics.from_json)
    return Parts(
        pods=pods,
        pod_metrics=samples,
        nodes=part("nodes", Node.from_json),
        node_metrics=part("nodemetrics", NodeMetrics.from_json),
        all_pods=pods,
        all_pod_metrics=samples,
    )
