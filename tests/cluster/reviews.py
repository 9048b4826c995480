"""Who am I, and what may I do: the self-subject reviews."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from kubemetrics.testing.apiserver import RequestInfo, bad_request, encode_line

from .clock import Clock, rfc3339
from .exchange import JSON_TYPE, Answer, Seen
from .protobuf import is_protobuf, review_spec
from .rbac import AUTHENTICATED, MASTERS, Identity, Role, judge

ACCESS = "selfsubjectaccessreviews"
RULES = "selfsubjectrulesreviews"
SELF = "selfsubjectreviews"
_LISTED = ("namespace", "verb", "group", "version", "resource", "subresource", "name")


def _created(document: dict[str, Any]) -> Answer:
    return Answer(
        status=HTTPStatus.CREATED,
        body=encode_line(document),
        content_type=JSON_TYPE,
    )


def _spec(seen: Seen, *, rules: bool = False) -> dict[str, Any]:
    if is_protobuf(seen.body):
        return review_spec(seen.body, rules=rules)
    try:
        posted = json.loads(seen.body)
        spec: dict[str, Any] = posted.get("spec", {})
    except (ValueError, AttributeError):
        raise bad_request("the object provided is unrecognized") from None
    return spec


def self_review(identity: Identity, clock: Clock) -> Answer:
    """Answer a SelfSubjectReview (authentication.k8s.io/v1, since 1.28)."""
    info: dict[str, Any] = {"username": identity.name, "groups": list(identity.groups)}
    return _created(
        {
            "kind": "SelfSubjectReview",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"creationTimestamp": rfc3339(clock.now())},
            "status": {"userInfo": info},
        }
    )


def access_review(
    seen: Seen, identity: Identity, roles: tuple[Role, ...], clock: Clock
) -> Answer:
    spec = _spec(seen)
    verdict = judge(identity, _asked(spec), roles)
    status: dict[str, Any] = {"allowed": verdict.allowed}
    if verdict.reason:
        status["reason"] = verdict.reason
    return _created(
        {
            "kind": "SelfSubjectAccessReview",
            "apiVersion": "authorization.k8s.io/v1",
            "metadata": {"managedFields": _managed(seen, spec, clock)},
            "spec": _shown(spec),
            "status": status,
        }
    )


def _asked(spec: dict[str, Any]) -> RequestInfo:
    if "nonResourceAttributes" in spec:
        asked = spec["nonResourceAttributes"]
        return RequestInfo(path=asked.get("path", ""), verb=asked.get("verb", ""))
    asked = spec.get("resourceAttributes", {})
    return RequestInfo(path="", **{k: asked.get(k, "") for k in _LISTED})


def _shown(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the spec as stored: empty strings are omitted."""
    return {
        part: {k: v for k, v in value.items() if v}
        if isinstance(value, dict)
        else value
        for part, value in spec.items()
    }


def _managed(seen: Seen, spec: dict[str, Any], clock: Clock) -> list[dict[str, Any]]:
    fields: dict[str, Any] = {
        f"f:{part}": {".": {}} | {f"f:{k}": {} for k, v in value.items() if v}
        for part, value in spec.items()
        if isinstance(value, dict)
    }
    manager = seen.headers.get("user-agent", "unknown").split("/")[0]
    return [
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "authorization.k8s.io/v1",
            "time": rfc3339(clock.now()),
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": fields},
        }
    ]


def rules_review(seen: Seen, identity: Identity, roles: tuple[Role, ...]) -> Answer:
    namespace = _spec(seen, rules=True).get("namespace", "")
    held = [r for r in roles if r.subject in identity.subjects()]
    rules = [
        {
            "verbs": list(rule.verbs),
            "apiGroups": list(rule.groups),
            "resources": list(rule.resources),
        }
        for role in held
        if role.namespace in ("", namespace)
        for rule in role.rules
    ]
    if MASTERS in identity.groups:
        rules.append({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
    paths = ["/api", "/api/*", "/apis", "/apis/*", "/version"]
    urls = [{"verbs": ["get"], "nonResourceURLs": paths}]
    return _created(
        {
            "kind": "SelfSubjectRulesReview",
            "apiVersion": "authorization.k8s.io/v1",
            "metadata": {},
            "spec": {},
            "status": {
                "resourceRules": rules,
                "nonResourceRules": urls if AUTHENTICATED in identity.groups else [],
                "incomplete": False,
            },
        }
    )
