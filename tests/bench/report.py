"""The figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from .measure import Run
from .results import Place, Result, Verdict


def tables(results: Sequence[Result], before: Mapping[tuple[str, Place], Run]) -> str:
    """Return one table a section, the ratios against its first line, and *before*."""
    parts: list[str] = []
    for (section, place), group in groupby(results, lambda r: (r.section, r.place)):
        parts.append(f"### {section}: {place}\n\n{_table(list(group), before)}")
    return "\n\n".join(parts)


def _table(results: Sequence[Result], before: Mapping[tuple[str, Place], Run]) -> str:
    lines = [
        "| who | wall s | user s | CPU s | peak MB | ratio | peak ratio | of before |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    base = results[0].median
    for result in results:
        row, former = result.median, before.get((result.name, result.place))
        lines.append(
            f"| {result.name} | {row.wall:.3f} | {row.user:.3f} | {row.cpu:.3f}"
            f" | {row.peak:.0f} | {row.wall / base.wall:.2f}"
            f" | {row.peak / base.peak:.2f}"
            f" | {_limit(row.wall / former.wall if former else None)} |"
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
