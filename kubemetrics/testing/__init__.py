"""A cluster to test scripts with: pods and their metrics on a loopback port.

    from kubemetrics import Client
    from kubemetrics.testing import FakeCluster, pod

    with FakeCluster(pods=[pod("web-0", cpu="250m", memory="1Gi")]) as cluster:
        with Client(cluster.config) as client:
            assert client.list_pod_metrics()[0].cpu == "250m"

It answers lists, gets and watches of pods, nodes and namespaces, the metrics API, and
any list that it is given; both clients and the command work with it. Its clock stands
still until `FakeCluster.tick`. In pytest the fixture ``fake_cluster`` is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .fake import FakeCluster
    from .objects import FakeObject, container, node, pod

_HOME = {
    "FakeCluster": "fake",
    "FakeObject": "objects",
    "container": "objects",
    "node": "objects",
    "pod": "objects",
}

__all__ = ["FakeCluster", "FakeObject", "container", "node", "pod"]


if not TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - pytest loads a fixture

        return getattr(import_module(f".{_HOME[name]}", __name__), name)
