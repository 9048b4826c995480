"""``--tree``: nodes, workloads and namespaces, with what is below them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from kubemetrics.cli import build
from kubemetrics.cli.live import LiveScreen
from kubemetrics.cli.run import Rounds, context_readers, outcome_of
from kubemetrics.cli.view_commands import plan
from kubemetrics.console import Terminal, terminal
from kubemetrics.snapshot import join
from kubemetrics.table.columns import Arrangement
from kubemetrics.table.render import TableOptions, render
from kubemetrics.views.trees import TREES, TreeRow, tree_view
from kubemetrics.views.view import RowSelection, View
from tests.cli.harness import run, streams
from tests.cluster import Cluster
from tests.leftovers import kept
from tests.snapshot.make import parts, pod, sample

from .recorded import recorded

NO_BRANCH = re.compile(r"^[ │]*[├└]─")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with kept(), Cluster.recorded() as found:
        yield found


def tree(kind: str) -> View[TreeRow]:
    return tree_view(kind, lambda table: table)


def lines(cluster: Cluster, line: str, width: int = 200) -> list[str]:
    result = run(cluster, *line.split(), width=width, environ={"NO_COLOR": "1"})
    assert result.code == 0, result.err
    return result.lines


def names(cluster: Cluster, line: str) -> list[str]:
    shown = lines(cluster, f"{line} --columns name --no-headers")
    return [name.rstrip() for name in shown]


def test_a_node_has_its_pods_below_it_and_these_their_containers(
    cluster: Cluster,
) -> None:
    assert names(cluster, "nodes worker-003 --tree")[:6] == [
        "worker-003",
        "├─kube-system/kube-proxy-b5wwx",
        "│└─kube-proxy",
        "├─monitoring/node-exporter-rdl7s",
        "│└─node-exporter",
        "├─team-c/redis-0",
    ]
    head, node, first, *_ = lines(cluster, "nodes worker-003 --tree", 120)
    cells = dict(zip(head.split(), node.split(), strict=False))
    assert (cells["CPU"], cells["CPU%"], cells["CPU-REQ%"]) == ("408m", "5%", "85%")
    assert first.split()[:4] == [
        "├─kube-system/kube-proxy-b5wwx",
        "Running",
        "3m",
        "<1%",
    ]


def test_a_workload_has_its_pods_below_it(cluster: Cluster) -> None:
    line = "workloads -n team-c sts/redis --tree"
    assert names(cluster, line) == [
        "statefulset/redis",
        *(
            f"{branch}─{name}"
            for number in range(4)
            for end in [number == 3]
            for branch, name in (
                ("└" if end else "├", f"redis-{number}"),
                (" ├" if end else "│├", "init-migrate"),
                (" └" if end else "│└", "redis"),
            )
        ),
    ]
    (head, root, *_) = lines(cluster, line)
    cells = dict(zip(head.split(), root.split(), strict=False))
    assert (cells["STATUS"], cells["RESTARTS"], cells["CPU"]) == ("3/4", "0", "88m")


def test_a_namespace_has_its_workloads_below_it(cluster: Cluster) -> None:
    found = names(cluster, "namespaces team-b --tree")
    assert found[:3] == ["team-b", "├─pod/debug-tzpns", "│└─debug-tzpns"]
    assert "└─deployment/geo-lookup" in found
    coloured = run(cluster, "namespaces", "team-b", "--tree", width=120).out
    assert "\x1b[31mCrashLoop" in coloured
    everywhere = names(cluster, "workloads -A --tree")
    assert "team-b/deployment/geo-lookup" in everywhere


@pytest.mark.parametrize("kind", TREES)
def test_every_row_is_below_its_parent_and_found_by_its_path(kind: str) -> None:
    found = tree(kind).find("", recorded(), RowSelection())
    paths = {row.path for row in found.rows}
    assert len(paths) == len(found.rows)
    assert all(row.path[:-1] in paths for row in found.rows if len(row.path) > 1)
    assert len({row.at for row in found.rows}) == len(found.rows)
    assert {row.leaf for row in found.rows} == {True, False}
    order = tree(kind).arranged
    assert order is not None


def test_a_condition_is_of_the_leaves_and_keeps_what_is_above_them(
    cluster: Cluster,
) -> None:
    found = names(cluster, "workloads -n team-b --tree --where status==Running")
    assert found == [
        "pod/debug-tzpns",
        "└─debug-tzpns",
        " └─envoy-proxy",
        "deployment/geo-lookup",
        "├─geo-lookup-kfv4n8hx47-ggxhp",
        "│└─geo-lookup",
        "└─geo-lookup-kfv4n8hx47-pk2d9",
        " └─geo-lookup",
    ]
    much = ("sts/redis", "--tree", "--where", "mem.usage > 300Mi")  # all, and no leaf
    assert run(cluster, "workloads", "-n", "team-c", *much).out == ""
    nothing = run(cluster, "nodes", "--tree", "--where", "status == Nope")
    assert (nothing.code, nothing.out) == (0, "")


def test_rows_are_sorted_within_their_level_and_the_first_trees_are_whole(
    cluster: Cluster,
) -> None:
    found = names(cluster, "workloads -n team-c --tree --sort mem --top 2")
    roots = [name for name in found if not NO_BRANCH.match(name)]
    assert roots == ["deployment/reporting", "deployment/orders-worker"]
    assert found[1:4] == [
        "├─reporting-q2gs52gf-ms8h2", "│├─reporting", "│└─envoy-proxy",
    ]  # fmt: skip
    assert len(found) == 27
    every = names(cluster, "workloads -n team-c --tree --top 99")
    assert len(every) == len(names(cluster, "workloads -n team-c --tree"))


@pytest.mark.parametrize("view", ["workloads -n team-c", "nodes", "pods -n team-c"])
def test_the_total_counts_nothing_twice(cluster: Cluster, view: str) -> None:
    columns = "--columns name,cpu,mem,cpu.requests --units raw --no-headers --sum"
    place = 0 if view == "nodes" else -1
    flat = lines(cluster, f"{view} {columns}")[place]
    grown = lines(cluster, f"{view} --tree {columns}")[place]
    assert grown.split()[1:4] == flat.replace("cluster", "TOTAL").split()[1:4]


def test_a_percentage_of_the_total_is_that_of_the_roots(cluster: Cluster) -> None:
    for view, keys in (
        ("workloads -n team-c", "name,cpu.pct_request,mem.pct_limit"),
        ("nodes", "name,cpu.pct_node"),
    ):
        line = f"--columns {keys} --no-headers --sum"
        flat, grown = (
            lines(cluster, f"{view} {line}"),
            lines(cluster, f"{view} --tree {line}"),
        )
        place = 0 if view == "nodes" else -1
        assert flat[place].split()[1:] == grown[place].split()[1:]
    line = "--columns cpu.pct_node_requests --no-headers --sum"
    asked = lines(cluster, "nodes --columns cpu.pct_requested --no-headers --sum")
    assert lines(cluster, f"nodes --tree {line}")[0].strip() == asked[0].strip()


@pytest.mark.parametrize("kind", TREES)
def test_a_tree_fits_the_terminal_and_its_cells_can_be_told_apart(kind: str) -> None:
    view = tree(kind)
    assert view.arranged is not None
    rows = view.arranged(Arrangement()).sorted(
        view.find("", recorded(), RowSelection()).rows
    )
    columns = view.table.plain(rows)
    for width in (80, 120, 200):
        found = render(rows, columns, TableOptions(width=width))
        head, *more = list(found.lines)
        assert max(map(len, more)) <= width
        count = len(head.split())
        for line in more:
            cells = len(re.sub(r" \(.*? ago\)", "", line).split())
            assert count - 1 <= cells <= count + 1, line


def test_labels_and_prices_are_columns_of_a_tree(cluster: Cluster) -> None:
    line = "workloads -n team-c sts/redis --tree --price cpu=1 --columns"
    head, root, first, *_ = lines(cluster, f"{line} name,cost,label:app")
    assert head.split() == ["NAME", "COST/H", "APP"]
    assert root.split()[2] == "-"
    assert first.split()[2] == "redis"
    assert lines(cluster, f"{line} cpu,cost --sum")[-1].split()[-1] == "6.0000"


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("pods --by node", "--by"),
        ("pods --having cpu>1", "--having"),
        ("pods --unused", "--unused"),
        ("nodes --fail-on cpu>1", "--fail-on"),
        ("nodes --all-contexts", "--all-contexts"),
        ("nodes --context a --context b", "a second --context"),
        ("workloads -o json", "-o json"),
        ("workloads -o name", "-o name"),
        ("workloads -o custom-columns=A:.name", "-o custom-columns=A:.name"),
    ],
)
def test_what_has_no_meaning_for_a_tree_is_one_line(
    cluster: Cluster, line: str, flag: str
) -> None:
    result = run(cluster, *line.split(), "--tree")
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[0] == (
        f"error: {flag} does not go with --tree, which is for people to read"
    )


def test_a_sample_without_its_pod_is_in_the_tree_and_a_pod_without_containers() -> None:
    empty = pod("empty", spec={"containers": []})
    found = join(parts((empty,), (sample("alone", app=("1m", "1Mi")),)))
    rows = tree("workloads").find("", found, RowSelection()).rows
    assert [(row.name, row.leaf) for row in rows] == [
        ("default/pod/empty", False), ("empty", True),
        ("default/-", False), ("alone", False), ("app", True),
    ]  # fmt: skip


def test_a_watched_tree_stays_one_whatever_it_is_sorted_by(cluster: Cluster) -> None:
    with streams(cluster, width=120, environ={"NO_COLOR": "1"}):
        args = build("workloads")[1].read(["-n", "team-c", "--tree", "-w"])
        found = context_readers(args)
        view = tree("workloads")
        wanted = plan(args, view, terminal(args.color))
        taken = Rounds(args, wanted, found).read()
        screen = Terminal(width=120, height=100, colour=False)
        live = LiveScreen(args, wanted, timedelta(seconds=9), screen, keys=True)
        live.take(taken, outcome_of(args, wanted, taken), 0)
        plain = live.lines(0)
        live.press("m")
        by_memory = live.lines(0)
        for key in "/redis-0\n":
            live.press("enter" if key == "\n" else key)
        filtered = live.lines(0)
        for one in found:
            one.close()
    assert plain[2].split()[0] == "deployment/orders-worker"
    assert by_memory[2].split()[0] == "deployment/reporting"
    assert by_memory[3].split()[0] == "├─reporting-q2gs52gf-ms8h2"
    assert [line.split()[0] for line in filtered[2:5]] == [
        "statefulset/redis", "└─redis-0", "├─redis",
    ]  # fmt: skip
