"""Selectors are refused in the words that real kubectl 1.37 had for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.kubectl_top.selectors import check_fields, check_labels

CASES = json.loads(
    (Path(__file__).parents[1] / "data" / "kubectl_selectors.json").read_text()
)


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{i} {c['selector'][:30]}" for i, c in enumerate(CASES)]
)
def test_a_selector_is_judged_as_kubectl_judged_it(case: dict[str, str]) -> None:
    check = check_labels if case["flag"] == "-l" else check_fields
    try:
        check(case["selector"])
        error = ""
    except ValueError as refused:
        error = str(refused)
    assert error == case["error"]


_WORDS = st.lists(
    st.sampled_from([*"ab=!(),<>/ ", "==", "!=", "in", "notin", "1", "-"])
)


@given(_WORDS)
def test_any_words_at_all_are_judged(words: list[str]) -> None:
    for check in (check_labels, check_fields):
        try:
            check("".join(words))
        except ValueError as refused:
            assert str(refused)  # noqa: PT017 - either outcome is right


_KEYS = st.from_regex(r"[a-z][a-z0-9_.-]{0,5}[a-z0-9]", fullmatch=True)
_VALUES = st.lists(_KEYS, min_size=1, max_size=3).map(",".join)


@pytest.mark.no_cover
@given(st.lists(st.tuples(_KEYS, st.sampled_from(["in", "notin"]), _VALUES)))
def test_what_is_well_formed_is_accepted(parts: list[tuple[str, str, str]]) -> None:
    check_labels(", ".join(f"{key} {word} ({values})" for key, word, values in parts))
