"""A recorded range as OpenMetrics with times, which other databases take.

``promtool tsdb create-blocks-from openmetrics`` asks for families that are whole, and
for each series in the order of time (prometheus, cmd/promtool/backfill.go). Counters
are running sums from 0 at the first window of the range, so that the last value less
the first is what was used. One series is held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from ..history.figures import Trace
from ..history.integrate import TOLERANCE
from .exposition import decimal, heading, labels, series_name, stamped
from .families import usage_metrics

Level: TypeAlias = Literal["container", "pod", "node"]
END: Final = "# EOF\n"
_HOUR: Final = 3600


class RecordedSource(NamedTuple):
    """The *traces* of a level in one file, by namespace, name and container.

    Where there are several files, *context* is a label of what is in this one.
    """

    context: str
    traces: Callable[[Level], Iterable[Trace]]


class _Stretch(NamedTuple):
    """What was measured between two times, in milliseconds.

    *cpu* is nanocores times milliseconds; *memory* is as at the end.
    """

    begin: int
    end: int
    covered: int
    cpu: int | None
    memory: int | None


_Values: TypeAlias = Iterator[tuple[int, str]]
"""Times in milliseconds, and the values as they are written."""


def written(sources: Sequence[RecordedSource]) -> Iterator[str]:
    """Write the usage in *sources*, line by line; families without series are none."""
    levels: tuple[Level, ...] = get_args(Level)
    for level in levels:
        for metric, values in zip(usage_metrics(level), _VALUES, strict=True):
            name, head = series_name(metric), heading(metric)
            for labelled, stretches in _series(level, sources):
                for at, value in values(stretches):
                    yield head + stamped(name, labelled, value, at)
                    head = ""
    yield END


def _series(
    level: Level, sources: Iterable[RecordedSource]
) -> Iterator[tuple[str, list[_Stretch]]]:
    """Return labels as they are written, and what there is of them in order.

    What was made anew under its name goes on in the same series.
    """
    for source in sources:
        for _, same in groupby(source.traces(level), key=_place):
            by_labels: dict[str, list[_Stretch]] = {}
            for trace in same:
                found = by_labels.setdefault(_labels(level, source, trace), [])
                found += _stretches(trace)
            for labelled, found in by_labels.items():
                yield labelled, _merged(found)


def _place(trace: Trace) -> tuple[str, str, str]:
    return trace.namespace, trace.name, trace.container


def _labels(level: Level, source: RecordedSource, trace: Trace) -> str:
    """Write the labels that the exporter gives, and the file's where there are more."""
    pairs = [("context", source.context)] if source.context else []
    if level == "node":
        return labels([*pairs, ("node", trace.name)])
    pairs += [("namespace", trace.namespace), ("pod", trace.name)]
    if level == "container":
        pairs.append(("container", trace.container))
    return labels([*pairs, ("node", trace.node)])


def _stretches(trace: Trace) -> Iterator[_Stretch]:
    """Return hours and samples; an hour ends with its last second, as samples do."""
    for hour in trace.hours:
        begin, cpu = (hour.hour - 1) * 1000, hour.cpu
        yield _Stretch(
            begin,
            begin + _HOUR * 1000,
            hour.measured("cpu"),
            None if cpu is None else cpu * 1000,
            hour.memory_max,
        )
    for at, covered, cpu, memory in trace.samples:
        end, used = at * 1000, None if cpu is None else cpu * covered
        yield _Stretch(end - covered, end, covered, used, memory)


def _merged(stretches: list[_Stretch]) -> list[_Stretch]:
    """Put *stretches* into the order of time; what ends at once is added up."""
    stretches.sort(key=lambda stretch: stretch.end)
    found: list[_Stretch] = []
    for one in stretches:
        if found and found[-1].end == one.end:
            found[-1] = _together(found[-1], one)
        else:
            found.append(one)
    return found


def _together(one: _Stretch, other: _Stretch) -> _Stretch:
    cpus = [s.cpu for s in (one, other) if s.cpu is not None]
    memories = [s.memory for s in (one, other) if s.memory is not None]
    return _Stretch(
        min(one.begin, other.begin),
        one.end,
        sum(s.covered for s in (one, other) if s.cpu is not None),
        sum(cpus) if cpus else None,
        max(memories, default=None),
    )


def _cpu(stretches: Iterable[_Stretch]) -> _Values:
    known = ((s, s.cpu) for s in stretches if s.cpu is not None)
    return ((at, decimal(total // 1000)) for at, total in _running(known))


def _observed(stretches: Iterable[_Stretch]) -> _Values:
    known = ((s, s.covered) for s in stretches if s.cpu is not None)
    return ((at, decimal(total * 1_000_000)) for at, total in _running(known))


def _memory(stretches: Iterable[_Stretch]) -> _Values:
    return ((s.end, str(s.memory)) for s in stretches if s.memory is not None)


_VALUES: Final = (_cpu, _observed, _memory)


def _running(known: Iterable[tuple[_Stretch, int]]) -> Iterator[tuple[int, int]]:
    """Return running sums, also where measuring begins: what a gap lacks stays flat."""
    total, last = 0, -TOLERANCE
    for stretch, amount in known:
        if last + TOLERANCE < stretch.begin < stretch.end:
            yield stretch.begin, total
        total, last = total + amount, stretch.end
        yield last, total
