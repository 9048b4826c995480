"""JSON as Go's servers write it and Go's clients read it, for both ways to decode."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

_LONG: Final = 1000
"""Digits; ``int`` refuses some thousands of them, and no field holds a hundred."""

_NO_UTF_8: Final = re.compile("[\udc80-\udcff]")


def _number(text: str) -> Decimal:
    """Read a number that is no integer: no float, so that a quantity stays exact.

    An exponent beyond what `Decimal` holds is no number to anyone.
    """
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < _LONG else Decimal(text)


DECODER: Final = json.JSONDecoder(parse_float=_number, parse_int=_integer)


def loads(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Read a whole body.

    Raises:
        JSONDecodeError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    # A byte order mark tells UTF-16 and UTF-32 apart as well, as `json.loads` does.
    encoding = json.detect_encoding(body)
    if encoding.startswith("utf-8"):
        return DECODER.decode(replaced(body.decode(encoding, "surrogateescape")))
    return DECODER.decode(body.decode(encoding, "replace"))


def replaced(text: str) -> str:
    """Put U+FFFD for each byte that was no UTF-8, as Go does.

    *text* was decoded with ``surrogateescape``, which marks each of them.
    """
    return text if text.isascii() else _NO_UTF_8.sub("\ufffd", text)
