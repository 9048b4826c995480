"""What was measured is compared with its own place, and kept for the next time."""

from __future__ import annotations

from pathlib import Path

from .contenders import Contender
from .measure import Run
from .report import tables
from .results import Place, Result, Target, judge, load, save

NEAR = Place(pods=10_000)
PACED = Place(pods=10_000, paced=True)


def result(name: str, place: Place, wall: float, peak: float = 100) -> Result:
    run = Run(wall=wall, user=wall, cpu=wall, peak=peak)
    return Result(section="Lists", name=name, place=place, runs=[run])


FOUND = [result("ours", NEAR, 2), result("curl", NEAR, 1), result("ours", PACED, 3)]


def test_a_target_is_met_where_it_is_set_and_nowhere_else() -> None:
    targets = [
        Target(ours="ours", theirs="curl", place=NEAR, wall=2.0),
        Target(ours="ours", theirs="curl", place=NEAR, wall=1.9),
        Target(ours="ours", theirs="curl", place=PACED, wall=9),
    ]
    verdicts = judge(FOUND, targets)
    assert [(v.target, v.met) for v in verdicts] == [
        (targets[0], True),
        (targets[1], False),
    ]


def test_what_was_saved_is_what_comes_before(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    save(path, FOUND, {})
    before = load(path)
    assert before == {(r.name, r.place): r.median for r in FOUND}
    shown = tables([result("ours", PACED, 1.5), result("new", PACED, 1)], before)
    assert "| 1.00 | 1.00 | 0.50 |" in shown
    assert "| new | 1.000 |" in shown
    assert shown.endswith("| 0.67 | 1.00 |  |")


def test_only_who_is_no_slower_than_a_server_is_measured_with_a_paced_one() -> None:
    slow = Contender(name="slow", argv=(), paced=False, distances=(0, 40))
    assert slow.can(NEAR)
    assert not slow.can(PACED)
    assert slow.can(Place(pods=None))
    assert slow.can(Place(pods=100, distance=40))
    assert not slow.can(Place(pods=100, distance=100))
