"""What runs a command in a cluster: account, roles, Deployment, and its surroundings.

It may list and watch what it reads and do nothing else, and passes the restricted Pod
Security Standard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from ..frozen import dataclass
from ..table.machine import yaml_text

Manifest: TypeAlias = dict[str, Any]

PORT: Final = 8080
_USER: Final = 65532
"""A user that is not root and that no image need know."""
_RBAC: Final = "rbac.authorization.k8s.io"
_METRICS: Final = "metrics.k8s.io"
DATA: Final = "/data"
"""Where the volume is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A command to run: its *name*, *args* and *image*, and the *namespace* it is in.

    It reads the namespaces of *reads*, or the whole cluster. *serves*: it answers
    scrapes; *volume* is how much it may keep (``10Gi``), if it keeps anything.
    """

    name: str
    namespace: str
    image: str
    args: Sequence[str]
    reads: Sequence[str] = ()
    serves: bool = False
    volume: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its objects."""
        return {
            "app.kubernetes.io/name": "kubemetrics",
            "app.kubernetes.io/component": self.name.removeprefix("kubemetrics-"),
        }


def text(of: Workload) -> str:
    """Return the YAML of everything that *of* needs, for ``kubectl apply -f -``."""
    return "---\n".join(f"{yaml_text(made)}\n" for made in objects(of))


def objects(of: Workload) -> Iterator[Manifest]:
    """Return the objects in the order in which they need each other."""
    yield _object("v1", "ServiceAccount", of, automountServiceAccountToken=False)
    yield from _roles(of)
    if of.volume:
        yield _object("v1", "PersistentVolumeClaim", of, spec=_claim(of))
    yield _object("apps/v1", "Deployment", of, spec=_deployment(of))
    if of.serves:
        yield _object("v1", "Service", of, spec=_service(of))
    policy = _network_policy(of)
    yield _object("networking.k8s.io/v1", "NetworkPolicy", of, spec=policy)


def _object(version: str, kind: str, of: Workload, **fields: object) -> Manifest:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {
            "name": of.name,
            "namespace": of.namespace,
            "labels": of.labels,
        },
        **fields,
    }


def _roles(of: Workload) -> Iterator[Manifest]:
    """Return what lets it read: the whole cluster, or pods of single namespaces."""
    if not of.reads:
        yield from _role(of, "ClusterRole", "", ["pods", "nodes"])
    for namespace in of.reads:
        yield from _role(of, "Role", namespace, ["pods"])


def _role(
    of: Workload, kind: str, namespace: str, resources: list[str]
) -> Iterator[Manifest]:
    # A name of the whole cluster says whose it is: there may be another one.
    name = of.name if namespace else f"{of.namespace}-{of.name}"
    placed = {"namespace": namespace} if namespace else {}
    metadata = {"name": name, **placed, "labels": of.labels}
    rules = [
        {"apiGroups": [""], "resources": [*resources], "verbs": ["list", "watch"]},
        {"apiGroups": [_METRICS], "resources": [*resources], "verbs": ["list"]},
    ]
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": rules,
    }
    account = {
        "kind": "ServiceAccount", "name": of.name, "namespace": of.namespace,
    }  # fmt: skip
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
        "subjects": [account],
    }


def _claim(of: Workload) -> Manifest:
    return {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": of.volume}},
    }


def _deployment(of: Workload) -> Manifest:
    # Two at once may serve, but of one file there is one writer.
    strategy = {"strategy": {"type": "Recreate"}} if of.volume else {}
    scraped = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(PORT),
        "prometheus.io/path": "/metrics",
    }
    metadata: Manifest = {"labels": of.labels}
    if of.serves:
        metadata["annotations"] = scraped
    return {
        "replicas": 1,
        **strategy,
        "selector": {"matchLabels": of.labels},
        "template": {"metadata": metadata, "spec": _pod(of)},
    }


def _pod(of: Workload) -> Manifest:
    claim = {"persistentVolumeClaim": {"claimName": of.name}}
    volumes = {"volumes": [{"name": "data", **claim}]} if of.volume else {}
    return {
        "serviceAccountName": of.name,
        "automountServiceAccountToken": True,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(of)],
        **volumes,
    }


def _container(of: Workload) -> Manifest:
    made: Manifest = {
        "name": "kubemetrics",
        "image": of.image,
        "args": list(of.args),
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    if of.volume:
        made["volumeMounts"] = [{"name": "data", "mountPath": DATA}]
    return {**made, **(_served() if of.serves else {})}


def _served() -> Mapping[str, object]:
    """Return the port of a container that answers scrapes, and its probes."""
    return {
        "ports": [{"name": "metrics", "containerPort": PORT}],
        "livenessProbe": _probe("/healthz"),
        "readinessProbe": _probe("/readyz"),
    }


def _probe(path: str) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "metrics"},
        "periodSeconds": 10,
        "timeoutSeconds": 5,
    }


def _service(of: Workload) -> Manifest:
    return {
        "selector": of.labels,
        "ports": [{"name": "metrics", "port": PORT, "targetPort": "metrics"}],
    }


def _network_policy(of: Workload) -> Manifest:
    """Let pods of the cluster scrape it, and nobody else in; what it asks goes out."""
    scraped: Manifest = {
        "from": [{"namespaceSelector": {}}],
        "ports": [{"protocol": "TCP", "port": PORT}],
    }
    return {
        "podSelector": {"matchLabels": of.labels},
        "policyTypes": ["Ingress"],
        "ingress": [scraped] if of.serves else [],
    }
