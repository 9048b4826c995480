"""Writes rounds into the file: objects and their versions, series, samples, events.

A round is one transaction. What comes again changes nothing: an object is known by its
uid, a version is written when its text differs, a sample by its series and time, an
event by what it is about and when it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from ..accounting import Demand, container_demand, demand
from ..jsonread import as_integer, as_object, as_objects, as_text
from ..models import CPU, MEMORY
from ..models.node import Node
from ..models.pod import Container, ContainerState, OwnerReference, Pod
from ..models.written import written_node, written_pod
from ..quantity import Quantity
from ..wire import collector_paused
from .rounds import Measured, Reading, SampleRound, seconds
from .store import Writing, transaction

if TYPE_CHECKING:
    from .store import Connection

Level: TypeAlias = Literal["container", "pod"]
OwnerOf: TypeAlias = Callable[[Pod], OwnerReference]

_DETAIL: Final = 300
"""Characters of a message that an event keeps."""
_SILENCE: Final = 3
"""Cadences without a sample after which what runs counts as not measured."""
_LAPSE: Final = 600
"""Seconds without a sample after which what has no uid counts as gone."""
_SPARE: Final = 20_000
"""Objects that may be remembered beside those there are."""
_NANO: Final = 10**9
_TEMPLATES: Final = ("pod-template-hash", "controller-revision-hash")
"""Labels that tell a rollout: the first that a pod has never changes for it."""
_ROLES: Final = {"regular": "container"}


class Written(NamedTuple):
    """What a round added to the file."""

    samples: int
    versions: int


def own_controller(pod: Pod) -> OwnerReference:
    """Return a pod's controller, or the pod itself."""
    return pod.owner or OwnerReference("Pod", pod.name)


def last_samples(connection: Connection) -> dict[str, int]:
    """Return the time of the last sample of each object that has a recent one.

    Raises:
        ValueError: the file is damaged, and has something else as a time.
    """
    found: dict[str, int] = dict(
        connection.execute(
            "SELECT o.uid, max(r.at) FROM recent r JOIN series s ON s.id=r.series"
            " JOIN object o ON o.id=s.object GROUP BY o.id"
        )
    )
    for uid, at in found.items():
        if type(uid) is not str or type(at) is not int:
            raise ValueError(f"it has {str(at)[:100]!r} as the time of a sample")
    return found


class Recorder:
    """Writes the rounds of one cluster, in their order.

    *level* ``pod`` keeps the sum of a pod's containers alone. *owner_of* names the
    workload of a pod. *namespaces* (none: all) are those recorded, *some*: not all of
    their pods are, so that one which is not there need not be gone.
    """

    def __init__(
        self,
        writing: Writing,
        *,
        level: Level = "container",
        owner_of: OwnerOf = own_controller,
        namespaces: Sequence[str] = (),
        some: bool = False,
    ) -> None:
        self._connection = writing.connection
        self._level = level
        self._owner_of = owner_of
        self._namespaces = frozenset(namespaces)
        self._whole = not some
        self._objects: dict[tuple[str, str], int] = {}
        self._series: dict[int, dict[str, int]] = {}
        self._lasts = last_samples(writing.connection)
        self._silent: dict[str, int] = dict(
            writing.connection.execute(
                "SELECT o.uid, e.at FROM event e JOIN object o ON o.id=e.object"
                " WHERE e.kind='unmeasured' AND e.until IS NULL AND o.gone IS NULL"
            )
        )
        self._reconciled = False
        self._unlapsed = True
        self._began: int | None = None

    def write(self, found: SampleRound) -> Written:
        """Write a round in one transaction.

        Raises:
            sqlite3.Error: it cannot be written; nothing of it is.
        """
        if self._began is None:
            self._began = found.at
        if len(self._objects) > _SPARE + len(found.pods or ()) + len(found.nodes or ()):
            self._objects.clear()  # of pods that are gone, sampled late
            self._series.clear()
        with collector_paused(), transaction(self._connection):
            self._connection.execute(
                "INSERT OR IGNORE INTO meta VALUES ('created', ?)", (str(found.at),)
            )
            versions = sum(self._node(node, found.at) for node in found.changed_nodes)
            versions += sum(self._pod(pod, found.at) for pod in found.changed)
            samples = self._samples(found.readings, found.at)
            for pod in found.gone:
                versions += self._pod(pod, found.at)
                self._gone("pod", _uid_of(pod), found.at)
            for node in found.gone_nodes:
                self._gone("node", _uid_of(node), found.at)
            self._reconcile(found)
            self._lapse(found.at)
            self._clock(found)
            self._unmeasured(found)
            self._connection.execute(
                "INSERT INTO round(at, fresh, repeated, missed, took_ms, error)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    found.at,
                    found.fresh,
                    found.repeated,
                    found.missed,
                    round(found.took * 1000),
                    _clean(found.cause) or None,
                ),
            )
        return Written(samples, versions)

    # objects and their versions

    def _node(self, node: Node, at: int) -> bool:
        known = self._object("node", _uid_of(node), "", node.name, at)
        self._connection.execute(
            "UPDATE object SET node=?, gone=NULL WHERE id=?", (node.name, known)
        )
        return self._version(known, body(node), at) is not None

    def _pod(self, pod: Pod, at: int) -> bool:
        known = self._object("pod", _uid_of(pod), pod.namespace, pod.name, at)
        template = next(filter(None, map(pod.labels.get, _TEMPLATES)), "")
        self._connection.execute(
            "UPDATE object SET node=?, owner=?, template=?, gone=NULL WHERE id=?",
            (pod.node_name, self._owner(pod), template, known),
        )
        before = self._version(known, body(pod), at)
        if before is None:
            return False
        self._events_of(known, pod, before, at)
        self._specs(known, pod, at)
        return True

    def _object(self, kind: str, uid: str, namespace: str, name: str, at: int) -> int:
        """Return the id of an object, which is made if it is new."""
        known = self._objects.get((kind, uid))
        if known is None:
            values = (kind, _clean(uid), _clean(namespace), _clean(name), at)
            self._connection.execute(
                "INSERT OR IGNORE INTO object(kind, uid, namespace, name, seen)"
                " VALUES (?, ?, ?, ?, ?)",
                values,
            )
            known = self._id(
                "SELECT id FROM object WHERE kind=? AND uid=?", *values[:2]
            )
            self._objects[kind, uid] = known
        return known

    def _owner(self, pod: Pod) -> int:
        owner = self._owner_of(pod)
        values = (_clean(pod.namespace), _clean(owner.kind), _clean(owner.name))
        self._connection.execute(
            "INSERT OR IGNORE INTO owner(namespace, kind, name) VALUES (?, ?, ?)",
            values,
        )
        return self._id(
            "SELECT id FROM owner WHERE namespace=? AND kind=? AND name=?", *values
        )

    def _id(self, query: str, *values: object) -> int:
        return int(self._connection.execute(query, values).fetchone()[0])

    def _version(self, known: int, text: str, at: int) -> Mapping[str, Any] | None:
        """Keep what an object is now; return what it was, nothing if it is the same.

        Of a new one an empty map is returned.
        """
        row = self._connection.execute(
            "SELECT body FROM version WHERE object=? ORDER BY since DESC LIMIT 1",
            (known,),
        ).fetchone()
        if row is not None and row[0] == text:
            return None
        self._connection.execute(
            "INSERT OR REPLACE INTO version VALUES (?, ?, ?)", (known, at, text)
        )
        return as_object({} if row is None else json.loads(row[0]))

    def _gone(self, kind: str, uid: str, at: int) -> None:
        self._connection.execute(
            "UPDATE object SET gone=? WHERE kind=? AND uid=?", (at, kind, _clean(uid))
        )
        if uid in self._silent:
            self._heard(uid, at)
        known = self._objects.pop((kind, uid), None)
        if known is not None:
            self._series.pop(known, None)
        self._lasts.pop(uid, None)

    def _reconcile(self, found: SampleRound) -> None:
        """Find, once, what went while nothing was recorded."""
        if self._reconciled or found.pods is None or "pods" in found.failures:
            return
        self._reconciled = True
        alive = {_uid_of(pod) for pod in found.pods.values()}
        if self._whole:
            for uid, namespace in self._open("pod"):
                within = not self._namespaces or namespace in self._namespaces
                if within and uid not in alive:
                    self._gone("pod", uid, found.at)
        if found.nodes is not None:
            standing = {_uid_of(node) for node in found.nodes.values()}
            for uid, _ in self._open("node"):
                if uid not in standing:
                    self._gone("node", uid, found.at)

    def _lapse(self, at: int) -> None:
        """End what is known by its name alone and has had no sample for a while.

        Nobody tells when it goes; without an end it would be kept for ever.
        """
        if self._unlapsed:
            self._unlapsed = False
            for uid in self._names():
                self._lasts.setdefault(uid, at)
        names = [(uid, last) for uid, last in self._lasts.items() if uid[:1] == "?"]
        for uid, last in names:
            if at - last > _LAPSE:
                self._gone("pod" if "/" in uid else "node", uid, last)

    def _names(self) -> list[str]:
        found = self._connection.execute(
            "SELECT uid FROM object WHERE gone IS NULL AND uid LIKE '?%'"
        )
        return [uid for (uid,) in found]

    def _open(self, kind: str) -> list[tuple[str, str]]:
        return self._connection.execute(
            "SELECT uid, namespace FROM object WHERE kind=? AND gone IS NULL", (kind,)
        ).fetchall()

    # series and samples

    def _samples(self, readings: Iterable[Reading], at: int) -> int:
        rows: list[tuple[int, int, int, int | None, int | None]] = []
        for reading in readings:
            if reading.fresh:
                rows += self._rows(reading, at)
        self._connection.executemany(
            "INSERT OR IGNORE INTO recent VALUES (?, ?, ?, ?, ?)", rows
        )
        return len(rows)

    def _rows(
        self, reading: Reading, at: int
    ) -> list[tuple[int, int, int, int | None, int | None]]:
        kind, uid, moment, window = (
            reading.kind,
            reading.uid,
            reading.at,
            reading.window,
        )
        known = self._objects.get((kind, uid))
        if known is None:
            known = self._object(kind, uid, reading.namespace, reading.name, at)
            if uid[:1] == "?":
                self._connection.execute(
                    "UPDATE object SET gone=NULL WHERE id=?", (known,)
                )
        self._lasts[uid] = moment
        values = reading.values
        if kind == "pod" and self._level == "pod":
            values = (_summed(values),)
        mine = self._series.setdefault(known, {})
        return [
            (
                moment,
                mine.get(name) or self._new_series(known, reading, name, at),
                window,
                cpu,
                memory,
            )
            for name, cpu, memory in values
        ]

    def _new_series(self, known: int, reading: Reading, name: str, at: int) -> int:
        role = self._role(reading, name)
        self._connection.execute(
            "INSERT OR IGNORE INTO series(object, container, role) VALUES (?, ?, ?)",
            (known, _clean(name), role),
        )
        series = self._id(
            "SELECT id FROM series WHERE object=? AND container=?", known, _clean(name)
        )
        self._series.setdefault(known, {})[name] = series
        if reading.pod is not None:
            self._spec(series, known, reading.pod, name, at)
        return series

    def _role(self, reading: Reading, name: str) -> str:
        if reading.kind == "node":
            return "node"
        if not name:
            return "pod"
        containers = reading.pod.all_containers if reading.pod else ()
        kinds = (c.kind for c in containers if c.name == name)
        kind = next(kinds, "regular")
        return _ROLES.get(kind, kind)

    def _specs(self, known: int, pod: Pod, at: int) -> None:
        if not pod.finished:
            for name, series in self._series.get(known, {}).items():
                self._spec(series, known, pod, name, at)

    def _spec(self, series: int, known: int, pod: Pod, name: str, at: int) -> None:
        """Keep what a series requests and may use, if that is new; a change is told."""
        found = next((c for c in pod.all_containers if c.name == name), None)
        if name and found is None:
            return
        amounts = _amounts(container_demand(pod, found) if found else demand(pod))
        image = _clean(found.image) or None if found else None
        row = self._connection.execute(
            "SELECT cpu_request, cpu_limit, memory_request, memory_limit, image"
            " FROM spec WHERE series=? ORDER BY since DESC LIMIT 1",
            (series,),
        ).fetchone()
        if row == (*amounts, image):
            return
        self._connection.execute(
            "INSERT OR REPLACE INTO spec VALUES (?, ?, ?, ?, ?, ?, ?)",
            (series, at, *amounts, image),
        )
        if row is not None and row[:-1] != amounts:
            self._event(at, "resized", known, name, _change(row[:-1], amounts))

    # events

    def _event(
        self, at: int, kind: str, known: int | None, container: str, detail: str
    ) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO event(at, kind, object, container, detail)"
            " VALUES (?, ?, ?, ?, ?)",
            (at, kind, known, _clean(container), _clean(detail)[:_DETAIL]),
        )

    def _events_of(
        self, known: int, pod: Pod, before: Mapping[str, Any], at: int
    ) -> None:
        restarts = restarts_of(before)
        for container in pod.all_containers:
            jump = container.restarts - restarts.get(container.name, container.restarts)
            if container.running:
                since = container.state.started_at
                self._event(_second(since, at), "started", known, container.name, "")
            ended = container.ended
            if ended is not None:
                self._ended(known, container, ended, jump, at)
        if (
            pod.reason == "Evicted"
            and as_object(before.get("status")).get("reason") != "Evicted"
        ):
            self._event(at, "evicted", known, "", pod.message)

    def _ended(
        self,
        known: int,
        container: Container,
        ended: ContainerState,
        jump: int,
        at: int,
    ) -> None:
        kind = "oom_killed" if ended.reason == "OOMKilled" else "terminated"
        facts = [
            ended.reason,
            "" if ended.exit_code is None else f"exit={ended.exit_code}",
            f"restartCount={container.restarts}",
            f"restarts={jump}" if jump > 1 else "",
        ]
        moment = ended.finished_at or ended.started_at
        detail = " ".join(filter(None, facts))
        self._event(_second(moment, at), kind, known, container.name, detail)

    def _clock(self, found: SampleRound) -> None:
        for name in found.clock_back:
            node = (found.nodes or {}).get(name)
            known = self._objects.get(("node", node.uid)) if node else None
            whose = f"of {name}" if name else "of all nodes"
            self._event(found.at, "clock", known, "", f"set back {whose}")

    def _unmeasured(self, found: SampleRound) -> None:
        """Keep since when a running pod has no sample; nothing where none has one."""
        if found.error or found.pods is None:
            return
        late = found.at - _SILENCE * found.cadence
        measured = {r.uid: r.at for r in found.readings}
        nodes = {r.name for r in found.readings if r.kind == "node"}
        for pod in found.pods.values():
            at = measured.get(pod.uid)
            if at is not None and at >= late:
                if pod.uid in self._silent:
                    self._heard(pod.uid, at)
                continue
            since = self._since(pod)
            if since is not None and since < late and pod.uid not in self._silent:
                silent = bool(nodes) and pod.node_name not in nodes
                why = "NodeSilent" if silent else "Unreported"
                self._unheard(pod, since, why)

    def _since(self, pod: Pod) -> int | None:
        """Return since when a pod should have had a sample."""
        if pod.phase != "Running" or not any(c.running for c in pod.containers):
            return None
        starts = [c.state.started_at for c in pod.containers if c.running]
        known = [self._began, self._lasts.get(pod.uid), *map(_known_second, starts)]
        return max(k for k in known if k is not None)

    def _unheard(self, pod: Pod, since: int, why: str) -> None:
        known = self._objects.get(("pod", pod.uid))
        self._silent[pod.uid] = since
        self._event(since, "unmeasured", known, "", why)

    def _heard(self, uid: str, at: int) -> None:
        since = self._silent.pop(uid)
        self._connection.execute(
            "UPDATE event SET until=? WHERE kind='unmeasured' AND at=? AND"
            " object=(SELECT id FROM object WHERE kind='pod' AND uid=?)",
            (at, since, _clean(uid)),
        )


def _uid_of(thing: Pod | Node) -> str:
    if thing.uid:
        return thing.uid
    return f"?{thing.name}" if isinstance(thing, Node) else f"?{'/'.join(thing.key)}"


def _summed(values: Iterable[Measured]) -> Measured:
    """Return the sum of a pod's containers; of what none of them knows, nothing."""
    kept = list(values)
    cpu = [value.cpu for value in kept if value.cpu is not None]
    memory = [value.memory for value in kept if value.memory is not None]
    return Measured("", sum(cpu) if cpu else None, sum(memory) if memory else None)


_Amounts: TypeAlias = tuple[int | None, int | None, int | None, int | None]


def _amounts(asked: Demand) -> _Amounts:
    """Return requests and limits in nanocores and bytes; ``None`` is none."""
    return (
        _whole(asked.requests.get(CPU), 1),
        None if asked.partial_limit(CPU) else _whole(asked.limits.get(CPU), 1),
        _whole(asked.requests.get(MEMORY), _NANO),
        None
        if asked.partial_limit(MEMORY)
        else _whole(asked.limits.get(MEMORY), _NANO),
    )


def _whole(amount: Quantity | None, unit: int) -> int | None:
    """Return an amount in so many nanos; what no column holds is not known."""
    found = -1 if amount is None else amount.nanos // unit
    return found if 0 <= found < _MOST else None


_MOST: Final = 2**62


def _change(before: Sequence[int | None], after: Sequence[int | None]) -> str:
    names = ("cpu_request", "cpu_limit", "memory_request", "memory_limit")
    return " ".join(
        f"{name}:{_shown(old)}->{_shown(new)}"
        for name, old, new in zip(names, before, after, strict=True)
        if old != new
    )


def _shown(amount: int | None) -> str:
    return "none" if amount is None else str(amount)


def _known_second(moment: datetime | None) -> int | None:
    return None if moment is None else seconds(moment)


def _second(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else seconds(moment)


def _clean(text: str) -> str:
    """Return text that SQLite can keep: half a surrogate pair has no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


# Pods and nodes are kept as JSON from which they are read back, equal: the API's own
# shape, of the fields that are read and no other, so that a past moment is joined by
# the code of the present, and by that of later versions.


def body(kept: Pod | Node) -> str:
    """Return the JSON text of a pod or a node."""
    made = written_pod(kept) if isinstance(kept, Pod) else written_node(kept)
    return json.dumps(made, separators=(",", ":"))


def restarts_of(kept: Mapping[str, Any]) -> dict[str, int]:
    """Return how often each container had been restarted, by what is kept of a pod."""
    status = as_object(kept.get("status"))
    return {
        as_text(found.get("name")): as_integer(found.get("restartCount"))
        for key in ("containerStatuses", "initContainerStatuses")
        for found in as_objects(status.get(key))
    }
