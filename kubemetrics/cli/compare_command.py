"""``kubemetrics compare``: what a pod of a workload used before and after a rollout."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .. import console
from ..commandline import CommandSpec, Parser, UsageError, config_of
from ..text import quoted

if TYPE_CHECKING:
    from ..history.comparison import PodFigures, WorkloadPeriod
    from ..history.figures import Trace
    from ..history.reading import History

_DESCRIPTION: Final = """\
Compare what a pod of a workload used before and after its last rollout, by what
'kubemetrics record' kept: the last two templates with 20 samples or more, or two ranges
of time. No server is asked.

In brackets is the range of the replicas' own means; whether the mean after lies in that
of before is said, and no significance is claimed. The amounts are of one pod, the sum
of its containers; 'max' is the largest sample, and what is between is not seen."""
_EXAMPLES: Final = """\
  kubemetrics compare deployment/api -n team-a
  kubemetrics compare api --from prod.db -o json
  kubemetrics compare cronjob/report --before 8d..7d --after 24h..0h
  kubemetrics compare api --before 33h..25h --after 9:00..17:00"""


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("workload", metavar="WORKLOAD", help="as api or deployment/api")
    group = parser.add_argument_group("which")
    group.add_argument(
        "--from", dest="file", metavar="FILE",
        help="the file of kubemetrics record; else that of the context",
    )  # fmt: skip
    group.add_argument(
        "--before", metavar="T..T", help="a range of time, in place of a template"
    )
    group.add_argument("--after", metavar="T..T", help="and the one to compare it with")
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", "--output", choices=tuple(_FORMATS), default="table", metavar="FORMAT",
        help="table (the default), json or csv",
    )  # fmt: skip


class _Compared(NamedTuple):
    """A workload in its two periods."""

    context: str
    namespace: str
    kind: str
    name: str
    before: WorkloadPeriod
    after: WorkloadPeriod


def _run(args: Namespace) -> int:
    """Compare.

    Raises:
        UsageError: a flag is wrong.
        HistoryError: a file cannot be read, or has not enough to compare.
    """
    from ..history.reading import open_history  # noqa: PLC0415 - not for --help
    from ..history.store import default_path  # noqa: PLC0415 - not for --help

    if (args.before is None) != (args.after is None):
        raise UsageError("--before and --after go together: give both, or none")
    now = datetime.now(UTC)
    ranges = [
        _range(flag, text, now)
        for flag, text in (("--before", args.before), ("--after", args.after))
        if text is not None
    ]
    file = args.file
    if file is None:
        config = config_of(Namespace(**{**vars(args), "namespaces": None}))
        file = os.fspath(default_path(config.context, os.environ))
    with open_history(file) as history:
        found = _compared(history, args, ranges)
    return console.write_stdout((_FORMATS[args.output](found),))


_Range = tuple[datetime, datetime]


def _range(flag: str, text: str, now: datetime) -> _Range:
    from .past import past_time  # noqa: PLC0415 - not for --help

    first, dots, last = text.partition("..")
    if not dots:
        raise UsageError(f"{flag} takes two times, as 3d..1d, not {quoted(text)}")
    since, until = past_time(flag, first, now), past_time(flag, last, now)
    if since >= until:
        raise UsageError(f"{flag}: {quoted(text)} ends before it begins")
    return since, until


def _compared(history: History, args: Namespace, ranges: Sequence[_Range]) -> _Compared:
    chosen = _Choice(args)
    if ranges:
        before, after = (_period(history, chosen, bounds) for bounds in ranges)
        return _Compared(history.context, *chosen.owner(history), before, after)
    traces = history.traces(keep=chosen.keeps)
    owner = chosen.owner(history)
    return _Compared(history.context, *owner, *_templates(history, traces, owner))


class _Choice:
    """Chooses the series of the workload that is named, and sees which others are."""

    def __init__(self, args: Namespace) -> None:
        from ..snapshot.parts import matcher  # noqa: PLC0415 - not for --help
        from .naming import canonical  # noqa: PLC0415 - not for --help

        self._name = canonical(args.workload, "workloads")
        self._named = matcher(args.namespaces or ("*",))
        self._owners: set[tuple[str, str, str]] = set()
        self._others: set[str] = set()

    def keeps(self, trace: Trace) -> bool:
        """Whether a series is of it."""
        if not trace.owner or not self._named(trace.namespace):
            return False
        names = (f"{trace.owner_kind.lower()}/{trace.owner}", trace.owner)
        if self._name not in names:
            self._others.update(names)
            return False
        self._owners.add((trace.namespace, trace.owner_kind, trace.owner))
        return True

    def owner(self, history: History) -> tuple[str, str, str]:
        """Return namespace, kind and name of the one that was found.

        Raises:
            HistoryError: there is none, or more than one.
        """
        from ..errors import HistoryError  # noqa: PLC0415

        if len(self._owners) == 1:
            return next(iter(self._owners))
        if self._owners:
            found = (f"{k.lower()}/{n} -n {space}" for space, k, n in self._owners)
            raise HistoryError(
                f"{self._name} is more than one workload, name one:"
                f" {', '.join(sorted(found)[:_SHOWN])}"
            )
        raise HistoryError(
            f"{history.path}: no workload {self._name} was recorded{self._near()}"
        )

    def _near(self) -> str:
        from difflib import get_close_matches  # noqa: PLC0415 - after a mistake

        close = get_close_matches(self._name[:300], sorted(self._others), n=1)
        return f"; did you mean {close[0]}?" if close else ""


_SHOWN: Final = 5


def _period(history: History, chosen: _Choice, bounds: _Range) -> WorkloadPeriod:
    from ..errors import HistoryError  # noqa: PLC0415
    from ..history.comparison import period  # noqa: PLC0415
    from ..times import zoned  # noqa: PLC0415

    since, until = bounds
    traces = history.traces(since=since, until=until, keep=chosen.keeps)
    found = period(traces, *history.range(since, until))
    if not found.samples:
        history.traces(keep=lambda trace: chosen.keeps(trace) and False)
        chosen.owner(history)
        first, last = (
            datetime.fromtimestamp(at, UTC) for at in (history.first, history.last)
        )
        raise HistoryError(
            f"{history.path}: it has no samples of it from {zoned(since)} to"
            f" {zoned(until)}: recorded is {zoned(first)} to {zoned(last)}"
        )
    return found


def _templates(
    history: History, traces: Sequence[Trace], owner: tuple[str, str, str]
) -> tuple[WorkloadPeriod, WorkloadPeriod]:
    from ..errors import HistoryError  # noqa: PLC0415
    from ..history.comparison import ENOUGH, last_templates  # noqa: PLC0415

    found = last_templates(traces)
    if found is not None:
        return found
    _, kind, name = owner
    known = len({trace.template for trace in traces} - {""})
    why = (
        f"has no two templates with {ENOUGH} samples each, of {known} recorded"
        if known > 1
        else "has not been rolled out since it is recorded"
        if known
        else "has no templates to tell before from after"
    )
    raise HistoryError(
        f"{history.path}: {kind.lower()}/{name} {why}: give --before T..T --after T..T"
    )


def _length(period: WorkloadPeriod) -> str:
    from ..times import two_units  # noqa: PLC0415

    return two_units(timedelta(seconds=period.until - period.since))


def _change(before: Fraction | int | None, after: Fraction | int | None) -> str:
    from ..history.comparison import change  # noqa: PLC0415

    found = change(before, after)
    return "" if found is None else f"{round(found * 100):+d}%"


def _show(kind: Any, found: _Compared) -> Callable[[Fraction | int | None], str]:  # noqa: ANN401 - a Kind
    """Return what writes amounts, all of them in one unit."""
    from ..quantity import Quantity  # noqa: PLC0415
    from ..table.columns import UNKNOWN, Units, formatter  # noqa: PLC0415

    scale = 1 if kind == "cpu" else 10**9

    def quantity(value: Fraction | int) -> Quantity:
        return Quantity.from_nanos(int(value * scale))

    sides = (_of(found.before, kind), _of(found.after, kind))
    means = [quantity(side.mean) for side in sides if side.mean is not None]
    write = formatter(kind, Units(), means)
    return lambda value: UNKNOWN if value is None else write(quantity(value))


def _of(period: WorkloadPeriod, kind: str) -> PodFigures:
    return period.cpu if kind == "cpu" else period.memory


def _rows(found: _Compared, kind: str, header: str) -> list[list[str]]:
    """Return the lines of a resource: the mean with its spread, then the tops."""
    show = _show(kind, found)
    sides = [_of(found.before, kind), _of(found.after, kind)]
    means = [_spread(side, show) for side in sides]
    name = "p95" if kind == "cpu" else "max"
    tops = [side.p95 if kind == "cpu" else side.most for side in sides]
    return [
        [f"{header}  mean", *means, _change(*(s.mean for s in sides)),
         _verdict(found, kind)],
        [f"     {name}", *map(show, tops), _change(*tops), ""],
    ]  # fmt: skip


def _spread(side: PodFigures, show: Callable[[Fraction | int | None], str]) -> str:
    spread = f"{show(side.lowest_pod)} to {show(side.highest_pod)}"
    return f"{show(side.mean)} ({spread})"


def _verdict(found: _Compared, kind: str) -> str:
    from ..history.comparison import within  # noqa: PLC0415

    before, after = _of(found.before, kind), _of(found.after, kind)
    inside = within(before, found.before.measured, after)
    return "" if inside is None else "within" if inside else "outside"


def _replicas(period: WorkloadPeriod) -> str:
    more = f" ({period.pods} pods)" if period.pods != period.replicas else ""
    return f"{period.replicas}{more}"


def _table(found: _Compared) -> str:
    from ..table.render import plain_table  # noqa: PLC0415

    sides = (found.before, found.after)
    heads = (
        " ".join(filter(None, (name, side.template, f"({_length(side)})")))
        for name, side in zip(("BEFORE", "AFTER"), sides, strict=True)
    )
    rows = [
        ["", *heads, "CHANGE", ""],
        ["replicas", *map(_replicas, sides), "", ""],
        *_rows(found, "cpu", "CPU"),
        *_rows(found, "memory", "MEM"),
        ["restarts/OOM", *(f"{s.restarts}/{s.oom_kills}" for s in sides), "", ""],
    ]
    return f"{plain_table(rows)}{_legend(found)}\n{_closing(found)}\n"


def _legend(found: _Compared) -> str:
    if found.before.measured == 1:
        return "Amounts are of a pod; one replica before has no range."
    return (
        "Amounts are of a pod (its lowest to its highest replica); within and outside:"
        " of that range before."
    )


def _closing(found: _Compared) -> str:
    """Say of how many samples it is, and where these are not of every time."""
    from ..history.figures import WHOLE  # noqa: PLC0415
    from ..table.columns import percent  # noqa: PLC0415

    parts = [f"{found.before.samples:,} and {found.after.samples:,} samples"]
    sides = {"BEFORE": found.before, "AFTER": found.after}
    missing = {name: _lacking(side) for name, side in sides.items()}
    if missing["BEFORE"] and missing["BEFORE"] == missing["AFTER"]:
        missing = {"both": missing["BEFORE"]}
    for name, what in missing.items():
        verb, them = ("are", "them") if name == "both" else ("is", "it")
        if what:
            parts.append(f"{name} {verb} short: no {', no '.join(what)} in {them}")
    for name, side in sides.items():
        if side.coverage is not None and side.coverage < WHOLE:
            parts.append(f"{name} was measured {percent(side.coverage)} of the time")
    return f"{'; '.join(parts)}."


def _lacking(period: WorkloadPeriod) -> Sequence[str]:
    from ..history.comparison import lacking  # noqa: PLC0415

    since, until = (
        datetime.fromtimestamp(at, UTC).astimezone()
        for at in (period.since, period.until)
    )
    return lacking(since, until)


def _percent(value: Fraction | None) -> float | None:
    return None if value is None else round(float(value * 100), 2)


def _side(period: WorkloadPeriod) -> dict[str, object]:
    from ..times import rfc3339_of  # noqa: PLC0415

    return {
        "template": period.template or None,
        "since": rfc3339_of(period.since),
        "until": rfc3339_of(period.until),
        "replicas": period.replicas,
        "pods": period.pods,
        "samples": period.samples,
        "coverage": _percent(period.coverage),
        "cpu": _amounts(period.cpu),
        "mem": _amounts(period.memory),
        "restarts": period.restarts,
        "oom_kills": period.oom_kills,
        "lacking": [*_lacking(period)],
    }


def _amounts(of: PodFigures) -> dict[str, int | None]:
    return {
        "mean": None if of.mean is None else int(of.mean),
        "lowest_pod": None if of.lowest_pod is None else int(of.lowest_pod),
        "highest_pod": None if of.highest_pod is None else int(of.highest_pod),
        "p95": of.p95,
        "max": of.most,
    }


def _changes(found: _Compared, kind: str) -> dict[str, object]:
    from ..history.comparison import change, within  # noqa: PLC0415

    before, after = _of(found.before, kind), _of(found.after, kind)
    return {
        "mean": _percent(change(before.mean, after.mean)),
        "p95": _percent(change(before.p95, after.p95)),
        "max": _percent(change(before.most, after.most)),
        "within_range_before": within(before, found.before.measured, after),
    }


def _json(found: _Compared) -> str:
    """Return amounts as nanocores and bytes, and changes in per cent."""
    import json  # noqa: PLC0415 - only for this format

    from ..table.machine import API_VERSION  # noqa: PLC0415

    document = {
        "apiVersion": API_VERSION,
        "kind": "Comparison",
        "context": found.context,
        "namespace": found.namespace,
        "owner": {"kind": found.kind, "name": found.name},
        "before": _side(found.before),
        "after": _side(found.after),
        "change": {
            "cpu": _changes(found, "cpu"), "mem": _changes(found, "memory"),
        },
    }  # fmt: skip
    return f"{json.dumps(document, indent=2)}\n"


def _csv(found: _Compared) -> str:
    """Return a line for each figure, with its unit in its name."""
    import csv  # noqa: PLC0415 - only for this format
    import io  # noqa: PLC0415

    lines: list[tuple[object, ...]] = [("figure", "before", "after", "change_percent")]
    sides = (found.before, found.after)
    counts = ("replicas", "pods", "samples", "restarts", "oom_kills")
    lines += [
        (name, *(getattr(side, name) for side in sides), "")
        for name in ("template", *counts)
    ]
    for kind, header, unit in (("cpu", "cpu", "nanocores"), ("memory", "mem", "bytes")):
        before, after = (_amounts(_of(side, kind)) for side in sides)
        changes = _changes(found, kind)
        lines += [
            (f"{header}_{name}_{unit}", value, after[name], changes.get(name))
            for name, value in before.items()
        ]
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(lines)
    return stream.getvalue()


_FORMATS: Final[dict[str, Callable[[_Compared], str]]] = {
    "table": _table,
    "json": _json,
    "csv": _csv,
}

COMPARE: Final = CommandSpec(_DESCRIPTION, _EXAMPLES, _add_arguments, _run)
