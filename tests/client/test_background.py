"""Waiting for a background thread."""

from __future__ import annotations

import threading

import pytest

from kubemetrics.auth import WAIT
from kubemetrics.client.sync import BackgroundCall


def test_a_wait_is_begun_again_since_a_signal_may_come_just_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python looks for signals, then waits; what comes between does not wake it."""
    go_on, waits = threading.Event(), list[float | None]()

    def join(_: threading.Thread, timeout: float | None = None) -> None:
        waits.append(timeout)
        if len(waits) == 3:
            go_on.set()
        real(_, timeout if len(waits) >= 3 else 0)

    real = threading.Thread.join
    call = BackgroundCall(go_on.wait)
    monkeypatch.setattr(threading.Thread, "join", join)
    assert call.result()
    assert len(waits) >= 3
    assert set(waits) == {WAIT}
