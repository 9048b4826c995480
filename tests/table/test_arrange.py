from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import PodUsage, Reason
from kubemetrics.snapshot.parts import Scope, is_glob, matcher
from kubemetrics.table.columns import UnknownColumnError, arrangement
from kubemetrics.table.expressions import where
from kubemetrics.views.pods import pod_table
from kubemetrics.views.view import RowSelection

TABLE = pod_table()


def row(name: str, cpu: str | None = None, namespace: str = "a") -> PodUsage:
    return PodUsage(
        namespace=namespace,
        name=name,
        state="running",
        usage={"cpu": Quantity(cpu)} if cpu else None,
        reason=None if cpu else Reason("Unreported", ""),
    )


ROWS = (row("d", "2m"), row("a"), row("c", "10m"), row("b", "2m"), row("e", "1"))


def names(*sort: str, condition: str | None = None, top: int | None = None) -> str:
    keep = where(condition, TABLE) if condition else None
    found = arrangement(TABLE, keep=keep, sort=sort, top=top).apply(ROWS)
    return "".join(row.name for row in found)


def test_rows_keep_their_order_unless_they_are_sorted() -> None:
    assert names() == "dacbe"


def test_sorting_is_stable_either_way_and_the_unknown_is_last() -> None:
    assert names("cpu") == names("-cpu") == "ecdba"
    assert names("+cpu") == "dbcea"
    assert (names("name"), names("+name"), names("-name")) == ("abcde",) * 2 + (
        "edcba",
    )


def test_later_keys_settle_the_ties_of_earlier_ones() -> None:
    assert names("+cpu", "name") == "bdcea"
    assert names("-cpu", "-name") == "ecdba"
    assert names("reason", "-name") == "aedcb"


def test_ages_and_shares_sort_by_what_they_are() -> None:
    old, young = (
        replace(row(name, "1m"), age=timedelta(seconds=age))
        for name, age in (("old", 100), ("young", 9))
    )
    found = arrangement(TABLE, sort=["+sample.age"]).apply([old, young])
    assert [r.name for r in found] == ["young", "old"]
    third, half = (
        replace(row(name, "1m"), allocatable={"cpu": Quantity(f"{n}m")})
        for name, n in (("third", 3), ("half", 2))
    )
    found = arrangement(TABLE, sort=["cpu.pct_node"]).apply([third, half])
    assert [r.name for r in found] == ["half", "third"]


def test_top_takes_the_largest_by_cpu_unless_told_otherwise() -> None:
    assert names(top=2) == "ec"
    assert names("name", top=2) == "ab"
    assert names(top=0) == ""


def test_a_condition_keeps_what_matches() -> None:
    assert names("-cpu", condition="cpu >= 2m and name != d", top=2) == "ec"


def test_an_unknown_column_is_refused_with_those_that_may_be_meant() -> None:
    with pytest.raises(UnknownColumnError, match="did you mean cpu"):
        arrangement(TABLE, sort=["-cpu.usag"])


@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=20))
def test_sorting_agrees_with_pythons(values: list[int | None]) -> None:
    rows = [
        row(str(i), None if value is None else f"{value}m")
        for i, value in enumerate(values)
    ]
    found = arrangement(TABLE, sort=["-cpu"]).apply(rows)
    expected = sorted(
        range(len(values)), key=lambda i: (values[i] is None, -(values[i] or 0))
    )
    assert [int(r.name) for r in found] == expected


@pytest.mark.parametrize(
    ("words", "text", "matches"),
    [
        (("api",), "api", True),
        (("api",), "api-0", False),
        (("api-*",), "api-0", True),
        (("API-*",), "api-0", False),
        (("web", "api-?"), "api-0", True),
        (("api-[1-9]",), "api-0", False),
        ((), "api", False),
    ],
)
def test_words_and_globs_match_whole_names(
    words: tuple[str, ...], text: str, *, matches: bool
) -> None:
    assert matcher(words)(text) is matches


def test_only_a_wildcard_makes_a_glob() -> None:
    assert [is_glob(w) for w in ("a", "a.b-c", "a*", "a?", "[ab]")] == [
        False, False, True, True, True,
    ]  # fmt: skip


PLACED = (
    row("x", "1", "team-a"),
    row("y", "1", "team-b"),
    row("x", "1", "kube-system"),
)


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (RowSelection(), ["team-a/x", "team-b/y", "kube-system/x"]),
        (RowSelection(names=("x",)), ["team-a/x", "kube-system/x"]),
        (RowSelection(scope=Scope(kept=("team-*",))), ["team-a/x", "team-b/y"]),
        (RowSelection(scope=Scope(excluded=("kube-*", "team-b"))), ["team-a/x"]),
        (
            RowSelection(
                names=("y",), scope=Scope(kept=("team-*",), excluded=("team-b",))
            ),
            [],
        ),
    ],
)
def test_rows_are_chosen_by_name_and_namespace(
    selection: RowSelection, found: list[str]
) -> None:
    rows = selection.pods(PLACED, lambda r: (r.name,))
    assert [f"{r.namespace}/{r.name}" for r in rows] == found


def test_exact_names_that_match_nothing_are_told() -> None:
    selection = RowSelection(names=("x", "gone", "y-*"))
    assert selection.unmatched(["x", "other"]) == ("gone",)
