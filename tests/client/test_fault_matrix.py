"""Every fault, at every place: what comes of it, and after how many attempts.

``fault_matrix.txt`` has a line for each fault that strikes always or once, and a column
for each operation: the result or the error, and the attempts that the server saw. Two
halves prove it, which meet here: what the drivers make of a fault (`test_fault_errors`)
and what the flows make of that (`test_error_matrix`). That one follows the other for
real is shown by a few of its cells, on sockets.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from kubemetrics.transport import network
from tests.cluster import Cluster, Options

from .consumer import MARKERS
from .listening import DRIVERS
from .meeting import WHEN, Clock, arrange, giving_up, meet, refusing
from .tables import NOT_SO, read_table
from .troubles import TROUBLES
from .waiting import settled

OFTEN = {"always": None, "once": 1}
MATRIX = read_table("fault_matrix.txt", keys=2)
ERRORS = read_table("fault_errors.txt", keys=1)
RESULTS = read_table("error_matrix.txt", keys=2)

BODY = {"list": "list", "page 2": "list", "metrics": "get", "get": "get"}
"""Which body an operation reads: one that the server compresses, or a plain one."""


def composed(fault: str, often: str, operation: str) -> str:
    """Return what the two halves say, one after the other."""
    errors = ERRORS[fault,]
    if operation == "watching":
        return _composed_within(errors, often)
    return _result(errors[BODY.get(operation, operation)], often, operation)


def _composed_within(errors: dict[str, str], often: str) -> str:
    """Strike in the middle of a stream where the fault can, else after its end."""
    if errors["stream"] != NOT_SO:
        return _result(errors["stream"], often, "in stream")
    return _result(errors["watch"], often, "next watch")


def _result(error: str, often: str, operation: str) -> str:
    if error == NOT_SO:
        return NOT_SO
    outcome, _, _ = error.rpartition(" ")
    return RESULTS[outcome, often][operation]


@pytest.mark.parametrize(("fault", "often"), MATRIX)
def test_what_follows_from_the_error_follows_from_the_fault(
    fault: str, often: str
) -> None:
    assert MATRIX[fault, often] == {
        operation: composed(fault, often, operation) for operation in WHEN
    }


def test_the_table_has_every_fault_and_every_operation() -> None:
    assert set(MATRIX) == {
        (fault, often) for fault in ("refused", *TROUBLES) for often in OFTEN
    }
    assert all(tuple(cells) == tuple(WHEN) for cells in MATRIX.values())


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with Cluster.recorded(Options(bookmark_seconds=0.05)) as running:
        yield running


@pytest.fixture
def cluster(server: Cluster) -> Iterator[Cluster]:
    server.forget_requests()
    yield server
    server.faults.clear()
    for marker in MARKERS:
        with contextlib.suppress(KeyError):
            server.delete("default", marker)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("fault", "often", "operation"),
    [
        ("reset before the head", "always", "get"),
        ("reset after the head", "once", "list"),
        ("gzip bomb", "always", "page 2"),
        ("410", "always", "page 2"),
        ("longer than it says", "once", "metrics"),
        ("503", "always", "metrics"),
        ("403", "always", "metrics"),
        ("refused", "always", "page 2"),
        ("410", "once", "watch"),
        ("401", "always", "watch"),
        ("not gzip", "once", "watching"),
        ("reset after the head", "always", "watching"),
        ("ERROR event 503", "always", "watching"),
        ("ERROR event 410", "once", "watching"),
        ("refused", "once", "watching"),
    ],
)
def test_it_is_so_over_sockets(
    cluster: Cluster, fault: str, often: str, operation: str, driver: str
) -> None:
    times = OFTEN[often]
    if fault == "refused":
        with refusing(cluster, operation, times):
            outcome = meet(cluster, driver, operation)
    else:
        arrange(cluster, operation, TROUBLES[fault], times)
        outcome = meet(cluster, driver, operation)
    assert outcome == MATRIX[fault, often][operation]
    assert settled(lambda: cluster.open_connections == 0)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(("operation", "draws"), [("watch", 3), ("watching", 4)])
def test_a_watch_that_has_no_time_to_wait_ends_in_silence(
    cluster: Cluster,
    operation: str,
    draws: int,
    driver: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(network, "time", clock)
    arrange(cluster, operation, TROUBLES["503"], None)
    outcome = meet(cluster, driver, operation, retry=giving_up(draws, clock))
    assert outcome == MATRIX["503", "always"][operation]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_deadline_ends_a_call_and_is_not_tried_again(
    cluster: Cluster, driver: str
) -> None:
    arrange(cluster, "list", TROUBLES["silence"], None)
    outcome = meet(cluster, driver, "list", deadline=0.3)
    # A machine that takes so long to connect is told so as well.
    assert outcome in {MATRIX["silence", "always"]["list"], "deadline 0"}
