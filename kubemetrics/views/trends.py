"""The columns of a watch: change since the last distinct sample, and the trend."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Generic, TypeAlias, TypeVar

from ..quantity import Quantity
from ..table.columns import Column, Severity, Table, Value

R = TypeVar("R")
_Key: TypeAlias = tuple[Value, ...]
_Sample: TypeAlias = tuple[Value, tuple[Quantity | None, ...]]

_MOST: Final = 9
"""Samples that a trend is made of."""
_BARS: Final = "▁▂▃▄▅▆▇█"
_FLAT: Final = 8
"""A trend whose ends are less than this part of the largest apart says nothing."""
_WATCHED: Final = ("cpu.usage", "mem.usage")
_CHANGE_KEEP: Final = (63, 57)
_LEAST: Final[Mapping[str, int]] = {"cpu.usage": 6, "mem.usage": 7}
"""The cells of amounts, ``12345m`` and ``12345Mi``, so that columns stay in place."""
_TREND_KEEP: Final = (62, 56)
"""The `keep` of change and trend, by what is watched."""
_KEEP: Final = {"mem.pct_limit": 64, "reason": 55}
"""The `keep` of others beside them: reasons are counted below the table as well."""


class TrendColumns(Generic[R]):
    """The columns of change and trend from the last distinct samples of each row.

    Samples are told apart by their time. Rows without a time of their own, such as
    roll-ups, have that of the round.
    """

    def __init__(self, table: Table[R]) -> None:
        self._identity = [table.need(key).get for key in table.identity]
        self._usage = [table.need(key) for key in _WATCHED]
        time = table.get("sample.timestamp")
        self._time = time.get if time else None
        self._samples: dict[_Key, deque[_Sample]] = {}

    def add(self, rows: Sequence[R], at: datetime | None) -> list[R]:
        """Add the samples of a round of *rows*; return the rows whose sample is new.

        *at* is the time of the latest sample of all. What is not in the round, having
        gone, is forgotten.
        """
        before, self._samples = self._samples, {}
        fresh: list[R] = []
        for row in rows:
            key = self._key(row)
            samples = before.get(key) or deque(maxlen=_MOST)
            self._samples[key] = samples
            taken = self._sample(row, at)
            if not samples or samples[-1][0] != taken[0]:
                samples.append(taken)
                fresh.append(row)
        return fresh

    def columns(self, columns: Sequence[Column[R]]) -> Iterator[Column[R]]:
        """Return *columns* with change and trend behind those of usage."""
        for column in columns:
            keep = _KEEP.get(column.key, column.keep)
            yield replace(column, keep=keep, least=_LEAST.get(column.key, 0))
            if column.key in _WATCHED:
                index = _WATCHED.index(column.key)
                yield _change(column, self._changes(index), index)
                yield _trend(column, self._trends(index), index)

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
    """Draw *values* as bars from zero to the largest; a gap is what was not known.

    Those that hardly differ are a low line: only what changes is to catch the eye.
    """
    if len(values) < 2:  # noqa: PLR2004 - one value has no trend
        return ""
    known = [value.nanos for value in values if value is not None]
    top = max(known, default=0)
    flat = not known or (top - min(known)) * _FLAT < top
    return "".join(_bar(value, 0 if flat else top) for value in values)


def _bar(value: Quantity | None, top: int) -> str:
    if value is None:
        return "·"
    return _BARS[value.nanos * (len(_BARS) - 1) // top if top else 0]


def _change(
    of: Column[R], get: Callable[[R], Quantity | None], index: int
) -> Column[R]:
    def sign(row: R) -> str:
        change = get(row)
        return "+" if change and change.nanos > 0 else ""

    def severity(row: R) -> Severity | None:
        return None if get(row) else "quiet"

    return Column(
        key=f"{of.key}.change", header=f"{of.header}-Δ", group=of.group,
        kind=of.kind, get=get, mark=sign, severity=severity, keep=_CHANGE_KEEP[index],
        least=_LEAST[of.key], about="change since the sample before",
    )  # fmt: skip


def _trend(of: Column[R], get: Callable[[R], str | None], index: int) -> Column[R]:
    def severity(row: R) -> Severity | None:
        return None if set(get(row) or "") & _HIGHER else "quiet"

    return Column(
        key=f"{of.key}.trend", header=f"{of.header}-TREND",
        group=of.group, kind="text", get=get,
        severity=severity, keep=_TREND_KEEP[index], least=_MOST,
        about="the last samples, from zero to the largest; low where they are alike",
    )  # fmt: skip


_HIGHER: Final = frozenset(_BARS[1:])
