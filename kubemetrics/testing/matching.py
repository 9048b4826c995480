"""Label and field selectors as an API server reads them, with its refusals.

Grammar and wording after apimachinery's `pkg/labels/selector.go` and
`pkg/fields/selector.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..snapshot import requirements
from ..snapshot.requirements import Matches, SelectorError
from .apiserver import bad_request


def label_selector(text: str) -> Matches:
    """Parse a label selector; an empty one selects everything.

    Raises:
        Refusal: it cannot be parsed.
    """
    return _parsed(lambda: requirements.label_selector(text))


def field_selector(text: str, check: Callable[[str], None]) -> Matches:
    """Parse a field selector; *check* refuses a field that there is not.

    Raises:
        Refusal: it cannot be parsed.
    """
    return _parsed(lambda: requirements.field_selector(text, check))


def _parsed(parse: Callable[[], Matches]) -> Matches:
    try:
        return parse()
    except SelectorError as error:
        raise bad_request(str(error)) from None


_POD_FIELDS: Final = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    }
)
_CORE_FIELDS: Final = {
    "pods": _POD_FIELDS,
    "nodes": frozenset({"metadata.name", "spec.unschedulable"}),
    "namespaces": frozenset({"metadata.name", "status.phase"}),
}
_ANY_FIELDS: Final = frozenset({"metadata.name", "metadata.namespace"})


def core_fields(resource: str, text: str) -> Matches:
    """Parse a field selector of *resource*, which has fields of its own.

    Raises:
        Refusal: it cannot be parsed, or names another field.
    """
    known = _CORE_FIELDS.get(resource, _ANY_FIELDS)

    def check(field: str) -> None:
        if field not in known:
            raise bad_request(f"field label not supported: {field}")

    return field_selector(text, check)


def metrics_fields(text: str) -> Matches:
    """Parse what the generic API server accepts for a type without field labels.

    Raises:
        Refusal: it cannot be parsed, or names another field.
    """

    def check(field: str) -> None:
        if field not in _ANY_FIELDS:
            raise bad_request(
                f'"{field}" is not a known field selector: '
                'only "metadata.name", "metadata.namespace"'
            )

    return field_selector(text, check)


def selectable(obj: Mapping[str, Any]) -> dict[str, str]:
    """Collect the fields that some field selector may name."""
    metadata: Mapping[str, Any] = obj["metadata"]
    spec: Mapping[str, Any] = obj.get("spec") or {}
    status: Mapping[str, Any] = obj.get("status") or {}
    return {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace") or "",
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.restartPolicy": spec.get("restartPolicy", ""),
        "spec.schedulerName": spec.get("schedulerName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "spec.hostNetwork": str(spec.get("hostNetwork", False)).lower(),
        "spec.unschedulable": str(spec.get("unschedulable", False)).lower(),
        "status.phase": status.get("phase", ""),
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": status.get("podIP", ""),
        "status.nominatedNodeName": status.get("nominatedNodeName", ""),
    }
