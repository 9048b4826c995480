"""The API's JSON: how a body is decoded, and the typed shapes it is decoded into.

With the ``fast`` extra msgspec decodes a large body straight into a shape and skips
everything else; without it, or where msgspec refuses (a ``null`` where a string is
promised), ``json`` reads it whole. Either way the models' ``from_json`` is the judge.
The shapes have exactly the fields that are read, in the API's spelling.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import (
    Any,
    Final,
    TypeAlias,
    TypedDict,
    TypeVar,
    cast,
    get_args,
    get_type_hints,
)

from .errors import DecodeError

# `loads` reads JSON as Go's clients do (encoding/json): bytes that are no UTF-8 become
# U+FFFD, numbers of any size are taken.

_LONG: Final = 1000
"""Digits; ``int`` refuses some thousands of them, and no field holds a hundred."""

_NO_UTF_8: Final = re.compile("[\udc80-\udcff]")


_FRACTIONS: Final = 100_000
"""Numbers with a fraction in one body; the API's amounts are strings."""


class _Numbers:
    """Reads the numbers of one body."""

    def __init__(self) -> None:
        self._fractions = 0

    def fraction(self, text: str) -> Decimal:
        """Read a number that is no integer: no float, so that a quantity stays exact.

        An exponent beyond what `Decimal` holds is no number to anyone.

        Raises:
            _TooLargeError: there are more than any answer has, 100 bytes each.
        """
        self._fractions += 1
        if self._fractions > _FRACTIONS:
            raise _TooLargeError
        try:
            return Decimal(text)
        except InvalidOperation:
            return Decimal("NaN")


class _TooLargeError(Exception):
    """A body takes more memory than any answer of the API."""


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < _LONG else Decimal(text)


def loads(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Read a whole body.

    Raises:
        JSONDecodeError: it is no JSON.
        RecursionError: it is nested too deeply.
        _TooLargeError: it has too many numbers.
    """
    decoder = json.JSONDecoder(parse_float=_Numbers().fraction, parse_int=_integer)
    # A byte order mark tells UTF-16 and UTF-32 apart as well, as `json.loads` does.
    encoding = json.detect_encoding(body)
    if encoding.startswith("utf-8"):
        text = body.decode(encoding, "surrogateescape")  # marks each byte, as Go does
        return decoder.decode(text if text.isascii() else _NO_UTF_8.sub("\ufffd", text))
    return decoder.decode(body.decode(encoding, "replace"))


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


_MOST_MEMORY: Final = 64 << 20
"""Bytes that anything but a list may take when it is decoded."""

Room: TypeAlias = Callable[[int], None]
"""Hears how many bytes a body is about to take, and raises where that is too much."""


def decode(
    body: bytes, shape: type[T], *, url: str = "", room: Room | None = None
) -> T:
    """Decode a JSON object into *shape*; the items of a list may come as `Items`.

    Raises:
        DecodeError: not JSON, not an object, nested too deeply, or far larger when
            decoded than any answer but a list's; *room* says what a list may take.
    """
    room = room or _little_room
    value: object = None
    if len(body) >= _LARGE:
        value = _fast(body, cast("Hashable", shape), room)
    if value is None:
        value = _slow(body, url, room)
    if not isinstance(value, dict):
        raise DecodeError(f"expected a JSON object, got {_kind(value)}", url=url)
    return cast("T", value)


def _little_room(size: int) -> None:
    if size > _MOST_MEMORY:
        raise DecodeError(
            f"JSON that would take more than {_MOST_MEMORY >> 20} MiB of memory"
        )


def _fast(body: bytes, shape: Hashable, room: Room) -> object:
    fast = _fast_decoder(shape)
    if fast is None:
        return None
    room(_cost_of_split(body) if _items_of(shape) else cost(body))
    return fast(body)


def _slow(body: bytes, url: str, room: Room = _little_room) -> object:
    if len(body) >= _LARGE:
        room(cost(body))
    try:
        return loads(body)
    except json.JSONDecodeError as error:
        problem = f"not JSON at byte {error.pos} of {len(body)}: {error.msg}"
    except RecursionError:
        problem = "JSON nested too deeply"
    except _TooLargeError:
        problem = f"JSON with more than {_FRACTIONS} fractions"
    raise DecodeError(problem, url=url)


def cost(body: bytes) -> int:
    """Return about how many bytes of memory *body* takes when ``json`` decodes it.

    Three bytes may become a hundred. Of honest lists it is five times their length at
    most, of dishonest ones less than a third below what they take.
    """
    objects = body.count(b"{")
    text = 2 * _width(body) * len(body)  # whole, and once more in its values
    filled = objects - body.count(b"{}")
    return (
        text + 48 * (objects + body.count(b"[")) + 90 * filled + 42 * body.count(b",")
    )


def _width(body: bytes) -> int:
    """Return the bytes that Python takes for each character of *body*."""
    if body.isascii():
        return 1
    return 4 if _ASTRAL.search(body) else 2


_ASTRAL: Final = re.compile(rb"[\xf0-\xff]")


def _cost_of_split(body: bytes) -> int:
    return 72 * body.count(b",")


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


class Items:
    """The items of a list that msgspec split: each is decoded when its turn comes.

    Decoded together they would take more memory than the values made of them, and more
    time: samples of all pods come in one answer.
    """

    def __init__(self, raws: list[Any], decode: Callable[[Any], object]) -> None:
        self._raws = raws
        self._decode = decode

    def __len__(self) -> int:
        """Return how many are left."""
        return len(self._raws)

    def __iter__(self) -> Iterator[object]:
        """Yield each of them, once."""
        return map(self._decode, drain(self._raws))


def drain(items: list[T]) -> Iterator[T]:
    """Yield the items in their order, and let each go: the list ends up empty."""
    items.reverse()
    while items:
        yield items.pop()


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

    items = _items_of(shape)
    if not items:
        return decoder_of(shape)
    fields = {
        "kind": str,
        "apiVersion": str,
        "metadata": ListMetaWire,
        "items": list[msgspec.Raw],
    }
    envelope: Any = TypedDict  # of fields that are not known to a type checker
    whole = decoder_of(envelope("Envelope", fields, total=False))
    return _decoder_of_lists(whole, decoder_of(items[0]))


@cache
def _items_of(shape: Hashable) -> tuple[Any, ...]:
    """Return the shape of a list's items, as the only one; none for what is no list."""
    return get_args(get_type_hints(shape).get("items"))


def _decoder_of_lists(
    whole: Callable[[Any], Any], fast: Callable[[Any], object]
) -> Callable[[Any], object]:
    def decode_one(raw: Any) -> object:  # noqa: ANN401 - a view of some bytes
        # A large one may hold what is not so large until it is decoded.
        value = fast(raw) if memoryview(raw).nbytes < _LARGE else None
        return _slow(bytes(raw), "") if value is None else value

    def decode_list(body: bytes) -> object:
        value = whole(body)
        if value and "items" in value:
            value["items"] = Items(value["items"], decode_one)
        return value

    return decode_list


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


class MappedResourceWire(TypedDict, total=False):
    """``v1.NodeAllocatableMappedResources``."""

    name: str
    quantity: str


class OverheadResourceWire(TypedDict, total=False):
    """``v1.NodeAllocatableOverheadResources``."""

    name: str
    perPod: str
    perContainer: str


class ResourceClaimStatusWire(TypedDict, total=False):
    """``v1.NodeAllocatableResourceClaimStatus``; *resources* is 1.36's alone."""

    containers: list[str]
    mapping: list[MappedResourceWire]
    overhead: list[OverheadResourceWire]
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


class TaintWire(TypedDict, total=False):
    """``v1.Taint``."""

    key: str
    value: str
    effect: str


class SwapWire(TypedDict, total=False):
    """``v1.NodeSwapStatus``."""

    capacity: int


class NodeInfoWire(TypedDict, total=False):
    """``v1.NodeSystemInfo``."""

    kubeletVersion: str
    swap: SwapWire


class NodeSpecWire(TypedDict, total=False):
    """``v1.NodeSpec``."""

    unschedulable: bool
    taints: list[TaintWire]


class NodeStatusWire(TypedDict, total=False):
    """``v1.NodeStatus``."""

    capacity: dict[str, str]
    allocatable: dict[str, str]
    conditions: list[ConditionWire]
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


class AnyListWire(TypedDict, total=False):
    """A list of objects of any kind."""

    kind: str
    apiVersion: str
    metadata: ListMetaWire
    items: list[dict[str, Any]]


class NodeMetricsListWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``NodeMetricsList``."""

    kind: str
    metadata: ListMetaWire
    items: list[NodeMetricsWire]


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

    version: str


class APIGroupWire(TypedDict, total=False):
    """``metav1.APIGroup``."""

    name: str
    versions: list[GroupVersionWire]
