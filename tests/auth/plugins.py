"""Exec plugins as real little scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubemetrics.config.model import AuthInfo, Config, ExecConfig

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"


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
