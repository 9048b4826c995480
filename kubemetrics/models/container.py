"""A container of a pod: what it asks for and how it fares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from ..errors import DecodeError
from ..frozen import dataclass
from . import fields
from .common import NO_RESOURCES, Resources, resources
from .fields import Object, child, under
from .pool import Pool, Quantities

ContainerKind: TypeAlias = Literal["regular", "init", "sidecar", "ephemeral"]
StateKind: TypeAlias = Literal["waiting", "running", "terminated", ""]


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container's state: *kind* is waiting, running, terminated or not known.

    *reason* is the kubelet's word (CrashLoopBackOff, OOMKilled, …); *exit_code* and
    *signal* are those of a terminated one, *started_at* and *finished_at* as known.
    """

    kind: StateKind
    reason: str = ""
    exit_code: int | None = None
    signal: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None


UNKNOWN_STATE = ContainerState("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container (``v1.Container`` with its ``v1.ContainerStatus``).

    *kind*: a ``sidecar`` is an init container that restarts always (KEP-753).
    *requests* and *limits* are the spec's; *status_resources* is what the kubelet
    actuated and *allocated* what the node admitted (in-place resize, KEP-1287), both
    ``None`` where the status does not say.
    """

    name: str
    kind: ContainerKind = "regular"
    requests: Quantities = field(default_factory=fields.empty)
    limits: Quantities = field(default_factory=fields.empty)
    status_resources: Resources | None = None
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


def containers(
    spec: Object, spec_key: str, status: Object, status_key: str, pool: Pool
) -> tuple[Container, ...]:
    """Join the containers of a spec with their statuses, by name."""
    try:
        statuses = dict(fields.children(status, status_key, _status, pool))
    except DecodeError as error:
        raise under("status", error) from None
    reader = _Reader(_KINDS[spec_key], statuses, pool)
    try:
        return fields.children(spec, spec_key, _container, reader)
    except DecodeError as error:
        raise under("spec", error) from None


_KINDS: Mapping[str, ContainerKind] = {
    "containers": "regular",
    "initContainers": "init",
    "ephemeralContainers": "ephemeral",
}


class _Reader(NamedTuple):
    """What is known of the containers of one list before the list is read."""

    kind: ContainerKind
    statuses: Mapping[str, _Status]
    pool: Pool


class _Status(NamedTuple):
    resources: Resources | None
    allocated: Quantities | None
    ready: bool
    started: bool
    restarts: int
    state: ContainerState
    last: ContainerState | None


def _container(obj: Object, reader: _Reader) -> Container:
    kind, statuses, pool = reader
    name = pool.text(obj, "name")
    asked = resources(obj, "resources", pool) or NO_RESOURCES
    if kind == "init" and fields.text(obj, "restartPolicy") == "Always":
        kind = "sidecar"
    status = statuses.get(name)
    if status is None:
        return Container(
            name=name, kind=kind, requests=asked.requests, limits=asked.limits
        )
    return Container(
        name=name,
        kind=kind,
        requests=asked.requests,
        limits=asked.limits,
        status_resources=status.resources,
        allocated=status.allocated,
        ready=status.ready,
        started=status.started,
        restarts=status.restarts,
        state=status.state,
        last_termination=status.last,
    )


def _status(obj: Object, pool: Pool) -> tuple[str, _Status]:
    status = _Status(
        resources(obj, "resources", pool),
        allocated(obj, pool),
        fields.flag(obj, "ready"),
        fields.flag(obj, "started"),
        fields.whole(obj, "restartCount"),
        _state(obj, "state", pool),
        _last(obj, pool),
    )
    return pool.text(obj, "name"), status


def allocated(obj: Object, pool: Pool) -> Quantities | None:
    """Read what the node admitted, or nothing where the status does not say."""
    if obj.get("allocatedResources") is None:
        return None
    return pool.quantities(obj, "allocatedResources")


def _last(obj: Object, pool: Pool) -> ContainerState | None:
    last = _state(obj, "lastState", pool)
    return last if last.kind == "terminated" else None


def _state(obj: Object, key: str, pool: Pool) -> ContainerState:
    state = child(obj, key)
    if not state:
        return UNKNOWN_STATE
    try:
        return _known_state(state, pool)
    except DecodeError as error:
        raise under(key, error) from None


def _known_state(obj: Object, pool: Pool) -> ContainerState:
    running = child(obj, "running")
    if running is not None:
        return ContainerState("running", started_at=fields.time(running, "startedAt"))
    waiting = child(obj, "waiting")
    if waiting is not None:
        return ContainerState("waiting", pool.text(waiting, "reason"))
    ended = child(obj, "terminated")
    return UNKNOWN_STATE if ended is None else _terminated(ended, pool)


def _terminated(obj: Object, pool: Pool) -> ContainerState:
    return ContainerState(
        "terminated",
        pool.text(obj, "reason"),
        fields.whole(obj, "exitCode"),
        fields.whole(obj, "signal"),
        fields.time(obj, "startedAt"),
        fields.time(obj, "finishedAt"),
    )
