"""`PodMetrics` and `NodeMetrics`: samples of usage from ``metrics.k8s.io``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from .. import jsonread
from ..errors import DecodeError
from ..frozen import dataclass, maker
from ..jsonread import Object
from ..quantity import Quantity
from ..times import parse_duration, parse_rfc3339
from ..wire import ContainerMetricsWire, NodeMetricsWire, PodMetricsWire
from . import CPU, MEMORY, Pool, Quantities, sample_meta, total

GROUP: Final = "metrics.k8s.io"
GROUP_PATH: Final = f"/apis/{GROUP}"
KNOWN_VERSIONS: Final = ("v1beta1", "v1")
"""v1 is GA in Kubernetes 1.37 (KEP-5207); metrics-server serves v1beta1 only so far."""


@dataclass(frozen=True, slots=True)
class ContainerMetrics:
    """One container's *usage*: CPU in cores over the window, memory in bytes."""

    name: str
    usage: Quantities

    @property
    def cpu(self) -> Quantity | None:
        """CPU in cores, averaged over the sample's window; ``None`` if not given."""
        return self.usage.get(CPU)

    @property
    def memory(self) -> Quantity | None:
        """Working set in bytes at the sample's time; ``None`` if not given."""
        return self.usage.get(MEMORY)

    @classmethod
    def from_json(
        cls, obj: ContainerMetricsWire, pool: Pool | None = None
    ) -> ContainerMetrics:
        """Read ``ContainerMetrics``.

        Raises:
            DecodeError: a value of the wrong type.
        """
        return _container(obj, pool or Pool())


@dataclass(frozen=True, slots=True, kw_only=True)
class PodMetrics:
    """One sample of a pod: CPU over ``[timestamp - window, timestamp]``.

    *timestamp* and *window* are those of its earliest container; the API may leave them
    out. Containers that the provider could not measure are simply not there. The
    object's creation time is that of the answer, so it is not kept.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    timestamp: datetime | None
    window: timedelta | None
    containers: tuple[ContainerMetrics, ...]

    @property
    def key(self) -> tuple[str, str]:
        """The pair (namespace, name), on which a sample and its pod are joined."""
        return self.namespace, self.name

    @property
    def by_container(self) -> dict[str, Quantities]:
        """Usage by name; what is given of one name twice is summed, as in *usage*."""
        named = {container.name: container.usage for container in self.containers}
        if len(named) == len(self.containers):
            return named
        return {
            name: total([c.usage for c in self.containers if c.name == name])
            for name in named
        }

    @property
    def of_whole_pod(self) -> bool:
        """Whether its only value is the pod's own, that of no container."""
        return len(self.containers) == 1 and not self.containers[0].name

    @property
    def usage(self) -> Quantities:
        """The exact sum over the containers that were measured."""
        return total([container.usage for container in self.containers])

    @property
    def cpu(self) -> Quantity | None:
        """CPU in cores: the sum over the containers measured."""
        return self.usage.get(CPU)

    @property
    def memory(self) -> Quantity | None:
        """Working set in bytes: the sum over the containers measured."""
        return self.usage.get(MEMORY)

    @classmethod
    def from_json(cls, obj: PodMetricsWire, pool: Pool | None = None) -> PodMetrics:
        """Read ``PodMetrics``.

        Raises:
            DecodeError: a value of the wrong type.
        """
        pool = pool or Pool()
        name, namespace, labels = sample_meta(obj, pool)
        make = _new_pod_metrics if cls is PodMetrics else cls
        return make(
            name=name,
            namespace=namespace,
            labels=labels,
            timestamp=_timestamp(obj, pool),
            window=_window(obj),
            containers=jsonread.children(obj, "containers", _container, pool),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMetrics:
    """One sample of a node, its system daemons and kernel included."""

    name: str
    labels: Mapping[str, str]
    timestamp: datetime | None
    window: timedelta | None
    usage: Quantities

    @property
    def cpu(self) -> Quantity | None:
        """CPU in cores, averaged over the window; ``None`` if not given."""
        return self.usage.get(CPU)

    @property
    def memory(self) -> Quantity | None:
        """Working set in bytes at the sample's time; ``None`` if not given."""
        return self.usage.get(MEMORY)

    @classmethod
    def from_json(cls, obj: NodeMetricsWire, pool: Pool | None = None) -> NodeMetrics:
        """Read ``NodeMetrics``.

        Raises:
            DecodeError: a value of the wrong type.
        """
        pool = pool or Pool()
        name, _, labels = sample_meta(obj, pool)
        return cls(
            name=name,
            labels=labels,
            timestamp=_timestamp(obj, pool),
            window=_window(obj),
            usage=pool.usage(obj, "usage"),
        )


def _container(obj: Any, pool: Pool) -> ContainerMetrics:  # noqa: ANN401 - a TypedDict
    return _new_container_metrics(pool.text(obj, "name"), pool.usage(obj, "usage"))


_new_container_metrics: Final = maker(ContainerMetrics)
_new_pod_metrics: Final = maker(PodMetrics)


def _timestamp(obj: Object, pool: Pool) -> datetime | None:
    """Read when it was; a list has few such times, as many as a cadence has seconds."""
    written: Any = obj.get("timestamp")
    try:
        return pool.shared(written, parse_rfc3339)
    except (TypeError, ValueError):  # no text, or no time: as the error says
        return jsonread.time(obj, "timestamp")


def _window(obj: Object) -> timedelta | None:
    text = jsonread.text(obj, "window")
    if not text:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise DecodeError(str(error), path="$.window") from None
