"""A pod: who owns it, where it runs, what its containers ask for and how they fare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import NamedTuple

from ..errors import DecodeError
from ..frozen import dataclass
from ..wire.pods import PodWire
from . import fields
from .common import Condition, Resources, conditions, metadata, resources, total
from .container import Container, allocated, containers
from .fields import EMPTY, Object, child, under
from .pool import Pool, Quantities


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
        """Read ``v1.Pod``; a pod that does not say its name has an empty one.

        Raises:
            DecodeError: a value of the wrong type; says the JSON path.
        """
        pool = pool or Pool()
        spec = child(obj, "spec") or EMPTY
        status = child(obj, "status") or EMPTY
        meta = metadata(obj, pool)
        owned = _owned(child(obj, "metadata") or EMPTY, pool)
        asked = _spec(spec, pool)
        state = _status(status, pool)
        return cls(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            labels=meta.labels,
            owner=owned.owner,
            creation_timestamp=meta.creation_timestamp,
            deletion_timestamp=owned.deletion_timestamp,
            node_name=asked.node_name,
            priority_class_name=asked.priority_class_name,
            overhead=asked.overhead,
            resources=asked.resources,
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


class _Owned(NamedTuple):
    owner: OwnerReference | None
    deletion_timestamp: datetime | None


def _owned(meta: Object, pool: Pool) -> _Owned:
    try:
        return _Owned(_owner(meta, pool), fields.time(meta, "deletionTimestamp"))
    except DecodeError as error:
        raise under("metadata", error) from None


class _Spec(NamedTuple):
    node_name: str
    priority_class_name: str
    overhead: Quantities
    resources: Resources | None


def _spec(obj: Object, pool: Pool) -> _Spec:
    try:
        return _Spec(
            pool.text(obj, "nodeName"),
            pool.text(obj, "priorityClassName"),
            pool.quantities(obj, "overhead"),
            resources(obj, "resources", pool),
        )
    except DecodeError as error:
        raise under("spec", error) from None


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
    try:
        return _Status(
            pool.text(obj, "phase"),
            pool.text(obj, "reason"),
            fields.text(obj, "message"),
            pool.text(obj, "qosClass"),
            fields.time(obj, "startTime"),
            conditions(obj, pool),
            resources(obj, "resources", pool),
            allocated(obj, pool),
            _claimed(obj, pool),
        )
    except DecodeError as error:
        raise under("status", error) from None


def _claimed(obj: Object, pool: Pool) -> Quantities:
    claims = fields.children(obj, "nodeAllocatableResourceClaimStatuses", _claim, pool)
    return total(list(claims)) if claims else EMPTY


def _claim(obj: Object, pool: Pool) -> Quantities:
    return pool.quantities(obj, "resources")


def _owner(meta: Object, pool: Pool) -> OwnerReference | None:
    found = fields.children(meta, "ownerReferences", _reference, pool)
    return next((owner for owner, controls in found if controls), None)


def _reference(obj: Object, pool: Pool) -> tuple[OwnerReference, bool]:
    written = pool.text(obj, "kind"), pool.text(obj, "name")
    return pool.shared(written, _owner_reference), fields.flag(obj, "controller")


def _owner_reference(written: tuple[str, str]) -> OwnerReference:
    return OwnerReference(*written)
