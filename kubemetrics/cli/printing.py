"""The lines of each output format; what a format needs is imported with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..commandline.parser import UsageError
from ..table.render import Rendered, render
from ..text import printable
from ..views.row_sources import RowSource
from .plan import MACHINES, Plan

# ruff: noqa: PLC0415 - that is what this module is for

R = TypeVar("R")


def printed(plan: Plan[R], rows: Sequence[R], sources: Sequence[RowSource]) -> Rendered:
    """Return the lines of *rows* in the format asked for."""
    if plan.output == "name":
        return Rendered(_names(plan, rows), ())
    columns = plan.shown(rows)
    if plan.output not in MACHINES:
        return render(rows, columns, plan.table_options)
    return Rendered(_machine(plan, rows, sources), ())


def _machine(
    plan: Plan[R], rows: Sequence[R], sources: Sequence[RowSource]
) -> Iterator[str]:
    table, columns = plan.view.table, plan.shown(rows)
    if plan.output == "csv":
        from ..table.machine import csv_lines

        return csv_lines(columns, rows, headers=plan.table_options.headers)
    if plan.output == "prometheus":
        from ..table.machine import prometheus_lines

        return prometheus_lines(table, columns, rows)
    if plan.output == "yaml":
        from ..table.machine import document, yaml_text

        described = [source.as_json() for source in sources]
        return iter([yaml_text(document(table, columns, rows, described))])
    from ..table.machine import json_lines, ndjson_lines

    if plan.output == "ndjson":
        return ndjson_lines(table, columns, rows)
    return json_lines(table, columns, rows, [source.as_json() for source in sources])


def check_names(plan: Plan[R]) -> None:
    """Check that rows can be written as names, if they are to be.

    Raises:
        UsageError: what is shown is no object of the API.
    """
    if plan.output == "name":
        _resource(plan)


def _names(plan: Plan[R], rows: Sequence[R]) -> Iterator[str]:
    return map(printable, map(_resource(plan), rows))


def _resource(plan: Plan[R]) -> Callable[[R], str]:
    if plan.view.resource is None:
        raise UsageError(f"-o name: {plan.view.table.nouns} are no objects of the API")
    return plan.view.resource
