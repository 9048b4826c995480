"""``kubemetrics history``: what a recorded range comes to, by owner or other keys."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .. import console
from ..commandline import CommandSpec, Parser, UsageError, config_of, length_of_time
from ..errors import HistoryError
from ..text import quoted
from .view_commands import add_figures, plan, prices_of

if TYPE_CHECKING:
    from ..history.figures import Trace
    from ..history.reading import History, HistoryGap, PodSilence
    from ..serve.handover import Level, RecordedSource
    from ..snapshot import SnapshotOptions
    from ..snapshot.parts import Scope
    from ..table.columns import Table
    from ..views.ranges import RangeRow
    from .run import ContextResult

_DESCRIPTION: Final = """\
Show what was used in a range of what 'kubemetrics record' kept: exact sums, means,
percentiles, the largest sample, and how much of the time was measured. No server is
asked. '~' marks a lower bound: less than 95 % of the time was measured, of CPU or of
memory; a mean of one series is over what was measured of that resource.

A sum of several series has the percentiles of the sum, step by step. Where samples are
gone and hours stand in for them, those of one series are up to 5 % + 1m high, and of
a sum there are none: --by owner,pod,container has them.

TIME is 2026-11-25T14:05:00Z, '2026-11-25 14:05' or 14:05 here, or 24h, 3d ago.

-o openmetrics hands every sample of the range over, with its time and the families of
'kubemetrics serve': counters that begin at 0 with the range, so that the last value
less the first is what was used (Prometheus's increase() guesses a little at the ends of
a series), and the working set. Of hours whose samples are gone there is one value, its
memory the hour's largest sample. Nodes are among it where neither NAME nor -n chooses.
Into a Prometheus that has its blocks in DIR, or a VictoriaMetrics (times in ms):
  kubemetrics history -o openmetrics --since 30d > h.om
  promtool tsdb create-blocks-from openmetrics h.om DIR
  sed -E '/^#/d; s/\\.([0-9]{3})$/\\1/' h.om |
    curl -X POST -T - http://HOST:8428/api/v1/import/prometheus

The view 'usage' is for SQL, with a row for each sample: at (seconds since 1970), time
(UTC), kind (pod or node), namespace, name, node, owner_kind, owner, container, seconds
(its window), cores, core_seconds, bytes. Any number may read while a file is written:
  sqlite3 FILE "select owner, sum(core_seconds) from usage group by 1"
  pandas.read_sql("select * from usage where owner = 'api'", sqlite3.connect(FILE))
  duckdb -c "install sqlite; attach 'FILE' as f (type sqlite);
    select owner, max(bytes) from f.usage group by 1"
Copy one that is written with sqlite3 FILE ".backup COPY", never with cp."""
_EXAMPLES: Final = """\
  kubemetrics history
  kubemetrics history -n team-a --since 24h --sort -mem.max
  kubemetrics history deployment/api --by pod,container -o wide
  kubemetrics history --from prod.db --since 7d --by namespace -o csv
  kubemetrics history --where 'oom_kills > 0'
  kubemetrics history --by namespace,label:app --since 7d
  kubemetrics history --level node --sort -cpu.p95
  kubemetrics history -o openmetrics --since 30d > h.om"""


_BY: Final = "owner"
_BY_NODE: Final = "node"


def _add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME",
        help="workloads, as api or deployment/api; or nodes, as node/worker-1",
    )  # fmt: skip
    group = parser.add_argument_group("which")
    group.add_argument(
        "--from", dest="files", action="append", default=[], metavar="FILE",
        help="a file of kubemetrics record; else that of the context; may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--since", metavar="TIME", help="from then on, as 24h ago, 14:05 or a date"
    )
    group.add_argument("--until", metavar="TIME", help="up to then")
    group.add_argument(
        "--by", default=_BY, metavar="KEY[,KEY...]",
        help="sum up by namespace, owner (the default), pod, container, node or"
        " label:NAME, which a pod had last",
    )  # fmt: skip
    group.add_argument(
        "--level", choices=("pod", "node"), metavar="LEVEL",
        help="pod (the default), or node: what nodes say of themselves, with what is no"
        " pod's; --by node sums up the pods on each",
    )  # fmt: skip
    group.add_argument(
        "--step", metavar="DURATION",
        help="the length of a step of a sum's percentiles; else the provider's cadence",
    )  # fmt: skip
    add_figures(parser, _OPENMETRICS)


_OPENMETRICS: Final = "openmetrics"
_OF_ROWS: Final = (
    "step", "where", "sort", "top", "columns", "price", "sum", "no_headers", "fail_on",
    "all", "strict",
)  # fmt: skip
"""The flags that are of rows, which samples that are handed over are not."""
_OF_VIEWS: Final[Mapping[str, object]] = {
    "all_namespaces": False, "all_contexts": False, "at": None, "selector": "",
    "field_selector": "", "node": "", "chunk_size": "1000", "exclude_namespace": [],
}  # fmt: skip
"""What the flags of other views are where a range has none."""


def _run(args: Namespace) -> int:
    """Show the range.

    Raises:
        UsageError: a flag is wrong.
        HistoryError: a file cannot be read.
    """
    from ..views.ranges import priced_range, range_view  # noqa: PLC0415 - not for --help
    from .run import run  # noqa: PLC0415 - not for --help

    if args.watch is not None:
        raise UsageError("-w follows the present, and history shows the past")
    if args.output == _OPENMETRICS:
        _check_rows(args)
    by, of_nodes = _by(args), _of_nodes(args)
    args = Namespace(**{**vars(args), **_OF_VIEWS})
    found: dict[str, Sequence[RangeRow]] = {}
    files = args.files or [_own(args)]
    names = [Path(file).stem for file in files]
    labels = names if len(set(names)) == len(names) else files
    readers = [
        RangeReader(args, file, label if files[1:] else "", by, found)
        for file, label in zip(files, labels, strict=True)
    ]
    names, args.names = args.names, []
    for reader in readers:
        reader.names = names
    view = range_view(
        by, lambda label: found[label], "nodes" if of_nodes else "workloads"
    )
    if args.price is not None:
        view = replace(view, table=priced_range(view.table, prices_of(args)))
    if args.output == _OPENMETRICS:
        scope = plan(args, view, console.terminal("never")).scope
        nodes = of_nodes or not (names or args.namespaces)
        return _hand_over(readers, scope, nodes=nodes)
    return run(args, view, readers)


def _check_rows(args: Namespace) -> None:
    """Refuse what would not change what is handed over."""
    given = [flag for flag in _OF_ROWS if getattr(args, flag)]
    if given or args.by != _BY:
        flag = (given or ["by"])[0].replace("_", "-")
        raise UsageError(
            f"--{flag} is of rows, and -o {_OPENMETRICS} has every sample: choose by"
            " NAME, -n, --since and --until"
        )


def _hand_over(readers: Sequence[RangeReader], scope: Scope, *, nodes: bool) -> int:
    """Write every sample; the file ends with ``# EOF`` only where all was read."""
    from ..serve.handover import END, written  # noqa: PLC0415 - for one format

    with ExitStack() as stack:
        sources = [reader.source(stack, scope, nodes=nodes) for reader in readers]
        lines = written(sources)
        first = next(lines)
        if first == END:
            console.print_stderr("No samples found")
        return console.write_stdout(chain((first,), lines))


def _own(args: Namespace) -> str:
    from ..history.store import default_path  # noqa: PLC0415

    config = config_of(Namespace(**{**vars(args), "namespaces": None}))
    return os.fspath(default_path(config.context, os.environ))


def _by(args: Namespace) -> list[str]:
    from ..views.ranges import RANGE_KEYS  # noqa: PLC0415

    keys = [word.strip() for word in args.by.split(",") if word.strip()]
    for key in keys:
        if key not in RANGE_KEYS and not _is_label(key):
            raise UsageError(
                f"--by: cannot sum a range by {quoted(key)}: choose from"
                f" {', '.join(RANGE_KEYS)}, label:NAME"
            )
    if not _of_nodes(args):
        return list(dict.fromkeys(keys)) or [_BY]
    if keys == [_BY]:
        return [_BY_NODE]
    for key in keys:
        if key != _BY_NODE and not _is_label(key):
            raise UsageError(
                f"--by {key} is of pods: nodes are summed up by node or label:NAME"
            )
    return list(dict.fromkeys(keys)) or [_BY_NODE]


def _is_label(key: str) -> bool:
    from ..snapshot.rollup import LABEL  # noqa: PLC0415

    return key.startswith(LABEL) and key != LABEL


def _of_nodes(args: Namespace) -> bool:
    """Whether nodes' own samples are asked for, by the level or by names.

    Raises:
        UsageError: not by all that is given.
    """
    from .naming import canonical  # noqa: PLC0415

    given = vars(args)
    names: Sequence[str] = given.get("names") or ()
    nodes = [n for n in names if canonical(n, "workloads").startswith("node/")]
    level = given.get("level") or ("node" if nodes else "pod")
    if level == "pod":
        if nodes:
            raise UsageError(f"{quoted(nodes[0])} is no pod's: leave --level pod out")
        return False
    if given.get("level") is None and len(nodes) < len(names):
        raise UsageError("nodes and workloads have no table in common: ask one by one")
    if given.get("namespaces"):
        raise UsageError("-n is of pods: a node has no namespace")
    return True


class RangeReader:
    """Reads a range of one file; its rows are put into *found* by its label."""

    def __init__(
        self,
        args: Namespace,
        file: str,
        label: str,
        by: Sequence[str],
        found: dict[str, Sequence[RangeRow]],
    ) -> None:
        self._kind = "node" if _of_nodes(args) else "pod"
        from .past import past_time  # noqa: PLC0415

        now = datetime.now(UTC)
        self._file = file
        self._by = by
        self._found = found
        self._step = (
            None
            if args.step is None
            else max(int(length_of_time("--step", args.step).total_seconds()), 1)
        )
        self._since, self._until = (
            None if text is None else past_time(flag, text, now)
            for flag, text in (("--since", args.since), ("--until", args.until))
        )
        if self._since and self._until and self._since >= self._until:
            raise UsageError(
                f"--since {args.since} is not before --until {args.until}: both are"
                " moments, and an age is counted back from now"
            )
        self.names: Sequence[str] = ()
        self._missing: set[str] = set()
        self.label: str = label
        self.name: str = ""
        self.note: str = ""
        self.on_warning: Callable[[str], None] = console.print_warning

    def read(
        self,
        options: Callable[[str], SnapshotOptions],  # noqa: ARG002 - of the present
        scope: Scope,
    ) -> ContextResult:
        """Read the range and sum it up."""
        from ..history.reading import open_history  # noqa: PLC0415
        from ..snapshot import Snapshot  # noqa: PLC0415
        from ..views.ranges import RangeRow, range_key  # noqa: PLC0415
        from .run import ContextResult  # noqa: PLC0415

        wanted = self._keeps(scope)
        objects: set[tuple[str, str]] = set()

        def keep(trace: Trace) -> bool:
            kept = wanted(trace)
            if kept:
                objects.add((trace.namespace, trace.name))
            return kept

        with closing(open_history(self._file)) as history:
            self.name = history.context
            try:
                self._check_range(history)
            except HistoryError as error:
                return ContextResult(context=self.label, name=self.name, error=error)
            found = history.figures_by(
                range_key(self._by, self._labels(history)),
                since=self._since,
                until=self._until,
                step=self._step,
                kind=self._kind,
                keep=keep,
            )
            of_nodes = self._kind == "node"
            rows = [RangeRow(key, figures, of_nodes) for key, figures in found]
            self._found[self.label] = rows
            seen = _Seen(self._kind, objects)
            about = _about(history, seen, rows, (self._since, self._until))
        self.note = _in_words(about, self._file)
        if any(row.figures.series > 1 and not row.figures.percentiles for row in rows):
            self.note += f"\n{_OF_HOURS}"
        if any(map(_is_label, self._by)):
            self.note += f"\nlabels as each {self._kind} had them last"
        return ContextResult(
            context=self.label,
            name=self.name,
            unmatched=tuple(name for name in self.names if name in self._missing),
            namespace="".join(scope.named) if scope.single else "",
            snapshot=Snapshot(),
            range={"file": self._file, **_as_json(about, self._step)},
        )

    def _labels(self, history: History) -> Mapping[str, Mapping[str, str]]:
        """Return the labels of all that is summed up by them."""
        if not any(map(_is_label, self._by)):
            return {}
        return history.labels(since=self._since, until=self._until, kind=self._kind)

    def source(self, stack: ExitStack, scope: Scope, *, nodes: bool) -> RecordedSource:
        """Open the file until *stack* ends; return its samples, to be handed over."""
        from ..history.reading import open_history  # noqa: PLC0415
        from ..serve.handover import RecordedSource  # noqa: PLC0415

        history = stack.enter_context(open_history(self._file))
        self._check_range(history)
        wanted = self._keeps(scope)

        def keep(trace: Trace, level: Level) -> bool:
            own = "container" if trace.container else "pod"
            return own == level and wanted(trace)

        read = partial(history.iter_traces, since=self._since, until=self._until)

        def traces(level: Level) -> Iterator[Trace]:
            if self._kind == "node":
                return read(kind="node", keep=wanted) if level == "node" else iter(())
            if level != "node":
                return read(keep=lambda trace: keep(trace, level))
            return read(kind="node") if nodes else iter(())

        return RecordedSource(self.label, traces)

    def _check_range(self, history: History) -> None:
        """Refuse a range of which nothing was recorded.

        Raises:
            HistoryError: it is one; says what there is.
        """
        since, until = history.range(self._since, self._until)
        if since >= until:
            raise HistoryError(
                f"{self._file}: nothing was recorded in that range: it has"
                f" {_from_to(*history.range())}"
            )

    def _keeps(self, scope: Scope) -> Callable[[Trace], bool]:
        from ..snapshot.parts import is_glob, matcher  # noqa: PLC0415
        from .naming import canonical  # noqa: PLC0415

        named = matcher(scope.named) if scope.named else scope.keeps
        of_nodes = self._kind == "node"
        own = "nodes" if of_nodes else "workloads"
        wanted = {name: canonical(name, own) for name in self.names}
        matchers = {name: matcher((word,)) for name, word in wanted.items()}
        self._missing = {name for name in wanted if not is_glob(name)}

        def keep(trace: Trace) -> bool:
            if not of_nodes and not named(trace.namespace):
                return False
            kind = trace.owner_kind.lower()
            owned = (trace.owner, f"{kind}/{trace.owner}", trace.name)
            found = {n for n, matches in matchers.items() if any(map(matches, owned))}
            self._missing -= found
            return bool(found) or not wanted

        return keep

    def close(self) -> None:
        """Do nothing: the file was closed when it had been read."""


class _Seen(NamedTuple):
    """The objects of a *kind* that there were, each by namespace and name."""

    kind: str
    objects: Collection[tuple[str, str]]


class _About(NamedTuple):
    """Which range was read, and where nothing was measured; in seconds."""

    since: int
    until: int
    seen: _Seen
    samples: int
    cadence: int
    gaps: Sequence[HistoryGap]
    silences: Sequence[PodSilence]


def _about(
    history: History,
    seen: _Seen,
    rows: Sequence[RangeRow],
    bounds: tuple[datetime | None, datetime | None],
) -> _About:
    since, until = bounds
    return _About(
        *history.range(since, until),
        seen=seen,
        samples=sum(row.figures.samples for row in rows),
        cadence=history.step,
        gaps=history.gaps(since=since, until=until),
        silences=[
            one
            for one in history.silences(since=since, until=until)
            if seen.kind == "pod" and (one.namespace, one.name) in seen.objects
        ],
    )


_OF_HOURS: Final = (
    "of hours no percentile and no maximum of a sum is known: --by owner,pod,container,"
    " or a later --since"
)
_GAPS: Final = 3
"""Gaps that are told one by one."""


def _in_words(about: _About, file: str) -> str:
    kind, number = about.seen.kind, len(about.seen.objects)
    found = (
        f"{_from_to(about.since, about.until)}, {number:,}"
        f" {kind}{'' if number == 1 else 's'},"
        f" {about.samples:,} samples each"
        f" {about.cadence} s: {file}"
    )
    longest = sorted(about.gaps, key=lambda gap: gap.since - gap.until)[:_GAPS]
    told = [
        f"gap {_from_to(gap.since, gap.until)}: {_brief(gap.cause)}"
        for gap in sorted(longest)
    ]
    rest = len(about.gaps) - len(told)
    more = [f"{rest} shorter gap{'' if rest == 1 else 's'}"] if rest else []
    return "\n".join((found, *told, *more, *_silent(about.silences)))


def _silent(silences: Sequence[PodSilence]) -> Iterator[str]:
    """Name, for each reason, some of the pods that had no samples, and how long."""
    reasons: dict[str, list[PodSilence]] = {}
    for one in silences:
        reasons.setdefault(one.reason, []).append(one)
    for reason, found in sorted(reasons.items()):
        longest = max(one.until - one.since for one in found)
        names = list(dict.fromkeys(f"{one.namespace}/{one.name}" for one in found))
        more = len(names) - _NAMED
        rest = f" and {more} more" if more > 0 else ""
        yield (
            f"{reason}: {', '.join(names[:_NAMED])}{rest}, for up to"
            f" {_length(longest)} without samples"
        )


_NAMED: Final = 3


def _length(seconds: int) -> str:
    from ..times import two_units  # noqa: PLC0415

    return two_units(timedelta(seconds=seconds))


def _brief(cause: str) -> str:
    """Return the name of a cause that has one, else its beginning."""
    name, colon, _ = cause.partition(": ")
    named = colon and name.partition(" (")[0] in {"MetricsUnavailable", "Forbidden"}
    return name if named else cause if len(cause) <= _CAUSE else f"{cause[:_CAUSE]}..."


_CAUSE: Final = 100
"""Characters of a cause; -o json has all of them."""


def _from_to(since: int, until: int) -> str:
    from ..times import zoned_range  # noqa: PLC0415

    return zoned_range(*(datetime.fromtimestamp(at, UTC) for at in (since, until)))


def _as_json(about: _About, step: int | None) -> dict[str, Any]:
    from ..times import rfc3339_of  # noqa: PLC0415

    kind, number = about.seen.kind, len(about.seen.objects)
    return {
        "since": rfc3339_of(about.since),
        "until": rfc3339_of(about.until),
        "cadence": about.cadence,
        "step": step or about.cadence,
        "pods": number if kind == "pod" else None,
        "nodes": number if kind == "node" else None,
        "samples": about.samples,
        "gaps": [
            {
                "since": rfc3339_of(gap.since),
                "until": rfc3339_of(gap.until),
                "cause": gap.cause,
            }
            for gap in about.gaps
        ],
        "silences": [
            {
                "namespace": one.namespace,
                "pod": one.name,
                "since": rfc3339_of(one.since),
                "until": rfc3339_of(one.until),
                "reason": one.reason,
            }
            for one in about.silences
        ],
    }


def _table(args: Namespace) -> Table[Any]:
    from ..views.ranges import range_table  # noqa: PLC0415

    return range_table(_by(args))


HISTORY: Final = CommandSpec(
    _DESCRIPTION, _EXAMPLES, _add_arguments, _run, table=_table
)
