"""Objects by key with one resource version for all, and a history of changes.

One revision counts every change, as in etcd. The history serves watches and lists
at an older revision; compaction forgets it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final, TypeAlias

from ..frozen import dataclass
from ..snapshot.requirements import Matches
from .apiserver import encode
from .matching import selectable

Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object, encoded once, and what selectors look at."""

    namespace: str
    name: str
    revision: int
    raw: bytes
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    fields: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def key(self) -> Key:
        """Its namespace, empty where it has none, and its name."""
        return (self.namespace, self.name)

    def load(self) -> dict[str, Any]:
        """Return the object decoded anew."""
        loaded: dict[str, Any] = json.loads(self.raw)
        return loaded


EntryTest: TypeAlias = Callable[[Entry], bool]
"""Whether both selectors of a request choose an object."""


def entry_test(
    labels: Matches, fields: Matches, query: Mapping[str, str]
) -> EntryTest | None:
    """Join both selectors; None when the query has neither."""
    if not query.get("labelSelector") and not query.get("fieldSelector"):
        return None
    return lambda entry: labels(entry.labels) and fields(entry.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceKind:
    """A resource as it appears on the wire."""

    kind: str
    api_version: str
    resource: str
    namespaced: bool = True

    def whole(self, entry: Entry) -> bytes:
        """Return an object as a GET shows it, with its kind."""
        head = f'{{"kind":"{self.kind}","apiVersion":"{self.api_version}",'
        return head.encode() + entry.raw[1:]

    def list_json(
        self, metadata: Mapping[str, object], entries: Iterable[Entry]
    ) -> tuple[bytes, bytes]:
        """Return a list as it is encoded: what is known first, then all items."""
        kind = f"{self.kind}List"
        head = {"kind": kind, "apiVersion": self.api_version, "metadata": metadata}
        items = b",".join([entry.raw for entry in entries])
        return b'%b,"items":[' % encode(head)[:-1], b"%b]}\n" % items


POD: Final = ResourceKind(kind="Pod", api_version="v1", resource="pods")
NODE: Final = ResourceKind(
    kind="Node", api_version="v1", resource="nodes", namespaced=False
)
NAMESPACE: Final = ResourceKind(
    kind="Namespace", api_version="v1", resource="namespaces", namespaced=False
)


@dataclass(frozen=True, slots=True)
class Change:
    """*before* became *after* at *revision*; None is absence."""

    revision: int
    before: Entry | None
    after: Entry | None


class Revision:
    """The cluster's revision; *oldest* is what watches can still start from.

    *compacted* is the same for lists at an exact revision, which ask etcd and not
    the watch cache.
    """

    def __init__(self, current: int, *, oldest: int | None = None) -> None:
        self.current: int = current
        self.oldest: int = current if oldest is None else oldest
        self.compacted: int = 0
        self.changed: threading.Condition = threading.Condition()

    def compact(self) -> None:
        """Forget all there was before now."""
        with self.changed:
            self.current += 1
            self.oldest = self.compacted = self.current


class Store:
    """The objects of one resource."""

    def __init__(self, revision: Revision, entries: Sequence[Entry] = ()) -> None:
        self.revision: Revision = revision
        self._base = revision.current
        self.lost: int = 0
        self._entries = {entry.key: entry for entry in sorted_entries(entries)}
        self._changes: list[Change] = []
        self._ordered: tuple[int, Sequence[Entry]] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, namespace: str, name: str) -> Entry | None:
        """Return an object, or None where there is none of that name."""
        return self._entries.get((namespace, name))

    def current(self) -> Sequence[Entry]:
        """Return all entries in key order, sorted anew only after a change."""
        with self.revision.changed:
            mark = self.latest()
            if self._ordered is None or self._ordered[0] != mark:
                self._ordered = (mark, sorted_entries(self._entries.values()))
            return self._ordered[1]

    def at(self, revision: int) -> Sequence[Entry]:
        """Return the entries as they were, undoing what came later."""
        if not self._changes and revision >= self._base:
            return self.current()
        with self.revision.changed:
            state = dict(self._entries)
            for change in reversed(self._changes):
                if change.revision <= revision:
                    break
                _undo(state, change)
        entries = sorted_entries(state.values())
        return [e for e in entries if e.revision <= max(revision, 0)]

    def latest(self) -> int:
        """Return the revision of the last change."""
        return self._changes[-1].revision if self._changes else self._base

    def changes_after(self, revision: int) -> list[Change] | None:
        """Return what came after *revision*; None when some of it is forgotten."""
        with self.revision.changed:
            if revision < self.lost:
                return None
            found: list[Change] = []
            for change in reversed(self._changes):
                if change.revision <= revision:
                    break
                found.append(change)
            return found[::-1]

    def apply(self, obj: Mapping[str, Any]) -> Entry:
        """Create or replace an object; its resourceVersion is set here."""
        with self.revision.changed:
            revision = self.revision.current + 1
            entry = entry_of(obj, revision)
            before = self._entries.get(entry.key)
            self._entries[entry.key] = entry
            self._record(Change(revision, before, entry))
        return entry

    def delete(self, namespace: str, name: str) -> Entry:
        """Remove an object; watchers get its last state with a new revision."""
        with self.revision.changed:
            revision = self.revision.current + 1
            before = self._entries.pop((namespace, name))
            self._record(Change(revision, before, None))
        return before

    def forget(self) -> None:
        """Drop all history; *lost* is the last change nobody can be told any more."""
        with self.revision.changed:
            if self._changes:
                self._base = self.lost = self.latest()
            self._changes.clear()

    def _record(self, change: Change) -> None:
        self.revision.current = change.revision
        self._changes.append(change)
        self.revision.changed.notify_all()


def order(entry: Entry) -> str:
    """Return what etcd orders by: namespace and name as one path."""
    return f"{entry.namespace}/{entry.name}"


def sorted_entries(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries in etcd's order."""
    return sorted(entries, key=order)


def _undo(state: dict[Key, Entry], change: Change) -> None:
    if change.before is not None:
        state[change.before.key] = change.before
    elif change.after is not None:
        state.pop(change.after.key, None)


def last_state(entry: Entry, revision: int) -> Entry:
    """Return a deleted object as watchers get it, with the deletion's revision."""
    return entry_of(entry.load(), revision)


def with_revision(obj: Mapping[str, Any], revision: int) -> dict[str, Any]:
    """Return an object with that resourceVersion."""
    metadata = {**obj["metadata"], "resourceVersion": str(revision)}
    return {**obj, "metadata": metadata}


def entry_of(obj: Mapping[str, Any], revision: int | None = None) -> Entry:
    """Index and encode an object as it stands in a list, without its kind."""
    head = ("kind", "apiVersion", "metadata")
    obj = {"metadata": obj["metadata"]} | {k: obj[k] for k in obj if k not in head}
    if revision is not None:
        obj = with_revision(obj, revision)
    return indexed(obj, encode(obj))


def indexed(obj: Mapping[str, Any], raw: bytes) -> Entry:
    """Return an object that is encoded already, with what selectors look at."""
    metadata = obj["metadata"]
    return Entry(
        namespace=metadata.get("namespace") or "",
        name=metadata["name"],
        revision=int(metadata.get("resourceVersion") or 0),
        raw=raw,
        labels=metadata.get("labels") or {},
        fields=selectable(obj),
    )


def sample_entry(obj: Mapping[str, Any]) -> Entry:
    """Index and encode a sample, which has no revision, and no fields but its name."""
    metadata = obj["metadata"]
    namespace, name = metadata.get("namespace") or "", metadata["name"]
    return Entry(
        namespace=namespace,
        name=name,
        revision=0,
        raw=encode(obj),
        labels=metadata.get("labels") or {},
        fields={"metadata.name": name, "metadata.namespace": namespace},
    )
