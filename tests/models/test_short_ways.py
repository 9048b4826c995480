"""The properties that spare a script the resource's name."""

from __future__ import annotations

from typing import Any

from kubemetrics import NodeMetrics, Pod, PodMetrics, Quantity

METRICS: Any = {
    "metadata": {"name": "a", "namespace": "default"},
    "containers": [
        {"name": "app", "usage": {"cpu": "250m", "memory": "64Mi"}},
        {"name": "proxy", "usage": {"cpu": "50m", "memory": "16Mi"}},
    ],
}
POD: Any = {
    "metadata": {"name": "a", "namespace": "default"},
    "spec": {
        "containers": [{"name": "app"}],
        "initContainers": [
            {"name": "proxy", "restartPolicy": "Always"},
            {"name": "migrate"},
        ],
    },
    "status": {
        "containerStatuses": [{"name": "app", "restartCount": 2}],
        "initContainerStatuses": [
            {"name": "proxy", "restartCount": 3},
            {"name": "migrate", "restartCount": 5},
        ],
    },
}
NODE: Any = {"metadata": {"name": "n"}, "usage": {"cpu": "2", "memory": "3Gi"}}


def test_a_sample_and_its_containers_tell_cpu_and_memory() -> None:
    sample = PodMetrics.from_json(METRICS)
    assert (sample.cpu, sample.memory) == (Quantity("300m"), Quantity("80Mi"))
    app = sample.containers[0]
    assert (app.cpu, app.memory) == (Quantity("250m"), Quantity("64Mi"))
    assert type(app).from_json({"name": "x", "usage": {"cpu": "1"}}).memory is None


def test_a_pods_restarts_are_those_of_what_serves() -> None:
    assert Pod.from_json(POD).restarts == 5


def test_a_nodes_sample_tells_cpu_and_memory() -> None:
    sample = NodeMetrics.from_json(NODE)
    assert (sample.cpu, sample.memory) == (Quantity("2"), Quantity("3Gi"))
