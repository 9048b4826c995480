"""The expressions of ``--where`` and ``--fail-on``, read and matched exactly.

    mem.pct_limit > 80 and namespace != "kube-system"
    mem.requests - mem.usage > 1Gi or mem.limits == none
    cpu.usage / cpu.requests >= 150% and not (name =~ "api-*")

A comparison is a column, an operator and a value or another column of the same kind.
Operators: ``== != < <= > >=``, and ``=~ !~`` for a glob (``* ? [a-z]``, the whole text,
case counts; a glob is matched in bounded time, which a regular expression is not).
They combine with ``not``, ``and`` (``&&``), ``or`` (``||``) and parentheses. Amounts of
CPU and memory are Kubernetes quantities (``250m``, ``1.5Gi``), ages Go durations with
days (``90s``, ``1h30m``, ``2d``), percentages plain numbers; text is quoted or a word.
Columns of one unit add up and divide each other: ``+ - * /``, with blanks around.

What is not known compares as neither true nor false (Kleene's three-valued logic), and
an expression that is neither matches nothing. ``== none`` asks for what has no value
(also written ``-``, ``null`` and ``""``), ``!= none`` for what has one.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from fnmatch import translate
from fractions import Fraction
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, final

from ..frozen import dataclass
from ..quantity import Quantity
from ..text import printable, width
from ..times import parse_days
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
_EQUAL: Final = {"==": True, "=": True, "!=": False}
_OPERATORS: Final = "== != < <= > >= =~ !~"
_NO_VALUE: Final = frozenset({"none", "null", "-"})
"""The words that, right of ``==`` and ``!=``, ask for what has no value."""


class ExpressionError(ValueError):
    """An expression that cannot be read, at *column* (the first is 1) of *text*."""

    def __init__(self, problem: str, *, text: str, column: int) -> None:
        self.problem = problem
        self.text = text
        self.column = column
        super().__init__(f"column {column}: {problem}")

    @property
    def word(self) -> str:
        """The word at *column*; nothing where there is none that can be read."""
        try:
            return tokens(self.text[self.column - 1 :])[0].text
        except ExpressionError:
            return ""

    @property
    def pointer(self) -> str:
        """Two lines: the expression, and a caret under what is wrong with it."""
        before = printable(self.text[: self.column - 1])
        return f"  {printable(self.text)}\n  {' ' * width(before)}^"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression(Generic[R]):
    """A condition on rows; it holds for those of which it is known to be true.

    *truth* is ``None`` where it cannot be told. *columns* are those that it names.
    *texts* are the texts that columns are compared with by ``==``, *globs* those that
    they are matched with by ``=~``: for hints, where nothing was found.
    """

    text: str
    truth: Predicate[R]
    columns: tuple[Column[R], ...] = ()
    texts: tuple[tuple[Column[R], str], ...] = ()
    globs: tuple[tuple[Column[R], str], ...] = ()

    def __call__(self, row: R) -> bool:
        """Tell whether *row* matches."""
        return self.truth(row) is True

    def judges(self, rows: Sequence[R]) -> bool:
        """Whether it can tell of any of *rows*."""
        return any(self.truth(row) is not None for row in rows)

    def hints(self, rows: Sequence[R]) -> Iterator[str]:
        """Return what may have been meant, where it matched none of *rows*."""
        for column, text in self.texts:
            yield from _other_case(column, text, rows)
        for column, pattern in self.globs:
            if ".*" in pattern:
                yield (
                    f"{column.key} =~ takes a glob, not a regular expression: {pattern}"
                    f" may mean {as_glob(pattern)}"
                )


def _other_case(column: Column[R], text: str, rows: Sequence[R]) -> Iterator[str]:
    """Name the value that differs from *text* by its case alone, if there is one."""
    values = {str(value) for row in rows if (value := column.get(row)) is not None}
    if text in values:
        return
    close = sorted(v for v in values if v.casefold() == text.casefold())
    if close:
        yield f"{column.key} == {text} matches none, {close[0]} would: case counts"


def where(text: str, table: Table[R]) -> Expression[R]:
    """Return the expression that tells whether a row of *table* matches *text*.

    Raises:
        ExpressionError: it cannot be read; says the column of the expression.
    """
    return _Parser(text, table).parse()


@final  # so that nothing else that is called is one
@dataclass(frozen=True, slots=True, kw_only=True)
class _Term(Generic[R]):
    """A side of a comparison: a column, a literal, or what they add up to.

    The *kind* of a literal is that of what it meets: it has none, and *literal* is its
    text. *token* is where it begins.
    """

    token: Token
    kind: Kind | None = None
    get: Callable[[R], Operand | None] = field(default=lambda _: None)
    column: Column[R] | None = None
    literal: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.column.key if self.column else "this"


class _Parser(Generic[R]):
    def __init__(self, text: str, table: Table[R]) -> None:
        self._text = text
        self._table = table
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0
        self._columns: list[Column[R]] = []
        self._texts: list[tuple[Column[R], str]] = []
        self._globs: list[tuple[Column[R], str]] = []

    def parse(self) -> Expression[R]:
        truth = self._condition(self._any())
        token = self._peek()
        if token.kind != "end":
            raise self._error("expected 'and', 'or' or the end", token)
        return Expression(
            text=self._text,
            truth=truth,
            columns=tuple({c.key: c for c in self._columns}.values()),
            texts=tuple(self._texts),
            globs=tuple(self._globs),
        )

    def _any(self) -> Predicate[R] | _Term[R]:
        node = self._all()
        if not self._at("or", "||"):
            return node
        parts = [self._condition(node)]
        while self._accept("or", "||"):
            parts.append(self._condition(self._all()))
        return _either(parts)

    def _all(self) -> Predicate[R] | _Term[R]:
        node = self._one()
        if not self._at("and", "&&"):
            return node
        parts = [self._condition(node)]
        while self._accept("and", "&&"):
            parts.append(self._condition(self._one()))
        return _every(parts)

    def _one(self) -> Predicate[R] | _Term[R]:
        self._deeper()
        node = (
            _negated(self._condition(self._one()))
            if self._accept("not")
            else self._comparison()
        )
        self._depth -= 1
        return node

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(f"nested deeper than {_MAX_DEPTH}", self._peek())

    def _condition(self, node: Predicate[R] | _Term[R]) -> Predicate[R]:
        if isinstance(node, _Term):
            expected = f"expected one of {_OPERATORS} after a column"
            raise self._error(f"{expected}{self._share_of(node)}", self._peek())
        return node

    def _share_of(self, node: _Term[R]) -> str:
        """Return what ``90% of limit`` may stand for."""
        word, *more = [token.text.lower() for token in self._tokens[self._next :]]
        if word != "of" or not node.literal.endswith("%"):
            return ""
        names = {column.key for column in self._table.columns}
        of, _, whole = more[0].rpartition(".")
        family = "cpu" if of == "cpu" else "mem"
        key = f"{family}.pct_{whole.removesuffix('s')}"
        found = key if key in names else f"{family}.pct_limit"
        meant = f"{found} > {node.literal[:-1]}"
        return f"; did you mean '{meant}'?" if found in names else ""

    def _comparison(self) -> Predicate[R] | _Term[R]:
        left = self._sum(None)
        sign = self._peek()
        if not isinstance(left, _Term) or sign.kind != "operator":
            return left
        if sign.text in _GLOB:
            return self._matches(left, self._take())
        if sign.text in _COMPARE:
            return self._compares(left, self._take())
        return left

    def _compares(self, left: _Term[R], sign: Token) -> Predicate[R]:
        if sign.text in _EQUAL and self._asks_for_nothing():
            return _no_value(self._typed(left), equal=_EQUAL[sign.text])
        right = self._sum(left)
        if not isinstance(right, _Term):
            raise self._error("expected a value, not a condition", sign)
        left, right = self._alike(left, right)
        if left.column and left.kind == "text" and not right.column:
            self._texts += [(left.column, right.literal)] * _EQUAL.get(sign.text, False)
        return _compared(left, right, _COMPARE[sign.text])

    def _asks_for_nothing(self) -> bool:
        """Take the word for no value, if it is the next."""
        token = self._peek()
        found = (token.kind == "word" and token.text.lower() in _NO_VALUE) or (
            token.kind == "string" and not token.text
        )
        self._next += found
        return found

    def _sum(self, left: _Term[R] | None) -> Predicate[R] | _Term[R]:
        """Read amounts that are added; *left* is what they are compared with."""
        node = self._product(left)
        while isinstance(node, _Term) and self._at(*_ADD) and node.kind != "text":
            sign, more = self._take(), self._product(left)
            one, two = self._alike(node, self._term(more, sign))
            if one.kind == "text":
                raise self._error(f"{one.name} is text, and does not add up", sign)
            node = _added(one, two, _ADD[sign.text])
        return node

    def _product(self, left: _Term[R] | None) -> Predicate[R] | _Term[R]:
        node = self._primary(left)
        while isinstance(node, _Term) and self._at("*", "/") and node.kind != "text":
            sign = self._take()
            node = self._scaled(node, self._term(self._primary(left), sign), sign)
        return node

    def _term(self, node: Predicate[R] | _Term[R], sign: Token) -> _Term[R]:
        if not isinstance(node, _Term):
            raise self._error(f"expected a column beside {sign.text}", sign)
        return node

    def _scaled(self, one: _Term[R], two: _Term[R], sign: Token) -> _Term[R]:
        """Multiply or divide by a number, or divide by an amount of the same kind."""
        if sign.text == "*" and one.kind is None:
            one, two = two, one
        one = self._typed(one)
        if two.kind is None and _NUMBER.fullmatch(two.literal):
            factor = Fraction(two.literal)
            if sign.text == "/" and not factor:
                raise self._error("nothing divides by 0", two.token)
            return _times(one, factor if sign.text == "*" else 1 / factor)
        if sign.text == "*" or one.kind == "text":
            raise self._error(
                f"{sign.text} takes a number, as in 'mem.usage * 2'", sign
            )
        return _ratio(*self._alike(one, two))

    def _primary(self, left: _Term[R] | None) -> Predicate[R] | _Term[R]:
        if self._accept("("):
            node = self._any()
            if not self._accept(")"):
                raise self._error("expected ')'", self._peek())
            return node
        token = self._take()
        column = self._named(token, left)
        if column is None:
            return self._value(token, left)
        self._columns.append(column)
        get = column.get
        return _Term(
            token=token,
            kind=column.kind,
            get=lambda row: None if (cell := get(row)) is None else exact(cell),
            column=column,
        )

    def _named(self, token: Token, left: _Term[R] | None) -> Column[R] | None:
        """Return the column that *token* names.

        Beside a text just a key does: ``status == Ready`` means the word.
        """
        if token.kind != "word" or (left is None and token.text in _SIGNS):
            return None
        try:
            column = self._table.get(token.text)
        except ValueError as error:
            raise self._error(str(error), token) from None
        if left is not None and left.kind == "text" and column is not None:
            return column if token.text == column.key else None
        return column

    def _value(self, token: Token, left: _Term[R] | None) -> _Term[R]:
        """Return a literal; left of an operator it cannot be a word."""
        if left is None and (token.kind != "string" and not _number_like(token)):
            expected = "expected a column; " if token.kind == "end" else ""
            raise self._error(expected + self._table.no_such(token.text), token)
        if token.kind not in {"word", "string"}:
            name = left.name if left else "it"
            raise self._error(f"expected a value to compare {name} with", token)
        return _Term(token=token, literal=token.text)

    def _alike(self, one: _Term[R], two: _Term[R]) -> tuple[_Term[R], _Term[R]]:
        """Return both as terms of one kind: a literal is of the other's."""
        if one.kind is None:
            if two.kind is None:
                raise self._error(self._table.no_such(one.literal), one.token)
            return self._read(one, two), two
        if two.kind is None:
            return one, self._read(two, one)
        if one.kind != two.kind:
            kinds = f"is {_KINDS[two.kind]}, {one.name} {_KINDS[one.kind]}"
            raise self._error(f"{two.name} {kinds}", two.token)
        return one, two

    def _typed(self, term: _Term[R]) -> _Term[R]:
        if term.kind is None:
            raise self._error(self._table.no_such(term.literal), term.token)
        return term

    def _read(self, value: _Term[R], beside: _Term[R]) -> _Term[R]:
        """Read a literal as a value of what stands beside it."""
        kind, text = beside.kind or "text", value.literal
        try:
            operand = _literal(kind, text, ratio=beside.column is None)
        except ValueError as error:
            problem = f"{beside.name}: {error}{self._meant(beside, text)}"
            raise self._error(problem, value.token) from None
        return _Term(token=value.token, kind=kind, get=lambda _: operand, literal=text)

    def _meant(self, beside: _Term[R], text: str) -> str:
        """Return what may have been meant by a value that cannot be read."""
        if text.endswith("%") and beside.column and beside.kind in {"cpu", "memory"}:
            family = beside.column.key.partition(".")[0]
            share = self._table.get(f"{family}.pct_limit")
            return f"; for a share: {share.key} > {text[:-1]}" if share else ""
        close = self._table.near(text)
        return f"; did you mean {' or '.join(close)}?" if close else ""

    def _matches(self, left: _Term[R], sign: Token) -> Predicate[R]:
        column = left.column
        if column is None or column.kind != "text":
            kind = _KINDS[left.kind] if left.kind else "a value"
            raise self._error(
                f"{sign.text} matches text, and {left.name} is {kind}", sign
            )
        pattern = self._take()
        if pattern.kind == "end" or pattern.text in {"(", "|"}:
            raise self._error("expected a glob", pattern)
        if _REGEX.search(pattern.text):
            raise self._error(
                "a glob, not a regular expression: write"
                f" '{as_glob(pattern.text)}' (* is any text, ? one character)",
                pattern,
            )
        self._globs += [(column, pattern.text)] * _GLOB[sign.text]
        return _glob(column, pattern.text, matching=_GLOB[sign.text])

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._peek()
        if token.kind != "end":
            self._next += 1
        return token

    def _at(self, *words: str) -> bool:
        token = self._peek()
        return token.kind != "string" and token.text.lower() in words

    def _accept(self, *words: str) -> bool:
        found = self._at(*words)
        self._next += found
        return found

    def _error(self, problem: str, token: Token) -> ExpressionError:
        return ExpressionError(problem, text=self._text, column=token.start + 1)


_ADD: Final[Mapping[str, Callable[[Operand, Operand], Operand]]] = {
    "+": operator.add, "-": operator.sub,
}  # fmt: skip
_SIGNS: Final = frozenset({"+", "-", "*", "/"})
_NUMBER: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")
_REGEX: Final = re.compile(r"[\^$|\\()]|\.\+")
"""What stands in regular expressions and in no glob; ``.*`` may be in a node's name."""


def as_glob(pattern: str) -> str:
    """Return the glob that a simple regular expression amounts to, more or less."""
    anchored = pattern.startswith("^"), pattern.endswith("$")
    start = "*" if anchored == (False, True) else ""
    end = "*" if anchored == (True, False) else ""
    body = re.sub(r"\\(.)|[\^$()]", r"\1", pattern.partition("|")[0])
    body = body.replace(".*", "*").replace(".+", "?*")
    return re.sub(r"\*+", "*", f"{start}{body}{end}")


def _number_like(token: Token) -> bool:
    return token.kind == "word" and token.text[:1].isdecimal()


_KINDS: Final = {
    "cpu": "an amount of CPU", "memory": "an amount of memory",
    "percent": "a percentage", "count": "a number", "age": "an age", "text": "text",
    "money": "a cost", "core_hours": "a number of core-hours",
}  # fmt: skip


def _compared(
    one: _Term[R], two: _Term[R], compare: Callable[[Operand, Operand], bool]
) -> Predicate[R]:
    left, right = one.get, two.get

    def predicate(row: R) -> bool | None:
        a, b = left(row), right(row)
        return None if a is None or b is None else compare(a, b)

    return predicate


def _no_value(term: _Term[R], *, equal: bool) -> Predicate[R]:
    """Ask for rows without a value: not known, or known to be not set."""
    get = term.get
    unset = term.column.unset if term.column else None

    def predicate(row: R) -> bool | None:
        found = get(row)
        nothing = found is None or found == "" or bool(unset and unset(row))
        return nothing is equal

    return predicate


def _added(
    one: _Term[R], two: _Term[R], add: Callable[[Operand, Operand], Operand]
) -> _Term[R]:
    left, right = one.get, two.get

    def get(row: R) -> Operand | None:
        a, b = left(row), right(row)
        return None if a is None or b is None else add(a, b)

    return _Term(token=one.token, kind=one.kind, get=get)


def _times(term: _Term[R], factor: Fraction) -> _Term[R]:
    of = term.get

    def get(row: R) -> Operand | None:
        value = of(row)
        return None if value is None else value * factor

    return _Term(token=term.token, kind=term.kind, get=get)


def _ratio(one: _Term[R], two: _Term[R]) -> _Term[R]:
    """Divide two of one kind: a plain number, not known where the second is 0."""
    part, whole = one.get, two.get

    def get(row: R) -> Operand | None:
        a, b = part(row), whole(row)
        return Fraction(a) / b * _UNIT if a is not None and b else None

    return _Term(token=one.token, kind="count", get=get)


def _glob(column: Column[R], pattern: str, *, matching: bool) -> Predicate[R]:
    get = column.get
    match = re.compile(translate(pattern)).match

    def predicate(row: R) -> bool | None:
        cell = get(row)
        return None if cell is None else (match(str(cell)) is not None) is matching

    return predicate


def _literal(kind: Kind, text: str, *, ratio: bool) -> Operand:
    """Read a literal; beside a *ratio*, per cent are hundredths."""
    if ratio and kind == "count" and text.endswith("%"):
        return Fraction(literal("percent", text)) / 100
    return literal(kind, text)


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
        return parse_days(text) // _MICROSECOND
    if kind in {"percent", "count"}:
        text = text.removesuffix("%") if kind == "percent" else text
    return Quantity(text).nanos


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
