"""Watch streams: events, bookmarks, resuming, compaction (apiserver's watch cache)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final

from .apiserver import bad_request, encode_line, status_object, too_large
from .etcd import Change, Entry, EntryTest, ResourceKind, Store, last_state
from .paging import Mark, bounds_of

_POLL: Final = 0.02
_LONG: Final = 1800.0
_TRUE: Final = ("true", "1")


class EventStream:
    """The events of a watch: what *query* asks for of *store*.

    *bookmark_seconds* is the least time between two bookmarks; a real server sends
    one a minute and one just before the stream's end. It ends early once *lives* says
    no.
    """

    def __init__(
        self,
        store: Store,
        kind: ResourceKind,
        query: Mapping[str, str],
        *,
        namespace: str,
        test: EntryTest | None,
        bookmark_seconds: float = 60.0,
        lives: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._kind = kind
        self._revision = store.revision
        self._namespace = namespace
        self._test = test
        self._lives = lives
        self._bookmarks = query.get("allowWatchBookmarks") in _TRUE
        self._pause = bookmark_seconds
        self._seconds = float(query.get("timeoutSeconds") or _LONG)
        version = query.get("resourceVersion", "")
        self._initial = _wants_initial(query) or version in {"", "0"}
        self._from = _start(version, self._revision.current)
        self._bookmarked = 0

    def run(self) -> Iterator[bytes]:
        """Yield lines, and b"" now and then for the peer to be looked at."""
        end = time.monotonic() + self._seconds
        if self._from < self._revision.oldest:
            yield self._too_old()
            return
        if self._initial:
            yield from self._initial_events()
        bookmark_at = time.monotonic() + self._pause
        while self._lives():
            changes = self._store.changes_after(self._from)
            if changes is None:
                yield self._too_old()
                return
            yield from self._events(changes)
            if time.monotonic() >= end:
                break
            if self._bookmarks and time.monotonic() > bookmark_at:
                bookmark_at = time.monotonic() + self._pause
                yield self._bookmark()
            self._wait(end)
            yield b""
        if self._bookmarks and self._bookmarked != self._from:
            yield self._bookmark()

    def _initial_events(self) -> Iterator[bytes]:
        """Send what there is, closed by the bookmark that says so (KEP-3157)."""
        self._from = self._revision.current
        entries = self._store.at(self._from)
        for at in bounds_of(entries, self._namespace, Mark(0, "")):
            if self._test is None or self._test(entries[at]):
                yield self._event("ADDED", entries[at])
        if self._bookmarks:
            yield self._bookmark({"k8s.io/initial-events-end": "true"})

    def _events(self, changes: list[Change]) -> Iterator[bytes]:
        for change in changes:
            self._from = change.revision
            kind, entry = _classify(change, self._sees)
            if entry is not None:
                yield self._event(kind, entry)

    def _sees(self, entry: Entry | None) -> bool:
        if entry is None or self._namespace not in ("", entry.namespace):
            return False
        return self._test is None or self._test(entry)

    def _event(self, kind: str, entry: Entry) -> bytes:
        whole = self._kind.whole(entry)
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), whole)

    def _bookmark(self, annotations: dict[str, str] | None = None) -> bytes:
        self._bookmarked = self._from
        metadata: dict[str, object] = {"resourceVersion": str(self._from)}
        if annotations:
            metadata["annotations"] = annotations
        bookmark = {
            "kind": self._kind.kind,
            "apiVersion": self._kind.api_version,
            "metadata": metadata,
        }
        if self._kind.kind == "Pod":
            bookmark |= {"spec": {"containers": None}, "status": {}}
        return encode_line({"type": "BOOKMARK", "object": bookmark})

    def _too_old(self) -> bytes:
        message = f"too old resource version: {self._from} ({self._revision.oldest})"
        status = status_object(HTTPStatus.GONE, "Expired", message)
        return encode_line({"type": "ERROR", "object": status})

    def _wait(self, end: float) -> None:
        with self._revision.changed:
            if self._store.latest() <= self._from:
                left = max(0.0, end - time.monotonic())
                self._revision.changed.wait(min(_POLL, left))


def _wants_initial(query: Mapping[str, str]) -> bool:
    return query.get("sendInitialEvents") in _TRUE


def _start(version: str, current: int) -> int:
    if version in ("", "0"):
        return current
    try:
        start = int(version)
    except ValueError:
        raise bad_request(f"Invalid value: {version!r}") from None
    if start > current:
        raise too_large(start, current)
    return start


def _classify(
    change: Change, sees: Callable[[Entry | None], bool]
) -> tuple[str, Entry | None]:
    """Name a change as one watcher sees it, with the object to send."""
    before, after = sees(change.before), sees(change.after)
    if after:
        return ("MODIFIED" if before else "ADDED"), change.after
    if before and change.before is not None:
        return "DELETED", last_state(change.after or change.before, change.revision)
    return "", None
