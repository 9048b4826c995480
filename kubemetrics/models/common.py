"""What pods, nodes and their metrics have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from ..errors import DecodeError
from ..frozen import dataclass
from ..quantity import Quantity
from . import fields
from .fields import EMPTY, Object, child, under
from .pool import Pool, Quantities

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


class Identity(NamedTuple):
    """What the ``metadata`` of a sample gives: whose it is."""

    name: str
    namespace: str
    labels: Mapping[str, str]


_NO_IDENTITY: Final = Identity("", "", EMPTY)
_NO_META: Final = Meta("", "", "", EMPTY, None)


def metadata(obj: Object, pool: Pool) -> Meta:
    """Read ``metadata``; an object without any (a template) has empty names."""
    meta = child(obj, "metadata")
    if meta is None:
        return _NO_META
    try:
        return Meta(
            fields.text(meta, "name"),
            pool.text(meta, "namespace"),
            fields.text(meta, "uid"),
            pool.labels(meta, "labels"),
            fields.time(meta, "creationTimestamp"),
        )
    except DecodeError as error:
        raise under("metadata", error) from None


def identity(obj: Object, pool: Pool) -> Identity:
    """Read of ``metadata`` what a sample has of its own."""
    meta = child(obj, "metadata")
    if meta is None:
        return _NO_IDENTITY
    try:
        return Identity(
            fields.text(meta, "name"),
            pool.text(meta, "namespace"),
            pool.labels(meta, "labels"),
        )
    except DecodeError as error:
        raise under("metadata", error) from None


def conditions(obj: Object, pool: Pool) -> tuple[Condition, ...]:
    """Read conditions; most objects have the same ones."""
    written = fields.children(obj, "conditions", _condition, pool)
    return pool.shared(written, _conditions)


_Written: TypeAlias = tuple[str, str, str, str]


def _condition(obj: Object, pool: Pool) -> _Written:
    """Read what a condition says; what holds needs no message."""
    status = pool.text(obj, "status")
    message = "" if status == "True" else fields.text(obj, "message")
    return pool.text(obj, "type"), status, pool.text(obj, "reason"), message


def _conditions(written: tuple[_Written, ...]) -> tuple[Condition, ...]:
    return tuple(Condition(*said) for said in written)


def resources(obj: Object, key: str, pool: Pool) -> Resources | None:
    """Read requests and limits, or nothing where the field is missing or null."""
    value = child(obj, key)
    if value is None:
        return None
    if not value:
        return NO_RESOURCES
    try:
        requests = pool.quantities(value, "requests")
        return Resources(requests, pool.quantities(value, "limits"))
    except DecodeError as error:
        raise under(key, error) from None


def total(amounts: list[Quantities]) -> Quantities:
    """Add resource lists up, name by name, exactly."""
    if len(amounts) == 1:
        return amounts[0]
    summed: dict[str, Quantity] = {}
    for amount in amounts:
        for name, value in amount.items():
            summed[name] = summed[name] + value if name in summed else value
    return summed
