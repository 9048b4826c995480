"""A cluster's stores, and the API put together over them."""

from __future__ import annotations

from dataclasses import dataclass

from kubemetrics.testing.etcd import (
    NAMESPACE,
    NODE,
    POD,
    ResourceKind,
    Revision,
    Store,
)

from .api import Api, Parts, Settings
from .apiservices import ApiServices
from .clock import Clock
from .contents import Contents
from .core import Core, Watches
from .discovery import Discovery
from .generic import Generic
from .metrics import Measured, Metrics
from .printers import NAMESPACE_PRINTER, NODE_PRINTER, POD_PRINTER
from .recorded import apiservice_bodies, built_in_groups, exchange
from .samples import SampleStore
from .store import LazyStore
from .table import Printer, Table
from .users import Users

_RECORDED_ADDRESS = "127.0.0.1:6443"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What exists and changes."""

    revision: Revision
    pods: Store
    nodes: Store
    namespaces: Store
    pod_samples: SampleStore
    node_samples: SampleStore


def world_of(contents: Contents) -> World:
    revision = Revision(contents.revision, oldest=contents.oldest_revision)
    pod_store = Store if isinstance(contents.pods, tuple) else LazyStore
    return World(
        revision=revision,
        pods=pod_store(revision, contents.pods),
        nodes=Store(revision, contents.nodes),
        namespaces=Store(revision, contents.namespaces),
        pod_samples=SampleStore(contents.pod_samples),
        node_samples=SampleStore(contents.node_samples),
    )


def api_of(
    world: World, users: Users, clock: Clock, settings: Settings, watches: Watches
) -> Api:
    groups = built_in_groups()

    def core(kind: ResourceKind, store: Store, printer: Printer) -> Core:
        return Core(kind, store, Table(printer, clock))

    parts = Parts(
        users=users,
        clock=clock,
        core={
            "pods": core(POD, world.pods, POD_PRINTER),
            "nodes": core(NODE, world.nodes, NODE_PRINTER),
            "namespaces": core(NAMESPACE, world.namespaces, NAMESPACE_PRINTER),
        },
        watches=watches,
        metrics=_metrics(world, clock),
        discovery=Discovery(groups, _RECORDED_ADDRESS),
        generic=Generic(groups, world.revision),
        apiservices=ApiServices(apiservice_bodies(), settings.metrics_versions),
        version=exchange("version").json(),
    )
    return Api(settings, parts)


def _metrics(world: World, clock: Clock) -> Metrics:
    pods = Measured("PodMetrics", world.pod_samples, world.pods, namespaced=True)
    nodes = Measured("NodeMetrics", world.node_samples, world.nodes, namespaced=False)
    return Metrics(pods, nodes, clock)
