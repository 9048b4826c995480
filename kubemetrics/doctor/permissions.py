"""The checks of identity and permissions, and the role that grants what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from .. import jsonread
from ..api import Api
from ..api.metrics_group import may
from ..errors import Forbidden, KubeMetricsError, NotFound, Unauthorized
from ..flow import Flow, attempt, gather
from ..frozen import dataclass
from ..jsonread import EMPTY
from ..models.metrics import GROUP
from .connection import unauthorized
from .finding import Finding

_NAME = "kubemetrics-reader"


@dataclass(frozen=True, slots=True)
class Permission:
    """The right to read a resource; *namespaced* ones can be had for one namespace."""

    group: str
    resource: str
    namespaced: bool

    @property
    def name(self) -> str:
        """The resource as ``kubectl auth can-i`` names it: ``pods.metrics.k8s.io``."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


def role(missing: Sequence[Permission], *, namespace: str = "", user: str = "") -> str:
    """Return the YAML that lets *user* read *missing* in *namespace*, or everywhere.

    JSON's strings are YAML's too, so that no name can break out of its place.
    """
    kind = "Role" if namespace else "ClusterRole"
    head = [
        "apiVersion: rbac.authorization.k8s.io/v1",
        f"kind: {kind}",
        *_metadata(namespace),
        "rules:",
        *_rules(missing),
    ]
    binding = _binding(kind, namespace, user) if user else []
    return "\n".join([*head, *binding]) + "\n"


def _metadata(namespace: str) -> list[str]:
    where = [f"  namespace: {json.dumps(namespace)}"] if namespace else []
    return ["metadata:", f"  name: {_NAME}", *where]


def _rules(missing: Iterable[Permission]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for permission in missing:
        groups.setdefault(permission.group, []).append(permission.resource)
    lines: list[str] = []
    for group, resources in groups.items():
        lines += [
            f"- apiGroups: {json.dumps([group])}",
            f"  resources: {json.dumps(resources)}",
            '  verbs: ["get", "list", "watch"]',
        ]
    return lines


def _binding(kind: str, namespace: str, user: str) -> list[str]:
    return [
        "---",
        "apiVersion: rbac.authorization.k8s.io/v1",
        f"kind: {kind}Binding",
        *_metadata(namespace),
        "roleRef:",
        "  apiGroup: rbac.authorization.k8s.io",
        f"  kind: {kind}",
        f"  name: {_NAME}",
        "subjects:",
        "- apiGroup: rbac.authorization.k8s.io",
        "  kind: User",
        f"  name: {json.dumps(user)}",
    ]


_SELF_SUBJECT_REVIEWS: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"

PODS: Final = Permission("", "pods", namespaced=True)
POD_METRICS: Final = Permission(GROUP, "pods", namespaced=True)
NODES: Final = Permission("", "nodes", namespaced=False)
NODE_METRICS: Final = Permission(GROUP, "nodes", namespaced=False)
NEEDED: Final = (PODS, POD_METRICS, NODES, NODE_METRICS)

_WITHOUT: Final = {
    PODS: "requests, limits and reasons are not known",
    POD_METRICS: "there is no usage of pods",
    NODES: "shares of nodes are not known",
    NODE_METRICS: "there is no usage of nodes, nor whether one is silent",
}


@dataclass(frozen=True, slots=True)
class UserInfo:
    """The user of the requests, by the server (``authentication/v1`` ``UserInfo``)."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """The resources that may be listed: *everywhere*, or *here*, in *namespace*, only.

    *error* is why the server did not answer the reviews.
    """

    everywhere: frozenset[Permission] = frozenset(NEEDED)
    here: frozenset[Permission] = frozenset()
    namespace: str = ""
    error: KubeMetricsError | None = None

    @property
    def missing(self) -> tuple[Permission, ...]:
        """Permissions that are granted neither everywhere nor in the namespace."""
        allowed = self.everywhere | self.here
        return tuple(p for p in NEEDED if p not in allowed)

    @property
    def limited(self) -> bool:
        """Whether pods or their metrics may be listed in the one namespace only."""
        return bool(self.here)


def identity(api: Api) -> Flow[tuple[Finding, str]]:
    """Read the user name by a SelfSubjectReview; empty where the server has none."""
    user = yield from attempt(_user(api))
    if isinstance(user, Unauthorized):
        return unauthorized(user), ""
    if isinstance(user, KubeMetricsError):
        return _name_unknown(user), ""
    return _known_as(user), user.name


def _user(api: Api) -> Flow[UserInfo]:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    return _user_of((yield from api.post(_SELF_SUBJECT_REVIEWS, review)))


def _user_of(review: Mapping[str, Any]) -> UserInfo:
    """Decode the status of a SelfSubjectReview."""
    status = jsonread.child(review, "status") or EMPTY
    info = jsonread.child(status, "userInfo") or EMPTY
    return UserInfo(jsonread.text(info, "username"), _texts(info, "groups"))


def _texts(obj: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = obj.get(key)
    if values is None:
        return ()
    if not isinstance(values, list):
        raise jsonread.wrong(key, "a list", values)
    listed = cast("list[object]", values)
    return tuple(value for value in listed if isinstance(value, str))


def access(api: Api, namespace: str) -> Flow[Access]:
    """Review which resources may be listed, everywhere or else in *namespace*."""
    answered = yield from attempt(_access(api, namespace))
    if isinstance(answered, KubeMetricsError):
        return Access(namespace=namespace, error=answered)
    return answered


def _access(api: Api, namespace: str) -> Flow[Access]:
    everywhere = yield from _allowed(api, NEEDED, "")
    rest = [p for p in NEEDED if p.namespaced and p not in everywhere]
    here = yield from _allowed(api, rest, namespace)
    return Access(everywhere, here, namespace)


def readable_namespace(api: Api, namespace: str) -> Flow[str]:
    """Return *namespace* if pods or pod metrics may be listed in it only, else ``""``.

    It is empty as well where the server does not answer the reviews.
    """
    allowed = yield from access(api, namespace)
    return namespace if {PODS, POD_METRICS} & allowed.here else ""


def permissions(access: Access) -> Iterator[Finding]:
    """Report each missing permission, and what cannot be shown without it."""
    if access.error is not None:
        yield Finding(
            check="permissions",
            severity="info",
            what="The server does not say what we may read.",
            evidence=str(access.error),
        )
    elif access.limited:
        yield _limited(access)
    elif not access.missing:
        names = ", ".join(p.name for p in NEEDED)
        yield Finding(
            check="permissions",
            severity="ok",
            what="Everything that is needed may be listed in the whole cluster.",
            evidence=names,
        )
    for permission in access.missing:
        # Who is confined to a namespace is not meant to see nodes.
        if permission.namespaced or not access.limited:
            yield _missing(permission, access.namespace)


def _allowed(
    api: Api, permissions: Sequence[Permission], namespace: str
) -> Flow[frozenset[Permission]]:
    answers = yield from gather(
        may(api.post, "list", p.resource, group=p.group, namespace=namespace)
        for p in permissions
    )
    return frozenset(p for p, yes in zip(permissions, answers, strict=True) if yes)


def _known_as(user: UserInfo) -> Finding:
    if user.name == "system:anonymous":
        return Finding(
            check="identity",
            severity="warning",
            what="No credential arrived: to the server the requests are anonymous.",
            evidence=user.name,
            advice="Name a user in the kubeconfig, or pass --token.",
        )
    return Finding(
        check="identity",
        severity="ok",
        what=f"The server knows us as {user.name}.",
        evidence=f"groups: {', '.join(user.groups)}" if user.groups else "",
    )


def _name_unknown(error: KubeMetricsError) -> Finding:
    known = isinstance(error, NotFound | Forbidden)
    return Finding(
        check="identity",
        severity="info" if known else "warning",
        what="The server does not say who we are"
        + (" (it can since Kubernetes 1.28)." if isinstance(error, NotFound) else "."),
        evidence=str(error),
    )


def _limited(access: Access) -> Finding:
    names = ", ".join(p.name for p in NEEDED if p in access.here)
    without = "" if NODES in access.everywhere else " Nodes may not be read."
    return Finding(
        check="permissions",
        severity="info",
        what=f"{names} may be listed in namespace {access.namespace} only.{without}",
        evidence="SelfSubjectAccessReview: allowed there, not in the whole cluster",
        commands=(f"kubemetrics pods -n {access.namespace}",),
    )


def _missing(permission: Permission, namespace: str) -> Finding:
    or_here = f" or in namespace {namespace}" if permission.namespaced else ""
    return Finding(
        check="permissions",
        severity="problem" if permission == POD_METRICS else "warning",
        what=f"{permission.name} may not be listed: {_WITHOUT[permission]}.",
        evidence=f"SelfSubjectAccessReview: not allowed in the whole cluster{or_here}",
        advice="Ask who runs the cluster for the role that this prints:",
        commands=("kubemetrics doctor -o manifest",),
    )
