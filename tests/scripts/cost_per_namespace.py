"""What each namespace costs a month: what it requests, or uses where that is more."""

from __future__ import annotations

from decimal import Decimal

from kubemetrics import Client, Quantity, rollup

CORE, GIB = Decimal("21.50"), Decimal("2.90")
ZERO = Quantity()

with Client() as client:
    for group in rollup(client.snapshot().pods, ["namespace"]):
        cpu = max(group.cpu or ZERO, group.cpu_request or ZERO)
        memory = max(group.memory or ZERO, group.memory_request or ZERO)
        cost = cpu.as_decimal() * CORE + (memory / 2**30).as_decimal() * GIB
        print(f"{group.key[0]}: {cost:.2f} EUR")
