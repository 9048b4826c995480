"""The items of a list that was decoded, as those of a page are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kubemetrics.jsonread import ItemReader, UnreadableItem
from kubemetrics.models import Pool

T = TypeVar("T")


def drained(
    body: Mapping[str, Any], build: Callable[[Any, Pool], T]
) -> tuple[list[T], list[UnreadableItem]]:
    """Return what *build* makes of the items, and those that cannot be read."""
    reader = ItemReader("items", build, Pool())
    reader.drain(body)
    return reader.built, reader.unreadable
