"""The recorded cluster, joined."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from kubemetrics.models.node import Node
from kubemetrics.models.pod import Pod
from kubemetrics.snapshot import Part, Parts, Snapshot, join

DATA = Path(__file__).parent.parent / "data" / "recorded"
T = TypeVar("T")


def items(name: str) -> list[Mapping[str, Any]]:
    body = gzip.decompress((DATA / f"{name}.body.gz").read_bytes())
    found: list[Mapping[str, Any]] = json.loads(body)["items"]
    return found


def part(name: str, read: Callable[..., T]) -> Part[T]:
    return Part(items=tuple(map(read, items(name))), date=sampled_at())


@cache
def sampled_at() -> datetime:
    """When the recorded answers were given: shortly after the latest sample."""
    stamps = [item["timestamp"] for item in items("podmetrics-all")]
    return max(map(datetime.fromisoformat, stamps)) + timedelta(seconds=7)


@cache
def recorded() -> Snapshot:
    pods = part("pods-all", Pod.from_json)
    samples = part("podmetrics-all", PodMetrics.from_json)
    return join(
        Parts(
            pods=pods,
            pod_metrics=samples,
            nodes=part("nodes", Node.from_json),
            node_metrics=part("nodemetrics", NodeMetrics.from_json),
            all_pods=pods,
            all_pod_metrics=samples,
        )
    )
