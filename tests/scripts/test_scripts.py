"""The scripts of this folder, run as they stand there on a fake cluster."""

from __future__ import annotations

import json
import runpy
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubemetrics.testing import FakeCluster, container, pod

FOLDER = Path(__file__).parent
Run = Callable[[str], list[str]]

PODS = (
    pod(
        "web-0",
        "shop",
        cpu="250m",
        memory="1Gi",
        requests={"cpu": "100m", "memory": "2Gi"},
        limits={"memory": "1100Mi"},
        owner=("StatefulSet", "web"),
    ),
    pod(
        "db-0",
        "data",
        containers={
            "db": container(
                cpu="64075627n", memory="1909336Ki", limits={"memory": "1Gi"}
            )
        },
    ),
    pod("new-0", "data", requests={"cpu": "1"}),
)


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with FakeCluster(PODS) as running:
        yield running


@pytest.fixture
def run(
    cluster: FakeCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(tmp_path / "config")))

    def printed(name: str) -> list[str]:
        runpy.run_path(str(FOLDER / f"{name}.py"))
        return capsys.readouterr().out.splitlines()

    return printed


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("top_ten", ["data/db-0           1864Mi", "shop/web-0          1024Mi"]),
        ("over_limit", ["data/db-0: 182% of 1Gi", "shop/web-0: 93% of 1.07Gi"]),
        ("cost_per_namespace", ["data: 26.78 EUR", "shop: 11.18 EUR"]),
        ("contexts", ["fake: 314075627n cores in 3 pods"]),
        (
            "gap_per_workload",
            [
                "shop StatefulSet/web: 1024Mi of 2048Mi",
                "data Pod/db-0: 0Mi of 0Mi",
                "data Pod/new-0: 0Mi of 0Mi",
            ],
        ),
        ("headroom", ["node-1: 2900m 14.0Gi free"]),
    ],
)
def test_a_script_prints(run: Run, script: str, lines: list[str]) -> None:
    assert run(script) == lines


def test_alerts_are_lines_of_json(run: Run) -> None:
    found = [json.loads(line) for line in run("alerts")]
    assert [(a["alert"], a["name"]) for a in found] == [
        ("over limit", "db-0"),
        ("no value", "new-0"),
    ]
    assert found[0]["mem"]["usage"] == 1909336 * 1024


def test_a_data_frame_adds_up(run: Run) -> None:
    pytest.importorskip("pandas")
    assert run("data_frame") == ["data: 1864Mi", "shop: 1024Mi"]


def test_a_kill_is_seen_by_the_watch(cluster: FakeCluster, run: Run) -> None:
    def kill_once_watched() -> None:
        while "/api/v1/pods" not in cluster.paths:
            watching.wait(0.01)
        cluster.oom_kill("web-0", "shop")

    watching = threading.Event()
    killer = threading.Thread(target=kill_once_watched, daemon=True)
    killer.start()
    with pytest.raises(SystemExit):
        run("oom_watch")
    killer.join()
