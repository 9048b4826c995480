"""Running a joined view: read, arrange, print, and report how it went."""

from __future__ import annotations

from argparse import Namespace
from typing import TypeVar

from ..api import Api
from ..commandline import console
from ..commandline.terminal import terminal
from ..errors import Forbidden
from ..table.where import ExpressionError
from ..views.row_sources import in_contexts
from ..views.view import View
from .outcome import Outcome, outcome_of
from .plan import Plan, plan
from .printing import check_names, printed
from .rounds import Cluster, Round, Rounds, clusters

R = TypeVar("R")


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
        from .watching import watch  # noqa: PLC0415 - only then

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
    from ..doctor.permissions import readable_namespace  # noqa: PLC0415 - seldom

    client = cluster.client
    namespace = client.run(readable_namespace(Api(), client.config.namespace))
    if namespace:
        console.complain(f"namespace {namespace} may be read: -n {namespace}")
