"""A cluster that is none: what it holds, what it answers, and what happens to it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias, get_args

from ..config.model import Config
from ..quantity import Quantity
from ..times import rfc3339
from .listener import Asked, Listener, Reply
from .matching import (
    Matches,
    SelectorError,
    core_fields,
    label_selector,
    metrics_fields,
)
from .objects import FakeObject, node

State: TypeAlias = Literal["healthy", "absent", "down", "forbidden", "warming"]
"""What can be the matter with the metrics API: not installed, not answering, not for
this user, or without a sample yet."""

Json: TypeAlias = dict[str, Any]
_START: Final = datetime(2026, 1, 2, tzinfo=UTC)
_WINDOW: Final = 15
_METRICS: Final = "/apis/metrics.k8s.io"
_VERSION: Final = f"{_METRICS}/v1beta1"
_POLL: Final = 0.05
_KINDS: Final = {"pods": "Pod", "nodes": "Node", "namespaces": "Namespace"}
_FILES: Final = ("pods.json", "nodes.json", "podmetrics.json", "nodemetrics.json")


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
        self._changed = threading.Condition()
        self._now = _START
        self._sampled = _START - timedelta(seconds=_WINDOW)
        self._revision = 1
        self._history: list[tuple[int, Json | None, Json | None]] = []
        self._pages: dict[str, list[Json]] = {}
        self._held: dict[str, dict[tuple[str, str], FakeObject]] = {
            "pods": {},
            "nodes": {},
        }
        self._objects: dict[str, list[Json]] = {
            path: [dict(found) for found in listed]
            for path, listed in (objects or {}).items()
        }
        self._listener: Listener | None = None
        self._requests: list[Asked] = []
        self.state = state
        for found in nodes:
            self._held["nodes"][found.key] = found
        for found in pods:
            self.apply(found)

    @classmethod
    def recorded(cls, folder: str | Path) -> Self:
        """Return a cluster as it was: the lists in *folder*, its clock at their time.

        The files are what ``kubectl get --raw`` wrote: ``pods.json`` of /api/v1/pods,
        ``nodes.json``, and ``podmetrics.json`` and ``nodemetrics.json`` of
        /apis/metrics.k8s.io/v1beta1; what is not there is empty.
        """
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
        cluster = {"name": "fake", "cluster": {"server": self.url}}
        context = {"name": "fake", "context": {"cluster": "fake", "user": "fake"}}
        written: Json = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [cluster],
            "contexts": [context],
            "users": [{"name": "fake", "user": {}}],
            "current-context": "fake",
        }
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
            with self._changed:
                self._changed.notify_all()
            listener.close()

    # what happens to it

    def tick(self, seconds: float = _WINDOW) -> None:
        """Let time pass; what runs is sampled anew at its end."""
        with self._changed:
            self._now += timedelta(seconds=seconds)
            self._sampled = self._now

    def apply(self, found: FakeObject) -> None:
        """Create a pod, or replace it; watches see that, and its node is there."""
        self._record(found.key, found)
        name = found.obj["spec"].get("nodeName")
        if name:
            self._held["nodes"].setdefault(("", name), node(name))

    def delete(self, name: str, namespace: str = "default") -> None:
        """Delete a pod; watches see that.

        Raises:
            KeyError: there is no such pod.
        """
        self._record(self._pod(name, namespace).key, None)

    def oom_kill(
        self, name: str, namespace: str = "default", *, container: str = ""
    ) -> None:
        """Kill a container, the first unless named, for its memory; it starts again.

        Raises:
            KeyError: there is no such pod, or it has no such container.
        """
        found = self._pod(name, namespace)
        obj = deepcopy(dict(found.obj))
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
        self._record(found.key, FakeObject(obj=obj, usage=found.usage))

    def _pod(self, name: str, namespace: str) -> FakeObject:
        found = self._held["pods"].get((namespace, name))
        if found is None:
            raise KeyError(f"there is no pod {namespace}/{name}")
        return found

    def _record(self, key: tuple[str, str], after: FakeObject | None) -> None:
        """Put a change into force, and into the history that watches read."""
        with self._changed:
            self._revision += 1
            replaced = self._held["pods"].pop(key, None)
            old = self._with_revision(replaced.obj) if replaced else None
            new = self._with_revision(after.obj) if after else None
            if after is not None and new is not None:
                self._held["pods"][key] = FakeObject(obj=new, usage=after.usage)
            self._history.append((self._revision, old, new))
            self._changed.notify_all()

    def _with_revision(self, obj: Mapping[str, Any]) -> Json:
        metadata = {**obj["metadata"], "resourceVersion": str(self._revision)}
        return {**obj, "metadata": metadata}

    # what it answers

    def _answer(self, asked: Asked) -> Reply:
        with self._changed:
            self._requests.append(asked)
            try:
                return self._routed(asked)
            except SelectorError as refused:
                return _status(HTTPStatus.BAD_REQUEST, "BadRequest", str(refused))

    def _routed(self, asked: Asked) -> Reply:
        path = asked.path.rstrip("/")
        if path == "/version":
            return Reply(body={"major": "1", "minor": "36", "gitVersion": "v1.36.0"})
        if path in {"/healthz", "/livez", "/readyz"}:
            return Reply(body="ok")
        if asked.method == "POST":
            return self._reviewed()
        if path == _METRICS or path.startswith(f"{_METRICS}/"):
            return self._measured(path, asked)
        if path.startswith("/api/v1/"):
            return self._core(path.removeprefix("/api/v1/"), asked)
        return self._other(path, asked)

    def _reviewed(self) -> Reply:
        """Answer an access review: all is allowed, but where the state forbids."""
        allowed = {"allowed": self._state != "forbidden"}
        return Reply(body={"status": allowed}, status=HTTPStatus.CREATED)

    def _core(self, rest: str, asked: Asked) -> Reply:
        namespace, resource, name = _place(rest)
        if resource not in _KINDS:
            return _NOT_SERVED
        if asked.query.get("watch") in {"true", "1"} and resource == "pods":
            return Reply(stream=self._watched(namespace, asked))
        held = self._of(resource)
        if name:
            found = [o for o in held if _key(o) == (namespace, name)]
            whole = {"apiVersion": "v1", "kind": _KINDS[resource]}
            return Reply(body=whole | found[0]) if found else _missing(resource, name)
        chosen = _selected(
            held, namespace, asked, core_fields(resource, _fields(asked))
        )
        return self._page(chosen, asked, "v1", _KINDS[resource])

    def _of(self, resource: str) -> list[Json]:
        if resource == "namespaces":
            names = sorted({"default", *(space for space, _ in self._held["pods"])})
            return [
                {"metadata": {"name": name}, "status": {"phase": "Active"}}
                for name in names
            ]
        held = self._held[resource]
        return [dict(held[key].obj) for key in sorted(held)]

    def _other(self, path: str, asked: Asked) -> Reply:
        """Answer a list that was given, of one namespace too; no other is there."""
        head, found, rest = path.partition("/namespaces/")
        namespace, _, resource = rest.partition("/")
        whole = f"{head}/{resource}" if found else path
        if whole not in self._objects:
            return Reply(body="404 page not found\n", status=HTTPStatus.NOT_FOUND)
        listed = self._objects[whole]
        version = whole.rpartition("/")[0].removeprefix("/apis/").removeprefix("/api/")
        kind = str(listed[0].get("kind") or "") if listed else ""
        chosen = _selected(listed, namespace, asked, metrics_fields(_fields(asked)))
        return self._page(chosen, asked, version, kind)

    def _page(self, chosen: list[Json], asked: Asked, version: str, kind: str) -> Reply:
        token = asked.query.get("continue", "")
        chosen = self._pages.pop(token, chosen) if token else chosen
        limit = int(asked.query.get("limit") or 0) or len(chosen)
        metadata: Json = {"resourceVersion": str(self._revision)}
        if chosen[limit:]:
            metadata["continue"] = f"page-{len(self._requests)}"
            metadata["remainingItemCount"] = len(chosen) - limit
            self._pages[metadata["continue"]] = chosen[limit:]
        head = {"apiVersion": version, "kind": f"{kind}List", "metadata": metadata}
        return Reply(body=head | {"items": chosen[:limit]})

    def _measured(self, path: str, asked: Asked) -> Reply:
        """Answer below the metrics API, as its state is."""
        if self._state == "absent":
            return Reply(body="404 page not found\n", status=HTTPStatus.NOT_FOUND)
        if path == _METRICS:
            version = {"groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"}
            group = {"name": "metrics.k8s.io", "versions": [version]}
            return Reply(body={"kind": "APIGroup", "apiVersion": "v1", **group})
        if self._state == "down":
            text = "service unavailable\n"
            return Reply(body=text, status=HTTPStatus.SERVICE_UNAVAILABLE)
        if path == _VERSION:
            return Reply(body=_RESOURCES)
        place = _place(path.removeprefix(f"{_VERSION}/"))
        if self._state == "forbidden":
            return _forbidden(place[1])
        return self._sampled_at(place, asked) if place[1] in self._held else _NOT_SERVED

    def _sampled_at(self, place: tuple[str, str, str], asked: Asked) -> Reply:
        namespace, resource, name = place
        samples = [] if self._state == "warming" else self._samples(resource)
        kind = "PodMetrics" if resource == "pods" else "NodeMetrics"
        if name:
            found = [s for s in samples if _key(s) == (namespace, name)]
            whole = {"apiVersion": "metrics.k8s.io/v1beta1", "kind": kind}
            if found:
                return Reply(body=whole | found[0])
            return _missing(kind.lower(), name, "metrics.k8s.io")
        chosen = _selected(samples, namespace, asked, metrics_fields(_fields(asked)))
        everything = Asked(method="GET", path=asked.path, query={})  # has no pages
        return self._page(chosen, everything, "metrics.k8s.io/v1beta1", kind)

    def _samples(self, resource: str) -> list[Json]:
        held = self._held[resource]
        made = [self._sample(held[key]) for key in sorted(held)]
        return [sample for sample in made if sample is not None]

    def _sample(self, found: FakeObject) -> Json | None:
        namespace, name = found.key
        metadata: Json = {"name": name, "labels": found.obj["metadata"].get("labels")}
        head = {"timestamp": rfc3339(self._sampled), "window": f"{_WINDOW}s"}
        if not namespace:
            usage = found.usage.get("") or self._total(name)
            return {"metadata": metadata, **head, "usage": usage} if usage else None
        if not found.usage:
            return None
        metadata["namespace"] = namespace
        containers = [{"name": n, "usage": u} for n, u in found.usage.items()]
        return {"metadata": metadata, **head, "containers": containers}

    def _total(self, name: str) -> dict[str, str]:
        """Add up what the pods of a node use."""
        total: dict[str, Quantity] = {}
        for found in self._held["pods"].values():
            if found.obj["spec"].get("nodeName") == name:
                for usage in found.usage.values():
                    for resource, value in usage.items():
                        total[resource] = total.get(resource, Quantity()) + value
        return {resource: str(value) for resource, value in total.items()}

    def _watched(self, namespace: str, asked: Asked) -> Iterator[Json]:
        """Yield the changes from a revision on, each as this watch sees it."""
        labels = label_selector(asked.query.get("labelSelector", ""))
        fields = core_fields("pods", _fields(asked))
        seen = int(asked.query.get("resourceVersion") or self._revision)
        end = time.monotonic() + float(asked.query.get("timeoutSeconds") or 3600)

        def sees(obj: Json | None) -> bool:
            if obj is None or namespace not in {"", _key(obj)[0]}:
                return False
            return labels(_labels(obj)) and fields(_selectable(obj))

        while self._listener is not None and time.monotonic() < end:
            with self._changed:
                news = [change for change in self._history if change[0] > seen]
                if not news:
                    self._changed.wait(_POLL)
            for revision, before, after in news:
                seen = revision
                kind = _event(before=sees(before), after=sees(after))
                if kind:
                    obj = before if kind == "DELETED" else after
                    whole = {"apiVersion": "v1", "kind": "Pod", **(obj or {})}
                    yield {"type": kind, "object": whole}


def _event(*, before: bool, after: bool) -> str:
    """Name a change of what a watch saw *before* and sees *after*."""
    if after:
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else ""


def _place(rest: str) -> tuple[str, str, str]:
    """Return the namespace, the resource and the name in the rest of a path."""
    parts = rest.split("/")
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > len(("namespaces", "name")):
        namespace, parts = parts[1], parts[2:]
    return namespace, parts[0], "/".join(parts[1:])


def _selected(
    found: Sequence[Json], namespace: str, asked: Asked, fields: Matches
) -> list[Json]:
    labels = label_selector(asked.query.get("labelSelector", ""))
    return [
        obj
        for obj in found
        if namespace in {"", _key(obj)[0]}
        and labels(_labels(obj))
        and fields(_selectable(obj))
    ]


def _fields(asked: Asked) -> str:
    return asked.query.get("fieldSelector", "")


def _labels(obj: Json) -> Mapping[str, str]:
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels


def _selectable(obj: Json) -> Mapping[str, str]:
    """Return what field selectors can ask for."""
    namespace, name = _key(obj)
    spec: Json = obj.get("spec") or {}
    status: Json = obj.get("status") or {}
    return {
        "metadata.name": name,
        "metadata.namespace": namespace,
        "spec.nodeName": spec.get("nodeName") or "",
        "status.phase": status.get("phase") or "",
    }


def _key(obj: Mapping[str, Any]) -> tuple[str, str]:
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


def _status(
    code: HTTPStatus, reason: str, message: str, details: Json | None = None
) -> Reply:
    head = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    said = {"reason": reason, "message": message, "details": details or {}}
    return Reply(body={**head, **said, "code": code.value}, status=code)


_RESOURCES: Final = {
    "kind": "APIResourceList",
    "groupVersion": "metrics.k8s.io/v1beta1",
    "resources": [
        {"name": "nodes", "namespaced": False, "kind": "NodeMetrics"},
        {"name": "pods", "namespaced": True, "kind": "PodMetrics"},
    ],
}
_NOT_SERVED: Final = _status(
    HTTPStatus.NOT_FOUND,
    "NotFound",
    "the server could not find the requested resource",
)


def _missing(resource: str, name: str, group: str = "") -> Reply:
    what = f"{resource}.{group}" if group else resource
    details = {"name": name, "kind": resource, "group": group}
    message = f'{what} "{name}" not found'
    return _status(HTTPStatus.NOT_FOUND, "NotFound", message, details)


def _forbidden(resource: str) -> Reply:
    message = (
        f'{resource}.metrics.k8s.io is forbidden: User "fake" cannot list resource'
        f' "{resource}" in API group "metrics.k8s.io" at the cluster scope'
    )
    details = {"group": "metrics.k8s.io", "kind": resource}
    return _status(HTTPStatus.FORBIDDEN, "Forbidden", message, details)
