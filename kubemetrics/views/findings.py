"""The doctor's findings as text for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from textwrap import wrap
from typing import Final

from ..doctor import Check, Diagnosis, Finding, Severity
from ..table.columns import Severity as Colour
from ..table.machine import API_VERSION
from ..table.render import bold, painted
from ..text import printable

_MARKS: Final[dict[Severity, str]] = {
    "ok": "ok", "info": "info", "warning": "WARNING", "problem": "PROBLEM",
}  # fmt: skip
_COLOURS: Final[dict[Severity, Colour | None]] = {
    "ok": None, "info": "quiet", "warning": "warning", "problem": "critical",
}  # fmt: skip
_INDENT: Final = " " * 9
_NARROWEST: Final = 40
_PAGE: Final = 100


def text_lines(
    diagnosis: Diagnosis, *, width: int | None = None, colour: bool = False
) -> Iterator[str]:
    """Write the lines of each finding: what, then the evidence, then the advice."""
    room = max((width or _PAGE) - len(_INDENT), _NARROWEST)
    for finding in sorted(diagnosis.findings, key=_urgency):
        yield from _finding(finding, room, colour=colour)
    if diagnosis.manifest:
        yield ""
        yield "# What grants the rest; 'kubemetrics doctor -o manifest' is this alone."
        yield from printable(diagnosis.manifest, keep="\n").rstrip().split("\n")
    yield ""
    done = {finding.check for finding in diagnosis.findings}
    left = [check for check in _ALWAYS if check not in done]
    if left:
        yield f"not checked: {', '.join(left)}"
    yield _verdict(diagnosis)


_ALWAYS: Final[tuple[Check, ...]] = (
    "server", "identity", "permissions", "metrics API", "samples", "pods", "nodes",
)  # fmt: skip
"""The checks that say something wherever they are made."""
_URGENT: Final[tuple[Severity, ...]] = ("problem", "warning")


def _urgency(finding: Finding) -> int:
    """What is wrong comes first: a screen may end before the list does."""
    urgent = finding.severity in _URGENT
    return _URGENT.index(finding.severity) if urgent else len(_URGENT)


def _finding(finding: Finding, room: int, *, colour: bool) -> Iterator[str]:
    mark = f"{_MARKS[finding.severity]:{len(_INDENT)}}"
    first, *others = wrap(f"{finding.check}: {printable(finding.what)}", room)
    severity = _COLOURS[finding.severity] if colour else None
    stands_out = colour and finding.severity in {"warning", "problem"}
    yield painted(mark, severity) + (bold(first) if stands_out else first)
    yield from (f"{_INDENT}{line}" for line in others)
    quiet: Colour | None = "quiet" if colour else None
    for line in _wrapped(finding.evidence, room):
        yield f"{_INDENT}{painted(line, quiet)}"
    for line in _wrapped(finding.advice and f"→ {finding.advice}", room):
        yield f"{_INDENT}{line}"


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Wrap each line of *text*; words, such as addresses, stay whole."""
    for line in text.splitlines():
        yield from wrap(
            printable(line), room, break_long_words=False, break_on_hyphens=False
        )


def _verdict(diagnosis: Diagnosis) -> str:
    counts = {
        severity: sum(f.severity == severity for f in diagnosis.findings)
        for severity in ("problem", "warning")
    }
    counted = [
        f"{count} {noun if count == 1 else noun + 's'}"
        for noun, count in counts.items()
        if count
    ]
    return f"{' and '.join(counted) or 'no problems'} found"


def json_text(diagnosis: Diagnosis) -> str:
    """Return the findings as the text of one JSON object."""
    document = {
        "apiVersion": API_VERSION,
        "kind": "Diagnosis",
        "healthy": diagnosis.healthy,
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "manifest": diagnosis.manifest or None,
    }
    return json.dumps(document, indent=2)
