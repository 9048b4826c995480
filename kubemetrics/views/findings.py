"""The doctor's findings as text for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from textwrap import wrap
from typing import Final

from ..doctor import Check, Diagnosis, Finding, Severity
from ..table.columns import Severity as Colour
from ..table.machine import API_VERSION
from ..table.render import bold, painted
from ..text import counted, printable

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
    diagnosis: Diagnosis,
    *,
    width: int | None = None,
    colour: bool = False,
    verbose: bool = False,
) -> Iterator[str]:
    """Write the verdict, then what is wrong: what, the evidence, and what to do.

    *verbose*: what is right as well, and the roles that are missing.
    """
    room = max((width or _PAGE) - len(_INDENT), _NARROWEST)
    verdict = wrap(_verdict(diagnosis, verbose=verbose), width or _PAGE)
    yield from map(bold, verdict) if colour else verdict
    for finding in sorted(diagnosis.findings, key=_urgency):
        if verbose or finding.severity != "ok":
            yield from _finding(finding, room, colour=colour)
    if verbose and diagnosis.manifest:
        yield ""
        yield "# What grants the rest; 'kubemetrics doctor -o manifest' is this alone."
        yield from printable(diagnosis.manifest, keep="\n").rstrip().split("\n")


_PARTS: Final[Mapping[str, tuple[Check, ...]]] = {
    "the connection": ("configuration", "server", "server certificate"),
    "credentials": ("credential", "identity"),
    "clocks": ("clock", "node clock"),
    "rights": ("permissions",),
    "the metrics API": ("metrics API", "answers", "samples"),
    "pods": ("pods",),
    "nodes": ("nodes",),
}
"""What the checks are of, in the words of the verdict."""
_ALWAYS: Final[tuple[Check, ...]] = (
    "server", "identity", "permissions", "metrics API", "samples", "pods", "nodes",
)  # fmt: skip
"""The checks that say something wherever they are made."""
_URGENCY: Final[tuple[Severity, ...]] = ("problem", "warning", "info", "ok")


def _urgency(finding: Finding) -> int:
    """What is wrong comes first: a screen may end before the list does."""
    return _URGENCY.index(finding.severity)


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
    for index, command in enumerate(finding.commands):  # whole, to be copied
        arrow = "  " if finding.advice or index else "→ "
        yield f"{_INDENT}{arrow}{printable(command)}"


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Wrap each line of *text*; words, such as addresses, stay whole."""
    for line in text.splitlines():
        yield from wrap(
            printable(line), room, break_long_words=False, break_on_hyphens=False
        )


def _verdict(diagnosis: Diagnosis, *, verbose: bool) -> str:
    """Count what is wrong; name what is right, and what was not looked at."""
    counts = {word: diagnosis.count(word) for word in _URGENCY[:2]}
    found = [counted(n, word) for word, n in counts.items() if n]
    parts = [" and ".join(found) or "No problem"]
    right = list(_right(diagnosis))
    if right:
        hint = "" if verbose else " (-v shows the checks)"
        one = "are" if right[0].endswith("s") else "is"
        are = "are all" if right[2:] else "are both" if right[1:] else one
        parts.append(f"{_and(right)} {are} right{hint}")
    done = {finding.check for finding in diagnosis.findings}
    left = [check for check in _ALWAYS if check not in done]
    if left:
        parts.append(f"not checked: {', '.join(left)}")
    return f"{'; '.join(parts)}."


def _right(diagnosis: Diagnosis) -> Iterator[str]:
    """Name what was checked and has nothing to be said about."""
    for part, checks in _PARTS.items():
        found = [f for f in diagnosis.findings if f.check in checks]
        if found and all(f.severity == "ok" for f in found):
            yield part


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def json_text(diagnosis: Diagnosis) -> str:
    """Return the findings as the text of one JSON object."""
    document = {
        "apiVersion": API_VERSION,
        "kind": "Diagnosis",
        "healthy": diagnosis.healthy,
        "problems": diagnosis.count("problem"),
        "warnings": diagnosis.count("warning"),
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "manifest": diagnosis.manifest or None,
    }
    return json.dumps(document, indent=2)
