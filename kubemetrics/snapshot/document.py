"""A snapshot's lists as JSON and back: what ``-o json`` keeps, and ``--from`` reads.

The first object of a snapshot says what it is (`head_of`); the others are those of the
API, each with its *kind*. What is read back is joined by the same code as the present,
so that every view can be had of it.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from json import detect_encoding
from typing import Any, Final, TypeAlias, TypeVar, cast

from .. import errors, jsonread
from ..errors import ApiError, DecodeError, KubeMetricsError, MetricsUnavailable
from ..jsonread import EMPTY, Object, UnreadableItem, child
from ..models import Pool
from ..models.metrics import NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Pod
from ..models.written import (
    written_node,
    written_node_metrics,
    written_pod,
    written_pod_metrics,
)
from ..text import quoted
from ..times import rfc3339
from .parts import Part, PartName, Parts, Scope
from .read import SnapshotOptions
from .requirements import Matches, SelectorError, field_selector, label_selector

Json: TypeAlias = dict[str, Any]
T = TypeVar("T", Pod, PodMetrics)

_HEAD: Final = "Snapshot"
_KINDS: Final[Mapping[str, tuple[PartName, Callable[[Any], Json]]]] = {
    "Pod": ("pods", written_pod),
    "PodMetrics": ("pod metrics", written_pod_metrics),
    "Node": ("nodes", written_node),
    "NodeMetrics": ("node metrics", written_node_metrics),
}
_OF_ALL: Final[Mapping[PartName, PartName]] = {
    "pods": "all pods", "pod metrics": "all pod metrics",
}  # fmt: skip
_READERS: Final[Mapping[str, Callable[[Any, Pool], Any]]] = {
    "Pod": Pod.from_json,
    "PodMetrics": PodMetrics.from_json,
    "Node": Node.from_json,
    "NodeMetrics": NodeMetrics.from_json,
}
_EMPTY_PART: Final[Part[Any]] = Part()


def objects_of(parts: Parts, context: str = "") -> Iterator[Json]:
    """Return what was read of a *context*, the head first."""
    found: dict[str, Part[Any]] = dict(parts.named)
    yield _head(parts, found, context)
    for kind, (name, write) in _KINDS.items():
        for item in found[name].items:
            yield {"kind": kind, **write(item)}
        beyond = found.get(_OF_ALL.get(name, name), _EMPTY_PART)
        for item in beyond.items if name in _OF_ALL else ():
            yield {"kind": kind, "of": _OF_ALL[name], **write(item)}


def _head(parts: Parts, found: Mapping[str, Part[Any]], context: str) -> Json:
    return {
        "kind": _HEAD,
        "context": context,
        "whole": parts.whole,
        "narrowed": parts.narrowed,
        "someNodes": parts.some_nodes,
        "reconciled": parts.all_pods is not None,
        "ownClock": _written_time(parts.own_clock),
        "dates": {
            name: rfc3339(part.date) for name, part in found.items() if part.date
        },
        "errors": [
            {"part": name, "namespace": namespace, **_written_error(error)}
            for name, part in found.items()
            for namespace, error in part.errors.items()
        ],
        "unreadable": [
            {
                "part": name,
                "namespace": item.namespace,
                "name": item.name,
                **_written_error(item.error),
            }
            for name, part in found.items()
            for item in part.unreadable
        ],
    }


def _written_time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _written_error(error: KubeMetricsError) -> Json:
    """Return what of an error decides a reason, a note or an exit code."""
    found: Json = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, ApiError):
        found["status"] = error.status
    if isinstance(error, MetricsUnavailable):
        found["cause"] = error.cause
    return found


def snapshots_of(objects: Iterable[object]) -> list[tuple[str, Parts]]:
    """Return the context and the lists of each snapshot among *objects*.

    Raises:
        DecodeError: they are not what `objects_of` wrote; says where.
    """
    groups: list[tuple[Object, dict[str, list[Any]], Pool]] = []
    for index, obj in enumerate(objects):
        place = f"objects[{index}]"
        if not isinstance(obj, dict):
            raise DecodeError("expected an object", path=f"$.{place}")
        found = cast("Object", obj)
        with jsonread.at(place):
            kind = jsonread.text(found, "kind")
        if kind == _HEAD:
            groups.append((found, {}, Pool()))
        elif groups and kind in _KINDS:
            _, items, pool = groups[-1]
            with jsonread.at(place):
                part = jsonread.text(found, "of") or _KINDS[kind][0]
                built = _READERS[kind](cast("Any", found), pool)
                items.setdefault(part, []).append(built)
        else:
            raise DecodeError(f"unknown kind {quoted(kind)}", path=f"$.{place}.kind")
    return [
        (jsonread.text(head, "context"), _parts(head, items))
        for head, items, _ in groups
    ]


def _parts(head: Object, items: Mapping[str, Sequence[Any]]) -> Parts:
    parts: dict[str, Part[Any]] = {
        name: _part(name, head, items.get(name, ()))
        for name in (*(name for name, _ in _KINDS.values()), *_OF_ALL.values())
    }
    pods, samples = parts["pods"], parts["pod metrics"]
    found = Parts(
        pods=pods,
        pod_metrics=samples,
        nodes=parts["nodes"],
        node_metrics=parts["node metrics"],
        whole=jsonread.boolean(head, "whole"),
        narrowed=jsonread.boolean(head, "narrowed"),
        some_nodes=jsonread.boolean(head, "someNodes"),
        own_clock=jsonread.time(head, "ownClock"),
    )
    if not jsonread.boolean(head, "reconciled"):
        return found
    everything = parts["all pods"], parts["all pod metrics"]
    all_pods, all_samples = (pods, samples) if everything == _NOTHING else everything
    return replace(found, all_pods=all_pods, all_pod_metrics=all_samples)


_NOTHING: Final = (_EMPTY_PART, _EMPTY_PART)


def _part(name: str, head: Object, items: Sequence[Any]) -> Part[Any]:
    dates = child(head, "dates") or EMPTY
    written = jsonread.children(head, "errors", _errors, name)
    lost = jsonread.children(head, "unreadable", _lost, name)
    return Part(
        items=tuple(items),
        unreadable=tuple(item for found in lost for item in found),
        errors={where: error for found in written for where, error in found},
        date=jsonread.time(dates, name),
    )


def _errors(obj: Object, part: str) -> list[tuple[str, KubeMetricsError]]:
    if jsonread.text(obj, "part") != part:
        return []
    return [(jsonread.text(obj, "namespace"), _error(obj))]


def _lost(obj: Object, part: str) -> list[UnreadableItem]:
    if jsonread.text(obj, "part") != part:
        return []
    error = DecodeError("")
    error.args = (jsonread.text(obj, "message"),)
    name, namespace = jsonread.text(obj, "name"), jsonread.text(obj, "namespace")
    return [UnreadableItem(name, namespace, error)]


def _error(obj: Object) -> KubeMetricsError:
    message, kind = jsonread.text(obj, "message"), jsonread.text(obj, "type")
    cls = getattr(errors, kind, None)
    status = jsonread.integer(obj, "status")
    if cls is MetricsUnavailable:
        absent = jsonread.text(obj, "cause") == "absent"
        return MetricsUnavailable(
            message, cause="absent" if absent else "down", status=status
        )
    if isinstance(cls, type) and issubclass(cls, ApiError):
        return cls(message, status=status)
    return KubeMetricsError(message)


_LONGEST_WORD: Final = 16
_EXPONENT: Final = len("e+")
"""What may stand behind a number that goes on in the next piece."""
_CHUNK: Final = 1 << 18
_LARGEST: Final = 2 << 20
"""Characters of one object, at most: etcd holds none above 1.5 MiB."""
_OBJECT: Final = 1000
_MEMBER: Final = 100
"""Bytes of memory that an object takes, and each of its members, beside its text."""
_BLANK: Final = re.compile(r"[ \t\n\r]*")


class DocumentReader:
    """Reads a JSON object member by member while its text comes: none is held whole."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        first = next(pieces, b"")
        # As json.loads reads bytes: a shell of Windows redirects in UTF-16.
        encoding = detect_encoding(first)
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._pieces = pieces
        self._text = self._decoder.decode(first)
        self._before = self._begin = self._at = 0

    @property
    def cost(self) -> int:
        """Bytes of memory, at most, that what was read last takes as a value."""
        size = self._at - self._begin
        members = self._text.count(",", self._begin, self._at)
        return _OBJECT + _MEMBER * members + size * (1 if self._text.isascii() else 4)

    def members(self) -> Iterator[tuple[str, object]]:
        """Yield each member, and of one that is a list each item.

        What is no object has none.

        Raises:
            ValueError: it is no JSON; says where.
        """
        if self._take("{"):
            yield from self._members()
        else:
            self._value()
        if self._next():
            raise self._wrong("more behind its end")

    def _members(self) -> Iterator[tuple[str, object]]:
        more = not self._take("}")
        while more:
            name = self._value()
            if not isinstance(name, str):
                raise self._wrong("expected a name")
            self._need(":")
            if self._take("["):
                yield from ((name, item) for item in self._items())
            else:
                yield name, self._value()
            more = self._goes_on("}")

    def _items(self) -> Iterator[object]:
        more = not self._take("]")
        while more:
            yield self._value()
            more = self._goes_on("]")

    def _goes_on(self, end: str) -> bool:
        """Take the *end*, or the comma before another item."""
        if self._take(end):
            return False
        self._need(",")
        return True

    def _value(self) -> object:
        while True:
            self._next()
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._is_broken(error) or not self._more():
                    self._at = error.pos
                    raise self._wrong(error.msg) from None
                continue
            size = end - self._at
            if len(self._text) - end > _EXPONENT or not self._more():
                self._begin, self._at = self._at, self._at + size
                return value

    def _is_broken(self, error: json.JSONDecodeError) -> bool:
        """Whether what comes can mend nothing: no word or escape ends there."""
        begun = error.msg.startswith("Unterminated string")
        return not begun and error.pos < len(self._text) - _LONGEST_WORD

    def _need(self, character: str) -> None:
        if not self._take(character):
            raise self._wrong(f"expected {character!r}")

    def _take(self, character: str) -> bool:
        found = self._next() == character
        self._at += found
        return found

    def _next(self) -> str:
        """Return the next character that is no blank, nothing at the end."""
        while True:
            match = _BLANK.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read as much again as there is, so that a long value is not read often."""
        kept = self._text[self._at :]
        if len(kept) > _LARGEST:
            raise self._wrong(f"longer than {_LARGEST >> 20} MiB")
        found: list[str] = []
        size, wanted = 0, max(_CHUNK, len(kept))
        for piece in self._pieces:
            found.append(self._decoder.decode(piece))
            size += len(piece)
            if size >= wanted:
                break
        else:
            found.append(self._decoder.decode(b"", final=True))
        self._before += self._at
        self._text, self._at = "".join((kept, *found)), 0
        return len(self._text) > len(kept)

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f"{what} (character {self._before + self._at})")


_DECODER: Final = json.JSONDecoder()


def chosen(parts: Parts, options: SnapshotOptions) -> Parts:
    """Return what *options* choose of *parts*, as a server would have chosen it.

    Raises:
        ValueError: a selector cannot be parsed, or is of a field that is not kept; or
            all pods of the cluster are wanted, and not there.
    """
    scope = Scope.of(options.get("namespace"))
    node, fields = options.get("node") or "", options.get("field_selector") or ""
    labels = label_selector(options.get("label_selector") or "")
    of_node = field_selector(fields, _check_field)
    here = frozenset(scope.namespaces or ())
    pods = parts.pods if parts.all_pods is None else parts.all_pods
    samples = parts.pod_metrics
    samples = samples if parts.all_pod_metrics is None else parts.all_pod_metrics
    found = _of_nodes(parts, node, label_selector(options.get("node_selector") or ""))
    found = replace(
        found,
        pods=_kept(
            pods,
            here,
            lambda pod: (
                labels(pod.labels)
                and of_node(_fields(pod))
                and (not node or pod.node_name == node)
            ),
        ),
        pod_metrics=_kept(samples, here, lambda sample: labels(sample.labels)),
        all_pods=None,
        all_pod_metrics=None,
        narrowed=parts.narrowed or bool(node or fields),
        some_nodes=parts.some_nodes or bool(options.get("node_selector")),
    )
    if not options.get("reconcile"):
        return found
    if parts.all_pods is None and not parts.whole:
        raise ValueError(
            "it keeps some pods of the cluster, and this needs all: with -A and without"
            " a selector it has them"
        )
    return replace(found, all_pods=pods, all_pod_metrics=samples)


_KEPT_FIELDS: Final = (
    "metadata.name", "metadata.namespace", "spec.nodeName", "status.phase",
)  # fmt: skip


def _check_field(field: str) -> None:
    if field not in _KEPT_FIELDS:
        raise SelectorError(
            f"field {field:.100} is not kept: only {', '.join(_KEPT_FIELDS)}"
        )


def _fields(pod: Pod) -> Mapping[str, str]:
    values = (pod.name, pod.namespace, pod.node_name, pod.phase)
    return dict(zip(_KEPT_FIELDS, values, strict=True))


def _kept(
    part: Part[T], namespaces: frozenset[str], keep: Callable[[T], bool]
) -> Part[T]:
    """Return the items to *keep*, and what is known of the rest of these namespaces."""

    def here(namespace: str) -> bool:
        return not namespaces or namespace in namespaces

    return replace(
        part,
        items=tuple(i for i in part.items if here(i.namespace) and keep(i)),
        unreadable=tuple(i for i in part.unreadable if here(i.namespace)),
        errors={n: e for n, e in part.errors.items() if not n or here(n)},
    )


def _of_nodes(parts: Parts, name: str, labels: Matches) -> Parts:
    """Return *parts* with the node of a *name* alone, if any, and those of *labels*."""

    def here(node: str) -> bool:
        return not name or node == name

    nodes = [n for n in parts.nodes.items if here(n.name) and labels(n.labels)]
    named, known = {n.name for n in nodes}, {n.name for n in parts.nodes.items}
    samples = [
        sample
        for sample in parts.node_metrics.items
        if sample.name in named
        or (sample.name not in known and here(sample.name) and labels(sample.labels))
    ]
    return replace(
        parts,
        nodes=replace(parts.nodes, items=tuple(nodes)),
        node_metrics=replace(parts.node_metrics, items=tuple(samples)),
    )
