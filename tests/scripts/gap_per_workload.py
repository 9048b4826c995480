"""What each workload requests and does not use, the largest gap first."""

from __future__ import annotations

from kubemetrics import Client, Quantity, Rollup, rollup


def gap(group: Rollup) -> Quantity:
    return group.unused.get("memory", Quantity())


with Client() as client:
    groups = rollup(client.snapshot().pods, ["namespace", "owner"])
    for group in sorted(groups, key=gap, reverse=True):
        namespace, owner = group.key
        print(f"{namespace} {owner}: {gap(group):Mi} of {group.memory_request:Mi}")
