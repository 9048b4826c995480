"""Checks of the samples: their age, which are missing, and which clocks are wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from ..models.resources import CPU, MEMORY
from ..snapshot import NodeUsage, PodUsage, Snapshot, above_full
from ..snapshot.reasons import TOLERANCE, median
from ..times import two_units
from .finding import Finding

_NAMED: Final = 3
"""Rows named for each reason; the others are counted."""


def samples(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge the samples of a snapshot whose metrics could be read."""
    if snapshot.unreadable:
        yield _unreadable(snapshot)
    if snapshot.warming:
        return
    yield from _freshness(snapshot)
    if snapshot.error("pods") is None and snapshot.error("pod metrics") is None:
        yield _pods(snapshot)
    if snapshot.error("nodes") is None and snapshot.error("node metrics") is None:
        yield _nodes(snapshot)
    yield from (_clock(node, node.skew) for node in snapshot.nodes if node.skew)


def _unreadable(snapshot: Snapshot) -> Finding:
    found = snapshot.unreadable
    lines = [f"{lost.part}: {lost.item.error}" for lost in found[:_NAMED]]
    lines += [f"and {len(found) - _NAMED} more"] if found[_NAMED:] else []
    return Finding(
        check="answers",
        severity="warning",
        what=f"{len(found)} of the items answered cannot be read; all others count.",
        evidence="\n".join(lines),
        advice="What wrote them does not keep to the API: for samples it is the "
        "provider of metrics.k8s.io.",
    )


def _freshness(snapshot: Snapshot) -> Iterator[Finding]:
    rows: list[PodUsage | NodeUsage] = [*snapshot.pods, *snapshot.nodes]
    ages = sorted(row.age for row in rows if row.age is not None)
    if not ages:
        return
    newest, middle = ages[0], median(ages)
    pace = f", one every {two_units(snapshot.cadence)}" if snapshot.cadence else ""
    evidence = f"{len(ages)} samples{pace}; the newest {two_units(newest)} old"
    stale = sum(row.stale for row in rows)
    if middle < -TOLERANCE:
        yield Finding(
            check="samples",
            severity="warning",
            what=f"Most samples are of the future: {two_units(-middle)} ahead of the "
            "server's clock.",
            evidence=evidence,
            advice="Set the clocks of the API server and of the nodes (NTP).",
        )
    elif stale:
        yield Finding(
            check="samples",
            severity="warning",
            what=f"{stale} of {len(ages)} samples are old: {two_units(ages[-1])}.",
            evidence=evidence,
            advice="Read the logs of the provider: its scrapes fail or take too long.",
        )
    else:
        yield Finding(
            check="samples",
            severity="ok",
            what=f"Samples are {two_units(middle)} old{pace}.",
            evidence=evidence,
        )


def _pods(snapshot: Snapshot) -> Finding:
    coverage = snapshot.coverage
    partial = [row for row in snapshot.pods if row.partial]
    lines = list(_by_reason(row for row in snapshot.pods if row.state == "running"))
    lines += [
        f"partial: {row.namespace}/{row.name} lacks {', '.join(row.missing)}"
        for row in partial
    ]
    return Finding(
        check="pods",
        severity="ok" if coverage.complete else "warning",
        what=f"{coverage.sentence}.",
        evidence="\n".join(lines),
        advice="" if coverage.complete else "kubemetrics pods says why, row by row.",
    )


def _nodes(snapshot: Snapshot) -> Finding:
    coverage = snapshot.node_coverage
    lines = [row.reason.explanation for row in snapshot.nodes if row.reason]
    lines += [
        f"{row.name}: {full}"
        for row in snapshot.nodes
        for full in (above_full(row, CPU), above_full(row, MEMORY))
        if full
    ]
    return Finding(
        check="nodes",
        severity="ok" if coverage.complete else "warning",
        what=f"{coverage.sentence}.",
        evidence="\n".join(lines),
        advice=""
        if coverage.complete
        else "Look at the kubelet of each silent node (kubectl describe node), and at "
        "what the provider's logs say of it.",
    )


def _by_reason(rows: Iterable[PodUsage]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row.reason is not None:
            groups.setdefault(row.reason.code, []).append(f"{row.namespace}/{row.name}")
    for code, names in groups.items():
        more = len(names) - _NAMED
        rest = f" and {more} more" if more > 0 else ""
        yield f"{code}: {', '.join(names[:_NAMED])}{rest}"


def _clock(node: NodeUsage, skew: timedelta) -> Finding:
    way = "ahead of" if skew > timedelta() else "behind"
    return Finding(
        check="node clock",
        severity="warning",
        what=f"Node {node.name}'s clock is {two_units(abs(skew))} {way} the others'.",
        evidence="only its samples are dated like that",
        advice="Set its clock (NTP).",
    )
