"""Polls a cluster round by round: pods by watch, samples by list, in phase.

    with Client() as client:
        poller = Poller(client)
        while True:
            wait(poller.rest())
            use(poller.poll())

A round costs the cluster the two lists of samples; pods come by a watch, and by a list
a minute where that right is missing; nodes by a list a minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeVar, Unpack

from ..api import Api, ListOptions, ResourceList
from ..api.watch import WatchEvent, WatchOptions
from ..errors import KubeMetricsError
from ..flow import Flow, Fork, attempt
from ..jsonread import UnreadableItem
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Pod
from ..wire import collector_paused
from .rounds import (
    Judge,
    Key,
    Phase,
    SampleRound,
    counted,
    refused,
    samples_error,
    seen,
)

T = TypeVar("T")

_RELIST: Final = 60.0
"""Seconds between lists of what is not watched."""
_SOONER: Final = 10.0
"""Seconds between lists of pods, where samples show that some changed."""
_SESSION: Final = 600.0
"""Seconds of one watch; then pods are listed anew, whatever was missed."""
_PATIENCE: Final = 5.0
"""Seconds from a failure of the watch to the next try."""
_FIRST: Final = 60.0
"""Seconds that the first round waits for the first list of pods."""


class Reads(Protocol):
    """What a poller asks of a `Client`."""

    @property
    def api(self) -> Api:
        """The operations, as flows."""
        ...

    def run(self, flow: Flow[T], *, timeout: float | None = None) -> T:
        """Drive a flow."""
        ...

    def watch_pods(
        self, **options: Unpack[WatchOptions]
    ) -> AbstractContextManager[Iterator[WatchEvent]]:
        """Watch pods."""
        ...


class PodSelection:
    """Which pods: of these *namespaces* (none: all) and of this label selector."""

    def __init__(
        self, namespaces: Sequence[str] = (), label_selector: str | None = None
    ) -> None:
        self.namespaces: tuple[str, ...] = tuple(namespaces)
        self.label_selector: str | None = label_selector

    def options(self) -> list[ListOptions]:
        """Return the options of the lists that together bring them."""
        return [
            {"namespace": namespace, "label_selector": self.label_selector}
            for namespace in self.namespaces or (None,)
        ]


class Known(NamedTuple):
    """Pods, if they are known; those deleted since the last time; what is wrong.

    *refused*: when it was asked last and answered, they might not be read.
    """

    pods: dict[Key, Pod] | None
    deleted: Sequence[Pod] = ()
    error: KubeMetricsError | None = None
    refused: bool = False


class KnownPods(Protocol):
    """Where a poller has its pods from."""

    def taken(self) -> Known:
        """Return what is known by now."""
        ...

    def renewed(self, known: Known, puzzled: Callable[[], bool]) -> Known:
        """Return what is known now, if samples *puzzled* who knows but *known*."""
        ...

    def close(self) -> None:
        """Stop reading."""
        ...


class ListedPods:
    """Pods by a list, a minute apart."""

    def __init__(
        self, client: Reads, selection: PodSelection, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._selection = selection
        self._clock = clock
        self._pods: dict[Key, Pod] | None = None
        self._refused = False
        self._due = clock()

    def taken(self) -> Known:
        """List them, if it is time to."""
        error = None
        if self._clock() >= self._due:
            self._due = self._clock() + _RELIST
            try:
                self._pods = listed_pods(self._client, self._selection)
                self._refused = False
            except KubeMetricsError as failure:
                error = failure
                if refused(failure):
                    self._pods, self._refused = None, True
        return Known(self._pods, (), error, self._refused)

    def renewed(self, known: Known, puzzled: Callable[[], bool]) -> Known:
        """List them sooner, as often as samples come at most."""
        early = self._clock() < self._due - _RELIST + _SOONER
        if known.error is not None or early or not puzzled():
            return known
        self._due = self._clock()
        return self.taken()

    def close(self) -> None:
        """Nothing goes on."""


def listed_pods(client: Reads, selection: PodSelection) -> dict[Key, Pod]:
    """List pods once.

    Raises:
        KubeMetricsError: they cannot be read.
    """
    lists = [client.run(client.api.list_pods(o)) for o in selection.options()]
    return {pod.key: pod for listed in lists for pod in listed}


class WatchedPods:
    """Pods by a watch in a thread of its own, one for each namespace.

    Each watch begins at a list, and after ten minutes at a new one: what a broken
    stream let slip is right again then. Where watching is refused, it is a list a
    minute. It ends with the client.
    """

    def __init__(self, client: Reads, selection: PodSelection) -> None:
        self._client = client
        self._parts = [
            _Watched(client, options, namespace)
            for options, namespace in zip(
                selection.options(), selection.namespaces or (None,), strict=True
            )
        ]

    def taken(self) -> Known:
        """Return what is known by now; at first wait for it."""
        pods: dict[Key, Pod] = {}
        known, deleted, errors = False, list[Pod](), list[KubeMetricsError]()
        for part in self._parts:
            part.ready.wait(_FIRST)
            if part.pods is not None:
                pods |= part.pods
                known = True
            deleted += part.take_deleted()
            errors += [part.error] if part.error else []
        error = errors[0] if errors else None
        refusal = any(part.refused for part in self._parts)
        return Known(pods if known else None, deleted, error, refusal)

    def renewed(self, known: Known, puzzled: Callable[[], bool]) -> Known:  # noqa: ARG002
        """Return the same: a watch is not behind."""
        return known

    def close(self) -> None:
        """Begin no other watch; the one under way ends with the client."""
        for part in self._parts:
            part.over.set()


def _pause(error: KubeMetricsError) -> float:
    return _RELIST if refused(error) else _PATIENCE


class _Watched:
    """The pods of one namespace, or of all. *ready*: they were listed, or refused."""

    def __init__(
        self, client: Reads, options: ListOptions, namespace: str | None
    ) -> None:
        self._client = client
        self._options = options
        self._namespace = namespace
        self._deleted: list[Pod] = []
        self._lock = threading.Lock()
        self.pods: dict[Key, Pod] | None = None
        self.error: KubeMetricsError | None = None
        self.refused = False
        self.ready = threading.Event()
        self.over = threading.Event()
        threading.Thread(target=self._follow, name="watch-pods", daemon=True).start()

    def take_deleted(self) -> list[Pod]:
        with self._lock:
            taken, self._deleted = self._deleted, []
        return taken

    def _follow(self) -> None:
        while not self.over.is_set():
            try:
                version = self._list()
            except KubeMetricsError as error:
                self.error = error
                pause = _pause(error)
            else:
                pause = self._watched(version)
            self.ready.set()
            self.over.wait(pause)

    def _watched(self, version: str) -> float:
        """Watch from *version* on; return the seconds until pods are listed again."""
        try:
            self._watch(version)
        except KubeMetricsError as error:
            # Who may list and not watch has all pods, a minute late at most.
            self.error = None if refused(error) else error
            return _pause(error)
        return 0.0

    def _list(self) -> str:
        try:
            listed: ResourceList[Pod]
            listed = self._client.run(self._client.api.list_pods(self._options))
        except KubeMetricsError as error:
            if refused(error):  # nothing else takes away what is known
                self.pods, self.refused = None, True
            raise
        self.pods = {pod.key: pod for pod in listed}
        self.error, self.refused = None, False
        self.ready.set()
        return listed.resource_version

    def _watch(self, version: str) -> None:
        watching = self._client.watch_pods(
            namespace=self._namespace,
            label_selector=self._options.get("label_selector"),
            resource_version=version,
            timeout=_SESSION,
        )
        with watching as events:
            for event in events:
                self._apply(event)
                if self.over.is_set():
                    return

    def _apply(self, event: WatchEvent) -> None:
        pods = self.pods if self.pods is not None else {}
        pod = event.object
        if event.type == "DELETED":
            pods.pop(pod.key, None)
            with self._lock:
                self._deleted.append(pod)
        else:
            pods[pod.key] = pod


class _Answers:
    """What the lists of one round brought, and what failed of them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.samples: list[PodMetrics] = []
        self.of_nodes: list[NodeMetrics] | None = None
        self.nodes: dict[str, Node] | None = None
        self.dates: list[datetime] = []
        self.failures: dict[str, KubeMetricsError] = {}
        self.unreadable: dict[str, tuple[UnreadableItem, ...]] = {}
        self.durations: dict[str, float] = {}
        self._clock = clock

    def take(
        self, part: str, flow: Flow[ResourceList[T]], use: Callable[[list[T]], None]
    ) -> Flow[None]:
        """Run one list."""
        began = self._clock()
        result = yield from attempt(flow)
        took = self._clock() - began
        self.durations[part] = max(took, self.durations.get(part, 0.0))
        if isinstance(result, KubeMetricsError):
            self.failures[part] = result
            return
        use(list(result))
        self.unreadable[part] = (*self.unreadable.get(part, ()), *result.unreadable)
        if result.date is not None:
            self.dates.append(result.date)

    def take_of_nodes(self, samples: list[NodeMetrics]) -> None:
        self.of_nodes = samples

    def take_nodes(self, nodes: list[Node]) -> None:
        self.nodes = {node.name: node for node in nodes}


def _now() -> datetime:
    return datetime.now(UTC)


class Poller:
    """Polls when its `Phase` says so; *every* is a distance of the user's, in seconds.

    *lasts* are the times of the last samples that are kept already, by uid. With
    *watch* pods are watched, else listed. *clock* goes forward alone, *now* is this
    machine's time, for servers that do not tell theirs.
    """

    def __init__(
        self,
        client: Reads,
        selection: PodSelection | None = None,
        *,
        every: float | None = None,
        lasts: Mapping[str, int] | None = None,
        watch: bool = True,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._client = client
        self._selection = selection or PodSelection()
        self._clock = clock
        self._now = now
        self._dated: tuple[datetime, float] | None = None
        self._pods: KnownPods
        if watch:
            self._pods = WatchedPods(client, self._selection)
        else:
            self._pods = ListedPods(client, self._selection, clock)
        self._judge = Judge(lasts)
        self._known: dict[Key, Pod] = {}
        self._nodes: dict[str, Node] | None = None
        self._nodes_due = clock()
        self._nodes_refused = self._nodes_unnamed = False
        self._strangers: set[str] = set()
        self.phase: Phase = Phase(every=every, next=clock())

    def rest(self) -> float:
        """Return the seconds until the next poll is due."""
        return max(self.phase.next - self._clock(), 0.0)

    def close(self) -> None:
        """Watch no more, once the client is closed."""
        self._pods.close()

    def poll(self) -> SampleRound:
        """Read a round now.

        What fails is in its *failures*, and never raised.
        """
        began = self._clock()
        known = self._pods.taken()
        answers = _Answers(self._clock)
        self._client.run(self._read(answers))
        known = self._pods.renewed(
            known, lambda: self._judge.puzzled(known.pods, answers.samples)
        )
        if known.error is not None:
            answers.failures["pods"] = known.error
        with collector_paused():
            return self._round(known, answers, began)

    def _read(self, answers: _Answers) -> Flow[None]:
        api = self._client.api
        flows = [
            answers.take("pod_metrics", api.list_pod_metrics(o), answers.samples.extend)
            for o in self._selection.options()
        ]
        due = self._clock() >= self._nodes_due
        if due:
            self._nodes_due = self._clock() + _RELIST
            flows.append(answers.take("nodes", api.list_nodes({}), answers.take_nodes))
        if due or not self._nodes_refused:
            of_nodes = api.list_node_metrics({})
            flows.append(answers.take("node_metrics", of_nodes, answers.take_of_nodes))
        yield Fork(tuple(flows))

    def _round(self, known: Known, answers: _Answers, began: float) -> SampleRound:
        pods = known.pods
        if pods is None and not known.refused:
            pods = {}  # it is not known yet whose the samples are
        nodes_before = self._nodes or {}
        self._hear_of_nodes(answers)
        nodes = self._nodes or {}
        changed, gone = self._pods_changed(pods or {}, known.deleted)
        self._judge.ended(gone)
        readings = self._judge.readings(
            pods,
            None if self._nodes_unnamed else nodes,
            answers.samples,
            answers.of_nodes or (),
        )
        failed = not readings and samples_error(answers.failures) is not None
        self.phase = self.phase.after(began, seen(readings, failed=failed))
        fresh, repeated, missed = counted(readings, self.phase.cadence)
        kinds = [reading.covered.kind for reading in readings if reading.fresh]
        return SampleRound(
            date=self._date(answers),
            own_clock=self._dated is None,
            cadence=self.phase.cadence,
            pods=None if pods is None else dict(pods),
            nodes=self._nodes,
            changed=changed,
            gone=gone,
            changed_nodes=[n for n in nodes.values() if nodes_before.get(n.name) != n],
            gone_nodes=[n for n in nodes_before.values() if n.name not in nodes],
            readings=readings,
            pod_samples=answers.samples,
            node_samples=answers.of_nodes or (),
            unreadable=answers.unreadable,
            durations=answers.durations,
            fresh=fresh,
            repeated=repeated,
            missed=missed,
            estimated=2 * kinds.count("overlap") > len(kinds),
            clock_back=self._judge.newly_back(readings),
            failures=answers.failures,
            took=self._clock() - began,
        )

    def _date(self, answers: _Answers) -> datetime:
        """Return the server's time; where no answer tells it, by how long ago one did.

        This machine's own clock may be hours away from it.
        """
        now = self._clock()
        if answers.dates:
            self._dated = (max(answers.dates), now)
        if self._dated is None:
            return self._now()
        date, then = self._dated
        return date + timedelta(seconds=now - then)

    def _hear_of_nodes(self, answers: _Answers) -> None:
        """Note which nodes there are, and what of them is refused.

        A sample of one that is not known is cause to list them sooner.
        """
        refusal = answers.failures.get("node_metrics")
        if refusal is not None:
            self._nodes_refused = refused(refusal)
        elif answers.of_nodes is not None:
            self._nodes_refused = False
        failure = answers.failures.get("nodes")
        if answers.nodes is not None:
            self._nodes, self._nodes_unnamed = answers.nodes, False
        elif failure is not None and self._nodes is None:
            self._nodes_unnamed = refused(failure)
        unknown = {sample.name for sample in answers.of_nodes or ()} - (
            self._nodes or {}
        ).keys()
        if not self._nodes_unnamed and unknown - self._strangers:
            self._nodes_due = self._clock()
        self._strangers = unknown

    def _pods_changed(
        self, pods: dict[Key, Pod], deleted: Sequence[Pod]
    ) -> tuple[list[Pod], list[Pod]]:
        """Return pods that are new or changed, and the last state of those gone.

        A pod whose uid changed is gone, and another one is new. One that came and went
        since the last round is gone.
        """
        before, self._known = self._known, dict(pods)
        last = {pod.uid: pod for pod in deleted}
        gone = [
            last.get(pod.uid, pod)
            for key, pod in before.items()
            if (now := pods.get(key)) is not pod and (not now or now.uid != pod.uid)
        ]
        changed = [pod for key, pod in pods.items() if before.get(key) is not pod]
        if last:
            known = {pod.uid for pod in (*before.values(), *pods.values())}
            gone += [pod for uid, pod in last.items() if uid not in known]
        return [pod for pod in changed if before.get(pod.key) != pod], gone
