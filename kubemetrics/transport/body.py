"""A body read piece by piece and decompressed, within bounds."""

from __future__ import annotations

import zlib
from typing import Final, Protocol

from ..errors import TransportError, TransportReason

MOST_BYTES: Final = 4 << 30
"""A list of a few 100,000 pods in one piece is 1 to 2 GB."""

_FREE: Final = 16 << 20
_HIGHEST_RATIO: Final = 300
"""Real lists shrink by 10 to 40; gzip's own limit is about 1,030."""

_GZIP: Final = 16 + zlib.MAX_WBITS


class _Inflater(Protocol):
    """What ``zlib.decompressobj`` returns: its class has no public name."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class BodyReader:
    """Decompresses and joins the bytes of a body as they come, within bounds.

    Raises:
        TransportError: too large, a decompression bomb, not what its encoding says, or
            cut short.
    """

    def __init__(self, *, url: str, encoding: str, most: int = MOST_BYTES) -> None:
        self._url = url
        self._most = most
        self._gzip = self._decompressor(encoding.strip().lower())
        self._received = 0
        self._size = 0
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> bytes:
        """Keep and return what these bytes are, decompressed."""
        self._received += len(chunk)
        part = chunk if self._gzip is None else self._inflate(chunk)
        self._size += len(part)
        self._check()
        self._parts.append(part)
        return part

    def finish(self) -> bytes:
        """Return the whole body, once the last byte came."""
        if self._gzip is not None and self._received and not self._gzip.eof:
            raise self._error("reset", "the compressed answer was cut short")
        body = b"".join(self._parts)
        self._parts.clear()
        return body

    def forget(self) -> None:
        """Drop the bytes that were kept: a stream is read as it comes."""
        self._parts.clear()
        self._size = self._received = 0

    def _inflate(self, chunk: bytes) -> bytes:
        gzip = self._gzip
        if gzip is None or gzip.eof:
            return b""
        try:
            # Bounded, so that a bomb costs no memory before it is noticed.
            room = max(_FREE, self._received * _HIGHEST_RATIO) - self._size + 1
            part = gzip.decompress(chunk, room)
        except zlib.error:
            raise self._error(
                "protocol", "the answer is not the gzip it says"
            ) from None
        if gzip.unconsumed_tail:
            self._size += len(part)
            self._check()
        return part

    def _check(self) -> None:
        if self._size > self._most:
            raise self._error("limit", f"the answer is larger than {self._most} bytes")
        too_dense = self._size > max(_FREE, self._received * _HIGHEST_RATIO)
        if self._gzip is not None and too_dense:
            raise self._error(
                "limit",
                f"the answer grows more than {_HIGHEST_RATIO}-fold when decompressed:"
                " not the API's",
            )

    def _decompressor(self, encoding: str) -> _Inflater | None:
        if encoding in {"", "identity"}:
            return None
        if encoding in {"gzip", "x-gzip"}:
            return zlib.decompressobj(_GZIP)
        raise self._error("protocol", f'the answer is encoded as "{encoding[:40]}"')

    def _error(self, reason: TransportReason, text: str) -> TransportError:
        return TransportError(f"{self._url}: {text}", url=self._url, reason=reason)
