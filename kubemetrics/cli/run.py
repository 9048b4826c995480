"""The lines of each output format; what a format needs is imported with it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..api import Api
from ..commandline import console
from ..commandline.parser import UsageError
from ..commandline.terminal import terminal
from ..errors import Forbidden
from ..table.render import Rendered, render
from ..table.where import ExpressionError
from ..text import printable
from ..views.sources import RowSource, in_contexts
from ..views.view import View
from .outcome import Outcome, outcome_of
from .plan import MACHINES, Plan, plan
from .rounds import Cluster, Round, Rounds, clusters

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


# Running a joined view: read, arrange, print, and say how it went.


def run(args: Namespace, view: View[R]) -> int:
    """Show *view*: read, arrange, print, and report what the rows do not show.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: no usable configuration.
    """
    if args.columns == "help":
        return console.put(f"{line}\n" for line in _column_help(view))
    found = clusters(args)
    try:
        if len(found) == 1:
            return _show(args, view, found)
        return _show(args, in_contexts(view), found)
    except ExpressionError as error:
        return _not_an_expression(error)
    finally:
        for cluster in found:
            cluster.close()


def _column_help(view: View[R]) -> list[str]:
    """List the columns, as --where, --sort and --columns know them."""
    table = view.table
    known = [(c.key, str(c.kind), c.about) for c in table.columns]
    known += [(f"{prefix}NAME", "", "any there is") for prefix in table.families]
    size = max(len(key) for key, _, _ in known)
    return [f"{key:{size}}  {kind:7}  {about}".rstrip() for key, kind, about in known]


def _not_an_expression(error: ExpressionError) -> int:
    console.complain(f"error: {error.flag}: {error}")
    for line in error.pointer.splitlines():
        console.complain(line)
    return 2


def _show(args: Namespace, view: View[R], found: list[Cluster]) -> int:
    wanted = plan(args, view, terminal(args.color))
    check_names(wanted)
    rounds = Rounds(args, wanted, found)
    if args.watch is not None:
        from .watching import watch

        return watch(args, wanted, rounds)
    taken = rounds.take()
    if not any(reading.snapshot for reading in taken.readings):
        return _failed(wanted, taken, found)
    outcome = outcome_of(args, wanted, taken)
    shown = printed(wanted, taken.rows, taken.sources)
    code = outcome.code
    if taken.rows or wanted.machine:
        code = console.put((f"{line}\n" for line in shown.lines), code)
    _say(wanted, taken, outcome, shown.left_out)
    return code


def _say(
    wanted: Plan[R], taken: Round[R], outcome: Outcome, left_out: tuple[str, ...]
) -> None:
    """Say on stderr what the rows do not."""
    for note in outcome.notes():
        console.complain(note)
    if left_out:
        columns = "1 column" if len(left_out) == 1 else f"{len(left_out)} columns"
        console.complain(
            f"{columns} left out at {wanted.table_options.width}: -o wide has all"
        )
    explained = outcome.unmatched or outcome.unread or wanted.machine
    if not taken.rows and not explained:
        console.complain(_nothing_found(wanted, taken))


def _nothing_found(wanted: Plan[R], taken: Round[R]) -> str:
    """Say it in kubectl's words, unless there was something to show."""
    if taken.all_rows:
        return f"0 of {len(taken.all_rows)} {wanted.view.table.nouns} shown"
    namespaces = {reading.namespace for reading in taken.readings}
    if not wanted.scope.single or len(namespaces) != 1:
        return "No resources found"
    return f"No resources found in {namespaces.pop()} namespace."


def _failed(wanted: Plan[R], taken: Round[R], found: list[Cluster]) -> int:
    """Say why nothing at all was read, and what may be read instead."""
    pairs = zip(taken.readings, found, strict=True)
    failures = [(r.context, r.error, cluster) for r, cluster in pairs if r.error]
    for context, error, cluster in failures:
        where = f"context {context}: " if context else ""
        console.complain(f"error: {where}{error}")
        narrower = not (wanted.scope.single or wanted.view.of_nodes)
        if narrower and isinstance(error, Forbidden):
            _suggest(cluster)
    return max(console.exit_code(error) for _, error, _ in failures)


def _suggest(cluster: Cluster) -> None:
    """Say which namespace may be read, where the server says so."""
    from ..doctor.permissions import readable_namespace

    client = cluster.client
    namespace = client.run(readable_namespace(Api(), client.config.namespace))
    if namespace:
        console.complain(f"namespace {namespace} may be read: -n {namespace}")
