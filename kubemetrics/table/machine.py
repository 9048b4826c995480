"""Rows for programs: JSON, YAML, CSV, TSV, Prometheus, and kubectl's custom columns.

In all but Prometheus's text CPU is in nanocores and memory in bytes, both integers;
percentages have two decimals, cut off; ages are in seconds. ``null`` is what is not
known, or not there.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final, TypeAlias, TypeVar, cast

from ..quantity import Quantity
from ..text import pad, printable, quoted, width
from .columns import Column, Kind, Known, Table, TotalCell, Value
from .render import TableOptions, table_cells

R = TypeVar("R")
Json: TypeAlias = Any
"""What `json` reads and writes."""
Scalar: TypeAlias = int | float | str | None

API_VERSION: Final = "kubemetrics/v2"
UNITS: Final = {
    "cpu": "nanocores", "memory": "bytes", "percent": "percent", "age": "seconds",
}  # fmt: skip
_HUNDRED: Final = 100
_SECOND: Final = timedelta(seconds=1)


def plain(value: Value) -> Scalar:
    """Return a cell as a JSON value, a quantity in whole units."""
    if value is None:
        return None
    if isinstance(value, Quantity):
        return int(value.value)
    if isinstance(value, Fraction):
        return value.numerator * _HUNDRED**2 // value.denominator / _HUNDRED
    if isinstance(value, timedelta):
        return value // _SECOND if not value % _SECOND else value.total_seconds()
    return value


def document(
    table: Table[R],
    columns: Sequence[Column[R]],
    rows: Sequence[R],
    sources: Sequence[Json],
) -> dict[str, Json]:
    """Return *rows* as one object; *sources* say where they are from."""
    return {**head(table, sources), "items": list(objects(columns, rows))}


def head(table: Table[R], sources: Sequence[Json]) -> dict[str, Json]:
    """Return the members of a document that go before its items."""
    return {
        "apiVersion": API_VERSION,
        "kind": f"{table.kind}List",
        "metadata": {
            "units": {**UNITS, **_money(table)},
            "sources": list(sources),
        },
    }


def _money(table: Table[Any]) -> dict[str, Json]:
    """Return the unit of money, if there is any: a currency that was not named."""
    known = any(column.kind == "money" for column in table.columns)
    return {"money": table.currency or None} if known else {}


def objects(
    columns: Sequence[Column[R]], rows: Sequence[R]
) -> Iterator[dict[str, Json]]:
    """Return each row as an object, nested where the columns' keys have dots."""
    readers = [(c.path[:-1], c.path[-1], c.typed or reader(c)) for c in columns]
    for row in rows:
        item: dict[str, Json] = {}
        for parents, last, read in readers:
            place = item
            for name in parents:
                place = place.setdefault(name, {})
            place[last] = read(row)
        yield item


def reader(column: Column[R]) -> Callable[[R], Scalar]:
    """Return a function that reads a cell of *column* as a JSON value."""
    get = column.get
    if column.kind == "text":
        return _text_reader(get)
    if column.kind == "cpu":
        return _nanos_reader(get)
    if column.kind in {"money", "core_hours"}:
        return _decimal_reader(get)
    return lambda row: plain(get(row))


def _text_reader(get: Callable[[R], Value]) -> Callable[[R], Scalar]:
    def read(row: R) -> str | None:
        value = get(row)
        return None if value is None else str(value)

    return read


def _nanos_reader(get: Callable[[R], Value]) -> Callable[[R], Scalar]:
    def read(row: R) -> int | None:
        value = get(row)
        return value.nanos if isinstance(value, Quantity) else None

    return read


def _decimal_reader(get: Callable[[R], Value]) -> Callable[[R], Scalar]:
    def read(row: R) -> float | None:
        value = get(row)
        return value.nanos / 10**9 if isinstance(value, Quantity) else None

    return read


def csv_lines(
    columns: Sequence[Column[R]], rows: Sequence[R], *, headers: bool = True
) -> Iterator[str]:
    """Write RFC 4180 lines without their ends: headers, then values; unknown is empty.

    A header is a name, with its unit: ``cpu_usage_nanocores``. A text that a
    spreadsheet would run as a formula has a ``'`` before it.
    """
    readers = [reader(column) for column in columns]
    line = _Line()
    writer = csv.writer(line, lineterminator="")
    if headers:
        writer.writerow([unit_header(column) for column in columns])
        yield line.text
    for row in rows:
        writer.writerow([_cell(read(row)) for read in readers])
        yield line.text


def unit_header(column: Column[Any]) -> str:
    """Return the name of a column with its unit, which ``pct_`` is; labels stay."""
    unit = UNITS.get(column.kind)
    family = ":" in column.key
    name = column.key if family else column.key.replace(".", "_")
    return f"{name}_{unit}" if unit and column.kind != "percent" else name


def tsv_lines(
    columns: Sequence[Column[R]], rows: Sequence[R], *, headers: bool = True
) -> Iterator[str]:
    """Write what `csv_lines` has, between tabs: none is in a cell, nor a line's end."""
    readers = [reader(column) for column in columns]
    if headers:
        yield "\t".join(map(unit_header, columns))
    for row in rows:
        cells = (_cell(read(row)) for read in readers)
        yield "\t".join("" if cell is None else str(cell) for cell in cells)


_NONE: Final = "<none>"
"""What kubectl writes where a path of ``custom-columns`` leads to nothing."""
_COLUMN_GAP: Final = 3


def custom_columns(spec: str) -> list[tuple[str, tuple[str, ...]]]:
    """Read ``HEADER:path,…`` as kubectl's ``-o custom-columns=`` does.

    Raises:
        ValueError: a column without a header or a path.
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    for word in spec.split(","):
        header, _, path = word.partition(":")
        names = path.strip("{}").removeprefix(".")
        if not header or not names:
            raise ValueError(
                f"expected HEADER:PATH, as NAME:.name,CPU:.cpu.usage, not"
                f" {quoted(word)}"
            )
        found.append((header, tuple(names.split("."))))
    return found


def custom_lines(
    spec: str, columns: Sequence[Column[R]], rows: Sequence[R], *, headers: bool = True
) -> Iterator[str]:
    """Write the members of the JSON records that *spec* names, as kubectl aligns them.

    Raises:
        ValueError: *spec* cannot be read.
    """
    wanted = custom_columns(spec)
    lines = [[header for header, _ in wanted]] if headers else []
    lines += [
        [_member(item, path) for _, path in wanted] for item in objects(columns, rows)
    ]
    sizes = [max(map(width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (pad(c, s + _COLUMN_GAP) for c, s in zip(line, sizes, strict=True))
        yield "".join(cells).rstrip()


def _member(item: Mapping[str, Json], path: tuple[str, ...]) -> str:
    """Return what *path* leads to; the rest of a path may be a name with dots."""
    rest = ".".join(path)
    found: Json = item.get(rest, item.get(path[0]))
    if rest not in item and len(path) > 1:
        within = cast("Mapping[str, Json]", found) if isinstance(found, dict) else None
        return _NONE if within is None else _member(within, path[1:])
    if found is None:
        return _NONE
    return printable(found if isinstance(found, str) else json.dumps(found))


def markdown_lines(
    rows: Sequence[R],
    columns: Sequence[Column[R]],
    options: TableOptions,
    totals: Mapping[str, TotalCell],
) -> Iterator[str]:
    """Write a table as Markdown, numbers to the right."""
    cells = list(table_cells(rows, columns, options, totals))
    yield _markdown(header for header, _, _ in cells)
    yield _markdown("---" if left else "---:" for _, _, left in cells)
    yield from map(_markdown, zip(*(texts for _, texts, _ in cells), strict=True))


def _markdown(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


class _Line:
    """A file for `csv`, which writes each line in one call."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would take for a formula, and run.

Source: OWASP, CSV Injection, which has the quote before it as well.
"""


def _cell(value: Scalar) -> Scalar:
    if not isinstance(value, str):
        return value
    quote = "'" if value.startswith(_FORMULA) else ""
    return quote + printable(value)


def json_lines(
    table: Table[R],
    columns: Sequence[Column[R]],
    rows: Sequence[R],
    sources: Sequence[Json],
    kept: Iterator[Json] | None = None,
) -> Iterator[str]:
    """Write one ASCII document, an item a line: to be read whole, or with ``grep``.

    The objects that are *kept* for whoever reads it back follow the items, as dense as
    they can be: people read the items.
    """
    opening = json.dumps(head(table, sources), indent=2)
    yield opening.removesuffix("\n}") + ',\n  "items": ['
    yield from _separated(objects(columns, rows))
    if kept is not None:
        yield '  ],\n  "objects": ['
        yield from _separated(kept, (",", ":"))
    yield "  ]\n}"


def _separated(
    items: Iterator[Json], separators: tuple[str, str] | None = None
) -> Iterator[str]:
    """Write each item on a line, with a comma behind all but the last."""
    encode = json.JSONEncoder(separators=separators).encode
    line = ""
    for item in items:
        if line:
            yield f"{line},"
        line = f"    {encode(item)}"
    if line:
        yield line


def ndjson_lines(
    table: Table[R], columns: Sequence[Column[R]], rows: Sequence[R]
) -> Iterator[str]:
    """Write an ASCII document for each row, one a line."""
    return map(json.JSONEncoder().encode, records(table, columns, rows))


def records(
    table: Table[R], columns: Sequence[Column[R]], rows: Sequence[R]
) -> Iterator[dict[str, Json]]:
    """Return each row as a document of its own."""
    what = {"apiVersion": API_VERSION, "kind": table.kind}
    return ({**what, **item} for item in objects(columns, rows))


def flat_records(
    _: Table[R], columns: Sequence[Column[R]], rows: Sequence[R]
) -> Iterator[dict[str, Json]]:
    """Return the values of each row by their columns' keys, not nested."""
    readers = [(column.key, reader(column)) for column in columns]
    return ({key: read(row) for key, read in readers} for row in rows)


def yaml_text(document: dict[str, Any]) -> str:
    """Write *document* in YAML, without the end of its last line."""
    import yaml  # noqa: PLC0415 - for this format alone

    def dumped(dumper: type[yaml.SafeDumper]) -> str:
        text: str = yaml.dump(  # pyright: ignore[reportUnknownMemberType]
            document, Dumper=dumper, sort_keys=False
        )
        return text.rstrip("\n")

    try:
        # The one in C is ten times as fast, where PyYAML was built with it.
        return dumped(getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON can carry and libyaml cannot.
        return dumped(yaml.SafeDumper)


_SUFFIX: Final[dict[Kind, str]] = {
    "cpu": "_cores", "memory": "_bytes", "percent": "_ratio", "age": "_seconds",
    "count": "", "money": "", "core_hours": "",
}  # fmt: skip
_HOUR: Final = 3600
_REASON: Final = "reason"
_LONG: Final = {"mem": "memory"}
_NOT_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")
_OF_MARKS: Final = re.compile(r"(^|[\s,])[~!*]\s")
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def prometheus_lines(
    table: Table[R], columns: Sequence[Column[R]], rows: Sequence[R]
) -> Iterator[str]:
    """Write the numbers among *columns*, labelled by what tells rows apart.

    Each is a gauge, in cores, bytes, seconds or a ratio; what is not known has no
    series, and ``…_unmeasured`` says why, by resource. There are no timestamps, which
    the textfile collector of node_exporter refuses.
    Source: prometheus/docs, instrumenting/exposition_formats.md.
    """
    labelling = _labelling(table, columns)
    labels = [_labels(labelling, row) for row in rows]
    for column in columns:
        if column.kind in _SUFFIX:
            yield from _family(table, column, rows, labels)
    yield from _info(table, rows, labels)
    yield from _unmeasured(table, rows, labels)


_INFO: Final = ("node", "owner.kind", "owner.name", "qos", "priority_class", "version")
"""The columns that other series are joined with, by what tells rows apart."""


def _info(table: Table[R], rows: Sequence[R], labels: list[str]) -> Iterator[str]:
    """Write a series for each row that says where it is from: its node, its owner."""
    columns = [
        c for c in table.columns if c.key in _INFO and c.key not in table.identity
    ]
    if not columns:
        return
    name = f"kubemetrics_{table.noun}_info"
    names = [(_NOT_A_NAME.sub("_", column.key), column) for column in columns]
    yield f"# HELP {name} where it runs and what owns it, to join with"
    yield f"# TYPE {name} gauge"
    for row, label in zip(rows, labels, strict=True):
        yield f"{name}{{{label},{_labels(names, row)}}} 1"


def _family(
    table: Table[R], column: Column[R], rows: Sequence[R], labels: list[str]
) -> Iterator[str]:
    name = _metric_name(table, column)
    seconds = _HOUR if column.kind == "core_hours" else 1
    yield f"# HELP {name} {_help(column.about)}"
    yield f"# TYPE {name} gauge"
    for row, label in zip(rows, labels, strict=True):
        value = column.get(row)
        if isinstance(value, Quantity):
            value = Quantity.from_nanos(value.nanos * seconds)
        if value is not None:
            yield f"{name}{{{label}}} {_number(value)}"


def _unmeasured(table: Table[R], rows: Sequence[R], labels: list[str]) -> Iterator[str]:
    """Write a series for each value that is missing, with its resource and reason."""
    reasons = [c for c in table.columns if c.path == (c.group, _REASON)]
    if not reasons:
        return  # a sum has several reasons; its counts have series of their own
    name = f"kubemetrics_{table.noun}_unmeasured"
    yield f"# HELP {name} {_help(table.need(_REASON).about)}"
    yield f"# TYPE {name} gauge"
    for row, label in zip(rows, labels, strict=True):
        for column in reasons:
            code = column.get(row)
            if code:
                resource = _LONG.get(column.path[0], column.path[0])
                why = f'resource="{resource}",reason="{escaped_label(str(code))}"'
                yield f"{name}{{{label},{why}}} 1"


def _metric_name(table: Table[R], column: Column[R]) -> str:
    key = column.key.replace("mem.", "memory.").replace("pct_", "")
    key = key.replace("core_hours", "core_seconds")  # the base unit, of its kind
    if key.rpartition(".")[2] == "count":  # a suffix that is kept for histograms
        key = column.header.lower()
    name = _NOT_A_NAME.sub("_", key)
    return f"kubemetrics_{table.noun}_{name}{_SUFFIX[column.kind]}"


def _labelling(
    table: Table[R], columns: Sequence[Column[R]]
) -> list[tuple[str, Column[R]]]:
    """Name the labels of each series; no two get the same name."""
    found: dict[str, Column[R]] = {}
    context = {c.key: c.key for c in table.columns if c.key == "context"}
    for key, name in {**context, **table.identity}.items():
        found[_free(name, found)] = table.need(key)
    for column in columns:
        if column.key.startswith("label:") and column.key not in table.identity:
            found[_free(column.key, found)] = column
    return list(found.items())


def _free(name: str, taken: dict[str, Column[R]]) -> str:
    clean = free = _NOT_A_NAME.sub("_", name)
    count = 1
    while free in taken:
        count += 1
        free = f"{clean}_{count}"
    return free


def _labels(labelling: list[tuple[str, Column[R]]], row: R) -> str:
    cells = [(name, column.get(row)) for name, column in labelling]
    return ",".join(
        f'{name}="{escaped_label("" if cell is None else str(cell))}"'
        for name, cell in cells
    )


def escaped_label(text: str) -> str:
    """Write the value of a label of Prometheus, as it stands between quotes."""
    return printable(text).translate(_ESCAPES)


def _help(text: str) -> str:
    """Return a line of help, without what marks mean, which are in tables alone."""
    kept = [part for part in text.split("; ") if not _OF_MARKS.search(part)]
    told = "; ".join(kept) or text.replace(" with *", "")
    return told.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: Known) -> str:
    if isinstance(value, Quantity):
        return f"{value.as_decimal():f}"
    if isinstance(value, Fraction):
        return repr(value.numerator / value.denominator)
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    return str(value)
