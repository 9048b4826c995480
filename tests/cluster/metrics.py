"""metrics.k8s.io as kube-apiserver's aggregator and metrics-server answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any

from kubemetrics.testing.apiserver import (
    Refusal,
    RequestInfo,
    forbidden,
    no_such_route,
    no_watch,
    sample_not_found,
    unauthorized,
)
from kubemetrics.testing.etcd import ResourceKind, Store, entry_test
from kubemetrics.testing.matching import label_selector, metrics_fields

from .clock import Clock
from .core import json_answer, list_answer, list_json
from .encoding import BodyCache
from .exchange import (
    Answer,
    Problem,
    Seen,
    page_not_found,
    refused,
    text_answer,
)
from .negotiation import Shape, negotiate
from .quantities import add_texts
from .samples import SampleStore
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
_ANONYMOUS = "system:anonymous"
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

    def at(self, info: RequestInfo) -> ResourceKind:
        """Return the kind in the version that is asked for."""
        return ResourceKind(
            kind=self.kind, api_version=info.group_version, resource=info.resource
        )


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
            return _through_proxy(refused(forbidden(_ANONYMOUS, info)))
        if state == "front-proxy-unauthorized":
            return _through_proxy(refused(unauthorized()))
        measured = self._measured.get(info.resource)
        if measured is None or info.subresource:
            return _through_proxy(refused(no_such_route()))
        try:
            return _through_proxy(self._read(seen, info, measured, state))
        except Refusal as refusal:
            return _through_proxy(refused(refusal))
        except Problem as problem:
            return _through_proxy(problem.answer)

    def _read(
        self, seen: Seen, info: RequestInfo, measured: Measured, state: str
    ) -> Answer:
        if info.verb == "watch":
            raise no_watch(info)
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
        return json_answer(measured.at(info).whole(sample.entry()) + b"\n")

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
        made = partial(list_json, measured.at(info), {}, entries)
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


def _through_proxy(answer: Answer) -> Answer:
    """Mark an answer as relayed: a second Cache-Control, HTTP/2's larger buffer."""
    return replace(
        answer, headers=(*_PROXIED, *answer.headers), plain_limit=_HTTP2_LIMIT
    )


def _missing(info: RequestInfo, measured: Measured) -> Refusal:
    known = measured.objects.get(info.namespace, info.name)
    phase = None if known is None else known.fields["status.phase"]
    return sample_not_found(info, measured.kind, phase)


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
