"""Lists as they are encoded, compressed, and kept."""

from __future__ import annotations

import itertools
import zlib
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeAlias

Json: TypeAlias = Any
Object: TypeAlias = Mapping[str, Any]

SLICE = 1 << 18


def gzip(body: bytes) -> bytes:
    """Compress at level 1, which is what kube-apiserver does."""
    machine = zlib.compressobj(level=1, wbits=31)
    return machine.compress(body) + machine.flush()


@dataclass(frozen=True, slots=True)
class ListJson:
    """A list as it is encoded: what is known first, then the items, all of them."""

    head: bytes
    items: bytes

    def __len__(self) -> int:
        return len(self.head) + len(self.items)

    def __bytes__(self) -> bytes:
        return self.head + self.items

    def slices(self) -> Iterator[bytes]:
        yield self.head
        for at in range(0, len(self.items), SLICE):
            yield self.items[at : at + SLICE]


@dataclass(frozen=True, slots=True)
class Mark:
    """The first *sent* bytes of a body hold the first *encoded* bytes of its JSON."""

    sent: int
    encoded: int


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it is sent, and how its encoding went on."""

    sent: bytes
    marks: tuple[Mark, ...]

    def __len__(self) -> int:
        return len(self.sent)


def plain(parts: ListJson) -> Body:
    ends = itertools.accumulate(map(len, parts.slices()))
    return Body(bytes(parts), tuple(Mark(end, end) for end in ends))


def packed(parts: ListJson) -> Body:
    """Compress as `gzip` does, so that the head can be read before the items come."""
    machine = zlib.compressobj(level=1, wbits=31)
    sent = machine.compress(parts.head) + machine.flush(zlib.Z_SYNC_FLUSH)
    pieces, marks = [sent], [Mark(len(sent), len(parts.head))]
    for piece in itertools.islice(parts.slices(), 1, None):
        sent = machine.compress(piece)
        pieces.append(sent)
        last = marks[-1]
        marks.append(Mark(last.sent + len(sent), last.encoded + len(piece)))
    pieces.append(machine.flush())
    whole = b"".join(pieces)
    return Body(whole, (*marks[:-1], Mark(len(whole), marks[-1].encoded)))


class BodyCache:
    """Bodies by key, the least recently used ones dropped beyond *limit* bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._bodies: OrderedDict[Hashable, Body] = OrderedDict()
        self._lock = Lock()

    def peek(self, key: Hashable) -> Body | None:
        with self._lock:
            if key not in self._bodies:
                return None
            self._bodies.move_to_end(key)
            return self._bodies[key]

    def put(self, key: Hashable, body: Body) -> Body:
        with self._lock:
            self._keep(key, body)
        return body

    def _keep(self, key: Hashable, body: Body) -> None:
        if key in self._bodies or len(body) > self._limit:
            return
        self._bodies[key] = body
        self._size += len(body)
        while self._size > self._limit:
            self._size -= len(self._bodies.popitem(last=False)[1])
