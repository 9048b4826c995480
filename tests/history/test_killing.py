"""A recorder that is killed leaves a whole file: three times here, see `killing`."""

from __future__ import annotations

from pathlib import Path

from .killing import kill


def test_a_recorder_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    found = kill(3, tmp_path, pods=60)
    assert found.failures == ()
    assert found.rounds >= 3
    assert found.samples > 60
    assert found.reads > 3
