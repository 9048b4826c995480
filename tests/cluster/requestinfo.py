"""What a request is about, read from its path (apiserver's `requestinfo.go`)."""

from __future__ import annotations

from dataclasses import dataclass

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_CLUSTER_SCOPED_SUBRESOURCES = ("status", "finalize")


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
        return "/".join(filter(None, (self.resource, self.subresource)))


def request_info(method: str, path: str, query: dict[str, str]) -> RequestInfo:
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
        subresource=rest[2] if len(rest) > 2 else "",
        namespace=namespace,
        name=name,
    )


def _group_version(parts: list[str]) -> tuple[str, str, list[str]]:
    match parts:
        case ["api", version, *rest]:
            return "", version, rest
        case ["apis", group, version, *rest]:
            return group, version, rest
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
    return "", rest


def _verb(method: str, name: str, query: dict[str, str]) -> str:
    if method in ("GET", "HEAD"):
        if query.get("watch", "").lower() in ("true", "1"):
            return "watch"
        return "get" if name else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return _VERBS.get(method, method.lower())
