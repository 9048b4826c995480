"""What pods, nodes and their metrics have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from ..quantity import Quantity
from . import fields
from .fields import EMPTY, Object, Pool, Quantities, at

CPU: Final = "cpu"
MEMORY: Final = "memory"


@dataclass(frozen=True, slots=True)
class Condition:
    """A pod's or node's condition: *status* is ``True``, ``False`` or ``Unknown``."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Resources:
    """Requests and limits (``v1.ResourceRequirements``), by resource name."""

    requests: Quantities
    limits: Quantities


NO_RESOURCES: Final = Resources(EMPTY, EMPTY)


class Meta(NamedTuple):
    """What every object's ``metadata`` gives."""

    name: str
    namespace: str
    uid: str
    labels: Mapping[str, str]
    creation_timestamp: datetime | None


def metadata(obj: Object, pool: Pool) -> Meta:
    """Read ``metadata``; an object without any (a template) has empty names."""
    meta = fields.child(obj, "metadata")
    if meta is None:
        return Meta("", "", "", EMPTY, None)
    with at("metadata"):
        return Meta(
            fields.needed(meta, "name"),
            pool.text(fields.text(meta, "namespace")),
            fields.text(meta, "uid"),
            fields.labels(meta, "labels", pool),
            fields.time(meta, "creationTimestamp"),
        )


def condition(obj: Object, pool: Pool) -> Condition:
    """Read a condition; what holds needs no message."""
    status = fields.text(obj, "status")
    read = Condition(
        pool.text(fields.text(obj, "type")),
        pool.text(status),
        pool.text(fields.text(obj, "reason")),
        "" if status == "True" else fields.text(obj, "message"),
    )
    return pool.value(read)


def resources(obj: Object, key: str, pool: Pool) -> Resources | None:
    """Read requests and limits, or nothing where the field is missing or null."""
    value = fields.child(obj, key)
    if value is None:
        return None
    with at(key):
        requests = fields.quantities(value, "requests", pool)
        limits = fields.quantities(value, "limits", pool)
    return Resources(requests, limits)


def total(amounts: list[Quantities]) -> Quantities:
    """Add resource lists up, name by name, exactly."""
    summed: dict[str, Quantity] = {}
    for amount in amounts:
        for name, value in amount.items():
            summed[name] = summed[name] + value if name in summed else value
    return summed
