"""Text from servers and programs made fit to print.

It is made harmless to a terminal, put on one line, measured, padded and shortened.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Final, cast

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


_QUOTED: Final = 100
"""The characters of a wrong value that an error quotes."""


def quoted(text: str) -> str:
    """Return *text* in quotes, as an error shows a value; a long one is cut."""
    shown = repr(text[:_QUOTED])
    if len(text) <= _QUOTED and len(shown) <= 2 * _QUOTED:
        return shown
    return f"{shown[: _QUOTED + 1]}{ELLIPSIS}{shown[0]}"


_LONGEST_WORD: Final = 400
_LONGEST_LINE: Final = 2000
_LONG: Final = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


def bounded(line: str) -> str:
    """Cut what is too long for people in its middle: each word, then the *line*.

    What went wrong stands at its begin, and what to do next at its end.
    """
    if len(line) <= _LONGEST_WORD:
        return line
    line = _LONG.sub(lambda word: _cut(word[0], _LONGEST_WORD), line)
    return line if len(line) <= _LONGEST_LINE else _cut(line, _LONGEST_LINE)


def _cut(text: str, most: int) -> str:
    end = most // 3
    return f"{text[: most - end - 1]}{ELLIPSIS}{text[-end:]}"


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


MASK: Final = "[redacted]"
_ESCAPE: Final = (
    r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})|(&#?\w{1,8};)"
)
_MOST_BACKSLASHES: Final = 8
_MOST_LAYERS: Final = 3
_LONGEST_ESCAPED: Final = 1 << 16
"""Characters of a text that repeats an escaped secret; of a longer one none stay."""
_CODE: Final = (
    r"(?i)([?&;][^=&;#]*(?:code|token|secret|pass|pwd|key|cred|signature|assertion"
    r"|ticket|session)[^=&;#]*=).+"
)


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return *text* without *secrets*, whether it is plain, JSON, quoted or HTML."""
    for secret in filter(None, secrets):
        text = text.replace(secret, MASK)
        if any(sign in text for sign in "\\%&") and _bare(secret) in _bare(text):
            short = len(text) <= _LONGEST_ESCAPED
            text = _without_escaped(text, secret) if short else MASK
    return text


def _bare(text: str) -> str:
    """Return *text* as it is when escapes, of escapes too, are read and dropped."""
    for _ in range(_MOST_LAYERS):
        read = re.sub(_ESCAPE, _meant, text)
        if read == text:
            break
        text = read
    return text.replace("\\", "")


def _without_escaped(text: str, secret: str) -> str:
    parts: list[str] = []
    end = 0
    for start in re.finditer(rf"[\\%&{re.escape(secret[0])}]", text):
        found = _end_of(secret, text, start.start()) if start.start() >= end else 0
        if found:
            parts += text[end : start.start()], MASK
            end = found
    return "".join([*parts, text[end:]])


def _end_of(secret: str, text: str, start: int) -> int:
    """Return where *secret*, which is at *start* in whatever form, ends; else 0."""
    ends = {start}
    for character in secret:
        ends = {end for at in ends for end in _ends(character, text, at)}
        if not ends:
            return 0
    return max(ends)


def _ends(character: str, text: str, at: int) -> Iterator[int]:
    """Yield where *character* ends if it is at *at*, behind backslashes or escaped."""
    for place in range(at, at + _MOST_BACKSLASHES):
        if text.startswith(character, place):
            yield place + 1
        found = re.compile(_ESCAPE).match(text, place)
        if found and _meant(found) == character:
            yield found.end()
        if not text.startswith("\\", place):
            return


def _meant(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    if digits:
        return chr(int(digits, 16))
    import html  # noqa: PLC0415 - seldom needed

    return html.unescape(found[4])


def hide(error: BaseException, secrets: Collection[str]) -> None:
    """Mask *secrets* in an error, in its attributes and in what brought it about.

    Of an address in it the codes go as well.
    """
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.args = _without(one.args, secrets)
        for name, value in vars(one).items():
            shown = _without(value, secrets)
            setattr(one, name, without_codes(shown) if name == "url" else shown)
        pending += one.__cause__, one.__context__


def _without(value: Any, secrets: Collection[str]) -> Any:  # noqa: ANN401 - an attribute
    if isinstance(value, str):
        return masked(value, secrets)
    if type(value) in {list, tuple}:
        items = cast("list[Any] | tuple[Any, ...]", value)
        return type(items)(_without(item, secrets) for item in items)
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return {name: _without(inner, secrets) for name, inner in pairs}
    return value


def without_codes(url: str) -> str:
    """Mask what in the query of *url* logs in whoever has it, and what comes behind."""
    return re.sub(_CODE, rf"\1{MASK}", url)


def without_credentials(url: str) -> str:
    """Return *url* without user and password, whatever else it holds."""
    scheme, slashes, rest = url.partition("://")
    if not slashes:
        scheme, rest = "", url
    authority, separator, tail = _split_authority(rest)
    return f"{scheme}{slashes}{authority.rpartition('@')[2]}{separator}{tail}"


def _split_authority(rest: str) -> tuple[str, str, str]:
    # A password may hold any of /?# unescaped by mistake: better to cut too much.
    before, at, after = rest.rpartition("@")
    host, slash, tail = after.partition("/")
    return before + at + host, slash, tail
