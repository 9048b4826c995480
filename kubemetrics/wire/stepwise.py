"""A large list read by ``json`` one item at a time.

Read whole, its tree takes five times the memory of the values that are made of it: the
samples of all pods come in one answer, which has no pages.
"""

from __future__ import annotations

import json
from codecs import getincrementaldecoder
from collections.abc import Generator
from typing import Any, Final

from ..errors import DecodeError
from .text import DECODER, replaced

_SPACE: Final = " \t\n\r"


def read_list(
    body: bytes, *, window: int = 1 << 20
) -> tuple[dict[str, Any], Generator[object, None, None]] | None:
    """Return what comes before the items, and the items as they are asked for.

    ``None`` where the body is not laid out as the API lays a list out (its metadata
    first, its items last), and where it is no JSON: then it is to be read whole.
    *window* is how many bytes are looked at together.
    """
    if not body.rstrip().endswith(b"]}"):
        return None
    text = _Text(body, window)
    try:
        envelope = _envelope(text)
    except (ValueError, IndexError, RecursionError):
        return None
    return (envelope, _items(text)) if "metadata" in envelope else None


class _Text:
    """Bytes read as JSON from the left, a window at a time."""

    def __init__(self, body: bytes, window: int) -> None:
        self._body = memoryview(body)
        self._window = window
        self._taken = 0
        self._decode = getincrementaldecoder("utf-8")("surrogateescape").decode
        self._scan = DECODER.raw_decode
        self._text = ""
        self._at = 0

    def peek(self) -> str:
        """Return the next character that is no white space.

        Raises:
            IndexError: there is none.
        """
        while True:
            while self._at < len(self._text):
                char = self._text[self._at]
                if char not in _SPACE:
                    return char
                self._at += 1
            if not self._widen():
                raise IndexError

    def expect(self, mark: str) -> None:
        """Go past *mark*.

        Raises:
            ValueError: something else is there.
            IndexError: nothing is.
        """
        if self.peek() != mark:
            raise ValueError(f"expected {mark}")
        self._at += 1

    def value(self) -> Any:  # noqa: ANN401 - JSON
        """Read a value; one that the window cuts is tried again in a wider one."""
        self.peek()
        while True:
            try:
                found, end = self._scan(self._text, self._at)
            except json.JSONDecodeError as error:
                # What the window cuts fails near its end; all else is wrong.
                if len(self._text) - error.pos > self._window or not self._widen():
                    raise
            else:
                if end < len(self._text) or not self._widen():
                    self._at = end
                    return found

    def rest(self) -> str:
        """Return all that is left."""
        while self._widen():
            pass
        return self._text[self._at :]

    def place(self) -> str:
        """Say where it stands, for an error."""
        return f"before byte {self._taken} of {len(self._body)}"

    def _widen(self) -> bool:
        """Take in more; return whether there was any."""
        more = self._body[self._taken : self._taken + self._window]
        self._taken += len(more)
        last = self._taken == len(self._body)
        self._text = self._text[self._at :] + replaced(self._decode(more, last))
        self._at = 0
        return bool(more)


def _envelope(text: _Text) -> dict[str, Any]:
    """Read an object up to its first item."""
    found: dict[str, Any] = {}
    text.expect("{")
    while True:
        key = text.value()
        text.expect(":")
        if key == "items":
            text.expect("[")
            return found
        found[key] = text.value()
        text.expect(",")


def _items(text: _Text) -> Generator[object, None, None]:
    try:
        more = text.peek() != "]"
        if not more:
            text.expect("]")
        while more:
            yield text.value()
            more = text.peek() != "]"
            text.expect("," if more else "]")
        # What may follow is read as well: it must be JSON.
        json.loads("{" + text.rest().lstrip(_SPACE).removeprefix(","))
    except (ValueError, IndexError) as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        said = problem or "cut short"
        raise DecodeError(f"not JSON {text.place()}: {said}") from None
    except RecursionError:
        raise DecodeError("JSON nested too deeply") from None
