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

from .prometheus import PROMETHEUS, Prometheus, Sample, free_port, scraping
from .queries import MIB, OOM_KILLED, QUERIES, RULES, USAGE, Asked

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

    def kill(self, namespace: str, name: str, container: str) -> None:
        with self._lock:
            self.past.restart(namespace, name, container, reason="OOMKilled", code=137)

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
        past = Past(cluster, cadence=cadence, running=True)
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


def growth(life: Living, container: str, covered: float) -> list[tuple[int, int]]:
    """Return the window (ms) and CPU (ns) of each run of samples covering so much.

    What Prometheus kept of the time that was observed tells which samples it saw.
    """
    published, found = life.samples(container), list[tuple[int, int]]()
    for first in range(len(published)):
        window = spent = 0
        for sample in published[first:]:
            window += sample.window
            spent += sample.spent
            if abs(window / 1000 - covered) < 0.0005:
                found.append((window, spent))
    return found


def increase(
    found: Prometheus, series: str, samples: list[Sample], beside: float = 0
) -> float:
    """Return the `increase()` from the first of the samples to the last.

    At the times at which it scraped there is nothing to extrapolate; *beside* is how
    many seconds are asked for before and after them.
    """
    first, last = samples[0][0], samples[-1][0]
    length = round((last - first + 2 * beside) * 1000)
    value = found.value(f"increase({series}[{length}ms])", at=last + beside)
    assert value is not None
    return value


def matching(
    found: Prometheus, life: Living, samples: list[Sample]
) -> tuple[float, int, int]:
    """Return the increase of a range, and the window and CPU of what was sampled in it.

    It is the longest one without a miss: on a busy machine a sample that was there for
    a second may be read by nobody, and Prometheus may scrape late.
    """
    observed = f'{OBSERVED}{{container="db"}}'
    count = len(samples)
    for length in range(count, 2, -1):
        for first in range(count - length + 1):
            chosen = samples[first : first + length]
            covered = increase(found, observed, chosen)
            used = increase(found, of("db"), chosen)
            for window, spent in growth(life, "db", covered):
                # Prometheus keeps floats: 1e-6 s is what they may lose.
                if -1e-6 < spent / NANO - used < window / 1000 / NANO + 1e-6:
                    return used, window, spent
    raise AssertionError(f"no range is as the kernel counted: {samples}")


@pytest.mark.parametrize(("cadence", "every"), [(1, "2s"), (4, "2s")])
def test_increase_is_what_the_kernel_counted(
    cadence: int, every: str, tmp_path: Path
) -> None:
    """To a nanocore a sample, where 1 % is asked for.

    Over any other range it extrapolates, the time that was observed likewise, unless
    the range is longer than the counter is old: their quotient is the mean of the
    samples between, whenever it is asked.
    """
    port = free_port()
    with (
        living(cadence) as life,
        served(life.cluster, port),
        scraping(f"127.0.0.1:{port}", every, tmp_path) as found,
    ):
        observed = f'{OBSERVED}{{container="db"}}'
        found.until(
            f"max_over_time({observed}[5m]) - min_over_time({observed}[5m])",
            lambda value: value is not None and value > 12 * cadence,
        )
        (times,) = found.range(observed, 300)
        used, window, spent = matching(found, life, times.samples)
        whole = increase(found, of("db"), times.samples)
        later = times.samples[len(times.samples) // 2 :]
        kept, asked = (
            increase(found, of("db"), later, beside)
            / increase(found, observed, later, beside)
            for beside in (0.0, 0.3)
        )
        published = life.samples("db")
    assert used == pytest.approx(spent / NANO, rel=0.01)
    assert window >= 4000 * cadence
    assert whole <= sum(sample.spent for sample in published) / NANO + 1e-6
    assert asked == pytest.approx(kept, rel=1e-6)


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


def told(found: Prometheus, query: str, at: float) -> dict[str, float]:
    """Return an answer by its labels' values; of a range its first value."""
    values: dict[str, float] = {}
    for one in found.query(query, at):
        label = ",".join(one["metric"].values())
        _, value = one.get("value") or one["values"][0]
        values[label] = float(value)
    return values


def wrong(found: Prometheus, asked: Asked, at: float) -> str:
    """Tell what is wrong with an answer; nothing, if it is right."""
    answer, given = asked.answer, told(found, asked.query, at)
    if isinstance(answer, str):
        answer = told(found, answer, at)
    if isinstance(answer, dict):
        right = given == pytest.approx(answer, rel=NEAR)
    elif answer is None:
        right = bool(given)
    else:
        right = [*given.values()] == pytest.approx([answer])
    return "" if right else f"{asked.query}: {given} is not {answer}"


NEAR = 0.15
"""A rule was evaluated up to a second, and so a scrape, before it is read."""


def test_krr_dashboards_and_the_vpa_get_right_answers_under_the_kubelets_names(
    tmp_path: Path,
) -> None:
    port = free_port()
    with (
        living(2) as life,
        served(life.cluster, port, "--names=kubelet", "--label=app"),
        scraping(f"127.0.0.1:{port}", "1s", tmp_path, RULES) as found,
    ):
        found.until(
            f"count(count_over_time({USAGE}[1m]) >= 40)",
            lambda count: count == CONTAINERS,
        )
        at = time.time() - 2
        problems = [said for asked in QUERIES if (said := wrong(found, asked, at))]
        assert problems == []
        name = next(r.pod for r in life.past.runs if r.pod.startswith("leak"))
        life.kill("shop", name, "app")
        found.until(OOM_KILLED.query, lambda limit: limit == 128 * MIB)


CONTAINERS = 6
