"""``--watch``: a round for each new sample; redrawn on a terminal, appended to a pipe.

`Pace` learns from the samples when the next one is due, `Watching` shows a round.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import Final, Generic, TypeVar

from .. import console
from ..commandline import UsageError, whole_number
from ..console import Terminal, terminal
from ..table.columns import Column, unique
from ..table.render import render
from ..text import printable, shorten
from ..times import human_duration
from ..views.trends import TrendColumns
from .run import Outcome, Round, Rounds, outcome_of, rendered
from .view_commands import Plan

_DEFAULT: Final = timedelta(seconds=15)
"""``--metric-resolution`` of metrics-server's manifest, until a pace is learned."""
_MARGIN: Final = timedelta(seconds=2)
"""How long after its time a sample is served: all nodes are read first."""
_SAME: Final = timedelta(seconds=1)
"""By how much equal times may differ: stamps and ``Date`` have whole seconds."""
_SHORTEST: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(minutes=5)
_AGAIN: Final = 5
"""The polls for a late sample in the time between two samples."""


class Pace:
    """When the next sample is due, learned from the stamps of the latest.

    A sample's window is no pace: that of prometheus-adapter is the range of its query.
    *stamped_when_asked*: samples are dated now, and each poll gets new ones.
    """

    def __init__(self) -> None:
        self._rounds: deque[tuple[datetime, datetime]] = deque(maxlen=8)
        self.stamped_when_asked: bool = False

    def wait(self, latest: datetime | None, now: datetime | None) -> timedelta:
        """Return how long to wait for the sample after the one of *latest*.

        *now* is the server's time.
        """
        if latest is None or now is None:
            return _DEFAULT
        known = self._rounds[-1][0] if self._rounds else None
        if known is not None and latest <= known:
            self.stamped_when_asked = False
        else:
            self._rounds.append((latest, now))
            fresh = timedelta() <= latest - now <= _MARGIN
            self.stamped_when_asked |= fresh or self._follows()
        pace = self._learned() or _DEFAULT
        if self.stamped_when_asked:
            return _DEFAULT
        due = latest + pace + _MARGIN - now
        return _within(due if due > timedelta() else pace / _AGAIN)

    def _learned(self) -> timedelta | None:
        """Return the least time between two stamps; a round may have missed some."""
        return min((b - a for (a, _), (b, _) in pairwise(self._rounds)), default=None)

    def _follows(self) -> bool:
        """Whether stamps keep the distance to the polls, which have no pace."""
        if len(self._rounds) < _ENOUGH:
            return False
        (first, _), (second, _), (third, _) = last = list(self._rounds)[-_ENOUGH:]
        ages = sorted(now - latest for latest, now in last)
        short, long = sorted((second - first, third - second))
        rest = long % short  # none where a round of a steady pace was missed
        return ages[-1] - ages[0] <= _SAME < min(rest, short - rest)


_ENOUGH: Final = 3
"""The rounds that tell stamps which follow the polls from those that are polled on
time."""


def _within(wait: timedelta) -> timedelta:
    return min(max(wait, _SHORTEST), _LONGEST)


R = TypeVar("R")

_HOME: Final = "\x1b[H"
_END_OF_LINE: Final = "\x1b[K"
_END_OF_SCREEN: Final = "\x1b[J"
_WARNINGS: Final = 3
"""The warnings of servers that are shown below a table; the others are counted."""
_FRAME: Final = 2
"""Lines that are not the table's: the first, and the last one, where the cursor is."""


def watch(args: Namespace, wanted: Plan[R], rounds: Rounds[R]) -> int:
    """Show rounds until ``--fail-on`` matches or a name is gone; return the exit code.

    Ctrl-C ends it as well, and a stdout that is closed or cannot be written.

    Raises:
        UsageError: not a number of seconds, or an output of a single round.
        KubeMetricsError: the first round could not read anything.
    """
    if args.output == "prometheus":
        raise UsageError("--watch does not go with -o prometheus: it is one text")
    every = _seconds(args.watch)
    watching = Watching(args, wanted, every)
    if watching.redraws:
        rounds.keep_warnings(watching.warnings.append)
    while True:
        taken = rounds.read()
        if watching.first:
            _raise_if_nothing(taken)
        outcome = watching.show(taken)
        verdict = outcome.code if outcome.matched or outcome.unmatched else 0
        if verdict or watching.broken:
            for line in outcome.verdict:
                console.print_stderr(line)
            return console.final_code(verdict, watching.broken)
        time.sleep(watching.wait.total_seconds())


def _seconds(text: str) -> timedelta | None:
    if not text:
        return None
    what = "a whole number of seconds"
    seconds = whole_number("--watch", text, least=1, digits=_SECONDS, what=what)
    return timedelta(seconds=seconds)


_SECONDS: Final = 9
"""Digits of the longest wait: what any platform can sleep."""


def _raise_if_nothing(taken: Round[R]) -> None:
    errors = [result.error for result in taken.results]
    if errors[0] is not None and all(errors):
        raise errors[0]


class Watching(Generic[R]):
    """Shows rounds, and remembers the samples of those before.

    *wait* is how long to wait for the next round: *every*, or until a sample is due.
    *warnings* of servers stand below each redrawn table, which draws over all else.
    """

    def __init__(
        self, args: Namespace, wanted: Plan[R], every: timedelta | None
    ) -> None:
        self._args = args
        self._plan = wanted
        self._trends = TrendColumns(wanted.view.table)
        self._pace = Pace()
        self._every = every
        self.wait: timedelta = _DEFAULT
        self._columns: tuple[Column[R], ...] = ()
        self.first: bool = True
        self.warnings: list[str] = []
        self.broken: OSError | None = None

    def show(self, taken: Round[R]) -> Outcome:
        """Show a round; return how it went."""
        due = self._pace.wait(taken.latest, taken.date)
        self.wait = self._every or due
        fresh = self._trends.add(taken.all_rows, taken.latest)
        if self.first:
            self._plan = self._plan.settled(taken.all_rows)
        outcome = outcome_of(self._args, self._plan, taken)
        if self.redraws:
            self._redraw(taken, outcome, terminal(self._args.color))
        else:
            self._append(taken, fresh)
            for note in outcome.notes():
                console.print_stderr(note)
        self.first = False
        return outcome

    @property
    def redraws(self) -> bool:
        """Whether a round is drawn over the one before."""
        return not self._plan.machine and terminal(self._args.color).width is not None

    def _below(self, outcome: Outcome) -> list[str]:
        """Return what stands below the table."""
        said = [f"Warning: {text}" for text in self.warnings[:_WARNINGS]]
        if self.warnings[_WARNINGS:]:
            said.append(f"… and {len(self.warnings) - _WARNINGS} more warnings")
        return [*outcome.notes(), *said]

    def _redraw(self, taken: Round[R], outcome: Outcome, screen: Terminal) -> None:
        """Draw over the last round, as many rows as fit on the screen."""
        columns = tuple(self._trends.columns(self._plan.shown(taken.rows)))
        options = replace(self._plan.table_options, width=screen.width)
        totals = self._plan.totals(taken.rows)
        table = list(render(taken.rows, columns, options, totals).lines)
        said = map(printable, self._below(outcome))
        below = [shorten(line, screen.width or 0) for line in said]
        room = screen.height - len(below) - _FRAME
        if len(table) > room:
            room -= 1
            below.insert(0, f"… and {len(table) - room} more rows")
            table = table[:room]
        lines = [self._status(taken), *table, *below]
        text = "".join(f"{line}{_END_OF_LINE}\n" for line in lines)
        self._write((f"{_HOME}{text}{_END_OF_SCREEN}",))

    def _status(self, taken: Round[R]) -> str:
        now, newest = taken.date, taken.latest
        parts = [f"{now:%H:%M:%S}"] if now else []
        if now and newest:
            parts.append(f"newest sample {human_duration(now - newest)} old")
        if self._pace.stamped_when_asked:
            parts.append("stamped when asked")
        return ", ".join([*parts, f"next in {human_duration(self.wait)}"])

    def _append(self, taken: Round[R], fresh: list[R]) -> None:
        """Print the rows that have a new sample, under one header."""
        new = {id(row) for row in fresh}
        rows = [row for row in taken.rows if id(row) in new]
        if self.first:
            self._columns = _timed(self._plan, rows)
        headers = self.first and self._plan.table_options.headers
        plan = replace(
            self._plan,
            columns=self._columns,
            table_options=replace(self._plan.table_options, headers=headers),
        )
        if rows or (self.first and plan.machine):
            between = ["---"] if plan.output == "yaml" and not self.first else []
            lines = chain(between, rendered(plan, rows, taken.sources).lines)
            self._write(f"{line}\n" for line in lines)

    def _write(self, texts: Iterable[str]) -> None:
        self.broken = console.write(sys.stdout, texts)


def _timed(plan: Plan[R], rows: list[R]) -> tuple[Column[R], ...]:
    """Put the time of the sample before what else is shown, where rows have one."""
    stamp = plan.view.table.get("sample.timestamp")
    columns = plan.shown(rows)
    return columns if plan.machine or stamp is None else unique((stamp, *columns))
