"""A large list read by ``json`` one item at a time.

Read whole, its tree takes five times the memory of the values that are made of it: the
samples of all pods come in one answer, which has no pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from decimal import Decimal
from typing import Any, Final, TypeAlias

from ..errors import DecodeError

_SPACE: Final = " \t\n\r"
_Scan: TypeAlias = Callable[[str, int], tuple[Any, int]]


def read_list(body: bytes) -> tuple[dict[str, Any], Generator[object]] | None:
    """Return what comes before the items, and the items as they are asked for.

    ``None`` where the body is not laid out as the API lays a list out (its metadata
    first, its items last), and where it is no JSON: then it is to be read whole.
    """
    if not body.rstrip().endswith(b"]}"):
        return None
    scan: _Scan = json.JSONDecoder(parse_float=Decimal).raw_decode
    try:
        text = body.decode()
        envelope, at = _envelope(text, scan)
    except (ValueError, IndexError, RecursionError):
        return None
    return (envelope, _items(text, at, scan)) if "metadata" in envelope else None


def _envelope(text: str, scan: _Scan) -> tuple[dict[str, Any], int]:
    """Read an object up to its items; return where the first of them begins."""
    found: dict[str, Any] = {}
    at = _expect(text, 0, "{")
    while True:
        key, at = scan(text, at)
        at = _expect(text, at, ":")
        if key == "items":
            return found, _expect(text, at, "[")
        found[key], at = scan(text, at)
        at = _expect(text, at, ",")


def _items(text: str, at: int, scan: _Scan) -> Generator[object, None, None]:
    try:
        more = text[at] != "]"
        while more:
            item, at = scan(text, at)
            yield item
            at = _skip(text, at)
            more = text[at] != "]"
            at = _expect(text, at, ",") if more else at
        # What may follow is read as well: it must be JSON.
        json.loads("{" + text[at + 1 :].lstrip(_SPACE).removeprefix(","))
    except (ValueError, IndexError) as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else "cut short"
        raise DecodeError(
            f"not JSON near byte {at} of {len(text)}: {problem}"
        ) from None
    except RecursionError:
        raise DecodeError("JSON nested too deeply") from None


def _expect(text: str, at: int, mark: str) -> int:
    """Return where what follows *mark* begins.

    Raises:
        ValueError: something else is there.
    """
    at = _skip(text, at)
    if text[at] != mark:
        raise ValueError(mark)
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
