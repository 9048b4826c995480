"""What every object and list carries, and what pods and nodes share."""

from __future__ import annotations

from typing import TypedDict

# The functional form, since ``continue`` is a keyword.
ListMetaWire = TypedDict(
    "ListMetaWire",
    {"resourceVersion": str, "continue": str, "remainingItemCount": int},
    total=False,
)


class OwnerReferenceWire(TypedDict, total=False):
    """``metav1.OwnerReference``."""

    kind: str
    name: str
    controller: bool


class ObjectMetaWire(TypedDict, total=False):
    """``metav1.ObjectMeta``."""

    name: str
    namespace: str
    uid: str
    resourceVersion: str
    creationTimestamp: str
    deletionTimestamp: str
    labels: dict[str, str]
    ownerReferences: list[OwnerReferenceWire]


class ConditionWire(TypedDict, total=False):
    """``v1.PodCondition`` and ``v1.NodeCondition``."""

    type: str
    status: str
    reason: str
    message: str
