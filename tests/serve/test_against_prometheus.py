"""What a real Prometheus makes of what is served, against the books of the cluster.

Some minutes, since samples come in real time: with ``--full``, and where Debian's
prometheus is in the path (``apt-get download prometheus; dpkg -x``).
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.cluster.past import Past, Published
from tests.cluster.pasts import holding, quiet
from tests.tools.interrupt import HANG

from .prometheus import PROMETHEUS, Prometheus, free_port, scraping

pytestmark = [
    pytest.mark.full,
    pytest.mark.no_cover,
    pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not here"),
]

CPU = "kubemetrics_container_cpu_usage_seconds_total"
OBSERVED = "kubemetrics_container_cpu_observed_seconds_total"
NANO = 10**9


class Living:
    """A cluster whose past goes on as time does, in a thread."""

    def __init__(self, cluster: Cluster, past: Past) -> None:
        self.cluster = cluster
        self.past = past
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._go_on)
        self._thread.start()

    def _go_on(self) -> None:
        while not self._over.wait(0.05):
            with self._lock:
                self.past.advance(time.monotonic() - self._began - self.past.now / 1000)

    def remove(self, namespace: str, name: str) -> None:
        with self._lock:
            self.past.remove(namespace, name)

    def samples(self, container: str) -> list[Published]:
        """Return what was published of the runs of a container, in its order."""
        with self._lock:
            runs = {r.number for r in self.past.runs if r.container == container}
            return [s for s in self.past.samples if s.run in runs]

    def close(self) -> None:
        self._over.set()
        self._thread.join()


@contextmanager
def living(cadence: float) -> Iterator[Living]:
    with holding(datetime.now(UTC)) as cluster:
        # The API says the whole seconds of a sample: at one a second two of them
        # would often be dated alike, if they wandered.
        jitter = 900 if cadence > 1 else 0
        past = Past(cluster, cadence=cadence, jitter=jitter, running=True)
        quiet(past)
        found = Living(cluster, past)
        try:
            yield found
        finally:
            found.close()


@contextmanager
def served(cluster: Cluster, port: int, *flags: str) -> Iterator[None]:
    config = cluster.kubeconfig("admin")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "kubemetrics", "serve",
            f"--listen=127.0.0.1:{port}", *flags,
        ],
        env={"KUBECONFIG": str(config), "PYTHONPATH": ":".join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("serving ")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=HANG)


def of(container: str) -> str:
    return f'{CPU}{{container="{container}"}}'


def compared(found: Prometheus, life: Living, container: str) -> int:
    """Compare the counter's growth with the kernel's, over the same samples.

    Return the number of samples. The bound: the CPU of a sample is a whole number of
    nanocores, so that each loses less than a nanocore times its window.
    """
    (cpu,) = found.range(of(container), 300)
    (observed,) = found.range(f'{OBSERVED}{{container="{container}"}}', 300)
    grown = cpu.samples[-1][1] - cpu.samples[0][1]
    covered = observed.samples[-1][1] - observed.samples[0][1]
    published = life.samples(container)
    for first in range(len(published)):
        window = spent = 0
        for last in range(first, len(published)):
            window += published[last].window
            spent += published[last].spent
            if abs(window / 1000 - covered) < 0.0005:
                # What Prometheus keeps is a float: 1e-9 of seconds of CPU.
                lost = spent / NANO - grown
                if -1e-6 < lost < window / 1000 / NANO + 1e-6:
                    return last - first + 1
    raise AssertionError(f"no {covered} s of samples used {grown} s of CPU")


@pytest.mark.parametrize(("cadence", "every"), [(1, "2s"), (4, "2s")])
def test_the_counter_grows_as_the_kernels_does(
    cadence: int, every: str, tmp_path: Path
) -> None:
    port = free_port()
    with (
        living(cadence) as life,
        served(life.cluster, port),
        scraping(f"127.0.0.1:{port}", every, tmp_path) as found,
    ):
        observed = f'{OBSERVED}{{container="db"}}[5m]'
        found.until(
            f"max_over_time({observed}) - min_over_time({observed})",
            lambda value: value is not None and value > 10 * cadence,
        )
        count = compared(found, life, "db")
        assert count >= 8
        mean = found.value(f"increase({of('db')}[5m]) / increase({observed})")
        published = life.samples("db")
        used = sum(sample.spent for sample in published)
        truth = used / sum(sample.window for sample in published) / 1e6
        print(f"cadence {cadence}: {count} samples, exact; {mean=:.4f} {truth=:.4f}")


def test_what_goes_is_stale_and_what_restarts_is_a_reset(tmp_path: Path) -> None:
    port, cadence = free_port(), 2
    with (
        living(cadence) as life,
        scraping(f"127.0.0.1:{port}", "1s", tmp_path) as found,
    ):
        with served(life.cluster, port):
            web = f'{CPU}{{pod=~"web-.*",container="app"}}'
            found.until(f"count({web})", lambda count: count == 2)
            name = next(
                entry.name
                for entry in life.cluster.pods.current()
                if entry.name.startswith("web-")
            )
            life.remove("shop", name)
            removed = time.time()
            found.until(f"count({web})", lambda count: count == 1)
            gone = time.time() - removed
            found.until(
                f'max_over_time({OBSERVED}{{container="db"}}[5m])',
                lambda value: value is not None and value > 10 * cadence,
            )
        found.until("up", lambda value: value == 0)
        found.until(f"count({of('db')})", lambda count: count is None)
        with served(life.cluster, port):
            found.until("kubemetrics_up", lambda value: value == 1)
            found.until(f"count({of('db')})", lambda count: count == 1)
            found.until(
                f'{OBSERVED}{{container="db"}}',
                lambda value: value is not None and value > 4 * cadence,
            )
            resets = found.value(f"resets({of('db')}[5m])")
            grown = found.value(f"increase({of('db')}[5m])") or 0.0
            published = life.samples("db")
            spent = sum(sample.spent for sample in published) / NANO
            life.cluster.state = "down"
            found.until("kubemetrics_up", lambda value: value == 0)
            found.until(f"count({of('db')})", lambda count: count is None)
            assert found.value('kubemetrics_rounds_total{result="failed"}')
            life.cluster.state = "healthy"
            found.until("kubemetrics_up", lambda value: value == 1)
            found.until(f"count({of('db')})", lambda count: count == 1)
        assert resets == 1
        assert grown < spent * 1.05, "a reset is no growth"
        print(f"deleted, gone after {gone:.1f} s; increase {grown:.3f} of {spent:.3f}")


QUERIES = (
    # krr, robusta_krr/core/integrations/prometheus.
    """sum(irate(container_cpu_usage_seconds_total{
        namespace="shop", pod=~"web-.*", container="app"}[5m]))
        by (container, pod, job)""",
    """max_over_time(max(container_memory_working_set_bytes{
        namespace="shop", pod=~"web-.*", container="app"})
        by (container, pod, job)[5m:1s])""",
    """kube_replicaset_owner{owner_name="web", owner_kind="Deployment",
        namespace="shop"}""",
    """kube_pod_owner{owner_name=~"web-a", owner_kind="ReplicaSet",
        namespace="shop"}""",
    """present_over_time(kube_pod_status_phase{
        phase="Running", pod=~"web-.*", namespace="shop"}[5m])""",
    # kubernetes-mixin, rules/apps.libsonnet.
    """sum by (namespace, pod, container) (rate(container_cpu_usage_seconds_total{
        job="kubelet", metrics_path="/metrics/cadvisor", image!=""}[5m]))
        * on (namespace, pod) group_left(node) topk by (namespace, pod) (1,
        max by (namespace, pod, node) (kube_pod_info{node!=""}))""",
    """container_memory_working_set_bytes{
        job="kubelet", metrics_path="/metrics/cadvisor", image!=""}
        * on (namespace, pod) group_left(node) topk by (namespace, pod) (1,
        max by (namespace, pod, node) (kube_pod_info{node!=""}))""",
    """sum by (namespace) (max by (namespace, pod, container) (
        kube_pod_container_resource_requests{resource="memory"})
        * on (namespace, pod) group_left() max by (namespace, pod) (
        kube_pod_status_phase{phase=~"Pending|Running"} == 1))""",
    """max by (namespace, workload, pod) (label_replace(label_replace(
        kube_pod_owner{owner_kind="ReplicaSet"},
        "replicaset", "$1", "owner_name", "(.*)") * on (replicaset, namespace)
        group_left(owner_name) topk by (replicaset, namespace) (1,
        max by (replicaset, namespace, owner_name) (kube_replicaset_owner)),
        "workload", "$1", "owner_name", "(.*)"))""",
    """sum(node_memory_working_set_bytes)
        / sum(kube_node_status_allocatable{resource="memory"})""",
    """sum(kube_pod_container_resource_limits{resource="cpu"})
        / sum(kube_node_status_allocatable{resource="cpu"})""",
    "sum(rate(node_cpu_usage_seconds_total[5m])) by (node)",
)


def test_usual_queries_are_answered_under_the_kubelets_names(tmp_path: Path) -> None:
    port = free_port()
    with (
        living(2) as life,
        served(life.cluster, port, "--names=kubelet"),
        scraping(f"127.0.0.1:{port}", "1s", tmp_path) as found,
    ):
        found.until(
            "count(rate(node_cpu_usage_seconds_total[5m]) > 0)",
            lambda count: count == 2,
        )
        unanswered = [query for query in QUERIES if not found.query(query)]
    assert unanswered == []
