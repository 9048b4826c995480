"""Reading what the server says of us and of the metrics API.

Each raises `DecodeError` for what is not the JSON that the API promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..flow import Response
from ..frozen import dataclass
from ..models import EMPTY, Pool, fields
from ..wire import decode
from ..wire.answers import APIGroupWire


@dataclass(frozen=True, slots=True)
class User:
    """Who the server takes us for (``authentication/v1`` ``UserInfo``)."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiService:
    """An APIService: its condition Available and the Service behind it."""

    available: str
    namespace: str
    name: str


def user_of(review: Mapping[str, Any]) -> User:
    """Read an answered SelfSubjectReview."""
    info = fields.child(_status(review), "userInfo") or EMPTY
    return User(fields.text(info, "username"), _texts(info, "groups"))


def allowed(review: Mapping[str, Any]) -> bool:
    """Read an answered SelfSubjectAccessReview."""
    return fields.flag(_status(review), "allowed")


def versions_of(group: Response) -> tuple[str, ...]:
    """Read the versions that an APIGroup lists."""
    body = decode(group.body, APIGroupWire, url=group.url)
    return fields.children(body, "versions", _version, Pool())


def apiservice_of(response: Response) -> ApiService:
    """Read an APIService."""
    body = _object(response)
    told = fields.children(_status(body), "conditions", _condition, Pool())
    spec = fields.child(body, "spec") or EMPTY
    service = fields.child(spec, "service") or EMPTY
    return ApiService(
        available=next((text for kind, text in told if kind == "Available"), "?"),
        namespace=fields.needed(service, "namespace"),
        name=fields.needed(service, "name"),
    )


def selector_of(response: Response) -> Mapping[str, str]:
    """Read which pods a Service selects."""
    spec = fields.child(_object(response), "spec") or EMPTY
    selector = fields.child(spec, "selector") or EMPTY
    return {key: fields.text(selector, key) for key in selector}


def _object(response: Response) -> Mapping[str, Any]:
    shape = cast("type[dict[str, Any]]", dict)
    return decode(response.body, shape, url=response.url)


def _status(obj: Mapping[str, Any]) -> Mapping[str, object]:
    return fields.child(obj, "status") or EMPTY


def _version(obj: Mapping[str, object], _: Pool) -> str:
    return fields.text(obj, "version")


def _condition(obj: Mapping[str, object], _: Pool) -> tuple[str, str]:
    said = [fields.text(obj, key) for key in ("status", "reason", "message")]
    return fields.text(obj, "type"), ": ".join(filter(None, said))


def _texts(obj: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = obj.get(key)
    if values is None:
        return ()
    if not isinstance(values, list):
        raise fields.wrong(key, "a list", values)
    listed = cast("list[object]", values)
    return tuple(value for value in listed if isinstance(value, str))
