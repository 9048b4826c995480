"""Which rows are wanted: names and namespaces, as words or as globs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Final, Protocol, TypeVar

from ..frozen import dataclass
from ..snapshot import NodeUsage, PodUsage
from ..snapshot.owners import owner

_SPECIAL: Final = frozenset("*?[")


def is_glob(word: str) -> bool:
    """Whether *word* has a wildcard, which no name in Kubernetes has."""
    return not _SPECIAL.isdisjoint(word)


def matcher(words: Sequence[str]) -> Callable[[str], bool]:
    """Return what tells whether a text is one of *words*, or matches one."""
    exact = frozenset(word for word in words if not is_glob(word))
    globs = [re.compile(translate(word)) for word in words if is_glob(word)]
    return lambda text: text in exact or any(glob.match(text) for glob in globs)


class _Placed(Protocol):
    @property
    def namespace(self) -> str: ...


P = TypeVar("P", bound=_Placed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The rows wanted: *names* of what a view shows, *namespaces*, all if empty.

    *excluded* namespaces are taken out.
    """

    names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return not (self.names or self.namespaces or self.excluded)

    def pods(
        self, rows: Sequence[PodUsage], named: Callable[[PodUsage], Sequence[str]]
    ) -> Sequence[PodUsage]:
        """Choose among pods; *named* gives the names that a row answers to."""
        if self.everything:
            return rows
        wanted = matcher(self.namespaces or ("*",))
        unwanted = matcher(self.excluded)
        name = matcher(self.names or ("*",))
        return [
            row
            for row in rows
            if wanted(row.namespace)
            and not unwanted(row.namespace)
            and any(map(name, named(row)))
        ]

    def nodes(self, rows: Sequence[NodeUsage]) -> Sequence[NodeUsage]:
        """Choose among nodes, which have no namespace."""
        if not self.names:
            return rows
        name = matcher(self.names)
        return [row for row in rows if name(row.name)]

    def unmatched(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return what was wanted by its exact name and is not among *names*."""
        found = frozenset(names)
        return tuple(n for n in self.names if n not in found and not is_glob(n))


def pod_names(row: PodUsage) -> Sequence[str]:
    """Return what a pod answers to."""
    return (row.name,)


def namespace_names(row: PodUsage) -> Sequence[str]:
    """Return what a pod answers to where namespaces are named."""
    return (row.namespace,)


def owner_names(row: PodUsage) -> Sequence[str]:
    """Return what a pod answers to where workloads are named: ``deployment/api``."""
    found = owner(row)
    return found.name, f"{found.kind.lower()}/{found.name}"
