"""managedFields, which make up half of a real pod's bytes, derived from the object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_KEYS = ("name", "type", "mountPath", "ip", "topologyKey", "key")


def _fields(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {f"f:{key}": _inner(part) for key, part in value.items()}
    return {}


def _inner(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict) and value:
        return {".": {}} | _fields(value)
    if isinstance(value, list):
        return _items(value)
    return {}


def _items(values: list[Any]) -> dict[str, Any]:
    """Name the items of an associative list by their key; other lists are atomic."""
    found: dict[str, Any] = {}
    for item in values:
        key = next((k for k in _KEYS if isinstance(item, dict) and k in item), None)
        if key is None:
            return {}
        found[f"k:{json.dumps({key: item[key]}, separators=(',', ':'))}"] = {
            ".": {}
        } | _fields(item)
    return {".": {}} | found


def managed_fields(
    metadata: Mapping[str, Any], spec: Mapping[str, Any], status: Mapping[str, Any]
) -> list[dict[str, Any]]:
    owned = {k: v for k, v in metadata.items() if k in ("labels", "annotations")}
    controller = {"f:metadata": _fields(owned), "f:spec": _fields(spec)}
    return [
        _entry("kube-controller-manager", "{{created}}", controller),
        _entry("kubelet", "{{started}}", {"f:status": _fields(status)})
        | {"subresource": "status"},
    ]


def _entry(manager: str, time: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
