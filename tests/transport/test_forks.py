"""What a fork takes along: nothing of the parent's is used by its child.

kubernetes-client/python#1000, #794; apache/airflow#71707.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .certs import leaf, ordinary
from .servers import ScriptedServer, server_context

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

ROOT = Path(__file__).parents[2]
WATCHDOG = 300
"""Seconds; ends a hang, and nothing else."""


def echo(sock: socket.socket) -> None:
    """Answer each request with its path."""
    waiting = b""
    while data := sock.recv(65536):
        waiting += data
        while b"\r\n\r\n" in waiting:
            head, _, waiting = waiting.partition(b"\r\n\r\n")
            path = head.split()[1]
            # In one piece: the second of two would wait for the first's ACK, 40 ms.
            head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(path)
            sock.sendall(head + path)


def secretly(context: ssl.SSLContext) -> ScriptedServer:
    def script(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secure:
            echo(secure)

    return ScriptedServer(script)


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    context = server_context(leaf(ordinary(), "127.0.0.1"))
    secure = request.param == "https"
    with secretly(context) if secure else ScriptedServer(echo) as listening:
        yield f"{request.param}://127.0.0.1:{listening.port}"


def run(program: str, server: str, folder: Path) -> subprocess.CompletedProcess[str]:
    authority = folder / "ca.pem"
    authority.write_bytes(ordinary().pem)
    return subprocess.run(
        [sys.executable, "-m", "tests.transport.forking", program, server, authority],
        cwd=ROOT,
        env={**os.environ, "PLUGIN_FOLDER": str(folder)},
        capture_output=True,
        text=True,
        timeout=WATCHDOG,
        check=False,
    )


@pytest.mark.parametrize(
    "program",
    [
        "many_children_and_their_parent",
        "a_child_of_half_an_answer",
        "a_child_of_locks_that_are_held",
    ],
)
def test_no_answer_is_crossed_or_cut(program: str, server: str, tmp_path: Path) -> None:
    done = run(program, server, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


PLUGIN = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
if mkdir begun 2>/dev/null; then
  while [ ! -e "go on" ]; do sleep 0.01; done
fi
printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'
printf ' "status": {"token": "t"}}'
"""


def test_a_child_runs_a_plugin_of_its_own(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(PLUGIN)
    plugin.chmod(0o755)
    with secretly(server_context(leaf(ordinary(), "127.0.0.1"))) as listening:
        url = f"https://127.0.0.1:{listening.port}"
        done = run("a_child_while_a_plugin_runs", url, tmp_path)
    with contextlib.suppress(FileExistsError):
        (tmp_path / "go on").touch()
    assert (done.returncode, done.stderr) == (0, "")
