"""One page of a list: how it is asked for and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

from ..errors import DecodeError
from ..flow import Flow, Query, Response
from ..frozen import dataclass
from ..models import Pool, UnreadableItem, fields
from ..wire import collector_paused, decode
from .resourcelist import ListOptions
from .status import date_of

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
        meta = fields.child(body, "metadata") or fields.EMPTY
        items, unreadable = fields.drained_list(body, "items", kind.build, pool)
        pool.trim()
        with fields.at("metadata"):
            return Page(
                items,
                [replace(u, error=_placed(u.error, response)) for u in unreadable],
                fields.text(meta, "continue"),
                fields.whole(meta, "remainingItemCount") or None,
                fields.text(meta, "resourceVersion"),
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
