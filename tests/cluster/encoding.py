"""JSON as Go writes it, and bodies compressed once."""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from threading import Lock
from typing import Any, TypeAlias

Json: TypeAlias = Any
Object: TypeAlias = Mapping[str, Any]

_GO_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def encode(value: Json) -> bytes:
    """Compact JSON with Go's escapes for HTML, without the closing newline."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for plain, escaped in _GO_ESCAPES.items():
        text = text.replace(plain, escaped)
    return text.encode()


def encode_line(value: Json) -> bytes:
    return encode(value) + b"\n"


def gzip(body: bytes) -> bytes:
    """Compress at level 1, which is what kube-apiserver does."""
    machine = zlib.compressobj(level=1, wbits=31)
    return machine.compress(body) + machine.flush()


class BodyCache:
    """Bodies by key, the least recently used ones dropped beyond *limit* bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._bodies: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = Lock()

    def peek(self, key: Hashable) -> bytes | None:
        with self._lock:
            if key not in self._bodies:
                return None
            self._bodies.move_to_end(key)
            return self._bodies[key]

    def put(self, key: Hashable, body: bytes) -> bytes:
        with self._lock:
            self._keep(key, body)
        return body

    def _keep(self, key: Hashable, body: bytes) -> None:
        if key in self._bodies or len(body) > self._limit:
            return
        self._bodies[key] = body
        self._size += len(body)
        while self._size > self._limit:
            self._size -= len(self._bodies.popitem(last=False)[1])
