"""Twenty green threads with one client, in a patched world; prints what came."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402

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
        waiting = gevent.spawn(reason_of, other)
        asked = [gevent.spawn(client.get_raw, path) for path in paths]
        bodies = [job.get() for job in asked]
        print(waiting.get())
    return sum(a != b.encode() for a, b in zip(bodies, paths, strict=True))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
