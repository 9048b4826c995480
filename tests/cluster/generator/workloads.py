"""Workloads: what pods are made for, and what their containers ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .asks import Resources, resources, resources_for, standard

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
APPS = (
    "checkout-api",
    "catalog",
    "payments",
    "search-indexer",
    "frontend-web",
    "orders-worker",
    "image-resizer",
    "notifier",
    "reporting",
    "session-cache",
    "feature-flags",
    "recommendation",
    "geo-lookup",
    "pricing",
    "audit-log",
    "ml-inference",
)
DATABASES = ("postgres", "kafka", "redis", "elasticsearch")
_SIDECARS = ("envoy-proxy", "log-shipper", "vault-agent")
_KINDS = ("ReplicaSet", "StatefulSet", "Job", "Bare")
_KIND_WEIGHTS = (70, 14, 12, 4)
TRAITS = (
    "plain",
    "init",
    "native-sidecar",
    "overhead",
    "pod-level",
    "resize-deferred",
    "resize-infeasible",
    "resize-in-progress",
    "gpu",
    "hugepages",
    "best-effort",
)
_TRAIT_WEIGHTS = (60, 12, 6, 3, 4, 1, 1, 1, 3, 2, 7)


@dataclass(frozen=True, slots=True)
class Part:
    """A container of a workload."""

    name: str
    resources: Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The owner of pods. *trait* is the one unusual thing about its pods."""

    namespace: str
    app: str
    kind: str
    owner: str
    size: int
    trait: str = "plain"
    parts: tuple[Part, ...]
    init_parts: tuple[Part, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()

    @property
    def every_node(self) -> bool:
        return self.kind == "DaemonSet"


def suffix(rng: Random, length: int) -> str:
    return "".join(rng.choices(ALPHABET, k=length))


def application(
    rng: Random, namespace: str, number: int, largest: int = 12
) -> Workload:
    """Make a workload of an application team."""
    kind = rng.choices(_KINDS, _KIND_WEIGHTS)[0]
    names = DATABASES if kind == "StatefulSet" else APPS
    app = names[number % len(names)]
    trait = TRAITS[number] if number < len(TRAITS) else _trait(rng)
    sidecars = _SIDECARS[: rng.choices((0, 1, 2), (72, 20, 8))[0]]
    hash_ = suffix(rng, 10)
    owner = _owner(kind, app, hash_, number)
    return Workload(
        namespace=namespace,
        app=app,
        kind=kind,
        owner=owner,
        size=1 if kind == "Bare" else rng.randint(1, largest),
        trait=trait,
        parts=tuple(Part(name, resources_for(trait, rng)) for name in (app, *sidecars)),
        init_parts=_init_parts(trait, rng),
        labels=_labels(kind, app, namespace, owner, hash_),
        settings=tuple(f"{rng.getrandbits(100):x}" for _ in range(rng.randint(1, 4))),
    )


def _trait(rng: Random) -> str:
    return rng.choices(TRAITS, _TRAIT_WEIGHTS)[0]


def _owner(kind: str, app: str, hash_: str, number: int) -> str:
    return {
        "ReplicaSet": f"{app}-{hash_}",
        "StatefulSet": f"{app}-{number}" if number >= len(DATABASES) else app,
        "Job": f"{app}-{29_000_000 + number}",
        "Bare": f"debug-{hash_[:5]}",
    }[kind]


def _init_parts(trait: str, rng: Random) -> tuple[Part, ...]:
    if trait == "init":
        return (Part("migrate", standard(rng)), Part("warm-up", resources(rng)))
    if trait == "native-sidecar":
        return (Part("istio-proxy", standard(rng)), Part("migrate", standard(rng)))
    return ()


def _labels(
    kind: str, app: str, namespace: str, owner: str, hash_: str
) -> dict[str, str]:
    labels = {
        "app": app,
        "app.kubernetes.io/instance": app,
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/name": app,
        "team": namespace,
    }
    kinds = {
        "ReplicaSet": {"pod-template-hash": hash_},
        "StatefulSet": {"controller-revision-hash": f"{owner}-{hash_}"},
        "Job": {"batch.kubernetes.io/job-name": owner, "job-name": owner},
    }
    return labels | kinds.get(kind, {})


def daemon(namespace: str, app: str, resources_: Resources) -> Workload:
    return Workload(
        namespace=namespace,
        app=app,
        kind="DaemonSet",
        owner=app,
        size=0,
        parts=(Part(app, resources_),),
        labels={"k8s-app": app, "controller-revision-hash": "5d9f7c6b"},
        settings=("on",),
    )


def static(app: str) -> Workload:
    cpu: Resources = {"requests": {"cpu": "100m"}}
    return Workload(
        namespace="kube-system",
        app=app,
        kind="Node",
        owner="control-plane-0",
        size=1,
        parts=(Part(app, cpu),),
        labels={"component": app, "tier": "control-plane"},
    )


def system_workloads() -> tuple[Workload, ...]:
    small: Resources = {
        "limits": {"memory": "128Mi"},
        "requests": {"cpu": "10m", "memory": "64Mi"},
    }
    statics = ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager")
    return (
        *map(static, statics),
        daemon("kube-system", "kube-proxy", {}),
        daemon("monitoring", "node-exporter", small),
    )


def applications(
    rng: Random, namespaces: tuple[str, ...], largest: int
) -> Iterator[Workload]:
    """Yield workloads of up to *largest* pods without end, round the namespaces."""
    number = 0
    while True:
        namespace = namespaces[number % len(namespaces)]
        yield application(rng, namespace, number, largest)
        number += 1


def template_fields(workload: Workload) -> dict[str, Any]:
    """Return what the pod template says beside the containers, by trait."""
    if workload.trait == "overhead":
        overhead = {"cpu": "250m", "memory": "120Mi"}
        return {"overhead": overhead, "runtimeClassName": "kata"}
    if workload.trait == "pod-level":
        amounts = {"cpu": "6", "memory": "8Gi"}
        return {"resources": {"limits": amounts, "requests": amounts | {"cpu": "3"}}}
    if workload.kind == "Node":
        return {"hostNetwork": True, "priorityClassName": "system-node-critical"}
    return {}
