"""Rounds of a small cluster, and what is served of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as strictly,
)

from kubemetrics.models.metrics import PodMetrics
from kubemetrics.models.node import Node
from kubemetrics.models.pod import Pod
from kubemetrics.serve.counters import Counters, Level, Shape
from kubemetrics.serve.exposition import Family, rendered
from kubemetrics.serve.families import Choice, Health, of_exporter, of_round
from kubemetrics.snapshot import Parts, Snapshot, join
from tests.snapshot.make import node, node_sample, parts, running, sample
from tests.snapshot.make import pod as made

CADENCE = 15.0
HEALTH = Health(
    up=True,
    began=1_777_636_800,
    rounds={"fresh": 3, "repeated": 0, "failed": 1},
    missed=2,
    latest=1_777_636_790,
    durations={"pods": 0.25, "pod_metrics": 0.5},
)


def pod(name: str = "p", **more: Any) -> Pod:  # noqa: ANN401 - of a pod as JSON
    """Return a pod with a uid."""
    meta = {"uid": f"uid-{name}", **more.pop("meta", {})}
    return made(name, meta=meta, **more)


def of_node(name: str = "n1") -> Node:
    return replace(node(name), uid=f"uid-{name}")


def moved(found: Parts, seconds: float) -> Parts:
    """Return the same cluster so much later, samples and clock alike."""
    later = timedelta(seconds=seconds)

    def all_moved(part: Any) -> Any:  # noqa: ANN401 - a part of either samples
        items = [replace(s, timestamp=s.timestamp + later) for s in part.items]
        return replace(part, items=tuple(items), date=part.date + later)

    return replace(
        found,
        pods=replace(found.pods, date=_later(found.pods.date, later)),
        pod_metrics=all_moved(found.pod_metrics),
        node_metrics=all_moved(found.node_metrics),
        nodes=replace(found.nodes, date=_later(found.nodes.date, later)),
        all_pods=None,
        all_pod_metrics=None,
    )


def _later(date: Any, later: timedelta) -> Any:  # noqa: ANN401 - a date or none
    return date + later


class Serving:
    """Takes rounds one after the other and shows what is served."""

    def __init__(self, level: Level = "container", *labels: str) -> None:
        self.counters = Counters(Shape(level=level, labels=labels))
        self.snapshot = Snapshot()
        self.now = 0.0

    def take(self, found: Parts, after: float = CADENCE) -> Serving:
        self.now += after
        self.snapshot = join(found)
        self.counters.take(self.snapshot, self.now, CADENCE)
        return self

    def families(self, choice: Choice | None = None) -> list[Family]:
        of = of_round(self.snapshot, self.counters, choice or Choice())
        return [*of, *of_exporter(HEALTH)]

    def values(
        self, name: str, choice: Choice | None = None
    ) -> dict[tuple[str, ...], float]:
        """Return the values of the series of this name, by their labels' values."""
        return {
            tuple(labels.values()): value
            for found, labels, value in series(self.families(choice))
            if found == name
        }


def series(
    families: Iterable[Family],
) -> list[tuple[str, Mapping[str, str], float]]:
    """Return every series, as prometheus_client's strict parser reads OpenMetrics."""
    text = rendered(families, "openmetrics").decode()
    return [
        (s.name, s.labels, float(s.value))
        for family in strictly(text)  # type: ignore[no-untyped-call]
        for s in family.samples
    ]


def round_of(*pods: Pod, samples: tuple[PodMetrics, ...]) -> Parts:
    return parts(pods, samples, (of_node(),), (node_sample(),))


__all__ = [
    "CADENCE",
    "HEALTH",
    "Serving",
    "moved",
    "of_node",
    "pod",
    "round_of",
    "running",
    "sample",
    "series",
]
