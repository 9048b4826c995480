from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.quantity import Quantity
from kubemetrics.table.columns import ALWAYS, Column, Table, Units
from kubemetrics.table.render import TableOptions, Thresholds, render
from kubemetrics.text import width

from .views import SNAPSHOTS, VIEWS, shown


class Row(NamedTuple):
    name: str
    cpu: Quantity | None = None
    share: Fraction | None = None
    note: str = ""
    restarts: int | None = None
    partial: bool = False


COLUMNS: tuple[Column[Row], ...] = (
    Column(
        key="name", header="NAME", kind="text", get=lambda r: r.name, about="",
        keep=ALWAYS, name=True,
    ),
    Column(
        key="cpu.usage", header="CPU", kind="cpu", get=lambda r: r.cpu, about="",
        group="cpu", keep=3, mark=lambda r: "~" if r.partial else "",
    ),
    Column(
        key="cpu.share", header="%LIM", group="cpu", kind="percent",
        get=lambda r: r.share, about="", keep=2, alarm=True,
    ),
    Column(
        key="restarts", header="RESTARTS", kind="count", get=lambda r: r.restarts,
        about="", keep=1,
    ),
    Column(
        key="note", header="NOTE", kind="text", get=lambda r: r.note, about="", keep=60,
        severity=lambda r: "critical" if r.note == "bad" else None,
    ),
)  # fmt: skip
ROWS = (
    Row("api", Quantity("250m"), Fraction(95, 100), "bad", 0),
    Row("名前", Quantity("5m"), Fraction(3, 4), "", 12, partial=True),
    Row("idle", None, None, "fine", None),
)


def lines(
    rows: Sequence[Row] = ROWS,
    columns: Sequence[Column[Row]] = COLUMNS,
    look: TableOptions | None = None,
) -> list[str]:
    return list(render(rows, columns, look or TableOptions()).lines)


def test_numbers_stand_to_the_right_and_the_unknown_is_a_dash() -> None:
    assert lines() == [
        "NAME   CPU  %LIM  RESTARTS  NOTE",
        "api   250m   95%         0  bad",
        "名前   ~5m   75%        12  -",
        "idle     -     -         -  fine",
    ]


def test_what_is_known_to_be_not_set_is_none_and_a_last_column_may_say_nothing() -> (
    None
):
    unset = replace(COLUMNS[2], unset=lambda row: row.name == "idle")
    why = Column[Row](
        key="why", header="WHY", kind="text", get=lambda r: r.note or None, about="",
        unset=lambda r: not r.note, last=True,
    )  # fmt: skip
    assert lines(columns=(COLUMNS[0], unset, why)) == [
        "NAME  %LIM  WHY",
        "api    95%  bad",
        "名前   75%",
        "idle  none  fine",
    ]
    assert lines(columns=(COLUMNS[0], why, unset))[2].split() == ["名前", "none", "75%"]


def test_without_headers_columns_are_as_narrow_as_their_cells() -> None:
    assert lines(look=TableOptions(headers=False))[0] == "api   250m  95%   0  bad"


def test_the_total_adds_up_what_can_be_added() -> None:
    assert lines(look=TableOptions(total=True))[-1] == "TOTAL  ~255m     -        12  -"


def test_a_total_is_a_lower_bound_if_any_row_is_one_or_lacks_its_value() -> None:
    lacking = (ROWS[0], Row("lost", None, None, "", None, partial=True))
    assert lines(lacking, look=TableOptions(total=True))[-1].split()[1] == "~250m"
    whole = (ROWS[0], ROWS[2])
    assert lines(whole, look=TableOptions(total=True))[-1].split()[1] == "250m"


def test_what_does_not_add_up_has_no_total() -> None:
    columns = (COLUMNS[0], replace(COLUMNS[1], additive=False))
    assert lines(columns=columns, look=TableOptions(total=True))[-1].split() == [
        "TOTAL",
        "-",
    ]


@pytest.mark.parametrize(
    ("order", "last"),
    [((1, 0), "~255m  TOTAL"), ((3, 1), "      12  ~255m"), ((2, 3, 0), "12  TOTAL")],
)
def test_no_total_gives_way_to_the_word_for_it(order: Sequence[int], last: str) -> None:
    columns = [COLUMNS[i] for i in order]
    assert lines(columns=columns, look=TableOptions(total=True))[-1].endswith(last)


def test_units_hold_for_the_whole_column() -> None:
    assert lines(look=TableOptions(units=Units("cores")))[1].split()[1] == "0.250"


def test_columns_leave_in_their_order_and_are_named() -> None:
    found = render(ROWS, COLUMNS, TableOptions(width=24))
    assert next(iter(found.lines)) == "NAME   CPU  %LIM  NOTE"
    assert found.left_out == ("restarts",)
    found = render(ROWS, COLUMNS, TableOptions(width=17))
    assert next(iter(found.lines)) == "NAME   CPU  NOTE"
    assert found.left_out == ("cpu.share", "restarts")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ContainerCreating", "Container…"),
        ("CrashLoopBackOff", "CrashLoop…"),
        ("Ready,SchedulingDisabled", "Ready…"),
        ("1 NodeSilent", "1 Node…"),
        ("NodeSilentForLong", "NodeSilen…"),
        ("暖かい暖かい暖かい", "暖か…かい"),
    ],
)
def test_a_text_is_cut_at_the_end_of_a_word_and_never_within_to_keep_its_end(
    text: str, shown: str
) -> None:
    columns = (COLUMNS[0], replace(COLUMNS[4], name=False))
    found = render([Row("x", note=text)], columns, TableOptions(width=16))
    assert list(found.lines)[1].split(maxsplit=1)[1] == shown


def test_columns_that_were_asked_for_never_leave() -> None:
    found = render(ROWS, COLUMNS, TableOptions(width=10, fixed=True))
    assert (next(iter(found.lines)), found.left_out) == (
        "NAME   CPU  %LIM  RESTARTS  NOTE",
        (),
    )


def test_names_are_shortened_last() -> None:
    row = Row("a-very-long-name-of-a-pod-x2x", note="a note that goes on and on")
    columns = (COLUMNS[0], COLUMNS[4])
    cut = lines([row], columns, TableOptions(width=45))[1]
    assert cut == "a-very-long-name-of-a-pod-x2x  a note that…"
    cut = lines([row], columns, TableOptions(width=38))[1]
    assert cut == "a-very-long-n…of-a-pod-x2x  a note…"
    assert width(cut) <= 38


def test_colour_goes_by_threshold_and_by_word_and_takes_no_room() -> None:
    painted = lines(look=TableOptions(colour=Thresholds(70, 90)))
    assert painted[0].startswith("\x1b[1mNAME")
    assert "\x1b[31m 95%\x1b[0m" in painted[1]
    assert "\x1b[31mbad " in painted[1]
    assert "\x1b[33m 75%\x1b[0m" in painted[2]
    bare = [re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in painted]
    assert bare == lines()


def test_thresholds_can_be_set() -> None:
    painted = lines(look=TableOptions(colour=Thresholds(96, 97)))
    assert "\x1b[31m 95%" not in painted[1]


def test_the_cells_of_a_row_are_read_together_and_each_once() -> None:
    read: list[tuple[str, str]] = []

    def reading(what: str) -> Callable[[Row], str]:
        def get(row: Row) -> str:
            read.append((row.name, what))
            return what

        return get

    columns = [
        Column[Row](key="a", header="A", kind="text", get=reading("a"), about=""),
        Column[Row](key="b", header="B", kind="text", get=reading("b"), about="",
                    note=reading("!")),
    ]  # fmt: skip
    assert lines(columns=columns)[1:] == ["a  b!"] * len(ROWS)
    assert read == [(row.name, what) for row in ROWS for what in "ab!"]


def test_of_a_column_that_no_default_table_has_no_row_is_read() -> None:
    def unread(_: Row) -> str:
        raise AssertionError

    of_machines = Column[Row](
        key="m", header="M", kind="text", get=unread, about="", optional=True
    )
    table = Table(
        kind="Row", noun="row", nouns="rows", identity={},
        columns=(*COLUMNS, of_machines),
    )  # fmt: skip
    assert table.plain(ROWS) == COLUMNS


def test_no_rows_make_a_header() -> None:
    assert lines([]) == ["NAME  CPU  %LIM  RESTARTS  NOTE"]
    assert lines([], look=TableOptions(headers=False)) == []


@pytest.mark.parametrize("of", SNAPSHOTS)
@pytest.mark.parametrize("name", VIEWS)
def test_nothing_reaches_the_terminal_that_it_could_act_upon(
    name: str, of: str
) -> None:
    rows = shown(name, of)
    for line in render(rows.rows, rows.columns, TableOptions()).lines:
        assert line.isprintable()


@pytest.mark.parametrize("of", SNAPSHOTS)
@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("size", [80, 120, 160])
def test_tables_are_no_wider_than_the_terminal(name: str, of: str, size: int) -> None:
    rows = shown(name, of)
    columns = rows.table.plain(rows.rows)
    found = render(rows.rows, columns, TableOptions(width=size))
    assert max(map(width, found.lines)) <= size


@given(
    names=st.lists(st.text(max_size=40), min_size=1, max_size=5),
    size=st.integers(30, 120),
)
def test_any_names_fit(names: list[str], size: int) -> None:
    rows = [Row(name, note=name) for name in names]
    assert max(map(width, lines(rows, look=TableOptions(width=size)))) <= size
