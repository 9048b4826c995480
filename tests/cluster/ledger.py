"""What is true of a cluster: exact usage, and why a sample is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubemetrics.testing.etcd import Key

from .contents import Contents
from .quantities import nanocores, whole_bytes
from .samples import Sample, Usage


@dataclass(frozen=True, slots=True)
class Amount:
    """CPU in nanocores and memory in bytes, exact."""

    cpu: int = 0
    memory: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.cpu + other.cpu, self.memory + other.memory)


def amount_of(usage: Usage) -> Amount:
    return Amount(nanocores(usage.cpu), whole_bytes(usage.memory))


def sample_amount(sample: Sample) -> Amount:
    return total(map(amount_of, sample.usages))


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


def ledger_of(
    contents: Contents,
    pods: Iterable[Key],
    nodes: Iterable[str],
    pod_samples: Iterable[Sample],
    node_samples: Iterable[Sample],
) -> Ledger:
    """Count what there is; the reasons are those that *contents* came with."""
    listed, all_nodes = list(pod_samples), frozenset(nodes)
    measured = {sample.name: sample_amount(sample) for sample in node_samples}
    return Ledger(
        all_pods=frozenset(pods),
        all_nodes=all_nodes,
        pods={sample.key: sample_amount(sample) for sample in listed},
        containers={
            (sample.namespace, sample.name, usage.name): amount_of(usage)
            for sample in listed
            for usage in sample.usages
        },
        nodes=measured,
        missing=contents.missing,
        partial=contents.partial,
        silent=all_nodes - measured.keys(),
    )
