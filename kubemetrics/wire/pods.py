"""A pod and a list of them."""

from __future__ import annotations

from typing import TypedDict

from .meta import ConditionWire, ListMetaWire, ObjectMetaWire


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
