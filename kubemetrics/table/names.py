"""The names by which people call columns, and what they may have meant by others.

Keys are exact; here a name is read as a person writes it: in any case, in the singular
or plural, with ``.``, ``-``, ``_`` or nothing between its parts, ``%`` or ``pct``, and
as the header of a table. A name that fits the columns of CPU and of memory alike is
refused with both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from ..text import quoted
from .columns import Column, Table, UnknownColumnError

R = TypeVar("R")

_SEPARATORS: Final = re.compile(r"[.\-_\s]+")
_RESOURCE: Final = re.compile(r"(cpu|memory|mem)(.*)")
_WORDS: Final = (
    ("pct", "%"), ("requests", "req"), ("request", "req"), ("reqs", "req"),
    ("limits", "lim"), ("limit", "lim"), ("allocatable", "alloc"),
)  # fmt: skip
"""Words of names, and how they are spelled in `_spelled`."""
_WHOLE: Final = {"used": "", "usage": "", "free": "room", "headroom": "room"}
"""What follows a resource's name, and another word for it."""
_LABELS: Final = "label:"
_NEAREST: Final = 3
_LONGEST: Final = 500
"""Characters of what may be meant for a name of a column, or for a label's."""
_TYPED: Final = 0.85
"""How much like a key a word is that has a slip of the fingers."""


def named(table: Table[R], name: str) -> Column[R] | None:
    """Return the column that people call *name*.

    Raises:
        UnknownColumnError: that may be one of several.
    """
    spelled = _spelled(name)
    if not spelled:
        return None
    known = _spellings(table)
    if spelled in known:
        return known[spelled]
    of_resources = [known[r + spelled] for r in ("cpu", "mem") if r + spelled in known]
    if len(of_resources) > 1:
        keys = " or ".join(column.key for column in of_resources)
        raise UnknownColumnError(f"{quoted(name)} may be {keys}: write which")
    return of_resources[0] if of_resources else None


def no_such(table: Table[Any], key: str) -> str:
    """Say that *table* has no column *key*, and what may have been meant."""
    more = "'--columns help' lists them"
    if not key:
        return f"{more[:-4]}the columns"
    if len(key) > _LONGEST:  # comparing it with names takes minutes
        return f"no column {quoted(key)} of {table.nouns}; {more}"
    if sum_ := _sum(table, key):
        return f"no column {quoted(key)} of {table.nouns}; with blanks around: {sum_!r}"
    close = near(table, key)
    hint = f"did you mean {_either(close)}? {more}" if close else more
    return f"no column {quoted(key)} of {table.nouns}; {hint}"


def _sum(table: Table[Any], key: str) -> str:
    """Return *key* with blanks around the sign between two columns, if it is that."""
    known = _spellings(table)
    for sign in re.finditer(r"[-+*/]", key):
        one, two = key[: sign.start()], key[sign.end() :]
        if _spelled(one) in known and _spelled(two) in known:
            return f"{one} {sign[0]} {two}"
    return ""


def near(table: Table[Any], key: str) -> list[str]:
    """Return up to three names that are spelled much like *key*."""
    names = {_spelled(name): name for name in _names(table)}
    found = get_close_matches(_spelled(key[:100]), names, n=_NEAREST, cutoff=0.6)
    # A letter that is missing hides a word from `_spelled`: ``cpu.usag``.
    typed = get_close_matches(key[:100].casefold(), names.values(), n=1, cutoff=_TYPED)
    close = dict.fromkeys([*typed, *(names[spelled] for spelled in found)])
    return list(close)[:_NEAREST] or _as_label(table, key)


def _as_label(table: Table[Any], key: str) -> list[str]:
    """Return *key* as a label: what people take for a column most often."""
    usual = key in {"app", "tier", "zone", "team", "env", "version", "component"}
    known = any(mark in key for mark in "/") or usual
    return [f"{_LABELS}{key}"] if known and _LABELS in table.families else []


def _names(table: Table[Any]) -> Iterator[str]:
    """Return the names to suggest: of those spelled alike the keys, which come last."""
    yield from table.aliases
    yield from (column.key for column in table.columns)


def _spellings(table: Table[R]) -> dict[str, Column[R]]:
    """Return the columns by how their headers, aliases and keys are spelled."""
    keys = {column.key: column for column in table.columns}
    found: dict[str, Column[R]] = {}
    for column in reversed(table.columns):
        found[_spelled(column.header)] = column
    for alias, key in table.aliases.items():
        if key in keys:  # tables share their aliases
            found[_spelled(alias)] = keys[key]
    for column in reversed(table.columns):
        found[_spelled(column.key)] = column
    return found


def _spelled(name: str) -> str:
    """Return *name* without what people write now so, now otherwise."""
    plain = _SEPARATORS.sub("", name.casefold())
    for word, instead in _WORDS:
        plain = plain.replace(word, instead)
    match = _RESOURCE.fullmatch(plain)
    if match is None:
        return plain
    rest = match[2]
    return f"{match[1][:3]}{_WHOLE.get(rest, rest)}"


def _either(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
