"""A container of a pod: what it asks for and how it fares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from . import fields
from .common import NO_RESOURCES, Resources, resources
from .fields import Object, Pool, Quantities

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
    with fields.at("status"):
        found = dict(fields.children(status, status_key, _status, pool))
    kind = _KINDS[spec_key]

    def build(obj: Object, pool: Pool) -> Container:
        return _container(obj, kind, found, pool)

    with fields.at("spec"):
        return fields.children(spec, spec_key, build, pool)


_KINDS: Mapping[str, ContainerKind] = {
    "containers": "regular",
    "initContainers": "init",
    "ephemeralContainers": "ephemeral",
}


def _container(
    obj: Object, listed: ContainerKind, statuses: Mapping[str, _Status], pool: Pool
) -> Container:
    name = pool.text(fields.needed(obj, "name"))
    asked = resources(obj, "resources", pool) or NO_RESOURCES
    always = fields.text(obj, "restartPolicy") == "Always"
    kind: ContainerKind = "sidecar" if listed == "init" and always else listed
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


@dataclass(frozen=True, slots=True)
class _Status:
    resources: Resources | None
    allocated: Quantities | None
    ready: bool
    started: bool
    restarts: int
    state: ContainerState
    last: ContainerState | None


def _status(obj: Object, pool: Pool) -> tuple[str, _Status]:
    allocated = fields.child(obj, "allocatedResources")
    with fields.at("lastState"):
        last = _state(fields.child(obj, "lastState") or {}, pool)
    with fields.at("state"):
        state = _state(fields.child(obj, "state") or {}, pool)
    status = _Status(
        resources(obj, "resources", pool),
        None
        if allocated is None
        else fields.quantities(obj, "allocatedResources", pool),
        fields.flag(obj, "ready"),
        fields.flag(obj, "started"),
        fields.whole(obj, "restartCount"),
        state,
        last if last.kind == "terminated" else None,
    )
    return fields.needed(obj, "name"), status


def _state(obj: Object, pool: Pool) -> ContainerState:
    running = fields.child(obj, "running")
    if running is not None:
        return ContainerState("running", started_at=fields.time(running, "startedAt"))
    waiting = fields.child(obj, "waiting")
    if waiting is not None:
        return ContainerState("waiting", pool.text(fields.text(waiting, "reason")))
    ended = fields.child(obj, "terminated")
    return UNKNOWN_STATE if ended is None else _terminated(ended, pool)


def _terminated(obj: Object, pool: Pool) -> ContainerState:
    return ContainerState(
        "terminated",
        pool.text(fields.text(obj, "reason")),
        fields.whole(obj, "exitCode"),
        fields.whole(obj, "signal"),
        fields.time(obj, "startedAt"),
        fields.time(obj, "finishedAt"),
    )
