"""A line of JSON for each pod that has no value, or too little memory left."""

from __future__ import annotations

import json
from typing import Any

from kubemetrics import Client, PodUsage


def alert(row: PodUsage) -> dict[str, Any] | None:
    share = row.ratio("memory", "limits")
    if row.state == "running" and row.reason is not None:
        return {"alert": "no value", "why": row.reason.code, **row.to_dict()}
    if share is not None and share > 1:
        return {"alert": "over limit", **row.to_dict()}
    return None


with Client() as client:
    for found in filter(None, map(alert, client.snapshot().pods)):
        print(json.dumps(found))
