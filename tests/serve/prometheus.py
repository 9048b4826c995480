"""A real Prometheus on a loopback port, scraping one target, and what it is asked."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import httpx

PROMETHEUS: Final = shutil.which("prometheus")
_HANG: Final = 120.0
_CONFIG: Final = """\
global: {{scrape_interval: {every}, scrape_timeout: {every}, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
- job_name: kubelet
  honor_labels: true
  metric_relabel_configs:
  - source_labels: [__name__]
    regex: kube_.*
    target_label: job
    replacement: kube-state-metrics
  static_configs:
  - targets: ["{target}"]
    labels: {{metrics_path: /metrics/cadvisor}}
"""


Sample: TypeAlias = tuple[float, float]
"""A time, and the value at it."""


class Series(NamedTuple):
    """A series of a range query: its labels, and its samples."""

    labels: Mapping[str, str]
    samples: list[Sample]


class Prometheus:
    """Answers queries about what it scraped."""

    def __init__(self, url: str) -> None:
        self._url = url

    def query(self, query: str, at: float | None = None) -> list[dict[str, Any]]:
        """Return the result of an instant query, as of now or of *at*."""
        params = {"query": query} if at is None else {"query": query, "time": str(at)}
        found = httpx.get(f"{self._url}/api/v1/query", params=params)
        found.raise_for_status()
        result: list[dict[str, Any]] = found.json()["data"]["result"]
        return result

    def value(self, query: str, at: float | None = None) -> float | None:
        """Return the one value of a query, or nothing."""
        result = self.query(query, at)
        return float(result[0]["value"][1]) if result else None

    def range(self, selector: str, seconds: float) -> list[Series]:
        """Return the raw samples of the last so many seconds."""
        return [
            Series(one["metric"], [(at, float(value)) for at, value in one["values"]])
            for one in self.query(f"{selector}[{round(seconds)}s]")
        ]

    def until(self, query: str, holds: Callable[[float | None], bool]) -> None:
        """Wait until the value of a query is as wanted; the bound ends a hang."""
        end = time.monotonic() + _HANG
        while not holds(self.value(query)):
            assert time.monotonic() < end, f"{query}: {self.value(query)}"
            time.sleep(0.2)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def scraping(
    target: str, every: str, folder: Path, rules: Iterable[tuple[str, str]] = ()
) -> Iterator[Prometheus]:
    """Run Prometheus; *every* is its scrape interval, as ``2s``.

    *rules* are names and what is recorded under them.
    """
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(target=target, every=every))
    recorded = [{"record": name, "expr": query} for name, query in rules]
    groups = {"groups": [{"name": "rules", "rules": recorded}]}
    (folder / "rules.yml").write_text(json.dumps(groups))  # JSON is YAML
    with _running(config, folder / "tsdb") as prometheus:
        yield prometheus


@contextmanager
def answering(blocks: Path) -> Iterator[Prometheus]:
    """Run Prometheus on *blocks*, however old they are; it scrapes nothing."""
    config = blocks / "prometheus.yml"
    config.write_text("{}")
    with _running(config, blocks, "--storage.tsdb.retention.time=100y") as prometheus:
        yield prometheus


@contextmanager
def _running(config: Path, blocks: Path, *flags: str) -> Iterator[Prometheus]:
    port = free_port()
    process = subprocess.Popen(
        [
            PROMETHEUS or "", f"--config.file={config}", "--log.level=error",
            f"--storage.tsdb.path={blocks}",
            f"--web.listen-address=127.0.0.1:{port}", *flags,
        ],
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/-/ready")
        yield Prometheus(url)
    finally:
        process.terminate()
        process.wait(_HANG)


def _wait_for(url: str) -> None:
    end = time.monotonic() + _HANG
    while time.monotonic() < end:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"no answer from {url}")
