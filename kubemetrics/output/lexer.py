"""Words of a ``--where`` expression, each with the place it was found at."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

from ..frozen import dataclass
from .text import printable, width

TokenKind: TypeAlias = Literal["word", "string", "operator", "end"]

MAX_LENGTH: Final = 2_000
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>==|!=|=~|!~|<=|>=|<|>|=|\(|\)|&&|\|\|)
      | (?P<word>[^\s()<>=!~"'&|]+)
      | (?P<end>$)
    )""",
    re.VERBOSE,
)
_ESCAPED: Final = re.compile(r"\\(.)")


class ExpressionError(ValueError):
    """An expression that cannot be read: *column* is counted from 1 in *text*.

    *flag* may be set to where the expression was given.
    """

    flag = ""

    def __init__(self, problem: str, *, text: str, column: int) -> None:
        self.problem = problem
        self.text = text
        self.column = column
        super().__init__(f"column {column}: {problem}")

    @property
    def pointer(self) -> str:
        """Two lines: the expression, and a caret under what is wrong with it."""
        before = printable(self.text[: self.column - 1])
        return f"  {printable(self.text)}\n  {' ' * width(before)}^"


@dataclass(frozen=True, slots=True)
class Token:
    """One word, quoted string or operator; *start* is its index in the expression."""

    kind: TokenKind
    text: str
    start: int


def tokens(text: str) -> list[Token]:
    """Split an expression; the last token is its end.

    Raises:
        ExpressionError: too long, a string without its end, or a stray character.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"expression of {len(text)} characters, more than {MAX_LENGTH}",
            text=text[:40] + "…",
            column=1,
        )
    found: list[Token] = []
    position = 0
    while not found or found[-1].kind != "end":
        match = _TOKEN.match(text, position)
        if match is None:
            raise _stray(text, position)
        found.append(_token(match))
        position = match.end()
    return found


def _token(match: re.Match[str]) -> Token:
    if (word := match["word"]) is not None:
        return Token("word", word, match.start("word"))
    if (operator := match["operator"]) is not None:
        return Token("operator", operator, match.start("operator"))
    if (quoted := match["string"]) is not None:
        return Token("string", _ESCAPED.sub(r"\1", quoted[1:-1]), match.start("string"))
    return Token("end", "", match.start("end"))


def _stray(text: str, position: int) -> ExpressionError:
    start = position + len(text[position:]) - len(text[position:].lstrip())
    character = text[start]
    problem = (
        f"this {character} has no second one"
        if character in "\"'"
        else f"{character!r} means nothing here"
    )
    return ExpressionError(problem, text=text, column=start + 1)
