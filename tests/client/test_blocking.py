"""The blocking client against a real server over TLS."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kubemetrics import Client, Config, load_config
from kubemetrics.api import RetryPolicy
from kubemetrics.client.sync import disconnect
from kubemetrics.config.model import AuthInfo, ExecConfig
from kubemetrics.errors import (
    BadRequest,
    DecodeError,
    Forbidden,
    KubeMetricsError,
    MetricsUnavailable,
    NotFound,
    TransportError,
    Unauthorized,
)
from kubemetrics.flow import Flow, Fork, Pause
from tests.cluster import Cluster, Generated, Options, faults
from tests.cluster.exchange import Answer
from tests.cluster.scripts import Attempt, Fault

from .troubles import ENDLESS
from .waiting import NEVER, WATCHDOG, paused

PODS = "/api/v1/pods"
METRICS = "/apis/metrics.k8s.io/v1beta1/pods"
Soon = Callable[[Callable[[], bool]], bool]
PATIENT = RetryPolicy(budget=2 * NEVER)


def paths(cluster: Cluster) -> list[str]:
    return [seen.path for seen in cluster.requests]


class TestRequests:
    """What is asked, and how often."""

    def test_metrics_of_all_pods_are_one_request(
        self, cluster: Cluster, config: Config
    ) -> None:
        with Client(config) as client:
            samples = client.list_pod_metrics()
        assert len(samples) == len(cluster.pod_samples)
        assert paths(cluster) == [METRICS]

    def test_a_snapshot_is_three_and_one_for_every_1000_pods(self) -> None:
        with Cluster.generated(Generated(nodes=5, pods=1001, seed=1)) as cluster:
            config = load_config(str(cluster.kubeconfig()))
            with Client(config) as client:
                snapshot = client.snapshot()
            assert len(snapshot.pods) == 1001
            assert len(cluster.requests) == 3 + 2

    def test_a_snapshot_without_metrics_looks_into_it_once(
        self, cluster: Cluster, config: Config, soon: Soon
    ) -> None:
        cluster.state = "absent"
        nodes = METRICS.replace("pods", "nodes")

        def once_both_were_asked(attempt: Attempt) -> Answer:
            assert soon(lambda: {METRICS, nodes} <= set(paths(cluster)))
            return attempt.answer

        cluster.faults.add(once_both_were_asked, path="/apis/metrics.k8s.io")
        with Client(config) as client:
            snapshot = client.snapshot()
        assert isinstance(snapshot.error("pod metrics"), MetricsUnavailable)
        assert isinstance(snapshot.error("node metrics"), MetricsUnavailable)
        asked = paths(cluster)
        assert asked.count("/apis/metrics.k8s.io") == 1
        assert asked.count("/version") == 1
        assert len(asked) == 6

    def test_every_operation_answers(self, config: Config) -> None:
        with Client(config) as client:
            pod = client.list_pods(namespace="team-b")[0]
            node = client.list_nodes()[0]
            sample = client.list_pod_metrics(namespace="team-a")[0]
            used = client.list_node_metrics()[0]
            assert client.get_pod(pod.name, pod.namespace) == pod
            assert client.get_node(node.name) == node
            assert client.get_pod_metrics(sample.name, sample.namespace) == sample
            assert client.get_node_metrics(used.name) == used
            assert b'"gitVersion"' in client.get_raw("/version")
            pages = list(client.iter_pods(chunk_size=30))
        assert [len(page) for page in pages] == [30, 30, 30, 10]

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2Fb"])
    def test_a_name_that_would_be_another_path_is_refused(
        self, cluster: Cluster, config: Config, name: str
    ) -> None:
        with Client(config) as client, pytest.raises(BadRequest):
            client.get_pod(name)
        assert cluster.requests == []

    @pytest.mark.parametrize("path", ["version", "//evil/x", "https://evil/x", "/a\nb"])
    def test_a_raw_path_that_is_none_is_refused(
        self, cluster: Cluster, config: Config, path: str
    ) -> None:
        with Client(config) as client, pytest.raises(BadRequest):
            client.get_raw(path)
        assert cluster.requests == []

    def test_an_address_that_is_too_long_is_an_error(self, config: Config) -> None:
        with Client(config) as client, pytest.raises(TransportError) as caught:
            client.list_pods(label_selector="a=" + "b" * 100_000)
        assert caught.value.reason == "limit"
        assert len(str(caught.value)) < 200

    @pytest.mark.parametrize(
        ("user", "error"), [("bad", Unauthorized), ("noperm", Forbidden)]
    )
    def test_a_refusal_is_typed(
        self, cluster: Cluster, user: str, error: type[Exception]
    ) -> None:
        with Client(load_config(str(cluster.kubeconfig(user)))) as client:
            with pytest.raises(error):
                client.list_pods()
            with pytest.raises(error):
                client.list_pod_metrics()

    def test_a_broken_aggregation_layer_is_told(
        self, cluster: Cluster, config: Config
    ) -> None:
        cluster.state = "front-proxy-forbidden"
        with Client(config) as client, pytest.raises(Forbidden, match="requestheader"):
            client.list_pod_metrics()
        cluster.state = "front-proxy-unauthorized"
        with Client(config) as client, pytest.raises(Unauthorized, match="requesthea"):
            client.list_pod_metrics()

    def test_another_version_of_the_metrics_api_is_found_and_kept(self) -> None:
        with Cluster.recorded(Options(metrics_versions=("v1",))) as cluster:
            config = load_config(str(cluster.kubeconfig()))
            with Client(config) as client:
                assert len(client.list_pod_metrics()) == 81
                assert len(client.list_node_metrics()) == 9
        assert paths(cluster)[-1] == "/apis/metrics.k8s.io/v1/nodes"
        assert len(cluster.requests) == 4


class TestWarnings:
    """``Warning:`` headers reach the hook once each."""

    def test_each_text_is_heard_once(self, cluster: Cluster, config: Config) -> None:
        cluster.faults.add(faults.warning("old"), path=PODS, times=None)
        cluster.faults.add(faults.warning("older"), path="/api/v1/nodes", times=None)
        heard: list[str] = []
        with Client(config, on_warning=heard.append) as client:
            for _ in range(3):
                client.list_pods()
                client.list_nodes()
        assert heard == ["old", "older"]

    def test_a_refusal_may_warn_as_well(self, cluster: Cluster, config: Config) -> None:
        warned = (("Warning", '299 - "say \\"hi\\"", 299 - "two"'),)
        fault = faults.api_error(404, "NotFound", "no", warned)
        cluster.faults.add(fault, path=PODS)
        heard: list[str] = []
        client = Client(config, on_warning=heard.append)
        with client, pytest.raises(NotFound):
            client.list_pods()
        assert heard == ['say "hi"', "two"]

    def test_a_broken_header_garbles_no_other(
        self, cluster: Cluster, config: Config
    ) -> None:
        broken = ("Warning", '299 - "open')
        good = ("Warning", '299 - "=?utf-8?q?gut_f=C3=BCr?= x"')
        cluster.faults.add(faults.with_headers(broken, good, broken), path=PODS)
        heard: list[str] = []
        with Client(config, on_warning=heard.append) as client:
            client.list_pods()
        assert heard == ["gut für x"]

    def test_without_a_hook_they_are_logged(
        self, cluster: Cluster, config: Config, caplog: pytest.LogCaptureFixture
    ) -> None:
        cluster.faults.add(faults.warning("old"), path=PODS)
        with Client(config) as client:
            client.list_pods()
        assert ("kubemetrics", logging.WARNING, "the server warns: old") in (
            caplog.record_tuples
        )


class TestDeadline:
    """The whole call is over in time, whatever it waits for.

    What it waits for here does not come within a minute, so that a call which ends
    was ended by its deadline, late as a busy machine may hear of it.
    """

    @pytest.mark.parametrize("fault", ENDLESS.values(), ids=ENDLESS)
    @pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
    def test_it_ends_in_time(self, fault: Fault, tls: bool) -> None:  # noqa: FBT001
        with Cluster.recorded(Options(tls=tls)) as cluster:
            cluster.faults.add(fault, times=None)
            config = load_config(str(cluster.kubeconfig()))
            with Client(config) as client, pytest.raises(TransportError) as caught:
                client.run(client.api.get(PODS), timeout=0.2)
        assert caught.value.reason == "deadline"
        assert "no full answer within 0.2 s" in str(caught.value)

    def test_it_covers_all_pages(self, cluster: Cluster, config: Config) -> None:
        """Each of 100 pages comes well within it."""
        cluster.faults.add(faults.delay(0.05), path=PODS, times=None)
        with Client(config) as client, pytest.raises(TransportError) as caught:
            client.list_pods(chunk_size=1, timeout=0.5)
        assert caught.value.reason == "deadline"

    def test_it_covers_the_waits_and_says_what_failed(
        self, cluster: Cluster, config: Config
    ) -> None:
        cluster.faults.add(faults.throttled(f"{NEVER:g}"), path=PODS, times=None)
        client = Client(config, retry=PATIENT)
        with client, pytest.raises(Exception, match="429") as caught:
            client.list_pods(timeout=WATCHDOG)
        assert "asks to wait 3600 s" in str(caught.value)
        assert len(cluster.requests) == 1

    def test_the_configurations_is_used_where_none_is_given(
        self, cluster: Cluster
    ) -> None:
        cluster.faults.add(faults.silence(), times=None)
        config = load_config(str(cluster.kubeconfig()), request_timeout="200ms")
        with Client(config) as client, pytest.raises(TransportError) as caught:
            client.list_pods()
        assert caught.value.reason == "deadline"
        assert "no full answer within 0.2 s" in str(caught.value)

    def test_it_covers_a_plugin_that_hangs(self, cluster: Cluster) -> None:
        config = hanging_plugin(cluster)
        with Client(config) as client, pytest.raises(TransportError) as caught:
            client.list_pods(timeout=0.2)
        assert caught.value.reason == "deadline"


def hanging_plugin(cluster: Cluster) -> Config:
    """Return a configuration whose plugin ends when the cluster does."""
    waits = "import pathlib, sys, time\nwhile pathlib.Path(sys.argv[1]).exists():"
    plugin = ExecConfig(
        api_version="client.authentication.k8s.io/v1",
        command=sys.executable,
        args=("-c", f"{waits} time.sleep(0.02)", str(cluster.folder)),
        interactive_mode="Never",
    )
    config = load_config(str(cluster.kubeconfig()))
    return replace(config, auth=AuthInfo(exec=plugin))


class TestClosing:
    """Closing from another thread ends what is under way, which has no end itself."""

    @pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
    @pytest.mark.parametrize("fault", ENDLESS.values(), ids=ENDLESS)
    def test_a_read_that_waits(
        self,
        fault: Fault,
        tls: bool,  # noqa: FBT001
        soon: Soon,
    ) -> None:
        with Cluster.recorded(Options(tls=tls)) as cluster:
            cluster.faults.add(fault, times=None)
            config = load_config(str(cluster.kubeconfig()))
            client = Client(config, read_timeout=NEVER)
            error = self.closed_while(
                client, lambda: client.run(client.api.get(PODS)), cluster, soon
            )
            assert soon(lambda: cluster.open_connections == 0)
        assert error.reason == "closed"

    def test_a_wait_between_tries(
        self,
        cluster: Cluster,
        config: Config,
        soon: Soon,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        cluster.faults.add(faults.throttled(f"{NEVER:g}"), times=None)
        client = Client(config, retry=PATIENT)

        def waiting(done: Callable[[], bool]) -> bool:
            return soon(lambda: done() and "waiting 3600.00 s" in caplog.text)

        with caplog.at_level(logging.DEBUG, "kubemetrics"):
            error = self.closed_while(client, client.list_pods, cluster, waiting)
        assert error.reason == "closed"

    def test_the_parts_of_a_snapshot(
        self, cluster: Cluster, config: Config, soon: Soon
    ) -> None:
        cluster.faults.add(faults.silence(), times=None)
        client = Client(config, read_timeout=NEVER)
        before = threading.active_count()
        error = self.closed_while(client, client.snapshot, cluster, soon, requests=4)
        assert error.reason == "closed"
        assert soon(lambda: threading.active_count() <= before + 10)
        assert soon(lambda: cluster.open_connections == 0)

    def test_a_watch(self, cluster: Cluster, config: Config, soon: Soon) -> None:
        client = Client(config, read_timeout=NEVER)

        def watch() -> None:
            with client.watch_pods() as events:
                for _ in events:
                    pass

        error = self.closed_while(client, watch, cluster, soon, requests=2)
        assert error.reason == "closed"
        assert soon(lambda: cluster.open_connections == 0)

    def test_a_client_that_is_closed_says_so_at_once(self, config: Config) -> None:
        client = Client(config)
        client.close()
        client.close()
        with pytest.raises(TransportError, match="the client was closed"):
            client.list_pods()

    @staticmethod
    def closed_while(
        client: Client,
        call: Callable[[], object],
        cluster: Cluster,
        soon: Soon,
        *,
        requests: int = 1,
    ) -> TransportError:
        """Close *client* in the middle of *call* and return its error."""
        errors: list[TransportError] = []

        def work() -> None:
            try:
                call()
            except TransportError as error:
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        assert soon(lambda: len(cluster.requests) >= requests)
        time.sleep(0.05)  # for it to wait: closed a moment before, it ends the same way
        client.close()
        thread.join(WATCHDOG)
        assert not thread.is_alive()
        assert len(errors) == 1
        return errors[0]


class TestForks:
    """Parts side by side."""

    def test_the_first_error_ends_the_others(self, config: Config) -> None:
        def fails() -> Flow[None]:
            yield from client.api.get("/api/v1/pods/x/y/z")

        waited: list[bool] = []

        def waits() -> Flow[None]:
            yield Pause(WATCHDOG)
            waited.append(True)

        def both() -> Flow[None]:
            yield Fork((waits(), fails(), waits()))

        with Client(config) as client, pytest.raises(Exception, match="is forbidden"):
            client.run(both())
        assert waited == []

    def test_a_defect_in_a_part_is_raised_where_all_meet(self, config: Config) -> None:
        def broken() -> Flow[None]:
            yield Pause(0)
            raise ZeroDivisionError

        def both() -> Flow[None]:
            yield Fork((paused(0.1), broken(), broken()))

        with Client(config) as client, pytest.raises(KubeMetricsError) as caught:
            client.run(both())
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    def test_no_part_is_nothing(self, config: Config) -> None:
        def none() -> Flow[str]:
            yield Fork(())
            return "done"

        with Client(config) as client:
            assert client.run(none()) == "done"

    def test_more_parts_than_threads_all_run(self, config: Config) -> None:
        done: list[int] = []

        def part(number: int) -> Flow[None]:
            yield Pause(0.01)
            done.append(number)

        def many() -> Flow[None]:
            yield Fork(tuple(part(number) for number in range(50)))

        with Client(config) as client:
            client.run(many())
        assert sorted(done) == list(range(50))


class TestBounds:
    """What a server can do to us is limited."""

    def test_a_decompression_bomb_costs_little(
        self, cluster: Cluster, config: Config
    ) -> None:
        cluster.faults.add(faults.gzip_bomb(32 << 20), path=PODS)
        with Client(config) as client, pytest.raises(TransportError) as caught:
            client.list_pods()
        assert caught.value.reason == "limit"
        assert "grows more than 300-fold" in str(caught.value)

    def test_a_list_without_end_ends(self, cluster: Cluster, config: Config) -> None:
        with Client(config) as client:
            page = json.loads(client.get_raw(f"{PODS}?limit=10"))
            token = page["metadata"]["continue"]
            cluster.faults.add(faults.repeating_continue(token), path=PODS, times=None)
            with pytest.raises(DecodeError, match="never ends"):
                client.list_pods(chunk_size=10)
        assert len(cluster.requests) == 3


def test_a_stale_connection_is_replaced_at_once(
    cluster: Cluster, config: Config
) -> None:
    policy = RetryPolicy(first_wait=NEVER, budget=NEVER * 2)
    with Client(config, retry=policy) as client:
        client.list_nodes()
        cluster.faults.add(faults.close(), path=PODS)
        assert len(client.list_pods(timeout=WATCHDOG)) == 100


def test_a_client_that_lets_its_connections_go_opens_others(
    cluster: Cluster, config: Config
) -> None:
    before = cluster.accepted_connections
    with Client(config) as client:
        disconnect(client)  # there is none yet
        for _ in range(2):
            client.list_nodes()
            client.list_nodes()
            disconnect(client)
    assert cluster.accepted_connections == before + 2


def test_ctrl_c_ends_a_call_in_silence_and_waits_for_no_worker(
    cluster: Cluster, soon: Soon
) -> None:
    cluster.faults.add(faults.silence(), times=None)
    script = (
        "import signal, sys, kubemetrics\n"
        # The suite may have been started with it ignored, as nohup and `&` do.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "config = kubemetrics.load_config(sys.argv[1])\n"
        f"client = kubemetrics.Client(config, read_timeout={NEVER})\n"
        "try:\n"
        "    with client:\n"
        "        client.snapshot()\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(cluster.kubeconfig())],
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "."},
    )
    with process:
        assert soon(lambda: len(cluster.requests) >= 4)
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=WATCHDOG)
        finally:
            process.kill()
    assert process.returncode == 130
    assert said == b""


def test_many_threads_share_one_client(cluster: Cluster, config: Config) -> None:
    failures: list[Exception] = []

    def work(client: Client) -> None:
        try:
            for _ in range(4):
                assert len(client.list_pods(chunk_size=50)) == 100
                assert len(client.list_pod_metrics()) == 81
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    with Client(config) as client, contextlib.ExitStack() as stack:
        threads = [threading.Thread(target=work, args=(client,)) for _ in range(8)]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
    assert failures == []
    # 96 requests went over what the pool keeps alive. A thread may open one more
    # while another's answer is read to its end and not yet given back.
    assert cluster.accepted_connections <= 16


def test_every_attempt_and_every_wait_is_in_the_log(
    cluster: Cluster, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.faults.add(faults.html(502), path=PODS)
    cluster.faults.add(faults.reset_after_headers(), path=PODS, first=2)
    policy = RetryPolicy(first_wait=0.01, random=lambda: 0.0)
    with (
        caplog.at_level(logging.DEBUG, "kubemetrics"),
        Client(config, retry=policy) as client,
    ):
        client.list_pods()
    told = [record.getMessage() for record in caplog.records]
    said = [text.partition(": ")[2] for text in told]
    assert [text.partition(" ")[0] for text in told] == [
        "GET", "waiting", "GET", "waiting", "GET",
    ]  # fmt: skip
    assert said[0].startswith("502, ")
    assert said[1].startswith("try 1 failed: ")
    assert said[2].startswith("reset after ")
    assert said[4].startswith("200, ")
    assert not any(cluster.token("viewer") in text for text in told)
