"""A pod: who owns it, where it runs, what its containers ask for and how they fare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from ..wire.pods import PodWire
from . import fields
from .common import Condition, Resources, condition, metadata, resources, total
from .container import Container, containers
from .fields import EMPTY, Object, Pool, Quantities


@dataclass(frozen=True, slots=True)
class OwnerReference:
    """The controller that owns a pod (``metav1.OwnerReference``)."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod (``v1.Pod``): as much of it as its metrics need, and no more.

    *owner* is its controller. *containers* are the regular ones; *init_containers* hold
    the run-to-completion ones and the sidecars, in their order. *overhead* is the
    runtime class's. *resources* are the pod-level ones (KEP-2837), *status_resources*
    and *allocated* those that its status gives for them. *claimed* is what its resource
    claims take of the node (DRA). *conditions* carry a message only where they do not
    hold.
    """

    name: str
    namespace: str = ""
    uid: str = ""
    labels: Mapping[str, str] = field(default_factory=fields.empty)
    owner: OwnerReference | None = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    start_time: datetime | None = None
    phase: str = ""
    reason: str = ""
    message: str = ""
    node_name: str = ""
    qos_class: str = ""
    priority_class_name: str = ""
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    ephemeral_containers: tuple[Container, ...] = ()
    overhead: Quantities = field(default_factory=fields.empty)
    resources: Resources | None = None
    status_resources: Resources | None = None
    allocated: Quantities | None = None
    claimed: Quantities = field(default_factory=fields.empty)
    conditions: tuple[Condition, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What a pod is joined on: (namespace, name)."""
        return self.namespace, self.name

    @property
    def restarts(self) -> int:
        """How often its regular containers and sidecars were restarted, in all."""
        sidecars = (c for c in self.init_containers if c.kind == "sidecar")
        return sum(c.restarts for c in (*self.containers, *sidecars))

    @property
    def finished(self) -> bool:
        """Whether it ran to its end: phase Succeeded or Failed."""
        return self.phase in {"Succeeded", "Failed"}

    def condition(self, type: str) -> Condition | None:  # noqa: A002 - the API's name
        """Return its first condition of this type."""
        return next((c for c in self.conditions if c.type == type), None)

    @classmethod
    def from_json(cls, obj: PodWire, pool: Pool | None = None) -> Pod:
        """Read ``v1.Pod``; a pod without any ``metadata`` has an empty name.

        Raises:
            DecodeError: no name, or a value of the wrong type; says the JSON path.
        """
        pool = pool or Pool()
        spec = fields.child(obj, "spec") or EMPTY
        status = fields.child(obj, "status") or EMPTY
        meta = metadata(obj, pool)
        with fields.at("metadata"):
            raw = fields.child(obj, "metadata") or EMPTY
            owner = _owner(raw, pool)
            deletion_timestamp = fields.time(raw, "deletionTimestamp")
        with fields.at("spec"):
            node_name = pool.text(fields.text(spec, "nodeName"))
            priority_class_name = pool.text(fields.text(spec, "priorityClassName"))
            overhead = fields.quantities(spec, "overhead", pool)
            pod_level = resources(spec, "resources", pool)
        with fields.at("status"):
            state = _status(status, pool)
        return cls(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            labels=meta.labels,
            owner=owner,
            creation_timestamp=meta.creation_timestamp,
            deletion_timestamp=deletion_timestamp,
            node_name=node_name,
            priority_class_name=priority_class_name,
            overhead=overhead,
            resources=pod_level,
            start_time=state.start_time,
            phase=state.phase,
            reason=state.reason,
            message=state.message,
            qos_class=state.qos_class,
            conditions=state.conditions,
            status_resources=state.resources,
            allocated=state.allocated,
            claimed=state.claimed,
            containers=containers(
                spec, "containers", status, "containerStatuses", pool
            ),
            init_containers=containers(
                spec, "initContainers", status, "initContainerStatuses", pool
            ),
            ephemeral_containers=containers(
                spec, "ephemeralContainers", status, "ephemeralContainerStatuses", pool
            ),
        )


class _Status(NamedTuple):
    phase: str
    reason: str
    message: str
    qos_class: str
    start_time: datetime | None
    conditions: tuple[Condition, ...]
    resources: Resources | None
    allocated: Quantities | None
    claimed: Quantities


def _status(obj: Object, pool: Pool) -> _Status:
    allocated = fields.child(obj, "allocatedResources")
    return _Status(
        pool.text(fields.text(obj, "phase")),
        pool.text(fields.text(obj, "reason")),
        fields.text(obj, "message"),
        pool.text(fields.text(obj, "qosClass")),
        fields.time(obj, "startTime"),
        pool.value(fields.children(obj, "conditions", condition, pool)),
        resources(obj, "resources", pool),
        None
        if allocated is None
        else fields.quantities(obj, "allocatedResources", pool),
        _claimed(obj, pool),
    )


def _claimed(obj: Object, pool: Pool) -> Quantities:
    claims = fields.children(obj, "nodeAllocatableResourceClaimStatuses", _claim, pool)
    return total(list(claims)) if claims else EMPTY


def _claim(obj: Object, pool: Pool) -> Quantities:
    return fields.quantities(obj, "resources", pool)


def _owner(meta: Object, pool: Pool) -> OwnerReference | None:
    for reference, controls in fields.children(
        meta, "ownerReferences", _reference, pool
    ):
        if controls:
            return pool.value(reference)
    return None


def _reference(obj: Object, pool: Pool) -> tuple[OwnerReference, bool]:
    reference = OwnerReference(
        pool.text(fields.text(obj, "kind")), pool.text(fields.text(obj, "name"))
    )
    return reference, fields.flag(obj, "controller")
