"""What a request is about, and `metav1.Status` bodies in kube-apiserver's own words.

Paths after apiserver's `pkg/endpoints/request/requestinfo.go`; wording after
apimachinery's `pkg/api/errors/errors.go` and apiserver's
`pkg/endpoints/handlers/responsewriters/errors.go`, checked against recordings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from ..frozen import dataclass

Json: TypeAlias = dict[str, Any]
_GO_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_CLUSTER_SCOPED_SUBRESOURCES: Final = ("status", "finalize")
PAGE_NOT_FOUND: Final = "404 page not found\n"
"""Go's own 404, for a path nobody serves."""


def encode(value: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return compact JSON with Go's escapes for HTML, without the closing newline."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for plain, escaped in _GO_ESCAPES.items():
        text = text.replace(plain, escaped)
    return text.encode()


def encode_line(value: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return compact JSON as Go's encoder writes it, with its newline."""
    return encode(value) + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """A request in the terms of RBAC; without *resource* it is about a bare path."""

    path: str
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def full_resource(self) -> str:
        """The resource with its subresource, as rules of RBAC name it."""
        return "/".join(filter(None, (self.resource, self.subresource)))

    @property
    def group_version(self) -> str:
        """The value of ``apiVersion``: ``v1`` or ``GROUP/VERSION``."""
        return "/".join(filter(None, (self.group, self.version)))


def request_info(method: str, path: str, query: Mapping[str, str]) -> RequestInfo:
    """Read what a request is about from its path."""
    parts = [part for part in path.split("/") if part]
    group, version, rest = _group_version(parts)
    if not rest:
        verb = "get" if method == "GET" else method.lower()
        return RequestInfo(path=path, verb=verb)
    namespace, rest = _namespace(rest)
    name = rest[1] if len(rest) > 1 else ""
    return RequestInfo(
        path=path,
        verb=_verb(method, name, query),
        group=group,
        version=version,
        resource=rest[0],
        subresource=rest[2] if len(rest) > 2 else "",  # noqa: PLR2004
        namespace=namespace,
        name=name,
    )


def _group_version(parts: list[str]) -> tuple[str, str, list[str]]:
    match parts:
        case ["api", version, *rest]:
            return "", version, rest
        case ["apis", group, version, *rest]:
            return group, version, rest
        case _:
            return "", "", []


def _namespace(rest: list[str]) -> tuple[str, list[str]]:
    """Tell a namespace that scopes a resource from one that is the resource."""
    match rest:
        case ["namespaces", name, *more] if more and more[0] not in (
            _CLUSTER_SCOPED_SUBRESOURCES
        ):
            return name, more
        case ["namespaces", name, *_]:
            return name, rest
        case _:
            return "", rest


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method in {"GET", "HEAD"}:
        if query.get("watch", "").lower() in {"true", "1"}:
            return "watch"
        return "get" if name else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return _VERBS.get(method, method.lower())


class Refusal(Exception):  # noqa: N818 - it is an answer on its way out
    """A Status that ends the handling of a request; *retry_after* in seconds."""

    def __init__(self, status: Json, *, retry_after: int | None = None) -> None:
        super().__init__(status["message"])
        self.status: Json = status
        self.retry_after: int | None = retry_after

    @property
    def code(self) -> int:
        """The HTTP status of the answer."""
        code: int = self.status["code"]
        return code


def status_object(
    code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
) -> Json:
    """Return a Status of a failure, its keys in Go's order."""
    status: Json = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
    }
    if details is not None:
        status["details"] = dict(details)
    return {**status, "code": int(code)}


def refusal(
    code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
) -> Refusal:
    """Return what is raised to answer with that Status."""
    return Refusal(status_object(code, reason, message, details))


def bad_request(message: str) -> Refusal:
    """Refuse what cannot be read."""
    return refusal(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def unauthorized() -> Refusal:
    """Refuse somebody unknown."""
    return refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def forbidden(user: str, info: RequestInfo) -> Refusal:
    """Refuse *user* what no role allows."""
    if not info.resource:
        message = f'forbidden: User "{user}" cannot {info.verb} path "{info.path}"'
        return refusal(HTTPStatus.FORBIDDEN, "Forbidden", message, {})
    qualified = f"{info.resource}.{info.group}" if info.group else info.resource
    named = f' "{info.name}"' if info.name else ""
    where = f'in the namespace "{info.namespace}"' if info.namespace else ""
    message = (
        f'{qualified}{named} is forbidden: User "{user}" cannot {info.verb} '
        f'resource "{info.full_resource}" in API group "{info.group}" '
        f"{where or 'at the cluster scope'}"
    )
    details = _filled(name=info.name, group=info.group, kind=info.resource)
    return refusal(HTTPStatus.FORBIDDEN, "Forbidden", message, details)


def not_found(kind: str, name: str, group: str = "", resource: str = "") -> Refusal:
    """Say that *name* is missing; *resource* is how the message names the kind."""
    return refusal(
        HTTPStatus.NOT_FOUND,
        "NotFound",
        f'{resource or kind} "{name}" not found',
        _filled(name=name, group=group, kind=kind),
    )


def sample_not_found(info: RequestInfo, kind: str, phase: str | None) -> Refusal:
    """Tell an object that does not run from one that runs without a sample.

    metrics-server's informer knows running pods only, so that a pod of another *phase*
    is "not found" as if there were none; None is an object that there is not.
    """
    if kind == "NodeMetrics" and phase is None:
        return not_found("node", info.name)
    if kind == "PodMetrics" and phase != "Running":
        return not_found("pods", info.name)
    name = f"{info.namespace}/{info.name}" if info.namespace else info.name
    measured = kind.lower()
    return not_found(measured, name, info.group, f"{measured}.{info.group}")


def _filled(**details: str) -> dict[str, str]:
    return {key: value for key, value in details.items() if value}


def no_such_route() -> Refusal:
    """Answer a path below a served group version that is no route of it."""
    message = "the server could not find the requested resource"
    return refusal(HTTPStatus.NOT_FOUND, "NotFound", message, {})


def method_not_allowed() -> Refusal:
    """Refuse to write."""
    message = "the server does not allow this method on the requested resource"
    return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message, {})


def no_watch(info: RequestInfo) -> Refusal:
    """Refuse a watch of what has none, as metrics-server does."""
    return refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        f'watch is not supported on resources of kind "{info.resource}.{info.group}"',
        {"group": info.group, "kind": info.resource},
    )


def expired(message: str, fresh_continue: str = "") -> Refusal:
    """Say that a moment is forgotten, with a token to go on from it all the same."""
    status = status_object(HTTPStatus.GONE, "Expired", message)
    if fresh_continue:
        status["metadata"] = {"continue": fresh_continue}
    return Refusal(status)


def too_large(wanted: int, current: int) -> Refusal:
    """Refuse a revision that is not there yet."""
    message = f"Too large resource version: {wanted}, current: {current}"
    cause = {
        "reason": "ResourceVersionTooLarge",
        "message": "Too large resource version",
    }
    details = {"causes": [cause], "retryAfterSeconds": 1}
    status = status_object(
        HTTPStatus.GATEWAY_TIMEOUT, "Timeout", f"Timeout: {message}", details
    )
    return Refusal(status, retry_after=1)
