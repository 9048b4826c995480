"""What pods may still request on each node."""

from __future__ import annotations

from kubemetrics import Client

with Client() as client:
    for row in client.snapshot(reconcile=True).nodes:
        free = row.headroom or {}
        if "cpu" in free and "memory" in free:
            print(f"{row.name}: {free['cpu']:m} {free['memory']:.1Gi} free")
