"""What every list takes, and what it returns.

Lists in pages: a consistent snapshot, whatever the size of the cluster. As soon as a
page's metadata has come, the next page is asked for: an API server encodes a list as a
stream, its metadata first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from typing import (
    Any,
    Final,
    Generic,
    Protocol,
    Self,
    TypeAlias,
    TypedDict,
    TypeVar,
    cast,
    overload,
)

from .. import jsonread
from ..errors import DecodeError, Expired
from ..flow import (
    BodySink,
    Flow,
    Join,
    Query,
    Response,
    Share,
    Start,
    Task,
    gather,
)
from ..frozen import dataclass
from ..jsonread import ItemReader, UnreadableItem
from ..models import Pool
from ..times import server_date
from ..wire import AnyListWire, Items, ItemSplitter, collector_paused, decode

T_co = TypeVar("T_co", covariant=True)

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the count of objects so far and, if known, of all there will be."""


class ListOptions(TypedDict, total=False):
    """What every list takes, by keyword (``metav1.ListOptions``).

    *namespace*: one namespace, or ``None`` for all. *chunk_size*: objects a request
    (1,000), 0 for everything in one. *timeout*: seconds for the whole call.
    """

    namespace: str | None
    label_selector: str | None
    field_selector: str | None
    resource_version: str | None
    resource_version_match: str | None
    chunk_size: int
    progress: Progress | None
    timeout: float | None


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


M = TypeVar("M")

PAGE: Final = 1000
"""Objects a request. kubectl asks for 500; with twice as many half as many requests
wait for a token of the one before, and no more is kept: items are read as they come."""

ANY: Final = "List"
"""How the kind of every list ends, and the whole of one that ``kubectl`` makes."""
_MOST_PAGES: Final = 20_000

WINDOW: Final = 2
"""Pages on their way at once; beside them one is turned into models."""

_MOST_AHEAD: Final = 4
_LONGEST_HEAD: Final = 1 << 16
"""Bytes of a page in which its continue token is looked for while it comes."""

_METADATA: Final = re.compile(
    rb'\s*\{(?:\s*"(?:kind|apiVersion)"\s*:\s*"[^"\\]*"\s*,)*'
    rb'\s*"metadata"\s*:\s*(\{[^{}]*\})\s*[,}]'
)
"""A list as far as the end of its metadata, where that comes first."""


class Send(Protocol):
    """Sends a list request and returns its 2xx answer.

    *sink* makes what takes its body, *answered* sees every answer.
    """

    def __call__(
        self,
        query: Query,
        sink: Callable[[Share], BodySink],
        answered: Callable[[Response], None],
        /,
    ) -> Flow[Response]:
        """Return the flow that does so."""
        ...


def following_token(head: bytes) -> str | None:
    """Return the continue token in the first bytes of a list, empty for a last page.

    ``None``: it cannot be told (yet).
    """
    found = _METADATA.match(head)
    if found is None:
        return None
    try:
        meta = decode(found[1], cast("type[dict[str, Any]]", dict))
        return jsonread.text(meta, "continue")
    except DecodeError:
        return None


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """How the objects of one kind are read: their shapes on the wire and their model.

    *name* is the ``kind`` that the body of one object says, empty for any; that of a
    list ends in ``List``. *finish* takes each object and the list it was in.
    """

    name: str
    item: Any
    list: Any
    build: Callable[[Any, Pool], M]
    finish: Callable[[M, Mapping[str, Any]], M] | None = None


def any_kind() -> Kind[dict[str, Any]]:
    """Return how objects of any kind are read: as they are."""
    return Kind("", dict, AnyListWire, _untyped, _named_kind)


def _untyped(obj: Mapping[str, Any], _: Pool) -> dict[str, Any]:
    """Return *obj* with numbers as `json.loads` has them, whatever decoded it."""
    found: dict[str, Any] = {**obj}
    containers: list[dict[Any, Any] | list[Any]] = [found]
    while containers:
        inside = containers.pop()
        keys: Any = range(len(inside)) if isinstance(inside, list) else inside
        for key in keys:
            value: Any = inside[key]
            if isinstance(value, dict | list):
                containers.append(cast("list[Any]", value))
            elif isinstance(value, Decimal):
                inside[key] = float(value)
    return found


def _named_kind(obj: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return *obj* with its kind, which the API server says once for a list.

    Source: apimachinery unstructured/helpers.go, ``decodeToList``.
    """
    what = {
        "apiVersion": body.get("apiVersion") or "",
        "kind": str(body.get("kind") or "").removesuffix("List"),
    }
    return {**{name: text for name, text in what.items() if text}, **obj}


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
        ApiError: a Status came in its place.
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
    sink = response.sink
    body: Mapping[str, object] = decode(
        response.body,
        shape,
        url=response.url,
        room=response.share.grow,
        taken=sink.taken if isinstance(sink, _Arriving) else 0,
    )
    found = body.get("kind") or ""
    same = found == name or (name == ANY and str(found).endswith(ANY))
    if not same and (found or mark not in body):
        from .answers import error_instead_of  # noqa: PLC0415 - of what is no list

        refused = error_instead_of(response)
        if refused is not None:
            raise refused
        got = f'"{found[:64]}"' if found and isinstance(found, str) else "none"
        wanted = "a list" if name == ANY else name
        raise DecodeError(
            f"expected {wanted}, got {got}", url=response.url, path="$.kind"
        )
    return body


def _placed(error: DecodeError, response: Response) -> DecodeError:
    """Return *error* with the address that it came from."""
    return DecodeError(error.problem, url=response.url, path=error.path)


class _Arriving(Generic[M]):
    """Reads a page while it comes: its metadata, and the items as they are whole."""

    def __init__(
        self,
        kind: Kind[M],
        pool: Pool,
        share: Share,
        following: Callable[[str], Flow[None]],
    ) -> None:
        self.items: ItemReader[M, Pool] = ItemReader("items", kind.build, pool)
        self.error: DecodeError | None = None
        self._splitter = ItemSplitter(f"{kind.name}List", kind.list)
        self._share = share
        self._following = following
        self._head: bytes | None = b""

    @property
    def taken(self) -> int:
        """Bytes of the body whose items were read."""
        return self._splitter.taken

    def feed(self, piece: bytes) -> Flow[None]:
        """Take a piece; goes on to the next page once its token is known."""
        if self._head is not None:
            yield from self._look(self._head + piece)
        if self.error is None:
            with self._share.decoding(), collector_paused():
                try:
                    self._take(piece)
                except DecodeError as error:  # said where the page is taken
                    self.error = error
        self._share.hold(self._splitter.size)

    def finish(self) -> bytes:
        """Return the body without those items."""
        return self._splitter.finish(self._share.grow)

    def _take(self, piece: bytes) -> None:
        taken = self.taken
        items = self._splitter.feed(piece, self._share.grow)
        if items is not None:
            self._share.keep(_excess(items, self.taken - taken))
            self.items.read(items)

    def _look(self, head: bytes) -> Flow[None]:
        token = following_token(head)
        self._head = head if token is None and len(head) < _LONGEST_HEAD else None
        if token:
            yield from self._following(token)


class PageReader(Generic[M]):
    """Reads the pages of one list in order, and asks for the next ones ahead.

    At most *window* pages are on their way, one after a server has said 429. A page
    whose metadata comes late, or says another token in the end, is followed by one that
    is asked for in its turn.

    A page in flight runs at its own pace, maybe in a thread of its own. It learns the
    token of the next one and may begin that; so may who takes the pages, when that
    makes room. Who claims it first does: no step lies between look and claim.
    """

    def __init__(
        self,
        send: Send,
        kind: Kind[M],
        options: ListOptions,
        *,
        window: int = WINDOW,
    ) -> None:
        self._send = send
        self._kind = kind
        self._options = options
        self._window = min(window, _MOST_AHEAD)
        self._pool = Pool()
        self._whole = 0
        self._tokens: dict[int, str] = {}
        self._asked: dict[str, int] = {}
        self._tasks: dict[int, Task] = {}
        self._claims: dict[int, object] = {}

    def take(self, token: str) -> Flow[Page[M]]:
        """Read one page: the first for an empty *token*, else the one it stands for."""
        number = self._whole
        response = yield from self._arrived(number, token)
        self._whole = number + 1
        for following in range(self._whole, self._whole + self._window):
            yield from self._begin(following)
        with response.share.decoding(), collector_paused():
            # The JSON is gone before the collector is back, which would walk through.
            body = _read(
                response, f"{self._kind.name}List", self._kind.list, mark="items"
            )
            page = _page(body, response, self._kind, self._items(response))
            self._pool.trim()
            return page

    def _items(self, response: Response) -> ItemReader[M, Pool]:
        """Return the items that were read while the page came, to be gone on with."""
        sink = cast("_Arriving[M] | None", response.sink)
        if sink is None:  # a version of the metrics API that was asked for in its place
            return ItemReader("items", self._kind.build, self._pool)
        if sink.error is not None:
            raise _placed(sink.error, response)
        return sink.items

    def _arrived(self, number: int, token: str) -> Flow[Response]:
        task = self._tasks.pop(number, None)
        if task is not None and self._tokens[number] == token:
            response: Response = yield Join(task)
            return response
        self._asked.setdefault(token, number)
        return (yield from self._fetch(number, token))

    def _fetch(self, number: int, token: str) -> Flow[Response]:
        def following(token: str) -> Flow[None]:
            self._tokens.setdefault(number + 1, token)
            return self._begin(number + 1)

        def sink(share: Share) -> BodySink:
            return _Arriving(self._kind, self._pool, share, following)

        return self._send(_query(self._options, token), sink, self._answered)

    def _begin(self, number: int) -> Flow[None]:
        """Ask for a page whose token is known, if there is room and nobody has."""
        token = self._tokens.get(number)
        if token and number < self._whole + self._window:
            mine = object()
            if self._asked.setdefault(token, number) == number and (
                self._claims.setdefault(number, mine) is mine
            ):
                self._tasks[number] = yield Start(self._fetch(number, token))

    def _answered(self, response: Response) -> None:
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._window = 1


def _page(
    body: Any,  # noqa: ANN401 - judged here
    response: Response,
    kind: Kind[M],
    items: ItemReader[M, Pool],
) -> Page[M]:
    finish, built = kind.finish, items.built
    try:
        meta = jsonread.child(body, "metadata") or jsonread.EMPTY
        response.share.keep(_excess(body.get("items"), len(response.body)))
        items.drain(body)
        lost = items.unreadable
        with jsonread.at("metadata"):
            return Page(
                built if finish is None else [finish(item, body) for item in built],
                [replace(u, error=_placed(u.error, response)) for u in lost],
                jsonread.text(meta, "continue"),
                jsonread.integer(meta, "remainingItemCount") or None,
                jsonread.text(meta, "resourceVersion"),
                server_date(response.headers),
                response.url,
            )
    except DecodeError as error:
        raise _placed(error, response) from None


def _excess(items: object, size: int) -> int:
    """Return the bytes that *items* take as values and rows beyond what JSON explains.

    Of an honest list of *size* bytes there is little; three bytes may be an item too.
    """
    listed = isinstance(items, list | Items)
    count = len(cast("list[object] | Items", items)) if listed else 0
    return max(0, _VALUE * count - _EXPLAINED * size)


_VALUE: Final = 2048
"""Bytes of a pod, its row in a table, or the error of one that cannot be read."""
_EXPLAINED: Final = 5
"""A sample of 450 bytes becomes about 2 KiB."""


def _query(options: ListOptions, token: str) -> Query:
    version = options.get("resource_version") or ""
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
        "limit": _limit(options),
        **asked,
    }
    return tuple((name, value) for name, value in query.items() if value)


def _limit(options: ListOptions) -> str:
    """Return how many objects a page may have, empty for a list in one piece."""
    # The API server ignores `limit` together with version 0 and sends everything.
    chunk = options.get("chunk_size", PAGE)
    return str(chunk) if chunk and options.get("resource_version") != "0" else ""


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


def list_all(
    send: Send, kind: Kind[M], options: ListOptions, *, window: int = WINDOW
) -> Flow[ResourceList[M]]:
    """Read a whole list, page by page, as of one moment; *window* pages at once.

    Where the continue token expires half-way the paging starts over once; if it expires
    again the list is read in one piece, as client-go's pager does
    (tools/pager/pager.go).

    Raises:
        ApiError: the request was refused; `Expired` only for the first page.
        DecodeError: not the list that was asked for, or one that never ends.
    """
    whole: ListOptions = {**options, "chunk_size": 0}
    for asked in (options, options, whole):
        if _limit(asked):
            ahead = PageReader(send, kind, asked, window=window)
            # What was begun ahead ends with the fork.
            (listed,) = yield from gather([_in_pages(ahead, asked)])
        else:
            reader = PageReader(send, kind, asked, window=0)
            listed = yield from _in_pages(reader, asked)
        if listed is not None:
            return listed
    # A server that pages unasked and lets its own token expire.
    raise Expired("the list expired between its pages", status=410)


def _in_pages(
    reader: PageReader[M], options: ListOptions
) -> Flow[ResourceList[M] | None]:
    page = yield from reader.take("")
    first, items, unreadable = page, page.items, page.unreadable
    tokens: set[str] = set()
    while page.token:
        _report(options, len(items), page.remaining)
        check_progress(page, tokens)
        try:
            page = yield from reader.take(page.token)
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
        self._restart = partial(PageReader, send, kind, options)
        self._reader: PageReader[M] = self._restart()
        self._options = options
        self._tokens: set[str] = set()
        self._done = 0
        self._token = ""
        self.more: bool = True

    def __iter__(self) -> Iterator[Flow[ResourceList[M]]]:
        while self.more:
            yield self.next()

    def next(self) -> Flow[ResourceList[M]]:
        """Read the following page."""
        try:
            page = yield from self._reader.take(self._token)
        except Expired as error:
            self._token = str(error.details.get("continue") or "")
            if not self._token:
                raise
            self._reader = self._restart()
            page = yield from self._reader.take(self._token)
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


def _report(options: ListOptions, done: int, remaining: int | None) -> None:
    progress = options.get("progress")
    if progress is not None:
        progress(done, None if remaining is None else done + remaining)
