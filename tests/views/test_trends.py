from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kubemetrics.models.metrics import PodMetrics
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import PodUsage
from kubemetrics.table.render import TableOptions, render
from kubemetrics.views.pods import pod_table
from kubemetrics.views.trends import TrendColumns, sparkline

START = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = pod_table()


def row(name: str, at: int, cpu: str, memory: str = "1Gi") -> PodUsage:
    metrics = PodMetrics(
        name=name, namespace="a", labels={}, containers=(),
        timestamp=START + timedelta(seconds=at), window=None,
    )  # fmt: skip
    usage = {"cpu": Quantity(cpu), "memory": Quantity(memory)}
    return PodUsage(
        namespace="a", name=name, state="running", metrics=metrics, usage=usage
    )


def screen(trends: TrendColumns[PodUsage], *rows: PodUsage) -> list[str]:
    wanted = [TABLE.need(key) for key in ("name", "cpu", "mem")]
    columns = tuple(trends.columns(wanted))
    return list(render(rows, columns, TableOptions()).lines)


def test_the_change_is_that_since_the_last_distinct_sample() -> None:
    trends = TrendColumns(TABLE)
    for at, cpu in ((0, "10m"), (15, "30m"), (15, "30m"), (30, "25m"), (30, "25m")):
        trends.add([row("x", at, cpu)], None)
    assert screen(trends, row("x", 30, "25m")) == [
        "NAME     CPU   CPU-Δ  CPU-TREND      MEM    MEM-Δ  MEM-TREND",
        "x        25m     -5m  ▃█▆         1024Mi      0Mi  ▁▁▁",
    ]


def test_growth_has_a_sign_and_the_first_sample_no_change() -> None:
    trends = TrendColumns(TABLE)
    trends.add([row("x", 0, "10m")], None)
    assert screen(trends, row("x", 0, "10m"))[1].split() == [
        "x",
        "10m",
        "-",
        "-",
        "1024Mi",
        "-",
        "-",
    ]
    trends.add([row("x", 15, "30m")], None)
    assert screen(trends, row("x", 15, "30m"))[1].split()[2] == "+20m"


def test_rows_with_a_new_sample_are_told() -> None:
    trends = TrendColumns(TABLE)
    x, y = row("x", 0, "1m"), row("y", 0, "1m")
    assert trends.add([x, y], None) == [x, y]
    later = row("y", 15, "1m")
    assert trends.add([x, later], None) == [later]


def test_what_has_gone_is_forgotten() -> None:
    trends = TrendColumns(TABLE)
    trends.add([row("x", 0, "1m")], None)
    trends.add([], None)
    x = row("x", 0, "1m")
    assert trends.add([x], None) == [x]


def test_a_row_without_a_sample_has_neither_change_nor_trend() -> None:
    trends = TrendColumns(TABLE)
    gone = replace(row("x", 0, "1m"), metrics=None, usage=None)
    trends.add([row("x", 0, "1m")], None)
    trends.add([gone], None)
    assert screen(trends, gone)[1].split()[:4] == ["x", "-", "-", "▁·"]


def test_bars_go_from_zero_to_the_largest() -> None:
    values = [Quantity(n) for n in (0, 1, 4, 7)]
    assert sparkline(values) == "▁▂▅█"
    assert sparkline([Quantity(0), Quantity(0)]) == "▁▁"
    assert sparkline([Quantity(5), None, Quantity(10)]) == "▄·█"
    assert sparkline([Quantity(1)]) == ""


def test_what_hardly_changes_is_a_low_line() -> None:
    assert sparkline([Quantity(n) for n in (800, 790, 701)]) == "▁▁▁"
    assert sparkline([Quantity(n) for n in (800, 790, 700)]) == "█▇▇"
    assert sparkline([None, None]) == "··"


def test_what_does_not_change_is_quiet() -> None:
    trends = TrendColumns(TABLE)
    for at, cpu in ((0, "10m"), (15, "30m")):
        trends.add([row("x", at, cpu)], None)
    columns = {c.key: c for c in trends.columns([TABLE.need("cpu"), TABLE.need("mem")])}
    x = row("x", 15, "30m")
    severities = {
        key: column.severity(x)
        for key, column in columns.items()
        if column.severity is not None
    }
    assert severities == {
        "cpu.usage.change": None,
        "cpu.usage.trend": None,
        "mem.usage.change": "quiet",
        "mem.usage.trend": "quiet",
    }
