"""The command as a process and as a function: endings, errors, escapes, secrets."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from kubemetrics import cli, commandline
from kubemetrics.cli import build, find, main
from kubemetrics.config.model import Config
from tests.cluster import Cluster
from tests.cluster.faults import api_error, json_body, silence, warning
from tests.tools.interrupt import interrupt, interruptible


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def run(cluster: Cluster, *args: str, user: str = "admin") -> int:
    return main(["--kubeconfig", str(cluster.kubeconfig(user)), *args])


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "kubemetrics", *args]


# help, version, mistakes


def test_without_a_command_the_commands_are_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == listed
    assert "top pods" in listed
    assert "Exit codes" in listed


@pytest.mark.parametrize("line", ["", "top pods", "config"])
def test_help_is_a_command_as_well(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *line.split()]) == 0
    told = capsys.readouterr().out
    assert main([*line.split(), "--help"]) == 0
    assert capsys.readouterr().out == told


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kubemetrics ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("xyzzy", 'error: unknown command "xyzzy"'),
        ("--kubeconfig x xyzzy", 'error: unknown command "xyzzy"'),
        ("--nope", "error: unknown flag: --nope"),
        ("--context x", "error: no command is named"),
        ("raw", "error: the following arguments are required: PATH"),
        ("raw /a /b", "error: unrecognized arguments: /b"),
        ("config frob", "error: unrecognized arguments: frob"),
        ("raw version", "error: PATH begins with /, as in /version: 'version'"),
        ("config --nope", "error: unknown flag: --nope"),
        ("config --as-user-extra x", "error: --as-user-extra takes KEY=VALUE, not 'x'"),
    ],
)
def test_a_mistake_is_two_lines_and_2(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert (out, first) == ("", message)
    assert second.startswith("See 'kubemetrics")


def test_as_a_plugin_it_goes_by_kubectls_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kubectl-metrics", "raw", "--help"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("usage: kubectl metrics raw PATH")


# exit codes


@pytest.mark.parametrize(
    ("state", "user", "line", "code"),
    [
        ("healthy", "admin", "raw /version", 0),
        ("healthy", "noperm", "raw /api/v1/pods", 1),
        ("healthy", "bad", "raw /api/v1/pods", 1),
        ("healthy", "admin", "raw /api/v1/nope", 1),
        ("healthy", "admin", "raw --context nope /version", 2),
        ("healthy", "admin", "raw --kubeconfig /nope /version", 2),
        ("healthy", "admin", "raw --server https://127.0.0.1:1 /version", 1),
    ],
)
def test_the_exit_code_says_what_kind_of_failure_it_was(
    cluster: Cluster,
    state: str,
    user: str,
    line: str,
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster.state = state
    assert run(cluster, *line.split(), user=user) == code
    err = capsys.readouterr().err
    assert len(err.splitlines()) == (code != 0)
    assert "Traceback" not in err


# what a server says


@pytest.mark.parametrize("line", ["raw /api/v1/nodes", "top nodes"])
def test_what_a_server_says_cannot_steer_the_terminal(
    cluster: Cluster, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "no\n\x1b[2J\x07\u202eadmin\u2066"
    cluster.faults.add(api_error(403, "Forbidden", evil), path="/api/v1/nodes")
    assert run(cluster, *line.split()) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.isprintable()
    assert "\\x1b[2J\\x07\\u202eadmin\\u2066" in said


@pytest.mark.parametrize("line", ["raw /api/v1/nodes", "top nodes"])
def test_a_servers_warning_is_passed_on(
    cluster: Cluster, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.faults.add(warning("v1beta1 is old"), path="/api/v1/nodes")
    assert run(cluster, *line.split()) == 0
    assert capsys.readouterr().err == "Warning: v1beta1 is old\n"


@pytest.mark.parametrize(
    "line",
    ["pods -A", "containers -A", "nodes", "namespaces", "workloads -A", "doctor"],
)
def test_a_servers_warning_reaches_the_user_once_in_every_command(
    cluster: Cluster, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ("/api/v1/nodes", "/api/v1/pods"):
        cluster.faults.add(warning("v1 is old"), path=path)
    run(cluster, *line.split())
    assert capsys.readouterr().err.splitlines().count("Warning: v1 is old") == 1


# -v


@pytest.mark.parametrize("flag", ["-v", "-vv"])
def test_requests_are_shown_without_secrets(
    cluster: Cluster, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cluster, flag, "top", "nodes") == 0
    err = capsys.readouterr().err
    assert "/apis/metrics.k8s.io/v1beta1/nodes" in err
    assert "200" in err
    assert cluster.token("admin") not in err
    assert "Bearer" not in err
    assert run(cluster, "top", "nodes") == 0
    assert not capsys.readouterr().err


# the shared flags


def test_every_shared_flag_reaches_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, object] = {}

    def remember(kubeconfig: str | None = None, **overrides: object) -> Config:
        given.update(overrides, kubeconfig=kubeconfig)
        return Config(server="https://x")

    monkeypatch.setattr("kubemetrics.config.resolve.load_config", remember)
    line = (
        "config --kubeconfig f --context a --context b --cluster c --user u -n n -s s"
        " --token t --as me --as-group g --as-group h --as-uid i --as-user-extra k=v"
        " --as-user-extra k=w --certificate-authority ca --client-certificate cc"
        " --client-key ck --insecure-skip-tls-verify --tls-server-name ts"
        " --proxy-url p --disable-compression --request-timeout 5s"
    )
    found = find(line.split())
    commandline.config_of(build(found.name)[1].read(found.words))
    assert given == {
        "kubeconfig": "f",
        "context": "b",
        "cluster": "c",
        "user": "u",
        "namespace": "n",
        "server": "s",
        "token": "t",
        "as_user": "me",
        "as_groups": ("g", "h"),
        "as_uid": "i",
        "as_user_extra": {"k": ("v", "w")},
        "certificate_authority": "ca",
        "client_certificate": "cc",
        "client_key": "ck",
        "insecure_skip_tls_verify": True,
        "tls_server_name": "ts",
        "proxy_url": "p",
        "disable_compression": True,
        "request_timeout": "5s",
    }


# endings


class Interrupted(io.StringIO):
    def write(self, text: str) -> int:
        raise KeyboardInterrupt(text)


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Interrupted())
    assert main(["--help"]) == 130


def test_a_closed_stderr_does_not_end_up_in_the_data(cluster: Cluster) -> None:
    config = str(cluster.kubeconfig("admin"))
    line = '"$@" pods -A --no-headers --columns name 2>&-'
    ended = subprocess.run(
        ["/bin/sh", "-c", line, "sh", sys.executable, "-m", "kubemetrics"],
        env={**os.environ, "KUBECONFIG": config},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "measured" not in ended.stdout


def test_a_closed_pipe_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stdout:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["--help"]) == 0
    assert capfd.readouterr() == ("", "")


def test_a_reader_that_has_enough_ends_it_quietly(cluster: Cluster) -> None:
    config = str(cluster.kubeconfig("admin"))
    words = command("raw", "/api/v1/pods", "--kubeconfig", config)
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_an_interrupt_ends_it_at_once_and_in_silence(cluster: Cluster) -> None:
    config = str(cluster.kubeconfig("admin"))
    cluster.forget_requests()
    cluster.faults.add(silence(), path="/api/v1/nodes")
    words = command("top", "nodes", "--kubeconfig", config)
    with interruptible():
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    with process:
        while not any(seen.path == "/api/v1/nodes" for seen in cluster.requests):
            assert process.poll() is None
            time.sleep(0.01)
        out, err = interrupt(process)
    assert (process.returncode, out, err) == (130, b"", b"")


_LOSES = """
import importlib.abc, os, signal, sys, weakref

MODULE = sys.argv.pop(1)

class Loses(importlib.abc.MetaPathFinder):
    "Has Ctrl-C pressed in a callback, at the import of one module."
    def find_spec(self, name, path, target=None):
        if name == MODULE:
            class Thing: pass
            thing = Thing()
            note = weakref.ref(thing, lambda _: press())
            del thing

def press():
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass

sys.meta_path.insert(0, Loses())
from kubemetrics.__main__ import run
run()
"""


def test_an_interrupt_that_python_loses_while_it_imports_is_heard(
    cluster: Cluster,
) -> None:
    """W18: one in 300 early ones was; what a callback raises is forgotten."""
    words = ["raw", "/version", "--kubeconfig", str(cluster.kubeconfig("admin"))]
    with interruptible():
        done = subprocess.run(
            [sys.executable, "-c", _LOSES, "kubemetrics.client", *words],
            capture_output=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (130, b"")
    assert b"Exception ignored" in done.stderr


def test_an_interrupt_before_the_command_is_read_is_no_traceback() -> None:
    """W18."""
    script = _LOSES.replace("class Thing: pass", "press()")
    with interruptible():
        done = subprocess.run(
            [sys.executable, "-c", script, "kubemetrics.cli", "--version"],
            capture_output=True,
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_terminal_without_unicode_is_no_failure() -> None:
    done = subprocess.run(
        command("raw", "/é", "--server", "https://127.0.0.1:1", "--token", "x"),
        env={**os.environ, "PYTHONIOENCODING": "ascii", "KUBECONFIG": "/nope"},
        capture_output=True,
        check=False,
    )
    assert done.returncode in {1, 2}
    assert b"Traceback" not in done.stderr


def test_the_module_exports_main_alone() -> None:
    assert cli.__all__ == ["main"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_raw_makes_bytes_harmless_for_a_terminal(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"kind": "x\x1b[2J\xff",\n\t"a": 1}'
    cluster.faults.add(json_body(body), path="/api/v1/nodes")
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert run(cluster, "raw", "/api/v1/nodes") == 0
    assert isinstance(sys.stdout, Terminal)
    shown = sys.stdout.getvalue()
    assert shown == '{"kind": "x\\x1b[2J\ufffd",\n\t"a": 1}\n'


def test_raw_writes_the_bytes_as_they_came(
    cluster: Cluster, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(cluster, "raw", "/api/v1/namespaces?limit=1") == 0
    body = capfdbinary.readouterr().out
    assert json.loads(body)["kind"] == "NamespaceList"
