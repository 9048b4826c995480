"""A function of somebody's, and how they test it: tests/scripts/test_busy.py."""

from __future__ import annotations

from kubemetrics import Client


def busy(client: Client, threshold: str = "1Gi") -> list[str]:
    """Return the pods that use more than *threshold* of memory."""
    return [
        sample.name
        for sample in client.list_pod_metrics()
        if sample.memory is not None and sample.memory > threshold
    ]
