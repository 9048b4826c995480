"""Lists and gets of pods, nodes and namespaces."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace

from .encoding import Body, BodyCache, ListJson, encode, packed, plain
from .exchange import Answer, Problem, Seen
from .negotiation import Shape, negotiate
from .paging import EntryTest, Page, bounds_of, cut, limit_of, start_of
from .requestinfo import RequestInfo
from .selectors import Test, core_fields, label_selector
from .status import JSON_TYPE, no_such_route, not_found
from .store import Entry, Store
from .table import Table

GZIP_FROM = 128 * 1024
TRANSFORMS = frozenset({Shape.TABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A resource as it appears on the wire."""

    kind: str
    api_version: str
    resource: str
    namespaced: bool


POD = Kind(kind="Pod", api_version="v1", resource="pods", namespaced=True)
NODE = Kind(kind="Node", api_version="v1", resource="nodes", namespaced=False)
NAMESPACE = Kind(
    kind="Namespace", api_version="v1", resource="namespaces", namespaced=False
)


def entry_test(
    labels: Test, fields: Test, query: Mapping[str, str]
) -> EntryTest | None:
    """Join both selectors; None when the query has neither."""
    if not query.get("labelSelector") and not query.get("fieldSelector"):
        return None
    return lambda entry: labels(entry.labels) and fields(entry.fields)


class Core:
    """Answers reads of one resource from its store."""

    def __init__(self, kind: Kind, store: Store, table: Table) -> None:
        self.kind = kind
        self.store = store
        self._table = table
        self._compressed = BodyCache(256 << 20)

    def selects(self, query: Mapping[str, str]) -> EntryTest | None:
        labels = label_selector(query.get("labelSelector", ""))
        fields = core_fields(self.kind.resource, query.get("fieldSelector", ""))
        return entry_test(labels, fields, query)

    def get(self, seen: Seen, info: RequestInfo) -> Answer:
        shape = negotiate(seen.accept, TRANSFORMS)
        if self.kind.namespaced and not info.namespace:
            raise no_such_route()
        namespace = info.namespace if self.kind.namespaced else ""
        entry = self.store.get(namespace, info.name)
        if entry is None:
            raise self.missing(info.name)
        if shape is Shape.TABLE:
            metadata = {"resourceVersion": str(entry.revision)}
            return json_answer(bytes(self._table.json([entry], metadata)))
        return json_answer(self.whole(entry) + b"\n")

    def missing(self, name: str) -> Problem:
        return not_found(self.kind.resource, name)

    def whole(self, entry: Entry) -> bytes:
        """Return an object as a GET shows it, with its kind."""
        head = f'{{"kind":"{self.kind.kind}","apiVersion":"{self.kind.api_version}",'
        return head.encode() + entry.raw[1:]

    def list(self, seen: Seen, info: RequestInfo) -> Answer:
        shape = negotiate(seen.accept, TRANSFORMS)
        namespace = info.namespace if self.kind.namespaced else ""
        page = self._page(seen.query, namespace)
        key = (seen.path, *sorted(seen.query.items()), page.metadata["resourceVersion"])
        if shape is Shape.TABLE:
            return list_answer(
                lambda: self._table.json(page.entries, page.metadata),
                seen,
                self._compressed,
                (key, self._table.moment()),
            )
        return list_answer(lambda: self._list_json(page), seen, self._compressed, key)

    def _page(self, query: Mapping[str, str], namespace: str) -> Page:
        test = self.selects(query)
        mark = start_of(query, self.store.revision)
        entries = self.store.at(mark.revision)
        bounds = bounds_of(entries, namespace, mark)
        return cut(entries, bounds, limit_of(query), mark.revision, test)

    def _list_json(self, page: Page) -> ListJson:
        return list_json(
            self.kind.kind, self.kind.api_version, page.metadata, page.entries
        )


def list_json(
    kind: str, api_version: str, metadata: Mapping[str, object], entries: list[Entry]
) -> ListJson:
    head = encode(
        {"kind": f"{kind}List", "apiVersion": api_version, "metadata": metadata}
    )
    items = b",".join([entry.raw for entry in entries])
    return ListJson(b'%b,"items":[' % head[:-1], b"%b]}\n" % items)


def json_answer(body: bytes) -> Answer:
    return Answer(body=body, content_type=JSON_TYPE)


def list_answer(
    make: Callable[[], ListJson], seen: Seen, cache: BodyCache, key: Hashable
) -> Answer:
    """Compress what kube-apiserver would: large bodies, for who accepts it."""
    accepted = "gzip" in seen.accept_encoding
    compressed = cache.peek(key) if accepted else None
    if compressed is None:
        made = make()
        if not accepted or len(made) < GZIP_FROM:
            return _body_answer(plain(made))
        compressed = cache.put(key, packed(made))
    headers = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return _body_answer(compressed).with_headers(*headers)


def _body_answer(body: Body) -> Answer:
    return replace(json_answer(body.sent), marks=body.marks)
