"""From a body to a typed JSON object, by the faster of two ways.

With the ``fast`` extra msgspec decodes a large body straight into a shape and skips
everything else; without it, or where msgspec refuses (a ``null`` where a string is
promised), ``json`` reads it whole. Either way the models' ``from_json`` is the judge.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, TypeVar, cast

from ..errors import DecodeError

T = TypeVar("T")

_LARGE: Final = 1 << 20
"""Bytes; below it ``json`` is done before msgspec is imported."""


@contextmanager
def collector_paused() -> Generator[None, None, None]:
    """Keep the garbage collector from walking a page's objects again and again.

    A page makes some 100,000 objects and no cycle; collecting in between took a fifth
    of the time of a large list.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def decode(body: bytes, shape: type[T], *, url: str = "") -> T:
    """Decode a JSON object into *shape*.

    Raises:
        DecodeError: not JSON, not an object, or nested too deeply.
    """
    fast = _fast_decoder(cast("Hashable", shape)) if len(body) >= _LARGE else None
    value = fast(body) if fast else None
    if value is None:
        value = _slow(body, url)
    if not isinstance(value, dict):
        raise DecodeError(f"expected a JSON object, got {_kind(value)}", url=url)
    return cast("T", value)


def _slow(body: bytes, url: str) -> object:
    from decimal import Decimal  # noqa: PLC0415 - costs a start-up

    try:
        # No float, anywhere: a quantity written as a JSON number stays exact.
        return json.loads(body, parse_float=Decimal)
    except json.JSONDecodeError as error:
        problem = f"not JSON at byte {error.pos} of {len(body)}: {error.msg}"
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 at byte {error.start} of {len(body)}"
    except RecursionError:
        problem = "JSON nested too deeply"
    except ValueError as error:  # a number of thousands of digits
        problem = f"not usable JSON: {error}"
    raise DecodeError(problem, url=url)


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


@cache
def _fast_decoder(shape: Hashable) -> Callable[[bytes], object] | None:
    try:
        import msgspec  # noqa: PLC0415 - the optional extra
    except ImportError:
        return None
    decoder: Any = msgspec.json.Decoder(cast("Any", shape))

    def decode_fast(body: bytes) -> object:
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None

    return decode_fast
