"""`python -m tests.bench.serve`: what it costs to serve 10,000 pods and be scraped.

    python -m tests.bench.serve                         # the lean set, the full one
    python -m tests.bench.serve --flags '--names kubelet' --minutes 2

A `kubemetrics serve` reads a simulated cluster that is scraped each 15 s, and is itself
scraped each 5 s as Prometheus does (OpenMetrics, gzip). Its CPU is that of rounds and
scrapes together; its peak includes the start.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

from .environments import ROOT
from .recorder import cpu_seconds, peak, scraped

_EVERY: Final = 5.0
_ROUNDS: Final = 4
_PATIENCE: Final = 300.0
_ACCEPT: Final = (
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
)


def scrape(port: int) -> tuple[float, bytes]:
    """Return the seconds until the last byte, and the body as it was sent."""
    headers = {"Accept": _ACCEPT, "Accept-Encoding": "gzip"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        began = time.perf_counter()
        connection.request("GET", "/metrics", headers=headers)
        body = connection.getresponse().read()
        return time.perf_counter() - began, body


def settle(port: int) -> None:
    """Wait until it polls once a round: at first it looks for when they come."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        text = gzip.decompress(scrape(port)[1]).decode()
        found = re.search(r'rounds_total\{result="fresh"\} ([0-9]+)', text)
        if found and int(found[1]) >= _ROUNDS:
            return
        time.sleep(_EVERY)
    raise TimeoutError(f"there were no {_ROUNDS} rounds in {_PATIENCE:.0f} s")


@contextlib.contextmanager
def serving(
    kubeconfig: Path, flags: Sequence[str]
) -> Generator[tuple[int, int], None, None]:
    """Run `kubemetrics serve`; yield its process and its port."""
    command = [sys.executable, "-m", "kubemetrics", "serve", "--listen=127.0.0.1:0"]
    command += ["--kubeconfig", str(kubeconfig), *flags]
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        try:
            yield process.pid, int(said.rpartition(":")[2].partition("/")[0])
        finally:
            process.terminate()


def measure(kubeconfig: Path, flags: Sequence[str], minutes: float) -> str:
    with serving(kubeconfig, flags) as (process, port):
        settle(port)
        began, before, taken = time.monotonic(), cpu_seconds(process), list[float]()
        body = b""
        while (length := time.monotonic() - began) < minutes * 60:
            time.sleep(_EVERY)
            seconds, body = scrape(port)
            taken.append(seconds)
        busy, most = cpu_seconds(process) - before, peak(process)
    plain = gzip.decompress(body)
    series = sum(line[:1] != b"#" for line in plain.splitlines())
    return (
        f"{' '.join(flags) or 'full'}: {series:,} series, {len(plain) / 1e6:.1f} MB,"
        f" {len(body) / 1e6:.2f} MB gzip; a scrape {statistics.median(taken):.3f} s"
        f" (most {max(taken):.3f}); {busy / length:.1%} of a core, peak {most:.0f} MB"
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serve")
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=2, help="of each")
    parser.add_argument(
        "--flags", action="append", help="of serve, as '--lean'; may be repeated"
    )
    arguments = parser.parse_args(argv)
    print(f"load {os.getloadavg()[0]:.1f}, {arguments.pods:,} pods")
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "config"
        with scraped(arguments.pods, kubeconfig):
            for flags in arguments.flags or ("--lean", ""):
                print(measure(kubeconfig, flags.split(), arguments.minutes), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
