"""Label and field selectors, as an API server reads them: which objects they choose.

Grammar and wording after apimachinery's `pkg/labels/selector.go` and
`pkg/fields/selector.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

Matches: TypeAlias = Callable[[Mapping[str, str]], bool]
"""Whether labels, or fields, are those that a selector is for."""


class SelectorError(ValueError):
    """A selector that a server refuses, in its words."""


_TOKEN: Final = re.compile(r"\s*(==|!=|=|!|\(|\)|,|<|>|[^\s=!(),<>]+)")
_SYMBOLS: Final = {"=", "==", "!=", "!", "(", ")", ",", "<", ">"}


class _Tokens:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = _TOKEN.findall(text)
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def take_word(self, expected: str) -> str:
        token = self.take()
        if not token or token in _SYMBOLS:
            raise _unparsable(f"found '{token}', expected: {expected}")
        return token

    def take_symbol(self, symbol: str, expected: str) -> None:
        token = self.take()
        if token != symbol:
            raise _unparsable(f"found '{token}', expected: {expected}")


def _unparsable(detail: str) -> SelectorError:
    return SelectorError(f"unable to parse requirement: {detail}")


def label_selector(text: str) -> Matches:
    """Parse a label selector; an empty one selects everything.

    Raises:
        SelectorError: it cannot be parsed.
    """
    tokens = _Tokens(text)
    tests: list[Matches] = []
    while tokens.peek():
        tests.append(_requirement(tokens))
        if tokens.peek():
            tokens.take_symbol(",", "',' or 'end of string'")
            if not tokens.peek():
                raise _unparsable("found '', expected: identifier after ','")
    return lambda labels: all(test(labels) for test in tests)


def _requirement(tokens: _Tokens) -> Matches:
    if tokens.peek() == "!":
        tokens.take()
        key = tokens.take_word("identifier")
        return lambda labels: key not in labels
    key = tokens.take_word("identifier")
    if tokens.peek() in ("", ","):
        return lambda labels: key in labels
    return _comparison(key, tokens)


def _comparison(key: str, tokens: _Tokens) -> Matches:
    operator = tokens.take()
    if operator in ("=", "=="):
        value = _value(tokens)
        return lambda labels: labels.get(key) == value
    if operator == "!=":
        value = _value(tokens)
        return lambda labels: labels.get(key) != value
    if operator in ("in", "notin"):
        values = _values(tokens)
        wanted = operator == "in"
        return lambda labels: (labels.get(key) in values) is wanted
    if operator in ("<", ">"):
        bound = int(tokens.take_word("identifier"))
        above = operator == ">"
        return lambda labels: _compares(labels.get(key, ""), bound, above=above)
    raise _unparsable(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _compares(text: str, bound: int, *, above: bool) -> bool:
    if not text.isdecimal():
        return False
    return int(text) > bound if above else int(text) < bound


def _value(tokens: _Tokens) -> str:
    if tokens.peek() in ("", ",", ")"):
        return ""
    return tokens.take_word("identifier")


def _values(tokens: _Tokens) -> frozenset[str]:
    tokens.take_symbol("(", "'('")
    values = {_value(tokens)}
    while tokens.peek() == ",":
        tokens.take()
        values.add(_value(tokens))
    tokens.take_symbol(")", "',', ')' or identifier")
    return frozenset(values)


def field_selector(text: str, check: Callable[[str], None]) -> Matches:
    """Parse a field selector; *check* refuses a field that there is not.

    Raises:
        SelectorError: it cannot be parsed.
    """
    tests: list[Matches] = []
    for term in filter(None, text.split(",")):
        field, operator, value = _field_term(text, term)
        check(field)
        tests.append(_field_test(field, value, equal=operator != "!="))
    return lambda fields: all(test(fields) for test in tests)


def _field_term(text: str, term: str) -> tuple[str, str, str]:
    for operator in ("!=", "==", "="):
        field, found, value = term.partition(operator)
        if found:
            return field, operator, value
    raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")


def _field_test(field: str, value: str, *, equal: bool) -> Matches:
    return lambda fields: (fields.get(field, "") == value) is equal
