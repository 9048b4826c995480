"""Coverage: how many of the rows that should have a sample have one, and why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, Protocol, TypeAlias, get_args

from ..frozen import dataclass
from .reasons import Reason, ReasonCode

Stage: TypeAlias = Literal["running", "finished", "waiting", "terminating", "orphan"]
"""State of a row; only of one that is ``running`` a sample is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many rows that should have a sample have one, and why the others have none.

    *measured* of *expected* have one; *missing* counts the others by reason, in the
    order of `ReasonCode`. Counted apart: *finished*, *waiting* (not running yet) and
    *terminating* rows, and *orphans*, the samples whose pod is not in the list. Of the
    measured ones *partial* are lower bounds and *stale* are old.
    """

    noun: str = "running pods"
    expected: int = 0
    measured: int = 0
    missing: tuple[tuple[ReasonCode, int], ...] = ()
    finished: int = 0
    waiting: int = 0
    terminating: int = 0
    orphans: int = 0
    partial: int = 0
    stale: int = 0

    @property
    def complete(self) -> bool:
        """Whether every value that should be there is there, and whole."""
        return self.measured == self.expected and not self.partial

    @property
    def sentence(self) -> str:
        """The counts in one line: ``81 of 89 running pods measured (4 Unreported)``."""
        reasons = ", ".join(f"{count} {code}" for code, count in self.missing)
        why = f" ({reasons})" if reasons else ""
        text = f"{self.measured} of {self.expected} {self.noun} measured{why}"
        also = [f"{count} {what}" for count, what in self._also() if count]
        return f"{text}; also {', '.join(also)}" if also else text

    def _also(self) -> Iterable[tuple[int, str]]:
        samples = "sample" if self.orphans == 1 else "samples"
        things = self.noun.removeprefix("running ")
        return (
            (self.finished, "finished"),
            (self.waiting, "not running yet"),
            (self.terminating, "terminating"),
            (self.orphans, f"{samples} of {things} not in the list"),
        )


class Counted(Protocol):
    """A row as coverage counts it: a pod, a container or a node."""

    @property
    def stage(self) -> Stage:
        """State of the row: a sample is expected of ``running`` ones."""
        ...

    @property
    def reason(self) -> Reason | None:
        """Why it has no value, if it has none."""
        ...

    @property
    def partial(self) -> bool:
        """Whether its value is a lower bound."""
        ...

    @property
    def stale(self) -> bool:
        """Whether its sample is old."""
        ...


class CoverageCount:
    """Counts rows one by one into a `Coverage`."""

    __slots__ = ("_measured", "_missing", "_partial", "_stages", "_stale")

    def __init__(self) -> None:
        self._stages: Counter[Stage] = Counter()
        self._missing: Counter[ReasonCode] = Counter()
        self._measured = 0
        self._partial = 0
        self._stale = 0

    def add(self, row: Counted) -> None:
        """Count one row: a sample is expected of one that is ``running``."""
        stage, reason = row.stage, row.reason
        self._stages[stage] += 1
        if reason is None:
            self._measured += stage == "running"
        elif stage == "running":
            self._missing[reason.code] += 1
        self._partial += row.partial
        self._stale += row.stale

    def coverage(self, noun: str) -> Coverage:
        """Return the coverage of the rows counted so far, which *noun* names."""
        order: tuple[ReasonCode, ...] = get_args(ReasonCode)
        return Coverage(
            noun=noun,
            expected=self._stages["running"],
            measured=self._measured,
            missing=tuple((c, self._missing[c]) for c in order if self._missing[c]),
            finished=self._stages["finished"],
            waiting=self._stages["waiting"],
            terminating=self._stages["terminating"],
            orphans=self._stages["orphan"],
            partial=self._partial,
            stale=self._stale,
        )


def pod_coverage(rows: Iterable[Counted]) -> Coverage:
    """Count the pods that should have a sample, and those that have one."""
    return _coverage(rows, "running pods")


def node_coverage(rows: Iterable[Counted]) -> Coverage:
    """Count the nodes, of which each should have a sample, and those that have one."""
    return _coverage(rows, "nodes")


def _coverage(rows: Iterable[Counted], noun: str) -> Coverage:
    count = CoverageCount()
    for row in rows:
        count.add(row)
    return count.coverage(noun)
