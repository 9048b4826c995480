"""Lists in pages: a consistent snapshot, whatever the size of the cluster."""

from __future__ import annotations

from typing import Generic, TypeVar

from ..errors import Expired
from ..flow import Flow
from ..models import Pool
from .pages import Kind, Page, Send, check_progress, read_page
from .resourcelist import ListOptions, ResourceList

M = TypeVar("M")


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
