"""Watch streams: events, bookmarks, resuming, compaction (apiserver's watch cache)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

from .core import Core
from .encoding import encode_line
from .exchange import Answer, Seen
from .negotiation import negotiate
from .paging import Mark, bounds_of, too_large
from .requestinfo import RequestInfo
from .status import JSON_TYPE, bad_request, status_object
from .store import Change, Entry, last_state

_POLL = 0.02
_LONG = 1800.0
_TRUE = ("true", "1")


class Watches:
    """Starts watch streams.

    *bookmark_seconds* is the least time between two bookmarks; a real server sends
    one a minute and one just before the stream's end.
    """

    def __init__(self, bookmark_seconds: float = 60.0) -> None:
        self.bookmark_seconds = bookmark_seconds

    def answer(self, seen: Seen, info: RequestInfo, core: Core) -> Answer:
        negotiate(seen.accept, frozenset())
        stream = _Stream(core, info, seen.query, self.bookmark_seconds)
        return Answer(stream=stream.run(), content_type=JSON_TYPE)


class _Stream:
    def __init__(
        self, core: Core, info: RequestInfo, query: dict[str, str], pause: float
    ) -> None:
        self._core = core
        self._revision = core.store.revision
        self._namespace = info.namespace if core.kind.namespaced else ""
        self._test = core.selects(query)
        self._bookmarks = query.get("allowWatchBookmarks") in _TRUE
        self._pause = pause
        self._seconds = float(query.get("timeoutSeconds") or _LONG)
        version = query.get("resourceVersion", "")
        self._initial = _wants_initial(query) or version in ("", "0")
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
        while True:
            changes = self._core.store.changes_after(self._from)
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
        entries = self._core.store.at(self._from)
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
        whole = self._core.whole(entry)
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), whole)

    def _bookmark(self, annotations: dict[str, str] | None = None) -> bytes:
        self._bookmarked = self._from
        metadata: dict[str, object] = {"resourceVersion": str(self._from)}
        if annotations:
            metadata["annotations"] = annotations
        bookmark = {
            "kind": self._core.kind.kind,
            "apiVersion": self._core.kind.api_version,
            "metadata": metadata,
        }
        if self._core.kind.kind == "Pod":
            bookmark |= {"spec": {"containers": None}, "status": {}}
        return encode_line({"type": "BOOKMARK", "object": bookmark})

    def _too_old(self) -> bytes:
        message = f"too old resource version: {self._from} ({self._revision.oldest})"
        status = status_object(HTTPStatus.GONE, "Expired", message)
        return encode_line({"type": "ERROR", "object": status})

    def _wait(self, end: float) -> None:
        with self._revision.changed:
            if self._core.store.latest() <= self._from:
                left = max(0.0, end - time.monotonic())
                self._revision.changed.wait(min(_POLL, left))


def _wants_initial(query: dict[str, str]) -> bool:
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
