"""Memory by namespace in a data frame."""

from __future__ import annotations

import pandas as pd

from kubemetrics import Client

with Client() as client:
    frame = pd.DataFrame(client.snapshot().records(flat=True))
by_namespace = frame.groupby("namespace")["mem.usage"].sum() // 2**20
for namespace, mebibytes in by_namespace.items():
    print(f"{namespace}: {mebibytes:.0f}Mi")
