"""Reading a JSON object and its fields: missing and null alike give the empty value.

A wrong type is a `DecodeError` with the path below the object; who holds the object
adds its own place with `under`. What Go's clients read is read here too: a ``null``
wherever it stands, an object without its name (encoding/json, ``Unmarshal``).
Where a wrong type is no more than a missing value there are `as_object` and its like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    NoReturn,
    TypeAlias,
    TypeVar,
    cast,
)

from .errors import DecodeError
from .frozen import dataclass
from .times import parse_rfc3339
from .wire import Items, decode, drain

P = TypeVar("P")
T = TypeVar("T")
Object: TypeAlias = Mapping[str, Any]


class _Empty(dict[str, Any]):
    """A map that stays empty; it is copied and pickled, which a mapping proxy is not.

    A dictionary all the same, so that what is made of it with `asdict` is plain JSON.
    """

    __slots__ = ()

    def __reduce__(self) -> str:
        return "EMPTY"

    if not TYPE_CHECKING:  # to a type checker it is a `Mapping`, which has none of them

        def _refuse(self, *_: object, **__: object) -> NoReturn:
            raise TypeError("the empty map cannot be changed: many objects share it")

        __setitem__ = __ior__ = setdefault = update = _refuse


EMPTY: Final[Mapping[str, Any]] = _Empty()


def empty() -> Mapping[str, Any]:
    """Return the empty map, as a default that a dataclass accepts."""
    return EMPTY


def read_object(body: bytes, *, url: str = "") -> Object:
    """Read a body of which no shape is known.

    Raises:
        DecodeError: not JSON, not an object, or nested too deeply.
    """
    return decode(body, cast("type[dict[str, Any]]", dict), url=url)


def as_object(value: object) -> Object:
    """Return a JSON object, empty for anything else."""
    return cast("Object", value) if isinstance(value, dict) else EMPTY


def as_objects(value: object) -> list[Object]:
    """Return the items of a list, each as an object; none for anything else."""
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return [as_object(item) for item in listed]


def as_text(value: object) -> str:
    """Return a string, empty for anything else."""
    return value if isinstance(value, str) else ""


def as_integer(value: object) -> int:
    """Return an integer, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


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
    """Return *error* with *place* put before its path."""
    inner = error.path.removeprefix("$")
    return DecodeError(error.problem, url=error.url, path=f"$.{place}{inner}")


def wrong(key: str, expected: str, value: object) -> DecodeError:
    """Return the error for the field *key*, whose *value* is not what is *expected*."""
    return DecodeError(f"expected {expected}, got {_kind(value)}", path=f"$.{key}")


def text(obj: Object, key: str) -> str:
    """Return a string, empty if there is none."""
    value: object = obj.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(key, "a string", value)
    return value


def required(obj: Object, key: str) -> str:
    """Return a string that must be there, and not be empty."""
    value = text(obj, key)
    if not value:
        raise wrong(key, "a string", obj.get(key))
    return value


def integer(obj: Object, key: str) -> int:
    """Return an integer, 0 if there is none."""
    value: object = obj.get(key)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong(key, "an integer", value)
    return value


def boolean(obj: Object, key: str) -> bool:
    """Return a boolean, false if there is none."""
    value: object = obj.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise wrong(key, "a boolean", value)
    return value


def child(obj: Object, key: str) -> Object | None:
    """Return an object, ``None`` if there is none."""
    value: Object | None = obj.get(key)
    if value is not None and not isinstance(value, dict):
        raise wrong(key, "an object", value)
    return value


def time(obj: Object, key: str) -> datetime | None:
    """Return an RFC 3339 time, ``None`` if there is none."""
    value: object = obj.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(key, "an RFC 3339 time", value)
    try:
        return parse_rfc3339(value)
    except ValueError as error:
        raise DecodeError(str(error), path=f"$.{key}") from None


def children(
    obj: Object, key: str, build: Callable[[Any, P], T], pool: P
) -> tuple[T, ...]:
    """Build each object of a list; the path of an error says which one."""
    if obj.get(key) is None:
        return ()
    return tuple(built_list(obj, key, build, pool))


def built_list(obj: Object, key: str, build: Callable[[Any, P], T], pool: P) -> list[T]:
    """Build each object of a list that may be long, missing or null."""
    return _built(listed(obj, key), key, build, pool)


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """An item of a list that could not be read, and why.

    *name* and *namespace* are those of its ``metadata``, empty where it has none.
    *error* names the place: ``$.items[3].usage.cpu``.
    """

    name: str
    namespace: str
    error: DecodeError


class ItemReader(Generic[T, P]):
    """Builds each item of a list for itself: one that cannot be read costs no other."""

    def __init__(self, key: str, build: Callable[[Any, P], T], pool: P) -> None:
        self.built: list[T] = []
        self.unreadable: list[UnreadableItem] = []
        self._key = key
        self._build = build
        self._pool = pool

    def drain(self, obj: Object) -> None:
        """Read the list of *obj*; what has become a value takes no more memory."""
        items = obj.get(self._key)
        self.read(items if isinstance(items, Items) else drain(listed(obj, self._key)))

    def read(self, items: Iterable[object]) -> None:
        """Read some items, which follow those before."""
        built, build, pool = self.built, self._build, self._pool
        try:
            for item in items:
                try:
                    built.append(_build(item, build, pool))
                except DecodeError as error:
                    self.unreadable.append(_unreadable(item, under(self._place, error)))
        except DecodeError as error:  # an item that msgspec split is nested too deeply
            raise under(self._place, error) from None

    @property
    def _place(self) -> str:
        return f"{self._key}[{len(self.built) + len(self.unreadable)}]"


def _unreadable(item: object, error: DecodeError) -> UnreadableItem:
    meta = as_object(as_object(item).get("metadata"))
    return UnreadableItem(
        as_text(meta.get("name")), as_text(meta.get("namespace")), error
    )


def listed(obj: Object, key: str) -> list[Any]:
    """Return a list, empty if there is none; what is in it is not looked at."""
    items: Sequence[Any] | None = obj.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        raise wrong(key, "a list", items)
    return items


def _built(
    items: Iterable[Any], key: str, build: Callable[[Any, P], T], pool: P
) -> list[T]:
    built: list[T] = []
    try:
        for item in items:
            known = isinstance(item, dict)
            built.append(build(item, pool) if known else _build(item, build, pool))
    except DecodeError as error:
        raise under(f"{key}[{len(built)}]", error) from None
    return built


def _build(item: object, build: Callable[[Any, P], T], pool: P) -> T:
    """Build one item; ``null`` is an empty object, as Go reads it."""
    if isinstance(item, dict):
        return build(item, pool)
    if item is None:
        return build(EMPTY, pool)
    raise DecodeError(f"expected an object, got {_kind(item)}")


def _kind(value: object) -> str:
    if value is None or value == "":
        return "null" if value is None else "an empty one"
    return "a number" if isinstance(value, Decimal) else type(value).__name__
