"""Every Kubernetes pod and its metrics, exact and explained.

    from kubemetrics import Client

    with Client() as client:
        for pod in client.list_pod_metrics():
            print(pod.namespace, pod.name, pod.cpu, pod.memory)

Names are imported when they are first used, so that ``import kubemetrics`` costs next
to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._version import __version__
from .lazy import lazily

if TYPE_CHECKING:
    from .api import ResourceList
    from .api.watch import WatchEvent
    from .client.asynchronous import AsyncClient
    from .client.sync import Client
    from .config.model import Config
    from .config.resolve import build_config_from_flags, in_cluster_config, load_config
    from .errors import (
        ApiError,
        ConfigError,
        CredentialError,
        DecodeError,
        Expired,
        Forbidden,
        KubeMetricsError,
        MetricsUnavailable,
        NotFound,
        QuantityError,
        ResponseError,
        TransportError,
        Unauthorized,
    )
    from .models.metrics import ContainerMetrics, NodeMetrics, PodMetrics
    from .models.node import Node
    from .models.pod import Container, Pod
    from .quantity import Quantity
    from .snapshot import Snapshot

_HOME: Final = {
    "ApiError": "errors",
    "AsyncClient": "client.asynchronous",
    "Client": "client.sync",
    "Config": "config.model",
    "ConfigError": "errors",
    "Container": "models.pod",
    "ContainerMetrics": "models.metrics",
    "CredentialError": "errors",
    "DecodeError": "errors",
    "Expired": "errors",
    "Forbidden": "errors",
    "KubeMetricsError": "errors",
    "MetricsUnavailable": "errors",
    "Node": "models.node",
    "NodeMetrics": "models.metrics",
    "NotFound": "errors",
    "Pod": "models.pod",
    "PodMetrics": "models.metrics",
    "Quantity": "quantity",
    "QuantityError": "errors",
    "ResourceList": "api",
    "ResponseError": "errors",
    "Snapshot": "snapshot",
    "TransportError": "errors",
    "Unauthorized": "errors",
    "WatchEvent": "api.watch",
    "build_config_from_flags": "config.resolve",
    "in_cluster_config": "config.resolve",
    "load_config": "config.resolve",
}

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "Config",
    "ConfigError",
    "Container",
    "ContainerMetrics",
    "CredentialError",
    "DecodeError",
    "Expired",
    "Forbidden",
    "KubeMetricsError",
    "MetricsUnavailable",
    "Node",
    "NodeMetrics",
    "NotFound",
    "Pod",
    "PodMetrics",
    "Quantity",
    "QuantityError",
    "ResourceList",
    "ResponseError",
    "Snapshot",
    "TransportError",
    "Unauthorized",
    "WatchEvent",
    "__version__",
    "build_config_from_flags",
    "in_cluster_config",
    "load_config",
]


if not TYPE_CHECKING:  # to a type checker a misspelt name stays an error
    __getattr__ = lazily(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
