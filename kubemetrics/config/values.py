"""Plain values, as JSON has them, and typed reading of one mapping of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import field
from typing import Final, TypeAlias

from ..frozen import dataclass

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_KINDS: Final[dict[type, str]] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "a mapping",
}
_UNQUOTED: Final = (bool, int, float)


class DocumentError(ValueError):
    """Not a document to read; the text says where, and never quotes the content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """One mapping of a kubeconfig; what is wrong is added to *problems* with its key.

    A null counts as absent, and a wrong type is a problem and then counts as absent
    too, as encoding/json would have it. *path* is where in *file* the mapping is.
    """

    values: dict[str, Json] = field(repr=False)
    file: str
    path: str = ""
    problems: list[str]

    def at(self, key: str) -> str:
        """Say where *key* is, for a message: ``FILE: users[0].user.token``."""
        return f"{self.file}: {self._path(key)}"

    def problem(self, key: str, what: str) -> None:
        """Add a problem with *key*."""
        self.problems.append(f"{self.at(key)}: {what}")

    def text(self, key: str) -> str:
        """Read a string; absent is empty."""
        value = self.values.get(key)
        if isinstance(value, str):
            return value
        self._expect("a string", key, value)
        return ""

    def flag(self, key: str) -> bool:
        """Read a boolean; absent is false."""
        value = self.values.get(key)
        if isinstance(value, bool):
            return value
        self._expect("true or false", key, value)
        return False

    def data(self, key: str) -> bytes | None:
        """Read base64; absent is ``None``."""
        text = self.text(key)
        data = base64_data(text)
        if text and data is None:
            self.problem(key, "must be base64")
        return data

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of strings; a null in it is an empty string."""
        return tuple(self._string(path, value) for path, value in self._items(key))

    def section(self, key: str) -> Fields | None:
        """Read a mapping."""
        value = self.values.get(key)
        if isinstance(value, dict):
            return self._inner(value, key)
        self._expect("a mapping", key, value)
        return None

    def sections(self, key: str) -> Iterator[Fields]:
        """Read a list of mappings; a null in it is an empty one."""
        for path, value in self._items(key):
            if value is None or isinstance(value, dict):
                yield self._inner(value or {}, path)
            else:
                self._expect("a mapping", path, value)

    def text_map(self) -> dict[str, str]:
        """Read the mapping itself as one of strings to strings."""
        return {key: self.text(key) for key in self.values}

    def texts_map(self) -> dict[str, tuple[str, ...]]:
        """Read the mapping itself as one of strings to lists of strings."""
        return {key: self.texts(key) for key in self.values}

    def _items(self, key: str) -> Iterator[tuple[str, Json]]:
        value = self.values.get(key)
        if isinstance(value, list):
            yield from ((f"{key}[{i}]", item) for i, item in enumerate(value))
        else:
            self._expect("a list", key, value)

    def _string(self, path: str, value: Json) -> str:
        if isinstance(value, str):
            return value
        self._expect("a string", path, value)
        return ""

    def _inner(self, values: dict[str, Json], key: str) -> Fields:
        return Fields(
            values=values, file=self.file, path=self._path(key), problems=self.problems
        )

    def _path(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _expect(self, wanted: str, key: str, value: Json) -> None:
        if value is None:
            return
        unquoted = wanted == "a string" and isinstance(value, _UNQUOTED)
        hint = " (quote it)" if unquoted else ""
        self.problem(key, f"must be {wanted}, not {_KINDS[type(value)]}{hint}")


def base64_data(text: str) -> bytes | None:
    """Decode base64, line breaks allowed as in Go; wrong or empty is ``None``."""
    try:
        joined = text.replace("\r", "").replace("\n", "")
        return base64.b64decode(joined, validate=True) or None
    except ValueError:
        return None
