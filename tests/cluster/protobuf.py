"""Just enough protobuf to read the access reviews that kubectl 1.37 posts.

Field numbers after `k8s.io/api/authorization/v1/generated.proto`; the envelope after
apimachinery's `pkg/runtime/generated.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_MAGIC = b"k8s\x00"
_RESOURCE = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
_PATH = ("path", "verb")
_LENGTH_DELIMITED = 2


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the length-delimited fields of a message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        size, at = _varint(data, at)
        if tag & 7 == _LENGTH_DELIMITED:
            yield tag >> 3, data[at : at + size]
            at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _field(data: bytes, wanted: int) -> bytes | None:
    return next((value for number, value in _fields(data) if number == wanted), None)


def _texts(data: bytes, names: tuple[str, ...]) -> dict[str, str]:
    listed = [
        (number, value) for number, value in _fields(data) if number <= len(names)
    ]
    return {names[number - 1]: value.decode() for number, value in listed}


def is_protobuf(body: bytes) -> bool:
    return body.startswith(_MAGIC)


def review_spec(body: bytes, *, rules: bool) -> dict[str, Any]:
    """Return the spec of an access review, or of a rules review, as JSON has it."""
    message = _field(body[len(_MAGIC) :], 2) or b""
    spec = _field(message, 2) or b""
    if rules:
        return _texts(spec, ("namespace",))
    if (asked := _field(spec, 1)) is not None:
        return {"resourceAttributes": _texts(asked, _RESOURCE)}
    return {"nonResourceAttributes": _texts(_field(spec, 2) or b"", _PATH)}
