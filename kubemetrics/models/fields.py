"""Reading one field of a JSON object: missing and null alike give the empty value.

A wrong type, or a field that must be there and is not, is a `DecodeError` with the path
below the object; who holds the object adds its own place with `at`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar, cast

from ..errors import DecodeError, QuantityError
from ..quantity import Quantity

T = TypeVar("T")
Object: TypeAlias = Mapping[str, object]
Quantities: TypeAlias = Mapping[str, Quantity]

EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


def empty() -> Mapping[str, Any]:
    """Return the empty map, as a default that a dataclass accepts."""
    return EMPTY


_POOLED: Final = 4096
"""Replicas stand side by side in a list, so that more need not be remembered."""


class Pool:
    """Repeated strings and maps, kept once for the length of a list call.

    The replicas of a workload share most of what they say; with it a pod takes less
    than half the memory.
    """

    __slots__ = ("_maps", "_quantities", "_texts", "_values")

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._maps: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
        self._quantities: dict[tuple[tuple[str, object], ...], Quantities] = {}
        self._values: dict[object, object] = {}

    def text(self, value: str) -> str:
        """Return the one string that is equal to *value*."""
        return self._texts.setdefault(value, value)

    def value(self, value: T) -> T:
        """Return the one hashable value that is equal to *value*."""
        return cast("T", self._values.setdefault(value, value))

    def trim(self) -> None:
        """Forget what grew large: where all differs, sharing would only cost memory."""
        for kept in (self._texts, self._maps, self._quantities, self._values):
            if len(kept) > _POOLED:
                kept.clear()

    def labels(self, value: Mapping[str, str]) -> Mapping[str, str]:
        """Return the one map of labels that is equal to *value*."""
        key = tuple(value.items())
        known = self._maps.get(key)
        if known is None:
            text = self._texts.setdefault
            known = {text(name, name): text(label, label) for name, label in key}
            self._maps[key] = known
        return known

    def quantities(self, value: Object) -> Quantities:
        """Return the one map of quantities that was written as *value*."""
        key = tuple(value.items())
        known = self._quantities.get(key)
        if known is None:
            known = {self.text(name): quantity(name, raw) for name, raw in key}
            self._quantities[key] = known
        return known


class at:  # noqa: N801 - reads as a word: ``with at("spec"):``
    """Put *place* before the path of any `DecodeError` inside."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, DecodeError):
            raise under(self._place, error) from None


def under(place: str, error: DecodeError) -> DecodeError:
    """Return *error* as seen from the object that holds *place*."""
    inner = error.path.removeprefix("$")
    return DecodeError(error.problem, url=error.url, path=f"$.{place}{inner}")


def wrong(key: str, expected: str, value: object) -> DecodeError:
    """Return the error for a field of another type."""
    got = "null" if value is None else type(value).__name__
    return DecodeError(f"expected {expected}, got {got}", path=f"$.{key}")


def text(obj: Object, key: str) -> str:
    """Return a string, empty if there is none."""
    value = obj.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(key, "a string", value)
    return value


def needed(obj: Object, key: str) -> str:
    """Return a string that must be there."""
    value = obj.get(key)
    if not isinstance(value, str) or not value:
        raise wrong(key, "a string", value)
    return value


def whole(obj: Object, key: str) -> int:
    """Return an integer, 0 if there is none."""
    value = obj.get(key)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong(key, "an integer", value)
    return value


def flag(obj: Object, key: str) -> bool:
    """Return a boolean, false if there is none."""
    value = obj.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise wrong(key, "a boolean", value)
    return value


def child(obj: Object, key: str) -> Object | None:
    """Return an object, or nothing."""
    value = obj.get(key)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise wrong(key, "an object", value)
    return cast("Object", value)


def time(obj: Object, key: str) -> datetime | None:
    """Return an RFC 3339 time, or nothing."""
    value = obj.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(key, "an RFC 3339 time", value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise DecodeError(f"not an RFC 3339 time: {value[:40]!r}", path=f"$.{key}")
    return moment


def children(
    obj: Object, key: str, build: Callable[[Any, Pool], T], pool: Pool
) -> tuple[T, ...]:
    """Build each object of a list; the path of an error says which one."""
    return tuple(built_list(obj, key, build, pool)) if obj.get(key) else ()


def built_list(
    obj: Object, key: str, build: Callable[[Any, Pool], T], pool: Pool
) -> list[T]:
    """Build each object of a list that may be long, missing or null."""
    items = obj.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        raise wrong(key, "a list", items)
    built: list[T] = []
    try:
        for item in cast("list[object]", items):
            built.append(build(_object(item), pool))  # noqa: PERF401 - its length is the place
    except DecodeError as error:
        raise under(f"{key}[{len(built)}]", error) from None
    return built


def _object(item: object) -> Object:
    if not isinstance(item, dict):
        got = "null" if item is None else type(item).__name__
        raise DecodeError(f"expected an object, got {got}")
    return cast("Object", item)


def labels(obj: Object, key: str, pool: Pool) -> Mapping[str, str]:
    """Return a map of strings, shared."""
    value = child(obj, key)
    if not value:
        return EMPTY
    for name, label in value.items():
        if not isinstance(label, str):
            raise wrong(f"{key}.{name}", "a string", label)
    return pool.labels(cast("Mapping[str, str]", value))


def quantities(obj: Object, key: str, pool: Pool) -> Quantities:
    """Return a resource list (``v1.ResourceList``), shared."""
    value = child(obj, key)
    if not value:
        return EMPTY
    with at(key):
        return pool.quantities(value)


def quantity(name: str, raw: object) -> Quantity:
    """Return one quantity of a resource list; JSON allows it as a number as well."""
    if not isinstance(raw, str | int | Decimal) or isinstance(raw, bool):
        raise wrong(name, "a quantity", raw)
    try:
        return Quantity(raw)
    except QuantityError as error:
        raise DecodeError(str(error), path=f"$.{name}") from None
