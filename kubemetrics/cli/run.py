"""One run of a joined view: what is read, printed and reported, and the exit code.

`run` reads every context (`Rounds`), prints the rows that the plan keeps (`rendered`),
and reports on stderr what the rows do not show (`Outcome`, which also decides the exit
code). ``--watch`` does the same again and again.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from .. import console
from ..client import caught
from ..client.sync import Client, disconnect, side_by_side
from ..commandline import UsageError, config_of
from ..config.kubeconfig import list_contexts, load
from ..console import ProgressBar, exit_code, terminal
from ..errors import Forbidden, KubeMetricsError, MetricsUnavailable
from ..frozen import dataclass
from ..jsonread import UnreadableItem
from ..snapshot import Coverage, Failure, PartName, Snapshot, SnapshotOptions, snapshot
from ..snapshot.parts import Scope
from ..table.columns import UNKNOWN, Column, Table, Units, formatter, marked
from ..table.render import Rendered, render
from ..text import agreeing, printable
from ..views.view import RowSource, View, ViewRows, in_contexts, of_context
from ..wire import collector_paused
from .view_commands import MACHINES, Plan, is_machine, plan, reads

if TYPE_CHECKING:
    from ..table.expressions import Expression

R = TypeVar("R")

_NAMED: Final = 3
"""The rows that a gate names, of those that match; the others are counted."""

_AT_ONCE: Final = 16
"""Clusters that are read at once: each takes some threads and a TLS handshake."""


def run(
    args: Namespace,
    view: View[R],
    readers: Sequence[SnapshotReader] | None = None,
) -> int:
    """Show *view* of every context that is asked for; return the exit code.

    *readers* stand in for the contexts, where rows come from elsewhere.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: no usable configuration.
    """
    if args.columns == "help":
        from .help_topics import column_help  # noqa: PLC0415 - for a help text

        return console.write_stdout(f"{line}\n" for line in column_help(view.table))
    contexts = context_readers(args) if readers is None else readers
    try:
        if len(contexts) > 1:
            return _show(args, in_contexts(view), contexts)
        if is_machine(args.output):
            (only,) = contexts
            return _show(args, of_context(view, lambda: only.name), contexts)
        return _show(args, view, contexts)
    finally:
        for context in contexts:
            context.close()


def _show(args: Namespace, view: View[R], contexts: Sequence[SnapshotReader]) -> int:
    wanted = plan(args, view, terminal(args.color))
    check_names(wanted)
    for line in _ignored(args):
        console.print_stderr(line)
    rounds = Rounds(args, wanted, contexts)
    if args.watch is not None:
        from .watching import watch  # noqa: PLC0415 - for --watch only

        return watch(args, wanted, rounds)
    with collector_paused():  # of a process that ends here
        return _show_once(args, wanted, rounds, contexts)


def _show_once(
    args: Namespace,
    wanted: Plan[R],
    rounds: Rounds[R],
    contexts: Sequence[SnapshotReader],
) -> int:
    taken = rounds.read()
    if not any(result.snapshot for result in taken.results):
        return _report_failure(wanted, taken, contexts)
    if not wanted.machine:
        wanted = wanted.settled(taken.all_rows)
    outcome = outcome_of(args, wanted, taken)
    shown = rendered(wanted, taken.rows, taken.sources)
    code = outcome.code
    if taken.rows or wanted.machine:
        lines = chain(shown.lines, _detail(args, wanted, taken))
        code = console.write_stdout((f"{line}\n" for line in lines), code)
    _report(wanted, taken, outcome)
    for line in _afterwards(wanted, outcome, contexts):
        console.print_stderr(line)
    return code


def _afterwards(
    wanted: Plan[R], outcome: Outcome, contexts: Sequence[SnapshotReader]
) -> Iterator[str]:
    """Return of when the past is, and where else a name is that was not found."""
    if not wanted.machine:
        for context in contexts:
            yield from context.note.splitlines()
    asked = contexts[0]
    alone = wanted.scope.single and len(contexts) == 1
    if outcome.unmatched and alone and isinstance(asked, ContextReader):
        from .naming import elsewhere  # noqa: PLC0415 - after a name not found

        yield from elsewhere(asked.client, wanted.view, outcome.unmatched)


def _ignored(args: Namespace) -> Iterator[str]:
    """Name the flags that change nothing beside the others, which is not always meant.

    kubectl ignores them as well, and says nothing.
    """
    if args.all_namespaces and (named := getattr(args, "namespaces", None)):
        yield f"-A is of all namespaces: -n {', '.join(named)} is ignored"
    if args.all_contexts and args.contexts:
        named = ", ".join(args.contexts)
        yield f"--all-contexts is of all contexts: --context {named} is ignored"
    if args.all and not args.fail_on:
        yield "--all goes with --fail-on, and is ignored; all namespaces are -A"


def _detail(args: Namespace, wanted: Plan[R], taken: Round[R]) -> Iterator[str]:
    """Return what a table shows below the only row, if it was asked for by name."""
    detail, found = wanted.view.detail, taken.results[0].snapshot
    narrowed = args.columns or args.no_headers or args.fail_on or wanted.machine
    if detail is None or found is None or narrowed or len(taken.rows) != 1:
        return iter(())
    if [row.name for row in found.nodes] != args.names:
        return iter(())
    return detail(taken.rows[0], found, wanted.table_options)


def _report(wanted: Plan[R], taken: Round[R], outcome: Outcome) -> None:
    """Write to stderr what the rows do not show."""
    for note in (*outcome.notes(), *outcome.verdict):
        console.print_stderr(note)
    explained = (
        outcome.unmatched, outcome.absent, outcome.unread, outcome.verdict,
        wanted.machine,
    )  # fmt: skip
    if not (taken.rows or any(explained)):
        console.print_stderr(_no_rows(wanted, taken))
    if not taken.judged and wanted.where:
        for hint in wanted.where.hints(taken.all_rows):
            console.print_stderr(hint)


def _no_rows(wanted: Plan[R], taken: Round[R]) -> str:
    """Return why no row is shown: in kubectl's words unless all were filtered out."""
    if taken.all_rows:
        return f"0 of {wanted.view.table.counted(len(taken.all_rows))} shown"
    namespaces = {result.namespace for result in taken.results}
    if not wanted.scope.single or len(namespaces) != 1:
        return "No resources found"
    return f"No resources found in {namespaces.pop()} namespace."


def _report_failure(
    wanted: Plan[R], taken: Round[R], contexts: Sequence[SnapshotReader]
) -> int:
    """Report why no context could be read, and what may be read instead."""
    pairs = zip(taken.results, contexts, strict=True)
    failures = [(r.context, r.error, context) for r, context in pairs if r.error]
    for name, error, context in failures:
        where = f"context {name}: " if name else ""
        console.print_stderr(f"error: {where}{error}")
        narrower = not (wanted.scope.single or wanted.view.of_nodes)
        live = context if isinstance(context, ContextReader) else None
        if live and narrower and isinstance(error, Forbidden):
            _suggest_namespace(live)
    return max(exit_code(error) for _, error, _ in failures)


def _suggest_namespace(context: ContextReader) -> None:
    """Name the namespace that may be read, where the server's reviews confirm it."""
    from ..doctor.permissions import readable_namespace  # noqa: PLC0415 - after a 403

    client = context.client
    namespace = client.run(readable_namespace(client.api, client.config.namespace))
    if namespace:
        console.print_stderr(f"namespace {namespace} may be read: -n {namespace}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextResult:
    """What was read of a context, or the *error* because of which nothing was.

    *context* is empty unless there are several, *name* is its name at any rate.
    *namespace* is the one asked for, or the context's own. *absent* names what was
    asked for and does not exist. *range* says which range of the past it is, and
    *unmatched* are the names of the command line that nothing in it has.
    """

    context: str
    name: str = ""
    namespace: str = ""
    absent: tuple[str, ...] = ()
    snapshot: Snapshot | None = None
    error: KubeMetricsError | None = None
    range: Mapping[str, Any] | None = None
    unmatched: tuple[str, ...] = ()

    @property
    def failures(self) -> Sequence[Failure]:
        """The parts that could not be read although others could."""
        return self.snapshot.failures if self.snapshot else ()


class ContextReader:
    """A context of the kubeconfig: connected when it is first read, until `close`.

    One of many *keeps* no connection once it is read: some systems allow a process no
    more than 256 files.
    """

    def __init__(
        self, args: Namespace, context: str | None, *, keeps: bool = True
    ) -> None:
        # A view reads the namespaces of -n by itself: the configuration's stays the
        # context's own, to fall back on.
        self._args = Namespace(**{**vars(args), "namespaces": None})
        self._context = context
        self._keeps = keeps
        self._client: Client | None = None
        self.on_warning: Callable[[str], None] = console.print_warning

    @property
    def label(self) -> str:
        """The context's name where there are several, else nothing."""
        return self._context or ""

    @property
    def name(self) -> str:
        """The context's name, empty without one, as in a pod, and before it is read."""
        return self._client.config.context if self._client else ""

    @property
    def note(self) -> str:
        """Nothing: what is shown is the present."""
        return ""

    @property
    def client(self) -> Client:
        """The client.

        Raises:
            KubeMetricsError: no usable configuration.
        """
        if self._client is None:
            self._client = Client(
                config_of(self._args, context=self._context),
                on_warning=self.on_warning,
            )
        return self._client

    def read(
        self, options: Callable[[str], SnapshotOptions], scope: Scope
    ) -> ContextResult:
        """Take a snapshot; an error is part of the result."""
        try:
            with caught(UsageError):
                client = self.client
                wanted = options(client.config.namespace)
                taken = client.run(snapshot(client.api, wanted))
                absent = self._absent(client, scope, taken)
        except KubeMetricsError as error:
            return ContextResult(context=self.label, name=self.name, error=error)
        finally:
            if not self._keeps and self._client is not None:
                disconnect(self._client)
        return ContextResult(
            context=self.label,
            name=self.name,
            namespace=scope.only or client.config.namespace,
            absent=absent,
            snapshot=taken,
        )

    def _absent(self, client: Client, scope: Scope, taken: Snapshot) -> tuple[str, ...]:
        node: str = getattr(self._args, "node", "")
        if not (scope.named or scope.kept or node):
            return ()
        from .naming import absent  # noqa: PLC0415 - where something is named

        return client.run(absent(client.api, node, scope, taken))

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()


class SnapshotReader(Protocol):
    """Where rows come from: a context of the kubeconfig, or a file."""

    on_warning: Callable[[str], None]

    @property
    def label(self) -> str:
        """Its name where there are several, else nothing."""
        ...

    @property
    def name(self) -> str:
        """The context's name, as far as it is known."""
        ...

    @property
    def note(self) -> str:
        """What people are told of it, in lines; nothing of the present."""
        ...

    def read(
        self, options: Callable[[str], SnapshotOptions], scope: Scope
    ) -> ContextResult:
        """Take a snapshot; an error is part of the result."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


def context_readers(args: Namespace) -> Sequence[SnapshotReader]:
    """Return the contexts asked for: one without a label unless there are several.

    Raises:
        ConfigError: a kubeconfig cannot be read at all.
        HistoryError: a file of the past cannot be read.
    """
    if args.files or args.at is not None:
        from .past import past_readers  # noqa: PLC0415 - for the past alone

        return past_readers(args)
    names: list[str] = list(dict.fromkeys(args.contexts or ()))
    if len(names) <= 1 and not args.all_contexts:
        return [ContextReader(args, None)]
    loaded = load(args.kubeconfig, os.environ)
    if args.all_contexts:
        names = [entry.name for entry in list_contexts(loaded)]
    args = Namespace(**{**vars(args), "kubeconfig": loaded})
    keeps = len(names) <= _AT_ONCE
    return [ContextReader(args, name, keeps=keeps) for name in names]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round(Generic[R]):
    """All contexts read once: *rows* as they are shown, out of *all_rows*.

    *judged* are those that ``--where`` leaves, *matching* those of them for which
    ``--fail-on`` holds. *unmatched* are the names of the command line that no row has.
    """

    results: Sequence[ContextResult]
    coverages: Sequence[Coverage]
    all_rows: Sequence[R]
    judged: Sequence[R]
    matching: Sequence[R]
    rows: Sequence[R]
    unmatched: tuple[str, ...]

    @property
    def date(self) -> datetime | None:
        """The latest of the servers' times."""
        dates = [r.snapshot.date for r in self.results if r.snapshot]
        return max(filter(None, dates), default=None)

    @property
    def latest(self) -> datetime | None:
        """The time of the newest sample."""
        found = [r.snapshot for r in self.results if r.snapshot]
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
                context=result.context or result.name,
                coverage=coverage if result.snapshot else None,
                snapshot=result.snapshot,
                error=str(result.error) if result.error else "",
                range=result.range,
            )
            for result, coverage in zip(self.results, self.coverages, strict=True)
        ]


class Rounds(Generic[R]):
    """Reads the same contexts for the same plan, again and again."""

    def __init__(
        self,
        args: Namespace,
        wanted: Plan[R],
        contexts: Sequence[SnapshotReader],
    ) -> None:
        self._plan = wanted
        self._contexts = contexts
        self._options = reads(args, wanted)
        self.show_progress: bool = True

    def keep_warnings(self, keep: Callable[[str], None]) -> None:
        """Hand the warnings of servers not read yet to *keep*, to be shown there."""
        for context in self._contexts:
            context.on_warning = keep

    def read(self) -> Round[R]:
        """Read all contexts once, side by side."""
        count = len(self._contexts) if self.show_progress else 0
        with ProgressBar.for_contexts(count) as bar:
            calls = [self._call(context, bar) for context in self._contexts]
            results = side_by_side(calls, limit=_AT_ONCE)
        return self._round(results)

    def _call(
        self, context: SnapshotReader, bar: ProgressBar
    ) -> Callable[[], ContextResult]:
        return lambda: context.read(
            lambda own: {**self._options(own), "progress": bar.progress},
            self._plan.scope,
        )

    def _round(self, results: Sequence[ContextResult]) -> Round[R]:
        found = [self._view_rows(result) for result in results]
        rows = [row for part in found for row in part.rows]
        names = [name for part in found for name in part.names]
        plan = self._plan
        judged = plan.arrange.kept(rows)
        judged = plan.arrange.sorted(judged)
        matching = list(filter(plan.fail_on, judged)) if plan.fail_on else []
        shown = matching if plan.only_matching else judged
        return Round(
            results=results,
            coverages=[part.coverage for part in found],
            all_rows=rows,
            judged=judged,
            matching=matching,
            rows=plan.arrange.first(shown),
            unmatched=self._unmatched(results, names),
        )

    def _unmatched(
        self, results: Sequence[ContextResult], names: Sequence[str]
    ) -> tuple[str, ...]:
        """Return the names that no row has, unless a row may have been missed."""
        nowhere = set[str].intersection(*(set(r.unmatched) for r in results))
        if nowhere:
            return tuple(name for name in results[0].unmatched if name in nowhere)
        part: PartName = "nodes" if self._plan.view.of_nodes else "pods"
        sure = all(r.snapshot and not r.snapshot.error(part) for r in results)
        return self._plan.selection.unmatched(names) if sure else ()

    def _view_rows(self, result: ContextResult) -> ViewRows[R]:
        if result.snapshot is None:
            return ViewRows((), Coverage(), ())
        return self._plan.view.find(
            result.context, result.snapshot, self._plan.selection
        )


def rendered(
    plan: Plan[R], rows: Sequence[R], sources: Sequence[RowSource]
) -> Rendered:
    """Return the lines of *rows* in the format asked for."""
    if plan.output == "name":
        return Rendered(_names(plan, rows), ())
    columns = plan.shown(rows)
    if plan.output == "md":
        from ..table.machine import markdown_lines  # noqa: PLC0415 - for it alone

        totals, options = plan.totals(rows), plan.table_options
        return Rendered(markdown_lines(rows, columns, options, totals), ())
    if plan.output not in MACHINES:
        return render(rows, columns, plan.table_options, plan.totals(rows))
    return Rendered(_machine_lines(plan, rows, sources), ())


def _machine_lines(
    plan: Plan[R], rows: Sequence[R], sources: Sequence[RowSource]
) -> Iterator[str]:
    from ..table import machine  # noqa: PLC0415 - not for a table

    table, columns = plan.view.table, plan.shown(rows)
    headers = plan.table_options.headers
    if plan.output in {"csv", "tsv"}:
        lines = machine.csv_lines if plan.output == "csv" else machine.tsv_lines
        return lines(columns, rows, headers=headers)
    if plan.output == "custom-columns":
        return machine.custom_lines(plan.template, columns, rows, headers=headers)
    if plan.output == "prometheus":
        return machine.prometheus_lines(table, columns, rows)
    if plan.output == "ndjson":
        return machine.ndjson_lines(table, columns, rows)
    described = [source.as_json() for source in sources]
    if plan.output == "yaml":
        document = machine.document(table, columns, rows, described)
        return iter([machine.yaml_text(document)])
    kept = chain.from_iterable(s.objects() for s in sources) if plan.whole else None
    return machine.json_lines(table, columns, rows, described, kept)


def check_names(plan: Plan[R]) -> None:
    """Check that rows can be written as names, if they are to be.

    Raises:
        UsageError: what is shown is no object of the API.
    """
    if plan.output == "name":
        _resource(plan)


def _names(plan: Plan[R], rows: Sequence[R]) -> Iterator[str]:
    """Return ``kind/name`` of each row, behind its namespace where there are several.

    The commands take both as names.
    """
    resource, table = _resource(plan), plan.view.table
    if plan.scope.single or not _in_namespaces(table):
        return map(printable, map(resource, rows))
    namespace = table.need("namespace").get
    return (printable(f"{namespace(row)}/{resource(row)}") for row in rows)


def _in_namespaces(table: Table[R]) -> bool:
    """Whether rows are objects in a namespace, and not namespaces themselves."""
    keys = table.identity.keys()
    return "namespace" in keys and bool(keys - {"context", "namespace"})


def _resource(plan: Plan[R]) -> Callable[[R], str]:
    if plan.view.resource is None:
        raise UsageError(f"-o name: {plan.view.table.nouns} are no objects of the API")
    return plan.view.resource


PARTIAL: Final = 4
MATCHED: Final = 10
_WARMING: Final = (
    "the metrics API is warming up: nodes are Ready and it has a sample of nothing yet;"
    " it needs two scrapes, so try again in a minute"
)
_OWN_CLOCK: Final = "no answer has a Date: ages are by the clock of this machine"
_SAMPLES: Final = {True: "node metrics", False: "pod metrics"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a round went, beside its rows: the exit code and the notes for people.

    *unmatched* names are of none of the *nouns* there are. *matched*: ``--fail-on``
    did, and *verdict* are its lines; *gated*: it was asked for. *strict* counts what is
    missing as a failure. *of_nodes*: nodes were shown. *all_known*: others lack a
    value, and no row of the few that are shown.
    """

    results: Sequence[ContextResult]
    coverages: Sequence[Coverage]
    unmatched: tuple[str, ...] = ()
    matched: bool = False
    verdict: tuple[str, ...] = ()
    gated: bool = False
    strict: bool = False
    of_nodes: bool = False
    nouns: str = ""
    one_namespace: bool = False
    all_known: bool = False

    @property
    def code(self) -> int:
        """The exit code: the first of these that holds."""
        if self.matched:
            return MATCHED
        errors = [r.error for r in self.results if r.error is not None]
        if errors:
            return max(map(exit_code, errors))
        if self._metrics_unavailable():
            return 3
        if self.unmatched or self.unread or (self.absent and self._strict):
            return 1
        return PARTIAL if self.strict and not self._complete() else 0

    @property
    def absent(self) -> bool:
        """Whether a namespace or node that was named does not exist."""
        return any(result.absent for result in self.results)

    @property
    def _strict(self) -> bool:
        """Whether there is a gate, which nothing at all must not satisfy."""
        return self.strict or self.gated

    @property
    def unread(self) -> bool:
        """Whether what was asked for could not be read, in one namespace or more."""
        return any(map(self._unread_in, self.results))

    def notes(self) -> Iterator[str]:
        """Return lines for people: errors, lost items, names not found, coverage."""
        for result in self.results:
            where = f"context {result.context}: " if result.context else ""
            if result.error is not None:
                yield f"error: {where}{result.error}"
            failures = [f for f in result.failures if not self._of_no_interest(f)]
            yield from (f"{where}{line}" for line in _failure_lines(failures))
            yield from (f"{where}{line}" for line in _unreadable(result.snapshot))
        yield from self._not_found()
        for result, coverage in zip(self.results, self.coverages, strict=True):
            where = f"context {result.context}: " if result.context else ""
            if result.snapshot and result.snapshot.warming:
                yield f"{where}{_WARMING}"
            if result.snapshot and result.snapshot.own_clock:
                yield f"{where}{_OWN_CLOCK}"
            if result.snapshot and not (coverage.complete or self.all_known):
                yield f"{where}{coverage.sentence}"

    def _complete(self) -> bool:
        return (
            all(coverage.complete for coverage in self.coverages)
            and all(map(self._of_no_interest, self._failures()))
            and not any(r.snapshot.unreadable for r in self.results if r.snapshot)
        )

    def _not_found(self) -> Iterator[str]:
        namespaces = {r.namespace for r in self.results if r.namespace}
        one = self.one_namespace and len(namespaces) == 1
        where = f" in namespace {namespaces.pop()}" if one else ""
        for result in self.results:
            context = f"context {result.context}: " if result.context else ""
            yield from (f"error: {context}{name} not found" for name in result.absent)
        if one and all(result.absent for result in self.results):
            return  # what a namespace lacks that there is not is no news
        for name in self.unmatched:
            yield f'error: {self.nouns} "{name}" not found{where}'

    def _of_no_interest(self, failure: Failure) -> bool:
        """Whether only shares of nodes are lost, and the user may not read nodes."""
        of_nodes = failure.part in {"nodes", "node metrics"}
        return of_nodes and not self.of_nodes and _is_forbidden(failure)

    def _metrics_unavailable(self) -> bool:
        part = _SAMPLES[self.of_nodes]
        return any(
            f.part == part and isinstance(f.error, MetricsUnavailable)
            for f in self._failures()
        )

    def _unread_in(self, result: ContextResult) -> bool:
        """Whether some namespace, or the nodes, could not be read at all.

        One of the two lists is enough where the other is forbidden; one that failed is
        different: nobody knows what it would have held.
        """
        kinds = {"nodes" if self.of_nodes else "pods", _SAMPLES[self.of_nodes]}
        if any(f.part in kinds and not _is_forbidden(f) for f in result.failures):
            return True
        failed: dict[str, set[str]] = {}
        for failure in result.failures:
            failed.setdefault(failure.namespace, set()).add(failure.part)
        return any(kinds <= parts for parts in failed.values())

    def _failures(self) -> list[Failure]:
        return [failure for result in self.results for failure in result.failures]


def _is_forbidden(failure: Failure) -> bool:
    return isinstance(failure.error, Forbidden)


def _failure_lines(failures: Sequence[Failure]) -> Iterator[str]:
    """Say what could not be read, in one line for all that has the same cause."""
    causes: dict[str, list[str]] = {}
    for failure in failures:
        where = f" in namespace {failure.namespace}" if failure.namespace else ""
        causes.setdefault(str(failure.error), []).append(f"{failure.part}{where}")
    for cause, parts in causes.items():
        yield f"cannot read {_listed(parts)}: {cause}"


_LISTED: Final = 3
"""The parts that a line names."""


def _listed(parts: Sequence[str]) -> str:
    more = len(parts) - _LISTED
    named = [*parts[:_LISTED], *([f"{more} more"] if more > 0 else [])]
    *most, last = named
    return f"{', '.join(most)} and {last}" if most else last


def _unreadable(snapshot: Snapshot | None) -> Iterator[str]:
    """Name the first item of each part that could not be read, and count the rest."""
    found: dict[str, list[UnreadableItem]] = {}
    for lost in snapshot.unreadable if snapshot else ():
        found.setdefault(lost.part, []).append(lost.item)
    for part, items in found.items():
        more = f" (and {len(items) - 1} more)" if items[1:] else ""
        yield f"cannot read one of the {part}: {items[0].error}{more}"


def outcome_of(args: Namespace, wanted: Plan[R], taken: Round[R]) -> Outcome:
    """Return how a round went."""
    return Outcome(
        results=taken.results,
        coverages=taken.coverages,
        unmatched=taken.unmatched,
        matched=bool(taken.matching),
        verdict=tuple(_verdict(wanted, taken)),
        gated=wanted.fail_on is not None,
        strict=args.strict,
        of_nodes=wanted.view.of_nodes,
        nouns=wanted.view.named,
        one_namespace=wanted.scope.single,
        all_known=not args.strict and _all_known(wanted, taken),
    )


def _all_known(wanted: Plan[R], taken: Round[R]) -> bool:
    """Whether rows were left out, and those that are shown have their values."""
    reason = wanted.view.table.need("reason").get
    fewer = len(taken.rows) < len(taken.all_rows)
    return fewer and not any(reason(row) for row in taken.rows)


def _verdict(wanted: Plan[R], taken: Round[R]) -> Iterator[str]:
    """Return the lines of ``--fail-on``: in a watch those of its end alone."""
    if wanted.fail_on is None or (wanted.watched and not taken.matching):
        return iter(())
    return _gate_lines(wanted, taken.matching, taken.judged, taken.all_rows)


def _gate_lines(
    wanted: Plan[R], matching: Sequence[R], judged: Sequence[R], read: Sequence[R]
) -> Iterator[str]:
    """Return lines on ``--fail-on``: which rows are *matching* of those *judged*.

    *read* are all rows that were read.
    """
    gate = wanted.fail_on
    if gate is None:
        return
    counted = wanted.view.table.counted
    if matching:
        some = "; ".join(_matching_row(wanted, gate, row) for row in matching[:_NAMED])
        more = len(matching) - _NAMED
        rest = f"; and {more} more" if more > 0 else ""
        verb = agreeing(len(matching), "matches", "match")
        count = f"{len(matching)} of {counted(len(judged))} {verb}"
        yield f"--fail-on: {count} '{gate.text}': {some}{rest}"
    elif gate.judges(judged):
        yield f"--fail-on: 0 of {counted(len(judged))} match '{gate.text}'"
        yield from gate.hints(judged)
    else:
        why = f" ('{gate.text}' can be told of none)" if judged else ""
        yield f"--fail-on: 0 of {counted(len(read))} judged{why}"


def _matching_row(wanted: Plan[R], gate: Expression[R], row: R) -> str:
    """Name a row, with its value in each column that the gate asks for."""
    table = wanted.view.table
    names = [table.need(key) for key in table.identity]
    name = "/".join(str(value) for c in names if (value := c.get(row)))
    shown = [c for c in gate.columns if c.key not in table.identity]
    units = wanted.table_options.units
    values = ", ".join(f"{c.key} {_gate_cell(c, row, units)}" for c in shown)
    return f"{name} ({values})" if values else name


def _gate_cell(column: Column[R], row: R, units: Units) -> str:
    value = column.get(row)
    if value is None:
        return UNKNOWN
    mark = column.mark(row) if column.mark else ""
    return marked(mark, formatter(column.kind, units, [value])(value))
