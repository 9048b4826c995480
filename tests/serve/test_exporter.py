"""What is served while polls fail, when there is too much, and in shards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from kubemetrics.errors import ConfigError, Forbidden, KubeMetricsError
from kubemetrics.history.rounds import SampleRound
from kubemetrics.models.pod import Pod
from kubemetrics.serve.counters import Shape
from kubemetrics.serve.exporter import (
    Exporter,
    Settings,
    Shard,
    TooManySeriesError,
    parts_of,
)
from kubemetrics.serve.families import Choice, WrittenBefore, WrittenPod
from kubemetrics.serve.scrapes import Publication, ScrapeRequest, reply
from kubemetrics.snapshot import join
from tests.snapshot.make import NOW, node_sample, sample

from .rounds import of_node, pod

DOWN = KubeMetricsError("the server is currently unable to handle the request")
NO = Forbidden("pods is forbidden", status=403)


def polled(
    *names: str, failures: Mapping[str, KubeMetricsError] | None = None, **more: int
) -> SampleRound:
    """Return a round of pods of these names."""
    found = SampleRound(
        date=NOW,
        cadence=15.0,
        pods={("default", name): pod(name) for name in names},
        nodes={"n1": of_node()},
        pod_samples=[sample(name) for name in names],
        node_samples=[node_sample()],
        failures=failures or {},
        fresh=1,
    )
    return replace(found, **more)  # type: ignore[arg-type]


def failed() -> SampleRound:
    return SampleRound(date=NOW, failures={"pod_metrics": DOWN})


def exporter(**settings: object) -> Exporter:
    return Exporter(Settings(**settings), began=0, explain=str.upper)  # type: ignore[arg-type]


def metrics(publication: Publication, now: float) -> list[str]:
    body = reply(ScrapeRequest("GET", "/metrics"), publication, now).body
    return [line for line in body.decode().splitlines() if line[0] != "#"]


def ready(publication: Publication, now: float) -> str:
    return reply(ScrapeRequest("GET", "/readyz"), publication, now).body.decode()


def of_pods(lines: list[str]) -> list[str]:
    return [line for line in lines if 'pod="' in line]


def test_before_the_first_round_it_is_up_0_and_not_ready() -> None:
    first = exporter().first()
    assert "kubemetrics_up 0" in metrics(first, 0.0)
    assert ready(first, 0.0) == "the first round of samples is not read yet\n"


def test_values_stay_two_cadences_and_readiness_three() -> None:
    serving = exporter()
    last = serving.take(polled("a"), 100.0)
    for now in (115.0, 130.0):
        last = serving.take(failed(), now)
        lines = metrics(last, now)
        assert of_pods(lines)
        assert "kubemetrics_up 1" in lines
    assert 'kubemetrics_rounds_total{result="failed"} 2' in metrics(last, 130.0)
    assert "kubemetrics_up 0" in metrics(last, 130.1)
    assert of_pods(metrics(last, 130.1)) == []
    assert ready(last, 145.0) == "ok\n"
    assert ready(last, 145.1) == f"{DOWN}\n".upper()


def test_values_go_although_no_poll_ever_comes_back() -> None:
    last = exporter().take(polled("a"), 100.0)
    assert of_pods(metrics(last, 130.1)) == []
    assert ready(last, 145.1) == "there was no round of samples lately\n"


def test_it_asks_once_what_is_wrong_while_polls_fail() -> None:
    asked: list[str] = []

    def explain(error: str) -> str:
        asked.append(error)
        return error

    serving = Exporter(Settings(), began=0, explain=explain)
    for found in (failed(), failed(), polled("a"), failed(), failed()):
        serving.take(found, 0.0)
    assert asked == [str(DOWN)] * 2


def test_a_failure_at_the_start_is_told_and_ends_nothing() -> None:
    serving = exporter()
    last = serving.take(failed(), 0.0)
    assert 'kubemetrics_rounds_total{result="failed"} 1' in metrics(last, 0.0)
    assert of_pods(metrics(serving.take(polled("a"), 15.0), 15.0))


def test_failing_lists_of_nodes_cost_the_nodes_alone() -> None:
    broken = replace(polled("a", failures={"node_metrics": DOWN}), node_samples=())
    last = exporter().take(broken, 0.0)
    lines = metrics(last, 0.0)
    assert of_pods(lines)
    assert 'kubemetrics_node_unmeasured{node="n1",reason="ReadFailed"} 1' in lines


def test_some_namespaces_that_fail_do_not_take_the_others_along() -> None:
    last = exporter().take(polled("a", failures={"pod_metrics": NO}), 0.0)
    assert of_pods(metrics(last, 0.0))
    assert ready(last, 0.0) == "ok\n"


def test_rounds_and_missed_samples_are_counted() -> None:
    serving = exporter()
    serving.take(polled("a", missed=2), 0.0)
    last = serving.take(polled("a", fresh=0, missed=1), 3.0)
    assert {
        'kubemetrics_rounds_total{result="fresh"} 1',
        'kubemetrics_rounds_total{result="repeated"} 1',
        "kubemetrics_missed_samples_total 3",
    } <= {*metrics(last, 3.0)}


def test_windows_that_overlap_are_polled_each_minute_whatever_their_length() -> None:
    spaced = replace(polled("a"), cadence=300.0, estimated=True)
    last = exporter().take(spaced, 0.0)
    assert of_pods(metrics(last, 120.0))
    assert of_pods(metrics(last, 120.1)) == []


@pytest.mark.parametrize(
    ("most", "way_out"),
    [
        (58, "--level pod has 47"),
        (45, "--level namespace has 29"),
        (9, "a larger one, fewer namespaces (-n) or --shard 1/2 fits"),
    ],
)
def test_too_many_series_at_the_start_are_refused_with_what_fits(
    most: int, way_out: str
) -> None:
    with pytest.raises(TooManySeriesError) as caught:
        exporter(most=most).take(polled("a", "b", "c"), 0.0)
    assert str(caught.value) == (
        f"59 series are more than --max-series {most}: {way_out}"
    )
    assert isinstance(caught.value, ConfigError)


def test_under_the_kubelets_names_there_is_no_level_and_fewer_families_fit() -> None:
    kubelet = Choice(names="kubelet")
    with pytest.raises(TooManySeriesError, match=r"65 series .* 60: --lean has 26$"):
        exporter(most=60, choice=kubelet).take(polled("a", "b", "c"), 0.0)
    fewest = replace(kubelet, lean=True)
    with pytest.raises(TooManySeriesError, match="a larger one, fewer namespaces"):
        exporter(most=20, choice=fewest).take(polled("a", "b", "c"), 0.0)


def test_too_many_series_later_are_said_and_not_served() -> None:
    serving = exporter(most=50)
    assert of_pods(metrics(serving.take(polled("a"), 0.0), 0.0))
    last = serving.take(polled("a", "b", "c"), 15.0)
    assert "kubemetrics_up 0" in metrics(last, 15.0)
    assert of_pods(metrics(last, 15.0)) == []
    assert "series are more than --max-series 50" in ready(last, 15.0)
    assert of_pods(metrics(serving.take(polled("a"), 30.0), 30.0))


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "a/b", "1/", "-1/2", "1/٣"])
def test_what_is_no_shard_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected I/N, as 1/3"):
        Shard.parse(text)


def test_every_pod_is_in_one_shard() -> None:
    shards = [Shard.parse(f"{index}/3") for index in (1, 2, 3)]
    pods = [Pod(name="p", uid=f"uid-{number}") for number in range(300)]
    parts = [[shard.has(one) for one in pods] for shard in shards]
    assert all(sum(flags) == 1 for flags in zip(*parts, strict=True))
    assert min(sum(flags) for flags in parts) > 70
    assert all(map(Shard().has, pods))


def test_shards_serve_every_pod_once_and_the_nodes_once() -> None:
    found = polled(*"abcdefgh")
    both = [metrics(exporter(shard=Shard(i, 2)).take(found, 0.0), 0.0) for i in (1, 2)]
    whole = metrics(exporter().take(found, 0.0), 0.0)
    assert sorted(of_pods([*both[0], *both[1]])) == sorted(of_pods(whole))
    assert [any("node_cpu" in line for line in lines) for lines in both] == [
        True,
        False,
    ]


def test_where_pods_may_not_be_read_the_first_shard_has_them_all() -> None:
    names = replace(polled("a"), pods=None, failures={"pods": NO})
    rows = [join(parts_of(names, Shard(i, 2))).pods for i in (1, 2)]
    assert [len(found) for found in rows] == [1, 0]


def test_a_sample_of_a_pod_that_is_gone_is_nobodys() -> None:
    late = replace(polled("a"), pod_samples=[sample("a"), sample("gone")])
    assert [row.name for row in join(parts_of(late, Shard())).pods] == ["a"]


def test_the_settings_are_those_of_the_families() -> None:
    kubelet = exporter(choice=Choice(names="kubelet"), shape=Shape(labels=("app",)))
    lines = metrics(kubelet.take(polled("a"), 0.0), 0.0)
    assert any(line.startswith("container_cpu_usage_seconds_total{") for line in lines)
    assert all("label_app=" in line for line in lines if line.startswith("container_"))


@pytest.mark.parametrize("names", ["kubemetrics", "kubelet"])
def test_what_is_written_of_a_pod_is_written_anew_when_it_changes(names: str) -> None:
    serving = exporter(choice=Choice(names=names), shape=Shape(labels=("app",)))  # type: ignore[arg-type]
    first = polled("a", "b")
    before = metrics(serving.take(first, 0.0), 0.0)
    assert not any('label_app="new"' in line for line in before)
    changed = pod("a", meta={"labels": {"app": "new"}})
    pods = {**(first.pods or {}), ("default", "a"): changed}
    after = metrics(serving.take(replace(first, pods=pods), 15.0), 15.0)
    of_a = [line for line in after if 'pod="a"' in line and "label_app=" in line]
    assert len(of_a) > 5
    assert all('label_app="new"' in line for line in of_a)
    assert len(after) == len(before)


def test_what_is_known_of_a_pod_is_written_once_and_forgotten_with_it() -> None:
    known, a = WrittenBefore(), pod("a")
    writes: list[str] = []

    def write() -> WrittenPod:
        writes.append("")
        return WrittenPod("labels", "usage")

    for rounds, found in ((1, a), (1, a), (2, pod("a")), (3, None), (4, None)):
        known.begin()
        known.of("a", found, write)
        assert len(writes) == rounds
    known.begin()
    known.of("a", a, write)
    assert len(writes) == 5
