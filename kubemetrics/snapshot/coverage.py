"""How much of what should have a sample has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

from ..frozen import dataclass
from .reason import ReasonCode

Stage: TypeAlias = Literal["running", "finished", "waiting", "terminating", "orphan"]
"""What may be expected of a row: a sample only of one that is ``running``."""


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
        """Say it in one line: ``81 of 89 running pods measured (4 Unreported)``."""
        reasons = ", ".join(f"{count} {code}" for code, count in self.missing)
        why = f" ({reasons})" if reasons else ""
        said = f"{self.measured} of {self.expected} {self.noun} measured{why}"
        also = [f"{count} {what}" for count, what in self._also() if count]
        return f"{said}; also {', '.join(also)}" if also else said

    def _also(self) -> Iterable[tuple[int, str]]:
        samples = "sample" if self.orphans == 1 else "samples"
        things = self.noun.removeprefix("running ")
        return (
            (self.finished, "finished"),
            (self.waiting, "not running yet"),
            (self.terminating, "terminating"),
            (self.orphans, f"{samples} of {things} not in the list"),
        )


class Count:
    """Counts rows up to a `Coverage`."""

    __slots__ = ("_measured", "_missing", "_partial", "_stages", "_stale")

    def __init__(self) -> None:
        self._stages: Counter[Stage] = Counter()
        self._missing: Counter[ReasonCode] = Counter()
        self._measured = 0
        self._partial = 0
        self._stale = 0

    def add(
        self, stage: Stage, code: ReasonCode | None, *, partial: bool, stale: bool
    ) -> None:
        """Count one row; *code* says why it has no value, if it has none."""
        self._stages[stage] += 1
        if code is None:
            self._measured += stage == "running"
        elif stage == "running":
            self._missing[code] += 1
        self._partial += partial
        self._stale += stale

    def coverage(self, noun: str = "running pods") -> Coverage:
        """Return what was counted; *noun* names the rows."""
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
