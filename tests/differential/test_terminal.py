"""With a terminal as standard input a plugin may talk to a person: for both alike."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.auth.plugins import V1, V1BETA1, answer

from .bench import KUBECTL, VERSION, Case, Driver, needs_kubectl
from .conftest import Benches
from .plugins import plugin, script

pytestmark = needs_kubectl

TALKS = script(answer(token="$LINE"), "printf 'code? ' >&2; read LINE")
TALKS_BETA = script(answer(V1BETA1, token="$LINE"), "read LINE")

CASES = [
    Case(
        name="IfAvailable",
        user=plugin(interactiveMode="IfAvailable"),
        files={"plugin": TALKS},
    ),
    Case(name="Always", user=plugin(interactiveMode="Always"), files={"plugin": TALKS}),
    Case(
        name="v1beta1 without a mode",
        user=plugin(V1BETA1, interactiveMode=None),
        files={"plugin": TALKS_BETA},
    ),
    Case(
        name="Never",
        user=plugin(V1, interactiveMode="Never"),
        files={"plugin": script(answer(token="x$LINE"), "read LINE")},
    ),
]


@pytest.fixture
def terminal() -> Iterator[int]:
    """A terminal on which somebody types a code."""
    ours, theirs = pty.openpty()
    os.write(ours, b"typed\n")
    yield theirs
    os.close(theirs)
    os.close(ours)


def _at(terminal: int, command: list[str]) -> Driver:
    def driver(environ: dict[str, str]) -> str:
        done = subprocess.run(
            command,
            env=environ,
            stdin=terminal,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return done.stderr.decode() or "refused" if done.returncode else ""

    return driver


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(
    "command",
    [
        [KUBECTL, "get", "--raw", VERSION],
        [sys.executable, "-m", "kubemetrics", "raw", VERSION],
    ],
    ids=["kubectl", "ours"],
)
def test_a_plugin_has_the_terminal_when_it_may(
    case: Case, command: list[str], terminal: int, benches: Benches
) -> None:
    found = benches(case.place).run(case, "folder", _at(terminal, command))
    assert found.accepted, found.said
    interactive = case.name != "Never"
    assert [told["spec"]["interactive"] for told in found.told] == [interactive]
    sent = "Bearer typed" if interactive else "Bearer x"
    assert [arrival.authorization for arrival in found.arrivals] == [sent]
