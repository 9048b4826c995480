"""Which rows a command line should give, by filtering, sorting and adding up plainly.

Nothing of this is the package's: it is what its help promises, written down again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cmp_to_key

from .asked import All, Any, Asked, Compare, Expression, Not, Taken
from .truth import Cell, Row, Truth, total

ALIASES = {"cpu": "cpu.usage", "mem": "mem.usage"}
FIRST_KEYS = {"namespaces": ("namespace",), "workloads": ("namespace", "owner")}
_SUMMED = frozenset({"usage", "requests", "limits", "allocatable", "pods", "rest"})
_COUNTS = frozenset(
    {"restarts", "count", "coverage.measured", "coverage.expected", "pods.count"}
)
_UNITS = {
    "n": 1, "u": 10**3, "m": 10**6, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30,
}  # fmt: skip


def kind_of(key: str) -> str:
    """Say what a column holds: cpu, memory, percent, count or text."""
    key = ALIASES.get(key, key)
    if key in _COUNTS:
        return "count"
    if ".pct_" in key:
        return "percent"
    return {"cpu": "cpu", "mem": "memory"}.get(key.split(".")[0], "text")


def is_glob(word: str) -> bool:
    return any(sign in word for sign in "*?[")


def matches(text: str, words: Sequence[str]) -> bool:
    return any(fnmatchcase(text, w) if is_glob(w) else text == w for w in words)


# which


def of_all_namespaces(asked: Asked) -> bool:
    """Whether more than some namespaces named in full may be looked at."""
    if asked.everywhere or asked.view == "nodes":
        return True
    if asked.namespaces:
        return any(map(is_glob, asked.namespaces))
    return asked.view == "namespaces" or bool(asked.excluded)


def of_one_namespace(asked: Asked) -> bool:
    return not of_all_namespaces(asked) and len(set(asked.namespaces)) <= 1


def _namespace_is_chosen(namespace: str, asked: Asked) -> bool:
    if matches(namespace, asked.excluded):
        return False
    if asked.everywhere:
        return True
    if asked.namespaces:
        return matches(namespace, asked.namespaces)
    return of_all_namespaces(asked) or namespace == "default"


def names_of(row: Row, view: str) -> tuple[str, ...]:
    """Return what a pod, or a node, answers to in this view."""
    cells = row.cells
    if view == "namespaces":
        return (str(cells["namespace"]),)
    if view == "workloads":
        kind, name = str(cells["owner.kind"]).lower(), str(cells["owner.name"])
        return name, f"{kind}/{name}"
    return (str(cells["name"]),)


def _is_chosen(row: Row, asked: Asked) -> bool:
    if not all(requirement.holds(row.labels) for requirement in asked.labels):
        return False
    names = names_of(row, asked.view)
    return not asked.names or any(
        matches(name, [word for word in words(asked) if ("/" in word) == ("/" in name)])
        for name in names
    )


def words(asked: Asked) -> list[str]:
    """Return the names that were given; a kind before one is written in any case."""
    parts = [name.rpartition("/") for name in asked.names]
    return [f"{kind.lower()}{slash}{name}" for kind, slash, name in parts]


def chosen(truth: Truth, asked: Asked) -> list[Row]:
    """Return the pods that are looked at, or the nodes."""
    if asked.view == "nodes":
        return [row for row in truth.nodes if _is_chosen(row, asked)]
    return [
        row
        for row in truth.pods
        if _namespace_is_chosen(str(row.cells["namespace"]), asked)
        and _is_chosen(row, asked)
        and all(field.holds(row.fields) for field in asked.fields)
        and asked.node in {"", row.cells["node"]}
    ]


def chosen_pods(truth: Truth, taken: Taken) -> list[Row]:
    """Return the pods that a snapshot is to have.

    Whether a node is silent is known of the nodes that were asked for.
    """
    known = {row.cells["name"] for row in chosen_nodes(truth, taken)}
    return [
        replace(row, cells={**row.cells, "reason": "Unreported"})
        if row.cells["reason"] == "NodeSilent" and row.cells["node"] not in known
        else row
        for row in chosen(truth, taken.pods)
    ]


def chosen_nodes(truth: Truth, taken: Taken) -> list[Row]:
    """Return the nodes that a snapshot is to have."""
    return [
        row
        for row in truth.nodes
        if taken.node in {"", row.cells["name"]}
        and all(requirement.holds(row.labels) for requirement in taken.node_labels)
    ]


# rows


def chain_of(asked: Asked) -> tuple[str, ...]:
    """Return what the rows are summed by."""
    return tuple(dict.fromkeys([*FIRST_KEYS.get(asked.view, ()), *asked.by]))


def all_rows(truth: Truth, asked: Asked) -> list[Row]:
    """Return the rows of the view before any is filtered out."""
    pods, chain = chosen(truth, asked), chain_of(asked)
    if asked.view == "nodes":
        return pods
    if asked.view != "containers" and "container" not in chain:
        return _grouped(pods, chain, {}) if chain else pods
    by_key = {(row.cells["namespace"], row.cells["name"]): row for row in pods}
    if asked.view == "containers" and chain and "container" not in chain:
        return _grouped(pods, chain, {})
    containers = [
        row
        for row in truth.containers
        if (row.cells["namespace"], row.cells["pod"]) in by_key
    ]
    return _grouped(containers, chain, by_key) if chain else containers


def _grouped(
    rows: Sequence[Row],
    chain: Sequence[str],
    pods: Mapping[tuple[Cell, Cell], Row],
) -> list[Row]:
    """Sum up; containers (where there are *pods*) are grouped by their pods' values."""
    groups: dict[tuple[tuple[str, ...], ...], list[Row]] = {}
    for row in rows:
        key = tuple(_group_key(row, by, pods) for by in chain)
        groups.setdefault(key, []).append(row)
    ordered = sorted(
        groups, key=lambda key: [(not k[0], k[1], k[0], k[2]) for k in key]
    )
    return [_sum(chain, key, groups[key], pods=not pods) for key in ordered]


def _group_key(
    row: Row, by: str, pods: Mapping[tuple[Cell, Cell], Row]
) -> tuple[str, str, str]:
    """Return a group's value, the namespace that it is of, and its kind."""
    cells = row.cells
    if by == "container":
        return str(cells["name"]), "", ""
    pod = pods[cells["namespace"], cells["pod"]] if pods else row
    namespace = str(pod.cells["namespace"])
    if by == "owner":
        kind = str(pod.cells["owner.kind"])
        return str(pod.cells["owner.name"]), namespace, kind
    if by == "pod":
        return str(pod.cells["name"]), namespace, ""
    if by.startswith("label:"):
        return pod.labels.get(by.removeprefix("label:"), ""), "", ""
    return str(pod.cells[by.replace("-", "_")]), "", ""


def _sum(
    chain: Sequence[str],
    key: Sequence[tuple[str, ...]],
    rows: Sequence[Row],
    *,
    pods: bool,
) -> Row:
    cells: dict[str, Cell] = {}
    for by, (value, namespace, kind) in zip(chain, key, strict=True):
        if by in {"owner", "pod"}:
            cells.setdefault("namespace", namespace)
        if by == "owner":
            cells |= {"owner.kind": kind, "owner.name": value}
        else:
            cells[by if by.startswith("label:") else by.replace("-", "_")] = value
    cells["count"] = len(rows)
    for resource in ("cpu", "mem"):
        used = [row.cells[f"{resource}.usage"] for row in rows]
        known = sorted(value for value in used if isinstance(value, int))
        cells[f"{resource}.usage"] = total(used)
        cells[f"{resource}.least"] = known[0] if known else None
        cells[f"{resource}.median"] = known[(len(known) - 1) // 2] if known else None
        cells[f"{resource}.most"] = known[-1] if known else None
        asked = [row.cells[f"{resource}.requests"] for row in rows]
        # Of a sum it is known that nothing is requested, even if all have finished.
        cells[f"{resource}.requests"] = total(asked) or 0
        cells[f"{resource}.limits"] = total(
            row.cells[f"{resource}.limits"] for row in rows
        )
    if pods:
        measured = sum(row.cells["cpu.usage"] is not None for row in rows)
        unmeasured = sum(row.lacking and row.cells["cpu.usage"] is None for row in rows)
        cells |= {
            "coverage.measured": measured,
            "coverage.expected": measured + unmeasured,
        }
    return Row(cells=cells, labels={}, fields={}, lacking=0)


# --where


def holds(expression: Expression, row: Row) -> bool | None:
    """Judge by Kleene's logic: ``None`` where the row does not say."""
    if isinstance(expression, Not):
        truth = holds(expression.part, row)
        return None if truth is None else not truth
    if isinstance(expression, All):
        one, two = (holds(part, row) for part in expression.parts)
        if one is False or two is False:
            return False
        return None if one is None or two is None else True
    if isinstance(expression, Any):
        one, two = (holds(part, row) for part in expression.parts)
        if one or two:
            return True
        return None if one is None or two is None else False
    return _compares(expression, row)


def _compares(expression: Compare, row: Row) -> bool | None:
    left = row.cell(ALIASES.get(expression.key, expression.key))
    kind = kind_of(expression.key)
    right: Cell
    if expression.other:
        right = row.cell(ALIASES.get(expression.other, expression.other))
    else:
        right = _literal(expression.value, kind)
    if left is None or right is None:
        return None
    if expression.sign in {"=~", "!~"}:
        return fnmatchcase(str(left), str(right)) == (expression.sign == "=~")
    less, same = left < right, left == right  # type: ignore[operator] # of one kind
    return {
        "==": same, "!=": not same, "<": less, "<=": less or same,
        ">": not (less or same), ">=": not less,
    }[expression.sign]  # fmt: skip


def _literal(text: str, kind: str) -> int | Fraction | str:
    if kind == "text":
        return text.strip('"')
    if kind == "percent":
        return Fraction(text.removesuffix("%")) / 100
    number = text.rstrip("numKMGi")
    unit = text.removeprefix(number)
    if kind == "cpu":
        return int(Decimal(number) * _UNITS.get(unit, 10**9))
    return int(Decimal(number) * _UNITS.get(unit, 1))


# --sort, --top, --sum, and the exit code


def sort(rows: Sequence[Row], keys: Sequence[str]) -> list[Row]:
    """Order by *keys*, a minus before one that falls; what is not known is last."""

    def order(one: Row, two: Row) -> int:
        for key in keys:
            name = ALIASES.get(key.lstrip("+-"), key.lstrip("+-"))
            falling = key[0] == "-" or (key[0] != "+" and kind_of(name) != "text")
            left, right = one.cell(name), two.cell(name)
            lost, missing = left in {None, ""}, right in {None, ""}
            if lost or missing:
                found = lost - missing
            else:
                found = (left > right) - (left < right)  # type: ignore[operator]
                found = -found if falling else found
            if found:
                return found
        return 0

    return sorted(rows, key=cmp_to_key(order))


def judged(truth: Truth, asked: Asked) -> list[Row]:
    """Return the rows that ``--where`` leaves."""
    rows = all_rows(truth, asked)
    if asked.where is None:
        return rows
    return [row for row in rows if holds(asked.where, row) is True]


def shown(truth: Truth, asked: Asked) -> list[Row]:
    """Return the rows that are shown, in their order."""
    rows = judged(truth, asked)
    if asked.fail_on is not None:
        rows = [row for row in rows if holds(asked.fail_on, row) is True]
    default = ["cpu.usage"] if asked.top is not None else []
    rows = sort(rows, asked.sort or default)
    return rows if asked.top is None else rows[: asked.top]


def has_totals(asked: Asked) -> bool:
    """Whether a table has a row of totals: asked for, or that of a whole cluster."""
    return asked.total or shows_cluster(asked)


def shows_cluster(asked: Asked) -> bool:
    """Whether all nodes of a cluster are shown, after a row of its own."""
    chosen = (asked.names, asked.labels, asked.where, asked.fail_on)
    cut = (asked.top is not None, not asked.headers, asked.columns and not asked.total)
    return asked.view == "nodes" and not any(chosen) and not any(cut)


def is_summed(key: str) -> bool:
    kind = kind_of(key)
    amount = kind in {"cpu", "memory"}
    return kind == "count" or (amount and key.split(".")[1] in _SUMMED)


def totals(rows: Sequence[Row], columns: Sequence[str]) -> dict[str, int | None]:
    """Return the total of each column that has one."""
    return {
        key: total(row.cell(key) for row in rows) if kind_of(key) != "count"
        else total(row.cell(key) for row in rows) or 0
        for key in columns
        if is_summed(key)
    }  # fmt: skip


def exit_code(truth: Truth, asked: Asked) -> int:
    rows = judged(truth, asked)
    if asked.fail_on is not None and any(holds(asked.fail_on, row) for row in rows):
        return 10
    looked_at = chosen(truth, asked)
    found = {name for row in looked_at for name in names_of(row, asked.view)}
    if any(name not in found for name in words(asked) if not is_glob(name)):
        return 1
    return 4 if asked.strict and any(row.lacking for row in looked_at) else 0
