"""Lists in pages: a consistent snapshot, whatever the size of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

from .. import jsonread
from ..errors import DecodeError, Expired
from ..flow import Flow, Query, Response
from ..frozen import dataclass
from ..jsonread import UnreadableItem
from ..models.resources import Pool
from ..wire import collector_paused, decode
from .answers import date_of
from .lists import ListOptions, ResourceList

M = TypeVar("M")

PAGE: Final = 500
_MOST_PAGES: Final = 20_000

Send: TypeAlias = Callable[[Query], Flow[Response]]
"""Sends a list request with this query and returns its 2xx answer."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """How the objects of one kind are read: their shapes on the wire and their model.

    *name* is the ``kind`` that the body of one object says; that of a list ends in
    ``List``.
    """

    name: str
    item: Any
    list: Any
    build: Callable[[Any, Pool], M]


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


def read_object(response: Response, kind: Kind[M]) -> M:
    """Read the answer to a GET of one object.

    Raises:
        DecodeError: it is something else, which some proxy may have answered.
    """
    body = _read(response, kind.name, kind.item, mark="metadata")
    try:
        return kind.build(body, Pool())
    except DecodeError as error:
        raise _placed(error, response) from None


def _read(
    response: Response, name: str, shape: type[Mapping[str, object]], *, mark: str
) -> Mapping[str, object]:
    """Decode a body of the kind *name*; one that says no kind must have *mark*."""
    if response.body[:64].lstrip()[:1] == b"<":
        raise DecodeError(
            "a web page instead of the API's JSON; is a proxy or a login in between?",
            url=response.url,
        )
    body: Mapping[str, object] = decode(response.body, shape, url=response.url)
    found = body.get("kind") or ""
    if found != name and (found or mark not in body):
        got = f'"{found[:64]}"' if found and isinstance(found, str) else "none"
        raise DecodeError(
            f"expected {name}, got {got}", url=response.url, path="$.kind"
        )
    return body


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
        body = _read(response, f"{kind.name}List", kind.list, mark="items")
        return _page(body, response, kind, pool)


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


def list_all(send: Send, kind: Kind[M], options: ListOptions) -> Flow[ResourceList[M]]:
    """Read a whole list, page by page, as of one moment.

    Where the continue token expires half-way the paging starts over once; if it expires
    again the list is read in one piece, as client-go's pager does
    (tools/pager/pager.go).

    Raises:
        ApiError: the request was refused; `Expired` only for the first page.
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
    first, items, unreadable = page, page.items, page.unreadable
    tokens: set[str] = set()
    while page.token:
        _report(options, len(items), page.remaining)
        check_progress(page, tokens)
        try:
            page = yield from read_page(send, kind, options, page.token, pool)
        except Expired:
            return None
        items += page.items
        unreadable += page.unreadable
    _report(options, len(items), 0)
    return ResourceList(
        items,
        resource_version=first.resource_version,
        date=first.date,
        unreadable=unreadable,
    )


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
        self.more: bool = True

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
            check_progress(page, self._tokens)
        return ResourceList(
            page.items,
            resource_version=page.resource_version,
            date=page.date,
            unreadable=page.unreadable,
        )

    def _read(self, pool: Pool) -> Flow[Page[M]]:
        return read_page(self._send, self._kind, self._options, self._token, pool)


def _report(options: ListOptions, done: int, remaining: int | None) -> None:
    progress = options.get("progress")
    if progress is not None:
        progress(done, None if remaining is None else done + remaining)
