"""Pods and nodes as the file keeps them: JSON from which they are read back, equal.

It is the API's own shape, of the fields that are read and no other, so that a past
moment is joined by the code of the present, and by that of later versions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..models.node import Node
from ..models.pod import Pod
from ..models.written import written_node, written_pod


def body(kept: Pod | Node) -> str:
    """Return the JSON text of a pod or a node."""
    made = written_pod(kept) if isinstance(kept, Pod) else written_node(kept)
    return json.dumps(made, separators=(",", ":"))


def restarts_of(kept: Mapping[str, Any]) -> dict[str, int]:
    """Return how often each container had been restarted, by what is kept of a pod."""
    status = kept.get("status", {})
    return {
        found["name"]: found.get("restartCount", 0)
        for key in ("containerStatuses", "initContainerStatuses")
        for found in status.get(key, ())
    }
