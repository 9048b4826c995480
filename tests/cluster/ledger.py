"""What is true of a cluster: exact usage, and why a sample is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .quantities import nanocores, whole_bytes
from .samples import Sample
from .store import Key


@dataclass(frozen=True, slots=True)
class Amount:
    """CPU in nanocores and memory in bytes, exact."""

    cpu: int = 0
    memory: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.cpu + other.cpu, self.memory + other.memory)


def amount_of(sample: Sample) -> Amount:
    amounts = (
        Amount(nanocores(usage.cpu), whole_bytes(usage.memory))
        for usage in sample.usages
    )
    return total(amounts)


def total(amounts: Iterable[Amount]) -> Amount:
    return sum(amounts, Amount())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The truth about a cluster.

    *pods* and *nodes* hold the exact usage of what has a sample; *missing* says of
    every pod without one why, *partial* of which pods a running container was not
    measured, *silent* which nodes report nothing.
    """

    all_pods: frozenset[Key]
    all_nodes: frozenset[str]
    pods: Mapping[Key, Amount]
    containers: Mapping[tuple[str, str, str], Amount]
    nodes: Mapping[str, Amount]
    missing: Mapping[Key, str]
    partial: frozenset[Key]
    silent: frozenset[str]

    @property
    def total(self) -> Amount:
        return total(self.pods.values())

    @property
    def node_total(self) -> Amount:
        return total(self.nodes.values())

    def by_namespace(self) -> dict[str, Amount]:
        sums: dict[str, Amount] = {}
        for (namespace, _), amount in self.pods.items():
            sums[namespace] = sums.get(namespace, Amount()) + amount
        return sums

    def missing_by_reason(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for reason in self.missing.values():
            counts[reason] = counts.get(reason, 0) + 1
        return counts
