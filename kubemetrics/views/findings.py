"""What the doctor found, for people and for programs.

What rows were before: change since the last distinct sample, and the trend.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from textwrap import wrap
from typing import Final, Generic, TypeAlias, TypeVar

from ..doctor import Diagnosis, Finding, Severity
from ..quantity import Quantity
from ..table.columns import Column, Table, Value
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
    """Write each finding: what, then what shows it, then what to do."""
    room = max((width or _PAGE) - len(_INDENT), _NARROWEST)
    for finding in diagnosis.findings:
        yield from _finding(finding, room, colour=colour)
    if diagnosis.manifest:
        yield ""
        yield "# What grants the rest; 'kubemetrics doctor -o manifest' is this alone."
        yield from printable(diagnosis.manifest, keep="\n").rstrip().split("\n")
    yield ""
    yield _verdict(diagnosis)


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
    said = [
        f"{count} {noun if count == 1 else noun + 's'}"
        for noun, count in counts.items()
        if count
    ]
    return f"{' and '.join(said) or 'no problems'} found"


def json_text(diagnosis: Diagnosis) -> str:
    """Write the findings as one JSON object."""
    document = {
        "apiVersion": API_VERSION,
        "kind": "Diagnosis",
        "healthy": diagnosis.healthy,
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "manifest": diagnosis.manifest or None,
    }
    return json.dumps(document, indent=2)


R = TypeVar("R")
_Key: TypeAlias = tuple[Value, ...]
_Sample: TypeAlias = tuple[Value, tuple[Quantity | None, ...]]

_LAST: Final = 12
_BARS: Final = "▁▂▃▄▅▆▇█"
_WATCHED: Final = ("cpu.usage", "mem.usage")
_CHANGE_KEEP: Final = (72, 71)
_TREND_KEEP: Final = (69, 56)
"""The `keep` of change and trend, by what is watched."""


class History(Generic[R]):
    """Remembers the last distinct samples of each row, told apart by their time.

    Rows without a time of their own, such as roll-ups, have that of the round.
    """

    def __init__(self, table: Table[R]) -> None:
        self._identity = [table.need(key).get for key in table.identity]
        self._usage = [table.need(key) for key in _WATCHED]
        time = table.get("sample.timestamp")
        self._time = time.get if time else None
        self._samples: dict[_Key, deque[_Sample]] = {}

    def add(self, rows: Sequence[R], at: datetime | None) -> list[R]:
        """Take in a round of *rows*; return those whose sample is new.

        *at* is the time of the latest sample of all. What is not in the round, having
        gone, is forgotten.
        """
        before, self._samples = self._samples, {}
        fresh: list[R] = []
        for row in rows:
            key = self._key(row)
            samples = before.get(key) or deque(maxlen=_LAST)
            self._samples[key] = samples
            taken = self._sample(row, at)
            if not samples or samples[-1][0] != taken[0]:
                samples.append(taken)
                fresh.append(row)
        return fresh

    def columns(self, columns: Sequence[Column[R]]) -> Iterator[Column[R]]:
        """Put change and trend behind the usage columns among *columns*."""
        for column in columns:
            yield column
            if column.key in _WATCHED:
                index = _WATCHED.index(column.key)
                yield _change(column, self._changes(index), _CHANGE_KEEP[index])
                yield _trend(column, self._trends(index), _TREND_KEEP[index])

    def _changes(self, index: int) -> Callable[[R], Quantity | None]:
        def change(row: R) -> Quantity | None:
            samples = self._samples.get(self._key(row), ())
            values = [amounts[index] for _, amounts in samples][-2:]
            before, now = values if len(values) > 1 else (None, None)
            return None if before is None or now is None else now - before

        return change

    def _trends(self, index: int) -> Callable[[R], str | None]:
        def trend(row: R) -> str | None:
            samples = self._samples.get(self._key(row), ())
            return sparkline([amounts[index] for _, amounts in samples]) or None

        return trend

    def _key(self, row: R) -> _Key:
        return tuple([get(row) for get in self._identity])

    def _sample(self, row: R, at: datetime | None) -> _Sample:
        time = self._time(row) if self._time else str(at)
        amounts = [column.get(row) for column in self._usage]
        return time, tuple(a if isinstance(a, Quantity) else None for a in amounts)


def sparkline(values: Sequence[Quantity | None]) -> str:
    """Draw *values* as bars from zero to the largest; a gap is what was not known."""
    if len(values) < 2:  # noqa: PLR2004 - one value has no trend
        return ""
    top = max((value.nanos for value in values if value), default=0)
    return "".join(_bar(value, top) for value in values)


def _bar(value: Quantity | None, top: int) -> str:
    if value is None:
        return "·"
    return _BARS[value.nanos * (len(_BARS) - 1) // top if top else 0]


def _change(of: Column[R], get: Callable[[R], Quantity | None], keep: int) -> Column[R]:
    def sign(row: R) -> str:
        change = get(row)
        return "+" if change and change.nanos > 0 else ""

    return Column(
        key=f"{of.key}.change", header=f"{of.header}-Δ", short="Δ", group=of.group,
        kind=of.kind, get=get, mark=sign, keep=keep,
        about="change since the sample before",
    )  # fmt: skip


def _trend(of: Column[R], get: Callable[[R], str | None], keep: int) -> Column[R]:
    return Column(
        key=f"{of.key}.trend", header=f"{of.header}-TREND", short="TREND",
        group=of.group, kind="text", get=get, keep=keep,
        about="the last samples, from zero to the largest",
    )  # fmt: skip
