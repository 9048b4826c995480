"""Pods that use more than 80 % of their memory limit."""

from __future__ import annotations

from fractions import Fraction

from kubemetrics import Client

with Client() as client:
    for row in client.snapshot().pods:
        share = row.ratio("memory", "limits")
        if share is not None and share > Fraction(8, 10):
            print(f"{row.namespace}/{row.name}: {share:.0%} of {row.memory_limit:auto}")
