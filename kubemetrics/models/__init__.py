"""What pods, nodes and samples share: metadata, conditions, resource lists.

`Pool` keeps what repeats once for a whole list. What it knows is looked up as it was
written, before anything is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar

from .. import jsonread
from ..errors import DecodeError, QuantityError
from ..frozen import dataclass, maker
from ..jsonread import EMPTY, Object, at, child, under, wrong
from ..quantity import Quantity, parse

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Quantities: TypeAlias = Mapping[str, Quantity]

_NUMBERS: Final = (int, Decimal)
_ZERO: Final = Quantity()
_POOLED: Final = 4096
"""Replicas stand side by side in a list, so that more need not be remembered."""


class Pool:
    """Repeated strings and maps, kept once for the length of a list call.

    The replicas of a workload share most of their fields; with it a pod takes less
    than half the memory.
    """

    __slots__ = ("_labels", "_quantities", "_texts", "_values")

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        # By all names and then all values: less to make than pairs, and as clear.
        self._labels: dict[tuple[str, ...], Mapping[str, str]] = {}
        self._quantities: dict[tuple[object, ...], Quantities] = {}
        self._values: dict[Hashable, Any] = {}

    def trim(self) -> None:
        """Forget what grew large: where all differs, sharing would only cost memory."""
        for kept in (self._texts, self._labels, self._quantities, self._values):
            if len(kept) > _POOLED:
                kept.clear()

    def text(self, obj: Object, key: str) -> str:
        """Return a string, empty if there is none."""
        value = obj.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise wrong(key, "a string", value)
        return self._texts.setdefault(value, value)

    def shared(self, key: K, make: Callable[[K], V]) -> V:
        """Return what was made of *key*, made at the first time; one *make* a type."""
        known: V | None = self._values.get(key)
        if known is None:
            known = self._values[key] = make(key)
        return known

    def labels(self, obj: Object, key: str) -> Mapping[str, str]:
        """Return a map of strings."""
        value = child(obj, key)
        if not value:
            return EMPTY
        written = (*value, *value.values())
        try:
            return self._labels[written]
        except (KeyError, TypeError):  # unhashable: no string, as the error says
            known = self._texts_of(value, key)
        self._labels[written] = known
        return known

    def _texts_of(self, value: Object, key: str) -> Mapping[str, str]:
        shared = self._texts.setdefault
        known: dict[str, str] = {}
        for name in value:
            with at(key):
                known[shared(name, name)] = self.text(value, name)
        return known

    def quantities(self, obj: Object, key: str) -> Quantities:
        """Return a resource list (``v1.ResourceList``)."""
        value = child(obj, key)
        if not value:
            return EMPTY
        written = (*value, *value.values())
        try:
            return self._quantities[written]
        except (KeyError, TypeError):  # unhashable: no quantity, as the error says
            amounts = self.usage(obj, key)
        if all(isinstance(raw, str) for raw in value.values()):  # since True == 1
            self._quantities[written] = amounts
        return amounts

    def usage(self, obj: Object, key: str) -> Quantities:
        """Return a resource list that no other equals: only its names are shared."""
        text = self._texts.setdefault
        value = child(obj, key) or EMPTY
        try:
            return {
                text(name, name): quantity(name, raw) for name, raw in value.items()
            }
        except DecodeError as error:
            raise under(key, error) from None


def quantity(name: str, raw: object) -> Quantity:
    """Return one quantity of a resource list; JSON allows it as a number as well.

    Blanks around it are no part of it, and ``null`` is 0: ``Quantity.UnmarshalJSON``
    in apimachinery/pkg/api/resource/quantity.go.
    """
    try:
        if isinstance(raw, str):
            return parse(raw.strip())
        if raw is None:
            return _ZERO
        if isinstance(raw, bool) or not isinstance(raw, _NUMBERS):
            raise wrong(name, "a quantity", raw)
        return Quantity(raw)
    except QuantityError as error:
        raise DecodeError(str(error), path=f"$.{name}") from None


CPU: Final = "cpu"
MEMORY: Final = "memory"


@dataclass(frozen=True, slots=True)
class Condition:
    """A pod's or node's condition: *status* is ``True``, ``False`` or ``Unknown``.

    *since* is when the status became what it is, of a node's.
    """

    type: str
    status: str
    reason: str = ""
    message: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """Requests and limits (``v1.ResourceRequirements``), by resource name."""

    requests: Quantities
    limits: Quantities


_new_resources: Final = maker(Resources)
NO_RESOURCES: Final = Resources(EMPTY, EMPTY)


@dataclass(frozen=True, slots=True)
class ActuatedResources:
    """What a status says that is in force; ``None`` is what it does not speak of.

    An empty map says that nothing is: component-helpers tells nil from empty.
    """

    requests: Quantities | None
    limits: Quantities | None


_new_actuated: Final = maker(ActuatedResources)

ObjectMeta: TypeAlias = tuple[str, str, str, Mapping[str, str], datetime | None]
"""What pods and nodes share of ``metadata`` (``metav1.ObjectMeta``).

The name, the namespace, the uid, the labels and the creation time.
"""
SampleMeta: TypeAlias = tuple[str, str, Mapping[str, str]]
"""Whose sample it is: the name, the namespace and the labels in its ``metadata``."""

_NO_META: Final[ObjectMeta] = ("", "", "", EMPTY, None)
_NO_SAMPLE_META: Final[SampleMeta] = ("", "", EMPTY)


def object_meta(obj: Object, pool: Pool) -> ObjectMeta:
    """Read ``metadata``; an object without any (a template) has empty names."""
    meta = child(obj, "metadata")
    if meta is None:
        return _NO_META
    try:
        return (
            jsonread.text(meta, "name"),
            pool.text(meta, "namespace"),
            jsonread.text(meta, "uid"),
            pool.labels(meta, "labels"),
            jsonread.time(meta, "creationTimestamp"),
        )
    except DecodeError as error:
        raise under("metadata", error) from None


def sample_meta(obj: Object, pool: Pool) -> SampleMeta:
    """Read a sample's ``metadata``; without any its names are empty."""
    meta = child(obj, "metadata")
    if meta is None:
        return _NO_SAMPLE_META
    try:
        return (
            jsonread.text(meta, "name"),
            pool.text(meta, "namespace"),
            pool.labels(meta, "labels"),
        )
    except DecodeError as error:
        raise under("metadata", error) from None


def conditions(obj: Object, pool: Pool) -> tuple[Condition, ...]:
    """Read a status's conditions; equal ones are shared."""
    written = jsonread.children(obj, "conditions", _written, pool)
    try:
        return pool.shared(written, _conditions)
    except TypeError:  # unhashable: no string, as the error says
        return _conditions(written)


def dated_condition(obj: Object, pool: Pool) -> Condition:
    """Read a condition with the time since which its status has been so."""
    moment = jsonread.time(obj, "lastTransitionTime")
    return replace(_condition(_written(obj, pool)), since=moment)


_Written: TypeAlias = tuple[object, object, object, object]


def _written(obj: Object, _: Pool) -> _Written:
    """Return a condition's fields; the message of one that holds is dropped."""
    status = obj.get("status")
    message = "" if status == "True" else obj.get("message")
    return obj.get("type"), status, obj.get("reason"), message


def _conditions(written: tuple[_Written, ...]) -> tuple[Condition, ...]:
    read: list[Condition] = []
    for fields in written:
        with at(f"conditions[{len(read)}]"):
            read.append(_condition(fields))
    return tuple(read)


_FIELDS: Final = ("type", "status", "reason", "message")


def _condition(written: _Written) -> Condition:
    fields: Object = dict(zip(_FIELDS, written, strict=True))
    kind, status, reason, message = [jsonread.text(fields, name) for name in _FIELDS]
    return Condition(kind, status, reason, message)


def resources(obj: Object, key: str, pool: Pool) -> Resources | None:
    """Read requests and limits, or nothing where the field is missing or null."""
    value = child(obj, key)
    if value is None:
        return None
    if not value:
        return NO_RESOURCES
    try:
        requests = pool.quantities(value, "requests")
        return _new_resources(requests, pool.quantities(value, "limits"))
    except DecodeError as error:
        raise under(key, error) from None


def actuated(obj: Object, key: str, pool: Pool) -> ActuatedResources | None:
    """Read what a status says of requests and limits, or nothing where it is silent."""
    value = child(obj, key)
    if value is None:
        return None
    try:
        return _new_actuated(
            stated(value, "requests", pool), stated(value, "limits", pool)
        )
    except DecodeError as error:
        raise under(key, error) from None


def stated(obj: Object, key: str, pool: Pool) -> Quantities | None:
    """Read a resource list, ``None`` where the field is missing or null."""
    return None if obj.get(key) is None else pool.quantities(obj, key)


def total(amounts: list[Quantities]) -> Quantities:
    """Add resource lists up, name by name, exactly."""
    if len(amounts) == 1:
        return amounts[0]
    summed: dict[str, Quantity] = {}
    for amount in amounts:
        add(summed, amount)
    return summed


def add(amounts: dict[str, Quantity], more: Quantities) -> None:
    """Add the resource list *more* to *amounts*, name by name, exactly."""
    for name, value in more.items():
        known = amounts.get(name)
        amounts[name] = value if known is None else known + value
