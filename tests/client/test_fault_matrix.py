"""Every fault, at every place, for both clients: what comes of it, and how soon.

``fault_matrix.txt`` has a line for each fault that strikes always or once, and a column
for each operation: the result or the error, and the attempts that the server saw.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, cast

import pytest
import trio  # noqa: F401 - before threads would import it at the same moment

from tests.cluster import Cluster, Options

from .meeting import MARKERS, WHEN, Outcome, Patience, arrange, meet, refusing
from .troubles import TROUBLES

OFTEN = {"always": None, "once": 1}
DRIVERS = ("sync", "asyncio", "trio")
SIDE_BY_SIDE = 4
TABLE = Path(__file__).with_name("fault_matrix.txt").read_text("utf-8")


class Cell(NamedTuple):
    """One meeting: a fault that strikes *often*, an operation of a client."""

    fault: str
    often: str
    operation: str
    driver: str


class Met(NamedTuple):
    """What came of it, and the connections still open at the server a second later."""

    outcome: Outcome
    left_open: int


def rows() -> Iterator[tuple[str, str, dict[str, str]]]:
    head, *lines = (line for line in TABLE.splitlines() if line.strip("-+ "))
    _, _, *operations = (word.strip() for word in head.split("|"))
    for line in lines:
        fault, often, *cells = (word.strip() for word in line.split("|"))
        yield fault, often, dict(zip(operations, cells, strict=True))


EXPECTED = {
    Cell(fault, often, operation, driver): cell
    for fault, often, cells in rows()
    for operation, cell in cells.items()
    for driver in DRIVERS
    if cell != "-"
}


def test_the_table_has_every_fault_and_every_operation() -> None:
    assert {(c.fault, c.often) for c in EXPECTED} == {
        (fault, often) for fault in ("refused", *TROUBLES) for often in OFTEN
    }
    assert {cell.operation for cell in EXPECTED} == set(WHEN)


def run(cell: Cell, clusters: SimpleQueue[Cluster]) -> Met:
    cluster = clusters.get()
    cluster.forget_requests()
    times, patience = OFTEN[cell.often], patience_for(cell)
    try:
        if cell.fault == "refused":
            with refusing(cluster, cell.operation, times):
                outcome = meet(cluster, cell.driver, cell.operation, patience)
        else:
            arrange(cluster, cell.operation, TROUBLES[cell.fault], times)
            outcome = meet(cluster, cell.driver, cell.operation, patience)
        return Met(outcome, left_open(cluster))
    finally:
        cluster.faults.clear()
        for marker in MARKERS:
            with contextlib.suppress(KeyError):
                cluster.delete("default", marker)
        clusters.put(cluster)


def patience_for(cell: Cell) -> Patience:
    """Let the deadline end what is silent, and a watch's own time-out its stream."""
    if not cell.operation.startswith("watch"):
        return Patience(deadline=0.8, silence=30.0)
    if cell.fault.startswith("silence"):
        return Patience(deadline=2.4, silence=0.3)
    return Patience(deadline=1.2, silence=30.0)


def left_open(cluster: Cluster) -> int:
    end = time.monotonic() + 1
    while cluster.open_connections and time.monotonic() < end:
        time.sleep(0.005)
    return cluster.open_connections


@pytest.fixture(scope="module")
def meetings(request: pytest.FixtureRequest) -> Iterator[dict[Cell, Future[Met]]]:
    """Begin every meeting that some selected test asks for."""
    asked: list[Cell] = [
        cast("Cell", item.callspec.params["cell"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "cell" in item.fixturenames
    ]
    clusters: SimpleQueue[Cluster] = SimpleQueue()
    with contextlib.ExitStack() as stack:
        for _ in range(SIDE_BY_SIDE):
            cluster = Cluster.recorded(Options(bookmark_seconds=0.05))
            clusters.put(stack.enter_context(cluster))
        pool = stack.enter_context(ThreadPoolExecutor(SIDE_BY_SIDE))
        yield {cell: pool.submit(run, cell, clusters) for cell in asked}


@pytest.mark.parametrize("cell", EXPECTED, ids=", ".join)
def test_a_fault_ends_as_the_table_says(
    cell: Cell, meetings: dict[Cell, Future[Met]]
) -> None:
    outcome, open_connections = meetings[cell].result()
    assert f"{outcome.text} {outcome.attempts}" == EXPECTED[cell]
    assert outcome.elapsed < patience_for(cell).deadline + 1
    assert open_connections == 0
