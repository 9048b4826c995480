"""Text from servers and programs made fit to print.

It is made harmless to a terminal, put on one line, measured, padded and shortened.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

_WIDE: Final = frozenset("WF")
_NO_WIDTH: Final = frozenset({"Mn", "Me"})
ELLIPSIS: Final = "…"


def printable(text: str, keep: str = "") -> str:
    r"""Write what a terminal would act upon as an escape: ``\x1b``, ``\u202e``.

    That is every control and format character (bidi overrides, zero-width ones, lone
    surrogates) and every space but the plain one, which ``str.isprintable`` calls not
    printable; the characters of *keep* stay, such as the newlines of several lines.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


_SEQUENCE: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)"
)


def without_sequences(text: str) -> str:
    """Drop terminal sequences (ECMA-48) and control characters; line breaks stay.

    For what a program wrote to a terminal, where an escape would be noise.
    """
    plain = _SEQUENCE.sub("", text)
    return "".join(c for c in plain if c.isprintable() or c == "\n")


def one_line(text: str, most: int | None = None) -> str:
    """Make every run of white space one blank, and cut after *most* characters."""
    line = " ".join(text.split())
    return line if most is None or len(line) <= most else line[:most] + ELLIPSIS


def counted(count: int, noun: str) -> str:
    """Return *count* and the *noun*, which is given in the singular: ``2 pods``."""
    return f"{count} {agreeing(count, noun, f'{noun}s')}"


def agreeing(count: int, one: str, more: str) -> str:
    """Return the word that goes with *count* things: ``is`` or ``are``."""
    return one if count == 1 else more


def width(text: str) -> int:
    """Return how many cells of a terminal printable *text* takes (UAX #11)."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def widest(texts: Sequence[str]) -> int:
    """Return the width of the widest of *texts*."""
    plain = all(map(str.isascii, texts))
    return max(map(len if plain else width, texts), default=0)


def _cells(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def shorten(text: str, size: int) -> str:
    """Cut printable *text* to *size* cells, leaving its two ends: ``api-7…x2x``.

    A pod's name says whose it is at its start and which one at its end.
    """
    if width(text) <= size:
        return text
    if size <= 1:
        return ELLIPSIS[:size]
    tail = (size - 1) // 2
    head = _fit(text, size - 1 - tail)
    return head + ELLIPSIS + _fit(text[::-1], tail)[::-1]


def _fit(text: str, size: int) -> str:
    """Return as much of the start of *text* as *size* cells hold."""
    ends = accumulate(map(_cells, text))
    return text[: sum(end <= size for end in ends)]


def pad(text: str, size: int) -> str:
    """Pad printable *text* with blanks on its right to *size* cells."""
    return text + " " * (size - width(text))


def field_value(text: str) -> str:
    """Escape *text* as the value of a field selector, which a comma would end.

    Source: apimachinery pkg/fields/selector.go, ``EscapeValue``.
    """
    return re.sub(r"([\\,=])", r"\\\1", text)
