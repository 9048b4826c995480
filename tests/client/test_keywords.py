"""A misspelt keyword is refused: ``namespaces="a"`` would list the whole cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kubemetrics import AsyncClient, Client, Config

NOWHERE = Config(server="https://127.0.0.1:1")
METHODS: dict[str, Callable[[Any], Any]] = {
    "list_pods": lambda client: client.list_pods(namespaces="a"),
    "list_nodes": lambda client: client.list_nodes(labels="a"),
    "list_pod_metrics": lambda client: client.list_pod_metrics(selector="a"),
    "list_node_metrics": lambda client: client.list_node_metrics(limit=1),
    "snapshot": lambda client: client.snapshot(namespaces="a"),
    "watch_pods": lambda client: client.watch_pods(chunk_size=1),
}


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_keyword_is_refused_before_anything_is_asked(method: str) -> None:
    with (
        Client(NOWHERE) as client,
        pytest.raises(TypeError, match="unexpected keyword"),
    ):
        METHODS[method](client)


@pytest.mark.parametrize("method", METHODS)
def test_the_asynchronous_client_refuses_it_too(method: str) -> None:
    async def call() -> None:
        async with AsyncClient(NOWHERE) as client:
            await METHODS[method](client)

    with pytest.raises(TypeError, match="unexpected keyword"):
        asyncio.run(call())


def test_pages_are_not_begun_with_an_unknown_keyword() -> None:
    options: Any = {"namespaces": "a"}
    with Client(NOWHERE) as client, pytest.raises(TypeError, match="'namespaces'"):
        next(client.iter_pods(**options))
