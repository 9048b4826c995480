"""A store whose objects are made when asked for: clusters too large to be held."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from kubemetrics.testing.etcd import Change, Entry, Revision, Store, order


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
