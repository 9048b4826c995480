"""The printer against what real kubectl 1.37 printed of the same answers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from kubemetrics.kubectl_top.output import (
    NodeTableOptions,
    PodTableOptions,
    nodes_table,
    pods_table,
)
from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from kubemetrics.models.node import Node
from kubemetrics.wire import NodeWire

RECORDED = Path(__file__).parents[1] / "data" / "recorded"


def body(name: str) -> list[Any]:
    packed = RECORDED / f"{name}.body.gz"
    raw = (RECORDED / f"{name}.body").read_bytes() if not packed.exists() else b""
    items: list[Any] = json.loads(raw or gzip.decompress(packed.read_bytes()))["items"]
    return items


PODS = [PodMetrics.from_json(item) for item in body("podmetrics-all")]
NODES = [Node.from_json(item) for item in body("nodes")]
NODE_METRICS = [NodeMetrics.from_json(item) for item in body("nodemetrics")]
RUNS = [
    json.loads(line)
    for line in gzip.decompress((RECORDED / "kubectl-1.37.jsonl.gz").read_bytes())
    .decode()
    .splitlines()
]


def printed(*args: str) -> str:
    """Return what kubectl wrote to stdout for these arguments."""
    for run in RUNS:
        if run["as"] == "viewer" and run["args"] == ["top", *args]:
            stdout: str = run["stdout"]
            return stdout
    raise LookupError(args)


def inside(namespace: str) -> list[PodMetrics]:
    return [pod for pod in PODS if pod.namespace == namespace]


def with_ties_by_name(text: str, column: int) -> list[str]:
    """Order the lines that are equal in *column*, as kubectl's sort does not."""
    head, *lines = text.splitlines()
    number = {line: int(line.split()[column].rstrip("Mi")) for line in lines}
    return [head, *sorted(lines, key=lambda line: (-number[line], line))]


@pytest.mark.parametrize(
    ("args", "view"),
    [
        ("-A", PodTableOptions(namespaces=True)),
        ("-A --no-headers", PodTableOptions(namespaces=True, headers=False)),
        ("-A --sum", PodTableOptions(namespaces=True, sum=True)),
        ("-A --containers", PodTableOptions(namespaces=True, containers=True)),
        ("-A --show-swap", PodTableOptions(namespaces=True, swap=True)),
        ("-A --show-swap --sum", PodTableOptions(namespaces=True, swap=True, sum=True)),
        (
            "-A --no-headers --sum",
            PodTableOptions(namespaces=True, headers=False, sum=True),
        ),
        (
            "-A --containers --sum --no-headers",
            PodTableOptions(namespaces=True, containers=True, headers=False, sum=True),
        ),
    ],
)
def test_pods_of_all_namespaces_print_as_kubectl_prints_them(
    args: str, view: PodTableOptions
) -> None:
    assert pods_table(PODS, view) == printed("pods", *args.split())


@pytest.mark.parametrize(
    ("args", "view"),
    [
        ("--containers --sum", PodTableOptions(containers=True, sum=True)),
        (
            "--sort-by=memory --containers",
            PodTableOptions(sort_by="memory", containers=True),
        ),
    ],
)
def test_pods_of_a_namespace_print_as_kubectl_prints_them(
    args: str, view: PodTableOptions
) -> None:
    expected = printed("pods", "-n", "kube-system", *args.split())
    assert pods_table(inside("kube-system"), view) == expected


@pytest.mark.parametrize(
    ("args", "view", "column"),
    [
        ("--sort-by=cpu", PodTableOptions(namespaces=True, sort_by="cpu"), 2),
        ("--sort-by=memory", PodTableOptions(namespaces=True, sort_by="memory"), 3),
    ],
)
def test_sorted_pods_print_as_kubectl_prints_them_but_for_ties(
    args: str, view: PodTableOptions, column: int
) -> None:
    ours, theirs = pods_table(PODS, view), printed("pods", "-A", args)
    # kubectl compares bytes but shows mebibytes: only the multiset of lines and the
    # order of the shown numbers can be compared.
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())
    assert [line.split()[column] for line in ours.splitlines()] == [
        line.split()[column] for line in theirs.splitlines()
    ]


@pytest.mark.parametrize(
    ("args", "view"),
    [
        ("", NodeTableOptions()),
        ("--no-headers", NodeTableOptions(headers=False)),
        ("--sort-by=cpu", NodeTableOptions(sort_by="cpu")),
        ("--sort-by=memory", NodeTableOptions(sort_by="memory")),
        ("--show-capacity", NodeTableOptions(capacity=True)),
        ("--show-swap", NodeTableOptions(swap=True)),
    ],
)
def test_nodes_print_as_kubectl_prints_them(args: str, view: NodeTableOptions) -> None:
    expected = printed("nodes", *args.split())
    assert nodes_table(NODE_METRICS, NODES, view) == expected


def node_metrics(name: str, cpu: str, memory: str) -> NodeMetrics:
    return NodeMetrics.from_json(
        {"metadata": {"name": name}, "usage": {"cpu": cpu, "memory": memory}}
    )


def node(name: str, cpu: str, memory: str) -> Node:
    return Node.from_json(
        {
            "metadata": {"name": name},
            "status": {"allocatable": {"cpu": cpu, "memory": memory}},
        }
    )


def test_a_sample_whose_node_is_gone_breaks_the_grid() -> None:
    samples = [
        node_metrics("node1", "1", "1Gi"),
        node_metrics("node2", "5m", "6Mi"),
        node_metrics("node3", "3m", "4Mi"),
    ]
    nodes = [node("node1", "10", "10Gi"), node("node3", "10", "10Gi")]
    assert nodes_table(samples, nodes, NodeTableOptions()).splitlines() == [
        "NAME    CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)   ",
        "node1   1000m        10%      1024Mi          10%         ",
        "node2   5m           6Mi      ",
        "node3   3m           0%       4Mi             0%          ",
    ]


def test_a_percentage_is_cut_after_dividing_floats() -> None:
    sample = node_metrics("a", "29", "0")
    row = nodes_table(
        [sample], [node("a", "100", "0")], NodeTableOptions(headers=False)
    )
    assert row.split() == ["a", "29000m", "28%", "0Mi", "0%"]


def test_swap_is_of_the_capacity_that_the_node_tells() -> None:
    wire: NodeWire = {
        "metadata": {"name": "a"},
        "status": {
            "allocatable": {"cpu": "1", "memory": "1Gi"},
            "nodeInfo": {"swap": {"capacity": 4 << 30}},
        },
    }
    sample = NodeMetrics.from_json(
        {"metadata": {"name": "a"}, "usage": {"cpu": "1m", "swap": "1Gi"}}
    )
    row = nodes_table([sample], [Node.from_json(wire)], NodeTableOptions(swap=True))
    assert row.splitlines()[1].split() == [
        "a",
        "1m",
        "0%",
        "0Mi",
        "0%",
        "1024Mi",
        "25%",
    ]


def test_a_silent_node_comes_last_and_unknown() -> None:
    nodes = [node(name, "1", "1Gi") for name in ("a", "c", "b")]
    lines = nodes_table([node_metrics("c", "1m", "1Mi")], nodes, NodeTableOptions())
    assert [line.split()[:2] for line in lines.splitlines()[1:]] == [
        ["c", "1m"],
        ["a", "<unknown>"],
        ["b", "<unknown>"],
    ]


def test_equal_values_are_in_the_order_of_names() -> None:
    samples = [node_metrics(f"n{i:02}", "1m", "1Mi") for i in range(40)]
    text = nodes_table(
        samples[::-1], [], NodeTableOptions(headers=False, sort_by="cpu")
    )
    assert [line.split()[0] for line in text.splitlines()] == [s.name for s in samples]


def test_nothing_is_printed_for_nothing() -> None:
    assert pods_table([], PodTableOptions(sum=True)) == ""
    assert nodes_table([], NODES, NodeTableOptions()) == ""


def test_a_name_cannot_steer_the_terminal() -> None:
    pod = PodMetrics.from_json({"metadata": {"name": "a\x1b[2J", "namespace": "b"}})
    assert "\x1b" not in pods_table([pod], PodTableOptions())


@pytest.mark.parametrize(
    ("given", "shown"), [("-3", "0Mi"), ("-1048579", "-1Mi"), ("1048579", "1Mi")]
)
def test_memory_is_cut_towards_zero_as_go_divides(given: str, shown: str) -> None:
    usage = {"cpu": "1m", "memory": given}
    sample: Any = {
        "metadata": {"name": "p", "namespace": "default"},
        "containers": [{"name": "app", "usage": usage}],
    }
    table = pods_table([PodMetrics.from_json(sample)], PodTableOptions(headers=False))
    assert table.split() == ["p", "1m", shown]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("9223372036854775807", "-1000m 8796093022207Mi"),
        ("9223372036854775808", "0m -8796093022208Mi"),
        ("9876543219876543", "-8570200853833008616m 9419005603Mi"),
        ("987654321987654G", "0m -2672636822798Mi"),
        ("1e20", "0m 0Mi"),
        ("9Pi", "-8313644912125935616m 9663676416Mi"),
        ("-9Ei", "1000m -8796093022207Mi"),
        ("-9223372036854775807", "1000m 0Mi"),
        ("-100Ti", "-8568098291071m -8171Mi"),
        ("-99Ti", "-108851651149824000m -103809024Mi"),
    ],
)
def test_an_amount_beyond_64_bits_is_what_kubectl_makes_of_it(
    given: str, shown: str
) -> None:
    """As kubectl 1.37.1 printed them on amd64."""
    usage = dict.fromkeys(("cpu", "memory"), given)
    sample: Any = {"metadata": {"name": "p"}, "containers": [{"usage": usage}]}
    table = pods_table([PodMetrics.from_json(sample)], PodTableOptions(headers=False))
    assert table.split() == ["p", *shown.split()]


@pytest.mark.parametrize(
    ("used", "available", "shown"),
    [
        ("1", "9223372036854775808e3", "-9223372036854775808%"),
        ("9007199254740993", "1m", "-9223372036854775808%"),
    ],
)
def test_a_percentage_beyond_64_bits_is_the_least_integer(
    used: str, available: str, shown: str
) -> None:
    """As kubectl 1.37.1 printed them on amd64."""
    table = nodes_table(
        [node_metrics("a", used, "0")],
        [node("a", available, "1")],
        NodeTableOptions(headers=False),
    )
    assert table.split()[2] == shown
