"""Which representation a client gets, from its Accept header.

The cluster speaks JSON only: protobuf is passed over for the next thing offered, as
every Kubernetes client offers JSON behind it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum, auto
from http import HTTPStatus

from kubemetrics.testing.apiserver import status_object

from .exchange import JSON_TYPE, Answer, Problem

_ANYTHING = ("application/json", "application/*", "*/*")
_OFFERED = (
    "application/json, application/yaml, application/vnd.kubernetes.protobuf, "
    "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
)
_TABLE = {"as": "Table", "v": "v1", "g": "meta.k8s.io"}
_DISCOVERY = {"as": "APIGroupDiscoveryList", "v": "v2", "g": "apidiscovery.k8s.io"}


class Shape(Enum):
    """The form of an answer's JSON."""

    OBJECT = auto()
    TABLE = auto()
    AGGREGATED_DISCOVERY = auto()


def negotiate(accept: str, transforms: frozenset[Shape]) -> Shape:
    """Return the first shape of *accept* that is plain or in *transforms*."""
    if not accept.strip():
        return Shape.OBJECT
    for parameters in _json_ranges(accept):
        shape = _shape(parameters)
        if shape is Shape.OBJECT or (shape and shape in transforms):
            return shape
    raise Problem(_not_acceptable())


def _json_ranges(accept: str) -> Iterator[dict[str, str]]:
    for media_range in accept.split(","):
        kind, *parameters = (part.strip() for part in media_range.split(";"))
        if kind in _ANYTHING:
            yield dict(p.split("=", 1) for p in parameters if "=" in p)


def _shape(parameters: dict[str, str]) -> Shape | None:
    if "as" not in parameters:
        return Shape.OBJECT
    if _TABLE.items() <= parameters.items():
        return Shape.TABLE
    if _DISCOVERY.items() <= parameters.items():
        return Shape.AGGREGATED_DISCOVERY
    return None


def _not_acceptable() -> Answer:
    message = f"406: Not Acceptable\n\nAvailable representations: {_OFFERED}"
    body = status_object(HTTPStatus.NOT_ACCEPTABLE, "NotAcceptable", message, {})
    return Answer(
        status=HTTPStatus.NOT_ACCEPTABLE,
        body=json.dumps(body, indent=2).encode(),
        content_type=JSON_TYPE,
    )
