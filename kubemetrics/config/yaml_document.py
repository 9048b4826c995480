"""YAML as kubectl reads it (sigs.k8s.io/yaml, that is go-yaml v2, then JSON).

Values are built from the parser's events, not by PyYAML's loaders: those turn what
looks like a date into one, read ``1:30`` as a number and ``433e40`` as a string, and
their composer in C overflows its stack on deep nesting. Aliases share what they name,
and what they would expand to is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol, cast

import yaml
from yaml import events

from .model import DocumentError, Json

MAX_DEPTH: Final = 100
MAX_NODES: Final = 500_000

_TRUE: Final = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE: Final = (
    "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF",
)  # fmt: skip
_BOOLEANS: Final = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
_NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))
_NUMBER: Final = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+"
    r"|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]+)?"
    r"|\.[0-9][0-9_]*(?:[eE][-+]?[0-9_]+)?|\.(?:inf|Inf|INF))"
    r"|\.(?:nan|NaN|NAN)"
)
_GO_INTEGERS: Final = range(-(2**63), 2**64)
_TAG: Final = "tag:yaml.org,2002:"


class _Mark(Protocol):
    line: int
    column: int


class _Event(Protocol):
    """Any of PyYAML's events; which attributes there are depends on its class."""

    start_mark: _Mark
    anchor: str | None
    tag: str | None
    implicit: tuple[bool, bool]
    value: str


class _Parser(Protocol):
    """PyYAML's parsers, of which it has one in C and one in Python."""

    def check_event(self, *kinds: type) -> bool: ...
    def peek_event(self) -> _Event: ...
    def get_event(self) -> _Event: ...


def _parser(text: str) -> _Parser:
    make = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    return cast("_Parser", make(text))


def parse_yaml(text: str, make_parser: Callable[[str], _Parser] = _parser) -> Json:
    """Parse the first document in *text*; what follows it is ignored.

    Raises:
        DocumentError: with the line, and without the text there: it may be a secret.
    """
    try:
        return _Builder(make_parser(text)).document()
    except yaml.MarkedYAMLError as error:
        reason = _explain(error)
    except yaml.reader.ReaderError as error:
        reason = f"not valid YAML: a character that is not allowed at {error.position}"
    raise DocumentError(reason)


def _explain(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
    # One quoted character is punctuation; a longer piece may be content: cut there.
    what = re.sub(r"""(['"])(.)\1""", r"\2", error.problem or "")
    what = re.split(r"""['"]""", what, maxsplit=1)[0].strip()
    return f"not valid YAML: {where}: {what}".rstrip(": ")


class _Builder:
    """Builds plain values from a parser's events, within the bounds."""

    def __init__(self, parser: _Parser) -> None:
        self._parser = parser
        self._anchors: dict[str, tuple[Json, int]] = {}
        self._nodes = 0
        self._depth = 0

    def document(self) -> Json:
        self._parser.get_event()
        if self._parser.check_event(events.StreamEndEvent):
            return None
        self._parser.get_event()
        return self._node()

    def _node(self) -> Json:
        if self._parser.check_event(events.AliasEvent):
            return self._alias(self._parser.get_event())
        event = self._parser.peek_event()
        before = self._nodes
        self._count(1, event)
        value = self._built()
        if event.anchor:
            self._anchors[event.anchor] = value, self._nodes - before
        return value

    def _built(self) -> Json:
        scalar = self._parser.check_event(events.ScalarEvent)
        mapping = self._parser.check_event(events.MappingStartEvent)
        event = self._parser.get_event()
        if scalar:
            return _scalar(event)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _error(event, f"nested more than {MAX_DEPTH} deep")
        value = self._mapping() if mapping else self._sequence()
        self._parser.get_event()
        self._depth -= 1
        return value

    def _alias(self, event: _Event) -> Json:
        known = self._anchors.get(event.anchor or "")
        if known is None:
            raise _error(event, "an alias to an anchor that is not defined before it")
        value, size = known
        self._count(size, event)
        return value

    def _count(self, nodes: int, event: _Event) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _error(event, f"more than {MAX_NODES} values, aliases expanded")

    def _sequence(self) -> Json:
        items: list[Json] = []
        while not self._parser.check_event(events.SequenceEndEvent):
            items.append(self._node())
        return items

    def _mapping(self) -> Json:
        own: dict[str, Json] = {}
        merged: dict[str, Json] = {}
        while not self._parser.check_event(events.MappingEndEvent):
            event = self._parser.peek_event()
            key = self._key(event)
            value = self._node()
            if key == "<<" and event.implicit[0]:
                merged |= _mergeable(value, event)
            else:
                own[key] = value
        return merged | own

    def _key(self, event: _Event) -> str:
        if not self._parser.check_event(events.ScalarEvent):
            raise _error(event, "a mapping's key must be a plain value")
        self._node()
        return event.value


def _scalar(event: _Event) -> Json:
    text: str = event.value
    if event.tag is None and event.implicit[0]:
        return _resolved(text, event)
    if event.tag is not None and event.tag != "!":
        return _tagged(text, event)
    return text


def _tagged(text: str, event: _Event) -> Json:
    if event.tag in {_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"}:
        return _resolved(text, event)
    return text


def _resolved(text: str, event: _Event) -> Json:
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    return _number(text, event) if _NUMBER.fullmatch(text) else text


def _number(text: str, event: _Event) -> int | float | str:
    digits = text.replace("_", "")
    try:
        number = int(digits, 0)
    except ValueError:
        pass
    else:
        # To go-yaml a longer one is a string, but for a decimal; nor can Python write
        # it as one.
        return (
            number
            if number in _GO_INTEGERS or digits.lstrip("+-").isdecimal()
            else text
        )
    try:
        return float(digits)
    except ValueError:
        raise _error(event, "not a number that JSON has") from None


def _mergeable(value: Json, event: _Event) -> dict[str, Json]:
    merged: dict[str, Json] = {}
    for part in value if isinstance(value, list) else [value]:
        if not isinstance(part, dict):
            raise _error(event, "only mappings can be merged with <<")
        merged = part | merged
    return merged


def _error(event: _Event, what: str) -> DocumentError:
    mark = event.start_mark
    return DocumentError(f"line {mark.line + 1}, column {mark.column + 1}: {what}")
