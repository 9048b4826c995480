"""The scope: which namespaces are read, and of which of them the rows are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import translate
from typing import Final

from ..frozen import dataclass

_SPECIAL: Final = frozenset("*?[")


def is_glob(word: str) -> bool:
    """Whether *word* has a wildcard, which no name in Kubernetes has."""
    return not _SPECIAL.isdisjoint(word)


def matcher(words: Sequence[str]) -> Callable[[str], bool]:
    """Return a predicate: whether a text is one of *words* or matches one of them."""
    exact = frozenset(word for word in words if not is_glob(word))
    globs = [re.compile(translate(word)) for word in words if is_glob(word)]
    return lambda text: text in exact or any(glob.match(text) for glob in globs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which namespaces the server is asked for, and whose rows are kept.

    Where it is *everywhere* the server is asked for all namespaces at once, otherwise
    for each of *named*; none named stands for the configuration's own (`within`). Of
    the rows read, those are kept whose namespace matches one of *kept* (all, if that is
    empty) and none of *excluded*; both are names or globs.
    """

    everywhere: bool = True
    named: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @classmethod
    def of(cls, namespace: str | Sequence[str] | None) -> Scope:
        """Return the scope of a ``namespace=``: one, several, or all if it is empty."""
        if not namespace:
            return cls()
        if isinstance(namespace, str):
            return cls(everywhere=False, named=(namespace,))
        return cls(everywhere=False, named=tuple(dict.fromkeys(namespace)))

    @classmethod
    def of_words(
        cls, words: Sequence[str], excluded: Sequence[str], *, everywhere: bool
    ) -> Scope:
        """Return the scope of names and globs; *everywhere* where there are none.

        A server knows no globs, and no exclusion: it is asked for all namespaces then.
        """
        globs = any(map(is_glob, words))
        if globs or not words:
            return cls(
                everywhere=bool(globs or everywhere or excluded),
                kept=tuple(words),
                excluded=tuple(excluded),
            )
        return replace(cls.of(words), excluded=tuple(excluded))

    @property
    def single(self) -> bool:
        """Whether rows can be of one namespace only."""
        return not self.everywhere and len(self.named) <= 1

    @property
    def complete(self) -> bool:
        """Whether every row that was read is kept."""
        return not (self.kept or self.excluded)

    @property
    def only(self) -> str:
        """The one namespace named, or empty."""
        return self.named[0] if self.single and self.named else ""

    def within(self, default: str) -> Scope:
        """Return the scope where *default* is the configuration's own namespace."""
        if self.everywhere or self.named:
            return self
        return replace(self, named=(default,))

    @property
    def namespaces(self) -> tuple[str, ...] | None:
        """The ``namespace=`` of a snapshot: the names, or ``None`` for all."""
        return None if self.everywhere else self.named

    @property
    def keeps(self) -> Callable[[str], bool]:
        """Return a predicate: whether the rows of a namespace are kept."""
        wanted, unwanted = matcher(self.kept or ("*",)), matcher(self.excluded)
        return lambda namespace: wanted(namespace) and not unwanted(namespace)
