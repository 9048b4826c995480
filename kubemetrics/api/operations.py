"""Every operation of the API as a flow; one `Api` belongs to one client."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from urllib.parse import parse_qsl, quote, urlsplit

from ..errors import (
    ApiError,
    BadRequest,
    KubeMetricsError,
    NotFound,
    check_options,
    check_type,
)
from ..flow import BodySink, Flow, Query, Request, Response, Share, attempt
from .exchange import RetryPolicy, send
from .lists import ListOptions, ResourceList

if TYPE_CHECKING:
    from ..models.metrics import NodeMetrics, PodMetrics
    from ..models.node import Node
    from ..models.pod import Pod
    from .lists import Kind, Pages
    from .metrics_group import MetricsGroup

# ruff: noqa: PLC0415 - models, and what reads them, are imported by the first operation
# that returns one: importing the client takes none, listing samples no pods and nodes.

M = TypeVar("M")

_JSON: Final = (("content-type", "application/json"),)
_MOST_WARNINGS: Final = 1000


class Api:
    """The API of one server, as flows.

    *on_warning* is called once with each distinct ``Warning:`` text of the server, and
    with what a watch cannot read.
    What is learned (which version of the metrics API is served) is remembered.
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
        self._metrics: dict[str, MetricsGroup] = {}

    def get(
        self,
        path: str,
        query: Query = (),
        sink: Callable[[Share], BodySink] | None = None,
        *,
        accept: str = "",
    ) -> Flow[Response]:
        """Send a GET and return its 2xx answer; *accept* are its media types."""
        headers = (("accept", accept),) if accept else ()
        return self._send(Request(path=path, query=query, headers=headers, sink=sink))

    def get_metrics(
        self,
        tail: str,
        query: Query = (),
        sink: Callable[[Share], BodySink] | None = None,
    ) -> Flow[Response]:
        """GET *tail* below the version of the metrics API that is served.

        There is no discovery: the version that is served nearly everywhere is asked
        for, and only a failure is looked into.

        Raises:
            MetricsUnavailable: the API is absent or down.
            Forbidden: with what explains it.
            ApiError: any other answer, as it is.
        """
        from ..models.metrics import GROUP_PATH, KNOWN_VERSIONS

        group = self._metrics.get("group")
        version = group.version if group else KNOWN_VERSIONS[0]
        before = group.discoveries if group else 0
        try:
            return (yield from self.get(f"{GROUP_PATH}/{version}{tail}", query, sink))
        except ApiError as error:
            failure = error
        from .metrics_group import MetricsGroup

        made = group or MetricsGroup(self.get, self.post)
        group = self._metrics.setdefault("group", made)  # one, whoever fails first
        return (yield from group.recovered(failure, version, tail, query, since=before))

    def get_page(
        self,
        path: str,
        query: Query,
        sink: Callable[[Share], BodySink],
        answered: Callable[[Response], None],
    ) -> Flow[Response]:
        """Send a GET as `lists.Send` does."""

        def heard(response: Response) -> None:
            answered(response)
            self._warn(response)

        request = Request(path=path, query=query, sink=sink)
        return send(request, self.retry, heard)

    def get_raw(self, path: str) -> Flow[Response]:
        """GET a path, query included, as ``kubectl get --raw`` does."""
        parts = urlsplit(_checked(path))
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        return self.get(parts.path, query)

    def post(self, path: str, obj: Mapping[str, object]) -> Flow[Mapping[str, Any]]:
        """POST a JSON object (an access review) and return the answered one."""
        from ..wire import decode

        body = json.dumps(obj, separators=(",", ":")).encode()
        request = Request(method="POST", path=path, headers=_JSON, body=body)
        response = yield from self._send(request)
        return decode(
            response.body, cast("type[dict[str, Any]]", dict), url=response.url
        )

    def list_pods(self, options: ListOptions) -> Flow[ResourceList[Pod]]:
        """List pods."""
        return self._list("pods", pod_kind(), options)

    def list_nodes(self, options: ListOptions) -> Flow[ResourceList[Node]]:
        """List nodes."""
        check_options(options, ListOptions)
        return self._list("nodes", node_kind(), {**options, "namespace": None})

    def pages_of_pods(self, options: ListOptions) -> Pages[Pod]:
        """List pods page by page."""
        from .lists import Pages

        check_options(options, ListOptions)
        path = _path("/api/v1", "pods", options.get("namespace"))
        return Pages(partial(self.get_page, path), pod_kind(), options)

    def pages_of_objects(
        self, path: str, options: ListOptions
    ) -> Pages[dict[str, Any]]:
        """List what is at *path* page by page, as the JSON objects that come."""
        from .lists import Pages, any_kind

        check_options(options, ListOptions)
        parts = urlsplit(_checked(path))
        if parts.query:
            raise BadRequest(
                f"a list's path has no query: {path[:200]!r}; pass label_selector="
                " and the like",
                status=400,
            )
        place = _in_namespace(parts.path, options.get("namespace"))
        return Pages(partial(self.get_page, place), any_kind(), options)

    def list_pod_metrics(self, options: ListOptions) -> Flow[ResourceList[PodMetrics]]:
        """List the samples of pods."""
        return self._list_metrics("pods", pod_metrics_kind(), options)

    def list_node_metrics(
        self, options: ListOptions
    ) -> Flow[ResourceList[NodeMetrics]]:
        """List the samples of nodes."""
        check_options(options, ListOptions)
        return self._list_metrics(
            "nodes", node_metrics_kind(), {**options, "namespace": None}
        )

    def get_pod(self, name: str, namespace: str) -> Flow[Pod]:
        """Get a pod."""
        return self._get(_path("/api/v1", "pods", namespace, _named(name)), pod_kind())

    def get_node(self, name: str) -> Flow[Node]:
        """Get a node."""
        return self._get(_path("/api/v1", "nodes", None, _named(name)), node_kind())

    def get_namespace(self, name: str) -> Flow[Response]:
        """Ask whether there is a namespace of this name."""
        return self.get(_path("/api/v1", "namespaces", None, _named(name)))

    def get_pod_metrics(self, name: str, namespace: str) -> Flow[PodMetrics]:
        """Get the sample of a pod; without one, say whether there is such a pod."""
        tail = _path("", "pods", namespace, _named(name))
        return self._get_pod_metrics(name, namespace, tail)

    def _get_pod_metrics(
        self, name: str, namespace: str, tail: str
    ) -> Flow[PodMetrics]:
        from .lists import read_object

        try:
            response = yield from self.get_metrics(tail)
        except NotFound as error:
            pod = yield from attempt(self.get_pod(name, namespace))
            raise _missing_sample(error, pod, f"{namespace}/{name}") from None
        return read_object(response, pod_metrics_kind())

    def get_node_metrics(self, name: str) -> Flow[NodeMetrics]:
        """Get the sample of a node; without one, say whether there is such a node."""
        return self._get_node_metrics(_path("", "nodes", None, _named(name)))

    def _get_node_metrics(self, tail: str) -> Flow[NodeMetrics]:
        from .lists import read_object

        try:
            response = yield from self.get_metrics(tail)
        except NotFound as error:
            if error.details.get("kind") == "nodemetrics":
                raise error.explained(_UNSAMPLED_NODE) from None
            raise
        return read_object(response, node_metrics_kind())

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

    def _get(self, path: str, kind: Kind[M]) -> Flow[M]:
        from .lists import read_object

        return read_object((yield from self.get(path)), kind)

    def _list(
        self, resource: str, kind: Kind[M], options: ListOptions
    ) -> Flow[ResourceList[M]]:
        from .lists import list_all

        check_options(options, ListOptions)
        path = _path("/api/v1", resource, options.get("namespace"))
        return list_all(partial(self.get_page, path), kind, options)

    def _list_metrics(
        self, resource: str, kind: Kind[M], options: ListOptions
    ) -> Flow[ResourceList[M]]:
        from .lists import list_all

        check_options(options, ListOptions)
        tail = _path("", resource, options.get("namespace"))
        # metrics-server ignores limit, continue and resourceVersion.
        whole: ListOptions = {
            **options,
            "chunk_size": 0,
            "resource_version": None,
            "resource_version_match": None,
        }

        def send_whole(
            query: Query, sink: Callable[[Share], BodySink], _: object
        ) -> Flow[Response]:
            return self.get_metrics(tail, query, sink)

        return list_all(send_whole, kind, whole)

    def _send(self, request: Request) -> Flow[Response]:
        return send(request, self.retry, self._warn)

    def warn(self, text: str) -> None:
        """Pass on a warning of our own."""
        if self._on_warning is not None:
            self._on_warning(text)

    def _warn(self, response: Response) -> None:
        """Pass on the warnings that are new; source: client-go rest/warnings.go."""
        if self._on_warning is None or "warning" not in response.headers:
            return
        from .answers import warnings_of

        for text in warnings_of(response):
            mine = object()
            if len(self._warned) < _MOST_WARNINGS and (
                self._warned.setdefault(text, mine) is mine
            ):
                self._on_warning(text)


def pod_kind() -> Kind[Pod]:
    """Return how pods are read."""
    from ..models.pod import Pod
    from ..wire import PodListWire, PodWire
    from .lists import Kind

    return Kind("Pod", PodWire, PodListWire, Pod.from_json)


def node_kind() -> Kind[Node]:
    """Return how nodes are read."""
    from ..models.node import Node
    from ..wire import NodeListWire, NodeWire
    from .lists import Kind

    return Kind("Node", NodeWire, NodeListWire, Node.from_json)


def pod_metrics_kind() -> Kind[PodMetrics]:
    """Return how the samples of pods are read."""
    from ..models.metrics import PodMetrics
    from ..wire import PodMetricsListWire, PodMetricsWire
    from .lists import Kind

    return Kind("PodMetrics", PodMetricsWire, PodMetricsListWire, PodMetrics.from_json)


def node_metrics_kind() -> Kind[NodeMetrics]:
    """Return how the samples of nodes are read."""
    from ..models.metrics import NodeMetrics
    from ..wire import NodeMetricsListWire, NodeMetricsWire
    from .lists import Kind

    return Kind(
        "NodeMetrics", NodeMetricsWire, NodeMetricsListWire, NodeMetrics.from_json
    )


def _path(prefix: str, resource: str, namespace: str | None, name: str = "") -> str:
    check_type("namespace", namespace, "str | None")
    parts = [f"/namespaces/{_segment(namespace)}"] if namespace else []
    tail = [f"/{_segment(name)}"] if name else []
    return "".join([prefix, *parts, f"/{resource}", *tail])


def _checked(path: str) -> str:
    """Return a path on the server.

    Raises:
        BadRequest: it is none.
    """
    check_type("path", path, "str")
    if not path.startswith("/") or path.startswith("//") or not path.isprintable():
        raise BadRequest(f"not a path on the server: {path[:200]!r}", status=400)
    return path


def _in_namespace(path: str, namespace: str | None) -> str:
    """Return the path of a list within *namespace*: before the resource it names."""
    if not namespace:
        return path
    head, _, resource = path.rstrip("/").rpartition("/")
    if "/namespaces/" in path:
        raise BadRequest(f"{path[:200]!r} names a namespace already", status=400)
    return f"{head}/namespaces/{_segment(namespace)}/{resource}"


def _named(name: str) -> str:
    """Return a name, which must not be empty: its path would be that of the list."""
    check_type("name", name, "str")
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
    """Return *error* with its cause: no such pod, or a pod that has no sample.

    The metrics API answers the same to both.

    It knows running pods only, so that a finished one is "not found" there.
    """
    if not isinstance(pod, KubeMetricsError):
        return error.explained(
            f"pod {name} exists, in phase {pod.phase or 'unknown'}, and has no sample"
        )
    if isinstance(pod, NotFound):
        return error.explained(f"there is no pod {name}")
    return error
