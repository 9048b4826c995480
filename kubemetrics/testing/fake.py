"""A cluster that is none: what it holds, what it answers, and what happens to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias, get_args

from ..config.model import Config
from ..frozen import dataclass
from ..quantity import Quantity
from ..snapshot.requirements import Matches
from ..times import rfc3339
from .apiserver import (
    PAGE_NOT_FOUND,
    Json,
    Refusal,
    RequestInfo,
    forbidden,
    no_such_route,
    no_watch,
    not_found,
    request_info,
    sample_not_found,
)
from .etcd import (
    NAMESPACE,
    NODE,
    POD,
    Entry,
    EntryTest,
    Key,
    ResourceKind,
    Revision,
    Store,
    entry_of,
    entry_test,
    sample_entry,
)
from .event_stream import EventStream
from .listener import Asked, Listener, Reply
from .matching import core_fields, label_selector, metrics_fields
from .objects import (
    FakeObject,
    kubeconfig_object,
    namespace_object,
    node,
    sample_object,
)
from .paging import list_page

State: TypeAlias = Literal["healthy", "absent", "down", "forbidden", "warming"]
"""What can be the matter with the metrics API: not installed, not answering, not for
this user, or without a sample yet."""

_START: Final = datetime(2026, 1, 2, tzinfo=UTC)
_WINDOW: Final = 15
_METRICS: Final = "/apis/metrics.k8s.io"
_VERSION: Final = f"{_METRICS}/v1beta1"
_USER: Final = "fake"
_PODS, _NODES, _NAMESPACES = (
    f"/api/v1/{resource}" for resource in ("pods", "nodes", "namespaces")
)
_CORE: Final = {_PODS: POD, _NODES: NODE, _NAMESPACES: NAMESPACE}
_GROUP_VERSION: Final = "metrics.k8s.io/v1beta1"
_MEASURED: Final = {
    "nodes": ResourceKind(
        kind="NodeMetrics",
        api_version=_GROUP_VERSION,
        resource="nodes",
        namespaced=False,
    ),
    "pods": ResourceKind(
        kind="PodMetrics", api_version=_GROUP_VERSION, resource="pods"
    ),
}
_GROUP: Final = {
    "kind": "APIGroup",
    "apiVersion": "v1",
    "name": "metrics.k8s.io",
    "versions": [{"groupVersion": _GROUP_VERSION, "version": "v1beta1"}],
}
_RESOURCES: Final = {
    "kind": "APIResourceList",
    "groupVersion": _GROUP_VERSION,
    "resources": [
        {"name": name, "namespaced": kind.namespaced, "kind": kind.kind}
        for name, kind in _MEASURED.items()
    ],
}
_FILES: Final = ("pods.json", "nodes.json", "podmetrics.json", "nodemetrics.json")


@dataclass(frozen=True, slots=True)
class _Held:
    kind: ResourceKind
    store: Store


class FakeCluster:
    """A cluster of *pods* on a loopback port, from ``with`` to its end.

    *config* is what a `Client` or an `AsyncClient` is given. Nodes that pods run on and
    that are not among *nodes* are made. *objects* are lists of any other kind, by the
    path of the list. *state* is the metrics API's and may be set at any time.
    """

    def __init__(
        self,
        pods: Iterable[FakeObject] = (),
        *,
        nodes: Iterable[FakeObject] = (),
        objects: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        state: State = "healthy",
    ) -> None:
        self._now = _START
        self._sampled = _START - timedelta(seconds=_WINDOW)
        self._revision = Revision(1)
        self._held = {
            path: self._holding(path, listed)
            for path, listed in (objects or {}).items()
        }
        for path, kind in _CORE.items():
            if path in self._held:
                raise ValueError(f"{path} is what pods= and nodes= are given for")
            self._held[path] = _Held(kind, Store(self._revision))
        self._pods = self._held[_PODS].store
        self._nodes = self._held[_NODES].store
        self._namespaces = self._held[_NAMESPACES].store
        self._usage: dict[Key, Mapping[str, Mapping[str, str]]] = {}
        self._listener: Listener | None = None
        self._requests: list[Asked] = []
        self.state = state
        self._namespaces.apply(namespace_object("default"))
        for found in (*nodes, *pods):
            self.apply(found)

    def _holding(self, path: str, listed: Sequence[Mapping[str, Any]]) -> _Held:
        """Return the list of another kind, as it was given."""
        info = request_info("GET", path, {})
        if not info.resource or info.name:
            raise ValueError(f"{path!r} is no list's: /apis/GROUP/VERSION/RESOURCE is")
        kind = ResourceKind(
            kind=str(listed[0].get("kind") or "") if listed else "",
            api_version=info.group_version,
            resource=info.resource,
        )
        return _Held(kind, Store(self._revision, [entry_of(obj, 1) for obj in listed]))

    @classmethod
    def recorded(cls, folder: str | Path) -> Self:
        """Return a cluster as it was: the lists in *folder*, its clock at their time.

        The files are what ``kubectl get --raw`` wrote: ``pods.json`` of /api/v1/pods,
        ``nodes.json``, and ``podmetrics.json`` and ``nodemetrics.json`` of
        /apis/metrics.k8s.io/v1beta1; what is not there is empty.
        """
        if not Path(folder).is_dir():
            raise NotADirectoryError(f"{folder} is no folder of recorded lists")
        pods, nodes, samples, of_nodes = (_listed(Path(folder) / n) for n in _FILES)
        usage = {_key(found): _usage_of(found) for found in (*samples, *of_nodes)}
        cluster = cls(
            [FakeObject(obj=found, usage=usage.get(_key(found), {})) for found in pods],
            nodes=[
                FakeObject(obj=found, usage=usage.get(_key(found), {}))
                for found in nodes
            ],
        )
        stamps = [found.get("timestamp") or "" for found in (*samples, *of_nodes)]
        if any(stamps):
            cluster._sampled = datetime.fromisoformat(max(stamps))
            cluster._now = cluster._sampled + timedelta(seconds=_WINDOW)
        return cluster

    @property
    def state(self) -> State:
        """What is the matter with the metrics API."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        if state not in get_args(State):
            known = ", ".join(get_args(State))
            raise ValueError(f"no state {state!r}: there are {known}")
        self._state: State = state

    @property
    def url(self) -> str:
        """The address that it is served at.

        Raises:
            RuntimeError: it is not served yet: use it in a ``with``.
        """
        if self._listener is None:
            raise RuntimeError("this FakeCluster is not served: use it in a 'with'")
        return f"http://127.0.0.1:{self._listener.port}"

    @property
    def config(self) -> Config:
        """The configuration of a client: plain HTTP on this machine."""
        return Config(server=self.url)

    def kubeconfig(self, path: str | Path) -> Path:
        """Write a kubeconfig to *path*, for scripts that find theirs; return it."""
        file = Path(path)
        written = kubeconfig_object("fake", {"server": self.url}, {_USER: {}}, _USER)
        file.write_text(json.dumps(written), "utf-8")
        return file

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in their order."""
        return [asked.path for asked in tuple(self._requests)]

    @property
    def now(self) -> datetime:
        """Its time, which stands still until `tick`."""
        return self._now

    def __enter__(self) -> Self:
        self._listener = Listener(self._answer, lambda: self._now)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what is served, watches too."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with self._revision.changed:
                self._revision.changed.notify_all()
            listener.close()

    # what happens to it

    def tick(self, seconds: float = _WINDOW) -> None:
        """Let time pass; what runs is sampled anew at its end."""
        with self._revision.changed:
            self._now += timedelta(seconds=seconds)
            self._sampled = self._now

    def apply(self, found: FakeObject) -> None:
        """Create a pod or a node, or replace it; watches see that.

        The node that a pod runs on is there, with 4 CPUs and 16Gi, unless it is given.

        Raises:
            TypeError: it is neither.
        """
        _check(found)
        namespace, _ = found.key
        with self._revision.changed:
            self._usage[found.key] = found.usage
            made = (self._pods if namespace else self._nodes).apply(found.obj)
            if namespace and self._namespaces.get("", namespace) is None:
                self._namespaces.apply(namespace_object(namespace))
            name = made.fields["spec.nodeName"]
            if name and self._nodes.get("", name) is None:
                self._nodes.apply(node(name).obj)

    def delete(self, name: str, namespace: str = "default") -> None:
        """Delete a pod; watches see that.

        Raises:
            KeyError: there is no such pod.
        """
        with self._revision.changed:
            del self._usage[self._pod(name, namespace).key]
            self._pods.delete(namespace, name)

    def oom_kill(
        self, name: str, namespace: str = "default", *, container: str = ""
    ) -> None:
        """Kill a container, the first unless named, for its memory; it starts again.

        Raises:
            KeyError: there is no such pod, or it has no such container.
        """
        obj = self._pod(name, namespace).load()
        statuses: list[Json] = obj["status"]["containerStatuses"]
        chosen = [s for s in statuses if s["name"] == container or not container]
        if not chosen:
            raise KeyError(f"pod {namespace}/{name} has no container {container!r}")
        moment = rfc3339(self._now)
        ran: Json = chosen[0]["state"].get("running") or {}
        ended = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": moment}
        chosen[0].update(
            restartCount=chosen[0]["restartCount"] + 1,
            lastState={"terminated": {**ended, **ran}},
            state={"running": {"startedAt": moment}},
        )
        self._pods.apply(obj)

    def _pod(self, name: str, namespace: str) -> Entry:
        found = self._pods.get(namespace, name)
        if found is None:
            raise KeyError(f"there is no pod {namespace}/{name}")
        return found

    # what it answers

    def _answer(self, asked: Asked) -> Reply:
        with self._revision.changed:
            self._requests.append(asked)
            try:
                return self._routed(asked)
            except Refusal as refused:
                return Reply(body=refused.status, status=refused.code)

    def _routed(self, asked: Asked) -> Reply:
        path = asked.path.rstrip("/")
        if path == "/version":
            return Reply(body={"major": "1", "minor": "36", "gitVersion": "v1.36.0"})
        if path in {"/healthz", "/livez", "/readyz"}:
            return Reply(body="ok")
        if asked.method == "POST":
            return self._reviewed()
        info = request_info(asked.method, path, asked.query)
        if path == _METRICS or path.startswith(f"{_METRICS}/"):
            return self._measured(path, info, asked)
        return self._listed(info, asked)

    def _reviewed(self) -> Reply:
        """Answer an access review: all is allowed, but where the state forbids."""
        allowed = {"allowed": self._state != "forbidden"}
        return Reply(body={"status": allowed}, status=HTTPStatus.CREATED)

    def _listed(self, info: RequestInfo, asked: Asked) -> Reply:
        """Answer a read of what is held."""
        root = f"/apis/{info.group}" if info.group else "/api"
        held = self._held.get(f"{root}/{info.version}/{info.resource}")
        if held is None or info.subresource:
            if root == "/api" and info.resource:
                raise no_such_route()
            return Reply(body=PAGE_NOT_FOUND, status=HTTPStatus.NOT_FOUND)
        kind, store = held.kind, held.store
        namespace = info.namespace if kind.namespaced else ""
        if info.name:
            found = store.get(namespace, info.name)
            if found is None:
                raise not_found(info.resource, info.name, info.group)
            return Reply(body=kind.whole(found))
        fields = core_fields if root == "/api" else _any_fields
        test = _selection(asked.query, partial(fields, info.resource))
        if info.verb == "watch":
            stream = EventStream(
                store,
                kind,
                asked.query,
                namespace=namespace,
                test=test,
                lives=lambda: self._listener is not None,
            )
            return Reply(stream=stream.run())
        page = list_page(store, asked.query, namespace, test)
        return Reply(body=b"".join(kind.list_json(page.metadata, page.entries)))

    def _measured(self, path: str, info: RequestInfo, asked: Asked) -> Reply:
        """Answer below the metrics API, as its state is."""
        if self._state == "absent":
            return Reply(body=PAGE_NOT_FOUND, status=HTTPStatus.NOT_FOUND)
        if path == _METRICS:
            return Reply(body=_GROUP)
        if self._state == "down":
            text = "service unavailable\n"
            return Reply(body=text, status=HTTPStatus.SERVICE_UNAVAILABLE)
        if path == _VERSION:
            return Reply(body=_RESOURCES)
        if self._state == "forbidden":
            raise forbidden(_USER, info)
        kind = _MEASURED.get(info.resource)
        if kind is None or info.subresource:
            raise no_such_route()
        if info.verb == "watch":
            raise no_watch(info)
        return self._sampled_at(kind, info, asked)

    def _sampled_at(self, kind: ResourceKind, info: RequestInfo, asked: Asked) -> Reply:
        store = self._pods if kind.namespaced else self._nodes
        samples = [] if self._state == "warming" else self._samples(store)
        if info.name:
            key = (info.namespace, info.name)
            for sample in samples:
                if sample.key == key:
                    return Reply(body=kind.whole(sample))
            known = store.get(*key)
            phase = None if known is None else known.fields["status.phase"]
            raise sample_not_found(info, kind.kind, phase)
        test = _selection(asked.query, metrics_fields)
        chosen = [
            sample
            for sample in samples
            if info.namespace in {"", sample.namespace}
            and (test is None or test(sample))
        ]
        return Reply(body=b"".join(kind.list_json({}, chosen)))

    def _samples(self, store: Store) -> list[Entry]:
        found = map(self._sample, store.current())
        return [sample_entry(sample) for sample in found if sample is not None]

    def _sample(self, entry: Entry) -> Json | None:
        usage = self._usage.get(entry.key)
        if not entry.namespace and not usage:
            total = self._total(entry.name)
            usage = {"": total} if total else None
        if not usage:
            return None
        moment = rfc3339(self._sampled)
        return sample_object(
            entry.name,
            entry.namespace,
            usage=usage,
            created=moment,
            labels=entry.labels,
            timestamp=moment,
            window=f"{_WINDOW}s",
        )

    def _total(self, name: str) -> dict[str, str]:
        """Add up what the pods of a node use."""
        total: dict[str, Quantity] = {}
        for found in self._pods.current():
            if found.fields["spec.nodeName"] == name:
                for usage in self._usage[found.key].values():
                    for resource, value in usage.items():
                        total[resource] = total.get(resource, Quantity()) + value
        return {resource: str(value) for resource, value in total.items()}


def _check(found: object) -> None:
    """Say how a pod is made, for who gives one as JSON."""
    if not isinstance(found, FakeObject):
        kind = type(found).__name__
        raise TypeError(
            f"a FakeCluster takes pod(…), node(…) or FakeObject(obj=…, usage=…), "
            f"not {kind}"
        )


def _selection(
    query: Mapping[str, str], fields: Callable[[str], Matches]
) -> EntryTest | None:
    labels = label_selector(query.get("labelSelector", ""))
    return entry_test(labels, fields(query.get("fieldSelector", "")), query)


def _any_fields(resource: str, text: str) -> Matches:
    """Parse a field selector of a kind that has no fields of its own."""
    del resource
    return metrics_fields(text)


def _key(obj: Mapping[str, Any]) -> Key:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def _listed(file: Path) -> list[Json]:
    with suppress(FileNotFoundError):
        items: list[Json] = json.loads(file.read_text("utf-8")).get("items") or []
        return items
    return []


def _usage_of(sample: Json) -> dict[str, Mapping[str, str]]:
    """Return the usage of a sample by container, of a node's under an empty name."""
    if "usage" in sample:
        return {"": sample["usage"]}
    return {found["name"]: found["usage"] for found in sample.get("containers") or ()}
