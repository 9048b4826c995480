"""The figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from .results import Result, Verdict


def tables(results: Sequence[Result]) -> str:
    """Return one table a section, the ratios against its first line."""
    parts: list[str] = []
    for (section, pods, distance), group in groupby(
        results, key=lambda r: (r.section, r.pods, r.distance)
    ):
        title = section + _size(pods) + _distance(distance)
        parts.append(f"### {title}\n\n{_table(list(group))}")
    return "\n\n".join(parts)


def _size(pods: int | None) -> str:
    if pods is None:
        return ", of the cluster that KUBECONFIG leads to"
    return f", {pods:,} pods" if pods else ""


def _distance(milliseconds: int) -> str:
    return f", {milliseconds} ms of round trip" if milliseconds else ""


def _table(results: Sequence[Result]) -> str:
    lines = [
        "| who | wall s | user s | peak MB | wall ratio | peak ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    base = results[0].median
    for result in results:
        row = result.median
        lines.append(
            f"| {result.name} | {row.wall:.3f} | {row.user:.3f} | {row.peak:.0f}"
            f" | {row.wall / base.wall:.2f} | {row.peak / base.peak:.2f} |"
        )
    return "\n".join(lines)


def verdicts(found: Iterable[Verdict]) -> str:
    """Return the table of targets: ratios."""
    lines = [
        "| what | against | at | wall | at most | CPU | peak | at most | |",
        "|---|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for verdict in found:
        target = verdict.target
        lines.append(
            f"| {target.ours} | {target.theirs} | {target.place}"
            f" | {verdict.wall:.2f} | {_limit(target.wall)} | {verdict.cpu:.2f}"
            f" | {verdict.peak:.3f} | {_limit(target.peak)}"
            f" | {'met' if verdict.met else 'NOT MET'} |"
        )
    return "\n".join(lines)


def _limit(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
