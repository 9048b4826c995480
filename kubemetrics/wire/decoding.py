"""From a body to a typed JSON object, by the faster of two ways.

With the ``fast`` extra msgspec decodes a large body straight into a shape and skips
everything else; without it, or where msgspec refuses (a ``null`` where a string is
promised), ``json`` reads it. Either way the models' ``from_json`` is the judge.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, TypedDict, TypeVar, cast, get_args, get_type_hints

from ..errors import DecodeError
from .meta import ListMetaWire

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
    """Decode a JSON object into *shape*; the items of a list may come as `Items`.

    Raises:
        DecodeError: not JSON, not an object, or nested too deeply.
    """
    value: object = None
    if len(body) >= _LARGE:
        value = (_fast_decoder(cast("Hashable", shape)) or _stepwise)(body)
    if value is None:
        value = _slow(body, url)
    if not isinstance(value, dict):
        raise DecodeError(f"expected a JSON object, got {_kind(value)}", url=url)
    return cast("T", value)


def _stepwise(body: bytes) -> object:
    from .stepwise import read_list  # noqa: PLC0415 - for large lists alone

    read = read_list(body)
    if read is None:
        return None
    envelope, items = read
    return {**envelope, "items": Items(items)}


def _slow(body: bytes, url: str) -> object:
    from .text import loads  # noqa: PLC0415 - costs a start-up

    try:
        return loads(body)
    except json.JSONDecodeError as error:
        problem = f"not JSON at byte {error.pos} of {len(body)}: {error.msg}"
    except RecursionError:
        problem = "JSON nested too deeply"
    raise DecodeError(problem, url=url)


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


class Items:
    """The items of a list, each decoded when its turn comes, and then let go.

    Decoded together they would take more memory than the values made of them, and more
    time: samples of all pods come in one answer.
    """

    def __init__(self, items: Iterator[object]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[object]:
        """Yield each of them, once."""
        return self._items


@cache
def _fast_decoder(shape: Hashable) -> Callable[[Any], object] | None:
    try:
        import msgspec  # noqa: PLC0415 - the optional extra
    except ImportError:
        return None

    def decoder_of(shape: Any) -> Callable[[Any], object]:  # noqa: ANN401 - a type
        decoder: Any = msgspec.json.Decoder(shape)

        def decode_fast(body: Any) -> object:  # noqa: ANN401 - bytes or a part of them
            try:
                return decoder.decode(body)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                return None

        return decode_fast

    items = get_args(get_type_hints(shape).get("items"))
    if not items:
        return decoder_of(shape)
    fields = {"kind": str, "metadata": ListMetaWire, "items": list[msgspec.Raw]}
    envelope: Any = TypedDict  # of fields that are not known to a type checker
    whole = decoder_of(envelope("Envelope", fields, total=False))
    return _decoder_of_lists(whole, decoder_of(items[0]))


def _decoder_of_lists(
    whole: Callable[[Any], Any], fast: Callable[[Any], object]
) -> Callable[[Any], object]:
    def decode_one(raw: Any) -> object:  # noqa: ANN401 - a view of some bytes
        value = fast(raw)
        return _slow(bytes(raw), "") if value is None else value

    def decode_list(body: bytes) -> object:
        value = whole(body)
        if value and "items" in value:
            value["items"] = Items(map(decode_one, _drain(value["items"])))
        return value

    return decode_list


def _drain(raws: list[Any]) -> Generator[Any, None, None]:
    raws.reverse()
    while raws:
        yield raws.pop()
