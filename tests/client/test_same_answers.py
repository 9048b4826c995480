"""Both clients give the same values, and raise the same errors in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import anyio
import pytest

from kubemetrics import AsyncClient, Client, Config, KubeMetricsError
from kubemetrics.testing import FakeCluster, pod
from tests.leftovers import kept

Call: TypeAlias = tuple[str, tuple[Any, ...]]
Arguments: TypeAlias = Mapping[str, tuple[Any, ...]]

FOUND: Final[Arguments] = {
    "get_node": ("node-1",),
    "get_node_metrics": ("node-1",),
    "get_pod": ("web-0",),
    "get_pod_metrics": ("web-0",),
    "get_raw": ("/version",),
    "iter_objects": ("/api/v1/namespaces",),
    "iter_pods": (),
    "list_node_metrics": (),
    "list_nodes": (),
    "list_pod_metrics": (),
    "list_pods": (),
    "snapshot": (),
    "watch_pods": (),
}
MISSING: Final[Arguments] = {
    "get_node": ("nobody",),
    "get_node_metrics": ("nobody",),
    "get_pod": ("no/body",),
    "get_pod_metrics": ("nobody",),
    "get_raw": ("version",),
    "iter_objects": ("/apis/batch/v1/jobs",),
    "iter_pods": ("a/b",),
    "list_pod_metrics": ("a/b",),
    "list_pods": ("..",),
    "snapshot": ("a/b",),
    "watch_pods": ("a/b",),
}


VERBS: Final = {"get", "iter", "list", "snapshot", "watch"}


def test_every_method_that_asks_is_tried() -> None:
    asked = {name for name in vars(Client) if name.partition("_")[0] in VERBS}
    assert asked == set(FOUND)


@pytest.fixture(scope="module")
def cluster() -> Iterator[FakeCluster]:
    with kept(), FakeCluster([pod("web-0", cpu="1")]) as running:
        yield running


Outcome: TypeAlias = tuple[str, str]
"""No error and the value, or the error and its words."""


def ask(client: Client, name: str, arguments: tuple[Any, ...]) -> object:
    made = getattr(client, name)(*arguments)
    if name == "watch_pods":
        with made as events:
            return next(events)
    return list(made) if name.startswith("iter_") else made


async def ask_later(
    client: AsyncClient, name: str, arguments: tuple[Any, ...]
) -> object:
    made = getattr(client, name)(*arguments)
    if name == "watch_pods":
        async with made as events:
            return await anext(events)
    if name.startswith("iter_"):
        return [found async for found in made]
    return await made


def of_client(config: Config, calls: Sequence[Call]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with Client(config) as client:
        for call in calls:
            try:
                outcomes.append(("", repr(ask(client, *call))))
            except KubeMetricsError as error:
                outcomes.append((type(error).__name__, str(error)))
    return outcomes


async def of_async_client(config: Config, calls: Sequence[Call]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    async with AsyncClient(config) as client:
        for call in calls:
            try:
                outcomes.append(("", repr(await ask_later(client, *call))))
            except KubeMetricsError as error:
                outcomes.append((type(error).__name__, str(error)))
    return outcomes


@pytest.mark.parametrize("state", ["healthy", "absent", "down", "forbidden"])
def test_both_clients_have_the_same_outcomes(
    cluster: FakeCluster,
    state: Any,  # noqa: ANN401 - a Literal
) -> None:
    cluster.state = state
    calls = [*FOUND.items(), *MISSING.items()]
    expected = of_client(cluster.config, calls)
    if state == "healthy":
        assert [bool(error) for error, _ in expected] == [
            *(False for _ in FOUND),
            *(True for _ in MISSING),
        ]
    for backend in ("asyncio", "trio"):
        run = partial(of_async_client, cluster.config, calls)
        assert anyio.run(run, backend=backend) == expected
