"""Compressing ahead: ask for what a client will ask for, without a connection."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from .exchange import Answer, Seen, split_target

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
_METRICS = "/apis/metrics.k8s.io/v1beta1"


def warm(
    answer: Callable[[Seen], Answer],
    prefix: str,
    token: str,
    page_size: int,
    *,
    tables: bool,
) -> None:
    """Fill the caches with pages of pods and with both metrics lists.

    With *tables* also the rows that kubectl prints, and the whole list at once.
    """

    def ask(target: str, accept: str = "") -> bytes:
        path, query = split_target(prefix + target)
        seen = Seen(
            method="GET",
            target=prefix + target,
            path=path,
            query=query,
            headers={
                "authorization": f"Bearer {token}",
                "accept": accept,
                "accept-encoding": "gzip",
            },
            connection=0,
            number=0,
        )
        return answer(seen).body

    for resource in ("pods", "nodes"):
        ask(f"{_METRICS}/{resource}")
    if tables:
        ask("/api/v1/pods", _TABLE)
        ask("/api/v1/pods")
    target = first = f"/api/v1/pods?limit={page_size}"
    while following := _continue(ask(target)):
        target = f"{first}&continue={following}"


def _continue(body: bytes) -> str:
    """Find the token at the head of a page, whether that is compressed or not."""
    start = body[:4096]
    if start.startswith(b"\x1f\x8b"):
        start = zlib.decompressobj(wbits=31).decompress(start, 4096)
    _, _, rest = start.partition(b'"continue":"')
    return rest.partition(b'"')[0].decode() if rest else ""
