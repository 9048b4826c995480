"""The expressions of ``--where`` and ``--fail-on``: small, exact, never evaluated.

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
from fnmatch import translate
from typing import Final, Generic, TypeAlias, TypeVar

from .columns import Column, Table
from .lexer import ExpressionError, Token, tokens
from .literals import Operand, exact, literal

R = TypeVar("R")
Predicate: TypeAlias = Callable[[R], bool | None]

_MAX_DEPTH: Final = 50
_COMPARE: Final[Mapping[str, Callable[[Operand, Operand], bool]]] = {
    "==": operator.eq, "=": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_GLOB: Final = {"=~": True, "!~": False}
_OPERATORS: Final = "== != < <= > >= =~ !~"


def where(text: str, table: Table[R]) -> Callable[[R], bool]:
    """Read an expression over the columns of *table*; true where a row matches.

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
                raise self._error(
                    f"{other.key} is {_A[other.kind]}, {column.key} {_A[column.kind]}",
                    value,
                )
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
                f"{sign.text} matches text, and {column.key} is {_A[column.kind]}", sign
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


_A: Final = {
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
