"""``-o json`` and ``-o ndjson``: one item a line, all of it ASCII."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TypeVar

from .columns import Column, Table
from .machine import API_VERSION, Source, head, objects

R = TypeVar("R")


def json_lines(
    table: Table[R],
    columns: Sequence[Column[R]],
    rows: Sequence[R],
    sources: Sequence[Source],
) -> Iterator[str]:
    """Write one document, an item a line: it can be read whole, or with ``grep``."""
    encode = json.JSONEncoder().encode
    opening = json.dumps(head(table, sources), indent=2)
    yield opening.removesuffix("\n}") + ',\n  "items": ['
    last = len(rows) - 1
    for index, item in enumerate(objects(columns, rows)):
        yield f"    {encode(item)}{',' if index < last else ''}"
    yield "  ]\n}"


def ndjson_lines(
    table: Table[R], columns: Sequence[Column[R]], rows: Sequence[R]
) -> Iterator[str]:
    """Write a document for each row."""
    encode = json.JSONEncoder().encode
    what = {"apiVersion": API_VERSION, "kind": table.kind}
    for item in objects(columns, rows):
        yield encode({**what, **item})
