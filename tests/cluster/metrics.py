"""metrics.k8s.io as kube-apiserver's aggregator and metrics-server answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any

from .clock import Clock
from .core import entry_test, json_answer, list_answer, list_json
from .encoding import BodyCache
from .exchange import Answer, Problem, Seen, text_answer
from .negotiation import Shape, negotiate
from .quantities import add_texts
from .rbac import Identity, forbidden
from .requestinfo import RequestInfo
from .samples import SampleStore
from .selectors import label_selector, metrics_fields
from .status import no_such_route, not_found, page_not_found, problem, unauthorized
from .store import Store
from .table import Printer, Row, Table

GROUP = "metrics.k8s.io"
#: What can be the matter with the metrics API, by the names of the recordings.
STATES = (
    "healthy",
    "absent",
    "down",
    "down-just-now",
    "warming",
    "warming-1",
    "warming-2",
    "front-proxy-forbidden",
    "front-proxy-unauthorized",
)
_PROXIED = (("Cache-Control", "no-cache, private"),)
_HTTP2_LIMIT = 4096
_ANONYMOUS = Identity("system:anonymous", ())
_DOWN = ("down", "warming-1")
_WARMING = ("warming", "warming-2")


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured resource: its kind, samples, and the objects they belong to."""

    kind: str
    samples: SampleStore
    objects: Store
    _: KW_ONLY
    namespaced: bool


class Metrics:
    """Answers below `/apis/metrics.k8s.io/<version>`."""

    def __init__(self, pods: Measured, nodes: Measured, clock: Clock) -> None:
        self._table = Table(_PRINTER, clock)
        self._measured = {"pods": pods, "nodes": nodes}
        self._compressed = BodyCache(64 << 20)

    def answer(self, seen: Seen, info: RequestInfo, state: str) -> Answer:
        """Answer a read in *state*; RBAC has allowed it already."""
        refuse_unless_served(state)
        if state == "front-proxy-forbidden":
            raise proxied(forbidden(_ANONYMOUS, info))
        if state == "front-proxy-unauthorized":
            raise proxied(unauthorized())
        measured = self._measured.get(info.resource)
        if measured is None or info.subresource:
            raise proxied(no_such_route())
        try:
            return _through_proxy(self._read(seen, info, measured, state))
        except Problem as refusal:
            raise proxied(refusal) from None

    def _read(
        self, seen: Seen, info: RequestInfo, measured: Measured, state: str
    ) -> Answer:
        if info.verb == "watch":
            raise _no_watch(info)
        if info.name:
            return self._get(seen, info, measured, empty=state in _WARMING)
        return self._list(seen, info, measured, empty=state in _WARMING)

    def _get(
        self, seen: Seen, info: RequestInfo, measured: Measured, *, empty: bool
    ) -> Answer:
        shape = negotiate(seen.accept, frozenset({Shape.TABLE}))
        if measured.namespaced != bool(info.namespace):
            raise no_such_route()
        sample = None if empty else measured.samples.get(info.namespace, info.name)
        if sample is None:
            raise _missing(info, measured)
        if shape is Shape.TABLE:
            return json_answer(bytes(self._table.json([sample.entry()], {})))
        head = f'{{"kind":"{measured.kind}","apiVersion":"{GROUP}/{info.version}",'
        return json_answer(head.encode() + sample.entry().raw[1:] + b"\n")

    def _list(
        self, seen: Seen, info: RequestInfo, measured: Measured, *, empty: bool
    ) -> Answer:
        shape = negotiate(seen.accept, frozenset({Shape.TABLE}))
        labels = label_selector(seen.query.get("labelSelector", ""))
        fields = metrics_fields(seen.query.get("fieldSelector", ""))
        test = entry_test(labels, fields, seen.query)
        entries = [] if empty else measured.samples.entries()
        if measured.namespaced and info.namespace:
            entries = [e for e in entries if e.namespace == info.namespace]
        if test is not None:
            entries = [e for e in entries if test(e)]
        if shape is Shape.TABLE:
            return json_answer(bytes(self._table.json(entries, {})))
        version = f"{GROUP}/{info.version}"
        made = partial(list_json, measured.kind, version, {}, entries)
        key = (seen.target, measured.samples.version)
        return list_answer(made, seen, self._compressed, key)


def refuse_unless_served(state: str) -> None:
    """Raise the aggregator's own text when it cannot reach the metrics API."""
    if state == "absent":
        raise Problem(page_not_found())
    if state in _DOWN:
        text = "service unavailable\n"
    elif state == "down-just-now":
        text = (
            "error trying to reach service: dial tcp 127.0.0.1:4443: "
            "connect: connection refused\n"
        )
    else:
        return
    raise Problem(text_answer(HTTPStatus.SERVICE_UNAVAILABLE, text))


def proxied(refusal: Problem) -> Problem:
    return Problem(_through_proxy(refusal.answer))


def _through_proxy(answer: Answer) -> Answer:
    """Mark an answer as relayed: a second Cache-Control, HTTP/2's larger buffer."""
    return replace(
        answer, headers=(*_PROXIED, *answer.headers), plain_limit=_HTTP2_LIMIT
    )


def _no_watch(info: RequestInfo) -> Problem:
    return problem(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        f'watch is not supported on resources of kind "{info.resource}.{GROUP}"',
        {"group": GROUP, "kind": info.resource},
    )


def _missing(info: RequestInfo, measured: Measured) -> Problem:
    """Tell a pod that does not run from one that runs without a sample.

    metrics-server's informer knows running pods only, so that any other pod is
    "not found" as if there were none.
    """
    known = measured.objects.get(info.namespace, info.name)
    if not measured.namespaced:
        if known is None:
            return not_found("node", info.name)
        return not_found("nodemetrics", info.name, GROUP, f"nodemetrics.{GROUP}")
    if known is None or known.fields.get("status.phase") != "Running":
        return not_found("pods", info.name)
    full_name = f"{info.namespace}/{info.name}"
    return not_found("podmetrics", full_name, GROUP, f"podmetrics.{GROUP}")


def _row(obj: Mapping[str, Any]) -> Row:
    measured = obj.get("containers", [obj])
    usages = [container["usage"] for container in measured]
    cpu = add_texts([usage["cpu"] for usage in usages])
    memory = add_texts([usage["memory"] for usage in usages])
    return Row((obj["metadata"]["name"], cpu, memory, obj["window"]))


_PRINTER = Printer(
    columns=(
        ("Name", "string", "name", 0),
        ("cpu", "string", "quantity", 0),
        ("memory", "string", "quantity", 0),
        ("Window", "string", "duration", 0),
    ),
    row=_row,
    after_metadata=b',"timestamp":',
)
