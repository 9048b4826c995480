from __future__ import annotations

from fractions import Fraction

import pytest

from kubemetrics.table.columns import Severity
from kubemetrics.table.render import Thresholds, bold, painted
from kubemetrics.views.shared_columns import status_severity


@pytest.mark.parametrize(
    ("percent", "severity"),
    [(69, None), (70, "warning"), (89, "warning"), (90, "critical"), (240, "critical")],
)
def test_a_share_is_judged_by_the_thresholds(
    percent: int, severity: Severity | None
) -> None:
    assert Thresholds().severity(Fraction(percent, 100)) == severity


def test_what_is_not_known_is_not_judged() -> None:
    assert Thresholds().severity(None) is None


def test_thresholds_are_read() -> None:
    assert Thresholds.parse("80%, 95") == Thresholds(80, 95)


@pytest.mark.parametrize(
    "text", ["", "80", "80,90,95", "90,80", "a,b", "-1,5", "8.5,9"]
)
def test_other_thresholds_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected two percentages, as 70,90"):
        Thresholds.parse(text)


def test_paint_ends_where_it_began() -> None:
    assert painted("x", "critical") == "\x1b[31mx\x1b[0m"
    assert painted("x", None) == "x"
    assert bold("x") == "\x1b[1mx\x1b[0m"


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("Running", None),
        ("Ready", None),
        ("Completed", "quiet"),
        ("Pending", "warning"),
        ("ContainerCreating", "warning"),
        ("Init:0/2", "warning"),
        ("Terminating", "warning"),
        ("Ready,SchedulingDisabled", "warning"),
        ("CrashLoopBackOff", "critical"),
        ("Init:CrashLoopBackOff", "critical"),
        ("OOMKilled", "critical"),
        ("ExitCode:1", "critical"),
        ("NotReady", "critical"),
    ],
)
def test_a_status_looks_as_grave_as_it_is(word: str, severity: Severity | None) -> None:
    assert status_severity(word) == severity
