"""Every Kubernetes pod and its metrics, exact and explained.

    from kubemetrics import Client

    with Client() as client:
        for pod in client.list_pod_metrics():
            print(pod.namespace, pod.name, pod.cpu, pod.memory)

The rooms, top to bottom; a module imports only from lower ranks:

    cli | testing        the commands: plan, output, exit code | a fake cluster
    kubectl_top | views | serve  `kubectl top` to the byte | the tables of pods, nodes,
                         groups | what Prometheus scrapes
    commandline          the arguments that commands share: parser, flags, connection
    console              what a command prints to: streams, colour, progress, logs
    client | table       `Client` and `AsyncClient` | columns, units, output formats
    doctor               the ladder of checks behind `kubemetrics doctor`
    snapshot | transport | history  pods joined with samples | connections, TLS, bodies
                         | samples over time, the file that keeps them
    api | auth           the operations, paging, watch | exec, OIDC, expiry of tokens
    accounting | config  effective requests and limits | kubeconfig → `Config`
    models               `Pod`, `Node`, `PodMetrics`: frozen values with `from_json`
    jsonread             fields of a JSON object, each judged with its path
    wire                 from a body to a typed JSON object
    flow | quantity      the steps of a call and their combinators | exact amounts
    ratio                shares of one, and amounts written in one unit
    errors               what goes wrong, and what is no argument
    text | times | frozen | forks | files | x509  what every room needs

The way of one call, `Client.list_pod_metrics()`:

    client.sync          starts the operation's flow and drives it
    api.operations       the flow: which path, which version of the metrics API
    api.lists            page after page, each a `flow.Request`
    auth                 the credential of a request, renewed after a 401
    transport            opens a connection, sends the request, reads piece by piece
    api.exchange         credential, redirects, reading, and trying again
    api.answers          a refusal becomes a typed error
    wire, jsonread       the body becomes objects, one lost item at a time
    models.metrics       each object becomes a `PodMetrics`, all a `ResourceList`

Names are imported when they are first used (PEP 562), so that ``import kubemetrics``
costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .accounting import Demand
    from .api import ResourceList
    from .api.watch import WatchEvent
    from .client.asynchronous import AsyncClient
    from .client.sync import Client
    from .config.kubeconfig import ContextEntry, list_contexts
    from .config.model import Config
    from .config.resolve import build_config_from_flags, in_cluster_config, load_config
    from .errors import (
        ApiError,
        ConfigError,
        CredentialError,
        DecodeError,
        Expired,
        Forbidden,
        HistoryError,
        KubeMetricsError,
        MetricsUnavailable,
        NotFound,
        QuantityError,
        ResponseError,
        TransportError,
        Unauthorized,
    )
    from .history.reading import History, open_history
    from .models.metrics import ContainerMetrics, NodeMetrics, PodMetrics
    from .models.node import Node
    from .models.pod import Container, Pod
    from .quantity import Quantity
    from .ratio import Ratio
    from .snapshot import (
        ContainerUsage,
        Coverage,
        GroupKey,
        NodeUsage,
        PodUsage,
        Reason,
        Rollup,
        Snapshot,
        container_rows,
        summed,
    )
    from .snapshot.node_rollup import NodeRollup, node_rollup
    from .snapshot.rollup import rollup

_HOME: Final = {
    "ApiError": "errors",
    "AsyncClient": "client.asynchronous",
    "Client": "client.sync",
    "Config": "config.model",
    "ConfigError": "errors",
    "Container": "models.pod",
    "ContainerMetrics": "models.metrics",
    "ContainerUsage": "snapshot",
    "ContextEntry": "config.kubeconfig",
    "Coverage": "snapshot",
    "CredentialError": "errors",
    "DecodeError": "errors",
    "Demand": "accounting",
    "Expired": "errors",
    "Forbidden": "errors",
    "GroupKey": "snapshot",
    "History": "history.reading",
    "HistoryError": "errors",
    "KubeMetricsError": "errors",
    "MetricsUnavailable": "errors",
    "Node": "models.node",
    "NodeMetrics": "models.metrics",
    "NodeRollup": "snapshot.node_rollup",
    "NodeUsage": "snapshot",
    "NotFound": "errors",
    "Pod": "models.pod",
    "PodMetrics": "models.metrics",
    "PodUsage": "snapshot",
    "Quantity": "quantity",
    "QuantityError": "errors",
    "Ratio": "ratio",
    "Reason": "snapshot",
    "ResourceList": "api",
    "ResponseError": "errors",
    "Rollup": "snapshot",
    "Snapshot": "snapshot",
    "TransportError": "errors",
    "Unauthorized": "errors",
    "WatchEvent": "api.watch",
    "build_config_from_flags": "config.resolve",
    "container_rows": "snapshot",
    "in_cluster_config": "config.resolve",
    "list_contexts": "config.kubeconfig",
    "load_config": "config.resolve",
    "node_rollup": "snapshot.node_rollup",
    "open_history": "history.reading",
    "rollup": "snapshot.rollup",
    "summed": "snapshot",
}

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "Config",
    "ConfigError",
    "Container",
    "ContainerMetrics",
    "ContainerUsage",
    "ContextEntry",
    "Coverage",
    "CredentialError",
    "DecodeError",
    "Demand",
    "Expired",
    "Forbidden",
    "GroupKey",
    "History",
    "HistoryError",
    "KubeMetricsError",
    "MetricsUnavailable",
    "Node",
    "NodeMetrics",
    "NodeRollup",
    "NodeUsage",
    "NotFound",
    "Pod",
    "PodMetrics",
    "PodUsage",
    "Quantity",
    "QuantityError",
    "Ratio",
    "Reason",
    "ResourceList",
    "ResponseError",
    "Rollup",
    "Snapshot",
    "TransportError",
    "Unauthorized",
    "WatchEvent",
    "__version__",
    "build_config_from_flags",
    "container_rows",
    "in_cluster_config",
    "list_contexts",
    "load_config",
    "node_rollup",
    "open_history",
    "rollup",
    "summed",
]


if not TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - few programs need it

        value: object = getattr(import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
