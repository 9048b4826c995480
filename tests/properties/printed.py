"""What a view printed, read back by other parsers than the package's own."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import yaml
from prometheus_client.parser import text_string_to_metric_families

from .asked import Asked
from .judge import (
    chain_of,
    has_totals,
    kind_of,
    of_one_namespace,
    shown,
    shows_cluster,
    totals,
)
from .truth import Cell, Row, Truth, at_path

Cells: TypeAlias = dict[str, Any]
Series: TypeAlias = tuple[str, list[tuple[dict[str, str], float]]]
_MACHINES = {"json", "yaml", "ndjson", "csv", "prometheus"}
_NOUNS = {"namespaces": "namespace", "workloads": "workload"}
_LABELS = {"owner.kind": "workload_kind", "owner.name": "workload"}


@dataclass(frozen=True, slots=True)
class Page:
    """The *rows* in their order, each as far as it was asked for, and the *totals*."""

    rows: Sequence[Any]
    totals: Any = None


# what there should be


def expected(truth: Truth, asked: Asked) -> Page:
    """Write the judge's rows as the output has them."""
    rows = shown(truth, asked)
    if asked.output == "name":
        spaced = not of_one_namespace(asked) and {"namespace"} < {*identity(asked)}
        return Page(
            [
                f"{row.cells['namespace']}/{_resource(row, asked)}"
                if spaced
                else _resource(row, asked)
                for row in rows
            ]
        )
    keys = columns_of(truth, asked)
    if asked.output == "prometheus":
        return Page(_families(rows, keys, asked))
    if asked.output in _MACHINES:
        return Page(
            [{key: _machine(row.cell(key), asked) for key in keys} for row in rows]
        )
    cells = [[_text(row.cell(key), key) for key in keys] for row in rows]
    if not has_totals(asked) or not rows:
        return Page(cells)
    return Page(cells, _totals(rows, keys, asked))


def _totals(rows: Sequence[Row], keys: Sequence[str], asked: Asked) -> list[str]:
    """Return the cells of the totals, and a word where a text may be.

    Percentages are left out: what they are of is in no cell. Of nodes those that are
    Ready are counted.
    """
    known: dict[str, int | str | None] = {**totals(rows, keys)}
    if asked.view == "nodes":
        ready = sum(
            str(row.cell("status")).partition(",")[0] == "Ready" for row in rows
        )
        known["status"] = f"{ready}/{len(rows)}"
    name = "cluster" if shows_cluster(asked) else "TOTAL"
    word = next((key for key in keys if kind_of(key) == "text"), None)
    cells = [name if key == word else known.get(key) for key in keys]
    return [
        "-" if cell is None else str(cell)
        for key, cell in zip(keys, cells, strict=True)
        if kind_of(key) != "percent"
    ]


def columns_of(truth: Truth, asked: Asked) -> tuple[str, ...]:
    """Return the columns to compare: those asked for, or those that always show."""
    if asked.columns:
        return asked.columns
    names = identity(asked)
    if asked.output in _MACHINES:
        known = next(iter(shown(truth, asked)), None)
        return tuple(known.cells) if known else names
    if asked.output == "table" and of_one_namespace(asked) and len(names) > 1:
        names = tuple(name for name in names if name != "namespace")
    return (*names, "cpu.usage", "mem.usage")


def identity(asked: Asked) -> tuple[str, ...]:
    """Return the columns that tell rows apart."""
    chain = chain_of(asked)
    plain = {"nodes": ("name",), "containers": ("namespace", "pod", "name")}
    if not chain:
        return plain.get(asked.view, ("namespace", "name"))
    spaced = {"owner", "pod"} & set(chain) and "namespace" not in chain
    names = ["namespace"] if spaced else []
    for by in chain:
        by_key = by if by.startswith("label:") else by.replace("-", "_")
        names += ["owner.kind", "owner.name"] if by == "owner" else [by_key]
    return tuple(names)


def has_names(asked: Asked) -> bool:
    """Whether its rows are objects of the API, which ``-o name`` is for."""
    chain = chain_of(asked)
    if not chain:
        return asked.view != "containers"
    return chain in {("namespace",), ("node",), ("owner",), ("namespace", "owner")}


def _resource(row: Row, asked: Asked) -> str:
    chain = chain_of(asked)
    if not chain:
        return f"{asked.view.removesuffix('s')}/{row.cells['name']}"
    if chain[-1] == "owner":
        return f"{str(row.cells['owner.kind']).lower()}/{row.cells['owner.name']}"
    return f"{chain[-1]}/{row.cells[chain[-1]]}"


def _machine(cell: Cell, asked: Asked) -> Cell | float:
    """Write a cell as JSON has it; in CSV an empty label looks as none does."""
    if isinstance(cell, Fraction):
        return int(cell * 10_000) / 100
    if asked.output == "csv" and isinstance(cell, dict):  # READY, one cell
        return f"{cell['ready']}/{cell['containers']}"
    if asked.output != "csv" or not isinstance(cell, str):
        return cell
    if cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return cell or None


def _text(cell: Cell, key: str) -> str:
    if cell is None or cell == "":
        return "-"
    if kind_of(key) != "percent" or not isinstance(cell, Fraction):
        return str(cell)
    whole = int(cell * 100)
    return f"{whole}%" if whole or not cell else "<1%"


def _families(rows: Sequence[Row], keys: Sequence[str], asked: Asked) -> list[Series]:
    """Return each family's series in the order of the rows that have the number."""
    found: list[Series] = []
    for key in keys:
        known = [row for row in rows if row.cell(key) is not None]
        if kind_of(key) != "text":
            found.append(
                (
                    _metric(key, asked),
                    [(_labelled(row, keys, asked), _number(row, key)) for row in known],
                )
            )
    return found


def _labelled(row: Row, keys: Sequence[str], asked: Asked) -> dict[str, str]:
    """Return the labels of a row's series: its names, and its labels where shown."""
    shown_too = {key: key for key in keys if key.startswith("label:")}
    names = {**shown_too, **_labels(asked)}
    cells = {
        re.sub(r"\W", "_", name): str(row.cell(key) or "")
        for key, name in names.items()
    }
    return {"context": "viewer", **cells}


def _number(row: Row, key: str) -> float:
    """Write a number in cores, in bytes, or as a share of one."""
    cell = row.cell(key)
    assert isinstance(cell, (int, Fraction))
    return float(Fraction(cell, 10**9) if kind_of(key) == "cpu" else cell)


def _labels(asked: Asked) -> dict[str, str]:
    """Name the labels of a series by the columns that they are of."""
    names: dict[str, str] = {}
    for key in identity(asked):
        own = {"name": asked.view.removesuffix("s")} if not chain_of(asked) else {}
        names[key] = own.get(key) or _LABELS.get(key, key)
    return names


def _metric(key: str, asked: Asked) -> str:
    noun = _NOUNS.get(asked.view) or (
        "group" if chain_of(asked) else asked.view.removesuffix("s")
    )
    ends = {"cpu": "_cores", "memory": "_bytes", "percent": "_ratio"}
    name = key.replace("mem.", "memory.").replace("pct_", "")
    if name.endswith("count"):
        name = "containers" if "container" in chain_of(asked) else "pods"
    return f"kubemetrics_{noun}_{re.sub(r'[.]', '_', name)}{ends.get(kind_of(key), '')}"


# what there is


def printed(text: str, truth: Truth, asked: Asked) -> Page:
    """Read what was printed, as far as it was asked for."""
    keys = columns_of(truth, asked)
    if asked.output == "name":
        return Page(text.splitlines())
    if asked.output == "csv":
        return Page(_of_csv(text, keys, asked))
    if asked.output == "prometheus":
        return Page(_of_prometheus(text, keys, asked))
    if asked.output in _MACHINES:
        return Page(
            [{k: at_path(item, k) for k in keys} for item in _items(text, asked)]
        )
    return _of_table(text, keys, asked)


def _items(text: str, asked: Asked) -> list[Any]:
    if asked.output == "ndjson":
        return [json.loads(line) for line in text.splitlines()]
    document = (
        json.loads(text)
        if asked.output == "json"
        else yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    )
    items: list[Any] = document["items"]
    return items


def _of_csv(text: str, keys: Sequence[str], asked: Asked) -> list[Cells]:
    lines = list(csv.reader(text.splitlines()))
    if asked.headers:
        head, *lines = lines
    else:
        assert asked.columns
        head = list(asked.columns)
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    names = {key: _with_unit(key) if asked.headers else key for key in keys}
    return [{key: _from_csv(row[names[key]], key) for key in keys} for row in rows]


def _with_unit(key: str) -> str:
    """Return the header of a column in CSV."""
    units = {"cpu": "_nanocores", "memory": "_bytes"}
    name = key if ":" in key else key.replace(".", "_")
    return name + units.get(kind_of(key), "")


def _from_csv(text: str, key: str) -> Cell | float:
    kind = kind_of(key)
    if text == "" and not key.startswith("label:"):
        return None
    if kind == "text":
        return text or None
    return float(text) if kind == "percent" else int(text)


def _of_prometheus(text: str, keys: Sequence[str], asked: Asked) -> list[Series]:
    families = {f.name: f for f in text_string_to_metric_families(f"{text}\n")}
    names = [_metric(key, asked) for key in keys if kind_of(key) != "text"]
    return [
        (name, [(dict(s.labels), s.value) for s in families[name].samples])
        for name in names
    ]


def _of_table(text: str, keys: Sequence[str], asked: Asked) -> Page:
    lines = text.partition("\n\n")[0].splitlines()  # details stand below
    if not lines:
        return Page([])
    first = asked.view == "nodes"
    at = (1 if asked.headers else 0) if first else -1
    last = lines.pop(at) if has_totals(asked) else ""
    if not asked.headers:
        places = list(range(len(keys)))
        columns = zip(last.split(), keys, strict=bool(last))
        cells = [_set(_unmarked(cell), key) for cell, key in columns]
    else:
        head = lines.pop(0)
        names = head.split()
        assert not asked.columns or len(names) == len(keys)
        places = (
            list(range(len(keys)))
            if asked.columns
            else [names.index(_header(key)) for key in keys]
        )
        spans = [found.span() for found in re.finditer(r"\S+", head)]
        cells = [
            _set(_below(spans[place], last), key)
            for place, key in zip(places, keys, strict=True)
        ]
    rows = [_row(re.split(" {2,}", line.strip()), places, keys) for line in lines]
    if not has_totals(asked):
        return Page(rows)
    pairs = zip(cells, keys, strict=True)
    return Page(rows, [cell for cell, key in pairs if kind_of(key) != "percent"])


def _below(span: tuple[int, int], line: str) -> str:
    """Return the cell that begins, or ends, where its header does."""
    for found in re.finditer(r"\S+", line):
        if found.start() == span[0] or found.end() == span[1]:
            return _unmarked(found[0])
    return ""


def _row(line: Sequence[str], places: Sequence[int], keys: Sequence[str]) -> list[str]:
    """Pick the cells of *keys*, each at its place."""
    cells = [*line, *["-"] * (max(places) + 1 - len(line))]  # blank: nothing to say
    return [
        _set(cells[place] if kind_of(key) == "text" else _unmarked(cells[place]), key)
        for place, key in zip(places, keys, strict=True)
    ]


def _set(cell: str, key: str) -> str:
    """Return what ``none`` stands for: no request is 0 to the scheduler."""
    return {"none": "0" if key.endswith(".requests") else "-"}.get(cell, cell)


def _unmarked(cell: str) -> str:
    """Take off what says that a number is a lower bound, old, or how long ago."""
    return cell.lstrip("~!").partition(" (")[0]


def _header(key: str) -> str:
    known = {"cpu.usage": "CPU", "mem.usage": "MEM", "owner.kind": "KIND"}
    return known.get(key) or re.split("[.:/]", key)[-1].upper().replace("_", "-")
