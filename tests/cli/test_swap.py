"""Swap, where a provider reports it; metrics-server does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import Cluster

from .harness import run
from .scenes import open_scene

MI = 1 << 20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with open_scene("swap") as found:
        yield found


def items(cluster: Cluster, line: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        run(cluster, *line.split(), "-o", "json").out
    )["items"]
    return found


def lines(cluster: Cluster, line: str) -> list[str]:
    return run(cluster, *line.split(), width=1000).lines


def test_swap_is_shown_with_wide_where_it_is_reported(cluster: Cluster) -> None:
    head, *rows = lines(cluster, "nodes -o full")
    assert {"SWAP", "SWAP%", "SWAP-CAP"} <= set(head.split())
    assert len(rows) == 11
    assert "SWAP" in lines(cluster, "pods -n team-c -o wide")[0].split()
    assert "SWAP" not in lines(cluster, "pods -n team-c -o wide")[1]


def test_a_node_uses_a_share_of_its_swap_and_of_none_no_share(cluster: Cluster) -> None:
    nodes = [item["swap"] for item in items(cluster, "nodes")]
    assert [swap["capacity"] for swap in nodes[:4]] == [0, 8 * MI, 4096 * MI, None]
    assert [swap["pct_node"] for swap in nodes[:4]] == [None, 37.5, 0.07, None]
    assert {swap["usage"] for swap in nodes} == {3 * MI, None}


def test_swap_adds_up_and_says_what_is_missing(cluster: Cluster) -> None:
    pods = items(cluster, "pods -n team-c")
    containers = items(cluster, "containers -n team-c")
    (group,) = items(cluster, "namespaces team-c")
    of_pods = sum(item["swap"]["usage"] or 0 for item in pods)
    assert of_pods == sum(item["swap"]["usage"] or 0 for item in containers)
    assert of_pods == group["swap"]["usage"] > 0
    line = "namespaces team-c --columns swap --no-headers --units Mi"
    assert lines(cluster, line) == [f"~{of_pods // MI}Mi"]
    whole = run(
        cluster, *["cluster", "--columns", "swap", "--no-headers", "--units", "Mi"]
    )
    assert whole.lines == ["~27Mi"]


def test_swap_is_a_key_of_expressions_and_orders(cluster: Cluster) -> None:
    line = "nodes --where swap.pct_node>30 --sort swap --columns name,swap.usage -o csv"
    head, *rows = lines(cluster, line)
    assert head == "name,swap_usage_bytes"
    assert len(rows) == 1


def test_what_is_not_reported_has_no_column() -> None:
    with Cluster.recorded() as plain:
        for view in ("nodes", "pods -A"):
            head = run(plain, *view.split(), "-o", "full", width=1000).lines[0]
            assert "SWAP" not in head
