"""Tables: what the server makes of objects for `kubectl get` to print."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from kubemetrics.testing.apiserver import encode
from kubemetrics.testing.etcd import Entry, Key

from .clock import Clock
from .encoding import ListJson

_KEPT = 20_000
_PARTIAL = b'"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1"'


@dataclass(frozen=True, slots=True)
class Ago:
    """A cell that grows older: the time since *moment*, in a sentence."""

    moment: datetime
    before: str = ""
    after: str = ""

    def text(self, now: datetime) -> str:
        return f"{self.before}{duration(now - self.moment)}{self.after}"


Cell: TypeAlias = str | Ago


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one object, and the conditions of one that has run its course."""

    cells: tuple[Cell, ...]
    conditions: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """The columns of a resource, as (name, type, format, priority), and its rows.

    *after_metadata* is the key that follows the metadata in an encoded object.
    """

    columns: tuple[tuple[str, str, str, int], ...]
    row: Callable[[Mapping[str, Any]], Row]
    after_metadata: bytes = b',"spec":'


class Table:
    """Encodes tables; rows are remembered by key and revision, ages are not."""

    def __init__(self, printer: Printer, clock: Clock) -> None:
        self._printer = printer
        self._clock = clock
        self._rows: dict[tuple[Key, int], Row] = {}

    def json(
        self, entries: Sequence[Entry], metadata: Mapping[str, object]
    ) -> ListJson:
        now = self._clock.now()
        head = encode(
            {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "columnDefinitions": [_column(*c) for c in self._printer.columns],
            }
        )
        rows = b",".join([self._encoded(entry, now) for entry in entries])
        return ListJson(b'%b,"rows":[' % head[:-1], b"%b]}\n" % rows)

    def moment(self) -> datetime:
        """Return the half minute for which an encoded table is good enough."""
        now = self._clock.now().replace(microsecond=0)
        return now.replace(second=now.second // 30 * 30)

    def _encoded(self, entry: Entry, now: datetime) -> bytes:
        row = self._row(entry)
        cells = [
            cell if isinstance(cell, str) else cell.text(now) for cell in row.cells
        ]
        parts: dict[str, Any] = {"cells": cells}
        if row.conditions:
            parts["conditions"] = row.conditions
        metadata = entry.raw[1 : entry.raw.index(self._printer.after_metadata)]
        return b'%b,"object":{%b,%b}}' % (encode(parts)[:-1], _PARTIAL, metadata)

    def _row(self, entry: Entry) -> Row:
        if not entry.revision:
            return self._printer.row(entry.load())
        key = (entry.key, entry.revision)
        if key not in self._rows:
            if len(self._rows) >= _KEPT:
                self._rows.clear()
            self._rows[key] = self._printer.row(entry.load())
        return self._rows[key]


def _column(name: str, kind: str, form: str, priority: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "format": form,
        "description": "",
        "priority": priority,
    }


def duration(span: timedelta) -> str:
    """Shorten as apimachinery's `duration.HumanDuration` does, to two units."""
    seconds = max(0, int(span.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    steps = (
        (seconds < 120, f"{seconds}s"),
        (minutes < 10, _two(minutes, "m", seconds % 60, "s")),
        (minutes < 180, f"{minutes}m"),
        (hours < 8, _two(hours, "h", minutes % 60, "m")),
        (hours < 48, f"{hours}h"),
        (days < 8, _two(days, "d", hours % 24, "h")),
        (days < 730, f"{days}d"),
        (True, _two(days // 365, "y", days % 365, "d")),
    )
    return next(text for fits, text in steps if fits)


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"
