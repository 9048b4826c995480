"""What the exit code is where the output cannot be written."""

from __future__ import annotations

import contextlib
import errno
import sys

import pytest

from kubemetrics import console
from kubemetrics.errors import ConfigError, MetricsUnavailable, TransportError


@pytest.mark.parametrize(
    ("code", "failure", "final", "said"),
    [
        (10, None, 10, ""),
        (10, BrokenPipeError(), 10, ""),
        (0, OSError(errno.EBADF, "bad"), 1, "stdout is closed"),
        (0, OSError(errno.ENOSPC, "No space left"), 1, "No space left"),
        (10, OSError(errno.ENOSPC, "No space left"), 10, "No space left"),
    ],
)
def test_a_failing_stdout_takes_no_verdict_away(
    code: int,
    failure: OSError | None,
    final: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert console.final_code(code, failure) == final
    assert said in capsys.readouterr().err


def test_an_error_has_its_exit_code() -> None:
    absent = MetricsUnavailable("absent", cause="absent", url="", status=404)
    assert console.exit_code(absent) == 3
    assert console.exit_code(ConfigError("wrong")) == 2
    assert console.exit_code(TransportError("no", url="", reason="dns")) == 1


def test_a_stream_that_was_closed_fails_or_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    console.prepare_streams()
    sys.stderr.write("nobody reads it")
    sys.stdout.write("nor this")
    with pytest.raises(OSError, match="Bad file descriptor"):
        sys.stdout.flush()
    sys.stderr.close()
    with contextlib.suppress(OSError):
        sys.stdout.close()
