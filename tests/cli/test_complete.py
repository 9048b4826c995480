"""What stands at the cursor: the answers, and the scripts in a real shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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
    """A PATH with `kubemetrics` on it."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "kubemetrics"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kubemetrics "$@"\n')
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def in_shell(shell: str, script: str, path: str, config: Path) -> list[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(config)}
    done = subprocess.run(
        [shell, "-c", script],
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kubemetrics to", ["top"]),
        ("kubemetrics top ", ["pods", "nodes"]),
        ("kubemetrics top pods --sort-by=m", ["memory"]),
        ("kubemetrics raw --context nom", ["nometrics"]),
        ("kubemetrics raw --context=nom", ["nometrics"]),
        ("kubemetrics raw --context admin -n team-", [f"team-{c}" for c in "abcdef"]),
        ("kubemetrics raw --context arn:aws:e", ["eks"]),
    ],
)
def test_bash_completes(
    cluster: Cluster, path: str, line: str, expected: list[str]
) -> None:
    config = cluster.kubeconfig_object()
    odd = {"name": "arn:aws:eks", "context": {"cluster": "simulated", "user": "admin"}}
    config["contexts"].append(odd)
    written = cluster.folder / "with-arn.kubeconfig"
    written.write_text(yaml.safe_dump(config))
    script = f"""
        source <(kubemetrics completion bash)
        COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}
        _kubemetrics
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    assert in_shell("bash", script, path, written) == expected


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


def test_fish_completes(cluster: Cluster, path: str) -> None:
    script = "kubemetrics completion fish | source; complete -C 'kubemetrics top no'"
    found = in_shell("fish", script, path, cluster.kubeconfig())
    assert found[0] == "nodes"


def test_zsh_loads_the_script(cluster: Cluster, path: str) -> None:
    script = (
        "autoload -U compinit; compinit -D; source <(kubemetrics completion zsh);"
        " print $_comps[kubemetrics]"
    )
    found = in_shell("zsh", script, path, cluster.kubeconfig())
    assert found == ["_kubemetrics"]
