"""Roles, and whether they suffice."""

from __future__ import annotations

from dataclasses import dataclass

from kubemetrics.testing.apiserver import RequestInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Allow *verbs* on *resources* of *groups*; "*" stands for all of them."""

    groups: tuple[str, ...] = ("",)
    resources: tuple[str, ...]
    verbs: tuple[str, ...] = ("get", "list", "watch")

    def allows(self, info: RequestInfo) -> bool:
        return (
            _matches(self.groups, info.group)
            and _matches(self.resources, info.full_resource)
            and _matches(self.verbs, info.verb)
        )


def _matches(allowed: tuple[str, ...], value: str) -> bool:
    return "*" in allowed or value in allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Rules bound to a group or user: everywhere, or in one *namespace*."""

    name: str
    subject: str
    rules: tuple[Rule, ...]
    namespace: str = ""

    def allows(self, info: RequestInfo) -> bool:
        if self.namespace and self.namespace != info.namespace:
            return False
        return any(rule.allows(info) for rule in self.rules)

    def explain(self) -> str:
        """Give the reason an access review states for an allowed request."""
        subject = self.subject.removeprefix("user:")
        kind = "User" if self.subject.startswith("user:") else "Group"
        if self.namespace:
            binding = f'RoleBinding "{self.name}/{self.namespace}"'
            role = f'Role "{self.name}"'
        else:
            binding = f'ClusterRoleBinding "{self.name}"'
            role = f'ClusterRole "{self.name}"'
        return f'RBAC: allowed by {binding} of {role} to {kind} "{subject}"'


_CORE = Rule(resources=("pods", "nodes", "namespaces"))
_METRICS = Rule(groups=("metrics.k8s.io",), resources=("pods", "nodes"))
_SELF_REVIEWS = Rule(
    groups=("authorization.k8s.io", "authentication.k8s.io"),
    resources=(
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "selfsubjectreviews",
    ),
    verbs=("create",),
)
AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"
VIEWERS = "rig:viewers"
NO_METRICS = "rig:nometrics"
NAMESPACED = "rig:nslimited"

DEFAULT_ROLES = (
    Role(name="rig-readonly", subject=VIEWERS, rules=(_CORE, _METRICS)),
    Role(name="rig-nometrics", subject=NO_METRICS, rules=(_CORE,)),
    Role(
        name="rig-nslimited",
        subject=NAMESPACED,
        rules=(Rule(groups=("", "metrics.k8s.io"), resources=("pods",)),),
        namespace="team-a",
    ),
    Role(name="system:basic-user", subject=AUTHENTICATED, rules=(_SELF_REVIEWS,)),
)
_DISCOVERY = ("/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz")
_PUBLIC = ("/version", "/healthz", "/livez", "/readyz")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is allowed and, where RBAC says so, why."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking: the user's name and all groups."""

    name: str
    groups: tuple[str, ...]

    def subjects(self) -> set[str]:
        return {f"user:{self.name}", *self.groups}


def judge(identity: Identity, info: RequestInfo, roles: tuple[Role, ...]) -> Verdict:
    if MASTERS in identity.groups:
        return Verdict(allowed=True)
    if not info.resource:
        return Verdict(_may_read_path(identity, info.path))
    subjects = identity.subjects()
    for role in roles:
        if role.subject in subjects and role.allows(info):
            return Verdict(allowed=True, reason=role.explain())
    return Verdict(allowed=False)


def _may_read_path(identity: Identity, path: str) -> bool:
    roots = _DISCOVERY if AUTHENTICATED in identity.groups else _PUBLIC
    return any(path == root or path.startswith(f"{root}/") for root in roots)
