"""Label and field selectors, checked before any request, in upstream's words.

Sources: apimachinery pkg/labels/selector.go, pkg/fields/selector.go and
pkg/api/validate/content.
"""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+|$)")
_SYMBOLS: Final = frozenset({"==", "!=", "=", "!", "(", ")", ",", "<", ">", ""})
_OPERATORS: Final = frozenset({"in", "notin", "=", "==", "!=", ">", "<"})

_CHARS: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_DNS: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_CONSIST: Final = (
    "consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character"
)
_BAD_KEY: Final = (
    f"must {_CONSIST} (e.g. 'MyName',  or 'my.name',  or '123-abc', "
    f"regex used for validation is '{_CHARS}')"
)
_BAD_VALUE: Final = (
    f"a valid label must be an empty string or {_CONSIST} (e.g. 'MyValue',  or"
    f" 'my_value',  or '12345', regex used for validation is '({_CHARS})?')"
)
_BAD_PREFIX: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric"
    " characters, '-' or '.', and must start and end with an alphanumeric character"
    f" (e.g. 'example.com', regex used for validation is '{_DNS}')"
)
_LONGEST: Final = 63
_LONGEST_PREFIX: Final = 253
_INT64: Final = range(-(2**63), 2**63)


def check_labels(selector: str) -> None:
    """Check that *selector* is a label selector.

    Raises:
        ValueError: it is not; the text is upstream's.
    """
    _Labels(selector).check()


def check_fields(selector: str) -> str:
    """Check that *selector* is a field selector; return it as kubectl sends it.

    Raises:
        ValueError: it is not; the text is upstream's.
    """
    terms: list[str] = []
    for term in sorted(re.findall(r"(?:\\.|[^,\\]|\\$)+", selector, re.DOTALL)):
        field, operator, value = _partition(term)
        if not operator:
            raise ValueError(
                f"invalid selector: '{selector}'; can't understand '{term}'"
            )
        _check_escapes(value)
        terms.append(f"{field}{operator.replace('==', '=')}{value}")
    return ",".join(terms)


def _partition(term: str) -> tuple[str, str, str]:
    match = re.search("!=|==|=", term)
    if match is None:
        return term, "", ""
    return term[: match.start()], match[0], term[match.end() :]


def _check_escapes(value: str) -> None:
    for escaped, bare in re.findall(r"(\\.?)|([,=])", value, re.DOTALL):
        if escaped and escaped[1:] not in {"\\", ",", "="}:
            raise ValueError(
                f"invalid field selector: invalid escape sequence: {escaped}"
            )
        if bare:
            raise ValueError(
                f"invalid field selector: unescaped character in value: {ord(bare)}"
            )


class _Labels:
    """A recursive descent over the words of a label selector."""

    def __init__(self, selector: str) -> None:
        self._words = [match[1] for match in _TOKEN.finditer(selector)]
        self._next = 0

    def check(self) -> None:
        while self._look() != "":
            if self._look() in _SYMBOLS - {"!"}:
                raise ValueError(
                    f"found '{self._look()}', expected: !, identifier,"
                    " or 'end of string'"
                )
            try:
                self._requirement()
            except ValueError as error:
                raise ValueError(f"unable to parse requirement: {error}") from None
            self._separator()

    def _look(self) -> str:
        return self._words[min(self._next, len(self._words) - 1)]

    def _take(self) -> str:
        word = self._look()
        self._next += 1
        return word

    def _separator(self) -> None:
        word = self._take()
        if word not in {"", ","}:
            raise ValueError(f"found '{word}', expected: ',' or 'end of string'")
        if word == "," and self._look() in _SYMBOLS - {"!"}:
            raise ValueError(f"found '{self._look()}', expected: identifier after ','")

    def _requirement(self) -> None:
        negated = self._look() == "!"
        key = self._key()
        if negated or self._look() in {"", ","}:
            return
        operator = self._take()
        if operator not in _OPERATORS:
            raise ValueError(
                f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt"
            )
        values = self._set() if operator in {"in", "notin"} else [self._exact()]
        _check_values(key, operator, sorted(set(values)))

    def _key(self) -> str:
        key = self._take()
        if key == "!":
            key = self._take()
        if key in _SYMBOLS:
            raise ValueError(f"found '{key}', expected: identifier")
        problems = _key_problems(key)
        if problems:
            raise ValueError(
                f"<nil>: Invalid value: {_quoted(key)}: {'; '.join(problems)}"
            )
        return key

    def _exact(self) -> str:
        if self._look() in {"", ","}:
            return ""
        value = self._take()
        if value in _SYMBOLS:
            raise ValueError(f"found '{value}', expected: identifier")
        return value

    def _set(self) -> list[str]:
        word = self._take()
        if word != "(":
            raise ValueError(f"found '{word}' expected: '('")
        word = self._look()
        if word in _SYMBOLS - {")", ","}:
            raise ValueError(f"found '{word}', expected: ',', ')' or identifier")
        values: list[str] = []
        while True:
            values.append("" if self._look() in {")", ","} else self._member())
            word = self._take()
            if word == ")":
                return values
            if word != ",":
                raise ValueError(f"found '{word}', expected: ',' or ')'")

    def _member(self) -> str:
        word = self._take()
        if word in _SYMBOLS:
            raise ValueError(f"found '{word}', expected: ',', or identifier")
        return word


def _key_problems(key: str) -> list[str]:
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        example = (
            "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        )
        return [f"a valid label key {_BAD_KEY} {example}"]
    problems = _prefix_problems(prefix) if slash else []
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > _LONGEST:
        problems.append(f"name part must be no more than {_LONGEST} bytes")
    if not re.fullmatch(_CHARS, name):
        problems.append(f"name part {_BAD_KEY}")
    return problems


def _prefix_problems(prefix: str) -> list[str]:
    if not prefix:
        return ["prefix part must be non-empty"]
    problems: list[str] = []
    if len(prefix) > _LONGEST_PREFIX:
        problems.append(f"prefix part must be no more than {_LONGEST_PREFIX} bytes")
    if not re.fullmatch(_DNS, prefix):
        problems.append(f"prefix part {_BAD_PREFIX}")
    return problems


def _check_values(key: str, operator: str, values: list[str]) -> None:
    problems: list[str] = []
    if operator in {"<", ">"} and not _is_int64(values[0]):
        problems.append(
            f"values[0]: Invalid value: {_quoted(values[0])}:"
            " for 'Gt', 'Lt' operators, the value must be an integer"
        )
    for index, value in enumerate(values):
        wrong = _value_problems(value)
        if wrong:
            shown = f"Invalid value: {_quoted(value)}: {'; '.join(wrong)}"
            problems.append(f"values[{index}][{key}]: {shown}")
    if problems:
        joined = ", ".join(dict.fromkeys(problems))
        raise ValueError(f"[{joined}]" if len(problems) > 1 else joined)


def _quoted(text: str) -> str:
    """Quote as Go's ``%q`` does, but for what is not printable."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_int64(text: str) -> bool:
    return bool(re.fullmatch("[+-]?[0-9]{1,30}", text)) and int(text) in _INT64


def _value_problems(value: str) -> list[str]:
    problems: list[str] = []
    if len(value) > _LONGEST:
        problems.append(f"must be no more than {_LONGEST} bytes")
    if not re.fullmatch(f"({_CHARS})?", value):
        problems.append(_BAD_VALUE)
    return problems
