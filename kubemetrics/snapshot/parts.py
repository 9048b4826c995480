"""The lists that a snapshot is made of, and the namespaces that they are read in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from fnmatch import translate
from operator import attrgetter
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from ..errors import KubeMetricsError
from ..frozen import dataclass
from ..jsonread import UnreadableItem, empty
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Pod

T = TypeVar("T")
PartName: TypeAlias = Literal[
    "pods", "pod metrics", "nodes", "node metrics", "all pods", "all pod metrics"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The lists of pods, nodes and samples that a snapshot is made of.

    *all_pods* and *all_pod_metrics* are those of the whole cluster (or of all of the
    one node asked for), where they were read for the sake of the nodes. *narrowed*
    says that *pods* were chosen in a way in which samples cannot be: a sample without
    its pod is then no concern of this snapshot. *some_nodes* says that nodes were
    chosen by label: of the others, on which there may be pods, nothing was read.
    *whole* says that the pods are all of the cluster.
    *own_clock* is this machine's, for servers whose answers have no ``Date``.
    """

    pods: Part[Pod]
    pod_metrics: Part[PodMetrics]
    nodes: Part[Node]
    node_metrics: Part[NodeMetrics]
    all_pods: Part[Pod] | None = None
    all_pod_metrics: Part[PodMetrics] | None = None
    narrowed: bool = False
    some_nodes: bool = False
    whole: bool = False
    own_clock: datetime | None = None

    @property
    def date(self) -> datetime | None:
        """The server's clock at the moment of the samples, as near as is known."""
        dates = (
            self.pod_metrics.date,
            self.node_metrics.date,
            self.pods.date,
            self.nodes.date,
        )
        return next((date for date in dates if date is not None), None)

    @property
    def named(self) -> Iterator[tuple[PartName, Part[Any]]]:
        """The parts that were each read for themselves, with their names."""
        yield "pods", self.pods
        yield "pod metrics", self.pod_metrics
        yield "nodes", self.nodes
        yield "node metrics", self.node_metrics
        if self.all_pods is not None and self.all_pods is not self.pods:
            yield "all pods", self.all_pods
        metrics = self.all_pod_metrics
        if metrics is not None and metrics is not self.pod_metrics:
            yield "all pod metrics", metrics

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Failures of all parts, in the order of the parts."""
        return tuple(f for name, part in self.named for f in part.failures(name))

    @property
    def duplicates(self) -> tuple[Duplicate, ...]:
        """What the answers have twice, of all parts."""
        return tuple(d for name, part in self.named for d in _duplicates(name, part))

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """Items that could not be read, of all parts."""
        return tuple(
            Unreadable(name, item)
            for name, part in self.named
            for item in part.unreadable
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[T]):
    """The objects of one kind, read in one or several namespaces.

    *unreadable* are the items that could not be read, each for itself. *errors* are by
    namespace, ``""`` for a read of all of them. *date* is the server's clock when it
    answered.
    """

    items: tuple[T, ...] = ()
    unreadable: tuple[UnreadableItem, ...] = ()
    errors: Mapping[str, KubeMetricsError] = field(default_factory=empty)
    date: datetime | None = None

    @property
    def failed(self) -> bool:
        """Whether this part could not be read in any namespace."""
        return bool(self.errors) and not self.items and self.date is None

    def error(self, namespace: str = "") -> KubeMetricsError | None:
        """Return the error of *namespace*, or that of a read of all namespaces."""
        return self.errors.get("") or self.errors.get(namespace)

    def failures(self, name: PartName) -> tuple[Failure, ...]:
        """Return a failure for each namespace in which this part could not be read."""
        return tuple(Failure(name, where, e) for where, e in self.errors.items())


@dataclass(frozen=True, slots=True)
class Failure:
    """A part that could not be read: in *namespace*, or everywhere if it is empty."""

    part: PartName
    namespace: str
    error: KubeMetricsError


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item that could not be read in a part that could."""

    part: PartName
    item: UnreadableItem


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A pod, a node or a sample that a list has twice.

    Of samples the newest counts, of pods and nodes the last.
    """

    part: PartName
    namespace: str
    name: str


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
        """The name of the one namespace; empty where there are several, or no name."""
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


def _duplicates(name: PartName, part: Part[Any]) -> Iterator[Duplicate]:
    placed = hasattr(next(iter(part.items), None), "namespace")
    keys: list[tuple[str, str]] = (
        list(map(key_of, part.items)) if placed else [("", i.name) for i in part.items]
    )
    if len({*keys}) < len(keys):
        for (namespace, named), count in Counter(keys).items():
            if count > 1:
                yield Duplicate(name, namespace, named)


key_of: Final = attrgetter("namespace", "name")
"""Returns the key of a pod, a sample or a row, on which they are joined."""


_SPECIAL: Final = frozenset("*?[")


def is_glob(word: str) -> bool:
    """Whether *word* has a wildcard, which no name in Kubernetes has."""
    return not _SPECIAL.isdisjoint(word)


def matcher(words: Sequence[str]) -> Callable[[str], bool]:
    """Return a predicate: whether a text is one of *words* or matches one of them."""
    exact = frozenset(word for word in words if not is_glob(word))
    globs = [re.compile(translate(word)) for word in words if is_glob(word)]
    return lambda text: text in exact or any(glob.match(text) for glob in globs)
