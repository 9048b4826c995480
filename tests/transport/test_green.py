"""Green threads: gevent and eventlet put their sockets in the place of Python's.

gevent#1239, kubernetes-client/python#794.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .certs import leaf, ordinary
from .servers import ScriptedServer, server_context
from .test_forks import ROOT, WATCHDOG, secretly


def listen(sock: socket.socket) -> None:
    """Answer nothing."""
    while sock.recv(65536):
        pass


@pytest.mark.parametrize("world", ["gevent", "eventlet"])
def test_the_blocking_client_works_with_patched_sockets(
    world: str, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(ordinary().pem)
    context = server_context(leaf(ordinary(), "127.0.0.1"))
    with (
        secretly(context) as server,
        ScriptedServer(listen) as deaf,
    ):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.transport.green",
                world,
                f"https://127.0.0.1:{server.port}",
                authority,
                f"https://127.0.0.1:{deaf.port}",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=WATCHDOG,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "deadline\n"
