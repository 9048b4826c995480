"""Objects encoded once, with slots: `{{name}}` for text, `{{#name}}` for a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kubemetrics.testing.apiserver import encode

_SLOT = re.compile(rb'"\{\{#(\w+)\}\}"|\{\{(\w+)\}\}')


class Template:
    """An encoded object between whose fixed parts values are put."""

    def __init__(self, obj: Mapping[str, Any]) -> None:
        raw = encode(obj)
        self._parts: list[bytes] = []
        self._slots: list[str] = []
        at = 0
        for found in _SLOT.finditer(raw):
            self._parts.append(raw[at : found.start()])
            self._slots.append((found[1] or found[2]).decode())
            at = found.end()
        self._end = raw[at:]

    def fill(self, values: Mapping[str, str]) -> bytes:
        pieces: list[bytes] = []
        for part, slot in zip(self._parts, self._slots, strict=True):
            pieces += (part, values[slot].encode())
        pieces.append(self._end)
        return b"".join(pieces)
