from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from io import StringIO
from itertools import pairwise
from typing import Any

import jsonschema
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from kubemetrics.models.metrics import PodMetrics
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import join
from kubemetrics.table.columns import Column, Kind, Value
from kubemetrics.table.machine import (
    csv_lines,
    custom_columns,
    custom_lines,
    document,
    json_lines,
    markdown_lines,
    ndjson_lines,
    objects,
    prometheus_lines,
    reader,
    tsv_lines,
    unit_header,
    yaml_text,
)
from kubemetrics.table.render import TableOptions
from kubemetrics.text import printable
from kubemetrics.views.nodes import node_table
from kubemetrics.views.pods import pod_table
from tests.snapshot.make import parts, pod
from tests.tools import schema

from .recorded import recorded
from .views import SNAPSHOTS, VIEWS, Shown, shown

every_view = pytest.mark.parametrize("of", SNAPSHOTS)
VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema.SCHEMA.read_bytes()))


@pytest.fixture(params=VIEWS)
def rows(request: pytest.FixtureRequest, of: str) -> Shown:
    return shown(request.param, of)


def written(rows: Shown) -> str:
    return "\n".join(json_lines(rows.table, rows.columns, rows.rows, rows.sources))


def test_the_published_schema_is_that_of_the_columns() -> None:
    assert schema.SCHEMA.read_text("ascii") == schema.text()
    jsonschema.Draft202012Validator.check_schema(schema.schema())


@every_view
def test_no_key_lies_within_another(rows: Shown) -> None:
    paths = {column.path for column in rows.columns}
    assert len(paths) == len(rows.columns)
    for path in paths:
        assert not any(path[:n] in paths for n in range(1, len(path)))


@every_view
def test_a_text_that_is_not_known_is_none_in_every_column(rows: Shown) -> None:
    """But for labels: an empty label is a label."""
    texts = [c for c in rows.columns if c.kind == "text"]
    own = [c for c in texts if not c.key.startswith("label:")]
    assert own
    empty = [c.key for c in own if any(c.get(row) == "" for row in rows.rows)]
    assert empty == []


@every_view
def test_json_is_valid_by_the_published_schema(rows: Shown) -> None:
    text = written(rows)
    assert text.isascii()
    VALIDATOR.validate(json.loads(text))


@every_view
def test_each_item_of_json_has_its_own_line(rows: Shown) -> None:
    lines = [line.rstrip(",") for line in written(rows).splitlines()]
    items = [json.loads(line) for line in lines if line.startswith('    {"')]
    assert items == json.loads(written(rows))["items"]
    assert len(items) == len(rows.rows)


@pytest.mark.no_cover
@every_view
def test_yaml_says_what_json_says(rows: Shown, of: str) -> None:
    made = document(rows.table, rows.columns, rows.rows, rows.sources)
    text = yaml_text(made)
    # libyaml is far faster, and refuses half a surrogate pair.
    fast = of == "recorded"
    read = yaml.load(text, yaml.CSafeLoader) if fast else yaml.safe_load(text)
    assert read == json.loads(written(rows)) == made


@every_view
def test_each_line_of_ndjson_is_an_item_with_its_kind(rows: Shown) -> None:
    lines = list(ndjson_lines(rows.table, rows.columns, rows.rows))
    items = [json.loads(line) for line in lines]
    for item in items[:5]:
        VALIDATOR.validate(item)
    heads = [(item.pop("apiVersion"), item.pop("kind")) for item in items]
    assert set(heads) == {("kubemetrics/v2", rows.table.kind)}
    assert items == json.loads(written(rows))["items"]


@every_view
def test_csv_holds_the_same_values_under_names_with_their_units(rows: Shown) -> None:
    lines = csv_lines(rows.columns, rows.rows)
    text = "".join(f"{line}\r\n" for line in lines)
    header, *records = csv.reader(StringIO(text, newline=""))
    assert header == [unit_header(column) for column in rows.columns]
    assert len(records) == len(rows.rows)
    for record, row in zip(records, rows.rows, strict=True):
        for cell, column in zip(record, rows.columns, strict=True):
            value = reader(column)(row)
            if column.kind == "text":
                assert cell.isprintable()
            else:
                assert cell == ("" if value is None else str(value))


def _text_column() -> Column[str]:
    return Column(
        key="reason", header="REASON", kind="text", get=lambda row: row, about=""
    )


FORMULAS = ("=cmd|' /C calc'!A0", "@SUM(A1)", "+1", "-1+1", "\t=1", "\r=1")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_a_spreadsheet_would_run_has_a_quote_before_it(text: str) -> None:
    """hhurz/tableExport.jquery.plugin#230; OWASP, CSV Injection."""
    column = _text_column()
    (line,) = csv_lines([column], [text], headers=False)
    ((cell,),) = csv.reader(StringIO(line, newline=""))
    assert cell == "'" + printable(text)


@pytest.mark.parametrize("text", ["a=1", "'=1", " =1", "1-1", "api@x", ""])
def test_any_other_text_is_written_as_it_is(text: str) -> None:
    column = _text_column()
    (line,) = csv_lines([column], [text], headers=False)
    assert [[text]] == list(csv.reader(StringIO(line, newline="")))


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("cpu", Quantity.from_nanos(-5_000_000), "-5000000"),
        ("memory", Quantity.from_nanos(-1024 * 10**9), "-1024"),
        ("percent", Fraction(-1, 4), "-25.0"),
        ("age", timedelta(seconds=-3), "-3"),
        ("count", -1, "-1"),
    ],
)
def test_a_number_below_zero_is_a_number(kind: Kind, value: Value, cell: str) -> None:
    column = Column[str](key="n", header="N", kind=kind, get=lambda _: value, about="")
    assert list(csv_lines([column], ["row"], headers=False)) == [cell]


@pytest.mark.parametrize(
    ("key", "header"),
    [
        ("cpu.usage", "cpu_usage_nanocores"),
        ("mem.limits", "mem_limits_bytes"),
        ("mem.pct_limit", "mem_pct_limit"),
        ("sample.age", "sample_age_seconds"),
        ("owner.kind", "owner_kind"),
        ("restarts", "restarts"),
        ("label:app.kubernetes.io/name", "label:app.kubernetes.io/name"),
    ],
)
def test_a_header_of_csv_says_the_unit(key: str, header: str) -> None:
    assert unit_header(pod_table().need(key)) == header


@every_view
def test_tsv_has_the_cells_of_csv_and_no_quotes(rows: Shown) -> None:
    text = "".join(f"{line}\r\n" for line in csv_lines(rows.columns, rows.rows))
    lines = tsv_lines(rows.columns, rows.rows)
    assert [line.split("\t") for line in lines] == list(
        csv.reader(StringIO(text, newline=""))
    )
    assert len(list(tsv_lines(rows.columns, rows.rows, headers=False))) == len(
        rows.rows
    )


def test_custom_columns_are_those_of_the_records() -> None:
    table = pod_table()
    rows = [row for row in recorded().pods if row.name in {"kafka-0", "kafka-3"}]
    columns = [table.need(k) for k in ("name", "cpu.usage", "ready", "missing", "node")]
    columns.append(table.need("label:statefulset.kubernetes.io/pod-name"))
    spec = (
        "NAME:.name,CPU:{.cpu.usage},READY:ready.ready,NO:.missing,X:.nope.deeper"
        ",L:.labels.statefulset.kubernetes.io/pod-name,Y:.name.first"
    )
    assert list(custom_lines(spec, columns, rows)) == [
        "NAME      CPU          READY   NO   X        L         Y",
        "kafka-0   1151865800   1       []   <none>   kafka-0   <none>",
        "kafka-3   <none>       1       []   <none>   kafka-3   <none>",
    ]
    (line,) = custom_lines("N:.name", columns, rows[:1], headers=False)
    assert line == "kafka-0"
    assert list(custom_lines("N:.name", columns, [], headers=False)) == []


@pytest.mark.parametrize("spec", ["", "NAME", "NAME:", ":.name", "A:.a,", "A:{.}"])
def test_custom_columns_have_a_header_and_a_path(spec: str) -> None:
    with pytest.raises(ValueError, match="expected HEADER:PATH"):
        custom_columns(spec)


def test_markdown_is_the_table_with_bars() -> None:
    table = pod_table()
    columns = [table.need(key) for key in ("name", "cpu.usage", "mem.limits", "reason")]
    rows = [row for row in recorded().pods if row.name in {"kafka-0", "kafka-3"}]
    lines = markdown_lines(rows, columns, TableOptions(total=True), {})
    assert list(lines) == [
        "| NAME | CPU | MEM-LIM | REASON |",
        "| --- | ---: | ---: | --- |",
        "| kafka-0 | 1152m | none |  |",
        "| kafka-3 | - | none | Unreported |",
        "| TOTAL | ~1152m | none |  |",
    ]


def test_what_is_a_number_a_list_or_a_truth_is_one_in_json() -> None:
    pods = json.loads(written(shown("pods", "recorded")))["items"]
    found = {item["name"]: item for item in pods}
    assert found["kafka-0"]["ready"] == {"ready": 1, "containers": 1}
    assert found["kafka-0"]["owner"]["inferred"] is False
    assert found["debug-lhhjd"]["missing"] == ["envoy-proxy"]
    assert found["kafka-0"]["missing"] == []
    nodes = json.loads(written(shown("nodes", "recorded")))["items"]
    taints = {item["name"]: item["taints"] for item in nodes}
    assert taints["control-plane-0"] == [
        "node-role.kubernetes.io/control-plane:NoSchedule"
    ]
    assert taints["worker-003"] == []
    containers = json.loads(written(shown("containers", "recorded")))["items"]
    assert {item["ready"] for item in containers} == {True, False}
    groups = json.loads(written(shown("namespaces", "recorded")))["items"]
    reasons = {item["namespace"]: item["reason"] for item in groups}
    assert (reasons["team-e"], reasons["team-a"]) == ({"Unreported": 2}, {})


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here")
@every_view
def test_promtool_has_nothing_to_say(rows: Shown) -> None:
    lines = prometheus_lines(rows.table, rows.columns, rows.rows)
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        [PROMTOOL or "", "check", "metrics"],
        input=text, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@every_view
def test_no_gauge_has_a_suffix_that_is_kept_for_others(rows: Shown) -> None:
    """As ``promtool check metrics`` has it: lint, "non-histogram … _count"."""
    kept = ("_count", "_sum", "_total", "_bucket", "_info_info")
    assert not [f.name for f in families(rows) if f.name.endswith(kept)]
    assert not [f for f in families(rows) if re.search(r"[~!*]", f.documentation)]


@pytest.mark.parametrize(
    ("view", "name", "labels"),
    [
        ("pods", "kubemetrics_pod_info", {"node", "owner_kind", "owner_name"}),
        ("containers", "kubemetrics_container_info", {"node"}),
        ("nodes", "kubemetrics_node_info", {"version"}),
    ],
)
def test_a_series_joins_with_node_and_owner(
    view: str, name: str, labels: set[str]
) -> None:
    rows = shown(view, "recorded")
    family = next(f for f in families(rows) if f.name == name)
    assert len(family.samples) == len(rows.rows)
    assert all(labels <= {*s.labels} and s.value == 1 for s in family.samples)
    assert not [f for f in families(shown("namespaces", "recorded")) if f.name == name]


def families(rows: Shown) -> list[Any]:
    lines = prometheus_lines(rows.table, rows.columns, rows.rows)
    return list(text_string_to_metric_families("".join(f"{line}\n" for line in lines)))


@every_view
def test_prometheus_text_is_accepted_by_its_own_parser(rows: Shown) -> None:
    found = families(rows)
    names = [family.name for family in found]
    assert len(names) == len(set(names))
    assert {family.type for family in found} == {"gauge"}
    assert all(family.documentation for family in found)


@every_view
def test_no_two_series_are_the_same_and_none_has_a_time(rows: Shown) -> None:
    samples = [sample for family in families(rows) for sample in family.samples]
    series = [(s.name, tuple(sorted(s.labels.items()))) for s in samples]
    assert len(series) == len(set(series))
    assert all(sample.timestamp is None for sample in samples)
    assert all(sample.value == sample.value for sample in samples)


@every_view
def test_what_is_not_known_has_no_series(rows: Shown) -> None:
    usage = rows.table.need("cpu.usage")
    family = next(f for f in families(rows) if f.name.endswith("_cpu_usage_cores"))
    known = [row for row in rows.rows if usage.get(row) is not None]
    assert len(family.samples) == len(known)


def test_numbers_are_exact_in_every_format() -> None:
    rows = shown("pods", "recorded")
    total = sum((p.usage["cpu"] for p in recorded().pods if p.usage), Quantity(0))
    items = json.loads(written(rows))["items"]
    assert sum(i["cpu"]["usage"] for i in items if i["cpu"]["usage"]) == total.nanos
    family = next(
        f for f in families(rows) if f.name == "kubemetrics_pod_cpu_usage_cores"
    )
    nanos = [round(sample.value * 10**9) for sample in family.samples]
    assert sum(nanos) == total.nanos


def test_an_item_has_time_window_reason_and_quality() -> None:
    items = json.loads(written(shown("pods", "recorded")))["items"]
    by_name = {item["name"]: item for item in items}
    partial = by_name["debug-lhhjd"]
    assert partial["quality"] == ["partial"]
    assert partial["sample"]["window"] > 0
    assert partial["sample"]["timestamp"].endswith("Z")
    assert partial["reason"] is None
    silent = by_name["kube-proxy-d875m"]
    assert (silent["reason"], silent["quality"]) == ("NodeSilent", None)
    assert silent["cpu"]["usage"] is None
    assert "NodeSilent" not in silent["explanation"]


def test_where_the_rows_are_from_is_told_with_its_coverage() -> None:
    head = json.loads(written(shown("pods", "recorded")))["metadata"]
    assert head["units"]["cpu"] == "nanocores"
    (source,) = head["sources"]
    coverage = source["coverage"]
    assert (coverage["expected"], coverage["measured"]) == (89, 81)
    assert coverage["missing"] == {
        "NodeSilent": 2, "ContainerNotRunning": 2, "Unreported": 4,
    }  # fmt: skip


def test_the_reason_of_what_is_not_measured_is_a_series() -> None:
    rows = shown("pods", "recorded")
    family = next(f for f in families(rows) if f.name == "kubemetrics_pod_unmeasured")
    assert len(family.samples) == 2 * 19
    assert all(sample.labels["reason"] for sample in family.samples)
    resources = [sample.labels["resource"] for sample in family.samples]
    assert resources == ["cpu", "memory"] * 19


def test_each_half_of_a_sample_has_its_own_reason_in_every_output() -> None:
    """prometheus-adapter PR #330: memory without CPU."""
    made: Any = {
        "metadata": {"name": "p", "namespace": "default"},
        "containers": [{"name": "app", "usage": {"memory": "1Mi"}}],
    }
    half = join(parts((pod(),), (PodMetrics.from_json(made),))).pods
    made["containers"][0]["usage"] = {"cpu": "-1m"}
    odd = join(parts((pod(),), (PodMetrics.from_json(made),))).pods
    table = pod_table()

    def series(rows: Sequence[Any]) -> list[str]:
        lines = prometheus_lines(table, table.columns, rows)
        return [
            line.partition("{")[2]
            for line in lines
            if line.startswith("kubemetrics_pod_unmeasured{")
        ]

    labels = 'namespace="default",pod="p"'
    assert series(half) == [f'{labels},resource="cpu",reason="Unreported"}} 1']
    assert series(odd) == [
        f'{labels},resource="cpu",reason="Implausible"}} 1',
        f'{labels},resource="memory",reason="Unreported"}} 1',
    ]
    columns = [table.need(key) for key in ("cpu.reason", "mem.reason", "reason")]
    assert list(csv_lines(columns, [*half, *odd])) == [
        "cpu_reason,mem_reason,reason",
        "Unreported,,Unreported",
        "Implausible,Unreported,Implausible",
    ]
    assert next(objects(columns, half)) == {
        "cpu": {"reason": "Unreported"}, "mem": {"reason": None},
        "reason": "Unreported",
    }  # fmt: skip


def test_a_sum_counts_what_is_measured_and_has_no_reason_of_its_own() -> None:
    found = {
        family.name: family for family in families(shown("namespaces", "recorded"))
    }
    assert not [name for name in found if name.endswith("_unmeasured")]
    measured = found["kubemetrics_namespace_coverage_measured"]
    assert sum(sample.value for sample in measured.samples) == 81


def test_labels_that_clash_get_names_of_their_own() -> None:
    lines = list(prometheus_lines(*shown("pods", "hostile")[:3]))
    sample = next(line for line in lines if not line.startswith("#"))
    assert 'label_a_b="1",label_a_b_2="2"' in sample


def test_help_and_type_stand_once_before_their_series() -> None:
    lines = list(prometheus_lines(*shown("nodes", "recorded")[:3]))
    helps = [line.split()[2] for line in lines if line.startswith("# HELP")]
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert helps == types
    names = [
        line.split()[2] if line[0] == "#" else line.split("{")[0] for line in lines
    ]
    changes = [b for a, b in pairwise(["", *names]) if a != b]
    assert changes == helps


def test_a_node_above_100_percent_has_its_explanation() -> None:
    row = next(n for n in recorded().nodes if n.usage)
    allocatable = row.allocatable["cpu"]
    full = replace(row, usage={**(row.usage or {}), "cpu": allocatable + allocatable})
    column = node_table().need("explanation")
    assert column.get(row) is None
    assert str(column.get(full)).startswith("cpu is at 200% of allocatable and ")
