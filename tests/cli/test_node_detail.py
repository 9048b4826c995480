"""`kubemetrics nodes NAME` and real kubectl's ``describe node``, side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kubemetrics.models import Condition
from kubemetrics.models.node import Node, Taint
from kubemetrics.snapshot import NodeUsage
from kubemetrics.table.render import TableOptions
from kubemetrics.views.node_detail import node_detail
from kubemetrics.views.nodes import taint_text
from tests.cluster import Cluster
from tests.cluster_tests.kubectl import kubectl, needs_kubectl

from .harness import run


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def percents(line: str) -> list[int]:
    """Return the percentages of a line; what is above 0 and below 1 is 0 to kubectl."""
    return [0 if "<" in p else int(p) for p in re.findall(r"(<?\d+)%", line)]


def described(text: str) -> tuple[dict[str, list[int]], list[list[int]]]:
    """Return the percentages of each pod of ``describe node``, and of all together."""
    pods, _, rest = text.partition("Non-terminated Pods:")[2].partition("Allocated")
    rows = [line.split() for line in pods.splitlines()[3:]]
    found = {
        row[1]: percents(line)
        for row, line in zip(rows, pods.splitlines()[3:], strict=True)
        if row
    }
    sums = [percents(re.findall(rf"{of} .*", rest)[0]) for of in ("cpu", "memory")]
    return found, sums


@needs_kubectl
@pytest.mark.parametrize("name", ["worker-003", "worker-004", "control-plane-0"])
def test_a_node_in_detail_has_what_kubectl_describes(
    cluster: Cluster, name: str
) -> None:
    pods, sums = described(kubectl(cluster, "describe", "node", name).stdout)
    lines = run(cluster, "nodes", name, "-o", "wide").lines
    start = next(i for i, line in enumerate(lines) if line.startswith("Pods: "))
    assert lines[start].split()[1] == f"{len(pods)},"
    head, *rows, total = lines[start + 1 :]
    names = head.split()
    wanted = [
        names.index(f"{of}-{what}%") for of in ("CPU", "MEM")
        for what in ("REQ", "LIM")
    ]  # fmt: skip
    ours = {
        row.split()[1]: percents(" ".join(row.split()[i] for i in wanted))
        for row in rows
    }
    assert ours == pods
    cells = total.split()
    assert percents(" ".join(cells[i] for i in wanted)) == [*sums[0], *sums[1]]


def test_conditions_say_since_when_and_taints_stand_below(cluster: Cluster) -> None:
    lines = run(cluster, "nodes", "ip-10-0-9-19.ec2.internal").lines
    ready = next(line.split() for line in lines if line.startswith("Ready "))
    assert ready[:4] == ["Ready", "Unknown", "50d", "NodeStatusUnknown"]
    assert (
        "Taints: node.kubernetes.io/unreachable:NoSchedule,"
        " node.kubernetes.io/unreachable:NoExecute"
    ) in lines
    assert "Taints: none" in run(cluster, "nodes", "worker-003").lines


@pytest.mark.parametrize(
    "flags",
    ["worker-003 worker-004", "worker-00[3]", "worker-003 -o json", "-l pool=batch",
     "worker-003 --no-headers", "worker-003 --columns name", "worker-003 -o name"],
)  # fmt: skip
def test_only_the_one_node_that_is_named_is_shown_in_detail(
    cluster: Cluster, flags: str
) -> None:
    assert "Taints:" not in run(cluster, "nodes", *flags.split()).out


def test_what_is_not_known_of_a_node_is_left_out() -> None:
    unread = list(node_detail(NodeUsage(name="n"), (), TableOptions()))
    assert unread == ["", "Pods: 0, their requests and limits as % of allocatable"]
    node = Node(name="n", conditions=(Condition("Ready", "True"),))
    undated = list(node_detail(NodeUsage(name="n", node=node), (), TableOptions()))
    assert undated[1].split() == ["CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE"]
    assert undated[2].split()[:3] == ["Ready", "True", "-"]


def test_a_taint_is_written_as_kubectl_writes_it() -> None:
    taint = Taint(key="only", value="batch", effect="NoSchedule")
    assert taint_text(taint) == "only=batch:NoSchedule"
    assert taint_text(replace(taint, value="")) == "only:NoSchedule"


def test_what_is_not_as_it_should_be_is_red(cluster: Cluster) -> None:
    name = "ip-10-0-9-19.ec2.internal"
    lines = run(cluster, "nodes", name, "--color", "always").lines
    ready = next(line for line in lines if line.startswith("Ready "))
    assert "\x1b[31mUnknown" in ready
    fine = run(cluster, "nodes", "worker-003", "--color", "always").lines
    assert "\x1b[31m" not in next(line for line in fine if line.startswith("Ready "))
    whole = run(cluster, "cluster", "--color", "always", "-o", "wide").out
    assert "\x1b[33m1 NodeSilent" in whole
