"""Lists in pages: a consistent snapshot, whatever the size of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeAlias, TypedDict, TypeVar, overload

from ..errors import DecodeError, Expired
from ..flow import Flow, Response
from ..models import Pool, fields
from ..wire import collector_paused, decode

T_co = TypeVar("T_co", covariant=True)
M = TypeVar("M")

PAGE: Final = 500
_MOST_PAGES: Final = 100_000

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


class ResourceList(Sequence[T_co]):
    """What a list call returns: an immutable sequence with facts about the answer.

    *resource_version* is the version of the whole list, empty where the API has none
    (the metrics API). *date* is the server's clock when it answered.
    """

    __slots__ = ("_items", "date", "resource_version")

    def __init__(
        self,
        items: Sequence[T_co],
        *,
        resource_version: str = "",
        date: datetime | None = None,
    ) -> None:
        self._items = tuple(items)
        self.resource_version = resource_version
        self.date = date

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
            return self._items == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self._items, self.resource_version))

    def __repr__(self) -> str:
        kind = type(self._items[0]).__name__ if self._items else "nothing"
        return f"<ResourceList of {len(self._items)} {kind}>"


Query: TypeAlias = tuple[tuple[str, str], ...]
Send: TypeAlias = Callable[[Query], Flow[Response]]
"""Sends a list request with this query and returns its 2xx answer."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """How to read a list of one kind: the shape of its body and its model."""

    shape: Any
    build: Callable[[Any, Pool], M]


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page, as models, and where the next one begins."""

    items: list[M]
    token: str
    remaining: int | None
    resource_version: str
    date: datetime | None


def list_all(send: Send, kind: Kind[M], options: ListOptions) -> Flow[ResourceList[M]]:
    """Read a whole list, page by page, as of one moment.

    Where the continue token expires half-way the paging starts over once; if it expires
    again the list is read in one piece, as client-go's pager does
    (tools/pager/pager.go).

    Raises:
        ApiError: the server said no; `Expired` only for the first page.
        DecodeError: not the list that was asked for, or one that never ends.
    """
    for _ in range(2):
        listed = yield from _in_pages(send, kind, options)
        if listed is not None:
            return listed
    whole: ListOptions = {**options, "chunk_size": 0}
    listed = yield from _in_pages(send, kind, whole)
    if listed is None:  # a server that pages unasked and lets its own token expire
        raise Expired("the list expired between its pages", status=410)
    return listed


def _in_pages(
    send: Send, kind: Kind[M], options: ListOptions
) -> Flow[ResourceList[M] | None]:
    pool = Pool()
    page = yield from read_page(send, kind, options, "", pool)
    first, items = page, page.items
    tokens: set[str] = set()
    while page.token:
        _report(options, len(items), page.remaining)
        _check_progress(page, tokens)
        try:
            page = yield from read_page(send, kind, options, page.token, pool)
        except Expired:
            return None
        items += page.items
    _report(options, len(items), 0)
    return ResourceList(items, resource_version=first.resource_version, date=first.date)


class Pages(Generic[M]):
    """A list read page by page, for who wants to keep nothing.

    While `more`, `next` is the flow of the following page. Where the continue token
    expires, reading goes on from the same name with the token that the server gives
    instead: nothing comes twice, but what follows is as of a later moment.
    """

    def __init__(self, send: Send, kind: Kind[M], options: ListOptions) -> None:
        self._send = send
        self._kind = kind
        self._options = options
        self._tokens: set[str] = set()
        self._done = 0
        self._token = ""
        self.more = True

    def next(self) -> Flow[ResourceList[M]]:
        """Read the following page."""
        pool = Pool()
        try:
            page = yield from self._read(pool)
        except Expired as error:
            self._token = str(error.details.get("continue") or "")
            if not self._token:
                raise
            page = yield from self._read(pool)
        self._done += len(page.items)
        _report(self._options, self._done, page.remaining if page.token else 0)
        self._token, self.more = page.token, bool(page.token)
        if page.token:
            _check_progress(page, self._tokens)
        return ResourceList(
            page.items, resource_version=page.resource_version, date=page.date
        )

    def _read(self, pool: Pool) -> Flow[Page[M]]:
        return read_page(self._send, self._kind, self._options, self._token, pool)


def read_page(
    send: Send, kind: Kind[M], options: ListOptions, token: str, pool: Pool
) -> Flow[Page[M]]:
    """Read one page: the first for an empty *token*, else the one it stands for."""
    response = yield from send(_query(options, token))
    with collector_paused():
        body = decode(response.body, kind.shape, url=response.url)
        return _page(body, response, kind, pool)


def _page(body: Any, response: Response, kind: Kind[M], pool: Pool) -> Page[M]:  # noqa: ANN401 - judged here
    try:
        meta = fields.child(body, "metadata") or fields.EMPTY
        items = fields.built_list(body, "items", kind.build, pool)
        pool.trim()
        with fields.at("metadata"):
            return Page(
                items,
                fields.text(meta, "continue"),
                fields.whole(meta, "remainingItemCount") or None,
                fields.text(meta, "resourceVersion"),
                date_of(response),
            )
    except DecodeError as error:
        raise DecodeError(error.problem, url=response.url, path=error.path) from None


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


def _check_progress(page: Page[Any], tokens: set[str]) -> None:
    if page.token in tokens or len(tokens) >= _MOST_PAGES:
        raise DecodeError(
            "the list never ends: its continue token repeats",
            path="$.metadata.continue",
        )
    tokens.add(page.token)


def _report(options: ListOptions, done: int, remaining: int | None) -> None:
    progress = options.get("progress")
    if progress is not None:
        progress(done, None if remaining is None else done + remaining)


def date_of(response: Response) -> datetime | None:
    """Return the server's clock when it answered: its ``Date`` header."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - costs a start-up

    try:
        return parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
