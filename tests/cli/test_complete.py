"""What stands at the cursor: the answers, and the scripts in a real shell."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubemetrics.cli import main
from kubemetrics.cli.completion import plugin
from tests.cluster import Cluster
from tests.cluster_tests.kubectl import KUBECTL, needs_kubectl

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def answers(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[str], str]:
    """Return the candidates without their descriptions, and the directive."""
    assert main(["__complete", *words]) == 0
    out, err = capsys.readouterr()
    assert not err
    *lines, directive = out.splitlines()
    return [line.partition("\t")[0] for line in lines], directive


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (("",), ["top", "config", "raw", "completion"]),
        (("co",), ["config", "completion"]),
        (("top", ""), ["pods", "nodes"]),
        (("--context", "x", "top", "n"), ["nodes"]),
        (("config", "c"), ["contexts"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("--v",), ["--version"]),
        (("top", "pods", "--s"), ["--selector", "--sort-by", "--sum", "--server"]),
        (("top", "pods", "--sort-by", ""), ["cpu", "memory"]),
        (("top", "pods", "--sort-by=c"), ["--sort-by=cpu"]),
        (("config", "-o", ""), ["table", "json"]),
        (("top", "nodes", "--no-headers", "--sh"), ["--show-capacity", "--show-swap"]),
    ],
)
def test_commands_flags_and_values_are_offered(
    words: tuple[str, ...], some: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found, directive = answers(capsys, *words)
    assert set(some) <= set(found)
    assert all(name.startswith(words[-1]) for name in found)
    assert directive == ":4"


def test_a_file_is_left_to_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(capsys, "raw", "--kubeconfig", "") == ([], ":0")
    assert answers(capsys, "raw", "--kubeconfig=x") == ([], ":0")


def test_contexts_come_from_the_kubeconfig(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(cluster.kubeconfig())
    found, _ = answers(capsys, "--kubeconfig", config, "raw", "--context", "no")
    assert found == ["nometrics", "noperm"]


def test_namespaces_come_from_the_cluster(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(cluster.kubeconfig("admin"))
    teams = [f"team-{letter}" for letter in "abcdef"]
    found, _ = answers(capsys, "--kubeconfig", config, "top", "pods", "-n", "team-")
    assert found == teams
    found, _ = answers(capsys, "raw", "--kubeconfig", config, "--namespace=team-")
    assert found == [f"--namespace={team}" for team in teams]


def test_namespaces_come_from_contexts_where_the_cluster_tells_none(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(cluster.kubeconfig("noperm"))
    found, _ = answers(capsys, "--kubeconfig", config, "top", "pods", "-n", "")
    assert found == ["team-a"]


@pytest.mark.parametrize(
    "words",
    [
        ("--kubeconfig", "/nope", "raw", "-n", ""),
        ("raw", "--nope=x"),
        ("raw", "--token="),
        ("nope", ""),
    ],
)
def test_what_fails_has_no_candidates(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert answers(capsys, *words) == ([], ":4")


@pytest.mark.parametrize(
    ("words", "some", "others"),
    [
        ("pods --columns ", ["name", "mem.usage", "label:"], ["pods.count"]),
        ("pods --columns name,", ["name,mem.usage"], ["name,name"]),
        ("pods --columns +q", ["+qos", "+quality"], ["qos"]),
        ("nodes --columns=name,p", ["--columns=name,pods.count"], []),
        ("pods --sort -mem", ["-mem.usage"], ["mem.usage"]),
        ("pods --by node --columns c", ["count", "cpu.usage"], ["created"]),
        ("pods --units m,", ["m,Gi", "m,raw"], ["m,m"]),
        ("pods --by node,", ["node,owner", "node,label:app"], ["node,node"]),
        ("nodes --by ", ["zone", "label:kubernetes.io/hostname"], ["owner"]),
        ("pods -n team-b -L ", ["app"], ["kubernetes.io/hostname"]),
        ("nodes -L ", ["kubernetes.io/hostname"], ["app"]),
        ("pods -n team-b ", ["debug-tzpns"], ["kafka-0"]),
        ("containers -A kaf", ["kafka-0"], []),
        ("top po kaf", [], ["kafka-0"]),
        ("top pods -A kaf", ["kafka-0"], []),
        ("top nodes work", ["worker-003"], ["control-plane-0"]),
        ("pods --node work", ["worker-003"], ["control-plane-0"]),
        ("pods --exclude-namespace team-", ["team-a"], ["default"]),
        ("namespaces team-", ["team-a"], ["default"]),
        ("workloads -A dae", ["daemonset/kube-proxy"], ["deployment/frontend-web"]),
        ("workloads -A dep", ["deployment/frontend-web"], ["daemonset/kube-proxy"]),
        ("workloads -A front", ["frontend-web"], ["deployment/frontend-web"]),
        ("workloads -A deploy/f", ["deploy/frontend-web"], ["deploy/kube-proxy"]),
        ("pods -n team-e sts/", ["sts/kafka"], ["sts/kafka-0", "sts/catalog"]),
        ("containers -A ds/", ["ds/kube-proxy"], ["ds/frontend-web"]),
        ("pods -n team-b po/deb", ["po/debug-tzpns"], ["po/geo-lookup"]),
        ("pods -n team-b dep", ["deployment/", "deploy/"], ["deployments", "de"]),
        ("pods -n team-b de", ["debug-tzpns"], ["deployment/"]),
        ("nodes node/work", ["node/worker-003"], ["node/control-plane-0"]),
        ("nodes deploy/", [], ["deploy/frontend-web"]),
        ("nodes dep", [], ["deployment/"]),
        ("top pods -A deploy/", [], ["deploy/frontend-web"]),
        ("pods --nope deploy/", [], ["deploy/frontend-web"]),
        ("pods -n team-b -l ", ["app="], ["kubernetes.io/hostname="]),
        ("pods -A -l app=fr", ["app=frontend-web"], ["app=kube-proxy"]),
        ("pods -A --selector=app!=fr", ["--selector=app!=frontend-web"], []),
        ("top pods -A -l app==fr", ["app==frontend-web"], []),
        ("pods -A -l app=x,!a", ["app=x,!app"], ["app=x,!app="]),
        ("pods -A -l app=x,a", ["app=x,app="], ["app="]),
        ("nodes -l kubernetes.io/arch=", ["kubernetes.io/arch=amd64"], []),
        ("nodes -l a(b", [], ["a(b="]),
        ("pods --kubeconfig /nope -l ", [], ["app="]),
        ("pods --nope -l ", [], ["app="]),
        ("pods --by nope --columns ", [], ["name"]),
        ("pods --nope --columns ", [], ["name"]),
        ("doctor --columns ", [], ["name"]),
        ("help w", ["where"], ["columns"]),
        ("help recipes c", ["cronjob", "containerfile"], ["columns"]),
        ("help where ", [], ["columns"]),
    ],
)  # fmt: skip
def test_columns_keys_labels_and_names_are_offered(
    cluster: Cluster,
    words: str,
    some: list[str],
    others: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = str(cluster.kubeconfig("admin"))
    flags = [] if words.startswith("help") else ["--kubeconfig", config]
    found, directive = answers(capsys, *flags, *words.split(" "))
    assert set(some) <= set(found)
    assert not set(others) & set(found)
    assert directive in {":4", ":6"}


def test_names_are_asked_for_with_their_metadata_alone(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(cluster.kubeconfig("admin"))
    cluster.forget_requests()
    answers(capsys, "--kubeconfig", config, "pods", "-n", "team-b", "")
    (request,) = cluster.requests
    assert request.path == "/api/v1/namespaces/team-b/pods"
    assert "PartialObjectMetadataList" in request.headers["accept"]


@pytest.mark.parametrize(
    ("typed", "some", "others"),
    [
        ("", ["name", "mem.usage", "not", "label:"], ["and", "=="]),
        ("mem.u", ["mem.usage", "mem.unlimited"], ["mem.limits"]),
        ("mem.us", ["mem.usage ==", "mem.usage >"], ["mem.usage =~", "mem.usage"]),
        ("not (na", ["not (name", "not (namespace"], []),
        ("status ", ["status ==", "status =~"], ["status and"]),
        ("mem.usage > ", ["mem.usage > mem.requests"], ["mem.usage > mem.usage"]),
        ("mem.usage>mem.req", ["mem.usage>mem.requests =="], []),
        ("reason == No", ["reason == NodeSilent"], ["reason == Finished"]),
        ("name == ", ["name == none"], ["name == name"]),
        ("mem.limits != n", ["mem.limits != none"], []),
        ("mem.limits < n", [], ["mem.limits < none"]),
        ("req ", [], ["req =="]),
        ("nope == ", [], ["nope == name"]),
        ("cpu > 1 ", ["cpu > 1 and", "cpu > 1 or"], ["cpu > 1 name"]),
        ("mem.usage > mem.requests ", ["mem.usage > mem.requests and"], []),
        ("cpu > 1 and ", ["cpu > 1 and name"], ["cpu > 1 and and"]),
        ("cpu > 1 && ", ["cpu > 1 && name"], []),
        ("== ", [], ["== name"]),
        ("name == 'a", [], ["name == 'and"]),
        ("name == 'a b", [], ["name == 'a and"]),
    ],
)
@pytest.mark.parametrize("flag", ["--where", "--fail-on"])
def test_an_expression_goes_on_with_what_may_follow(
    flag: str,
    typed: str,
    some: list[str],
    others: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, directive = answers(capsys, "pods", flag, typed)
    assert set(some) <= set(found)
    assert not set(others) & set(found)
    assert directive == ":6"


def bash_replies(
    capsys: pytest.CaptureFixture[str], line: str, kind: str = "9"
) -> list[str]:
    """Return what bash may put in the place of the word at the end of *line*."""
    breaks = " \t\n\"'@><=;|&(:"
    assert main(["__complete_bash", f"kubemetrics {line}", kind, breaks]) == 0
    return capsys.readouterr().out.splitlines()[:-1]


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("to", "top"),
        ("top pods --sort-by=m", "memory"),
        ("pods --fail-on='mem.us", "mem.usage >"),
        ("pods --where mem.us", r"mem.usage\ \>"),
        (r"pods --where cpu\ \>\ 1\ a", r"cpu\ \>\ 1\ and"),
        ("pods  --columns  'name,q", "name,qos"),
        ('pods --where "cpu > 1 a', "cpu > 1 and"),
        ("pods 'a b' --columns name", "name"),
    ],
)
def test_bash_is_given_what_it_replaces(
    line: str, reply: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reply in bash_replies(capsys, line)


def test_bash_lists_only_what_comes_last(capsys: pytest.CaptureFixture[str]) -> None:
    listed = bash_replies(capsys, "pods --where 'cpu > 1 and mem.u", "63")
    assert "mem.usage" in listed
    listed = bash_replies(capsys, "pods --columns name,q", "63")
    assert {"qos", "quality"} <= {*listed}


def test_kubectl_asks_a_program_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["kubectl_complete-metrics"] == "kubemetrics.cli.completion:plugin"
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-metrics", "top", "p"])
    with pytest.raises(SystemExit) as ended:
        plugin()
    assert not ended.value.code
    first, last = capsys.readouterr().out.splitlines()
    assert (first.partition("\t")[0], last) == ("pods", ":4")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_script_asks_for_candidates(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "__complete" in script
    assert "kubectl-metrics" in script


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with a `kubemetrics` that completes, and else shows its words."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "kubemetrics"
    program.write_text(f"""#!/bin/sh
        case "$1" in __complete*|completion)
            exec "{sys.executable}" -m kubemetrics "$@" ;;
        esac
        printf 'words:'
        printf '[%s]' "$@"
        echo done
    """)
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


class Session:
    """A shell at a terminal, with our completion; `kubemetrics` shows its words."""

    def __init__(self, argv: list[str], environ: dict[str, str]) -> None:
        # Both ends stay open: without the other one, reading fails.
        self._terminal, self._other_end = pty.openpty()
        size = struct.pack("HHHH", 40, 200, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)
        # The first terminal that the leader of a session opens becomes its own.
        opens = 'exec <>"$0" >&0 2>&0; exec "$@"'
        self._shell = subprocess.Popen(
            ["sh", "-c", opens, os.ttyname(self._other_end), *argv],
            env=environ,
            start_new_session=True,
        )
        self._seen = ""

    def start(self, setup: str) -> None:
        """Run *setup*, and wait until it is done."""
        self._type(f"{setup}; echo rea''dy\n")
        self._until("ready")

    def words(self, keys: str) -> list[str]:
        """Return the words of the command line that is typed with these *keys*."""
        self._type(f"{keys}\r")
        shown = self._until("]done")
        return re.findall(r"\[(.*?)\]", shown.rpartition("words:")[2])

    def close(self) -> None:
        self._shell.kill()
        self._shell.wait()
        os.close(self._terminal)
        os.close(self._other_end)

    def _type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def _until(self, mark: str) -> str:
        """Return what is shown up to *mark*, which is waited for."""
        while mark not in self._seen:
            ready, _, _ = select.select([self._terminal], [], [], _HANGS)
            assert ready, self._seen
            self._seen += os.read(self._terminal, 1 << 16).decode(errors="replace")
        shown, _, self._seen = self._seen.partition(mark)
        return shown + mark


_HANGS = 30
"""Seconds without a sign after which a shell hangs."""


SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "source <(kubemetrics completion bash)",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -U compinit; compinit -D -u; source <(kubemetrics completion zsh)",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        "kubemetrics completion fish | source",
    ),
}


@pytest.fixture(scope="module", params=SHELLS)
def session(
    request: pytest.FixtureRequest, cluster: Cluster, path: str
) -> Iterator[Session]:
    argv, setup = SHELLS[request.param]
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not here")
    config = cluster.kubeconfig_object()
    odd = {"name": "arn:aws:eks", "context": {"cluster": "simulated", "user": "admin"}}
    config["contexts"].append(odd)
    config["current-context"] = "admin"
    written = cluster.folder / "with-arn.kubeconfig"
    written.write_text(yaml.safe_dump(config))
    home = str(cluster.folder)
    given = {"PATH": path, "KUBECONFIG": str(written), "HOME": home, "TERM": "dumb"}
    kept = {k: v for k, v in os.environ.items() if k in {"LD_LIBRARY_PATH", "FPATH"}}
    running = Session(argv, {**kept, **given, "PYTHONPATH": str(ROOT)})
    try:
        running.start(setup)
        yield running
    finally:
        running.close()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("to\tnod\t", "top|nodes"),
        ("top pods --sort-by=m\t", "top|pods|--sort-by=memory"),
        ("raw --context nom\t/x", "raw|--context|nometrics|/x"),
        ("raw --context=nom\t/x", "raw|--context=nometrics|/x"),
        ("raw --context arn:aws:e\t", "raw|--context|arn:aws:eks"),
        ("pods -n team-b debug\t", "pods|-n|team-b|debug-tzpns"),
        ("pods -A deploy/front\t", "pods|-A|deploy/frontend-web"),
        ("workloads -A sts/kaf\t", "workloads|-A|sts/kafka"),
        ("pods -A ds\tkube\t", "pods|-A|ds/kube-proxy"),
        ("pods -A -l k8s-a\tkube-p\t", "pods|-A|-l|k8s-app=kube-proxy"),
        ("pods -A --selector app=front\t", "pods|-A|--selector|app=frontend-web"),
        ("pods -A -l 'app in (x,front\t", "pods|-A|-l|app in (x,frontend-web)"),
        ("pods --node control\t", "pods|--node|control-plane-0"),
        ("pods --columns name,mem.us\t,node\t", "pods|--columns|name,mem.usage,node"),
        ("pods --sort -mem.us\t", "pods|--sort|-mem.usage"),
        ("pods --where 'mem.pct_l\t> 9'", "pods|--where|mem.pct_limit > 9"),
        ("pods --where 'cpu>1 or mem.us\t> 9'", "pods|--where|cpu>1 or mem.usage > 9"),
        ('pods --fail-on "mem.pct_l\t> 9"', "pods|--fail-on|mem.pct_limit > 9"),
    ],
)  # fmt: skip
def test_a_shell_completes(session: Session, keys: str, words: str) -> None:
    assert session.words(f"kubemetrics {keys}") == words.split("|")


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which kubectl finds us as a plugin."""
    folder = tmp_path_factory.mktemp("plugins")
    sources = {
        "kubectl-metrics": "from kubemetrics.__main__ import run as start",
        "kubectl_complete-metrics": "from kubemetrics.cli.completion import plugin\n"
        "start = plugin",
    }
    for name, source in sources.items():
        script = folder / name
        script.write_text(f"#!{sys.executable}\n{source}\nstart()\n")
        script.chmod(0o755)
    return {"PATH": str(folder), "PYTHONPATH": str(ROOT), "HOME": str(folder)}


@needs_kubectl
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "metrics top pods --help",
            "usage: kubectl metrics top pods [NAME ...] [flags]",
        ),
        ("__complete metrics top po", "pods\tkubectl top pods, to the byte"),
        ("__complete metrics config -o j", "json"),
    ],
)
def test_kubectl_runs_and_completes_us_as_its_plugin(
    plugins: dict[str, str], line: str, expected: str
) -> None:
    done = subprocess.run(
        [KUBECTL, *line.split()],
        env=plugins,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[0] == expected
