"""`Pod` and `Container`: owner, node, requests, limits, state and restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from .. import jsonread
from ..errors import DecodeError
from ..frozen import dataclass, maker
from ..jsonread import EMPTY, Object, child, under
from ..quantity import Quantity
from ..wire import PodWire
from . import (
    NO_RESOURCES,
    ActuatedResources,
    Condition,
    Pool,
    Quantities,
    Resources,
    actuated,
    add,
    conditions,
    object_meta,
    quantity,
    resources,
    stated,
    total,
)

ContainerKind: TypeAlias = Literal["regular", "init", "sidecar", "ephemeral"]
StateKind: TypeAlias = Literal["waiting", "running", "terminated", ""]


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container's state: *kind* is waiting, running, terminated or not known.

    Not known is that of a container without a status; one whose status gives no state
    is waiting, the API's default.

    *reason* is the kubelet's word (CrashLoopBackOff, OOMKilled, …); *exit_code* and
    *signal* are those of a terminated one, *started_at* and *finished_at* as known.
    """

    kind: StateKind
    reason: str = ""
    exit_code: int | None = None
    signal: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None


_new_state: Final = maker(ContainerState)
UNKNOWN_STATE = ContainerState("")
_WAITING: Final = ContainerState("waiting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container (``v1.Container`` with its ``v1.ContainerStatus``).

    *image* is the one that the spec asks for; the runtime may call it otherwise.
    *kind*: a ``sidecar`` is an init container that restarts always (KEP-753).
    *requests* and *limits* are the spec's; *status_resources* is what the kubelet
    actuated and *allocated* what the node admitted (in-place resize, KEP-1287), both
    ``None`` where the status does not say.
    """

    name: str
    image: str = ""
    kind: ContainerKind = "regular"
    requests: Quantities = field(default_factory=jsonread.empty)
    limits: Quantities = field(default_factory=jsonread.empty)
    status_resources: ActuatedResources | None = None
    allocated: Quantities | None = None
    ready: bool = False
    started: bool = False
    restarts: int = 0
    state: ContainerState = UNKNOWN_STATE
    last_termination: ContainerState | None = None

    @property
    def running(self) -> bool:
        """Whether its status says that it runs."""
        return self.state.kind == "running"

    @property
    def ended(self) -> ContainerState | None:
        """How it ended last: just now, or before it was restarted."""
        return self.state if self.state.kind == "terminated" else self.last_termination


_new_container: Final = maker(Container)


_ContainerStatus: TypeAlias = tuple[
    ActuatedResources | None,
    Quantities | None,
    bool,
    bool,
    int,
    ContainerState,
    ContainerState | None,
]
"""What is actuated and what allocated; ready, started, restarts; states now and last.

No named tuple, as none of those below: it takes longer to make than to fill.
"""
_Statuses: TypeAlias = Mapping[str, _ContainerStatus]
_Reader: TypeAlias = tuple[ContainerKind, _Statuses, _Statuses, Pool]
"""The kind of the containers of one list, and by name their statuses and amounts."""

_UNSEEN: Final[_ContainerStatus] = (None, None, False, False, 0, UNKNOWN_STATE, None)


def _containers(
    spec: Object, status: Object, pool: Pool
) -> tuple[
    tuple[Container, ...], tuple[Container, ...], tuple[Container, ...], tuple[str, ...]
]:
    """Join the containers of a spec with their statuses, by name.

    Regular ones, init and ephemeral ones, and the names as they are reported.
    """
    try:
        regular = _statuses(status, "containerStatuses", pool)
        init = _statuses(status, "initContainerStatuses", pool)
        ephemeral = _statuses(status, "ephemeralContainerStatuses", pool)
    except DecodeError as error:
        raise under("status", error) from None
    # Amounts come from wherever the name is found first, as ``findContainerStatus`` of
    # component-helpers looks for it; everything else from the list of its own kind.
    amounts = {**init, **regular} if init else regular
    first: _Reader = ("regular", regular, amounts, pool)
    before: _Reader = ("init", init, amounts, pool)
    beside: _Reader = ("ephemeral", ephemeral, ephemeral, pool)
    try:
        return (
            jsonread.children(spec, "containers", _container, first),
            jsonread.children(spec, "initContainers", _container, before),
            jsonread.children(spec, "ephemeralContainers", _container, beside),
            _unsorted(regular),
        )
    except DecodeError as error:
        raise under("spec", error) from None


def _unsorted(statuses: _Statuses) -> tuple[str, ...]:
    """Return the names in the status's order, unless a kubelet's: it sorts them."""
    if len(statuses) <= 1:
        return ()
    names = [*statuses]
    names.reverse()
    return () if names == sorted(names) else tuple(names)


def _container(obj: Object, reader: _Reader) -> Container:
    kind, statuses, amounts, pool = reader
    name = pool.text(obj, "name")
    asked = resources(obj, "resources", pool) or NO_RESOURCES
    if kind == "init" and jsonread.text(obj, "restartPolicy") == "Always":
        kind = "sidecar"
    found = statuses.get(name, _UNSEEN)
    actuates, allocated, *_ = (
        found if statuses is amounts else amounts.get(name, _UNSEEN)
    )
    _, _, ready, started, restarts, state, last = found
    return _new_container(
        name=name,
        image=pool.text(obj, "image"),
        kind=kind,
        requests=asked.requests,
        limits=asked.limits,
        status_resources=actuates,
        allocated=allocated,
        ready=ready,
        started=started,
        restarts=restarts,
        state=state,
        last_termination=last,
    )


def _statuses(status: Object, key: str, pool: Pool) -> _Statuses:
    listed = jsonread.children(status, key, _container_status, pool)
    # Of two with one name the first counts.
    return dict(reversed(listed)) if listed else EMPTY


def _container_status(obj: Object, pool: Pool) -> tuple[str, _ContainerStatus]:
    status = (
        actuated(obj, "resources", pool),
        stated(obj, "allocatedResources", pool),
        jsonread.boolean(obj, "ready"),
        jsonread.boolean(obj, "started"),
        jsonread.integer(obj, "restartCount"),
        _state(obj, "state", pool),
        _last(obj, pool),
    )
    return pool.text(obj, "name"), status


def _last(obj: Object, pool: Pool) -> ContainerState | None:
    last = _state(obj, "lastState", pool)
    return last if last.kind == "terminated" else None


def _state(obj: Object, key: str, pool: Pool) -> ContainerState:
    state = child(obj, key)
    if not state:
        return _WAITING
    try:
        return _known_state(state, pool)
    except DecodeError as error:
        raise under(key, error) from None


def _known_state(obj: Object, pool: Pool) -> ContainerState:
    running = child(obj, "running")
    if running is not None:
        return _new_state("running", started_at=jsonread.time(running, "startedAt"))
    waiting = child(obj, "waiting")
    if waiting is not None:
        return _new_state("waiting", pool.text(waiting, "reason"))
    ended = child(obj, "terminated")
    return _WAITING if ended is None else _terminated(ended, pool)


def _terminated(obj: Object, pool: Pool) -> ContainerState:
    return _new_state(
        "terminated",
        pool.text(obj, "reason"),
        jsonread.integer(obj, "exitCode"),
        jsonread.integer(obj, "signal"),
        jsonread.time(obj, "startedAt"),
        jsonread.time(obj, "finishedAt"),
    )


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
    labels: Mapping[str, str] = field(default_factory=jsonread.empty)
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
    reported: tuple[str, ...] = ()
    overhead: Quantities = field(default_factory=jsonread.empty)
    resources: Resources | None = None
    status_resources: ActuatedResources | None = None
    allocated: Quantities | None = None
    claimed: Quantities = field(default_factory=jsonread.empty)
    conditions: tuple[Condition, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """The pair (namespace, name), on which a pod and its sample are joined."""
        return self.namespace, self.name

    @property
    def restarts(self) -> int:
        """Restarts of its regular containers and sidecars, added up."""
        sidecars = (c for c in self.init_containers if c.kind == "sidecar")
        return sum(c.restarts for c in (*self.containers, *sidecars))

    @property
    def all_containers(self) -> tuple[Container, ...]:
        """Its containers of every kind: init and sidecars first, ephemeral last."""
        return self.init_containers + self.containers + self.ephemeral_containers

    @property
    def ended(self) -> ContainerState | None:
        """How the container ended that ended last, of all but init ones that are done.

        That one of those ended well is how every start goes, and no news.
        """
        ends = [_end(c) for c in self.all_containers]
        return max(filter(None, ends), key=_finish, default=None)

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
        name, namespace, uid, labels, created = object_meta(obj, pool)
        owner, deleted = _owned(child(obj, "metadata") or EMPTY, pool)
        node_name, priority_class, overhead, own = _spec(spec, pool)
        phase, reason, message, qos_class, started, found = _status(status, pool)
        actuates, allocated, claimed = _amounts(status, pool)
        regular, init, ephemeral, reported = _containers(spec, status, pool)
        make = _new_pod if cls is Pod else cls
        return make(
            name=name,
            namespace=namespace,
            uid=uid,
            labels=labels,
            owner=owner,
            creation_timestamp=created,
            deletion_timestamp=deleted,
            start_time=started,
            phase=phase,
            reason=reason,
            message=message,
            node_name=node_name,
            qos_class=qos_class,
            priority_class_name=priority_class,
            containers=regular,
            init_containers=init,
            ephemeral_containers=ephemeral,
            reported=reported,
            overhead=overhead,
            resources=own,
            status_resources=actuates,
            allocated=allocated,
            claimed=claimed,
            conditions=found,
        )


_new_pod: Final = maker(Pod)


def _end(container: Container) -> ContainerState | None:
    ended = container.ended
    done = ended is not None and container.kind == "init" and ended.exit_code == 0
    return None if done else ended


def _finish(state: ContainerState) -> datetime:
    return state.finished_at or _LONG_AGO


_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def _owned(meta: Object, pool: Pool) -> tuple[OwnerReference | None, datetime | None]:
    """Read the owner, and when the pod was deleted."""
    try:
        return _owner(meta, pool), jsonread.time(meta, "deletionTimestamp")
    except DecodeError as error:
        raise under("metadata", error) from None


def _spec(obj: Object, pool: Pool) -> tuple[str, str, Quantities, Resources | None]:
    """Read the node, the priority class, the overhead and the pod's own resources."""
    try:
        return (
            pool.text(obj, "nodeName"),
            pool.text(obj, "priorityClassName"),
            pool.quantities(obj, "overhead"),
            resources(obj, "resources", pool),
        )
    except DecodeError as error:
        raise under("spec", error) from None


def _status(
    obj: Object, pool: Pool
) -> tuple[str, str, str, str, datetime | None, tuple[Condition, ...]]:
    """Read the phase, its reason and message, the QoS, the start, the conditions."""
    try:
        return (
            pool.text(obj, "phase"),
            pool.text(obj, "reason"),
            jsonread.text(obj, "message"),
            pool.text(obj, "qosClass"),
            jsonread.time(obj, "startTime"),
            conditions(obj, pool),
        )
    except DecodeError as error:
        raise under("status", error) from None


def _amounts(
    obj: Object, pool: Pool
) -> tuple[ActuatedResources | None, Quantities | None, Quantities]:
    """Read of a status what is actuated for the pod, allocated and claimed."""
    try:
        return (
            actuated(obj, "resources", pool),
            stated(obj, "allocatedResources", pool),
            _claimed(obj, pool),
        )
    except DecodeError as error:
        raise under("status", error) from None


def _claimed(obj: Object, pool: Pool) -> Quantities:
    claims = jsonread.children(
        obj, "nodeAllocatableResourceClaimStatuses", _claim, pool
    )
    return total(list(claims)) if claims else EMPTY


def _claim(obj: Object, pool: Pool) -> Quantities:
    """Read what one claim takes of the node (KEP-5517).

    1.37 says it by *mapping* and *overhead*, 1.36 by *resources*.
    """
    mapped = jsonread.children(obj, "mapping", _mapped, pool)
    overheads = jsonread.children(obj, "overhead", _overhead, pool)
    if not mapped and not overheads:
        return pool.quantities(obj, "resources")
    users = len(jsonread.listed(obj, "containers"))
    taken: dict[str, Quantity] = {}
    for one in mapped:
        add(taken, one)
    for name, per_pod, per_container in overheads:
        shares = Quantity.from_nanos(
            per_container.nanos * users, per_container.suffix_style
        )
        add(taken, {name: per_pod + shares})
    return taken


def _mapped(obj: Object, pool: Pool) -> Quantities:
    if obj.get("quantity") is None:
        return EMPTY
    return {pool.text(obj, "name"): quantity("quantity", obj["quantity"])}


def _overhead(obj: Object, pool: Pool) -> tuple[str, Quantity, Quantity]:
    per_pod = quantity("perPod", obj.get("perPod"))
    per_container = quantity("perContainer", obj.get("perContainer"))
    return pool.text(obj, "name"), per_pod, per_container


def _owner(meta: Object, pool: Pool) -> OwnerReference | None:
    found = jsonread.children(meta, "ownerReferences", _reference, pool)
    return next((owner for owner, controls in found if controls), None)


def _reference(obj: Object, pool: Pool) -> tuple[OwnerReference, bool]:
    written = pool.text(obj, "kind"), pool.text(obj, "name")
    return pool.shared(written, _owner_reference), jsonread.boolean(obj, "controller")


def _owner_reference(written: tuple[str, str]) -> OwnerReference:
    return OwnerReference(*written)
