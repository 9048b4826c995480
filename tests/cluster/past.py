"""A cluster that has a past: what ran when, what it used, and who could know of it.

    past = Past(Cluster.holding(nodes=[node("n1"), node("n2")]))
    past.deploy("shop", "web", 2, {"app": Usage(cpu=daily(...), memory=Flat(...))})
    past.after(600, lambda: past.roll_out("shop", "web", "b"))
    past.advance(3600)           # the clock of the cluster goes with it
    past.core_nanoseconds(...), past.samples, past.outages

Time is true time in ms since the past began. Kubelets count, metrics-server scrapes
them each *cadence* and keeps two points (`points`); the cluster serves what it would.
The ledger is kept beside: each run of a container with the counter's exact value, and
each sample published with what the counter said of its window.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final, TypeAlias

from kubemetrics.testing.etcd import Key

from .clock import rfc3339
from .cluster import Cluster
from .curves import Curve, span
from .objects import Amounts
from .objects import pod as pod_object
from .points import Difference, Point, Points, earliest
from .quantities import binary_text, decimal_text, whole_bytes
from .samples import Sample
from .samples import Usage as Used

_SECOND: Final = 1000
SYSTEM_CPU: Final = 50 * 10**6
SYSTEM_MEMORY: Final = 256 << 20
"""What a node uses beside its pods, in nanocores and bytes."""

_Name: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a container asks for, and what it will use."""

    cpu: Curve
    memory: Curve
    requests: Amounts = field(default_factory=dict)
    limits: Amounts = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Run:
    """One life of a container: from its start to its end.

    *started* is what the node's clock said then, in ms since the epoch.
    """

    number: int
    namespace: str
    pod: str
    uid: str
    container: str
    restarts: int
    node: str
    usage: Usage
    born: int
    started: int
    ended: int | None = None
    reason: str = ""

    def spent(self, moment: int) -> int:
        """Return the CPU used by then, in whole ns, as the kernel counts."""
        until = moment if self.ended is None else min(moment, self.ended)
        return span(self.usage.cpu, self.born, until, self.born) // 1000

    def point(self, moment: int, shown: int) -> Point:
        """Return what a kubelet reads, when its clock shows so."""
        memory = self.usage.memory.at(moment, self.born)
        cpu = self.spent(moment)
        return Point(self.started, shown, cpu, memory, self.number)


@dataclass(slots=True, kw_only=True, eq=False)
class Published:
    """A sample of a container (or of a node) as it was served, and what is true of it.

    *moment* (ms since the epoch, of which the API says the seconds) and *window* (ms)
    are those of the pod; *own* is the window of this container, another one only just
    after a restart. *spent* is the counter's difference over it, in ns. It could be
    read from *since* to *until*, if the API answered.
    """

    run: int
    node: str
    moment: int
    window: int
    own: int
    cpu: int
    memory: int
    spent: int
    since: int
    until: int | None = None

    @property
    def at(self) -> int:
        return self.moment // _SECOND


@dataclass(slots=True, kw_only=True, eq=False)
class _Container:
    usage: Usage
    run: Run | None = None
    restarts: int = 0
    last: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class _Pod:
    namespace: str
    name: str
    uid: str
    kind: str
    owner: str
    template: str
    node: str
    created: datetime
    containers: dict[str, _Container]
    evicted: str = ""

    @property
    def key(self) -> Key:
        return (self.namespace, self.name)


class Past:
    """What happens to a cluster, driven by `advance`.

    With *running* the cluster's clock runs by itself, and `advance` follows it.
    *jitter* is by how many ms a container may be read before the scrape;
    *wandering* by how many a scrape itself is late. With *rate* the provider is one
    like prometheus-adapter: it answers with the mean of that many seconds.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        cadence: float = 15,
        jitter: int = 900,
        wandering: int = 0,
        rate: int | None = None,
        running: bool = False,
        seed: int = 1,
    ) -> None:
        self.cluster = cluster
        self.cadence = int(cadence * _SECOND)
        self.runs: list[Run] = []
        self.samples: list[Published] = []
        self.outages: list[tuple[int, int]] = []
        self.jumps: list[tuple[int, int]] = []
        self.now = 0
        self.shift = 0
        nodes = [entry.load()["metadata"] for entry in cluster.nodes.current()]
        self.node_uids = {node["name"]: str(node["uid"]) for node in nodes}
        self._begin = round(cluster.clock.now().timestamp() * _SECOND)
        self.wandering = wandering
        self._jitter, self._rate = jitter, rate
        self._running = running
        self._draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._points = Points(self.cadence)
        self._pods: dict[Key, _Pod] = {}
        self._lost: dict[str, int] = {}
        self._live: dict[str, list[Run]] = {}
        self._ended: dict[str, int] = {}
        self._published: dict[_Name, Published] = {}
        self._published_nodes: dict[_Name, Published] = {}
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order, self._uids = count(), count(1)
        self._scrape_at(self.cadence // 2)

    # Time

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Let something happen so many seconds from now."""
        self._at(self.now + round(seconds * _SECOND), do)

    def _at(self, moment: int, do: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), do))

    def advance(self, seconds: float) -> None:
        """Let time pass, and what is due in it happen."""
        end = self.now + round(seconds * _SECOND)
        while self._events and self._events[0][0] <= end:
            moment, _, do = heapq.heappop(self._events)
            self._pass(max(moment, self.now))
            do()
        self._pass(end)

    def _pass(self, moment: int) -> None:
        if not self._running:
            self.cluster.clock.shift((moment - self.now) / _SECOND)
        self.now = moment

    def stamp(self, moment: int | None = None) -> int:
        """Return a moment, or now, as clocks show it: ms since the epoch."""
        return self._begin + self.shift + (self.now if moment is None else moment)

    def _today(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=self.stamp())

    # What happens

    def deploy(
        self,
        namespace: str,
        name: str,
        replicas: int,
        containers: Mapping[str, Usage],
        *,
        template: str = "a",
        kind: str = "Deployment",
    ) -> list[str]:
        """Start a workload's pods, spread over the nodes; return their names."""
        nodes = [entry.name for entry in self.cluster.nodes.current()]
        return [
            self._start(
                namespace,
                f"{name}-{at}" if kind != "Deployment" else "",
                kind,
                name,
                template,
                nodes[(len(self._pods) + at) % len(nodes)],
                containers,
            )
            for at in range(replicas)
        ]

    def _start(
        self,
        namespace: str,
        name: str,
        kind: str,
        owner: str,
        template: str,
        node: str,
        containers: Mapping[str, Usage],
    ) -> str:
        number = next(self._uids)
        pod = _Pod(
            namespace=namespace,
            name=name or f"{owner}-{template}-{number:05x}",
            uid=f"uid-{number}",
            kind=kind,
            owner=owner,
            template=template,
            node=node,
            created=self._today(),
            containers={n: _Container(usage=u) for n, u in containers.items()},
        )
        self._pods[pod.key] = pod
        for container in containers:
            self._run(pod, container)
        self._show(pod)
        return pod.name

    def _run(self, pod: _Pod, name: str) -> None:
        container = pod.containers[name]
        run = Run(
            number=len(self.runs) + 1,
            namespace=pod.namespace,
            pod=pod.name,
            uid=pod.uid,
            container=name,
            restarts=container.restarts,
            node=pod.node,
            usage=container.usage,
            born=self.now,
            # A container's startedAt has whole seconds, in cAdvisor as in the status.
            started=self.stamp() // _SECOND * _SECOND,
        )
        container.run = run
        self.runs.append(run)
        self._live.setdefault(pod.node, []).append(run)
        limit = container.usage.limits.get("memory")
        if limit is not None:
            full = container.usage.memory.reaches(whole_bytes(limit), self.now)
            if full is not None:
                self._at(full, lambda: self._kill(pod, name, run))

    def _kill(self, pod: _Pod, name: str, run: Run) -> None:
        if run.ended is None and pod.containers[name].run is run:
            self.restart(*pod.key, name, reason="OOMKilled", code=137)

    def restart(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        reason: str = "Error",
        code: int = 1,
        pause: float = 0,
    ) -> None:
        """End a container; it runs again after *pause* seconds."""
        found = self._pods[namespace, pod]
        ended = found.containers[container]
        assert ended.run is not None, "it does not run"
        ended.last = self._terminated(ended.run, reason, code)
        ended.run, ended.restarts = None, ended.restarts + 1
        if not pause:
            self._again(found, container)
            return
        self._show(found)
        self.after(pause, lambda: self._again(found, container))

    def _terminated(self, run: Run, reason: str, code: int) -> dict[str, Any]:
        self._end(run, reason)
        return {
            "exitCode": code,
            "reason": reason,
            "startedAt": _text(run.started),
            "finishedAt": _text(self.stamp()),
        }

    def _end(self, run: Run, reason: str) -> None:
        run.ended, run.reason = self.now, reason
        self._live[run.node].remove(run)
        self._ended[run.node] = self._ended.get(run.node, 0) + run.spent(self.now)

    def _again(self, pod: _Pod, container: str) -> None:
        if self._pods.get(pod.key) is pod:
            self._run(pod, container)
            self._show(pod)

    def remove(self, namespace: str, name: str) -> None:
        """Delete a pod; what it ran ends."""
        pod = self._pods.pop((namespace, name))
        for container in pod.containers.values():
            if container.run is not None:
                self._end(container.run, "Completed")
        self.cluster.delete(namespace, name)

    def evict(self, namespace: str, name: str, message: str) -> None:
        """Let a kubelet end a pod, which stays as it failed."""
        pod = self._pods[namespace, name]
        for container in pod.containers.values():
            if container.run is not None:
                container.last = self._terminated(container.run, "Evicted", 137)
                container.run = None
        pod.evicted = message
        self._show(pod)

    def roll_out(
        self,
        namespace: str,
        owner: str,
        template: str,
        *,
        usage: Mapping[str, Usage] | None = None,
        apart: float = 20,
    ) -> None:
        """Replace a workload's pods one by one by those of another template."""
        old = [
            p
            for p in self._pods.values()
            if (p.namespace, p.owner) == (namespace, owner)
        ]
        for at, pod in enumerate(old):
            self.after(at * apart, partial(self._replace, pod, template, usage))

    def _replace(
        self, pod: _Pod, template: str, usage: Mapping[str, Usage] | None
    ) -> None:
        if self._pods.get(pod.key) is not pod:
            return
        stateful = pod.kind != "Deployment"
        if stateful:
            self.remove(*pod.key)
        found = usage or {n: c.usage for n, c in pod.containers.items()}
        name = pod.name if stateful else ""
        self._start(pod.namespace, name, pod.kind, pod.owner, template, pod.node, found)
        if not stateful:
            self.after(5, lambda: self._leave(pod))

    def _leave(self, pod: _Pod) -> None:
        if self._pods.get(pod.key) is pod:
            self.remove(*pod.key)

    def reschedule(
        self, namespace: str, name: str, node: str, *, pause: float = 0
    ) -> None:
        """Delete a pod and start it on *node*, with its name and another uid."""
        pod = self._pods[namespace, name]
        usage = {n: c.usage for n, c in pod.containers.items()}
        self.remove(namespace, name)

        def again() -> None:
            self._start(namespace, name, pod.kind, pod.owner, pod.template, node, usage)

        self.after(pause, again)

    def resize(
        self, namespace: str, pod: str, container: str, requests: Amounts
    ) -> None:
        """Change requests in place."""
        found = self._pods[namespace, pod]
        before = found.containers[container].usage
        found.containers[container].usage = Usage(
            cpu=before.cpu,
            memory=before.memory,
            requests=requests,
            limits=before.limits,
        )
        self._show(found)

    def outage(self, seconds: float, state: str = "down") -> None:
        """Let the metrics API be down for a while, or start anew and be warming."""
        self.cluster.state = state
        if state.startswith("warming"):
            self._points = Points(self.cadence)
        began = self.now

        def over() -> None:
            self.cluster.state = "healthy"
            self.outages.append((began, self.now))

        self.after(seconds, over)

    def silence(self, node: str, seconds: float) -> None:
        """Let a kubelet not answer metrics-server for a while."""
        self._lost[node] = self.now + round(seconds * _SECOND)

    def jump(self, seconds: float) -> None:
        """Set all clocks, the nodes' and the server's, forth or back."""
        self.shift += round(seconds * _SECOND)
        self.jumps.append((self.now, round(seconds * _SECOND)))
        self.cluster.clock.shift(seconds)

    def answer_with_means(self, seconds: int) -> None:
        """Let another provider answer from the next scrape on, as with *rate*."""
        self._rate = seconds

    # What kubelets and metrics-server do

    def _scrape_at(self, moment: int) -> None:
        late = self._draw.randint(0, self.wandering)

        def scrape() -> None:
            self.scrape()
            self._scrape_at(moment + self.cadence)

        self._at(moment + late, scrape)

    def scrape(self) -> None:
        """Read every kubelet that answers, and publish."""
        pods: dict[Key, dict[str, Point]] = {}
        for pod in self._pods.values():
            if self._lost.get(pod.node, 0) > self.now:
                continue
            # All of a pod at one moment: of several the API shows but the earliest.
            moment = self.now - self._draw.randint(0, self._jitter)
            running = [(n, c.run) for n, c in pod.containers.items()]
            found = {
                n: run.point(moment, self.stamp(moment))
                for n, run in running
                if run is not None and run.born < moment
            }
            if found and all(point.cpu and point.memory for point in found.values()):
                pods[pod.key] = found
        self._points.store(pods, dict(self._node_points()))
        self._publish()

    def _node_points(self) -> Iterator[tuple[str, Point]]:
        for entry in self.cluster.nodes.current():
            name = entry.name
            if self._lost.get(name, 0) > self.now:
                continue
            moment = self.now - self._draw.randint(0, self._jitter)
            live = [run for run in self._live.get(name, ()) if run.born < moment]
            spent = self._ended.get(name, 0) + sum(run.spent(moment) for run in live)
            memory = sum(run.usage.memory.at(moment, run.born) for run in live)
            yield (
                name,
                Point(
                    self._begin,
                    self.stamp(moment),
                    spent + moment * SYSTEM_CPU // _SECOND,
                    memory + SYSTEM_MEMORY,
                ),
            )

    def _publish(self) -> None:
        made = self._means() if self._rate else self._points.pods()
        pods = [self._sample(pod, found) for pod, found in made.items() if found]
        self._keep(self._published, made)
        self.cluster.pod_samples.replace(pods)
        nodes = self._points.nodes()
        self._keep(
            self._published_nodes,
            {("", name): {"": found} for name, found in nodes.items()},
        )
        self.cluster.node_samples.replace(
            [self._node_sample(name, found) for name, found in nodes.items()]
        )

    def _means(self) -> dict[Key, dict[str, Difference]]:
        """Return what a provider says that answers with means of a fixed time."""
        window = (self._rate or 0) * _SECOND
        found: dict[Key, dict[str, Difference]] = {}
        for run in (run for runs in self._live.values() for run in runs):
            began = max(run.born, self.now - window)
            known = self._published.get((run.namespace, run.pod, run.container))
            since = known.since if known and known.run == run.number else run.born
            milli = (run.spent(self.now) - run.spent(began)) * 1000 // window // 10**6
            found.setdefault((run.namespace, run.pod), {})[run.container] = Difference(
                self.stamp(),
                window,
                milli * 10**6,
                run.usage.memory.at(self.now, run.born),
                run.spent(self.now) - run.spent(since),
                run.number,
            )
        return found

    def _sample(self, key: Key, found: Mapping[str, Difference]) -> Sample:
        shown = earliest(found.values())
        assert shown is not None
        pod = self._pods.get(key)
        return Sample(
            namespace=key[0],
            name=key[1],
            created=rfc3339(self._today()),
            labels=self._labels(pod) if pod else {},
            timestamp=_text(shown.moment),
            window=_duration(shown.window),
            usages=tuple(_used(name, each) for name, each in sorted(found.items())),
        )

    def _node_sample(self, name: str, found: Difference) -> Sample:
        return Sample(
            name=name,
            created=rfc3339(self._today()),
            timestamp=_text(found.moment),
            window=_duration(found.window),
            usages=(_used("", found),),
        )

    def _keep(
        self,
        known_by_name: dict[_Name, Published],
        made: Mapping[Key, Mapping[str, Difference]],
    ) -> None:
        """Enter what is new into the ledger, and end what is no longer served."""
        ours = {
            (*key, name): (each, earliest(found.values()) or each)
            for key, found in made.items()
            for name, each in found.items()
        }
        for key in known_by_name.keys() - ours.keys():
            known_by_name.pop(key).until = self.now
        for key, (each, shown) in ours.items():
            known = known_by_name.get(key)
            if known and (known.run, known.moment) == (each.who, shown.moment):
                continue
            if known:
                known.until = self.now
            known_by_name[key] = kept = Published(
                run=each.who,
                node=key[1] if not key[0] else "",
                moment=shown.moment,
                window=shown.window,
                own=each.window,
                cpu=each.cpu,
                memory=each.memory,
                spent=each.spent,
                since=self.now,
            )
            self.samples.append(kept)

    # What objects say

    @staticmethod
    def _labels(pod: _Pod) -> dict[str, str]:
        stateful = pod.kind != "Deployment"
        hash_label = "controller-revision-hash" if stateful else "pod-template-hash"
        return {"app": pod.owner, hash_label: pod.template}

    def _show(self, pod: _Pod) -> None:
        """Write the pod as its API object."""
        made = pod_object(
            pod.name,
            pod.namespace,
            node=pod.node,
            containers=tuple(pod.containers),
            labels=self._labels(pod),
            created=rfc3339(pod.created),
        )
        made["metadata"]["uid"] = pod.uid
        made["metadata"]["ownerReferences"] = [_owner(pod)]
        for spec in made["spec"]["containers"]:
            usage = pod.containers[spec["name"]].usage
            spec["resources"] = {
                "requests": dict(usage.requests),
                "limits": dict(usage.limits),
            }
        made["status"]["containerStatuses"] = [
            _status(name, container) for name, container in pod.containers.items()
        ]
        if pod.evicted:
            made["status"] |= {
                "phase": "Failed", "reason": "Evicted", "message": pod.evicted
            }  # fmt: skip
        self.cluster.apply(made)

    # The ledger

    def readable(self, sample: Published) -> int:
        """Return for how many ms a sample could be read while the API answered."""
        until = self.now if sample.until is None else sample.until
        down = sum(
            max(0, min(until, end) - max(sample.since, began))
            for began, end in self.outages
        )
        return until - sample.since - down


def _owner(pod: _Pod) -> dict[str, Any]:
    replicas = pod.kind == "Deployment"
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet" if replicas else pod.kind,
        "name": f"{pod.owner}-{pod.template}" if replicas else pod.owner,
        "uid": f"uid-{pod.owner}-{pod.template}",
        "controller": True,
    }


def _status(name: str, container: _Container) -> dict[str, Any]:
    run = container.run
    state: dict[str, Any] = {"waiting": {"reason": "CrashLoopBackOff"}}
    if run is not None:
        state = {"running": {"startedAt": _text(run.started)}}
    return {
        "name": name,
        "state": state,
        "lastState": {"terminated": container.last} if container.last else {},
        "ready": run is not None,
        "restartCount": container.restarts,
    }


def _used(name: str, found: Difference) -> Used:
    cpu = decimal_text(found.cpu)
    return Used(name, cpu, binary_text(found.memory))


def _text(moment: int) -> str:
    """Write ms since the epoch as the API does, which cuts them."""
    return rfc3339(datetime.fromtimestamp(moment // _SECOND, UTC))


def _duration(window: int) -> str:
    """Write ms as Go does."""
    minutes, rest = divmod(window, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / _SECOND:.3f}".rstrip("0").rstrip(".") + "s"
    head = f"{hours}h" if hours else ""
    return head + (f"{minutes}m" if hours or minutes else "") + seconds
