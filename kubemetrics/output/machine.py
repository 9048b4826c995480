"""Rows as typed values: what ``-o json``, ``yaml``, ``ndjson`` and ``csv`` are made of.

CPU is in nanocores and memory in bytes, both integers; percentages have two decimals,
cut off; ages are in seconds. ``null`` is what is not known, or not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final, TypeAlias, TypeVar

from ..frozen import dataclass
from ..quantity import Quantity
from ..snapshot import Coverage, Snapshot
from .columns import Column, Table
from .samples import rfc3339
from .values import Value

R = TypeVar("R")
Json: TypeAlias = Any
"""What `json` reads and writes."""
Scalar: TypeAlias = int | float | str | None

API_VERSION: Final = "kubemetrics/v1"
UNITS: Final = {
    "cpu": "nanocores", "memory": "bytes", "percent": "percent", "age": "seconds",
}  # fmt: skip
_HUNDRED: Final = 100
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where rows came from: the *context*, and what was read there.

    *error* is why nothing was, in one line.
    """

    context: str = ""
    coverage: Coverage | None = None
    snapshot: Snapshot | None = None
    error: str = ""


def plain(value: Value) -> Scalar:
    """Return a cell as a JSON value, a quantity in whole units."""
    if value is None:
        return None
    if isinstance(value, Quantity):
        return value.value()
    if isinstance(value, Fraction):
        return value.numerator * _HUNDRED**2 // value.denominator / _HUNDRED
    if isinstance(value, timedelta):
        return value // _SECOND if not value % _SECOND else value.total_seconds()
    return value


def document(
    table: Table[R],
    columns: Sequence[Column[R]],
    rows: Sequence[R],
    sources: Sequence[Source],
) -> dict[str, Json]:
    """Return everything as one object."""
    return {**head(table, sources), "items": list(objects(columns, rows))}


def head(table: Table[R], sources: Sequence[Source]) -> dict[str, Json]:
    """Return what goes before the items."""
    return {
        "apiVersion": API_VERSION,
        "kind": f"{table.kind}List",
        "metadata": {
            "units": UNITS,
            "sources": [_source(source) for source in sources],
        },
    }


def objects(
    columns: Sequence[Column[R]], rows: Sequence[R]
) -> Iterator[dict[str, Json]]:
    """Return each row as an object, nested where the columns' keys have dots."""
    readers = [_reader(column) for column in columns]
    for row in rows:
        item: dict[str, Json] = {}
        for parents, last, read in readers:
            place = item
            for name in parents:
                place = place.setdefault(name, {})
            place[last] = read(row)
        yield item


def reader(column: Column[R]) -> Callable[[R], Scalar]:
    """Return what reads a column's cells as JSON values."""
    get = column.get
    if column.kind == "text":
        # An empty label is a label; any other empty text is something not there.
        return _label_reader(get) if ":" in column.key else _text_reader(get)
    if column.kind == "cpu":
        return _nanos_reader(get)
    return lambda row: plain(get(row))


def _text_reader(get: Callable[[R], Value]) -> Callable[[R], Scalar]:
    def read(row: R) -> str | None:
        value = get(row)
        return str(value) if value else None

    return read


def _label_reader(get: Callable[[R], Value]) -> Callable[[R], Scalar]:
    def read(row: R) -> str | None:
        value = get(row)
        return None if value is None else str(value)

    return read


def _nanos_reader(get: Callable[[R], Value]) -> Callable[[R], Scalar]:
    def read(row: R) -> int | None:
        value = get(row)
        return value.nanos if isinstance(value, Quantity) else None

    return read


def _reader(
    column: Column[R],
) -> tuple[tuple[str, ...], str, Callable[[R], Scalar]]:
    return column.path[:-1], column.path[-1], reader(column)


def _source(source: Source) -> dict[str, Json]:
    found = source.snapshot
    return {
        "context": source.context or None,
        "date": rfc3339(found.date) if found else None,
        "cadence": plain(found.cadence) if found else None,
        "coverage": _coverage(source.coverage) if source.coverage else None,
        "failures": [
            {"part": f.part, "namespace": f.namespace or None, "message": str(f.error)}
            for f in (found.failures if found else ())
        ],
        "unreadable": [
            {
                "part": lost.part,
                "namespace": lost.item.namespace or None,
                "name": lost.item.name or None,
                "message": str(lost.item.error),
            }
            for lost in (found.unreadable if found else ())
        ],
        "error": source.error or None,
    }


def _coverage(coverage: Coverage) -> dict[str, Json]:
    return {
        "expected": coverage.expected,
        "measured": coverage.measured,
        "missing": dict(coverage.missing),
        "finished": coverage.finished,
        "waiting": coverage.waiting,
        "terminating": coverage.terminating,
        "orphans": coverage.orphans,
        "partial": coverage.partial,
        "stale": coverage.stale,
    }
