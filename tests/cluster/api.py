"""The API server's own order of things: authenticate, authorise, then route."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubemetrics.testing.apiserver import (
    Refusal,
    RequestInfo,
    forbidden,
    method_not_allowed,
    request_info,
)

from . import reviews
from .apiservices import ApiServices
from .clock import Clock
from .core import Core, Watches
from .discovery import AGGREGATED_TYPE, Discovery, metrics_group
from .exchange import (
    JSON_TYPE,
    Answer,
    Problem,
    Seen,
    page_not_found,
    refused,
    text_answer,
)
from .generic import Generic
from .metrics import GROUP, Metrics, refuse_unless_served
from .negotiation import Shape, negotiate
from .rbac import Identity, Role, judge
from .users import Users, impersonated

_PRIVATE = ("Cache-Control", "no-cache, private")
_PUBLIC = ("Cache-Control", "public")
_DISCOVERY = frozenset({Shape.AGGREGATED_DISCOVERY})
_UNREACHABLE = ("down", "warming-1")
_PROBES = ("/healthz", "/livez", "/readyz")


@dataclass(slots=True, kw_only=True)
class Settings:
    """What a test may change while the cluster runs.

    *state* is the metrics API's, *version_states* that of single versions;
    *self_reviews* is False before Kubernetes 1.28.
    """

    state: str = "healthy"
    version_states: dict[str, str] = field(default_factory=dict)
    metrics_versions: tuple[str, ...] = ("v1beta1",)
    self_reviews: bool = True
    prefix: str = ""
    roles: tuple[Role, ...] = ()

    def state_of(self, version: str) -> str:
        return self.version_states.get(version, self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The handlers an API is put together from."""

    users: Users
    clock: Clock
    core: Mapping[str, Core]
    watches: Watches
    metrics: Metrics
    discovery: Discovery
    generic: Generic
    apiservices: ApiServices
    version: Mapping[str, Any]


class Api:
    """Answers requests; every refusal is an answer too."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._settings = settings
        self._parts = parts

    def answer(self, seen: Seen) -> Answer:
        try:
            answer = self._answer(seen)
        except Refusal as refusal:
            answer = refused(refusal)
        except Problem as problem:
            answer = problem.answer
        public = answer.content_type == AGGREGATED_TYPE
        return answer.with_headers(_PUBLIC if public else _PRIVATE)

    def _answer(self, seen: Seen) -> Answer:
        prefix = self._settings.prefix
        if not seen.path.startswith(prefix):
            return page_not_found()
        path = seen.path.removeprefix(prefix)
        caller = self._parts.users.identify(seen)
        seen.user = caller.name
        identity = impersonated(seen, caller, self._settings.roles)
        info = request_info(seen.method, path, seen.query)
        if not judge(identity, info, self._settings.roles).allowed:
            raise forbidden(identity.name, info)
        if info.resource:
            return self._resource(seen, info, identity)
        return self._path(seen, path)

    def _path(self, seen: Seen, path: str) -> Answer:
        if path in ("/version", "/version/"):
            body = json.dumps(self._parts.version, indent=2).encode()
            return Answer(body=body, content_type=JSON_TYPE)
        if path in _PROBES:
            return text_answer(200, "ok")
        return self._discovery(seen, path.strip("/").split("/"))

    def _discovery(self, seen: Seen, parts: list[str]) -> Answer:
        discovery, metrics = self._parts.discovery, self._metrics_group()
        match parts:
            case ["api"]:
                return discovery.api(negotiate(seen.accept, _DISCOVERY))
            case ["apis"]:
                return discovery.apis(negotiate(seen.accept, _DISCOVERY), metrics)
            case ["api", version]:
                return discovery.version("", version, metrics)
            case ["apis", group]:
                return discovery.group(group, metrics)
            case ["apis", group, version]:
                return self._version(group, version)
        return page_not_found()

    def _version(self, group: str, version: str) -> Answer:
        metrics = self._metrics_group()
        if group != GROUP or version not in self._settings.metrics_versions:
            return self._parts.discovery.version(group, version, metrics)
        refuse_unless_served(self._settings.state_of(version))
        answer = self._parts.discovery.version(group, version, metrics)
        return answer.with_headers(_PRIVATE)

    def _metrics_group(self) -> dict[str, Any] | None:
        states = {
            version: self._settings.state_of(version)
            for version in self._settings.metrics_versions
        }
        versions = [
            (version, state not in _UNREACHABLE)
            for version, state in states.items()
            if state != "absent"
        ]
        return metrics_group(versions) if versions else None

    def _resource(self, seen: Seen, info: RequestInfo, identity: Identity) -> Answer:
        if info.group == GROUP:
            return self._measured(seen, info)
        if info.group in ("authorization.k8s.io", "authentication.k8s.io"):
            return self._review(seen, info, identity)
        if seen.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        core = self._parts.core.get(info.resource)
        if info.group == "" and info.version == "v1" and core and not info.subresource:
            return self._core(seen, info, core)
        if info.group == "apiregistration.k8s.io" and info.resource == "apiservices":
            return self._parts.apiservices.answer(info, self._settings.state)
        return self._parts.generic.answer(info)

    def _measured(self, seen: Seen, info: RequestInfo) -> Answer:
        if info.version not in self._settings.metrics_versions:
            return page_not_found()
        state = self._settings.state_of(info.version)
        return self._parts.metrics.answer(seen, info, state)

    def _core(self, seen: Seen, info: RequestInfo, core: Core) -> Answer:
        if info.verb == "watch":
            return self._parts.watches.answer(seen, info, core)
        return core.get(seen, info) if info.name else core.list(seen, info)

    def _review(self, seen: Seen, info: RequestInfo, identity: Identity) -> Answer:
        clock, roles = self._parts.clock, self._settings.roles
        if seen.method != "POST":
            raise method_not_allowed()
        if info.resource == reviews.SELF and self._settings.self_reviews:
            return reviews.self_review(identity, clock)
        if info.resource == reviews.ACCESS:
            return reviews.access_review(seen, identity, roles, clock)
        if info.resource == reviews.RULES:
            return reviews.rules_review(seen, identity, roles)
        return page_not_found()
