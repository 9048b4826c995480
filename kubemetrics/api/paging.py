"""What every list takes, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import (
    Any,
    Final,
    Generic,
    Self,
    TypeAlias,
    TypedDict,
    TypeVar,
    cast,
    overload,
)

from .. import jsonread
from ..errors import DecodeError
from ..flow import Flow, Query, Response
from ..frozen import dataclass
from ..jsonread import UnreadableItem
from ..models.resources import Pool
from ..wire import collector_paused, decode
from .answers import date_of

T_co = TypeVar("T_co", covariant=True)

Progress: TypeAlias = Callable[[int, int | None], None]
"""Hears how many objects there are so far, and how many there will be if known."""


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


# One page of a list: how it is asked for and read.


M = TypeVar("M")

PAGE: Final = 500
_MOST_PAGES: Final = 20_000

Send: TypeAlias = Callable[[Query], Flow[Response]]
"""Sends a list request with this query and returns its 2xx answer."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """How to read an object, or a list, of one kind: its shape and its model.

    *name* is the ``kind`` that the body says; where it says none it must have *mark*.
    """

    name: str
    shape: Any
    build: Callable[[Any, Pool], M]

    @property
    def mark(self) -> str:
        """The field that shows that it is what it should be."""
        return "items" if self.name.endswith("List") else "metadata"


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page, as models, and where the next one begins."""

    items: list[M]
    unreadable: list[UnreadableItem]
    token: str
    remaining: int | None
    resource_version: str
    date: datetime | None
    url: str


def read(response: Response, kind: Kind[M]) -> Mapping[str, object]:
    """Decode a body that must be an object of this kind; it need not say so.

    Raises:
        DecodeError: it is something else, which some proxy may have answered.
    """
    if response.body[:64].lstrip()[:1] == b"<":
        raise DecodeError(
            "a web page instead of the API's JSON; is a proxy or a login in between?",
            url=response.url,
        )
    body: Mapping[str, object] = decode(response.body, kind.shape, url=response.url)
    said = body.get("kind") or ""
    if said != kind.name and (said or kind.mark not in body):
        got = f'"{said[:64]}"' if said and isinstance(said, str) else "none"
        raise DecodeError(
            f"expected {kind.name}, got {got}", url=response.url, path="$.kind"
        )
    return body


def read_object(response: Response, kind: Kind[M]) -> M:
    """Read the answer to a GET of one object."""
    body = read(response, kind)
    try:
        return kind.build(body, Pool())
    except DecodeError as error:
        raise _placed(error, response) from None


def _placed(error: DecodeError, response: Response) -> DecodeError:
    """Return *error* with the address that it came from."""
    return DecodeError(error.problem, url=response.url, path=error.path)


def read_page(
    send: Send, kind: Kind[M], options: ListOptions, token: str, pool: Pool
) -> Flow[Page[M]]:
    """Read one page: the first for an empty *token*, else the one it stands for."""
    response = yield from send(_query(options, token))
    with collector_paused():
        # The JSON is gone before the collector is back, which would walk through it.
        return _page(read(response, kind), response, kind, pool)


def _page(body: Any, response: Response, kind: Kind[M], pool: Pool) -> Page[M]:  # noqa: ANN401 - judged here
    try:
        meta = jsonread.child(body, "metadata") or jsonread.EMPTY
        items, unreadable = jsonread.drained_list(body, "items", kind.build, pool)
        pool.trim()
        with jsonread.at("metadata"):
            return Page(
                items,
                [replace(u, error=_placed(u.error, response)) for u in unreadable],
                jsonread.text(meta, "continue"),
                jsonread.integer(meta, "remainingItemCount") or None,
                jsonread.text(meta, "resourceVersion"),
                date_of(response),
                response.url,
            )
    except DecodeError as error:
        raise _placed(error, response) from None


def _query(options: ListOptions, token: str) -> Query:
    chunk = options.get("chunk_size", PAGE)
    version = options.get("resource_version") or ""
    # The API server ignores `limit` together with version 0 and sends everything.
    paged = chunk and version != "0"
    if token:
        asked = {"continue": token}
    else:
        asked = {
            "resourceVersion": version,
            "resourceVersionMatch": options.get("resource_version_match") or "",
        }
    query = {
        "labelSelector": options.get("label_selector") or "",
        "fieldSelector": options.get("field_selector") or "",
        "limit": str(chunk) if paged else "",
        **asked,
    }
    return tuple((name, value) for name, value in query.items() if value)


def check_progress(page: Page[Any], tokens: set[str]) -> None:
    """Remember the page's continue token; one that repeats leads round in a circle."""
    if page.token in tokens:
        problem = "the list never ends: its continue token repeats"
    elif len(tokens) >= _MOST_PAGES:
        problem = f"the list does not end within {_MOST_PAGES} pages"
    else:
        tokens.add(page.token)
        return
    raise DecodeError(problem, url=page.url, path="$.metadata.continue")
