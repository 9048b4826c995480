"""``kubemetrics serve`` from its command line to what is scraped."""

from __future__ import annotations

import io
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from kubemetrics.cli import main
from kubemetrics.cli.record_command import Stopping
from kubemetrics.serve.manifest import Workload, objects
from kubemetrics.testing import FakeCluster, container, node, pod
from tests.cluster import Cluster
from tests.cluster_tests.kubectl import KUBECTL, needs_kubectl
from tests.tools.interrupt import HANG, interruptible

ANY = "--listen=127.0.0.1:0"


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    pods = [
        pod("web-0", cpu="250m", memory="1Gi", labels={"app": "web"}),
        pod("db-0", "data", containers={"db": container(cpu=1), "log": container()}),
    ]
    with FakeCluster(pods, nodes=[node("node-1", cpu=2, memory="2Gi")]) as running:
        yield running


class Run:
    """One run of the command, looked at while it waits for its next poll."""

    def __init__(
        self, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._looks: list[Callable[[], object]] = []
        self.err = io.StringIO()
        self.out = io.StringIO()
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(tmp_path / "config")))
        monkeypatch.setattr(Stopping, "wait", self._wait)
        self._waited = 0

    def _wait(self, seconds: float) -> bool:
        """Look instead of waiting, but before the first poll."""
        assert seconds >= 0
        self._waited += 1
        if self._waited == 1:
            return False
        if self._looks:
            self._looks.pop(0)()
            return False
        return True

    def __call__(self, *words: str, looks: list[Callable[[], object]]) -> int:
        self._looks, self._waited = looks, 0
        with redirect_stdout(self.out), redirect_stderr(self.err):
            return main(["serve", ANY, *words])

    def get(self, path: str = "/metrics") -> httpx.Response:
        found = re.search(r"serving (http://\S+)/metrics", self.err.getvalue())
        assert found is not None, self.err.getvalue()
        return httpx.get(f"{found[1]}{path}", timeout=HANG)


@pytest.fixture
def serve(cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(cluster, tmp_path, monkeypatch)


def value(text: str, start: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return float(line.rpartition(" ")[2])


WEB = 'kubemetrics_container_cpu_usage_seconds_total{namespace="default",pod="web-0"'


def test_a_counter_grows_round_by_round(serve: Run, cluster: FakeCluster) -> None:
    found: list[str] = []

    def look() -> None:
        found.append(serve.get().text)
        cluster.tick(15)

    assert serve(looks=[look, look, look]) == 0
    values = [value(text, WEB) for text in found]
    assert [b - a for a, b in pairwise(values)] == [3.75, 3.75]
    assert "kubemetrics_up 1" in found[-1].splitlines()
    assert serve.out.getvalue() == ""
    assert len(serve.err.getvalue().splitlines()) == 1


def test_a_pod_that_is_deleted_is_gone_with_the_next_poll(
    serve: Run, cluster: FakeCluster
) -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append('pod="web-0"' in serve.get().text)
        cluster.tick(15)

    def delete() -> None:
        look()
        cluster.delete("web-0")

    def wait() -> None:
        """Let the watch bring it: a poll is not what tells."""
        while 'pod="web-0"' in serve.get().text and len(seen) < 2000:
            pause.wait(0.01)
            serve._looks.insert(0, wait)
            return
        look()

    pause = threading.Event()
    assert serve(looks=[delete, wait]) == 0
    assert seen[0]
    assert not seen[-1]


def test_what_is_read_and_served_is_what_was_asked_for(
    serve: Run, cluster: FakeCluster
) -> None:
    found: list[str] = []
    words = ["-n", "data", "--level=pod", "--label=app,tier", "--lean"]
    assert serve(*words, looks=[lambda: found.append(serve.get().text)]) == 0
    pods = [line for line in found[0].splitlines() if "pod_cpu_usage" in line]
    assert (
        'namespace="data",pod="db-0",node="node-1",label_app="",label_tier=""'
        in (pods[-1])
    )
    assert "web-0" not in found[0]
    assert "resource_requests" not in found[0]
    assert not any(path == "/api/v1/pods" for path in cluster.paths)


def test_a_metrics_api_that_is_down_is_told_and_waited_for(
    serve: Run, cluster: FakeCluster
) -> None:
    cluster.state = "down"
    found: list[httpx.Response] = []

    def look() -> None:
        found.extend([serve.get(), serve.get("/readyz"), serve.get("/healthz")])

    def mend() -> None:
        look()
        cluster.state = "healthy"

    assert serve(looks=[mend, look]) == 0
    before, unready, alive, after, ready, _ = found
    assert "kubemetrics_up 0" in before.text.splitlines()
    assert (unready.status_code, ready.status_code, alive.status_code) == (
        503,
        200,
        200,
    )
    assert unready.text.startswith("The metrics API ")
    assert "kubemetrics_up 1" in after.text.splitlines()
    lines = serve.err.getvalue().splitlines()
    assert lines[0].startswith("error: ")
    assert lines[2] == "samples are read again"


def test_the_sentence_is_the_doctors(serve: Run, cluster: FakeCluster) -> None:
    cluster.state = "absent"
    found: list[str] = []
    assert serve(looks=[lambda: found.append(serve.get("/readyz").text)]) == 0
    assert found[0].startswith("The metrics API is absent: ")
    assert found[0].endswith("or another provider of metrics.k8s.io\n")


def test_metrics_that_may_not_be_read_end_it(serve: Run, cluster: FakeCluster) -> None:
    cluster.state = "forbidden"
    assert serve(looks=[]) == 1
    assert "is forbidden" in serve.err.getvalue()


def test_where_the_doctor_finds_nothing_the_error_stands(
    serve: Run, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubemetrics.cli import server_commands  # noqa: PLC0415 - as the command does
    from kubemetrics.doctor import Diagnosis  # noqa: PLC0415

    monkeypatch.setattr(server_commands, "examine", lambda _: Diagnosis(()))
    cluster.state = "down"
    found: list[str] = []
    assert serve(looks=[lambda: found.append(serve.get("/readyz").text)]) == 0
    assert found == [
        serve.err.getvalue().splitlines()[0].removeprefix("error: ") + "\n"
    ]


def test_a_server_that_is_not_there_ends_it(serve: Run) -> None:
    assert serve("--server=http://127.0.0.1:1", looks=[]) == 1
    assert serve.err.getvalue().startswith("error: ")
    assert len(serve.err.getvalue().splitlines()) == 1


def test_too_many_series_end_it_with_the_level_that_fits(serve: Run) -> None:
    assert serve("--max-series=30", looks=[]) == 2
    assert re.fullmatch(
        r"error: \d+ series are more than --max-series 30: --level \w+ has \d+\n",
        serve.err.getvalue(),
    )


def test_everybody_is_warned_of(serve: Run) -> None:
    assert serve("--listen=:0", looks=[]) == 0
    assert "Warning: whoever reaches this address can read it" in serve.err.getvalue()


def test_a_port_that_is_taken_is_an_error_of_one_line(serve: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve(f"--listen=127.0.0.1:{port}", looks=[]) == 2
    assert serve.err.getvalue() == (
        f"error: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    )


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--listen=8080", "--listen: expected HOST:PORT"),
        ("--shard=3/2", "--shard: expected I/N"),
        ("--max-series=0", "--max-series takes a number"),
        ("--level=cluster", "--level"),
        ("--names=kubelet --level=pod", "--names kubelet is of containers"),
        ("--shard=1/2 --level=node", "--shard goes with --level container or pod"),
        ("--shard=1/2 --record=x", "--record is of all pods"),
        ("-n x -A", "-A is all namespaces, and -n names some: give one of them"),
        ("-n team-*", "takes a name here, not the glob 'team-*'"),
        ("-o yaml", "-o"),
        (
            "--label a.b,c,a_b,a.b",
            "--label a.b and --label a_b would both be label_a_b",
        ),
    ],
)
def test_a_wrong_flag_is_refused_in_a_line(
    word: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *word.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err.splitlines()[0]
    assert len(err.splitlines()) == 2


def test_a_signal_during_a_poll_ends_it(
    serve: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stopping, "read", lambda *_: None)
    assert serve(looks=[]) == 0
    assert serve.err.getvalue() == ""


def test_one_poller_serves_and_records(
    serve: Run, cluster: FakeCluster, tmp_path: Path
) -> None:
    found: list[str] = []

    def look() -> None:
        found.append(serve.get().text)
        cluster.tick(15)

    file = tmp_path / "kept.db"
    words = ["--level=workload", "--record", str(file)]
    assert serve(*words, looks=[look, look, look]) == 0
    with closing(sqlite3.connect(file)) as kept:
        ((cpu,),) = kept.execute(
            "SELECT sum(core_seconds) FROM usage WHERE name='web-0' AND kind='pod'"
        )
    served = [
        value(text, 'kubemetrics_workload_cpu_usage_seconds_total{namespace="default"')
        for text in found
    ]
    assert served == [3.75, 7.5, 11.25]
    assert cpu == 15, "the last round is served to nobody"
    samples = [path for path in cluster.paths if path.endswith("v1beta1/pods")]
    assert len(samples) == 4


@pytest.mark.parametrize("words", [("--record",), ()])
def test_an_outage_is_told_once(
    words: tuple[str, ...], serve: Run, cluster: FakeCluster, tmp_path: Path
) -> None:
    words = (*words, str(tmp_path / "kept.db")) if words else ()

    def down() -> None:
        cluster.state = "down"

    def up() -> None:
        cluster.state = "healthy"

    assert serve(*words, looks=[down, lambda: None, up, lambda: None]) == 0
    assert len(serve.err.getvalue().splitlines()) == 3, serve.err.getvalue()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(
    number: signal.Signals, cluster: FakeCluster, tmp_path: Path
) -> None:
    config = cluster.kubeconfig(tmp_path / "config")
    with interruptible():
        process = subprocess.Popen(
            [sys.executable, "-m", "kubemetrics", "serve", ANY, "-A"],
            env={"KUBECONFIG": str(config), "PYTHONPATH": ":".join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("serving http://127.0.0.1:")
    process.send_signal(number)
    out, err = process.communicate(timeout=HANG)
    assert (process.returncode, out, err) == (0, "", "")


def manifest(*words: str, command: str = "serve") -> list[dict[str, Any]]:
    out = io.StringIO()
    with redirect_stdout(out):
        assert main([command, "-o", "manifest", *words]) == 0
    assert "&id" not in out.getvalue()
    return [*yaml.safe_load_all(out.getvalue())]


def of_kind(made: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [one for one in made if one["kind"] == kind]
    return found


def test_a_manifest_runs_the_command_line_that_printed_it() -> None:
    made = manifest(
        "-A", "-n", "monitoring", "-l", "app=web", "--level=pod", "--label=app",
        "--lean", "--shard=2/3", "--listen=127.0.0.1:9",
    )  # fmt: skip
    (run,) = of_kind(made, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert run["args"] == [
        "serve", "--listen=:8080", "--label=app", "--selector=app=web", "--shard=2/3",
        "--level=pod", "--lean",
    ]  # fmt: skip
    names = {one["metadata"]["name"] for one in made}
    assert names == {"kubemetrics-serve-2", "monitoring-kubemetrics-serve-2"}
    assert {one["metadata"].get("namespace") for one in made} == {None, "monitoring"}


def test_it_may_read_what_it_reads_and_nothing_else() -> None:
    everything = of_kind(manifest("-A", "-n", "monitoring"), "ClusterRole")
    assert everything["rules"] == [
        {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["list", "watch"]},
        {"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"],
         "verbs": ["list"]},
    ]  # fmt: skip
    some = manifest("-n", "team-a", "-n", "team-b")
    roles = [one for one in some if one["kind"] == "Role"]
    assert [one["metadata"]["namespace"] for one in roles] == ["team-a", "team-b"]
    assert {word for one in roles for r in one["rules"] for word in r["resources"]} == {
        "pods"
    }
    assert not [one for one in some if one["kind"].startswith("Cluster")]


def test_pods_pass_the_restricted_standard() -> None:
    """Kubernetes, Pod Security Standards: the profile Restricted."""
    for of in (
        Workload(name="s", namespace="n", image="i", args=(), serves=True),
        Workload(name="r", namespace="n", image="i", args=(), volume="10Gi"),
    ):
        spec = of_kind([*objects(of)], "Deployment")["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (one,) = spec["containers"]
        assert not one["securityContext"]["allowPrivilegeEscalation"]
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert one["securityContext"]["readOnlyRootFilesystem"]
        assert {"requests", "limits"} == one["resources"].keys()
        assert ("livenessProbe" in one) == ("readinessProbe" in one) == of.serves


def test_what_keeps_a_file_has_a_volume_one_writer_and_no_port() -> None:
    made = [
        *objects(Workload(name="r", namespace="n", image="i", args=(), volume="1Gi"))
    ]
    claim = of_kind(made, "PersistentVolumeClaim")["spec"]
    assert claim["resources"]["requests"]["storage"] == "1Gi"
    run = of_kind(made, "Deployment")["spec"]
    assert run["strategy"] == {"type": "Recreate"}
    (volume,) = run["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": "r"}
    assert of_kind(made, "NetworkPolicy")["spec"]["ingress"] == []
    assert not [one for one in made if one["kind"] == "Service"]


def test_what_records_in_a_cluster_does_what_was_asked_for() -> None:
    made = manifest(
        "-A", "-n", "monitoring", "--level=pod", "--keep=7d", "--max-size=20Gi",
        command="record",
    )  # fmt: skip
    (run,) = of_kind(made, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert run["args"] == [
        "record", "/data/kubemetrics.db", "--level=pod", "--keep=7d", "--max-size=20Gi",
    ]  # fmt: skip
    assert run["volumeMounts"] == [{"name": "data", "mountPath": "/data"}]
    claim = of_kind(made, "PersistentVolumeClaim")["spec"]
    assert claim["resources"]["requests"]["storage"] == "20Gi"
    some = manifest("-n", "team-a", command="record")
    (run,) = of_kind(some, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert run["args"][2:] == ["--namespace=team-a"]


@pytest.mark.parametrize("word", ["--once", "--for=1h", "x.db"])
def test_a_manifest_is_of_a_recording_that_goes_on(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", "-o", "manifest", "-n", "x", word]) == 2
    assert "-o manifest is for good" in capsys.readouterr().err


def test_without_a_namespace_it_is_that_of_the_configuration(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(tmp_path / "config")))
    for command in ("serve", "record"):
        made = of_kind(manifest(command=command), "Deployment")
        assert made["metadata"]["namespace"] == "default"


@needs_kubectl
@pytest.mark.parametrize("command", ["serve", "record"])
def test_kubectl_takes_the_manifest(command: str, tmp_path: Path) -> None:
    with Cluster.recorded() as cluster:
        path = tmp_path / "made.yaml"
        made = manifest("-n", "monitoring", "-A", command=command)
        path.write_text(yaml.safe_dump_all(made))
        done = subprocess.run(
            [KUBECTL, "create", "--dry-run=client", "--validate=false", "-f", path],
            env={"KUBECONFIG": str(cluster.kubeconfig("admin")), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("created (dry run)") == len(made) == 6


def test_the_families_of_the_help_are_all_that_are_served(
    serve: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", "families"]) == 0
    text = capsys.readouterr().out
    found: list[str] = []
    for words in ((), ("--level=pod",), ("--names=kubelet",)):
        assert serve(*words, looks=[lambda: found.append(serve.get().text)]) == 0
        serve.err.truncate(0)
        serve.err.seek(0)
    names = set(re.findall(r"^# TYPE (\S+)", "\n".join(found), re.MULTILINE))
    listed = set(re.findall(r"^(\w+)$", text, re.MULTILINE))
    assert names <= listed
    assert len(names) > 25
