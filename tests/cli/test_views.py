"""The joined views against a simulated cluster: rows, requests, words, exit codes."""

from __future__ import annotations

import csv
import itertools
import json
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from kubemetrics.api import Api
from kubemetrics.cli import run as cli_run
from kubemetrics.config import kubeconfig
from kubemetrics.flow import Flow
from kubemetrics.snapshot import Snapshot, SnapshotOptions, snapshot
from kubemetrics.transport import connections
from kubemetrics.transport.connections import Connections
from kubemetrics.transport.endpoint import ConnectionKey, Endpoint
from tests.cluster import Cluster, Generated
from tests.cluster.kubeconfig import write_kubeconfig

from .harness import Result, run


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


@pytest.fixture
def cluster(shared: Cluster) -> Iterator[Cluster]:
    shared.state = "healthy"
    shared.forget_requests()
    yield shared
    shared.state = "healthy"


def items(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.out)["items"]
    return found


def paths(cluster: Cluster) -> Counter[str]:
    return Counter(seen.path for seen in cluster.requests)


PODS = "/api/v1/pods"
NODES = "/api/v1/nodes"
POD_METRICS = "/apis/metrics.k8s.io/v1beta1/pods"
NODE_METRICS = "/apis/metrics.k8s.io/v1beta1/nodes"
GROUP = "/apis/metrics.k8s.io"
EVERYTHING = {PODS, NODES, POD_METRICS, NODE_METRICS}


# rows


def test_every_pod_has_a_row_with_its_value_or_its_reason(cluster: Cluster) -> None:
    found = items(run(cluster, "pods", "-A", "-o", "json"))
    assert len(found) == 100
    measured = [i for i in found if i["cpu"]["usage"] is not None]
    assert len(measured) == 81
    assert all((i["cpu"]["usage"] is None) == bool(i["reason"]) for i in found)
    reasons = Counter(i["reason"] for i in found)
    del reasons[None]
    assert reasons == {
        "Finished": 7, "NotScheduled": 2, "NotStarted": 2, "NodeSilent": 2,
        "ContainerNotRunning": 2, "Unreported": 4,
    }  # fmt: skip


def test_totals_equal_the_ledger_whatever_they_are_summed_by(cluster: Cluster) -> None:
    ledger = cluster.ledger
    for line in (
        "pods -A", "containers -A", "namespaces", "workloads -A", "pods -A --by node",
        "pods -A --by label:app,qos", "containers -A --by owner,container",
    ):  # fmt: skip
        found = items(run(cluster, *line.split(), "-o", "json"))
        cpu = sum(i["cpu"]["usage"] or 0 for i in found)
        memory = sum(i["mem"]["usage"] or 0 for i in found)
        total = ledger.total
        assert (line, cpu, memory) == (line, total.cpu, total.memory)


def test_the_contexts_namespace_is_the_default_as_with_kubectl(
    cluster: Cluster,
) -> None:
    assert {i["namespace"] for i in items(run(cluster, "pods", "-o", "json"))} == {
        "default"
    }
    assert "NAMESPACE" not in run(cluster, "pods").out
    assert "NAMESPACE" in run(cluster, "pods", "-A").out
    assert "NAMESPACE" in run(cluster, "namespaces").out


@pytest.mark.parametrize(
    ("flags", "namespaces"),
    [
        ("-n team-a", {"team-a"}),
        ("-n team-a -n team-b", {"team-a", "team-b"}),
        ("-n team-[ab]", {"team-a", "team-b"}),
        ("-n team-? --exclude-namespace team-[c-z]", {"team-a", "team-b"}),
        ("--exclude-namespace team-* --exclude-namespace kube-*",
         {"default", "monitoring"}),
    ],
)  # fmt: skip
def test_namespaces_are_chosen_by_name_and_glob(
    cluster: Cluster, flags: str, namespaces: set[str]
) -> None:
    found = items(run(cluster, "pods", *flags.split(), "-o", "json"))
    assert {i["namespace"] for i in found} == namespaces


def test_pods_are_chosen_by_name_glob_label_field_and_node(cluster: Cluster) -> None:
    def names(*flags: str) -> list[str]:
        found = items(run(cluster, "pods", "-A", *flags, "-o", "json"))
        return [i["name"] for i in found]

    assert names("kafka-0") == ["kafka-0"]
    assert names("kafka-0", "redis-0") == ["redis-0", "kafka-0"]
    assert names("kafka-?")[:2] == ["kafka-0", "kafka-1"]
    assert all(n.startswith("kube-proxy") for n in names("kube-proxy-*"))
    assert len(names("-l", "app=redis")) == len(names("redis-*"))
    assert (
        len(names("--field-selector", "status.phase=Succeeded,status.phase!=Failed"))
        < 7
    )
    on_node = items(run(cluster, "pods", "-A", "--node", "worker-003", "-o", "json"))
    assert {i["node"] for i in on_node} == {"worker-003"}


def test_rows_are_filtered_sorted_and_cut(cluster: Cluster) -> None:
    result = run(
        cluster, "pods", "-A", "--where", "mem.pct_limit > 80", "--sort",
        "-mem.pct_limit,name", "--top", "3", "--columns", "name,mem.pct_limit",
        "--no-headers",
    )  # fmt: skip
    shares = [int(line.split()[1].rstrip("%")) for line in result.lines]
    assert len(shares) == 3
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 200


def test_what_was_killed_lately_is_one_expression(cluster: Cluster) -> None:
    for view in ("pods", "containers"):
        found = items(run(cluster, view, "-A", "-o", "json"))
        since = [i for i in found if i["last"]["age"] is not None]
        lately = run(
            cluster, view, "-A", "-o", "json", "--where", "last.reason == Error"
            " and last.age < 1h and last.exit_code != 0",
        )  # fmt: skip
        shown = items(lately)
        assert shown
        assert shown == [
            i
            for i in since
            if i["last"]["reason"] == "Error"
            and i["last"]["age"] < 3600
            and i["last"]["exit_code"]
        ]


def test_restarts_say_how_long_ago_the_last_one_was_as_with_kubectl(
    cluster: Cluster,
) -> None:
    (line,) = run(cluster, "pods", "-n", "team-a", "postgres-0", "--no-headers").lines
    assert "  10 (5d7h ago)  " in line
    found = items(run(cluster, "pods", "-n", "team-a", "postgres-0", "-o", "json"))
    assert found[0]["restarts"] == 10


@pytest.mark.parametrize("view", ["pods", "containers"])
def test_unused_is_what_is_requested_and_not_used(cluster: Cluster, view: str) -> None:
    seen = set[bool]()
    for item in items(run(cluster, view, "-A", "-o", "json")):
        for of in (item["cpu"], item["mem"]):
            known = item["quality"] in ([], ["stale"]) and of["usage"] is not None
            seen.add(bool(known and of["requests"]))
            if known and of["requests"]:
                gap = of["requests"] - of["usage"]
                assert abs(of["unused"] - gap) <= 1  # of a byte, each rounded up
            else:
                assert of["unused"] is None
    assert seen == {True, False}


def test_unused_of_groups_adds_up_that_of_their_pods(cluster: Cluster) -> None:
    pods = items(run(cluster, "pods", "-A", "-o", "json"))
    of_pods = sum(i["cpu"]["unused"] or 0 for i in pods)
    for line in ("namespaces", "workloads -A", "pods -A --by node"):
        groups = items(run(cluster, *line.split(), "-o", "json"))
        assert sum(i["cpu"]["unused"] or 0 for i in groups) == of_pods


def test_the_gap_is_one_flag_the_largest_first(cluster: Cluster) -> None:
    shown = run(cluster, "workloads", "-A", "--unused", "--units", "raw")
    head, *rows, total = shown.lines
    assert head.split()[3:6] == ["PODS", "MEASURED", "CPU"]
    gaps = [line.split()[8].lstrip("~") for line in rows]
    known = [int(gap) for gap in gaps if gap != "-"]
    assert known == sorted(known, reverse=True)
    assert int(total.split()[8].lstrip("~")) == sum(known)
    given = run(cluster, "workloads", "-A", "--unused", "--sort", "owner.name", "-o",
                "json")  # fmt: skip
    assert "owner" in items(given)[0]
    assert "NAMESPACE" not in run(cluster, "pods", "--unused").lines[0]


def test_a_total_has_the_percentages_of_all_together(cluster: Cluster) -> None:
    used = asked = 0
    for item in items(run(cluster, "pods", "-A", "-o", "json")):
        cpu = item["cpu"]
        if cpu["pct_request"] is not None:
            apart = cpu["compared"]["requests"] is not None
            used += cpu["compared"]["usage_in_requests"] if apart else cpu["usage"]
            asked += cpu["compared"]["requests"] if apart else cpu["requests"]
    for line in ("pods -A", "namespaces", "workloads -A"):
        columns = ("--columns", "namespace,cpu.pct_request")
        last = run(cluster, *line.split(), "--sum", *columns).lines[-1].split()
        assert [c.lstrip("~*") for c in last] == ["TOTAL", f"{100 * used // asked}%"]


def test_a_pod_takes_a_share_of_its_node(cluster: Cluster) -> None:
    nodes = {i["name"]: i for i in items(run(cluster, "nodes", "-o", "json"))}
    pods = items(run(cluster, "pods", "-A", "-o", "json"))
    shares = [i for i in pods if i["cpu"]["pct_node_requests"] is not None]
    assert shares
    for item in shares:
        for of in ("cpu", "mem"):
            whole = nodes[item["node"]][of]["allocatable"]
            for base in ("requests", "limits"):
                share = (item[of][base] or 0) * 10000 // whole / 100
                assert item[of][f"pct_node_{base}"] == share


def test_the_cluster_is_the_first_row_of_its_nodes(cluster: Cluster) -> None:
    head, first, *rest = run(cluster, "nodes", "-o", "wide").lines
    (whole,) = items(run(cluster, "cluster", "-o", "json"))
    cells = dict(zip(head.split(), first.split(), strict=False))
    assert len(rest) == 10
    assert (cells["NAME"], cells["STATUS"]) == ("cluster", "9/10")
    shares = (f"{int(whole['cpu'][key])}%" for key in ("pct_node", "pct_requested"))
    columns = "name,cpu.pct_node,cpu.pct_requested"
    shown = run(cluster, "nodes", "--sum", "--columns", columns).lines[1].split()
    assert [cell.lstrip("~") for cell in shown] == ["cluster", *shares]
    assert whole["count"] == 10
    assert whole["not_ready"] == 1
    assert whole["quality"] == ["partial"]


@pytest.mark.parametrize(
    "flags",
    ["worker-003 worker-004", "-l pool=batch", "--top 3", "--no-headers",
     "--columns name,cpu.usage", "--where cpu.usage>1", "-o name", "-o csv",
     "--fail-on status==NotReady"],
)  # fmt: skip
def test_no_row_is_the_clusters_where_not_all_of_it_is_shown(
    cluster: Cluster, flags: str
) -> None:
    assert "cluster" not in run(cluster, "nodes", *flags.split()).out


def test_a_part_of_the_nodes_has_a_total_if_it_is_asked_for(cluster: Cluster) -> None:
    lines = run(cluster, *["nodes", "worker-003", "worker-004", "--sum"]).lines
    assert [line.split()[0] for line in lines[1:]] == [
        "TOTAL", "worker-003", "worker-004",
    ]  # fmt: skip


def test_groups_of_nodes_add_up_to_the_cluster(cluster: Cluster) -> None:
    (whole,) = items(run(cluster, "cluster", "-o", "json"))
    for by in ("pool", "zone,placement", "label:kubernetes.io/hostname"):
        groups = items(run(cluster, "nodes", "--by", by, "-o", "json"))
        for key in ("usage", "requests", "allocatable", "headroom", "schedulable"):
            known = [g["cpu"][key] for g in groups if g["cpu"][key] is not None]
            assert sum(known) == whole["cpu"][key]
        assert sum(g["count"] for g in groups) == 10
    placed = items(run(cluster, "nodes", "--by", "placement", "-o", "json"))
    assert [(g["placement"], g["count"]) for g in placed] == [
        ("cordoned", 1), ("notready", 1), ("open", 6), ("tainted", 2),
    ]  # fmt: skip


def test_any_resource_of_a_node_is_a_column(cluster: Cluster) -> None:
    of = "ephemeral-storage"
    keys = ",".join(
        f"{what}:{of}" for what in ("requests", "limits", "allocatable", "headroom")
    )
    for view in ("nodes", "cluster"):
        for item in items(run(cluster, view, "-o", "json", "--columns", keys)):
            assert (
                item["allocatable"][of] - item["requests"][of] == item["headroom"][of]
            )
            assert item["limits"][of] is None
    found = items(
        run(cluster, *["nodes", "--columns", "allocatable:pods", "-o", "json"])
    )
    assert all(isinstance(i["allocatable"]["pods"], int) for i in found)


def test_the_reason_of_a_group_of_nodes_is_last_and_only_where_there_is_one(
    cluster: Cluster,
) -> None:
    head, *rows = run(cluster, "nodes", "--by", "pool", width=200).lines
    assert head.removesuffix("\x1b[0m").endswith("  REASON")
    ends = [row.rpartition("  ")[2] for row in rows if "NodeSilent" in row]
    assert len(ends) == 1
    assert "1 NodeSilent" in ends[0]
    assert not any(row.endswith((" -", " none")) for row in rows)


def test_a_resource_that_is_not_there_is_told_from_one_that_is_not_known(
    cluster: Cluster,
) -> None:
    gpu = "--columns allocatable:nvidia.com/gpu --no-headers"
    shown = run(cluster, "nodes", *gpu.split()).lines
    assert {line.strip() for line in shown} == {"none", "4"}
    limits = "--columns limits:cpu --no-headers"
    pods = run(cluster, "pods", "-n", "team-b", *limits.split()).lines
    assert [line.strip() for line in pods] == ["500m", "none", "none", "none"]


@pytest.mark.parametrize(
    ("view", "text", "meant"),
    [
        ("pods", "90% of limit", "; did you mean 'mem.pct_limit > 90'?"),
        ("pods", "80% of cpu.requests", "; did you mean 'cpu.pct_request > 80'?"),
        ("pods", "80% of it", "; did you mean 'mem.pct_limit > 80'?"),
        ("nodes", "90% of node", "; did you mean 'mem.pct_node > 90'?"),
        ("nodes", "90% of limit", ""),
        ("pods", "cpu of limit", ""),
        ("pods", "90%", ""),
    ],
)
def test_a_share_that_is_written_in_words_is_told_as_a_column(
    cluster: Cluster, view: str, text: str, meant: str
) -> None:
    error = run(cluster, view, "--where", text).err.splitlines()[0]
    assert error.endswith(f" after a column{meant}")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--by app", "cannot group nodes by 'app': did you mean label:app?"),
        ("--by pool -L app", "-L shows"),
    ],
)
def test_nodes_are_not_grouped_by_what_they_have_not(
    cluster: Cluster, flags: str, message: str
) -> None:
    result = run(cluster, "nodes", *flags.split())
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_pods_are_chosen_before_they_are_summed_and_sums_after(
    cluster: Cluster,
) -> None:
    def sums(*flags: str) -> dict[str, tuple[int, int]]:
        line = ("pods", "-A", "--by", "namespace", "-o", "json", *flags)
        found = items(run(cluster, *line))
        return {i["namespace"]: (i["count"], i["cpu"]["usage"]) for i in found}

    expected: dict[str, tuple[int, int]] = {}
    for item in items(run(cluster, "pods", "-A", "-o", "json")):
        count, used = expected.get(item["namespace"], (0, 0))
        if item["qos"] == "Burstable" and (item["cpu"]["usage"] or 0) > 10**7:
            expected[item["namespace"]] = (count + 1, used + item["cpu"]["usage"])
    where = ("--where", "qos == Burstable and cpu.usage > 10m")
    assert sums(*where) == expected
    several = {name: found for name, found in expected.items() if found[0] > 3}
    assert several
    assert several != expected
    assert sums(*where, "--having", "count > 3") == several


def test_a_column_of_both_is_of_the_sums_unless_they_have_a_condition_of_their_own(
    cluster: Cluster,
) -> None:
    line = ("pods", "-A", "--by", "namespace", "-o", "json")
    after = items(run(cluster, *line, "--where", "cpu.usage > 1"))
    assert [i["namespace"] for i in after] == ["kube-system", "team-a", "team-e"]
    before = items(run(cluster, *line, "--where", "cpu.usage > 300m", "--having",
                       "count >= 1"))  # fmt: skip
    assert 0 < sum(i["count"] for i in before) < sum(i["count"] for i in after)


def test_containers_are_chosen_before_they_are_summed(cluster: Cluster) -> None:
    flags = ("--by", "container", "--where", "type == sidecar", "-o", "json")
    found = items(run(cluster, "containers", "-A", *flags))
    assert [(i["container"], i["count"]) for i in found] == [("istio-proxy", 6)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["pods", "--by", "qos", "--where", "node == x and count > 1"],
         "--where: node is of pods, count of groups: give what is of groups to --havi"),
        (["pods", "--having", "count > 1"], "--having is of sums: --by KEY makes them"),
        (["pods", "--by", "qos", "--having", "node == x"], "no column 'node' of"),
        (["pods", "--by", "qos", "--having", "count > 1", "--where", "count > 1"],
         "no column 'count' of pods"),
        (["workloads", "--where", "'"], "--where: column 1: this ' has no second one"),
        (["workloads", "--where", "qos == 'x"], "has no second one"),
    ],
)  # fmt: skip
def test_what_is_of_pods_and_what_is_of_their_sums_is_not_mixed(
    cluster: Cluster, line: list[str], message: str
) -> None:
    result = run(cluster, *line)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


AUDIT = [f"audit-log-8tktrtxl2-{end}" for end in ("6pct8", "n7cmv", "pj667")]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("pods -n team-c pod/redis-0", ["redis-0"]),
        ("pods -n team-c sts/redis", ["redis-0", "redis-1", "redis-2", "redis-3"]),
        ("pods -n team-c statefulsets.apps/redis po/redis-1",
         ["redis-0", "redis-1", "redis-2", "redis-3"]),
        ("pods -n team-e rs/audit-log-8tktrtxl2",
         AUDIT),
        ("pods -n team-e deploy/audit-*",
         AUDIT),
        ("nodes node/worker-003", ["worker-003"]),
    ],
)  # fmt: skip
def test_names_may_say_their_kind_as_with_kubectl(
    cluster: Cluster, line: str, shown: list[str]
) -> None:
    found = run(cluster, *line.split(), "--columns", "name", "--no-headers")
    assert [name.strip() for name in found.lines] == shown


def test_what_o_name_prints_is_a_name(cluster: Cluster) -> None:
    for view in (
        "pods -n team-a", "nodes", "namespaces", "workloads -n team-c", "pods -A",
        "workloads -A",
    ):  # fmt: skip
        printed = run(cluster, *view.split(), "-o", "name").lines
        again = run(cluster, *view.split(), *printed, "-o", "name")
        assert (again.code, again.lines) == (0, printed)


def test_a_name_of_another_namespace_is_told_where_it_is(cluster: Cluster) -> None:
    result = run(cluster, "pods", "kafka-0")
    assert result.code == 1
    assert result.err.splitlines() == [
        'error: pods "kafka-0" not found in namespace default',
        'pods "kafka-0" found in namespace team-e: -n team-e',
    ]
    (_, told) = run(cluster, "workloads", "deploy/reporting").err.splitlines()
    assert told == (
        'workloads "deployment/reporting" found in namespaces team-c, team-d, team-f:'
        " -A"
    )
    for line in ("pods nope", "pods -A nope", "namespaces -n team-a x", "nodes nope"):
        assert '" found in' not in run(cluster, *line.split()).err
    own = run(cluster, "pods", "kafka-0", user="nslimited").err
    assert own == 'error: pods "kafka-0" not found in namespace team-a\n'


def test_labels_make_columns(cluster: Cluster) -> None:
    head, first, *_ = run(cluster, "pods", "-n", "team-c", "-L", "app", "redis-0").lines
    assert (head.split()[-1], first.split()[-1]) == ("APP", "redis")
    wide = run(cluster, "nodes", "-L", "kubernetes.io/hostname", "worker-003").lines
    assert wide[1].split()[-1] == "worker-003"


def test_workloads_are_chosen_by_name_and_kind(cluster: Cluster) -> None:
    def found(*names: str) -> list[tuple[str, str]]:
        rows = items(run(cluster, "workloads", "-A", *names, "-o", "json"))
        return [(i["owner"]["kind"], i["owner"]["name"]) for i in rows]

    assert found("redis") == [("StatefulSet", "redis")]
    assert found("daemonset/*") == [
        ("DaemonSet", "kube-proxy"), ("DaemonSet", "node-exporter"),
    ]  # fmt: skip


def test_a_node_is_reconciled_with_all_of_its_pods(cluster: Cluster) -> None:
    (node,) = items(run(cluster, "nodes", "worker-003", "-o", "json"))
    cpu = node["cpu"]
    assert cpu["pods"] + cpu["rest"] == cpu["usage"]
    assert cpu["headroom"] == cpu["allocatable"] - cpu["requests"]
    assert node["pods"]["count"] == 6


def test_the_sum_is_the_last_row(cluster: Cluster) -> None:
    last = run(cluster, "namespaces", "--sum").lines[-1].split()
    assert last[:3] == ["TOTAL", "100", "81"]


@pytest.mark.parametrize("seed", [41, 42, 43])
def test_a_generated_cluster_is_shown_as_its_ledger_has_it(seed: int) -> None:
    with Cluster.generated(Generated(nodes=6, pods=90, seed=seed)) as cluster:
        truth = cluster.ledger
        found = items(run(cluster, "pods", "-A", "-o", "json"))
        nodes = items(run(cluster, "nodes", "-o", "json"))
    keys = [(i["namespace"], i["name"]) for i in found]
    assert sorted(keys) == sorted(truth.all_pods)
    reasons = {k: i["reason"] for k, i in zip(keys, found, strict=True) if i["reason"]}
    assert reasons == truth.missing
    partial = {k for k, i in zip(keys, found, strict=True) if i["quality"]}
    assert partial == truth.partial
    assert sum(i["cpu"]["usage"] or 0 for i in found) == truth.total.cpu
    assert sum(i["mem"]["usage"] or 0 for i in found) == truth.total.memory
    assert {n["name"] for n in nodes if n["cpu"]["usage"] is None} == truth.silent
    assert sum(n["cpu"]["usage"] or 0 for n in nodes) == truth.node_total.cpu


# requests


@pytest.mark.parametrize(("view", "said"), [("containers", 4), ("pods", 0)])
def test_the_columns_of_containers_say_that_a_resize_adds_up_to_more(
    cluster: Cluster, view: str, said: int
) -> None:
    told = run(cluster, view, "--columns", "help").out
    assert told.count("in a resize the rows may add up to more than the pod") == said


def test_a_name_is_no_part_of_a_field_selector(cluster: Cluster) -> None:
    assert run(cluster, "pods", "a=b", "-n", "team-c").code == 1
    asked = [seen.query.get("fieldSelector") for seen in cluster.requests]
    assert r"metadata.name=a\=b" in asked


@pytest.mark.parametrize(
    ("line", "requests"),
    [
        ("pods -A", EVERYTHING),
        ("containers -A", EVERYTHING),
        ("nodes", EVERYTHING),
        ("namespaces", EVERYTHING),
        ("workloads -A --by node", EVERYTHING),
        ("pods -n team-[ab]", EVERYTHING),
        (
            "pods -n team-a",
            {"/api/v1/namespaces/team-a/pods", NODES, NODE_METRICS,
             "/apis/metrics.k8s.io/v1beta1/namespaces/team-a/pods"},
        ),
    ],
)  # fmt: skip
def test_a_view_costs_four_requests_and_asks_for_nothing_twice(
    cluster: Cluster, line: str, requests: set[str]
) -> None:
    assert run(cluster, *line.split()).code == 0
    asked = paths(cluster)
    asked.pop(GROUP, None)
    assert asked == Counter(requests)


def test_help_and_mistakes_cost_no_request(cluster: Cluster) -> None:
    assert run(cluster, "pods", "--help").code == 0
    assert run(cluster, "pods", "--columns", "help").code == 0
    assert run(cluster, "pods", "--where", "nonsense").code == 2
    assert run(cluster, "pods", "--columns", "nonsense").code == 2
    assert not cluster.requests


def test_no_two_columns_of_a_sum_are_headed_alike(cluster: Cluster) -> None:
    for by in ("owner,container", "pod,container", "priority-class,node"):
        head = run(cluster, "pods", "-A", "--by", by, "--top", "1").lines[0]
        names = head.partition("PODS" if "node" in by else "CONTAINERS")[0].split()
        assert len(names) == len(set(names)), head


# what is said, and the exit code


def test_what_is_missing_is_counted_on_stderr(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-A")
    assert result.err == (
        "81 of 89 running pods measured (2 NodeSilent, 2 ContainerNotRunning,"
        " 4 Unreported); also 7 finished, 4 not running yet\n"
    )
    assert run(cluster, "pods", "-n", "team-a").err == ""


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("pods -A", 0),
        ("pods -A --strict", 4),
        ("pods -n team-a --strict", 0),
        ("pods -A --fail-on mem.pct_limit>250", 10),
        ("pods -A --fail-on mem.pct_limit>100000 --all", 0),
        ("pods -A --strict --fail-on mem.pct_limit>250", 10),
        ("nodes --strict", 4),
        ("nodes worker-003 --strict", 0),
        ("nodes worker-003 worker-004 --strict", 0),
        ("nodes worker-* --strict", 0),
        ("namespaces --strict", 4),
        ("nodes --fail-on status==NotReady", 10),
    ],
)
def test_exit_codes_can_be_gated_on(cluster: Cluster, line: str, code: int) -> None:
    result = run(cluster, *line.split())
    assert result.code == code
    assert result.lines


def test_who_may_not_see_nodes_has_complete_data_all_the_same(
    cluster: Cluster,
) -> None:
    assert run(cluster, "pods", "--strict", user="nslimited").code == 0
    assert run(cluster, "pods", "-A", "--strict", user="nometrics").code == 4


def test_what_fails_need_not_be_shown(cluster: Cluster) -> None:
    result = run(
        cluster, "pods", "-A", "--top", "1", "--sort", "name",
        "--fail-on", "reason == NodeSilent",
    )  # fmt: skip
    assert result.code == 10


@pytest.mark.parametrize("view", ["pods -A", "nodes", "namespaces", "containers -A"])
@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [("absent", "ApiAbsent", "not"), ("down", "ApiDown", "unavailable")],
)
def test_without_the_metrics_api_the_rows_are_printed_first(
    cluster: Cluster, view: str, state: str, reason: str, words: str
) -> None:
    cluster.state = state
    result = run(cluster, *view.split())
    assert result.code == 3
    assert reason in result.out
    assert words in result.err


@pytest.mark.parametrize("view", ["pods -A", "nodes"])
def test_a_metrics_api_that_warms_up_is_said_to(cluster: Cluster, view: str) -> None:
    assert "warming up" not in run(cluster, *view.split()).err
    cluster.state = "warming-2"
    found = run(cluster, *view.split())
    assert "the metrics API is warming up" in found.err
    assert found.out


@pytest.mark.parametrize("flags", ["--field-selector foo=bar", "-l a(b"])
def test_a_selector_that_the_server_refuses_is_a_failure_and_no_empty_list(
    cluster: Cluster, flags: str
) -> None:
    result = run(cluster, "pods", "-A", *flags.split())
    assert (result.code, result.out) == (1, "")
    assert re.match("cannot read pods( and pod metrics)?: ", result.err)
    assert "No resources found" not in result.err


def test_samples_that_are_refused_for_their_own_reasons_are_a_failure(
    cluster: Cluster,
) -> None:
    cluster.state = "front-proxy-unauthorized"
    result = run(cluster, "pods", "-A", "--all", "--fail-on", "mem.usage > 1Ki")
    assert (result.code, len(result.lines)) == (1, 101)
    assert "cannot read pod metrics and node metrics: Unauthorized" in result.err


def test_a_condition_that_nothing_meets_is_told_from_nothing_there(
    cluster: Cluster,
) -> None:
    result = run(cluster, "pods", "-n", "team-a", "--where", "restarts > 99999")
    assert (result.code, result.out) == (0, "")
    assert result.err == "0 of 16 pods shown\n"


def test_a_name_that_is_not_there_is_an_error(cluster: Cluster) -> None:
    result = run(cluster, "pods", "gone", "-n", "team-a")
    assert result.code == 1
    assert 'pods "gone" not found in namespace team-a' in result.err
    result = run(cluster, "nodes", "worker-003", "gone")
    assert (result.code, len(result.lines)) == (1, 2)
    assert 'nodes "gone" not found\n' in result.err


def test_who_may_read_one_namespace_only_is_told_which(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-A", user="nslimited")
    assert result.code == 1
    assert "cannot list resource" in result.err
    assert result.err.endswith("namespace team-a may be read: -n team-a\n")
    own = run(cluster, "pods", user="nslimited")
    assert (own.code, own.err, len(own.lines)) == (0, "", 17)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("namespaces", "namespace team-a may be read: -n team-a\n"),
        ("workloads -n team-*", "namespace team-a may be read: -n team-a\n"),
        ("nodes", "on nodes: view has neither)\n"),
        ("pods -n team-b", "ClusterRole view usually allows it)\n"),
    ],
)
def test_a_refusal_is_about_what_was_asked(
    cluster: Cluster, line: str, said: str
) -> None:
    result = run(cluster, *line.split(), user="nslimited")
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith(said)


def test_one_namespace_of_several_that_is_refused_makes_it_fail(
    cluster: Cluster,
) -> None:
    result = run(cluster, "pods", "-n", "team-a", "-n", "team-b", user="nslimited")
    assert (result.code, len(result.lines)) == (1, 17)
    assert "cannot read pods in namespace team-b: " in result.err


def test_who_may_read_nothing_is_told_no_namespace(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-A", user="noperm")
    assert (result.code, result.err.count("\n")) == (1, 1)


def test_without_metrics_permission_the_rest_is_shown(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-A", user="nometrics")
    assert (result.code, len(result.lines)) == (0, 101)
    assert "Forbidden" in result.out
    assert "cannot read pod metrics: " in result.err
    assert "0 of 89 running pods measured (89 Forbidden)" in result.err


def test_without_any_permission_the_refusal_is_all(cluster: Cluster) -> None:
    result = run(cluster, "pods", user="noperm")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: pods is forbidden")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--top", "x"], "--top takes a number, not 'x'"),
        (["--top", "9" * 5000], "--top takes a number, not '999"),
        (["--chunk-size", "-1"], "--chunk-size takes a number, not '-1'"),
        (["--units", "GB"], "--units: no unit 'GB'"),
        (["--thresholds", "9"], "--thresholds: expected two percentages"),
        (["--sort", "-cpuu"], "--sort: no column 'cpuu' of pods; did you mean"),
        (["--columns", "nam"], "--columns: no column 'nam' of pods; did you mean"),
        (["--by", "app"], "--by: cannot group by 'app': did you mean label:app?"),
        (["--by", "ownr"], "--by: cannot group by 'ownr': did you mean owner or "),
        (["--by", "label:"], "--by: cannot group by 'label:': choose from namespace"),
        (["--by", "node", "-L", "app"], "--by label:NAME"),
        (["--by", "qos", "-o", "name"], "-o name: groups are no objects of the API"),
        (["--watch=x"], "--watch takes a whole number of seconds, not 'x'"),
        (["--watch", "--top", "9" * 19], "--top takes a number, not '999"),
        (["--watch=99999999999"], "--watch takes a whole number of seconds, not '99"),
        (["--watch=" + "9" * 5000], "--watch takes a whole number of seconds, not '9"),
        (["--watch=0"], "--watch takes a whole number of seconds, not '0'"),
        (["--chunk-size", "9" * 5000], "--chunk-size takes a number, not '999"),
        (["--thresholds", "9" * 5000 + ",1"], "--thresholds: expected two percent"),
        (["--request-timeout", "99999999999"], "must be seconds or a duration"),
        (["--request-timeout", "9" * 5000], "must be seconds or a duration"),
        (["redis-0,redis-1"], '"redis-0,redis-1" cannot be a name: blanks, not comm'),
        (["-w", "-o", "prometheus"], "--watch does not go with -o prometheus"),
        (["-o", "xml"], "xml"),
    ],
)
def test_a_wrong_flag_is_refused(
    cluster: Cluster, flags: list[str], message: str
) -> None:
    result = run(cluster, "pods", *flags)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_a_wrong_expression_is_pointed_at(cluster: Cluster) -> None:
    result = run(cluster, "pods", "--fail-on", "cpu > 1 an mem > 1")
    assert result.code == 2
    assert result.err == (
        "error: --fail-on: column 9: expected 'and', 'or' or the end\n"
        "  cpu > 1 an mem > 1\n"
        "          ^\n"
    )


# outputs


def test_every_output_holds_the_same_rows(cluster: Cluster) -> None:
    def out(kind: str) -> str:
        return run(cluster, "pods", "-n", "team-c", "-o", kind).out

    expected = items(run(cluster, "pods", "-n", "team-c", "-o", "json"))
    names = [i["name"] for i in expected]
    assert yaml.safe_load(out("yaml"))["items"] == expected
    assert [json.loads(line)["name"] for line in out("ndjson").splitlines()] == names
    assert [row["name"] for row in csv.DictReader(out("csv").splitlines())] == names
    assert out("name").splitlines() == [f"pod/{name}" for name in names]
    found = text_string_to_metric_families(out("prometheus"))
    family = next(f for f in found if f.name == "kubemetrics_pod_cpu_usage_cores")
    measured = [i["name"] for i in expected if i["cpu"]["usage"] is not None]
    assert [sample.labels["pod"] for sample in family.samples] == measured
    assert [line.split()[0] for line in out("wide").splitlines()[1:]] == ["team-c"] * 15


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("nodes worker-003", "node/worker-003"),
        ("namespaces team-c", "namespace/team-c"),
        ("workloads -A redis", "team-c/statefulset/redis"),
        ("workloads -n team-c redis", "statefulset/redis"),
        ("pods -A --by node --node worker-003", "node/worker-003"),
        (
            "pods -A --context viewer --context admin redis-0 --top 1",
            "team-c/pod/redis-0",
        ),
    ],
)
def test_objects_have_names(cluster: Cluster, line: str, name: str) -> None:
    assert run(cluster, *line.split(), "-o", "name").out == f"{name}\n"


def test_machines_are_told_the_context_though_there_is_one(cluster: Cluster) -> None:
    line = "pods -n team-c redis-0 -o"
    document = json.loads(run(cluster, *line.split(), "json").out)
    assert document["metadata"]["sources"][0]["context"] == "viewer"
    assert document["items"][0]["context"] == "viewer"
    row = run(cluster, *line.split(), "csv").lines
    assert [cells.split(",")[0] for cells in row] == ["context", "viewer"]
    series = run(cluster, *line.split(), "prometheus").lines[2]
    assert '{context="viewer",namespace="team-c",pod="redis-0"}' in series
    gate = run(cluster, *line.split(), "ndjson", "--fail-on", "cpu > 0").err
    assert "match 'cpu > 0': team-c/redis-0 (" in gate.replace("matches", "match")


def test_csv_needs_no_header(cluster: Cluster) -> None:
    line = "pods -n team-c redis-0 -o csv --columns name,restarts --no-headers"
    assert run(cluster, *line.split()).out == "redis-0,0\n"


def test_any_resource_makes_columns(cluster: Cluster) -> None:
    columns = "name,requests:cpu,limits:memory,requests:nvidia.com/gpu"
    line = f"pods -n team-c redis-0 -o json --columns {columns}"
    (item,) = items(run(cluster, *line.split()))
    assert item["requests"] == {"cpu": 2_000_000_000, "nvidia.com/gpu": 0}
    assert item["limits"]["memory"] > 0


def test_columns_choose_what_machines_get(cluster: Cluster) -> None:
    result = run(
        cluster, "pods", "-n", "team-c", "-o", "ndjson", "--columns", "name,cpu"
    )
    assert set(json.loads(result.lines[0])) == {"apiVersion", "kind", "name", "cpu"}


def test_machines_get_rows_even_where_there_are_none(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-n", "nope", "-o", "json")
    assert (result.code, items(result)) == (0, [])
    assert result.err == 'error: namespace "nope" not found\n'


def test_pages_are_as_large_as_one_wants(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-A", "--chunk-size=40", "-o", "name")
    assert len(result.lines) == 100
    assert paths(cluster)[PODS] == 3


@pytest.mark.parametrize(
    ("flags", "width", "environ", "coloured"),
    [
        ((), 80, {}, True),
        ((), None, {}, False),
        ((), 80, {"NO_COLOR": "1"}, False),
        ((), 80, {"TERM": "dumb"}, False),
        (("--color", "never"), 80, {}, False),
        (("--color=always",), None, {"NO_COLOR": "1"}, True),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    cluster: Cluster,
    flags: tuple[str, ...],
    width: int | None,
    environ: dict[str, str],
    *,
    coloured: bool,
) -> None:
    result = run(cluster, "pods", *flags, width=width, environ=environ)
    assert ("\x1b[" in result.out) is coloured


PLAIN = {"NO_COLOR": "1"}


def test_columns_are_added_and_taken_away(cluster: Cluster) -> None:
    def heads(columns: str, *more: str) -> list[str]:
        line = ("pods", "-n", "team-a", f"--columns={columns}", *more)
        return run(cluster, *line, width=80, environ=PLAIN).lines[0].split()

    line = ("pods", "-n", "team-a")
    usual = run(cluster, *line, width=80, environ=PLAIN).lines[0].split()
    assert heads("+qos")[-2:] == ["QOS", "REASON"]
    assert "STATUS" in usual
    assert "STATUS" not in heads("-status")
    assert {"QOS", "PHASE"} <= {*heads("+QoS,-STATUS,+phase", "-o", "full")}
    mixed = run(cluster, "pods", "--columns", "+qos,name")
    assert (mixed.code, "changes with + and -" in mixed.err) == (2, True)
    wrong = run(cluster, "pods", "--columns", "+qoss")
    assert (wrong.code, "did you mean qos" in wrong.err) == (2, True)


def test_formats_of_peers_are_there(cluster: Cluster) -> None:
    spec = "custom-columns=NAME:.name,CPU:.cpu.usage"
    line = ("pods", "-n", "team-c", "redis-0")
    assert [out.split() for out in run(cluster, *line, "-o", spec).lines] == [
        ["NAME", "CPU"], ["redis-0", "63000000"],
    ]  # fmt: skip
    head, row = run(cluster, *line, "-o", "tsv", "--columns", "name,cpu").lines
    assert (head, row.split("\t")[0]) == ("name\tcpu_usage_nanocores", "redis-0")
    assert run(cluster, *line, "-o", "md").lines[1].startswith("| --- |")
    wrong = run(cluster, *line, "-o", "custom-columns=x")
    assert (wrong.code, "expected HEADER:PATH" in wrong.err) == (2, True)


def test_only_a_terminal_makes_a_table_narrow(cluster: Cluster) -> None:
    wide = run(cluster, "pods", "-A")
    assert len(wide.lines[0]) > 160
    narrow = run(cluster, "pods", "-A", width=100, environ={"NO_COLOR": "1"})
    assert max(map(len, narrow.lines)) <= 100
    assert "left out" not in narrow.err
    wide = run(cluster, "pods", "-A", "-o", "wide", width=100)
    assert 100 < max(map(len, wide.lines)) <= 220
    everything = run(cluster, "pods", "-A", "-o", "full", width=100)
    assert "EXPLANATION" in everything.out


def test_the_sentence_on_what_is_not_measured_is_of_rows_that_are_shown(
    cluster: Cluster,
) -> None:
    sentence = "81 of 89 running pods measured"
    assert sentence in run(cluster, "pods", "-A").err
    assert run(cluster, "pods", "-A", "--top", "3").err == ""
    assert sentence in run(cluster, "pods", "-A", "--where", "reason != none").err
    strict = run(cluster, "pods", "-A", "--top", "3", "--strict")
    assert (strict.code, sentence in strict.err) == (4, True)


def test_help_imports_neither_httpx_nor_yaml() -> None:
    code = (
        "import sys; from kubemetrics.cli import main;"
        "codes = [main([c, '--help']) for c in sys.argv[1:]];"
        "found = {'httpx', 'yaml', 'ssl'} & {*sys.modules};"
        "sys.exit(str(found or '') or sum(codes))"
    )
    views = ["pods", "containers", "nodes", "namespaces", "workloads", "doctor"]
    subprocess.run(
        [sys.executable, "-c", code, *views], check=True, stdout=subprocess.DEVNULL
    )


# several contexts


def test_contexts_are_read_side_by_side_into_one_table(cluster: Cluster) -> None:
    flags = ["--context", "viewer", "--context", "admin", "--context", "viewer"]
    found = items(run(cluster, "pods", "-A", *flags, "-o", "json"))
    assert Counter(i["context"] for i in found) == {"viewer": 100, "admin": 100}
    head = run(cluster, "nodes", *flags).lines[0]
    assert head.startswith("CONTEXT  NAME")


def test_the_age_of_each_row_is_by_the_clock_of_its_own_cluster(
    cluster: Cluster, tmp_path: Path
) -> None:
    with Cluster.recorded() as later:
        later.clock.shift(3600)
        both = merged(one=cluster, two=later)
        path = write_kubeconfig(tmp_path / "both", both)
        environ = {"KUBECONFIG": str(path)}
        flags = ("--context", "one", "--context", "two", "-o", "json")
        pods = items(run(cluster, "pods", "-A", *flags, environ=environ))
        nodes = items(run(cluster, "nodes", *flags, environ=environ))
    for found in (pods, nodes):
        ages = {(i["context"], i.get("namespace"), i["name"]): i["age"] for i in found}
        pairs = [
            (age, ages["two", namespace, name])
            for (context, namespace, name), age in ages.items()
            if context == "one"
        ]
        assert pairs
        assert {two - one for one, two in pairs} == {3600}


def merged(**clusters: Cluster) -> dict[str, Any]:
    """Return a kubeconfig with a context for each cluster."""
    objects = {name: one.kubeconfig_object() for name, one in clusters.items()}
    made: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    made["clusters"] = [
        {**found["clusters"][0], "name": name} for name, found in objects.items()
    ]
    made["users"] = [
        {**user, "name": name}
        for name, found in objects.items()
        for user in found["users"]
        if user["name"] == "viewer"
    ]
    made["contexts"] = [
        {"name": name, "context": {"cluster": name, "user": name}} for name in objects
    ]
    return made


def test_what_is_not_known_matches_no_comparison_of_texts(cluster: Cluster) -> None:
    """As the help says; a pod that waits for a node has none."""
    every = items(run(cluster, "pods", "-A", "-o", "json"))
    without = [i["name"] for i in every if i["node"] is None]
    assert without
    for word in ("node != x", "node !~ x", "not node == x"):
        where = ("--where", word)
        for view in ("pods", "containers"):
            found = items(run(cluster, view, "-A", *where, "-o", "json"))
            assert not [i for i in found if i["node"] is None]
        found = items(run(cluster, "pods", "-A", *where, "--by", "node", "-o", "json"))
        assert not [i for i in found if i["node"] is None]
    shown = run(cluster, "pods", "-A", "--where", "node != x", "-o", "name").lines
    assert len(shown) == len(every) - len(without)


def test_a_context_that_fails_loses_only_its_own_rows(cluster: Cluster) -> None:
    result = run(cluster, "pods", "-A", "--all-contexts", "-o", "json")
    found = json.loads(result.out)
    rows = Counter(i["context"] for i in found["items"])
    assert rows == {"admin": 100, "viewer": 100, "cert-viewer": 100, "nometrics": 100}
    failed = {s["context"] for s in found["metadata"]["sources"] if s["error"]}
    assert failed == {"nslimited", "noperm", "bad", "anonymous"}
    assert result.code != 0
    for context in failed:
        assert f"error: context {context}: " in result.err


def test_an_error_nobody_foresaw_costs_its_own_context_alone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W11: it was a traceback, and no row of the healthy clusters."""
    taken = itertools.count()

    def broken(api: Api, options: SnapshotOptions) -> Flow[Snapshot]:
        if next(taken) == 1:
            raise RuntimeError("not foreseen")
        return snapshot(api, options)

    monkeypatch.setattr(cli_run, "snapshot", broken)
    flags = ("--context", "viewer", "--context", "admin", "--context", "cert-viewer")
    result = run(cluster, "pods", "-A", *flags, "-o", "json")
    assert len(items(result)) == 200
    assert result.err.count(": unforeseen: RuntimeError: not foreseen") == 1
    assert result.code == 1


def test_a_kubeconfig_of_many_contexts_is_parsed_once_and_16_are_read_at_once(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W11: 200 contexts took 200 threads, and parsed the file as often."""
    path = write_kubeconfig(
        tmp_path / "many", merged(**{f"c{n}": cluster for n in range(24)})
    )
    parsed: list[str] = []
    load = kubeconfig._from_files

    def counting(paths: tuple[str, ...]) -> kubeconfig.Loaded:
        parsed.extend(paths)
        return load(paths)

    monkeypatch.setattr(kubeconfig, "_from_files", counting)
    used: set[int] = set()
    read = cli_run.ContextReader.read

    def noted(self: cli_run.ContextReader, *args: Any) -> cli_run.ContextResult:  # noqa: ANN401
        used.add(threading.get_ident())
        return read(self, *args)

    monkeypatch.setattr(cli_run.ContextReader, "read", noted)
    environ = {"KUBECONFIG": str(path)}
    result = run(cluster, "nodes", "--all-contexts", "-o", "json", environ=environ)
    assert len({item["context"] for item in items(result)}) == 24
    assert parsed == [str(path)]
    assert len(used) <= 16


def test_of_many_contexts_those_that_were_read_keep_no_connection(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS allows a process 256 files: of 200 contexts 62 were read."""
    open_now: set[Connections] = set()
    left: list[int] = []
    judge = cli_run.Rounds._round

    class Noted(Connections):
        def __init__(self, endpoint: Endpoint, key: ConnectionKey) -> None:
            super().__init__(endpoint, key)
            open_now.add(self)

        def close(self) -> None:
            super().close()
            open_now.discard(self)

    def noted(
        self: cli_run.Rounds[Any], results: Sequence[cli_run.ContextResult]
    ) -> cli_run.Round[Any]:
        left.append(len(open_now))
        return judge(self, results)

    monkeypatch.setattr(cli_run.Rounds, "_round", noted)
    monkeypatch.setattr(connections, "Connections", Noted)
    path = write_kubeconfig(
        tmp_path / "many", merged(**{f"c{n}": cluster for n in range(18)})
    )
    environ = {"KUBECONFIG": str(path)}
    result = run(cluster, "nodes", "--all-contexts", "-o", "json", environ=environ)
    assert len({item["context"] for item in items(result)}) == 18
    assert left == [0]


def test_a_wrong_flag_is_one_mistake_however_many_contexts(cluster: Cluster) -> None:
    result = run(cluster, "pods", "--all-contexts", "--as", "x", "--as-user-extra", "y")
    assert (result.code, result.out) == (2, "")
    assert result.err.count("--as-user-extra takes KEY=VALUE") == 1
