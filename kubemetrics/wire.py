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
from collections.abc import (
    Callable,
    Generator,
    Hashable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from functools import cache
from io import BytesIO
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


Buffer: TypeAlias = bytes | memoryview

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
    body: bytes,
    shape: type[T],
    *,
    url: str = "",
    room: Room | None = None,
    taken: int = 0,
) -> T:
    """Decode a JSON object into *shape*; the items of a list may come as `Items`.

    *taken* bytes of the body were read before, by an `ItemSplitter`.

    Raises:
        DecodeError: not JSON, not an object, nested too deeply, or far larger when
            decoded than any answer but a list's; *room* says what a list may take.
    """
    room = room or _little_room
    value: object = None
    if len(body) >= _LARGE:
        value = _fast(body, cast("Hashable", shape), room)
    if value is None:
        value = _slow(body, url, room, taken)
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


def _slow(body: bytes, url: str, room: Room = _little_room, taken: int = 0) -> object:
    if len(body) >= _LARGE:
        room(cost(body))
    try:
        return loads(body)
    except json.JSONDecodeError as error:
        at, size = error.pos + taken, len(body) + taken
        problem = f"not JSON at byte {at} of {size}: {error.msg}"
    except RecursionError:
        problem = "JSON nested too deeply"
    except _TooLargeError:
        problem = f"JSON with more than {_FRACTIONS} fractions"
    raise DecodeError(problem, url=url)


def cost(body: bytes) -> int:
    """Return about how many bytes of memory *body* takes when ``json`` decodes it.

    Three bytes may become a hundred. A key counts as if no other were equal: of honest
    lists, whose keys are, this is three times what they take; of dishonest ones it is
    less than a half below it.
    """
    objects = body.count(b"{")
    text = 2 * _width(body) * len(body)  # whole, and once more in its values
    filled = objects - body.count(b"{}")
    keys = 160 * body.count(b'":')
    listed = 48 * (objects + body.count(b"[")) + 42 * body.count(b",")
    return text + listed + 90 * filled + keys


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


class ItemSplitter:
    """Takes the items of a large list out of its text while that comes.

    Neither text nor objects of a list are then in memory whole, and most of it is
    decoded when its last byte comes. Where one item ends and the next begins is seen by
    what the first one begins with, and proved: between brackets the items are JSON.
    What does not look like that (metadata last, blanks, another kind) stays as it is.
    """

    def __init__(self, kind: str, shape: type[Mapping[str, object]]) -> None:
        self._kind = kind
        self._shape = cast("Hashable", shape)
        self._head = b""
        self._between = b""
        self._parts: list[bytes] = []
        self._unsplit: BytesIO | None = None
        self._size = 0
        self._enough = _PIECE
        self.taken: int = 0

    @property
    def size(self) -> int:
        """Bytes of text that are kept."""
        return len(self._head) + self._size

    def feed(self, piece: bytes, room: Room) -> Items | None:
        """Take more of the text; returns the items that are whole."""
        self._size += len(piece)
        if self._unsplit is not None:
            self._unsplit.write(piece)
            return None
        if self._size < self._enough:
            self._parts.append(piece)
            return None
        if not self._head:
            piece = self._opened(b"".join((*self._parts, piece)))
            if not self._head:
                self._unsplit = BytesIO()
                self._unsplit.write(piece)
                return None
        end = piece.rfind(self._between) + 1
        whole: tuple[Buffer, ...] = (*self._parts, memoryview(piece)[:end])
        items = _items_in(whole, self._shape, room) if end else None
        if items is None:
            # Less and less often: a text that cannot be split costs twice at most.
            self._parts.append(piece)
            self._enough = 2 * self._size
            return None
        self._parts = [piece[end + 1 :]]
        self.taken += self._size - len(self._parts[0])
        self._size, self._enough = len(self._parts[0]), _PIECE
        return items

    def finish(self, room: Room) -> bytes:
        """Return what is left of the text: all of it but the items it gave."""
        if self._unsplit is not None:
            return self._unsplit.getvalue()  # no copy of it, as joining is
        room(self.size)
        return b"".join((self._head, *self._parts))

    def _opened(self, text: bytes) -> bytes:
        """Return *text* from its first item on, if this is the list asked for."""
        self._parts.clear()
        found = _FIRST_ITEM.search(text, 0, _HEAD)
        if found is None:
            return text
        head = text[: found.start(1)]
        try:
            envelope = loads(head + b"]}")
        except (ValueError, RecursionError, _TooLargeError):
            return text
        kind, items = str(envelope.get("kind")), envelope.get("items")
        if not kind.endswith(self._kind) or items != []:
            return text
        self._head, self._between = head, b"}," + found[1]
        self._size -= len(head)
        return text[len(head) :]


_PIECE: Final = 1 << 18
"""Bytes; a list that is no larger is read whole."""

_MOST_A_BYTE: Final = 40
"""Bytes of memory that one byte of JSON may take, see `cost`."""

_HEAD: Final = 1 << 16
"""Bytes of a list within which its first item begins."""

_FIRST_ITEM: Final = re.compile(rb'"items":\[(\{"\w+":.)')


def _items_in(parts: Sequence[Buffer], shape: Hashable, room: Room) -> Items | None:
    """Decode what stands between the brackets of an array, if it is whole."""
    room(sum(map(len, parts)))
    text = b"".join((b'{"items":[', *parts, b"]}"))
    fast = _fast_decoder(shape)
    if len(text) < _LARGE:  # little in any case, and counting takes its time
        room(_MOST_A_BYTE * len(text))
    else:
        room(_cost_of_split(text) if fast else cost(text))
    if fast is not None:
        split = cast("dict[str, Items] | None", fast(text))
        return split["items"] if split else None
    try:
        return Items(loads(text)["items"], _as_it_is)
    except (ValueError, RecursionError, _TooLargeError):
        return None


def _as_it_is(item: object) -> object:
    return item


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
    envelope: Any = TypedDict  # of fields that are not known to a type checker
    fields = {"kind": str, "apiVersion": str, "metadata": ListMetaWire}
    item: Any = items[0]

    def decoder_of_lists(items: object) -> Callable[[Any], object]:
        return decoder_of(envelope("Envelope", {**fields, "items": items}, total=False))

    return _decoder_of_lists(
        decoder_of_lists(list[item]),
        decoder_of_lists(list[msgspec.Raw]),
        decoder_of(item),
    )


@cache
def _items_of(shape: Hashable) -> tuple[Any, ...]:
    """Return the shape of a list's items, as the only one; none for what is no list."""
    return get_args(get_type_hints(shape).get("items"))


def _decoder_of_lists(
    whole: Callable[[Any], Any],
    split: Callable[[Any], Any],
    one: Callable[[Any], object],
) -> Callable[[Any], object]:
    def decode_one(raw: Any) -> object:  # noqa: ANN401 - a view of some bytes
        # A large one may hold what is not so large until it is decoded.
        value = one(raw) if memoryview(raw).nbytes < _LARGE else None
        return _slow(bytes(raw), "") if value is None else value

    def decode_list(body: bytes) -> object:
        # Of a small list no item is large, and all but ever each is well.
        value = whole(body) if len(body) < 2 * _PIECE else None
        apart = value is None
        if apart:
            value = split(body)
        if value and "items" in value:
            value["items"] = Items(value["items"], decode_one if apart else _as_it_is)
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
    """``v1.PodCondition``, and what ``v1.NodeCondition`` shares with it."""

    type: str
    status: str
    reason: str
    message: str


class NodeConditionWire(ConditionWire, total=False):
    """``v1.NodeCondition``."""

    lastTransitionTime: str


class ResourcesWire(TypedDict, total=False):
    """``v1.ResourceRequirements``."""

    requests: dict[str, str]
    limits: dict[str, str]


class ContainerWire(TypedDict, total=False):
    """``v1.Container``."""

    name: str
    image: str
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
    conditions: list[NodeConditionWire]
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
