"""How pods are read; made when the first pod is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar, cast
from urllib.parse import parse_qsl, quote, urlsplit

from ..errors import BadRequest, Expired, KubeMetricsError, NotFound
from ..flow import Flow, Query, Request, Response, attempt
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Pod
from ..models.resources import Pool
from ..wire import (
    NodeListWire,
    NodeMetricsListWire,
    NodeMetricsWire,
    NodeWire,
    PodListWire,
    PodMetricsListWire,
    PodMetricsWire,
    PodWire,
    decode,
)
from .metrics_group import MetricsGroup
from .paging import (
    Kind,
    ListOptions,
    Page,
    ResourceList,
    Send,
    check_options,
    check_progress,
    read_page,
)
from .retry import RetryPolicy, send

PODS: Final = Kind("PodList", PodListWire, Pod.from_json)
POD: Final = Kind("Pod", PodWire, Pod.from_json)


# How nodes are read; made when the first node is.


NODES: Final = Kind("NodeList", NodeListWire, Node.from_json)
NODE: Final = Kind("Node", NodeWire, Node.from_json)


# How the samples of pods and nodes are read; made when the first one is.


POD_METRICS: Final = Kind("PodMetricsList", PodMetricsListWire, PodMetrics.from_json)
NODE_METRICS: Final = Kind(
    "NodeMetricsList", NodeMetricsListWire, NodeMetrics.from_json
)
POD_SAMPLE: Final = Kind("PodMetrics", PodMetricsWire, PodMetrics.from_json)
NODE_SAMPLE: Final = Kind("NodeMetrics", NodeMetricsWire, NodeMetrics.from_json)


# Lists in pages: a consistent snapshot, whatever the size of the cluster.


M = TypeVar("M")


def list_all(send: Send, kind: Kind[M], options: ListOptions) -> Flow[ResourceList[M]]:
    """Read a whole list, page by page, as of one moment.

    Where the continue token expires half-way the paging starts over once; if it expires
    again the list is read in one piece, as client-go's pager does
    (tools/pager/pager.go).

    Raises:
        ApiError: the server said no; `Expired` only for the first page.
        DecodeError: not the list that was asked for, or one that never ends.
    """
    for _ in range(2):
        listed = yield from _in_pages(send, kind, options)
        if listed is not None:
            return listed
    whole: ListOptions = {**options, "chunk_size": 0}
    listed = yield from _in_pages(send, kind, whole)
    if listed is None:  # a server that pages unasked and lets its own token expire
        raise Expired("the list expired between its pages", status=410)
    return listed


def _in_pages(
    send: Send, kind: Kind[M], options: ListOptions
) -> Flow[ResourceList[M] | None]:
    pool = Pool()
    page = yield from read_page(send, kind, options, "", pool)
    first, items, unreadable = page, page.items, page.unreadable
    tokens: set[str] = set()
    while page.token:
        _report(options, len(items), page.remaining)
        check_progress(page, tokens)
        try:
            page = yield from read_page(send, kind, options, page.token, pool)
        except Expired:
            return None
        items += page.items
        unreadable += page.unreadable
    _report(options, len(items), 0)
    return ResourceList(
        items,
        resource_version=first.resource_version,
        date=first.date,
        unreadable=unreadable,
    )


class Pages(Generic[M]):
    """A list read page by page, for who wants to keep nothing.

    While `more`, `next` is the flow of the following page. Where the continue token
    expires, reading goes on from the same name with the token that the server gives
    instead: nothing comes twice, but what follows is as of a later moment.
    """

    def __init__(self, send: Send, kind: Kind[M], options: ListOptions) -> None:
        self._send = send
        self._kind = kind
        self._options = options
        self._tokens: set[str] = set()
        self._done = 0
        self._token = ""
        self.more: bool = True

    def next(self) -> Flow[ResourceList[M]]:
        """Read the following page."""
        pool = Pool()
        try:
            page = yield from self._read(pool)
        except Expired as error:
            self._token = str(error.details.get("continue") or "")
            if not self._token:
                raise
            page = yield from self._read(pool)
        self._done += len(page.items)
        _report(self._options, self._done, page.remaining if page.token else 0)
        self._token, self.more = page.token, bool(page.token)
        if page.token:
            check_progress(page, self._tokens)
        return ResourceList(
            page.items,
            resource_version=page.resource_version,
            date=page.date,
            unreadable=page.unreadable,
        )

    def _read(self, pool: Pool) -> Flow[Page[M]]:
        return read_page(self._send, self._kind, self._options, self._token, pool)


def _report(options: ListOptions, done: int, remaining: int | None) -> None:
    progress = options.get("progress")
    if progress is not None:
        progress(done, None if remaining is None else done + remaining)


# Every operation of the API as a flow; one `Api` belongs to one client.


_JSON: Final = (("content-type", "application/json"),)
_MOST_WARNINGS: Final = 1000
_WARNING: Final = r'299 \S+ "((?:[^"\\]|\\.)*)"'


class Api:
    """The API of one server, as flows.

    *on_warning* hears each distinct ``Warning:`` text of the server once. What is
    learned (which version of the metrics API is served) is remembered for its life.
    """

    def __init__(
        self,
        *,
        retry: RetryPolicy | None = None,
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        self.retry: RetryPolicy = retry or RetryPolicy()
        self._on_warning = on_warning
        self._warned: dict[str, object] = {}
        self._metrics = MetricsGroup(self.get, self.post)

    def get(self, path: str, query: Query = ()) -> Flow[Response]:
        """Send a GET and return its 2xx answer."""
        return self._send(Request(path=path, query=query))

    def get_raw(self, path: str) -> Flow[Response]:
        """GET a path, query included, as ``kubectl get --raw`` does."""
        parts = urlsplit(path)
        if not path.startswith("/") or path.startswith("//") or not path.isprintable():
            raise BadRequest(f"not a path on the server: {path[:200]!r}", status=400)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        return self.get(parts.path, query)

    def post(self, path: str, obj: Mapping[str, object]) -> Flow[Mapping[str, Any]]:
        """POST a JSON object (an access review) and return the answered one."""
        body = json.dumps(obj, separators=(",", ":")).encode()
        request = Request(method="POST", path=path, headers=_JSON, body=body)
        response = yield from self._send(request)
        return decode(
            response.body, cast("type[dict[str, Any]]", dict), url=response.url
        )

    def list_pods(self, options: ListOptions) -> Flow[ResourceList[Pod]]:
        """List pods."""
        return self._list("pods", PODS, options)

    def list_nodes(self, options: ListOptions) -> Flow[ResourceList[Node]]:
        """List nodes."""
        return self._list("nodes", NODES, {**options, "namespace": None})

    def pages_of_pods(self, options: ListOptions) -> Pages[Pod]:
        """List pods page by page."""
        check_options(options, ListOptions)
        path = _path("/api/v1", "pods", options.get("namespace"))
        return Pages(lambda query: self.get(path, query), PODS, options)

    def list_pod_metrics(self, options: ListOptions) -> Flow[ResourceList[PodMetrics]]:
        """List the samples of pods."""
        return self._list_metrics("pods", POD_METRICS, options)

    def list_node_metrics(
        self, options: ListOptions
    ) -> Flow[ResourceList[NodeMetrics]]:
        """List the samples of nodes."""
        return self._list_metrics("nodes", NODE_METRICS, {**options, "namespace": None})

    def get_pod(self, name: str, namespace: str) -> Flow[Pod]:
        """Get a pod."""
        from .paging import read_object  # noqa: PLC0415

        response = yield from self.get(
            _path("/api/v1", "pods", namespace, _named(name))
        )
        return read_object(response, POD)

    def get_node(self, name: str) -> Flow[Node]:
        """Get a node."""
        from .paging import read_object  # noqa: PLC0415

        response = yield from self.get(_path("/api/v1", "nodes", None, _named(name)))
        return read_object(response, NODE)

    def get_pod_metrics(self, name: str, namespace: str) -> Flow[PodMetrics]:
        """Get the sample of a pod; without one, say whether there is such a pod."""
        from .paging import read_object  # noqa: PLC0415

        try:
            response = yield from self._metrics.get(
                _path("", "pods", namespace, _named(name))
            )
        except NotFound as error:
            pod = yield from attempt(self.get_pod(name, namespace))
            raise _missing_sample(error, pod, f"{namespace}/{name}") from None
        return read_object(response, POD_SAMPLE)

    def get_node_metrics(self, name: str) -> Flow[NodeMetrics]:
        """Get the sample of a node; without one, say whether there is such a node."""
        from .paging import read_object  # noqa: PLC0415

        try:
            response = yield from self._metrics.get(
                _path("", "nodes", None, _named(name))
            )
        except NotFound as error:
            if error.details.get("kind") == "nodemetrics":
                raise error.explained(_UNSAMPLED_NODE) from None
            raise
        return read_object(response, NODE_SAMPLE)

    def pods_watch(
        self, options: ListOptions, resource_version: str, seconds: int
    ) -> Request:
        """Return the request that watches pods from a version on, for so long."""
        asked = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
            "labelSelector": options.get("label_selector") or "",
            "fieldSelector": options.get("field_selector") or "",
        }
        return Request(
            path=_path("/api/v1", "pods", options.get("namespace")),
            query=tuple((name, value) for name, value in asked.items() if value),
        )

    def _list(
        self, resource: str, kind: Kind[M], options: ListOptions
    ) -> Flow[ResourceList[M]]:

        check_options(options, ListOptions)
        path = _path("/api/v1", resource, options.get("namespace"))
        return list_all(lambda query: self.get(path, query), kind, options)

    def _list_metrics(
        self, resource: str, kind: Kind[M], options: ListOptions
    ) -> Flow[ResourceList[M]]:

        check_options(options, ListOptions)
        tail = _path("", resource, options.get("namespace"))
        # metrics-server ignores limit, continue and resourceVersion.
        whole: ListOptions = {
            **options,
            "chunk_size": 0,
            "resource_version": None,
            "resource_version_match": None,
        }
        return list_all(lambda query: self._metrics.get(tail, query), kind, whole)

    def _send(self, request: Request) -> Flow[Response]:
        return send(request, self.retry, self._hear)

    def _hear(self, response: Response) -> None:
        """Pass on the warnings that are new; source: client-go rest/warnings.go."""
        header = response.headers.get("warning")
        if not header or self._on_warning is None:
            return
        for text in re.findall(_WARNING, header):
            mine = object()
            if len(self._warned) < _MOST_WARNINGS and (
                self._warned.setdefault(text, mine) is mine
            ):
                self._on_warning(re.sub(r"\\(.)", r"\1", text))


def _path(prefix: str, resource: str, namespace: str | None, name: str = "") -> str:
    parts = [f"/namespaces/{_segment(namespace)}"] if namespace else []
    tail = [f"/{_segment(name)}"] if name else []
    return "".join([prefix, *parts, f"/{resource}", *tail])


def _named(name: str) -> str:
    """Return a name, which must not be empty: its path would be that of the list."""
    if not name:
        raise BadRequest("a name is needed", status=400)
    return name


def _segment(name: str) -> str:
    """Quote a name; source of what it may not be: apimachinery api/validation/path."""
    if name in {".", ".."} or "/" in name or "%" in name:
        raise BadRequest(
            f'invalid resource name "{name}": may not be . or .., nor contain / or %',
            status=400,
        )
    return quote(name, safe="", errors="surrogatepass")  # the server will not know it


_UNSAMPLED_NODE: Final = (
    "the node exists and has no sample: is it Ready, and its kubelet reachable?"
)


def _missing_sample(
    error: NotFound, pod: Pod | KubeMetricsError, name: str
) -> NotFound:
    """Tell a pod without a sample from no pod: the metrics API says the same of both.

    It knows running pods only, so that a finished one is "not found" there.
    """
    if not isinstance(pod, KubeMetricsError):
        return error.explained(
            f"pod {name} exists, in phase {pod.phase or 'unknown'}, and has no sample"
        )
    if isinstance(pod, NotFound):
        return error.explained(f"there is no pod {name}")
    return error
