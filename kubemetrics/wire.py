"""The API's JSON, typed: exactly the fields that are read, in the API's spelling.

The shapes are in the modules of this package, by kind; each is made when its module is
imported, so that a command pays for those that it reads.
"""

from __future__ import annotations

import gc
import json
import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Final, TypedDict, TypeVar, cast, get_args, get_type_hints

from .errors import DecodeError

# JSON as Go's servers write it and Go's clients read it, for both ways to decode.


_LONG: Final = 1000
"""Digits; ``int`` refuses some thousands of them, and no field holds a hundred."""

_NO_UTF_8: Final = re.compile("[\udc80-\udcff]")


def _number(text: str) -> Decimal:
    """Read a number that is no integer: no float, so that a quantity stays exact.

    An exponent beyond what `Decimal` holds is no number to anyone.
    """
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < _LONG else Decimal(text)


DECODER: Final = json.JSONDecoder(parse_float=_number, parse_int=_integer)


def loads(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Read a whole body.

    Raises:
        JSONDecodeError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    # A byte order mark tells UTF-16 and UTF-32 apart as well, as `json.loads` does.
    encoding = json.detect_encoding(body)
    if encoding.startswith("utf-8"):
        return DECODER.decode(replaced(body.decode(encoding, "surrogateescape")))
    return DECODER.decode(body.decode(encoding, "replace"))


def replaced(text: str) -> str:
    """Put U+FFFD for each byte that was no UTF-8, as Go does.

    *text* was decoded with ``surrogateescape``, which marks each of them.
    """
    return text if text.isascii() else _NO_UTF_8.sub("\ufffd", text)


# From a body to a typed JSON object, by the faster of two ways.
#
# With the ``fast`` extra msgspec decodes a large body straight into a shape and skips
# everything else; without it, or where msgspec refuses (a ``null`` where a string is
# promised), ``json`` reads it. Either way the models' ``from_json`` is the judge.


T = TypeVar("T")

_LARGE: Final = 1 << 20
"""Bytes; below it ``json`` is done before msgspec is imported."""


@contextmanager
def collector_paused() -> Generator[None, None, None]:
    """Keep the garbage collector from walking a page's objects again and again.

    A page makes some 100,000 objects and no cycle; collecting in between took a fifth
    of the time of a large list.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def decode(body: bytes, shape: type[T], *, url: str = "") -> T:
    """Decode a JSON object into *shape*; the items of a list may come as `Items`.

    Raises:
        DecodeError: not JSON, not an object, or nested too deeply.
    """
    value: object = None
    if len(body) >= _LARGE:
        value = (_fast_decoder(cast("Hashable", shape)) or _stepwise)(body)
    if value is None:
        value = _slow(body, url)
    if not isinstance(value, dict):
        raise DecodeError(f"expected a JSON object, got {_kind(value)}", url=url)
    return cast("T", value)


def _stepwise(body: bytes) -> object:

    read = read_list(body)
    if read is None:
        return None
    envelope, items = read
    return {**envelope, "items": Items(items)}


def _slow(body: bytes, url: str) -> object:

    try:
        return loads(body)
    except json.JSONDecodeError as error:
        problem = f"not JSON at byte {error.pos} of {len(body)}: {error.msg}"
    except RecursionError:
        problem = "JSON nested too deeply"
    raise DecodeError(problem, url=url)


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


class Items:
    """The items of a list, each decoded when its turn comes, and then let go.

    Decoded together they would take more memory than the values made of them, and more
    time: samples of all pods come in one answer.
    """

    def __init__(self, items: Iterator[object]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[object]:
        """Yield each of them, once."""
        return self._items


@cache
def _fast_decoder(shape: Hashable) -> Callable[[Any], object] | None:
    try:
        import msgspec  # noqa: PLC0415 - the optional extra
    except ImportError:
        return None

    def decoder_of(shape: Any) -> Callable[[Any], object]:  # noqa: ANN401 - a type
        decoder: Any = msgspec.json.Decoder(shape)

        def decode_fast(body: Any) -> object:  # noqa: ANN401 - bytes or a part of them
            try:
                return decoder.decode(body)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                return None

        return decode_fast

    items = get_args(get_type_hints(shape).get("items"))
    if not items:
        return decoder_of(shape)
    fields = {"kind": str, "metadata": ListMetaWire, "items": list[msgspec.Raw]}
    envelope: Any = TypedDict  # of fields that are not known to a type checker
    whole = decoder_of(envelope("Envelope", fields, total=False))
    return _decoder_of_lists(whole, decoder_of(items[0]))


def _decoder_of_lists(
    whole: Callable[[Any], Any], fast: Callable[[Any], object]
) -> Callable[[Any], object]:
    def decode_one(raw: Any) -> object:  # noqa: ANN401 - a view of some bytes
        value = fast(raw)
        return _slow(bytes(raw), "") if value is None else value

    def decode_list(body: bytes) -> object:
        value = whole(body)
        if value and "items" in value:
            value["items"] = Items(map(decode_one, _drain(value["items"])))
        return value

    return decode_list


def _drain(raws: list[Any]) -> Generator[Any, None, None]:
    raws.reverse()
    while raws:
        yield raws.pop()


# What every object and list carries, and what pods and nodes share.


# The functional form, since ``continue`` is a keyword.
ListMetaWire = TypedDict(
    "ListMetaWire",
    {"resourceVersion": str, "continue": str, "remainingItemCount": int},
    total=False,
)


class OwnerReferenceWire(TypedDict, total=False):
    """``metav1.OwnerReference``."""

    kind: str
    name: str
    controller: bool


class ObjectMetaWire(TypedDict, total=False):
    """``metav1.ObjectMeta``."""

    name: str
    namespace: str
    uid: str
    resourceVersion: str
    creationTimestamp: str
    deletionTimestamp: str
    labels: dict[str, str]
    ownerReferences: list[OwnerReferenceWire]


class ConditionWire(TypedDict, total=False):
    """``v1.PodCondition`` and ``v1.NodeCondition``."""

    type: str
    status: str
    reason: str
    message: str


# A pod and a list of them.


class ResourcesWire(TypedDict, total=False):
    """``v1.ResourceRequirements``."""

    requests: dict[str, str]
    limits: dict[str, str]


class ContainerWire(TypedDict, total=False):
    """``v1.Container``."""

    name: str
    resources: ResourcesWire
    restartPolicy: str


class WaitingWire(TypedDict, total=False):
    """``v1.ContainerStateWaiting``."""

    reason: str


class RunningWire(TypedDict, total=False):
    """``v1.ContainerStateRunning``."""

    startedAt: str


class TerminatedWire(TypedDict, total=False):
    """``v1.ContainerStateTerminated``."""

    reason: str
    exitCode: int
    signal: int
    startedAt: str
    finishedAt: str


class ContainerStateWire(TypedDict, total=False):
    """``v1.ContainerState``: at most one of the three."""

    waiting: WaitingWire
    running: RunningWire
    terminated: TerminatedWire


class ContainerStatusWire(TypedDict, total=False):
    """``v1.ContainerStatus``."""

    name: str
    ready: bool
    started: bool
    restartCount: int
    state: ContainerStateWire
    lastState: ContainerStateWire
    resources: ResourcesWire
    allocatedResources: dict[str, str]


class PodSpecWire(TypedDict, total=False):
    """``v1.PodSpec``."""

    nodeName: str
    containers: list[ContainerWire]
    initContainers: list[ContainerWire]
    ephemeralContainers: list[ContainerWire]
    overhead: dict[str, str]
    resources: ResourcesWire
    priorityClassName: str


class ResourceClaimStatusWire(TypedDict, total=False):
    """``v1.NodeAllocatableResourceClaimStatus`` (alpha in 1.36, KEP-5517)."""

    resources: dict[str, str]


class PodStatusWire(TypedDict, total=False):
    """``v1.PodStatus``."""

    phase: str
    reason: str
    message: str
    qosClass: str
    startTime: str
    conditions: list[ConditionWire]
    containerStatuses: list[ContainerStatusWire]
    initContainerStatuses: list[ContainerStatusWire]
    ephemeralContainerStatuses: list[ContainerStatusWire]
    resources: ResourcesWire
    allocatedResources: dict[str, str]
    nodeAllocatableResourceClaimStatuses: list[ResourceClaimStatusWire]


class PodWire(TypedDict, total=False):
    """``v1.Pod``."""

    kind: str
    metadata: ObjectMetaWire
    spec: PodSpecWire
    status: PodStatusWire


class PodListWire(TypedDict, total=False):
    """``v1.PodList``."""

    kind: str
    metadata: ListMetaWire
    items: list[PodWire]


class WatchEventWire(TypedDict, total=False):
    """``metav1.WatchEvent`` of a pod; *object* is a Status where *type* is ERROR."""

    type: str
    object: PodWire


# A node and a list of them.


class TaintWire(TypedDict, total=False):
    """``v1.Taint``."""

    key: str
    value: str
    effect: str


class AddressWire(TypedDict, total=False):
    """``v1.NodeAddress``."""

    type: str
    address: str


class SwapWire(TypedDict, total=False):
    """``v1.NodeSwapStatus``."""

    capacity: int


class NodeInfoWire(TypedDict, total=False):
    """``v1.NodeSystemInfo``."""

    architecture: str
    operatingSystem: str
    osImage: str
    kernelVersion: str
    containerRuntimeVersion: str
    kubeletVersion: str
    swap: SwapWire


class NodeSpecWire(TypedDict, total=False):
    """``v1.NodeSpec``."""

    unschedulable: bool
    taints: list[TaintWire]
    providerID: str


class NodeStatusWire(TypedDict, total=False):
    """``v1.NodeStatus``."""

    capacity: dict[str, str]
    allocatable: dict[str, str]
    conditions: list[ConditionWire]
    addresses: list[AddressWire]
    nodeInfo: NodeInfoWire


class NodeWire(TypedDict, total=False):
    """``v1.Node``."""

    kind: str
    metadata: ObjectMetaWire
    spec: NodeSpecWire
    status: NodeStatusWire


class NodeListWire(TypedDict, total=False):
    """``v1.NodeList``."""

    kind: str
    metadata: ListMetaWire
    items: list[NodeWire]


# What ``metrics.k8s.io`` answers.


class ContainerMetricsWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``ContainerMetrics``."""

    name: str
    usage: dict[str, str]


class PodMetricsWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``PodMetrics``."""

    kind: str
    metadata: ObjectMetaWire
    timestamp: str
    window: str
    containers: list[ContainerMetricsWire]


class NodeMetricsWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``NodeMetrics``."""

    kind: str
    metadata: ObjectMetaWire
    timestamp: str
    window: str
    usage: dict[str, str]


class PodMetricsListWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``PodMetricsList``."""

    kind: str
    metadata: ListMetaWire
    items: list[PodMetricsWire]


class NodeMetricsListWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``NodeMetricsList``."""

    kind: str
    metadata: ListMetaWire
    items: list[NodeMetricsWire]


# A ``Status`` and what discovery says of a group.


class StatusWire(TypedDict, total=False):
    """``metav1.Status``."""

    kind: str
    metadata: ListMetaWire
    status: str
    message: str
    reason: str
    details: dict[str, Any]
    code: int


class GroupVersionWire(TypedDict, total=False):
    """``metav1.GroupVersionForDiscovery``."""

    groupVersion: str
    version: str


class APIGroupWire(TypedDict, total=False):
    """``metav1.APIGroup``."""

    name: str
    versions: list[GroupVersionWire]
    preferredVersion: GroupVersionWire


# A large list read by ``json`` one item at a time.
#
# Read whole, its tree takes five times the memory of the values that are made of it:
# the samples of all pods come in one answer, which has no pages.


_SPACE: Final = " \t\n\r"


def read_list(
    body: bytes, *, window: int = 1 << 20
) -> tuple[dict[str, Any], Generator[object, None, None]] | None:
    """Return what comes before the items, and the items as they are asked for.

    ``None`` where the body is not laid out as the API lays a list out (its metadata
    first, its items last), and where it is no JSON: then it is to be read whole.
    *window* is how many bytes are looked at together.
    """
    if not body.rstrip().endswith(b"]}"):
        return None
    text = _Text(body, window)
    try:
        envelope = _envelope(text)
    except (ValueError, IndexError, RecursionError):
        return None
    return (envelope, _items(text)) if "metadata" in envelope else None


class _Text:
    """Bytes read as JSON from the left, a window at a time."""

    def __init__(self, body: bytes, window: int) -> None:
        self._body = memoryview(body)
        self._window = window
        self._taken = 0
        self._decode = getincrementaldecoder("utf-8")("surrogateescape").decode
        self._scan = DECODER.raw_decode
        self._text = ""
        self._at = 0

    def peek(self) -> str:
        """Return the next character that is no white space.

        Raises:
            IndexError: there is none.
        """
        while True:
            while self._at < len(self._text):
                char = self._text[self._at]
                if char not in _SPACE:
                    return char
                self._at += 1
            if not self._widen():
                raise IndexError

    def expect(self, mark: str) -> None:
        """Go past *mark*.

        Raises:
            ValueError: something else is there.
            IndexError: nothing is.
        """
        if self.peek() != mark:
            raise ValueError(f"expected {mark}")
        self._at += 1

    def value(self) -> Any:  # noqa: ANN401 - JSON
        """Read a value; one that the window cuts is tried again in a wider one."""
        self.peek()
        while True:
            try:
                found, end = self._scan(self._text, self._at)
            except json.JSONDecodeError as error:
                # What the window cuts fails near its end; all else is wrong.
                if len(self._text) - error.pos > self._window or not self._widen():
                    raise
            else:
                if end < len(self._text) or not self._widen():
                    self._at = end
                    return found

    def rest(self) -> str:
        """Return all that is left."""
        while self._widen():
            pass
        return self._text[self._at :]

    def place(self) -> str:
        """Say where it stands, for an error."""
        return f"before byte {self._taken} of {len(self._body)}"

    def _widen(self) -> bool:
        """Take in more; return whether there was any."""
        more = self._body[self._taken : self._taken + self._window]
        self._taken += len(more)
        last = self._taken == len(self._body)
        self._text = self._text[self._at :] + replaced(self._decode(more, last))
        self._at = 0
        return bool(more)


def _envelope(text: _Text) -> dict[str, Any]:
    """Read an object up to its first item."""
    found: dict[str, Any] = {}
    text.expect("{")
    while True:
        key = text.value()
        text.expect(":")
        if key == "items":
            text.expect("[")
            return found
        found[key] = text.value()
        text.expect(",")


def _items(text: _Text) -> Generator[object, None, None]:
    try:
        more = text.peek() != "]"
        if not more:
            text.expect("]")
        while more:
            yield text.value()
            more = text.peek() != "]"
            text.expect("," if more else "]")
        # What may follow is read as well: it must be JSON.
        json.loads("{" + text.rest().lstrip(_SPACE).removeprefix(","))
    except (ValueError, IndexError) as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        said = problem or "cut short"
        raise DecodeError(f"not JSON {text.place()}: {said}") from None
    except RecursionError:
        raise DecodeError("JSON nested too deeply") from None
