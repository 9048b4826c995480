from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.text import (
    MASK,
    agreeing,
    bounded,
    counted,
    field_value,
    hide,
    masked,
    one_line,
    pad,
    printable,
    quoted,
    shorten,
    widest,
    width,
    without_codes,
    without_sequences,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("api-7c9d-x2x", "api-7c9d-x2x"),
        ("two words", "two words"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),
        ("a\r\nb\tc\x7f", r"a\r\nb\tc\x7f"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\u200bb\ufeffc", r"a\u200bb\ufeffc"),
        ("\u2028\u2029\u00a0", r"\u2028\u2029\xa0"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("名前 é", "名前 é"),
    ],
)
def test_what_a_terminal_would_act_upon_is_written_as_an_escape(
    text: str, shown: str
) -> None:
    assert printable(text) == shown


def test_what_is_to_be_kept_stays() -> None:
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_printable_does_can_move_the_cursor_or_fail_to_encode(
    text: str,
) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert printable(shown) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_without_sequences_only_line_breaks_are_not_printable(text: str) -> None:
    assert all(char.isprintable() or char == "\n" for char in without_sequences(text))


def test_sequences_are_dropped_whole() -> None:
    text = "\x1b[31mError\x1b[0m:\n\x1b]0;title\x07it\x07 failed\x1b]8;;x\x1b\\"
    assert without_sequences(text) == "Error:\nit failed"


def test_one_line_has_single_blanks_and_shows_that_it_was_cut() -> None:
    assert one_line("  two\r\n\tlines ", 9) == "two lines"
    assert one_line("two\nlines!", 9) == "two lines…"


@pytest.mark.parametrize(
    ("text", "cells"),
    [("", 0), ("abc", 3), ("名前", 4), ("e\u0301", 1), ("\uff21B", 3)],
)
def test_width_counts_cells_not_characters(text: str, cells: int) -> None:
    assert width(text) == cells


@pytest.mark.parametrize(
    ("text", "size", "cut"),
    [
        ("abc", 3, "abc"),
        ("abcdef", 5, "ab…ef"),
        ("abcdef", 4, "ab…f"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("名前名前", 5, "名…前"),
        ("名前名前", 4, "名…"),
    ],
)
def test_what_is_too_long_keeps_its_two_ends(text: str, size: int, cut: str) -> None:
    assert shorten(text, size) == cut


@given(st.text().map(printable), st.integers(0, 40))
def test_shortened_text_fits(text: str, size: int) -> None:
    assert width(shorten(text, size)) <= max(size, 0)


def test_padding_counts_cells() -> None:
    assert pad("名", 4) == "名  "
    assert pad("long", 2) == "long"


def test_every_format_character_is_escaped() -> None:
    for code in (0x200E, 0x200F, 0x202A, 0x202E, 0x2066, 0x2069, 0x061C, 0xAD):
        assert unicodedata.category(chr(code)) == "Cf"
        assert printable(chr(code)).isascii()


def test_the_widest_of_texts_is_measured_in_cells() -> None:
    assert widest(["abc", "a"]) == 3
    assert widest(["abc", "名前"]) == 4
    assert widest([]) == 0


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("n1", "n1"), ("a,b", r"a\,b"), ("a=b", r"a\=b"), ("a\\b", r"a\\b")],
)
def test_a_value_does_not_end_its_field_selector(text: str, escaped: str) -> None:
    assert field_value(text) == escaped


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 pods are"), (1, "1 pod is"), (2, "2 pods are")]
)
def test_a_count_is_in_the_number_that_fits(count: int, said: str) -> None:
    assert f"{counted(count, 'pod')} {agreeing(count, 'is', 'are')}" == said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a s/e b", "a [redacted] b"),
        (r"a s\/e b s\u002fe", "a [redacted] b [redacted]"),
        ("s%2Fe, s&#47;e, s&sol;e", "[redacted], [redacted], [redacted]"),
        (r"s\\\/e s\x2fe", "[redacted] [redacted]"),
        ("s%2Ee &amp; s/", "s%2Ee &amp; s/"),
        ("%" * 70_000 + "s%2Fe", MASK),
        ("\\" * 20 + "s/e", "\\" * 20 + MASK),
    ],
)
def test_a_secret_is_masked_in_whatever_form(text: str, expected: str) -> None:
    assert masked(text, ["", "s/e"]) == expected


def test_an_error_is_rid_of_a_secret_with_all_that_it_holds() -> None:
    error, cause = KeyError("s3cret", 1), ValueError("of s3cret")
    error.__cause__, cause.__context__ = cause, error
    vars(error).update(
        url="https://h/?a=1&code=x", facts={"a": ["s3cret", ("s3cret",)]}, number=1
    )
    hide(error, ["s3cret"])
    assert error.args == ("[redacted]", 1)
    assert str(cause) == "of [redacted]"
    assert vars(error) == {
        "url": "https://h/?a=1&code=[redacted]",
        "facts": {"a": ["[redacted]", ("[redacted]",)]},
        "number": 1,
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/code=1", "https://h/code=1"),
        ("https://h/?limit=5&continue=abc", "https://h/?limit=5&continue=abc"),
        ("https://h/?a=1&access_token=x&b=2", "https://h/?a=1&access_token=[redacted]"),
    ],
)
def test_a_code_in_an_address_is_masked(url: str, expected: str) -> None:
    assert without_codes(url) == expected


@pytest.mark.parametrize("text", ["", "it's", 'a "b"', "1\n2", "x" * 100])
def test_a_value_is_quoted_as_python_writes_it(text: str) -> None:
    assert quoted(text) == repr(text)


@pytest.mark.parametrize("text", ["x" * 101, "\x1b" * 100, "'" * 10**5])
def test_a_long_value_is_cut_within_its_quotes(text: str) -> None:
    shown = quoted(text)
    assert len(shown) <= 200
    assert shown[0] == shown[-1]
    assert shown[-2] == "…"


def test_a_line_is_cut_in_the_middle_of_what_is_long() -> None:
    word = "a" * 200 + "b" * 200
    assert bounded(f"error: {word} is wrong") == f"error: {word} is wrong"
    cut = bounded(f"error: {word}{'c' * 400} is wrong: do this")
    assert cut.startswith("error: aaa")
    assert cut.endswith("ccc is wrong: do this")
    assert len(cut) == len("error: ") + 400 + len(" is wrong: do this")


def test_a_line_of_many_words_keeps_both_its_ends() -> None:
    line = bounded(f"error: {'word ' * 1000}: do this")
    assert len(line) == 2000
    assert line.startswith("error: word")
    assert line.endswith(": do this")
