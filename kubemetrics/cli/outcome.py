"""What people are told beside the rows, and which exit code stands for it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from ..commandline.console import exit_code
from ..errors import Forbidden, MetricsUnavailable
from ..frozen import dataclass
from ..jsonread import UnreadableItem
from ..snapshot import Coverage, Failure, Snapshot
from .plan import Plan
from .rounds import Reading, Round

R = TypeVar("R")

PARTIAL: Final = 4
MATCHED: Final = 10
_WARMING: Final = (
    "the metrics API is warming up: nodes are Ready and it has a sample of none yet; it"
    " needs two scrapes, so try again in a minute"
)
_SAMPLES: Final = {True: "node metrics", False: "pod metrics"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command went, beside its rows.

    *unmatched* names are of none of the *nouns* there are. *matched*: ``--fail-on``
    did; *strict* counts what is missing as a failure. *of_nodes* says what was shown.
    """

    readings: Sequence[Reading]
    coverages: Sequence[Coverage]
    unmatched: tuple[str, ...] = ()
    matched: bool = False
    strict: bool = False
    of_nodes: bool = False
    nouns: str = ""
    one_namespace: bool = False

    @property
    def code(self) -> int:
        """The exit code: the first of these that holds."""
        if self.matched:
            return MATCHED
        errors = [r.error for r in self.readings if r.error is not None]
        if errors:
            return max(map(exit_code, errors))
        if self._metrics_unavailable():
            return 3
        if self.unmatched or self.unread:
            return 1
        return PARTIAL if self.strict and not self._complete() else 0

    @property
    def unread(self) -> bool:
        """Whether what was asked for could not be read, in one namespace or more."""
        return any(map(self._nothing, self.readings))

    def notes(self) -> Iterator[str]:
        """Return lines for people."""
        for reading in self.readings:
            where = f"context {reading.context}: " if reading.context else ""
            if reading.error is not None:
                yield f"error: {where}{reading.error}"
            for failure in self._of(reading):
                if not self._beside_the_point(failure):
                    yield f"{where}{_sentence(failure)}"
            yield from (f"{where}{line}" for line in _unreadable(reading.snapshot))
        yield from self._not_found()
        for reading, coverage in zip(self.readings, self.coverages, strict=True):
            where = f"context {reading.context}: " if reading.context else ""
            if reading.snapshot and reading.snapshot.warming:
                yield f"{where}{_WARMING}"
            if reading.snapshot and not coverage.complete:
                yield f"{where}{coverage.sentence}"

    def _complete(self) -> bool:
        return (
            all(coverage.complete for coverage in self.coverages)
            and all(map(self._beside_the_point, self._failures()))
            and not any(r.snapshot.unreadable for r in self.readings if r.snapshot)
        )

    def _not_found(self) -> Iterator[str]:
        namespaces = {r.namespace for r in self.readings if r.namespace}
        one = self.one_namespace and len(namespaces) == 1
        where = f" in namespace {namespaces.pop()}" if one else ""
        for name in self.unmatched:
            yield f'error: {self.nouns} "{name}" not found{where}'

    def _beside_the_point(self, failure: Failure) -> bool:
        """Whether only shares of nodes are lost, by who is not meant to see nodes."""
        of_nodes = failure.part in {"nodes", "node metrics"}
        return of_nodes and not self.of_nodes and isinstance(failure.error, Forbidden)

    def _metrics_unavailable(self) -> bool:
        part = _SAMPLES[self.of_nodes]
        return any(
            f.part == part and isinstance(f.error, MetricsUnavailable)
            for f in self._failures()
        )

    def _nothing(self, reading: Reading) -> bool:
        """Whether some namespace, or the nodes, could not be read at all.

        One of the two lists is enough for who may not read the other; one that failed
        is another thing: nobody knows what it would have held.
        """
        kinds = {"nodes" if self.of_nodes else "pods", _SAMPLES[self.of_nodes]}
        if any(f.part in kinds and _failed(f) for f in self._of(reading)):
            return True
        failed: dict[str, set[str]] = {}
        for failure in self._of(reading):
            failed.setdefault(failure.namespace, set()).add(failure.part)
        return any(kinds <= parts for parts in failed.values())

    def _failures(self) -> list[Failure]:
        return [failure for reading in self.readings for failure in self._of(reading)]

    def _of(self, reading: Reading) -> Sequence[Failure]:
        return reading.snapshot.failures if reading.snapshot else ()


def _failed(failure: Failure) -> bool:
    return not isinstance(failure.error, Forbidden)


def _sentence(failure: Failure) -> str:
    where = f" in namespace {failure.namespace}" if failure.namespace else ""
    return f"cannot read {failure.part}{where}: {failure.error}"


def _unreadable(snapshot: Snapshot | None) -> Iterator[str]:
    """Name the first item of each part that could not be read, and count the rest."""
    found: dict[str, list[UnreadableItem]] = {}
    for lost in snapshot.unreadable if snapshot else ():
        found.setdefault(lost.part, []).append(lost.item)
    for part, items in found.items():
        more = f" (and {len(items) - 1} more)" if items[1:] else ""
        yield f"cannot read one of the {part}: {items[0].error}{more}"


def outcome_of(args: Namespace, wanted: Plan[R], taken: Round[R]) -> Outcome:
    """Judge a round."""
    return Outcome(
        readings=taken.readings,
        coverages=taken.coverages,
        unmatched=taken.unmatched,
        matched=wanted.fail_on is not None and any(map(wanted.fail_on, taken.all_rows)),
        strict=args.strict,
        of_nodes=wanted.view.of_nodes,
        nouns=wanted.view.named,
        one_namespace=wanted.scope.single,
    )
