"""The screen of ``--watch`` on a terminal: what keys, time and rounds make of it.

Nothing in here reads, writes or waits. A `LiveScreen` is told what happened, and when
by a clock that only goes forward, and gives the lines to draw. The columns are chosen
once for each size of the terminal, and become wider only.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from textwrap import wrap
from typing import Final, Generic, TypeVar

from ..console import Terminal, program
from ..frozen import dataclass
from ..snapshot.parts import matcher
from ..table.columns import Column, Table
from ..table.expressions import ExpressionError, where
from ..table.render import painted, render
from ..text import printable, shorten
from ..times import human_duration
from ..views.trends import TrendColumns
from .run import Outcome, Round
from .view_commands import Plan
from .watching import Pace

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What was typed so far.

    *sort* is the key of a column, `NAME`, or empty for the order of the command line;
    *reverse* turns it round. *filter* is in force, *typing* the one that is being
    typed, with the *mistake* in it. *first* is the row at the top of the screen.
    """

    sort: str = ""
    reverse: bool = False
    filter: str = ""
    typing: str | None = None
    mistake: str = ""
    first: int = 0
    paused: bool = False
    helping: bool = False
    over: bool = False

    def sorted_by(self, sort: str) -> Controls:
        """Return them for the order by *sort*; the same again reverses it."""
        again = sort == self.sort and not self.reverse
        return replace(self, sort=sort, reverse=again, first=0)


NAME: Final = "(name)"
"""The order by what identifies the rows: no key of a column."""
_SORTS: Final[Mapping[str, str]] = {"c": "cpu.usage", "m": "mem.usage", "n": NAME}
_PAGES: Final[Mapping[str, int]] = {
    " ": 1, "pagedown": 1, "f": 1, "b": -1, "pageup": -1,
}  # fmt: skip
_LINES: Final[Mapping[str, int]] = {"down": 1, "j": 1, "up": -1, "k": -1}
_HOME: Final = "home"
_KEYS_SHOWN: Final = (
    "q quit  c/m/n sort  / filter  space next page  ? help",
    "q quit  c/m/n sort  / filter  ? help",
    "q quit  ? help",
)
_HELP: Final = """\
q          end
c  m  n    sort by CPU, by memory, by name; again: the other way round
<  >       sort by the column to the left, to the right
/          filter: a part of a name, a glob, or an expression as --where takes it;
           Enter keeps it, Esc drops it, and an empty one shows every row
space  b   the next page, the page before (Page Down, Page Up)
down  up   the next row, the row before (j, k)
home       the first page
p          pause: nothing is read until p again
?          this help; any key goes back"""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A table as it was laid out: its *head*, the lines of its rows, and its *foot*."""

    head: Sequence[str]
    rows: Sequence[str]
    foot: Sequence[str]


_NOTHING: Final = _Drawn((), (), ())


class LiveScreen(Generic[R]):
    """A table that is drawn again and again, and the keys that change it.

    *wait* is how long to wait for the next round: that of ``--watch=SECONDS``, or
    until a sample is due. *warnings* of servers stand below the table, which is drawn
    over all else. *keys* says whether any can be typed.
    """

    def __init__(
        self,
        args: Namespace,
        plan: Plan[R],
        every: timedelta | None,
        screen: Terminal,
        *,
        keys: bool = False,
    ) -> None:
        self._plan = plan
        self._table: Table[R] = plan.view.table
        self._every = every
        self._screen = screen
        self._keys = keys
        self._title = _title(args, plan)
        self._pace = Pace()
        self._trends = TrendColumns(self._table)
        self._columns: tuple[Column[R], ...] = ()
        self._least: dict[str, int] = {}
        self._gone: set[str] = set()
        self._decided = False
        self._rows: Sequence[R] = ()
        self._drawn: _Drawn | None = None
        self._notes: Sequence[str] = ()
        self._date: datetime | None = None
        self._latest: datetime | None = None
        self._dated = 0.0
        self._taken = 0.0
        self._page = 1  # the rows that fitted, when it was last drawn
        self.wait: timedelta = timedelta()
        self.warnings: list[str] = []
        self.controls: Controls = Controls()
        self._actions = self._key_actions()

    # What happens.

    def take(self, taken: Round[R], outcome: Outcome, now: float) -> None:
        """Show a round; one in which nothing could be read changes the notes alone."""
        due = self._pace.wait(taken.latest, taken.date)
        self.wait = self._every or due
        self._taken = now
        self._notes = tuple(map(printable, outcome.notes()))
        if not any(result.snapshot for result in taken.results):
            return
        self._date, self._latest, self._dated = taken.date, taken.latest, now
        self._trends.add(taken.all_rows, taken.latest)
        if not self._columns:
            self._plan = self._plan.settled(taken.all_rows)
            self._columns = tuple(self._trends.columns(self._plan.shown(taken.rows)))
        self._rows = taken.judged
        self._drawn = None

    def resize(self, screen: Terminal) -> None:
        """Draw for a terminal of another size, whose columns are chosen anew."""
        if screen == self._screen:
            return
        self._screen = screen
        self._gone.clear()
        self._decided = False
        self._drawn = None

    def press(self, key: str) -> None:
        """Do what *key* stands for: a character, or the name of a key."""
        before = self.controls
        self.controls = self._pressed(before, key)
        now = self.controls
        if (now.sort, now.reverse, now.filter) != (
            before.sort,
            before.reverse,
            before.filter,
        ):
            self._drawn = None

    @property
    def next_read(self) -> float:
        """The time at which the next round is to be read."""
        return self._taken + self.wait.total_seconds()

    def tick(self, now: float) -> float:
        """Return the time at which the next second of the ages begins."""
        return now + 1 - (now - self._taken) % 1

    # What is drawn.

    def lines(self, now: float, *, reading: bool = False) -> list[str]:
        """Return the lines of the screen at the time *now*, one fewer than it has."""
        size = self._screen.width or 0
        room = max(self._screen.height - 1, 2)
        if self.controls.helping:
            return [shorten(line, size) for line in _HELP.splitlines()][:room]
        wrapped = (wrap(line, size or 1) for line in self._below())
        below = [line for lines in wrapped for line in lines][: room // 3]
        table = self._laid_out()
        fixed = 1 + len(table.head) + len(table.foot) + len(below)
        page = max(room - fixed, 1)
        self._clamp(page, len(table.rows))
        first = self.controls.first
        shown = table.rows[first : first + page]
        top = self._top(now, first, len(shown), len(table.rows), reading=reading)
        lines = [top, *table.head, *shown, *table.foot, *below]
        return lines[:room]

    def _clamp(self, page: int, count: int) -> None:
        self._page = page
        if self.controls.first >= count:
            self.controls = replace(self.controls, first=0)

    def _below(self) -> Iterator[str]:
        """Return what stands below the table."""
        yield from self._notes
        yield from (f"Warning: {printable(t)}" for t in self.warnings[:_WARNINGS])
        if self.warnings[_WARNINGS:]:
            yield f"… and {len(self.warnings) - _WARNINGS} more warnings"

    def _laid_out(self) -> _Drawn:
        if self._drawn is None:
            self._drawn = self._lay_out() if self._columns else _NOTHING
        return self._drawn

    def _lay_out(self) -> _Drawn:
        """Lay out every row, so that no page has other columns than another."""
        rows = self._shown_rows()
        options = replace(
            self._plan.table_options,
            width=self._screen.width,
            fixed=self._plan.table_options.fixed or self._decided,
        )
        columns = [
            replace(column, least=max(column.least, self._least.get(column.key, 0)))
            for column in self._columns
            if column.key not in self._gone
        ]
        done = render(rows, columns, options, self._plan.totals(rows))
        self._gone.update(done.left_out)
        self._decided = True
        for key, size in done.sizes:
            self._least[key] = max(size, self._least.get(key, 0))
        lines = list(done.lines)
        head = len(lines) - len(rows) - options.total
        return _Drawn(
            lines[:head], lines[head : head + len(rows)], lines[head + len(rows) :]
        )

    def _shown_rows(self) -> Sequence[R]:
        typed, arrange = self.controls.filter, self._plan.arrange
        keep = _condition(typed, self._table) if typed else None
        rows = replace(arrange, keep=keep).kept(self._rows)
        rows = replace(arrange, order=self._order(len(rows))).sorted(rows)
        return arrange.first(rows)

    def _order(self, count: int) -> tuple[tuple[Column[R], bool], ...]:
        """Return the order asked for; else the busiest first, where not all fit."""
        sort, reverse = self.controls.sort, self.controls.reverse
        if not sort:
            if self._plan.arrange.order or count <= self._screen.height - _AROUND:
                return ()
            sort = _SORTS["c"]
        keys = list(self._table.identity) if sort == NAME else [sort]
        columns = map(self._table.need, keys)
        return tuple((c, (c.kind != "text") is not reverse) for c in columns)

    def _top(
        self, now: float, first: int, shown: int, count: int, *, reading: bool
    ) -> str:
        """Return the first line: how old, in which order, which rows, which keys."""
        controls, size = self.controls, self._screen.width or 0
        if controls.typing is not None:
            return shorten(_prompt(controls), size)
        parts = [self._age(now, reading=reading), self._order_shown(count)]
        if controls.filter:
            parts.append(f"/{printable(controls.filter)}")
        parts.append(
            f"rows {first + 1}-{first + shown} of {count}"
            if shown < count
            else self._table.counted(count)
        )
        tails = _KEYS_SHOWN if self._keys else ()
        tries = [[self._title, *parts, tail] for tail in tails]
        # Who typed the command knows it, and may not know that there are keys.
        tries += [[*parts, tail] for tail in tails[-1:]]
        tries += [[self._title, *parts], parts]
        lines = ("   ".join(filter(None, words)) for words in tries)
        line = next((x for x in lines if len(x) <= size), "   ".join(parts))
        line = shorten(line, size)
        return painted(line, "quiet") if self._screen.colour else line

    def _age(self, now: float, *, reading: bool) -> str:
        left = self.wait - timedelta(seconds=int(now - self._taken))
        if self.controls.paused:
            after = "paused"
        elif reading and left <= timedelta():
            after = "reading"
        else:
            after = f"next in ~{human_duration(max(left, timedelta()))}"
        if self._date is None or self._latest is None:
            return f"no sample yet, {after}"
        since = timedelta(seconds=int(now - self._dated))
        old = human_duration(self._date - self._latest + since)
        asked = ", stamped when asked" if self._pace.stamped_when_asked else ""
        return f"sample {old} old{asked}, {after}"

    def _order_shown(self, count: int) -> str:
        order = self._order(count) or self._plan.arrange.order
        if not order or self.controls.sort == NAME:
            return "by name, Z-A" if order and self.controls.reverse else "by name"
        column, falling = order[0]
        odd = falling is (column.kind == "text")
        turned = "reversed" if column.kind == "text" else "smallest first"
        return f"by {column.header}{f', {turned}' if odd else ''}"

    # What keys do.

    def _key_actions(self) -> Mapping[str, Callable[[Controls], Controls]]:
        turns = (*_PAGES, *_LINES, _HOME)
        return {
            **{key: _sorting(sort) for key, sort in _SORTS.items()},
            **{key: partial(self._turn, key=key) for key in turns},
            "<": partial(self._beside, step=-1),
            ">": partial(self._beside, step=1),
            "/": lambda c: replace(c, typing=c.filter, mistake=""),
            "p": lambda c: replace(c, paused=not c.paused),
            "?": lambda c: replace(c, helping=True),
            "q": lambda c: replace(c, over=True),
        }

    def _pressed(self, controls: Controls, key: str) -> Controls:
        if controls.typing is not None:
            return self._typed(controls, controls.typing, key)
        if controls.helping:
            return replace(controls, helping=False, over=key == "q")
        action = self._actions.get(key)
        return action(controls) if action else controls

    def _turn(self, controls: Controls, key: str) -> Controls:
        return replace(controls, first=self._turned(controls.first, key))

    def _turned(self, first: int, key: str) -> int:
        """Return the first row after turning a page, or after one line."""
        count = len(self._laid_out().rows)
        if key == _HOME:
            return 0
        after = first + _PAGES.get(key, 0) * self._page + _LINES.get(key, 0)
        if after < count:
            return max(after, 0)
        return 0 if key in _PAGES else first

    def _beside(self, controls: Controls, step: int) -> Controls:
        """Sort by the column next to the one that rows are sorted by."""
        keys = [
            column.key
            for column in self._columns
            if column.key not in self._gone and self._table.get(column.key)
        ]
        order = self._order(len(self._laid_out().rows)) or self._plan.arrange.order
        now = order[0][0].key if order and controls.sort != NAME else ""
        index = keys.index(now) + step if now in keys else 0
        return replace(controls.sorted_by(keys[index % len(keys)]), reverse=False)

    def _typed(self, controls: Controls, text: str, key: str) -> Controls:
        """Edit the filter; one that is a part of a name is in force at once."""
        if key == "escape":
            return replace(controls, typing=None, mistake="", filter="", first=0)
        if key == "enter":
            mistake = _mistake(text, self._table)
            if mistake:
                return replace(controls, mistake=mistake)
            return replace(controls, typing=None, filter=text.strip(), first=0)
        if key == "backspace":
            text = text[:-1]
        elif len(key) == 1:
            text += key
        kept = controls.filter if _is_condition(controls.filter) else ""
        now = kept if _is_condition(text) else text.strip()
        return replace(controls, typing=text, filter=now, mistake="", first=0)


def _sorting(sort: str) -> Callable[[Controls], Controls]:
    return lambda controls: controls.sorted_by(sort)


_WARNINGS: Final = 3
"""The warnings of servers that are shown below a table; the others are counted."""
_AROUND: Final = 4
"""Lines of a screen that are not rows: the first, the header, a note, the cursor's."""


def _title(args: Namespace, plan: Plan[R]) -> str:
    """Name the command: no more of its line than what tells screens apart."""
    scope = [f"-n {name}" for name in getattr(args, "namespaces", None) or ()]
    if args.all_namespaces and not plan.view.of_nodes:
        scope = ["-A"]
    words = [program(), plan.view.table.nouns, *args.names, *scope]
    return printable(" ".join(words))


def _prompt(controls: Controls) -> str:
    typed = printable(controls.typing or "")
    after = controls.mistake or "part of a name, or as --where; Enter keeps, Esc drops"
    return f"/{typed}_   {printable(after)}"


def _is_condition(text: str) -> bool:
    """Whether *text* compares, as no part of a name can."""
    return not _COMPARES.isdisjoint(text)


_COMPARES: Final = frozenset("=<>!~")


def _mistake(text: str, table: Table[R]) -> str:
    """Say what is wrong with a filter; nothing where it can be used."""
    try:
        _condition(text, table)
    except ExpressionError as error:
        return str(error)
    return ""


def _condition(text: str, table: Table[R]) -> Callable[[R], bool]:
    """Return whether a row is meant by a filter.

    Raises:
        ExpressionError: it is an expression, and cannot be read.
    """
    if _is_condition(text):
        return where(text, table)
    keys = [table.need(key) for key in table.identity]
    name = matcher((f"*{text.strip().casefold()}*",))
    return lambda row: name(_joined(column.get(row) for column in keys).casefold())


def _joined(values: Iterable[object]) -> str:
    return "/".join(str(value) for value in values if value is not None)
