"""What people are told beside the rows, and which exit code stands for it.

The lines of each output format; what a format needs is imported with it.

One round of a view: read every cluster, and make rows of what came.

Running a joined view: read, arrange, print, and report how it went.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, Generic, TypeVar

from .. import console
from ..api import Api
from ..client.sync import Client, side_by_side
from ..commandline import UsageError, config_of
from ..config.kubeconfig import list_contexts
from ..config.model import Config
from ..console import Bar, exit_code, terminal
from ..errors import Forbidden, KubeMetricsError, MetricsUnavailable
from ..frozen import dataclass
from ..jsonread import UnreadableItem
from ..snapshot import Coverage, Failure, PartName, Snapshot, SnapshotOptions, snapshot
from ..snapshot.parts import Scope
from ..table.columns import ExpressionError
from ..table.render import Rendered, render
from ..text import printable
from ..views.view import RowSource, View, ViewRows, in_contexts
from .plan import MACHINES, Plan, plan, reads

R = TypeVar("R")

PARTIAL: Final = 4
MATCHED: Final = 10
_WARMING: Final = (
    "the metrics API is warming up: nodes are Ready and it has a sample of none yet; it"
    " needs two scrapes, so try again in a minute"
)
_SAMPLES: Final = {True: "node metrics", False: "pod metrics"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command went, beside its rows.

    *unmatched* names are of none of the *nouns* there are. *matched*: ``--fail-on``
    did; *strict* counts what is missing as a failure. *of_nodes* says what was shown.
    """

    readings: Sequence[Reading]
    coverages: Sequence[Coverage]
    unmatched: tuple[str, ...] = ()
    matched: bool = False
    strict: bool = False
    of_nodes: bool = False
    nouns: str = ""
    one_namespace: bool = False

    @property
    def code(self) -> int:
        """The exit code: the first of these that holds."""
        if self.matched:
            return MATCHED
        errors = [r.error for r in self.readings if r.error is not None]
        if errors:
            return max(map(exit_code, errors))
        if self._metrics_unavailable():
            return 3
        if self.unmatched or self.unread:
            return 1
        return PARTIAL if self.strict and not self._complete() else 0

    @property
    def unread(self) -> bool:
        """Whether what was asked for could not be read, in one namespace or more."""
        return any(map(self._nothing, self.readings))

    def notes(self) -> Iterator[str]:
        """Return lines for people."""
        for reading in self.readings:
            where = f"context {reading.context}: " if reading.context else ""
            if reading.error is not None:
                yield f"error: {where}{reading.error}"
            for failure in self._of(reading):
                if not self._beside_the_point(failure):
                    yield f"{where}{_sentence(failure)}"
            yield from (f"{where}{line}" for line in _unreadable(reading.snapshot))
        yield from self._not_found()
        for reading, coverage in zip(self.readings, self.coverages, strict=True):
            where = f"context {reading.context}: " if reading.context else ""
            if reading.snapshot and reading.snapshot.warming:
                yield f"{where}{_WARMING}"
            if reading.snapshot and not coverage.complete:
                yield f"{where}{coverage.sentence}"

    def _complete(self) -> bool:
        return (
            all(coverage.complete for coverage in self.coverages)
            and all(map(self._beside_the_point, self._failures()))
            and not any(r.snapshot.unreadable for r in self.readings if r.snapshot)
        )

    def _not_found(self) -> Iterator[str]:
        namespaces = {r.namespace for r in self.readings if r.namespace}
        one = self.one_namespace and len(namespaces) == 1
        where = f" in namespace {namespaces.pop()}" if one else ""
        for name in self.unmatched:
            yield f'error: {self.nouns} "{name}" not found{where}'

    def _beside_the_point(self, failure: Failure) -> bool:
        """Whether only shares of nodes are lost, by who is not meant to see nodes."""
        of_nodes = failure.part in {"nodes", "node metrics"}
        return of_nodes and not self.of_nodes and isinstance(failure.error, Forbidden)

    def _metrics_unavailable(self) -> bool:
        part = _SAMPLES[self.of_nodes]
        return any(
            f.part == part and isinstance(f.error, MetricsUnavailable)
            for f in self._failures()
        )

    def _nothing(self, reading: Reading) -> bool:
        """Whether some namespace, or the nodes, could not be read at all.

        One of the two lists is enough for who may not read the other; one that failed
        is another thing: nobody knows what it would have held.
        """
        kinds = {"nodes" if self.of_nodes else "pods", _SAMPLES[self.of_nodes]}
        if any(f.part in kinds and _failure_line(f) for f in self._of(reading)):
            return True
        failed: dict[str, set[str]] = {}
        for failure in self._of(reading):
            failed.setdefault(failure.namespace, set()).add(failure.part)
        return any(kinds <= parts for parts in failed.values())

    def _failures(self) -> list[Failure]:
        return [failure for reading in self.readings for failure in self._of(reading)]

    def _of(self, reading: Reading) -> Sequence[Failure]:
        return reading.snapshot.failures if reading.snapshot else ()


def _failure_line(failure: Failure) -> bool:
    return not isinstance(failure.error, Forbidden)


def _sentence(failure: Failure) -> str:
    where = f" in namespace {failure.namespace}" if failure.namespace else ""
    return f"cannot read {failure.part}{where}: {failure.error}"


def _unreadable(snapshot: Snapshot | None) -> Iterator[str]:
    """Name the first item of each part that could not be read, and count the rest."""
    found: dict[str, list[UnreadableItem]] = {}
    for lost in snapshot.unreadable if snapshot else ():
        found.setdefault(lost.part, []).append(lost.item)
    for part, items in found.items():
        more = f" (and {len(items) - 1} more)" if items[1:] else ""
        yield f"cannot read one of the {part}: {items[0].error}{more}"


def outcome_of(args: Namespace, wanted: Plan[R], taken: Round[R]) -> Outcome:
    """Judge a round."""
    return Outcome(
        readings=taken.readings,
        coverages=taken.coverages,
        unmatched=taken.unmatched,
        matched=wanted.fail_on is not None and any(map(wanted.fail_on, taken.all_rows)),
        strict=args.strict,
        of_nodes=wanted.view.of_nodes,
        nouns=wanted.view.named,
        one_namespace=wanted.scope.single,
    )


# ruff: noqa: PLC0415 - that is what this module is for


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


# Reading one cluster or several at once, each with its own failure.


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of a context, or the *error* because of which nothing was.

    *namespace* is the one asked for, or the context's own.
    """

    context: str
    namespace: str = ""
    snapshot: Snapshot | None = None
    error: KubeMetricsError | None = None


class Cluster:
    """One context: connected when it is first read, and closed at the end."""

    def __init__(self, args: Namespace, context: str | None) -> None:
        # A view reads the namespaces of -n by itself: the configuration's stays the
        # context's own, to fall back on.
        self._args = Namespace(**{**vars(args), "namespaces": None})
        self._context = context
        self._client: Client | None = None

    @property
    def label(self) -> str:
        """The context's name where there are several, else nothing."""
        return self._context or ""

    @property
    def client(self) -> Client:
        """The client.

        Raises:
            KubeMetricsError: no usable configuration.
        """
        if self._client is None:
            self._client = Client(
                config_of(self._args, context=self._context), on_warning=console.warn
            )
        return self._client

    def read(
        self, options: Callable[[Config], SnapshotOptions], scope: Scope
    ) -> Reading:
        """Take a snapshot; an error is part of the reading."""
        try:
            client = self.client
            taken = client.run(snapshot(Api(), options(client.config)))
        except KubeMetricsError as error:
            return Reading(context=self.label, error=error)
        return Reading(
            context=self.label,
            namespace=scope.only or client.config.namespace,
            snapshot=taken,
        )

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()


def clusters(args: Namespace) -> list[Cluster]:
    """Return the contexts asked for: one without a label unless there are several.

    Raises:
        ConfigError: a kubeconfig cannot be read at all.
    """
    names: list[str] = list(dict.fromkeys(args.contexts or ()))
    if args.all_contexts:
        names = [entry.name for entry in list_contexts(args.kubeconfig)]
    elif len(names) <= 1:
        return [Cluster(args, None)]
    return [Cluster(args, name) for name in names]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round(Generic[R]):
    """What one round gave: *rows* as they are shown, out of *all_rows*."""

    readings: Sequence[Reading]
    coverages: Sequence[Coverage]
    all_rows: Sequence[R]
    rows: Sequence[R]
    unmatched: tuple[str, ...]

    @property
    def date(self) -> datetime | None:
        """The latest of the servers' times."""
        dates = [r.snapshot.date for r in self.readings if r.snapshot]
        return max(filter(None, dates), default=None)

    @property
    def latest(self) -> datetime | None:
        """The time of the newest sample."""
        found = [r.snapshot for r in self.readings if r.snapshot]
        samples = [
            *(row.metrics for snapshot in found for row in snapshot.pods),
            *(row.metrics for snapshot in found for row in snapshot.nodes),
        ]
        stamps = [m.timestamp for m in samples if m and m.timestamp]
        return max(stamps, default=None)

    @property
    def sources(self) -> list[RowSource]:
        """Where the rows are from, for machine outputs."""
        return [
            RowSource(
                context=reading.context,
                coverage=coverage if reading.snapshot else None,
                snapshot=reading.snapshot,
                error=str(reading.error) if reading.error else "",
            )
            for reading, coverage in zip(self.readings, self.coverages, strict=True)
        ]


class Rounds(Generic[R]):
    """Reads the same clusters for the same plan, again and again."""

    def __init__(
        self,
        args: Namespace,
        wanted: Plan[R],
        clusters: Sequence[Cluster],
    ) -> None:
        self._plan = wanted
        self._clusters = clusters
        self._options = reads(args, wanted)

    def take(self) -> Round[R]:
        """Read everything once."""
        with Bar.for_(self._clusters) as bar:
            calls = [self._call(cluster, bar) for cluster in self._clusters]
            readings = side_by_side(calls)
        return self._round(readings)

    def _call(self, cluster: Cluster, bar: Bar) -> Callable[[], Reading]:
        return lambda: cluster.read(
            lambda config: {**self._options(config), "progress": bar.progress},
            self._plan.scope,
        )

    def _round(self, readings: Sequence[Reading]) -> Round[R]:
        found = [self._find(reading) for reading in readings]
        rows = [row for part in found for row in part.rows]
        names = [name for part in found for name in part.names]
        return Round(
            readings=readings,
            coverages=[part.coverage for part in found],
            all_rows=rows,
            rows=self._plan.arrangement.apply(rows),
            unmatched=self._unmatched(readings, names),
        )

    def _unmatched(
        self, readings: Sequence[Reading], names: Sequence[str]
    ) -> tuple[str, ...]:
        """Return the names that nothing has; it takes everything to be sure."""
        part: PartName = "nodes" if self._plan.view.of_nodes else "pods"
        sure = all(r.snapshot and not r.snapshot.error(part) for r in readings)
        return self._plan.selection.unmatched(names) if sure else ()

    def _find(self, reading: Reading) -> ViewRows[R]:
        if reading.snapshot is None:
            return ViewRows((), Coverage(), ())
        return self._plan.view.find(
            reading.context, reading.snapshot, self._plan.selection
        )


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
