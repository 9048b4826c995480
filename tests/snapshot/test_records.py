"""The short names of a row's amounts, and its record: what the command prints of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from kubemetrics import Client, load_config, node_rollup
from kubemetrics.snapshot import (
    GroupKey,
    NodeUsage,
    PodUsage,
    Snapshot,
    container_rows,
    join,
    rollup,
    summed,
)
from kubemetrics.snapshot.rows import RowKind, UsageRow
from tests.cli.harness import run
from tests.cluster import Cluster
from tests.leftovers import kept
from tests.tools.schema import SCHEMA

from .make import node, node_sample, parts, pod, running, sample
from .recorded import parts as recorded_parts

KINDS: Sequence[RowKind] = ("pods", "containers", "nodes")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with kept(), Cluster.recorded() as found:
        yield found


@pytest.fixture(scope="module")
def taken() -> Snapshot:
    return join(recorded_parts())


def lines(cluster: Cluster, *words: str) -> list[Any]:
    """Return what is printed, without the context, of which rows know nothing."""
    found = [json.loads(line) for line in run(cluster, *words).out.splitlines()]
    assert {line.pop("context") for line in found} == {"viewer"}
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_records_are_what_ndjson_prints(
    cluster: Cluster, taken: Snapshot, kind: RowKind
) -> None:
    scope = () if kind == "nodes" else ("-A",)
    printed = lines(cluster, kind, *scope, "-o", "ndjson")
    assert taken.records(kind) == printed
    rows: dict[RowKind, Sequence[UsageRow]] = {
        "pods": taken.pods,
        "containers": container_rows(taken.pods),
        "nodes": taken.nodes,
    }
    assert [row.to_dict() for row in rows[kind]] == printed


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_is_the_document_that_json_prints(
    cluster: Cluster, taken: Snapshot, kind: RowKind
) -> None:
    scope = () if kind == "nodes" else ("-A",)
    found = taken.to_dict(kind)
    printed = json.loads(run(cluster, kind, *scope, "-o", "json").out)
    for document in (found, printed):
        jsonschema.validate(document, json.loads(SCHEMA.read_text("utf-8")))
    for of in (*printed["metadata"]["sources"], *printed["items"]):
        assert of.pop("context") == "viewer"
    assert found["metadata"]["sources"][0].pop("context") is None
    heads = [document["objects"].pop(0) for document in (found, printed)]
    assert found == printed
    # What was chosen for a read is known to the command alone.
    assert {head["kind"] for head in heads} == {"Snapshot"}


@pytest.mark.parametrize("chain", [("namespace",), ("namespace", "owner"), ("node",)])
def test_a_group_has_the_record_of_its_chain(
    cluster: Cluster, taken: Snapshot, chain: tuple[str, ...]
) -> None:
    printed = lines(cluster, "pods", "-A", "--by", ",".join(chain), "-o", "ndjson")
    groups = rollup(taken.pods, chain)
    assert [group.to_dict() for group in groups] == printed
    assert summed(taken.pods).to_dict()["count"] == len(taken.pods)


@pytest.mark.parametrize("chain", [(), ("zone",), ("placement", "os")])
def test_a_group_of_nodes_has_the_record_of_its_chain(
    cluster: Cluster, taken: Snapshot, chain: tuple[str, ...]
) -> None:
    words = ("nodes", "--by", ",".join(chain)) if chain else ("cluster",)
    groups = node_rollup(taken.nodes, chain)
    assert [group.to_dict() for group in groups] == lines(
        cluster, *words, "-o", "ndjson"
    )


def test_a_group_of_nodes_has_short_names_for_its_amounts(taken: Snapshot) -> None:
    (whole,) = node_rollup(taken.nodes)
    assert whole.usage is not None
    assert whole.memory == whole.usage["memory"]
    assert whole.breakdown is not None
    assert whole.cpu_request == whole.breakdown.demand.requests["cpu"]
    assert node_rollup([node_without_pods(taken)])[0].cpu_request is None


def node_without_pods(taken: Snapshot) -> NodeUsage:
    return replace(taken.nodes[0], breakdown=None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flat_record_has_the_keys_of_columns_and_the_cells_of_csv(
    cluster: Cluster, taken: Snapshot, kind: RowKind
) -> None:
    records = taken.records(kind, flat=True)
    keys = list(records[0])
    assert {"name", "cpu.usage", "mem.usage"} <= set(keys)
    scope = () if kind == "nodes" else ("-A",)
    printed = run(cluster, kind, *scope, "-o", "csv", "--columns", ",".join(keys)).out
    _, *rows = csv.reader(printed.splitlines())
    assert [
        ["" if record[key] is None else str(record[key]) for key in keys]
        for record in records
    ] == rows


def test_a_client_takes_the_same_records(cluster: Cluster, taken: Snapshot) -> None:
    config = load_config(str(cluster.kubeconfig("viewer")))
    with Client(config) as client:
        assert client.snapshot().records() == taken.records()


def test_pandas_takes_records(taken: Snapshot) -> None:
    pandas = pytest.importorskip("pandas")
    nested = pandas.DataFrame(taken.records())
    assert nested["cpu"][0]["usage"] == taken.records()[0]["cpu"]["usage"]
    frame = pandas.DataFrame(taken.records(flat=True))
    assert len(frame) == len(nested) == len(taken.pods)
    by_namespace = frame.groupby("namespace")["cpu.usage"].sum()
    for group in rollup(taken.pods, ["namespace"]):
        assert by_namespace[str(group.key[0])] == group.usage["cpu"].nanos


def test_polars_takes_records(taken: Snapshot) -> None:
    polars = pytest.importorskip("polars")
    nested = polars.DataFrame(taken.records(), infer_schema_length=None)
    assert nested.schema["cpu"].fields[0].name == "usage"
    frame = polars.DataFrame(taken.records(flat=True), infer_schema_length=None)
    assert frame.shape == (len(taken.pods), len(taken.records(flat=True)[0]))
    assert frame["cpu.usage"].sum() == sum(r.cpu.nanos for r in taken.pods if r.cpu)


def test_no_rows_have_no_records() -> None:
    empty = Snapshot()
    assert empty.records() == []
    assert empty.to_dict()["items"] == []


# short names


def amounts(*values: object) -> list[object]:
    return list(values)


def row() -> PodUsage:
    statuses = (running("app"), running("db"))
    found = join(parts((pod(statuses=statuses),), (sample(app=("50m", "50Mi")),)))
    return found.pods[0]


def test_a_pod_has_its_amounts_by_name() -> None:
    found = row()
    assert amounts(found.cpu, found.memory) == ["50m", "50Mi"]
    assert amounts(found.cpu_request, found.memory_request) == ["200m", "200Mi"]
    assert amounts(found.cpu_limit, found.memory_limit) == ["400m", "400Mi"]


def test_a_container_has_its_amounts_and_the_names_of_its_pod() -> None:
    first, second = container_rows([row()])
    assert amounts(first.cpu, first.memory) == ["50m", "50Mi"]
    assert amounts(second.cpu, second.memory) == [None, None]
    assert amounts(second.cpu_request, second.memory_limit) == ["100m", "200Mi"]
    assert (first.namespace, first.pod_name, first.node_name) == ("default", "p", "n1")


def test_a_group_and_a_node_have_theirs() -> None:
    total = summed([row()])
    assert amounts(total.cpu, total.memory_request, total.cpu_limit) == [
        "50m",
        "200Mi",
        "400m",
    ]
    found = join(parts((pod(),), (sample(),))).nodes[0]
    assert amounts(found.cpu, found.memory, found.cpu_request) == ["1", "1Gi", "100m"]
    assert found.memory_limit == "200Mi"


def test_what_is_not_known_is_no_amount() -> None:
    bare = NodeUsage(name="n1")
    assert [bare.cpu, bare.memory, bare.cpu_request, bare.memory_limit] == [None] * 4
    finished = join(parts((pod(phase="Succeeded"),))).pods[0]
    assert amounts(finished.cpu, finished.cpu_request, finished.cpu_limit) == [None] * 3


def test_a_request_that_is_not_set_is_0_and_a_limit_is_none() -> None:
    plain = pod(spec={"containers": [{"name": "app"}]})
    found = join(parts((plain,), (sample(),), (node(),), (node_sample(),))).pods[0]
    assert amounts(found.cpu_request, found.memory_request) == [0, 0]
    assert amounts(found.cpu_limit, found.memory_limit) == [None, None]


def test_a_share_of_a_row_formats_as_a_percentage() -> None:
    found = row().ratio("memory", "limits")
    assert f"{found:.1%}" == "25.0%"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (GroupKey("namespace", "team-a"), "team-a"),
        (GroupKey("owner", "web", "Deployment", "team-a"), "Deployment/web"),
        (GroupKey("label:app", ""), "-"),
    ],
)
def test_a_key_is_written_as_its_name(key: GroupKey, text: str) -> None:
    assert str(key) == text
