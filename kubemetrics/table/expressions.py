"""The expressions of ``--where`` and ``--fail-on``, read and matched exactly.

    mem.pct_limit > 80 and namespace != "kube-system"
    cpu.usage >= cpu.requests or not (name =~ "api-*")

A comparison is a column, an operator and a value or another column of the same kind.
Operators: ``== != < <= > >=``, and ``=~ !~`` for a glob (``* ? [a-z]``, the whole text,
case counts; a glob is matched in bounded time, which a regular expression is not).
They combine with ``not``, ``and`` (``&&``), ``or`` (``||``) and parentheses. Amounts of
CPU and memory are Kubernetes quantities (``250m``, ``1.5Gi``), ages Go durations with
days (``90s``, ``1h30m``, ``2d``), percentages plain numbers; text is quoted or a word.

What is not known compares as neither true nor false (Kleene's three-valued logic), and
an expression that is neither matches nothing.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from fnmatch import translate
from fractions import Fraction
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from ..frozen import dataclass
from ..quantity import Quantity
from ..text import printable, width
from ..times import parse_duration
from .columns import Column, Kind, Table, Value

R = TypeVar("R")
Predicate: TypeAlias = Callable[[R], bool | None]
Operand: TypeAlias = Any
"""An `int` or `Fraction` in the smallest unit of its kind, or a `str`: two of one kind
compare, which no type can say."""
TokenKind: TypeAlias = Literal["word", "string", "operator", "end"]

_MAX_LENGTH: Final = 2_000
_MAX_DEPTH: Final = 50
_COMPARE: Final[Mapping[str, Callable[[Operand, Operand], bool]]] = {
    "==": operator.eq, "=": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_GLOB: Final = {"=~": True, "!~": False}
_OPERATORS: Final = "== != < <= > >= =~ !~"


class ExpressionError(ValueError):
    """An expression that cannot be read, at *column* (the first is 1) of *text*."""

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


def where(text: str, table: Table[R]) -> Callable[[R], bool]:
    """Return a function that tells whether a row of *table* matches *text*.

    Raises:
        ExpressionError: it cannot be read; says the column of the expression.
    """
    parser = _Parser(text, table)
    predicate = parser.parse()
    return lambda row: predicate(row) is True


class _Parser(Generic[R]):
    def __init__(self, text: str, table: Table[R]) -> None:
        self._text = text
        self._table = table
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0

    def parse(self) -> Predicate[R]:
        predicate = self._any()
        token = self._peek()
        if token.kind != "end":
            raise self._error("expected 'and', 'or' or the end", token)
        return predicate

    def _any(self) -> Predicate[R]:
        parts = [self._all()]
        while self._accept("or", "||"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else _either(parts)

    def _all(self) -> Predicate[R]:
        parts = [self._one()]
        while self._accept("and", "&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else _every(parts)

    def _one(self) -> Predicate[R]:
        self._deeper()
        if self._accept("not"):
            predicate = _negated(self._one())
        elif self._accept("("):
            predicate = self._any()
            if not self._accept(")"):
                raise self._error("expected ')'", self._peek())
        else:
            predicate = self._comparison()
        self._depth -= 1
        return predicate

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(f"nested deeper than {_MAX_DEPTH}", self._peek())

    def _comparison(self) -> Predicate[R]:
        column = self._column(self._take())
        sign = self._take()
        if sign.text in _GLOB and sign.kind == "operator":
            return self._matches(column, sign)
        compare = _COMPARE.get(sign.text) if sign.kind == "operator" else None
        if compare is None:
            raise self._error(f"expected one of {_OPERATORS} after a column", sign)
        return self._compares(column, compare)

    def _compares(
        self, column: Column[R], compare: Callable[[Operand, Operand], bool]
    ) -> Predicate[R]:
        value = self._take()
        other = self._table.get(value.text) if value.kind == "word" else None
        if other is not None:
            if other.kind != column.kind:
                one, two = _KINDS[other.kind], _KINDS[column.kind]
                raise self._error(f"{other.key} is {one}, {column.key} {two}", value)
            return _two_columns(column, other, compare)
        return _column_and_value(column, self._literal(column, value), compare)

    def _literal(self, column: Column[R], value: Token) -> Operand:
        if value.kind not in {"word", "string"}:
            raise self._error(f"expected a value to compare {column.key} with", value)
        try:
            return literal(column.kind, value.text)
        except ValueError as error:
            raise self._error(f"{column.key}: {error}", value) from None

    def _matches(self, column: Column[R], sign: Token) -> Predicate[R]:
        if column.kind != "text":
            raise self._error(
                f"{sign.text} matches text, and {column.key} is {_KINDS[column.kind]}",
                sign,
            )
        pattern = self._take()
        if pattern.kind not in {"word", "string"}:
            raise self._error("expected a glob", pattern)
        return _glob(column, pattern.text, matching=_GLOB[sign.text])

    def _column(self, token: Token) -> Column[R]:
        column = self._table.get(token.text) if token.kind == "word" else None
        if column is None:
            expected = "expected a column; " if token.kind == "end" else ""
            raise self._error(expected + self._table.no_such(token.text), token)
        return column

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._peek()
        if token.kind != "end":
            self._next += 1
        return token

    def _accept(self, *words: str) -> bool:
        token = self._peek()
        found = token.kind != "string" and token.text.lower() in words
        self._next += found
        return found

    def _error(self, problem: str, token: Token) -> ExpressionError:
        return ExpressionError(problem, text=self._text, column=token.start + 1)


_KINDS: Final = {
    "cpu": "an amount of CPU", "memory": "an amount of memory",
    "percent": "a percentage", "count": "a number", "age": "an age", "text": "text",
}  # fmt: skip


def _column_and_value(
    column: Column[R], value: Operand, compare: Callable[[Operand, Operand], bool]
) -> Predicate[R]:
    get = column.get

    def predicate(row: R) -> bool | None:
        cell = get(row)
        return None if cell is None else compare(exact(cell), value)

    return predicate


def _two_columns(
    one: Column[R], two: Column[R], compare: Callable[[Operand, Operand], bool]
) -> Predicate[R]:
    def predicate(row: R) -> bool | None:
        left, right = one.get(row), two.get(row)
        if left is None or right is None:
            return None
        return compare(exact(left), exact(right))

    return predicate


def _glob(column: Column[R], pattern: str, *, matching: bool) -> Predicate[R]:
    get = column.get
    match = re.compile(translate(pattern)).match

    def predicate(row: R) -> bool | None:
        cell = get(row)
        return None if cell is None else (match(str(cell)) is not None) is matching

    return predicate


def _negated(part: Predicate[R]) -> Predicate[R]:
    def predicate(row: R) -> bool | None:
        truth = part(row)
        return None if truth is None else not truth

    return predicate


def _every(parts: list[Predicate[R]]) -> Predicate[R]:
    def predicate(row: R) -> bool | None:
        truths = [part(row) for part in parts]
        return False if False in truths else None if None in truths else True

    return predicate


def _either(parts: list[Predicate[R]]) -> Predicate[R]:
    def predicate(row: R) -> bool | None:
        truths = [part(row) for part in parts]
        return True if True in truths else None if None in truths else False

    return predicate


_DAYS: Final = re.compile(r"([0-9]{1,6})d(.*)")
_UNIT: Final = 10**9
_MICROSECOND: Final = timedelta(microseconds=1)


def exact(value: Value) -> Operand:
    """Return a known cell as an operand."""
    if isinstance(value, Quantity):
        return value.nanos
    if isinstance(value, Fraction):
        return value * 100 * _UNIT
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    return value * _UNIT if isinstance(value, int) else value


def literal(kind: Kind, text: str) -> Operand:
    """Return *text* as an operand to compare columns of *kind* with.

    Raises:
        ValueError: not a value of that kind; says what one looks like.
    """
    if kind == "text":
        return text
    if kind == "age":
        return _age(text) // _MICROSECOND
    if kind in {"percent", "count"}:
        text = text.removesuffix("%") if kind == "percent" else text
    return Quantity(text).nanos


def _age(text: str) -> timedelta:
    match = _DAYS.fullmatch(text)
    if match is None:
        return parse_duration(text)
    rest = parse_duration(match[2]) if match[2] else timedelta()
    return timedelta(days=int(match[1])) + rest


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
    if len(text) > _MAX_LENGTH:
        raise ExpressionError(
            f"expression of {len(text)} characters, more than {_MAX_LENGTH}",
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
