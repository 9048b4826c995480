"""``--watch``: a round for each new sample; redrawn on a terminal, appended to a pipe.

`Pace` learns from the samples when the next one is due. `Watching` reads and shows: on
a terminal what a `live.LiveScreen` makes of rounds, keys and time, else `Appended`.
"""

from __future__ import annotations

import re
import sys
import time
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, pairwise
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from .. import console
from ..client.sync import Begun, DeferredCall, begun
from ..commandline import UsageError, whole_number
from ..console import Terminal, terminal
from ..table.columns import Column, unique
from ..views.trends import TrendColumns
from .run import Outcome, Round, Rounds, outcome_of, rendered
from .view_commands import Plan

if TYPE_CHECKING:
    from .keyboard import LiveTerminal
    from .live import LiveScreen

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
T = TypeVar("T")

_NUMBER: Final = re.compile(r"(\d{1,9})s?", re.ASCII)
"""What was meant as the value of ``--watch``, which only ``=`` gives it."""


def watch(args: Namespace, wanted: Plan[R], rounds: Rounds[R]) -> int:
    """Show rounds until ``--fail-on`` matches or a name is gone; return the exit code.

    Ctrl-C ends it as well, and a stdout that is closed or cannot be written.

    Raises:
        UsageError: not a number of seconds, or an output of a single round.
        KubeMetricsError: the first round could not read anything.
    """
    if args.output == "prometheus":
        raise UsageError("--watch does not go with -o prometheus: it is one text")
    watching = Watching(args, wanted, rounds, _seconds(args.watch))
    live = not wanted.machine and console.can_redraw()
    return watching.redraw() if live else watching.append()


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


class Happening(NamedTuple):
    """What happens while a screen is shown: a *key* was typed, or a round is *read*.

    Otherwise the terminal has another size, or is ours again.
    """

    key: str = ""
    read: bool = False


class Happenings:
    """The queue of what happens, which threads and signal handlers put into."""

    def __init__(self) -> None:
        # Its put() may interrupt another one, as a signal handler does.
        self._queue: SimpleQueue[Happening] = SimpleQueue()

    def put(self, key: str = "") -> None:
        """Say that *key* was typed, or that the terminal is to be looked at."""
        self._queue.put(Happening(key=key))

    def wait(self, seconds: float) -> Happening | None:
        """Return the next one, or nothing after so many seconds."""
        try:
            return self._queue.get(timeout=seconds)
        except Empty:
            return None

    def now(self) -> float:
        """Return the time, by a clock that only goes forward."""
        return time.monotonic()

    def begin(self, call: Callable[[], T]) -> Begun[T]:
        """Begin *call* in the background; its end is something that happens."""

        def noted() -> T:
            try:
                return call()
            finally:
                self._queue.put(Happening(read=True))

        call_begun = begun(noted)
        if isinstance(call_begun, DeferredCall):  # it is made where it is asked for
            self._queue.put(Happening(read=True))
        return call_begun


class Watching(Generic[R]):
    """Reads rounds and shows them: *every* so often, or when a sample is due."""

    def __init__(
        self,
        args: Namespace,
        wanted: Plan[R],
        rounds: Rounds[R],
        every: timedelta | None,
    ) -> None:
        self._args = args
        self._plan = wanted
        self._rounds = rounds
        self._every = every

    def redraw(self) -> int:
        """Draw each round over the one before, and do what is typed; return the code.

        A round is read in the background, so that keys and the ages do not wait for it.
        """
        from .keyboard import LiveTerminal  # noqa: PLC0415 - on a terminal only
        from .live import LiveScreen  # noqa: PLC0415

        happenings = Happenings()
        warnings: list[str] = []
        self._rounds.keep_warnings(warnings.append)
        taken = self._rounds.read()
        _raise_if_nothing(taken)
        self._rounds.show_progress = False
        with LiveTerminal(happenings.put) as keys:
            screen = LiveScreen(
                self._args, self._plan, self._every, self._size(), keys=keys.usable
            )
            screen.warnings = warnings
            outcome, broken = self._live(screen, taken, happenings, keys)
        return self._end(outcome, broken)

    def _live(
        self,
        screen: LiveScreen[R],
        taken: Round[R],
        happenings: Happenings,
        keys: LiveTerminal,
    ) -> tuple[Outcome, OSError | None]:
        """Draw until it is over; return how the last round went."""
        reading: Begun[Round[R]] | None = None
        outcome = outcome_of(self._args, self._plan, taken)
        screen.take(taken, outcome, happenings.now())
        while True:
            keys.take_back()
            now = happenings.now()
            lines = screen.lines(now, reading=reading is not None)
            broken = console.write(sys.stdout, (drawn(lines),))
            if broken or _verdict(outcome) or screen.controls.over:
                return outcome, broken
            waits = reading is None and not screen.controls.paused
            if waits and screen.next_read <= now:
                reading, waits = happenings.begin(self._rounds.read), False
            tick = screen.tick(now)
            until = min(tick, screen.next_read) if waits else tick
            happened = happenings.wait(until - now)
            if happened and happened.key:
                screen.press(happened.key)
            elif happened and happened.read and reading:
                taken, reading = reading.result(), None
                outcome = outcome_of(self._args, self._plan, taken)
                screen.take(taken, outcome, happenings.now())
            elif happened:
                screen.resize(self._size())

    def _size(self) -> Terminal:
        return terminal(self._args.color)

    def append(self) -> int:
        """Print the rows that have a new sample, round after round; return the code."""
        appended = Appended(self._plan)
        pace = Pace()
        while True:
            taken = self._rounds.read()
            if appended.first:
                _raise_if_nothing(taken)
            outcome = outcome_of(self._args, self._plan, taken)
            broken = appended.show(taken)
            for note in outcome.notes():
                console.print_stderr(note)
            if broken or _verdict(outcome):
                return self._end(outcome, broken)
            due = pace.wait(taken.latest, taken.date)
            time.sleep((self._every or due).total_seconds())

    def _end(self, outcome: Outcome, broken: OSError | None) -> int:
        """Say what ended it; return the exit code.

        A stdout that is *broken* keeps that of the last round, as it does elsewhere.
        """
        for line in outcome.verdict:
            console.print_stderr(line)
        numbers = map(_NUMBER.fullmatch, outcome.unmatched)
        meant = next(filter(None, numbers), None) if not self._args.watch else None
        if meant:
            console.print_stderr(f"did you mean --watch={meant[1]}?")
        code = outcome.code if broken else _verdict(outcome)
        return console.final_code(code, broken)


def _verdict(outcome: Outcome) -> int:
    """Return the exit code with which a round ends the watch; 0 for none."""
    return outcome.code if outcome.matched or outcome.unmatched else 0


class Appended(Generic[R]):
    """The rows of rounds one after the other, under one header."""

    def __init__(self, wanted: Plan[R]) -> None:
        self._plan = wanted
        self._samples = TrendColumns(wanted.view.table)
        self._columns: tuple[Column[R], ...] = ()
        self.first: bool = True

    def show(self, taken: Round[R]) -> OSError | None:
        """Print the rows that have a new sample."""
        fresh = self._samples.add(taken.all_rows, taken.latest)
        new = {id(row) for row in fresh}
        rows = [row for row in taken.rows if id(row) in new]
        first, self.first = self.first, False
        if first:
            self._plan = self._plan.settled(taken.all_rows)
            self._columns = _timed(self._plan, rows)
        headers = first and self._plan.table_options.headers
        plan = replace(
            self._plan,
            columns=self._columns,
            table_options=replace(self._plan.table_options, headers=headers),
        )
        if not (rows or (first and plan.machine)):
            return None
        between = ["---"] if plan.output == "yaml" and not first else []
        lines = chain(between, rendered(plan, rows, taken.sources).lines)
        return console.write(sys.stdout, (f"{line}\n" for line in lines))


def _timed(plan: Plan[R], rows: list[R]) -> tuple[Column[R], ...]:
    """Put the time of the sample before what else is shown, where rows have one."""
    stamp = plan.view.table.get("sample.timestamp")
    columns = plan.shown(rows)
    return columns if plan.machine or stamp is None else unique((stamp, *columns))


def drawn(lines: Sequence[str]) -> str:
    """Return the text that draws *lines* over what a terminal shows."""
    text = "".join(f"{line}{_END_OF_LINE}\n" for line in lines)
    return f"{_HOME}{text}{_END_OF_SCREEN}"


_HOME: Final = "\x1b[H"
_END_OF_LINE: Final = "\x1b[K"
_END_OF_SCREEN: Final = "\x1b[J"
