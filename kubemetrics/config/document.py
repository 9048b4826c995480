"""Bytes of a kubeconfig → plain values: any encoding kubectl reads, JSON or YAML."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import Final, cast

from .stanzas import DocumentError, Json

MAX_BYTES: Final = 10 * 1024 * 1024
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),  # what PowerShell's `>` writes
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def parse(data: bytes) -> dict[str, Json]:
    """Read the bytes of one kubeconfig; nothing in it is an empty kubeconfig.

    Raises:
        DocumentError: not text, not YAML or JSON, out of bounds, not a mapping.
    """
    value = _value(_decode(data))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DocumentError("not a kubeconfig: it must be a mapping at the top")
    return value


def plain(mapping: Mapping[str, object]) -> dict[str, Json]:
    """Take a kubeconfig that is parsed already, whatever built its values.

    Raises:
        DocumentError: it holds what JSON has no place for.
    """
    try:
        return cast("dict[str, Json]", json.loads(json.dumps(dict(mapping))))
    except (TypeError, ValueError, RecursionError):
        reason = "not a kubeconfig: it holds what JSON does not (a date? a cycle?)"
    raise DocumentError(reason)


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise DocumentError(f"not a kubeconfig: larger than {MAX_BYTES >> 20} MiB")
    marked = (name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark))
    encoding = next(marked, "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        reason = "not a kubeconfig: neither UTF-8 nor UTF-16 text"
    raise DocumentError(reason)


def _value(text: str) -> Json:
    if text.lstrip()[:1] == "{":
        try:
            return cast("Json", json.loads(text))
        except (ValueError, RecursionError):
            pass  # YAML's flow style looks like JSON, and its errors name a line
    # PyYAML takes longer to import than everything else here together, and a process
    # in a pod never needs it.
    from .yaml_document import parse_yaml  # noqa: PLC0415

    return parse_yaml(text)
