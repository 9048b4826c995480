"""Pods and nodes made of plain values, as a cluster holds and measures them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from ..frozen import dataclass
from ..quantity import Quantity

Amount: TypeAlias = str | int | Quantity
Amounts: TypeAlias = Mapping[str, Amount]

LONG_AGO: Final = "2026-01-01T00:00:00Z"
_PHASES: Final = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_HEALTHY: Final = {"cpu": "4", "memory": "16Gi", "pods": "110"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeContainer:
    """A container: what it uses, by resource, and what it requests and may use."""

    usage: Mapping[str, str]
    requests: Mapping[str, str]
    limits: Mapping[str, str]
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeObject:
    """An object as the API has it, and its usage: by container, a node's under ``""``.

    Without *usage* the metrics API has no sample of it.
    """

    obj: Mapping[str, Any]
    usage: Mapping[str, Mapping[str, str]]

    @property
    def key(self) -> tuple[str, str]:
        """Its namespace, empty for a node, and its name."""
        metadata = self.obj["metadata"]
        return metadata.get("namespace", ""), metadata["name"]


def container(
    *,
    cpu: Amount | None = None,
    memory: Amount | None = None,
    requests: Amounts | None = None,
    limits: Amounts | None = None,
    restarts: int = 0,
) -> FakeContainer:
    """Return a container of `pod`: *cpu* and *memory* are what it uses.

    Where one of them is not given it is 0; without both there is no sample.
    """
    return FakeContainer(
        usage=_usage(cpu, memory),
        requests=_texts(requests),
        limits=_texts(limits),
        restarts=restarts,
    )


def pod(  # noqa: PLR0913 - keywords, each with a default
    name: str,
    namespace: str = "default",
    *,
    cpu: Amount | None = None,
    memory: Amount | None = None,
    requests: Amounts | None = None,
    limits: Amounts | None = None,
    containers: Mapping[str, FakeContainer] | None = None,
    node: str = "node-1",
    phase: str = "Running",
    labels: Mapping[str, str] | None = None,
    owner: tuple[str, str] | None = None,
    created: str = LONG_AGO,
) -> FakeObject:
    """Return a pod of one container, ``app``, or of *containers* by name.

    *owner* is its controller's kind and name: ``("StatefulSet", "web")``. Where *phase*
    is another than ``Running`` it has no sample, unless it is given a usage.

    Raises:
        ValueError: there is no such phase, or amounts are given beside *containers*.
    """
    if phase not in _PHASES:
        raise ValueError(f"no phase {phase!r}: there are {', '.join(_PHASES)}")
    if containers and (cpu, memory, requests, limits) != (None, None, None, None):
        raise ValueError(f"pod {name}: each of its containers has its own amounts")
    held = containers or {
        "app": container(cpu=cpu, memory=memory, requests=requests, limits=limits)
    }
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "uid": f"{namespace}-{name}",
        "creationTimestamp": created,
        "labels": dict(labels or {}),
    }
    if owner is not None:
        kind, named = owner
        reference = {"kind": kind, "name": named, "controller": True, "uid": named}
        metadata["ownerReferences"] = [{"apiVersion": "apps/v1", **reference}]
    obj = {
        "metadata": metadata,
        "spec": {
            **({"nodeName": node} if node else {}),
            "containers": [_spec(key, value) for key, value in held.items()],
        },
        "status": {
            "phase": phase,
            "startTime": created,
            "containerStatuses": [
                _status(key, value, phase, created) for key, value in held.items()
            ],
        },
    }
    usage = {key: value.usage for key, value in held.items() if value.usage}
    return FakeObject(obj=obj, usage=usage)


def node(
    name: str = "node-1",
    *,
    cpu: Amount | None = None,
    memory: Amount | None = None,
    capacity: Amounts | None = None,
    ready: bool = True,
    labels: Mapping[str, str] | None = None,
) -> FakeObject:
    """Return a node: *cpu* and *memory* are what it uses of its *capacity*.

    A node that uses nothing by this has the sum of its pods' usage.
    """
    amounts = {**_HEALTHY, **_texts(capacity)}
    condition = {"type": "Ready", "status": "True" if ready else "Unknown"}
    obj = {
        "metadata": {
            "name": name,
            "uid": name,
            "creationTimestamp": LONG_AGO,
            "labels": {"kubernetes.io/hostname": name, **(labels or {})},
        },
        "spec": {},
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [condition],
        },
    }
    usage = _usage(cpu, memory)
    return FakeObject(obj=obj, usage={"": usage} if usage else {})


def namespace_object(name: str) -> dict[str, Any]:
    """Return a namespace as the API has it."""
    return {
        "metadata": {"name": name, "creationTimestamp": LONG_AGO},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def sample_object(
    name: str,
    namespace: str = "",
    *,
    usage: Mapping[str, Mapping[str, str]],
    created: str | None,
    timestamp: str | None,
    window: str,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a sample as the metrics API has it, of a node without *namespace*.

    *usage* is by container, of a node under ``""``.
    """
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["creationTimestamp"] = created
    if labels:
        metadata["labels"] = dict(labels)
    head = {"metadata": metadata, "timestamp": timestamp, "window": window}
    if not namespace:
        return {**head, "usage": dict(usage[""])}
    containers = [{"name": key, "usage": dict(used)} for key, used in usage.items()]
    return {**head, "containers": containers}


def kubeconfig_object(
    name: str,
    cluster: Mapping[str, Any],
    users: Mapping[str, Mapping[str, Any]],
    current: str,
    namespaces: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a kubeconfig with a context for each of *users*, named like the user."""

    def context(user: str) -> dict[str, str]:
        space = (namespaces or {}).get(user)
        found = {"cluster": name, "user": user}
        return {**found, "namespace": space} if space else found

    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": dict(cluster)}],
        "users": [{"name": user, "user": dict(how)} for user, how in users.items()],
        "contexts": [{"name": user, "context": context(user)} for user in users],
        "current-context": current,
    }


def _usage(cpu: Amount | None, memory: Amount | None) -> Mapping[str, str]:
    """Return both where one is given, as the metrics API never has one alone."""
    if cpu is None and memory is None:
        return {}
    return _texts({"cpu": cpu or 0, "memory": memory or 0})


def _texts(amounts: Amounts | None) -> Mapping[str, str]:
    """Return amounts as the API writes them; a wrong one is refused here."""
    made = {name: Quantity(str(value)) for name, value in (amounts or {}).items()}
    return {name: str(value) for name, value in made.items()}


def _spec(name: str, made: FakeContainer) -> dict[str, Any]:
    resources = {"requests": dict(made.requests), "limits": dict(made.limits)}
    return {"name": name, "image": f"{name}:1", "resources": resources}


def _status(name: str, made: FakeContainer, phase: str, created: str) -> dict[str, Any]:
    state: dict[str, Any] = {"waiting": {"reason": "ContainerCreating"}}
    if phase == "Running":
        state = {"running": {"startedAt": created}}
    elif phase in {"Succeeded", "Failed"}:
        failed = phase == "Failed"
        ended = {"exitCode": int(failed), "reason": "Error" if failed else "Completed"}
        state = {"terminated": {**ended, "startedAt": created, "finishedAt": created}}
    return {
        "name": name,
        "state": state,
        "lastState": {},
        "ready": phase == "Running",
        "restartCount": made.restarts,
    }
