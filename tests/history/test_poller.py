"""The poller against a served cluster: what each round knows, and what it costs."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any, TypeVar, Unpack, cast

import pytest

from kubemetrics import Client
from kubemetrics.api import Api, ListOptions, ResourceList, RetryPolicy
from kubemetrics.api.watch import EventType, WatchEvent, WatchOptions
from kubemetrics.errors import Forbidden, KubeMetricsError, TransportError
from kubemetrics.flow import Flow, Fork
from kubemetrics.history import poller as pollers
from kubemetrics.history.poller import PodSelection, Poller
from kubemetrics.history.rounds import SampleRound
from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from kubemetrics.models.node import Node
from kubemetrics.models.pod import Pod
from kubemetrics.testing import FakeCluster, node, pod

T = TypeVar("T")


class Ticker:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


PODS = "/api/v1/pods"
SAMPLES = "/apis/metrics.k8s.io/v1beta1/pods"
NODES = "/api/v1/nodes"
OF_NODES = "/apis/metrics.k8s.io/v1beta1/nodes"


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    held = [
        pod("web", cpu="100m", memory="10Mi", labels={"app": "web"}),
        pod("db", "other", cpu="200m", memory="20Mi"),
    ]
    with FakeCluster(held, nodes=[node(cpu="1", memory="1Gi")]) as c:
        yield c


@pytest.fixture
def ticker() -> Ticker:
    return Ticker()


@contextmanager
def polling(
    cluster: FakeCluster,
    ticker: Ticker,
    selection: PodSelection | None = None,
    *,
    watch: bool = False,
    every: float | None = None,
) -> Iterator[Poller]:
    retry = RetryPolicy(attempts=1)
    with Client(cluster.config, retry=retry) as client:
        made = Poller(client, selection, watch=watch, clock=ticker, every=every)
        with closing(made):
            yield made


def stepped(
    cluster: FakeCluster, ticker: Ticker, poller: Poller, seconds: float = 15
) -> SampleRound:
    """Let time pass for both and poll."""
    cluster.tick(seconds)
    ticker.now += seconds
    return poller.poll()


def test_a_round_has_what_there_is(cluster: FakeCluster, ticker: Ticker) -> None:
    with polling(cluster, ticker) as poller:
        assert poller.rest() == 0
        found = poller.poll()
    assert found.date == cluster.now
    assert (found.own_clock, found.error, found.failures) == (False, "", {})
    assert {p.name for p in found.changed} == {"web", "db"}
    assert [n.name for n in found.changed_nodes] == ["node-1"]
    assert set(found.pods or ()) == {("default", "web"), ("other", "db")}
    assert set(found.nodes or ()) == {"node-1"}
    assert [r.kind for r in found.readings] == ["pod", "pod", "node"]
    assert (found.fresh, found.repeated, found.missed) == (3, 0, 0)
    assert not found.gone
    assert not found.gone_nodes


def test_the_next_round_says_what_changed(cluster: FakeCluster, ticker: Ticker) -> None:
    with polling(cluster, ticker) as poller:
        poller.poll()
        again = poller.poll()
        cluster.delete("db", "other")
        cluster.apply(pod("new", cpu="1m", memory="1Mi"))
        later = stepped(cluster, ticker, poller, 60)
    assert (again.fresh, again.repeated) == (0, 3)
    assert not again.changed
    assert not again.changed_nodes
    assert [p.name for p in later.changed] == ["new"]
    assert [p.name for p in later.gone] == ["db"]
    assert (later.fresh, later.missed) == (3, 2 * 4), "four rounds of web and the node"


def test_a_pod_of_the_same_name_is_another_one(
    cluster: FakeCluster, ticker: Ticker
) -> None:
    with polling(cluster, ticker) as poller:
        poller.poll()
        renewed = pod("web", cpu="1m", memory="1Mi")
        renewed.obj["metadata"]["uid"] = "second"
        cluster.apply(renewed)
        found = stepped(cluster, ticker, poller, 60)
    assert [p.uid for p in found.changed] == ["second"]
    assert [p.uid for p in found.gone] == ["default-web"]


def test_nodes_that_go_and_come_are_told(cluster: FakeCluster, ticker: Ticker) -> None:
    with polling(cluster, ticker) as poller:
        poller.poll()
        cluster.apply(pod("far", node="node-2", cpu="1", memory="1Gi"))
        found = stepped(cluster, ticker, poller, 60)
    assert [n.name for n in found.changed_nodes] == ["node-2"]


def test_a_round_costs_the_lists_of_samples_alone(
    cluster: FakeCluster, ticker: Ticker
) -> None:
    with polling(cluster, ticker) as poller:
        poller.poll()
        first = sorted(cluster.paths)
        for _ in range(4):
            stepped(cluster, ticker, poller)
    assert first == sorted([PODS, SAMPLES, NODES, OF_NODES])
    later = cluster.paths[len(first) :]
    assert later.count(SAMPLES) == later.count(OF_NODES) == 4
    assert later.count(PODS) == later.count(NODES) == 1, "once a minute"


def test_the_selection_is_the_server_s_work(
    cluster: FakeCluster, ticker: Ticker
) -> None:
    with polling(
        cluster, ticker, PodSelection(["default", "other"], "app=web")
    ) as poller:
        found = poller.poll()
    assert list(found.pods or ()) == [("default", "web")]
    assert [r.name for r in found.readings] == ["web", "node-1"]


def test_a_user_s_distance_is_the_phase(cluster: FakeCluster, ticker: Ticker) -> None:
    with polling(cluster, ticker, every=60) as poller:
        poller.poll()
        ticker.now += 0.5
        assert poller.rest() == 59.5


def test_samples_that_are_down_are_a_round_with_an_error(
    cluster: FakeCluster, ticker: Ticker
) -> None:
    cluster.state = "down"
    with polling(cluster, ticker) as poller:
        found = poller.poll()
        cluster.state = "healthy"
        later = stepped(cluster, ticker, poller)
    assert "metrics" in found.error
    assert (found.readings, found.fresh) == ([], 0)
    assert set(found.pods or ()) == {("default", "web"), ("other", "db")}
    assert (later.error, later.fresh) == ("", 3)


class ScriptedApi(Api):
    """Answers lists from memory, or with the error told for one."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[str, KubeMetricsError] = {}
        self.pods: list[Pod] = [Pod(name="web", namespace="x", uid="u1")]
        self.nodes: list[Node] = [Node(name="n1", uid="nu1")]
        self.date: datetime | None = NOW
        self.asked: list[str] = []

    def answered(self, name: str, items: list[Any]) -> Flow[ResourceList[Any]]:
        self.asked.append(name)
        if name in self.errors:
            raise self.errors[name]
        return ResourceList(items, resource_version="7", date=self.date)
        yield

    def list_pods(self, _: ListOptions) -> Flow[ResourceList[Pod]]:
        return self.answered("pods", self.pods)

    def list_nodes(self, _: ListOptions) -> Flow[ResourceList[Node]]:
        return self.answered("nodes", self.nodes)

    def list_pod_metrics(self, _: ListOptions) -> Flow[ResourceList[PodMetrics]]:
        return self.answered("pod_metrics", [])

    def list_node_metrics(self, _: ListOptions) -> Flow[ResourceList[NodeMetrics]]:
        samples = [
            NodeMetrics(
                name=name, labels={}, timestamp=NOW, window=timedelta(15), usage={}
            )
            for name in ("n1", "n2")
        ]
        return self.answered("node_metrics", samples)


NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Scripted:
    """A client of a `ScriptedApi`, whose watch yields what is put into it."""

    def __init__(self) -> None:
        self.api = ScriptedApi()
        self.events: SimpleQueue[WatchEvent | KubeMetricsError | None] = SimpleQueue()
        self.watches: SimpleQueue[WatchOptions] = SimpleQueue()
        self.heard = threading.Semaphore(0)

    def run(self, flow: Flow[T], *, timeout: float | None = None) -> T:  # noqa: ARG002
        try:
            step = next(flow)
            while True:
                assert isinstance(step, Fork)
                for part in step.flows:
                    self.run(part)
                step = flow.send(None)
        except StopIteration as stop:
            return cast("T", stop.value)

    def watch_pods(
        self, **options: Unpack[WatchOptions]
    ) -> AbstractContextManager[Iterator[WatchEvent]]:
        self.watches.put(options)
        return closing(self._events())

    def _events(self) -> Generator[WatchEvent, None, None]:
        while True:
            event = self.events.get(timeout=60)
            if isinstance(event, KubeMetricsError):
                raise event
            if event is None:
                return
            yield event
            self.heard.release()

    def happens(self, kind: EventType, pod: Pod) -> None:
        """Send an event and wait until it was taken in."""
        self.events.put(WatchEvent(kind, pod))
        assert self.heard.acquire(timeout=60)


NO = Forbidden("no", status=403)
LOST = TransportError("lost", url="", reason="reset")


def names(found: SampleRound) -> list[str]:
    return sorted(name for _, name in found.pods or ())


def a_pod(name: str, uid: str) -> Pod:
    return Pod(name=name, namespace="x", uid=uid)


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@contextmanager
def watched(scripted: Scripted, ticker: Ticker) -> Iterator[Poller]:
    with closing(Poller(scripted, clock=ticker, now=lambda: NOW)) as made:
        yield made
        made.close()
        scripted.events.put(WatchEvent("ADDED", a_pod("late", "u0")))


def test_pods_are_listed_once_and_watched_from_there(
    scripted: Scripted, ticker: Ticker
) -> None:
    with watched(scripted, ticker) as poller:
        first = poller.poll()
        options = scripted.watches.get(timeout=60)
        scripted.happens("ADDED", a_pod("new", "u2"))
        scripted.happens("ADDED", a_pod("short", "u3"))
        scripted.happens("DELETED", a_pod("short", "u3"))
        ended = replace(a_pod("web", "u1"), phase="Failed")
        scripted.happens("DELETED", ended)
        second = poller.poll()
        third = poller.poll()
    assert (names(first), names(second)) == (["web"], ["new"])
    assert options["resource_version"] == "7"
    assert options["timeout"] == 600
    assert [p.name for p in second.changed] == ["new"]
    assert second.gone[0] == ended, "its last state"
    assert [p.uid for p in second.gone] == ["u1", "u3"]
    assert third.gone == third.changed == []
    assert scripted.api.asked.count("pods") == 1


def test_a_watch_that_ends_begins_at_a_new_list(
    scripted: Scripted, ticker: Ticker
) -> None:
    with watched(scripted, ticker) as poller:
        poller.poll()
        scripted.watches.get(timeout=60)
        scripted.api.pods = [a_pod("other", "u9")]
        scripted.events.put(None)
        scripted.watches.get(timeout=60)
        found = poller.poll()
    assert names(found) == ["other"]
    assert [p.name for p in found.gone] == ["web"]


@pytest.mark.parametrize("error", [NO, LOST])
def test_where_the_watch_fails_pods_are_listed_again(
    scripted: Scripted,
    ticker: Ticker,
    error: KubeMetricsError,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pollers, "_RELIST" if error is NO else "_PATIENCE", 0.0)
    with watched(scripted, ticker) as poller:
        poller.poll()
        scripted.watches.get(timeout=60)
        scripted.api.pods = [a_pod("other", "u9")]
        scripted.events.put(error)
        scripted.watches.get(timeout=60)
        found = poller.poll()
    assert names(found) == ["other"]
    assert "pods" not in found.failures


def test_who_may_list_and_not_watch_pods_hears_of_no_failure(
    scripted: Scripted, ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: SimpleQueue[float] = SimpleQueue()
    real = pollers._pause

    def pause(error: KubeMetricsError) -> float:
        waits.put(real(error))
        return 60.0

    monkeypatch.setattr(pollers, "_pause", pause)
    with watched(scripted, ticker) as poller:
        scripted.events.put(NO)
        assert waits.get(timeout=60) == 60
        found = poller.poll()
    assert (names(found), found.failures) == (["web"], {})
    assert real(LOST) == 5


def test_pods_that_may_not_be_read_are_names(
    scripted: Scripted, ticker: Ticker
) -> None:
    scripted.api.errors = {"pods": NO}
    with watched(scripted, ticker) as poller:
        found = poller.poll()
    assert found.pods is None
    assert found.failures["pods"] is NO


def test_watched_names_stay_names_while_the_server_is_not_reached(
    scripted: Scripted, ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: SimpleQueue[KubeMetricsError] = SimpleQueue()
    asked = threading.Semaphore(0)

    def list_pods(_: ListOptions) -> Flow[ResourceList[Pod]]:
        asked.release()
        raise answers.get(timeout=60)

    monkeypatch.setattr(scripted.api, "list_pods", list_pods)
    monkeypatch.setattr(pollers, "_pause", lambda _: 0.0)
    found: list[SampleRound] = []
    with watched(scripted, ticker) as poller:
        assert asked.acquire(timeout=60)
        for error in (NO, LOST):
            answers.put(error)
            assert asked.acquire(timeout=60), "it asks again once that was heard"
            found.append(poller.poll())
        poller.close()
        answers.put(LOST)
    assert [each.pods for each in found] == [None, None]
    assert [each.failures["pods"] for each in found] == [NO, LOST]


def test_pods_that_cannot_be_read_now_are_waited_for(
    scripted: Scripted, ticker: Ticker
) -> None:
    scripted.api.errors = {"pods": LOST}
    with watched(scripted, ticker) as poller:
        found = poller.poll()
    assert found.pods == {}
    assert found.failures["pods"] is LOST


def listing(scripted: Scripted, ticker: Ticker) -> Poller:
    return Poller(scripted, watch=False, clock=ticker, now=lambda: NOW)


def test_a_list_that_fails_keeps_what_is_known_unless_it_is_refused(
    scripted: Scripted, ticker: Ticker
) -> None:
    poller = listing(scripted, ticker)
    known = []
    for error in ({}, {"pods": LOST}, {"pods": NO}):
        scripted.api.errors = dict(error)
        known.append(poller.poll().pods)
        ticker.now += 60
    assert known[0] == known[1] == {("x", "web"): a_pod("web", "u1")}
    assert known[2] is None


def test_names_stay_names_until_a_list_is_answered_again(
    scripted: Scripted, ticker: Ticker
) -> None:
    """Of a round that lists no pods, or cannot reach the server, no sample is lost."""
    poller = listing(scripted, ticker)
    known = []
    errors: list[tuple[float, dict[str, KubeMetricsError]]] = [
        (15, {"pods": NO}), (45, {}), (60, {"pods": LOST}), (60, {}),
    ]  # fmt: skip
    for seconds, error in errors:
        scripted.api.errors = error
        known.append(poller.poll().pods)
        ticker.now += seconds
    assert known == [None, None, None, {("x", "web"): a_pod("web", "u1")}]


def uids(found: SampleRound) -> list[str]:
    return [reading.uid for reading in found.readings]


def test_a_node_that_is_not_known_yet_is_listed_at_the_next_poll(
    scripted: Scripted, ticker: Ticker
) -> None:
    poller = listing(scripted, ticker)
    first = poller.poll()
    scripted.api.nodes.append(Node(name="n2", uid="nu2"))
    second = poller.poll()
    poller.poll()
    assert (uids(first), uids(second)) == (["nu1"], ["nu1", "nu2"])
    assert [n.name for n in second.changed_nodes] == ["n2"]
    assert scripted.api.asked.count("nodes") == 2


def test_a_node_that_stays_unknown_is_not_listed_at_each_poll(
    scripted: Scripted, ticker: Ticker
) -> None:
    poller = listing(scripted, ticker)
    for _ in range(4):
        poller.poll()
    assert scripted.api.asked.count("nodes") == 2


def test_a_node_that_is_gone_is_told(scripted: Scripted, ticker: Ticker) -> None:
    poller = listing(scripted, ticker)
    poller.poll()
    scripted.api.nodes = []
    ticker.now += 60
    assert [n.name for n in poller.poll().gone_nodes] == ["n1"]


def test_nodes_that_may_not_be_read_are_names_and_asked_for_once_a_minute(
    scripted: Scripted, ticker: Ticker
) -> None:
    scripted.api.errors = {"nodes": NO}
    poller = listing(scripted, ticker)
    assert uids(poller.poll()) == ["?n1", "?n2"]
    scripted.api.errors = {"nodes": NO, "node_metrics": NO}
    for _ in range(4):
        assert poller.poll().error == ""
        ticker.now += 15
    scripted.api.asked.clear()
    scripted.api.errors = {}
    poller.poll()
    ticker.now += 15
    assert uids(poller.poll()) == ["nu1"]
    assert scripted.api.asked.count("node_metrics") == 2


def test_nodes_that_cannot_be_read_now_are_waited_for(
    scripted: Scripted, ticker: Ticker
) -> None:
    scripted.api.errors = {"nodes": LOST}
    assert uids(listing(scripted, ticker).poll()) == []


def test_a_server_that_tells_no_time_is_dated_by_this_machine(
    scripted: Scripted, ticker: Ticker
) -> None:
    scripted.api.date = None
    found = listing(scripted, ticker).poll()
    assert (found.date, found.own_clock) == (NOW, True)


def test_a_round_without_a_date_is_dated_by_the_last_one(
    scripted: Scripted, ticker: Ticker
) -> None:
    poller = listing(scripted, ticker)
    poller.poll()
    scripted.api.date = None
    ticker.now += 15
    found = poller.poll()
    assert (found.date - NOW, found.own_clock) == (timedelta(seconds=15), False)


def test_this_machine_s_time_is_in_utc() -> None:
    assert pollers._now().tzinfo is UTC


def test_a_real_watch_is_followed(cluster: FakeCluster, ticker: Ticker) -> None:
    with polling(cluster, ticker, watch=True) as poller:
        poller.poll()
        cluster.apply(pod("new", cpu="1m", memory="1Mi"))
        waiting = threading.Event()
        found = poller.poll()
        for _ in range(1200):
            if ("default", "new") in (found.pods or ()):
                break
            waiting.wait(0.05)
            found = poller.poll()
    assert [p.name for p in found.changed] == ["new"]
    assert cluster.paths.count(PODS) <= 2, "a list and a watch"


def lists_of_pods(cluster: FakeCluster) -> int:
    return cluster.paths.count(PODS)


def test_pods_that_are_listed_are_listed_sooner_when_a_sample_is_of_none(
    cluster: FakeCluster, ticker: Ticker
) -> None:
    with polling(cluster, ticker) as poller:
        poller.poll()
        cluster.apply(pod("new", cpu="1m", memory="1Mi"))
        found = stepped(cluster, ticker, poller)
        assert "new" in {r.name for r in found.readings}
        assert lists_of_pods(cluster) == 2
        cluster.apply(pod("newer", cpu="1m", memory="1Mi"))
        found = stepped(cluster, ticker, poller, 5)
        assert lists_of_pods(cluster) == 2, "no more often than samples come"
        found = stepped(cluster, ticker, poller, 55)
    assert "newer" in {r.name for r in found.readings}


def test_a_pod_of_the_same_name_is_found_by_the_gap_between_samples(
    cluster: FakeCluster, ticker: Ticker
) -> None:
    with polling(cluster, ticker) as poller:
        poller.poll()
        renewed = pod("web", cpu="1m", memory="1Mi")
        renewed.obj["metadata"]["uid"] = "second"
        cluster.apply(renewed)
        found = stepped(cluster, ticker, poller, 45)
    assert [p.uid for p in found.changed] == ["second"]
    assert [r.uid for r in found.readings if r.name == "web"] == ["second"]
