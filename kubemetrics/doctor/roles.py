"""The role that grants what is missing, written as YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from ..frozen import dataclass

_NAME = "kubemetrics-reader"


@dataclass(frozen=True, slots=True)
class Permission:
    """The right to read a resource; *namespaced* ones can be had for one namespace."""

    group: str
    resource: str
    namespaced: bool

    @property
    def name(self) -> str:
        """How ``kubectl auth can-i`` names it: ``pods.metrics.k8s.io``."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


def role(missing: Sequence[Permission], *, namespace: str = "", user: str = "") -> str:
    """Return the YAML that lets *user* read *missing*: in *namespace*, or everywhere.

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
