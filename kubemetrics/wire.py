"""The API's JSON, typed: exactly the fields that are read, in the API's spelling.

With the ``fast`` extra msgspec decodes a body straight into these shapes and skips
everything else; without it, or where msgspec refuses (a ``null`` where a string is
promised), ``json`` reads it whole. Either way the models' ``from_json`` is the judge.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from typing import Any, TypedDict, TypeVar, cast

from .errors import DecodeError

T = TypeVar("T")


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


# The functional form, since ``continue`` is a keyword.
ListMetaWire = TypedDict(
    "ListMetaWire",
    {"resourceVersion": str, "continue": str, "remainingItemCount": int},
    total=False,
)


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

    metadata: ObjectMetaWire
    spec: PodSpecWire
    status: PodStatusWire


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

    metadata: ObjectMetaWire
    spec: NodeSpecWire
    status: NodeStatusWire


class ContainerMetricsWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``ContainerMetrics``."""

    name: str
    usage: dict[str, str]


class PodMetricsWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``PodMetrics``."""

    metadata: ObjectMetaWire
    timestamp: str
    window: str
    containers: list[ContainerMetricsWire]


class NodeMetricsWire(TypedDict, total=False):
    """``metrics.k8s.io`` ``NodeMetrics``."""

    metadata: ObjectMetaWire
    timestamp: str
    window: str
    usage: dict[str, str]


class PodListWire(TypedDict, total=False):
    """``v1.PodList``."""

    kind: str
    metadata: ListMetaWire
    items: list[PodWire]


class NodeListWire(TypedDict, total=False):
    """``v1.NodeList``."""

    kind: str
    metadata: ListMetaWire
    items: list[NodeWire]


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
    """Decode a JSON object into *shape*.

    Raises:
        DecodeError: not JSON, not an object, or nested too deeply.
    """
    fast = _fast_decoder(cast("Hashable", shape))
    value = fast(body) if fast else None
    if value is None:
        value = _slow(body, url)
    if not isinstance(value, dict):
        raise DecodeError(f"expected a JSON object, got {_kind(value)}", url=url)
    return cast("T", value)


def _slow(body: bytes, url: str) -> object:
    try:
        # No float, anywhere: a quantity written as a JSON number stays exact.
        return json.loads(body, parse_float=Decimal)
    except json.JSONDecodeError as error:
        problem = f"not JSON at byte {error.pos} of {len(body)}: {error.msg}"
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 at byte {error.start} of {len(body)}"
    except RecursionError:
        problem = "JSON nested too deeply"
    except ValueError as error:  # a number of thousands of digits
        problem = f"not usable JSON: {error}"
    raise DecodeError(problem, url=url)


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


@cache
def _fast_decoder(shape: Hashable) -> Callable[[bytes], object] | None:
    try:
        import msgspec  # noqa: PLC0415 - the optional extra
    except ImportError:
        return None
    decoder: Any = msgspec.json.Decoder(cast("Any", shape))

    def decode_fast(body: bytes) -> object:
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None

    return decode_fast
