"""`python -m tests.cluster`: serve a cluster until interrupted."""

from __future__ import annotations

import argparse
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from .cluster import Cluster, Options
from .metrics import STATES


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster")
    parser.add_argument("--pods", type=int, help="generate so many pods")
    parser.add_argument("--nodes", type=int, help="generate so many nodes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kubeconfig", type=Path, help="write a kubeconfig there")
    parser.add_argument("--state", choices=STATES, default="healthy")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    arguments = _arguments(argv)
    options = Options(host=arguments.host, port=arguments.port, state=arguments.state)
    with Cluster.recorded(options, now=datetime.now(UTC)) as cluster:
        if arguments.kubeconfig:
            cluster.kubeconfig(path=arguments.kubeconfig)
        print(f"ready {cluster.url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
