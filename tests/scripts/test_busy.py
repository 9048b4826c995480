"""A test of a script, as its author writes it."""

from __future__ import annotations

import pytest

from kubemetrics import Client, MetricsUnavailable
from kubemetrics.testing import FakeCluster, pod

from .busy import busy


def test_a_pod_above_the_threshold_is_busy() -> None:
    pods = [pod("web-0", memory="2Gi"), pod("db-0", memory="512Mi")]
    with FakeCluster(pods=pods) as cluster, Client(cluster.config) as client:
        assert busy(client) == ["web-0"]
        cluster.apply(pod("db-0", memory="3Gi"))
        assert busy(client) == ["db-0", "web-0"]


def test_without_metrics_it_says_so() -> None:
    with (
        FakeCluster(state="absent") as cluster,
        Client(cluster.config) as client,
        pytest.raises(MetricsUnavailable, match="absent"),
    ):
        busy(client)
