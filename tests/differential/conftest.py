from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.leftovers import kept

from .bench import Bench
from .sites import Place

Benches = Callable[[str], Bench]


@pytest.fixture(scope="session")
def places() -> Iterator[Callable[[str], Place]]:
    """Start each kind of server when it is first asked for."""
    running: dict[str, Place] = {}

    def place(kind: str) -> Place:
        if kind not in running:
            with kept():
                running[kind] = Place(kind)
        return running[kind]

    yield place
    for one in running.values():
        one.server.close()
        assert not one.server.crashes


# The command asks by a Client: what goes wrong with the one does with the other.
EACH = pytest.param(("Client",), marks=pytest.mark.full)


@pytest.fixture(params=[("command", "AsyncClient"), EACH], ids=",".join)
def benches(
    places: Callable[[str], Place], tmp_path: Path, request: pytest.FixtureRequest
) -> Benches:
    ways: tuple[str, ...] = request.param
    return lambda kind: Bench(places(kind), tmp_path, ways)
