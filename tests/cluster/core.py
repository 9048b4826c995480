"""Lists and gets of pods, nodes and namespaces."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

from kubemetrics.testing.apiserver import (
    Refusal,
    RequestInfo,
    no_such_route,
    not_found,
)
from kubemetrics.testing.etcd import Entry, EntryTest, ResourceKind, Store, entry_test
from kubemetrics.testing.event_stream import EventStream
from kubemetrics.testing.matching import core_fields, label_selector
from kubemetrics.testing.paging import list_page

from .encoding import Body, BodyCache, ListJson, packed, plain
from .exchange import JSON_TYPE, Answer, Seen
from .negotiation import Shape, negotiate
from .table import Table

GZIP_FROM = 128 * 1024
TRANSFORMS = frozenset({Shape.TABLE})


class Core:
    """Answers reads of one resource from its store."""

    def __init__(self, kind: ResourceKind, store: Store, table: Table) -> None:
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
        return json_answer(self.kind.whole(entry) + b"\n")

    def missing(self, name: str) -> Refusal:
        return not_found(self.kind.resource, name)

    def list(self, seen: Seen, info: RequestInfo) -> Answer:
        shape = negotiate(seen.accept, TRANSFORMS)
        namespace = info.namespace if self.kind.namespaced else ""
        page = list_page(self.store, seen.query, namespace, self.selects(seen.query))
        key = (seen.path, *sorted(seen.query.items()), page.metadata["resourceVersion"])
        if shape is Shape.TABLE:
            return list_answer(
                lambda: self._table.json(page.entries, page.metadata),
                seen,
                self._compressed,
                (key, self._table.moment()),
            )
        return list_answer(
            lambda: list_json(self.kind, page.metadata, page.entries),
            seen,
            self._compressed,
            key,
        )


class Watches:
    """Starts watch streams, with a bookmark each *bookmark_seconds*."""

    def __init__(self, bookmark_seconds: float = 60.0) -> None:
        self.bookmark_seconds = bookmark_seconds

    def answer(self, seen: Seen, info: RequestInfo, core: Core) -> Answer:
        negotiate(seen.accept, frozenset())
        stream = EventStream(
            core.store,
            core.kind,
            seen.query,
            namespace=info.namespace if core.kind.namespaced else "",
            test=core.selects(seen.query),
            bookmark_seconds=self.bookmark_seconds,
        )
        return Answer(stream=stream.run(), content_type=JSON_TYPE)


def list_json(
    kind: ResourceKind, metadata: Mapping[str, object], entries: Sequence[Entry]
) -> ListJson:
    return ListJson(*kind.list_json(metadata, entries))


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
