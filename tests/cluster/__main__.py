"""`python -m tests.cluster`: serve a cluster until interrupted.

Prints one line, `ready URL`, once it answers. Without --pods it is the recorded
cluster, as if it had been recorded just now.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from . import pasts
from .cluster import Cluster
from .distance import Distance
from .generator import Generated
from .metrics import STATES
from .options import Options
from .pace import ITEMS, Pace


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster")
    parser.add_argument("--pods", type=int, help="generate so many pods")
    parser.add_argument("--nodes", type=int, help="so many nodes (pods / 50)")
    parser.add_argument("--seed", type=int, default=1, help="of the generated (1)")
    parser.add_argument(
        "--unique", action="store_true", help="a label of each pod's own"
    )
    parser.add_argument("--lazy", action="store_true", help="make pods when listed")
    parser.add_argument(
        "--warm", type=int, metavar="LIMIT", help="compress pages ahead"
    )
    parser.add_argument("--kubeconfig", type=Path, help="write a kubeconfig there")
    parser.add_argument("--user", default="viewer", help="its current context (viewer)")
    parser.add_argument("--state", choices=STATES, default="healthy")
    parser.add_argument(
        "--scrape", type=float, help="new samples every so many seconds"
    )
    parser.add_argument(
        "--round-trip",
        type=milliseconds,
        default=0,
        metavar="MS",
        help="between every question and its answer (0)",
    )
    parser.add_argument(
        "--pace",
        type=milliseconds,
        nargs="?",
        const=ITEMS,
        metavar="MS",
        help="make lists as slowly as a real server: 500 pods in so long (140ms)",
    )
    parser.add_argument(
        "--past",
        choices=pasts.PASTS,
        help="let containers use what a script says, restart, be killed and replaced,"
        " with a new scrape every so many seconds (--scrape, 15)",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    return parser.parse_args(argv)


def milliseconds(text: str) -> float:
    """Read so many milliseconds, with or without their unit, as seconds."""
    return float(text.removesuffix("ms")) / 1000


def _cluster(arguments: argparse.Namespace) -> Cluster:
    options = Options(
        host=arguments.host,
        port=arguments.port,
        state=arguments.state,
        pace=Pace(items=arguments.pace) if arguments.pace else None,
    )
    now = datetime.now(UTC)
    if arguments.past:
        return pasts.holding(now, options)
    if arguments.pods is None:
        return Cluster.recorded(options, now=now)
    wanted = Generated(
        nodes=arguments.nodes or max(3, arguments.pods // 50),
        pods=arguments.pods,
        seed=arguments.seed,
        unique=arguments.unique,
        lazy=arguments.lazy,
    )
    return Cluster.generated(wanted, options, now=now, frozen=False)


def _serve(cluster: Cluster, arguments: argparse.Namespace) -> None:
    """Wait for an interrupt, scraping now and then."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if arguments.past:
        _follow(stop, cluster, arguments)
    while not stop.wait(arguments.scrape):
        cluster.scrape_on()


def _follow(
    stop: threading.Event, cluster: Cluster, arguments: argparse.Namespace
) -> None:
    """Let a past go on as time does."""
    cadence = arguments.scrape or 15
    past = pasts.begun(arguments.past, cluster, cadence=cadence, running=True)
    began = time.monotonic()
    while not stop.wait(min(0.2, cadence / 10)):
        past.advance(time.monotonic() - began - past.now / 1000)


def main(argv: list[str] | None = None) -> int:
    arguments = _arguments(argv)
    with _cluster(arguments) as cluster:
        if arguments.warm:
            cluster.warm(arguments.warm)
        with Distance(cluster.port, arguments.round_trip) as far:
            url = (
                f"https://127.0.0.1:{far.port}" if arguments.round_trip else cluster.url
            )
            if arguments.kubeconfig:
                cluster.kubeconfig(arguments.user, arguments.kubeconfig, server=url)
            print(f"ready {url}", flush=True)
            _serve(cluster, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
