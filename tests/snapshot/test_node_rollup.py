"""Sums of nodes: what they have, use and offer together, and by what they are."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest

from kubemetrics.models.node import Node
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import NodeUsage, join
from kubemetrics.snapshot.node_rollup import (
    NODE_KEYS,
    node_rollup,
    placement_of,
    summed_nodes,
)

from .make import node_sample, parts, pod, running


def rows(*nodes: Node, silent: str = "") -> tuple[NodeUsage, ...]:
    """Return nodes that use half a core each, but for the one that is *silent*."""
    samples = tuple(
        node_sample(n.name, "500m", "1Gi") for n in nodes if n.name != silent
    )
    return join(parts(nodes=nodes, node_samples=samples)).nodes


def labelled(
    name: str,
    ready: str = "True",
    labels: Mapping[str, str] | None = None,
    **given: object,
) -> Node:
    made: Any = {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": given,
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "capacity": {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "4"},
            "allocatable": {"cpu": "1", "memory": "3Gi", "nvidia.com/gpu": "4"},
        },
    }
    return Node.from_json(made)


TAINT = {"key": "only", "value": "batch", "effect": "NoSchedule"}


def test_a_share_is_of_the_nodes_that_have_both_parts() -> None:
    whole = summed_nodes(rows(labelled("a"), labelled("b"), silent="b"))
    assert whole.allocatable["cpu"] == Quantity("2")
    assert whole.ratio("cpu", "usage") == Fraction(1, 2)  # b is not known, and not 0
    assert whole.ratio("cpu", "requests") == 0
    assert whole.ratio("cpu", "limits") is None
    assert whole.lower_bound
    assert not summed_nodes(rows(labelled("a"))).lower_bound


def test_limits_of_some_nodes_are_a_share_of_all() -> None:
    held = pod("p", node="a", statuses=(running("app"),))
    found = join(parts(pods=(held,), nodes=(labelled("a"), labelled("b"))))
    assert summed_nodes(found.nodes).ratio("cpu", "limits") == Fraction(1, 10)
    assert summed_nodes(found.nodes).ratio("cpu", "requests") == Fraction(1, 20)


def test_only_open_nodes_have_room_for_any_pod() -> None:
    found = rows(
        labelled("a"),
        labelled("b", taints=[TAINT]),
        labelled("c", unschedulable=True, taints=[TAINT]),
        labelled("d", ready="False"),
        labelled("e", taints=[{**TAINT, "effect": "PreferNoSchedule"}]),
    )
    assert [placement_of(n) for n in found] == [
        "open", "tainted", "cordoned", "notready", "open",
    ]  # fmt: skip
    whole = summed_nodes(found)
    assert whole.headroom is not None
    assert whole.schedulable is not None
    assert whole.headroom["nvidia.com/gpu"] == Quantity("20")
    assert whole.schedulable["nvidia.com/gpu"] == Quantity("8")


def test_a_full_node_takes_no_room_from_the_others() -> None:
    big: Any = {"cpu": "3", "memory": "1Gi"}
    container = {"name": "app", "resources": {"requests": big}}
    held = pod("p", node="a", spec={"containers": [container]})
    found = join(parts(pods=(held,), nodes=(labelled("a"), labelled("b"))))
    whole = summed_nodes(found.nodes)
    assert whole.headroom is not None
    assert whole.schedulable is not None
    assert whole.headroom["cpu"] == Quantity("-1")
    assert whole.schedulable["cpu"] == Quantity("1")


@pytest.mark.parametrize(
    ("by", "labels", "value"),
    [
        ("zone", {"topology.kubernetes.io/zone": "z"}, "z"),
        ("zone", {"failure-domain.beta.kubernetes.io/zone": "z"}, "z"),
        ("pool", {"agentpool": "p", "karpenter.sh/nodepool": "k"}, "k"),
        ("label:app", {"app": "x"}, "x"),
        ("arch", {}, ""),
        ("placement", {}, "open"),
        ("version", {}, ""),
    ],
)
def test_nodes_are_grouped_by_what_they_are(
    by: str, labels: dict[str, str], value: str
) -> None:
    (group,) = node_rollup(rows(labelled("a", labels=labels)), (by,))
    assert group.key[0].value == value


def test_groups_are_in_the_order_of_their_keys_and_add_up() -> None:
    found = rows(
        *(labelled(n, labels={"pool": p}) for n, p in zip("abc", "yxy", strict=True))
    )
    groups = node_rollup(found, ("pool",))
    assert [(g.key[0].value, len(g.nodes)) for g in groups] == [("x", 1), ("y", 2)]
    assert [g.usage and g.usage["cpu"] for g in groups] == [
        Quantity("500m"),
        Quantity("1"),
    ]


def test_a_key_that_there_is_not_is_an_error_that_says_what_is_meant() -> None:
    with pytest.raises(ValueError, match=r"choose from zone, .*label:NAME"):
        node_rollup((), ("label:",))
    with pytest.raises(ValueError, match=r"did you mean label:app\?"):
        node_rollup((), ("app",))
    with pytest.raises(ValueError, match="did you mean zone or label:zones"):
        node_rollup((), ("zones",))
    assert node_rollup(rows(), NODE_KEYS) == ()


def test_where_nodes_cannot_be_read_nothing_is_known_but_their_usage() -> None:
    (alone,) = node_rollup([NodeUsage(name="a")])
    assert (alone.usage, alone.headroom, alone.schedulable, alone.breakdown) == (
        None, None, None, None,
    )  # fmt: skip
    assert alone.count("open") == 0
    assert placement_of(alone.nodes[0]) == ""
