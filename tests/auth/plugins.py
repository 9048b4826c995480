"""Exec plugins as real little scripts."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubemetrics.config.model import AuthInfo, Config, ExecConfig

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
HANG = 60.0
"""Seconds after which a test that waits in vain is ended."""


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return path


def answer(api_version: str = V1, **status: object) -> str:
    """Write an ExecCredential, as one line."""
    document = {
        "kind": "ExecCredential",
        "apiVersion": api_version,
        "spec": {},
        "status": status,
    }
    return json.dumps(document)


def says(text: str) -> str:
    """Write the shell command that prints *text*."""
    return f"cat <<'END'\n{text}\nEND"


def counting(folder: Path, text: str) -> Path:
    """Make a plugin that notes each run in ``runs`` beside it."""
    return script(folder / "plugin", f'echo x >> "{folder}/runs"\n{says(text)}')


def runs(folder: Path) -> int:
    path = folder / "runs"
    return len(path.read_text().split()) if path.exists() else 0


def plugged(command: Path | str, **fields: Any) -> Config:  # noqa: ANN401
    """Make a configuration with this plugin."""
    settings = {"api_version": V1, "interactive_mode": "Never", **fields}
    plugin = ExecConfig(command=str(command), **settings)
    return Config(
        server="https://cluster:6443", user="jane", auth=AuthInfo(exec=plugin)
    )


def until_written(path: Path) -> Callable[[], float]:
    """Make a clock that starts at 0 and stands still until *path* has been written."""
    readings: list[float] = []

    def seconds() -> float:
        late = bool(readings) and path.exists() and bool(path.read_text())
        readings.append(1000.0 if late else 0.0)
        return readings[-1]

    return seconds


def ended(pipe: int) -> bool:
    """Wait until nobody holds the other end of *pipe*."""
    while select.select([pipe], [], [], HANG)[0]:
        if not os.read(pipe, 64):
            return True
    return False


def holding(folder: Path) -> tuple[Path, int]:
    """Make a plugin that hangs with a child, and the pipe that both of them hold.

    The pipe can be read once both are there.
    """
    held = folder / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    body = f"exec 3> '{held}'; sleep 600 & echo x >&3; wait"
    return script(folder / "plugin", body), reader


def begun(pipe: int) -> None:
    """Wait until the plugin and its child are there."""
    readable, _, _ = select.select([pipe], [], [], HANG)
    assert readable
    assert os.read(pipe, 2) == b"x\n"
