"""A ``Status`` and what discovery says of a group."""

from __future__ import annotations

from typing import Any, TypedDict

from .meta import ListMetaWire


class StatusWire(TypedDict, total=False):
    """``metav1.Status``."""

    kind: str
    metadata: ListMetaWire
    status: str
    message: str
    reason: str
    details: dict[str, Any]
    code: int


class GroupVersionWire(TypedDict, total=False):
    """``metav1.GroupVersionForDiscovery``."""

    groupVersion: str
    version: str


class APIGroupWire(TypedDict, total=False):
    """``metav1.APIGroup``."""

    name: str
    versions: list[GroupVersionWire]
    preferredVersion: GroupVersionWire
