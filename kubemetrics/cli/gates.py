"""What ``--fail-on`` and ``--strict`` are decided by, and what they say.

A gate is decided over the rows that ``--where`` leaves, before ``--top`` and before
anything is printed. It says what matched, and whether there was anything to judge: a
namespace or node that does not exist is no reason to be satisfied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from ..api.operations import Api
from ..errors import BadRequest, NotFound
from ..flow import Flow, attempt
from ..snapshot import Snapshot, SnapshotOptions
from ..snapshot.parts import Scope, is_glob
from ..table.columns import UNKNOWN, Column, Units, formatter

if TYPE_CHECKING:
    from ..table.expressions import Expression
    from .view_commands import Plan

R = TypeVar("R")

_FIRST: Final = 3
"""The rows that are named, of those that match; the others are counted."""


def verdict(
    wanted: Plan[R], matching: Sequence[R], judged: Sequence[R], read: Sequence[R]
) -> Iterator[str]:
    """Return lines on ``--fail-on``: which rows are *matching* of those *judged*.

    *read* are all rows that were read.
    """
    gate = wanted.fail_on
    if gate is None:
        return
    nouns = wanted.view.table.nouns
    if matching:
        some = "; ".join(_row(wanted, gate, row) for row in matching[:_FIRST])
        more = len(matching) - _FIRST
        rest = f"; and {more} more" if more > 0 else ""
        verb = "matches" if len(matching) == 1 else "match"
        count = f"{len(matching)} of {len(judged)} {nouns} {verb} '{gate.text}'"
        yield f"--fail-on: {count}: {some}{rest}"
    elif gate.judges(judged):
        yield f"--fail-on: 0 of {len(judged)} {nouns} match '{gate.text}'"
        yield from gate.hints(judged)
    else:
        why = f" ('{gate.text}' can be told of none)" if judged else ""
        yield f"--fail-on: 0 of {len(read)} {nouns} judged{why}"


def _row(wanted: Plan[R], gate: Expression[R], row: R) -> str:
    """Name a row, with its value in each column that the gate asks for."""
    table = wanted.view.table
    names = [table.need(key) for key in table.identity]
    name = "/".join(str(value) for c in names if (value := c.get(row)))
    shown = [c for c in gate.columns if c.key not in table.identity]
    units = wanted.table_options.units
    values = ", ".join(f"{c.key} {_cell(c, row, units)}" for c in shown)
    return f"{name} ({values})" if values else name


def _cell(column: Column[R], row: R, units: Units) -> str:
    value = column.get(row)
    if value is None:
        return UNKNOWN
    mark = column.mark(row) if column.mark else ""
    return mark + formatter(column.kind, units, [value])(value)


def absent(
    api: Api, options: SnapshotOptions, scope: Scope, taken: Snapshot
) -> Flow[tuple[str, ...]]:
    """Return what was named on the command line and does not exist.

    Only what nothing was read of is asked for. Where we may not look, nothing is known.
    """
    found: list[str] = []
    for name in _empty(scope, taken):
        answer = yield from attempt(api.get_namespace(name))
        if isinstance(answer, NotFound | BadRequest):
            found.append(f'namespace "{name}"')
    node = options.get("node")
    if node and not (taken.nodes or taken.pods or taken.error("nodes")):
        found.append(f'node "{node}"')
    return tuple(found)


def _empty(scope: Scope, taken: Snapshot) -> list[str]:
    """Return the namespaces named by hand that have no pod, as far as was read."""
    if taken.error("pods"):
        return []
    words = scope.named or scope.kept
    seen = {row.namespace for row in taken.pods}
    return [name for name in words if not is_glob(name) and name not in seen]
