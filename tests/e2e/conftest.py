from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from kubemetrics import Client, Config, Forbidden, MetricsUnavailable, load_config

T = TypeVar("T")


@pytest.fixture
def nothing_is_left_behind() -> None:
    """Let connections stay: the client is of all these tests."""


@pytest.fixture(scope="session")
def config() -> Config:
    return load_config()


@pytest.fixture(scope="session")
def client(config: Config) -> Iterator[Client]:
    with Client(config) as opened:
        yield opened


def may(read: Callable[[], T]) -> T:
    """Read, or skip the test with the server's own reason why this user may not."""
    try:
        return read()
    except (Forbidden, MetricsUnavailable) as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def namespace(client: Client, config: Config) -> str | None:
    """Return the widest scope in which pods may be listed: all, or the context's."""
    try:
        client.list_pods(chunk_size=1, field_selector="metadata.name=none")
    except Forbidden:
        may(lambda: client.list_pods(namespace=config.namespace))
        return config.namespace
    return None
