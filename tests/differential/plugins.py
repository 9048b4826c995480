"""Exec plugins that write down what they are told."""

from __future__ import annotations

from tests.auth.plugins import V1, answer

from .bench import Stanza


def plugin(version: str = V1, **fields: object) -> Stanza:
    usual = {"apiVersion": version, "command": "./plugin", "interactiveMode": "Never"}
    return {"exec": {**usual, **fields}}


def script(output: str, before: str = "") -> str:
    """Write down what it is told, a line a run, and answer."""
    note = """printf '%s\\n' "$KUBERNETES_EXEC_INFO" >> '<dir>/told'"""
    return f"#!/bin/sh\n{note}\n{before}\ncat <<END\n{output}\nEND\n"


def gives(version: str = V1, **status: object) -> dict[str, str]:
    return {"plugin": script(answer(version, **status))}
