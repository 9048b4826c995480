"""What every list takes, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Self,
    TypeAlias,
    TypedDict,
    TypeVar,
    cast,
    overload,
)

if TYPE_CHECKING:
    from ..jsonread import UnreadableItem

T_co = TypeVar("T_co", covariant=True)

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the count of objects so far and, if known, of all there will be."""


class ListOptions(TypedDict, total=False):
    """What every list takes, by keyword (``metav1.ListOptions``).

    *namespace*: one namespace, or ``None`` for all. *chunk_size*: objects a request
    (500), 0 for everything in one. *timeout*: seconds for the whole call.
    """

    namespace: str | None
    label_selector: str | None
    field_selector: str | None
    resource_version: str | None
    resource_version_match: str | None
    chunk_size: int
    progress: Progress | None
    timeout: float | None


def check_options(options: Mapping[str, object], known: type) -> None:
    """Refuse a keyword that is none of *known*'s: misspelt, it would list everything.

    Raises:
        TypeError: as Python does for a keyword of a function.
    """
    for name in options:
        if name not in known.__annotations__:
            expected = ", ".join(known.__annotations__)
            raise TypeError(f"unexpected keyword {name!r} (there are {expected})")


class ResourceList(Sequence[T_co]):  # noqa: PLW1641 - its items hold maps
    """What a list call returns: an immutable sequence with facts about the answer.

    *resource_version* is the version of the whole list, empty where the API has none
    (the metrics API). *date* is the server's clock when it answered. *unreadable* are
    the items that are not among these because they could not be read; `whole` refuses
    a list that has any.
    """

    __slots__ = ("_items", "date", "resource_version", "unreadable")

    def __init__(
        self,
        items: Sequence[T_co],
        *,
        resource_version: str = "",
        date: datetime | None = None,
        unreadable: Sequence[UnreadableItem] = (),
    ) -> None:
        self._items = tuple(items)
        self.resource_version: str = resource_version
        self.date: datetime | None = date
        self.unreadable: tuple[UnreadableItem, ...] = tuple(unreadable)

    def whole(self) -> Self:
        """Return the list, for who can do with nothing less than all of it.

        Raises:
            DecodeError: an item could not be read: the error of the first.
        """
        for item in self.unreadable:
            raise item.error
        return self

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T_co, ...]: ...
    def __getitem__(self, index: int | slice) -> T_co | tuple[T_co, ...]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T_co]:
        return iter(self._items)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ResourceList):
            return self._items == tuple(cast("ResourceList[object]", other))
        return NotImplemented

    def __repr__(self) -> str:
        kind = type(self._items[0]).__name__ if self._items else "nothing"
        lost = f", {len(self.unreadable)} unreadable" if self.unreadable else ""
        return f"<ResourceList of {len(self._items)} {kind}{lost}>"
