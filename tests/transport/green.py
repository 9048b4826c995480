"""Twenty green threads with one client, in a patched world; prints what came.

The first argument is the world: ``gevent`` or ``eventlet``.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any

Spawn = Callable[..., Callable[[], Any]]
"""Begins a call in a green thread; what it returns waits for the result."""


def patched(world: str) -> Spawn:
    """Patch the sockets, locks and threads of this process."""
    if world == "gevent":
        import gevent.monkey  # noqa: PLC0415

        gevent.monkey.patch_all()
        return lambda *call: gevent.spawn(*call).get
    sys.modules["trio"] = None  # type: ignore[assignment] # cannot be imported there
    with redirect_stderr(io.StringIO()):  # it advises against itself
        import eventlet  # noqa: PLC0415

    eventlet.monkey_patch()
    return lambda *call: eventlet.spawn(*call).wait


spawn = patched(sys.argv[1])

from pathlib import Path  # noqa: E402

from kubemetrics import Client, Config, TransportError  # noqa: E402


def reason_of(client: Client) -> str:
    """Ask who answers nothing, and return what came of it."""
    try:
        client.get_raw("/version", timeout=0.2)
    except TransportError as error:
        return error.reason
    return "an answer"


def main(server: str, authority: str, deaf: str) -> int:
    """Ask *server* for twenty paths at once while *deaf* answers nothing."""
    pem = Path(authority).read_bytes()
    config = Config(server=server, certificate_authority_data=pem)
    silent = Config(server=deaf, certificate_authority_data=pem)
    paths = [f"/green/{number}" for number in range(20)]
    with Client(config) as client, Client(silent) as other:
        waiting = spawn(reason_of, other)
        asked = [spawn(client.get_raw, path) for path in paths]
        bodies = [result() for result in asked]
        print(waiting())
    return sum(a != b.encode() for a, b in zip(bodies, paths, strict=True))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[2:]))
