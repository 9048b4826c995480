"""What each driver makes of every fault, against a real server over TLS.

``fault_errors.txt`` has a line for each fault, and a column for where it strikes: a
compressed body, a plain one, the answer to a watch, the middle of a stream. A cell is
what the flow is told (`outcomes`) and how many connections the client keeps for the
next request. Each deadline ends what has no end of its own, so that it does not matter
how busy the machine is; what has one is given a minute.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from kubemetrics import Config, load_config
from tests.cluster import Cluster, Options

from .listening import DRIVERS, PATHS, Exchange, Patience, from_now, watch_out
from .outcomes import OUTCOMES, word_of
from .tables import NOT_SO, read_table
from .troubles import TROUBLES
from .waiting import settled

PLACES = (*PATHS, "watch", "stream")
EXPECTED = read_table("fault_errors.txt", keys=1)
CELLS = [
    (fault, place, driver)
    for (fault,), cells in EXPECTED.items()
    for place, cell in cells.items()
    for driver in DRIVERS
    if cell != NOT_SO
]


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with Cluster.recorded(Options(bookmark_seconds=0.0)) as running:
        yield running


@pytest.fixture(scope="module")
def config(server: Cluster) -> Config:
    return load_config(str(server.kubeconfig()))


@pytest.fixture
def cluster(server: Cluster) -> Iterator[Cluster]:
    yield server
    server.faults.clear()


@contextlib.contextmanager
def struck(cluster: Cluster, fault: str, place: str) -> Iterator[None]:
    if fault == "refused":
        with cluster.refusing():
            yield
        return
    trouble = TROUBLES[fault]
    strike = trouble.stream if place == "stream" else trouble.answer
    assert strike is not None
    cluster.faults.add(strike, times=None)
    yield


def patience_for(word: str) -> Patience:
    """End what never ends, be it before or after the server was heard at all."""
    if word == "deadline":
        return Patience(deadline=0.15)
    return Patience(silence=0.05) if word == "timeout" else Patience()


@pytest.mark.parametrize(("fault", "place", "driver"), CELLS)
def test_a_fault_becomes_an_error(
    cluster: Cluster, config: Config, fault: str, place: str, driver: str
) -> None:
    cell = EXPECTED[fault,][place]
    word, _, kept = cell.rpartition(" ")
    exchange = Exchange(
        cluster=cluster,
        config=config,
        path=PATHS.get(place, ""),
        patience=patience_for(word),
        kept=int(kept),
    )
    with struck(cluster, fault, place):
        assert exchange.by(driver) == cell
    assert settled(lambda: cluster.open_connections == 0)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("fault", ["slow body", "silence"])
def test_a_watch_ends_in_silence_with_its_time(
    cluster: Cluster, config: Config, fault: str, driver: str
) -> None:
    strike = TROUBLES[fault].stream
    assert strike is not None
    cluster.faults.add(strike, times=None)
    assert watch_out(config, driver, from_now(cluster), seconds=0.15) == []


def test_the_table_has_every_fault_wherever_it_may_strike() -> None:
    faults = {("refused",): (True, False)} | {
        (fault,): (trouble.answer is not None, trouble.stream is not None)
        for fault, trouble in TROUBLES.items()
    }
    assert faults == {
        fault: (cells["watch"] != NOT_SO, cells["stream"] != NOT_SO)
        for fault, cells in EXPECTED.items()
    }
    assert all(tuple(cells) == PLACES for cells in EXPECTED.values())


@pytest.mark.parametrize("word", OUTCOMES)
def test_a_word_means_the_same_to_flows_and_drivers(word: str) -> None:
    assert word_of(OUTCOMES[word]) == word
