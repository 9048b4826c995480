"""The ten pods that use the most memory."""

from __future__ import annotations

from kubemetrics import Client

with Client() as client:
    measured = [s for s in client.list_pod_metrics() if s.memory is not None]
    for sample in sorted(measured, key=lambda s: s.memory or 0, reverse=True)[:10]:
        print(f"{sample.namespace}/{sample.name:12} {sample.memory:>8Mi}")
