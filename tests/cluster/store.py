"""Objects by key with one resource version for all, and a history of changes.

One revision counts every change, as in etcd. The history serves watches and lists
at an older revision; compaction forgets it.
"""

from __future__ import annotations

import json
import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from .encoding import encode

Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object, encoded once, and what selectors look at."""

    namespace: str
    name: str
    revision: int
    raw: bytes
    labels: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.namespace, self.name)

    def load(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.raw)
        return loaded


@dataclass(frozen=True, slots=True)
class Change:
    """*before* became *after* at *revision*; None is absence."""

    revision: int
    before: Entry | None
    after: Entry | None


class Collection(Protocol):
    """What a list reads: the entries in order at one revision."""

    def at(self, revision: int) -> Sequence[Entry]: ...


class Revision:
    """The cluster's revision; *oldest* is what watches can still start from.

    *compacted* is the same for lists at an exact revision, which ask etcd and not
    the watch cache.
    """

    def __init__(self, current: int, *, oldest: int | None = None) -> None:
        self.current = current
        self.oldest = current if oldest is None else oldest
        self.compacted = 0
        self.changed = threading.Condition()

    def compact(self) -> None:
        with self.changed:
            self.current += 1
            self.oldest = self.compacted = self.current


class Store:
    """The objects of one resource."""

    def __init__(self, revision: Revision, entries: Sequence[Entry] = ()) -> None:
        self.revision = revision
        self._base = revision.current
        self.lost = 0
        self._entries = {entry.key: entry for entry in sorted_entries(entries)}
        self._changes: list[Change] = []
        self._ordered: tuple[int, Sequence[Entry]] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, namespace: str, name: str) -> Entry | None:
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


class LazyStore(Store):
    """A store over a sequence that makes its entries when asked; nothing changes."""

    def __init__(self, revision: Revision, entries: Sequence[Entry]) -> None:
        super().__init__(revision)
        self._made = entries

    def __len__(self) -> int:
        return len(self._made)

    def get(self, namespace: str, name: str) -> Entry | None:
        wanted = f"{namespace}/{name}"
        at = bisect_left(self._made, wanted, key=order)
        if at == len(self._made) or order(self._made[at]) != wanted:
            return None
        return self._made[at]

    def current(self) -> Sequence[Entry]:
        return self._made

    def at(self, revision: int) -> Sequence[Entry]:  # noqa: ARG002 - never changes
        return self._made

    def _record(self, change: Change) -> None:
        raise TypeError(f"a lazy cluster cannot change: {change}")


def order(entry: Entry) -> str:
    """Return what etcd orders by: namespace and name as one path."""
    return f"{entry.namespace}/{entry.name}"


def sorted_entries(entries: Iterable[Entry]) -> list[Entry]:
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
    metadata = obj["metadata"]
    return Entry(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        revision=int(metadata.get("resourceVersion", "0")),
        raw=raw,
        labels=metadata.get("labels") or {},
        fields=selectable(obj),
    )


def selectable(obj: Mapping[str, Any]) -> dict[str, str]:
    """Collect the fields that some field selector may name."""
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    status = obj.get("status") or {}
    return {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", ""),
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.restartPolicy": spec.get("restartPolicy", ""),
        "spec.schedulerName": spec.get("schedulerName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "spec.hostNetwork": str(spec.get("hostNetwork", False)).lower(),
        "spec.unschedulable": str(spec.get("unschedulable", False)).lower(),
        "status.phase": status.get("phase", ""),
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": status.get("podIP", ""),
        "status.nominatedNodeName": status.get("nominatedNodeName", ""),
    }
