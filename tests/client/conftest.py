"""A simulated cluster for each test, and both event loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kubemetrics import Config, load_config
from tests.cluster import Cluster

from .waiting import settled


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401 - a name
    return request.param


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


@pytest.fixture
def config(cluster: Cluster) -> Config:
    return load_config(str(cluster.kubeconfig()))


@pytest.fixture
def soon() -> Callable[[Callable[[], bool]], bool]:
    """Return what waits for something to be true in another thread."""
    return settled
