"""The topics of help hold what the code has, and every recipe works as it stands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from kubemetrics.cli import COMMANDS, build, find, main
from kubemetrics.cli.help_topics import LIBRARY_SCRIPTS, TOPICS, WHERE_EXAMPLES
from kubemetrics.cli.recipes import RECIPES
from kubemetrics.cli.view_commands import OUTPUTS
from kubemetrics.snapshot.reasons import ReasonCode
from kubemetrics.table.columns import APART, PARTIAL, STALE, UNKNOWN, Table
from kubemetrics.table.expressions import _OPERATORS
from kubemetrics.views.containers import container_view
from kubemetrics.views.groups import group_view
from kubemetrics.views.node_groups import node_group_table
from kubemetrics.views.nodes import node_view
from kubemetrics.views.pods import pod_view
from tests.cluster import Cluster
from tests.cluster_tests.kubectl import KUBECTL, needs_kubectl

from .harness import run
from .scenes import open_scene

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words]) == 0
    out, err = capsys.readouterr()
    assert not err
    return out


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_printed_and_named_by_the_help_of_all(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "help", topic)
    assert len(text.splitlines()) > 10
    if topic != "columns":  # a table, as wide as its texts
        assert max(map(len, text.splitlines())) <= 88
    overview = printed(capsys, "help").partition("TOPIC is one of:")[2]
    assert topic in re.findall(r"\w+", overview.partition("\n\n")[0])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_that_commands(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "help", *command.split())
    assert text == printed(capsys, *command.split(), "--help")


def test_every_reason_is_explained_in_the_order_in_which_they_are_judged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed(capsys, "help", "reasons")
    assert re.findall(r"^[A-Z]\w+(?=  )", text, re.MULTILINE) == [*get_args(ReasonCode)]


def test_every_mark_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "help", "marks")
    marks = {line.split()[0] for line in text.splitlines() if line.strip()}
    assert {UNKNOWN, PARTIAL, STALE, APART} <= marks


def test_every_format_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "help", "output").partition("In these")[0]
    assert {*OUTPUTS, "custom-columns"} <= {*re.findall(r"[a-z-]+", text)}


def test_every_operator_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    words = set(re.split(r"[\s';]+", printed(capsys, "help", "where")))
    assert {*_OPERATORS.split(), *"+-*/", "and", "or", "not", "none"} <= words


VIEWS: dict[str, Callable[[], Table[Any]]] = {
    "pods": lambda: pod_view().table,
    "containers": lambda: container_view().table,
    "nodes": lambda: node_view().table,
    "cluster": lambda: node_group_table(()),
    "workloads": lambda: group_view((), "workloads").table,
    "namespaces": lambda: group_view((), "namespaces").table,
}


@pytest.mark.parametrize("view", VIEWS)
def test_the_list_of_columns_has_every_column_and_its_header(
    view: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = VIEWS[view]()
    text = printed(capsys, view, "--columns", "help")
    head, *lines = (line.split() for line in text.splitlines())
    assert head == ["KEY", "HEADER", "UNIT", "SHOWN"]
    families = [f"{prefix}NAME" for prefix in table.families]
    assert [line[0] for line in lines] == [*(c.key for c in table.columns), *families]
    assert [line[1] for line in lines][: len(table.columns)] == [
        column.header for column in table.columns
    ]
    shown = {line[0]: " ".join(line[3:5]) for line in lines}
    full = [c.key for c in table.columns if not c.keep]
    assert all(shown[key].startswith("full") for key in full)
    names = [c.key for c in table.columns if c.name]
    assert all(shown[key] == "from 80" for key in names)


def test_the_columns_of_all_views_are_listed_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed(capsys, "help", "columns").partition("\nKEY ")[2]
    entries = [
        (line.split()[0], line.split()[3]) for line in text.splitlines()[1:] if line
    ]
    for letter, view in (
        ("p", "pods"), ("c", "containers"), ("n", "nodes"), ("g", "cluster"),
    ):  # fmt: skip
        keys = [key for key, views in entries if letter in views]
        table = VIEWS[view]()
        assert {column.key for column in table.columns} <= {*keys}
        assert len(keys) == len({*keys})


@pytest.mark.parametrize(("view", "text", "_meaning"), WHERE_EXAMPLES)
def test_the_examples_of_expressions_are_understood(
    cluster: Cluster, view: str, text: str, _meaning: str
) -> None:
    words = [view, *([] if view == "nodes" else ["-A"]), "--where", text]
    result = run(cluster, *words, "-o", "json")
    assert (result.code, "error" in result.err) == (0, False)


@pytest.mark.parametrize("script", LIBRARY_SCRIPTS)
def test_the_scripts_of_the_library_run(
    cluster: Cluster,
    script: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig("admin")))
    exec(compile(script, "script", "exec"), {})  # noqa: S102 - it is ours
    assert capsys.readouterr().out


def test_the_library_is_named_by_its_methods_and_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed(capsys, "help", "library")
    for name in (
        "list_pods",
        "watch_pods",
        "get_raw",
        "snapshot",
        "MetricsUnavailable",
    ):
        assert name in text
    assert "    ApiError\n      " in text


def test_every_environment_variable_of_ours_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sources = (ROOT / "kubemetrics").rglob("*.py")
    known = {v for p in sources for v in _VARIABLE.findall(p.read_text("utf-8"))}
    assert known
    assert known == set(_VARIABLE.findall(printed(capsys, "help", "connecting")))


_VARIABLE = re.compile(r"KUBEMETRICS_[A-Z_]+")


def commands(name: str) -> list[list[str]]:
    """Return the command lines of a recipe, without what they are written into."""
    found = re.findall(r"^kubemetrics (.*)$", RECIPES[name].text, re.MULTILINE)
    return [list(takewhile(_is_word, _shell_words(line))) for line in found]


def _shell_words(line: str) -> shlex.shlex:
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    return words


def _is_word(token: str) -> bool:
    return token not in {">", "|", "||", "&&"}


SHELL = [name for name, recipe in RECIPES.items() if recipe.language == "shell"]
YAML = [name for name, recipe in RECIPES.items() if recipe.language == "yaml"]
LINES = [(name, words) for name in SHELL for words in commands(name)]


@pytest.mark.parametrize(("name", "words"), LINES)
def test_the_commands_of_a_recipe_run(
    cluster: Cluster, name: str, words: list[str]
) -> None:
    result = run(cluster, *words)
    assert result.code in ({0, 10} if name == "gate" else {0})
    assert result.out or name == "gate"


@pytest.mark.parametrize("words", [words for _, words in LINES if "--where" in words])
def test_a_question_of_the_recipes_keeps_some_rows_and_not_all(
    cluster: Cluster, words: list[str]
) -> None:
    at = words.index("--where")
    everything = run(cluster, *words[:at], *words[at + 2 :]).lines
    assert 1 < len(run(cluster, *words).lines) < len(everything)


@pytest.mark.parametrize(
    ("status", "expected"), [(0, 0), (10, 1), (4, 1), (3, 1), (1, 1), (2, 1)]
)
def test_the_gate_passes_only_where_all_is_measured_and_well(
    tmp_path: Path, status: int, expected: int
) -> None:
    done = in_sh(RECIPES["gate"].text, tmp_path, f"exit {status}")
    assert done.returncode == expected
    assert bool(done.stdout) is bool(expected)


@pytest.mark.parametrize("status", [0, 1])
def test_the_textfile_is_replaced_as_a_whole_or_not_at_all(
    tmp_path: Path, status: int
) -> None:
    file = tmp_path / "kubemetrics.prom"
    file.write_text("old")
    text = re.sub(r"file=.*", f"file={file}", RECIPES["textfile"].text)
    in_sh(text, tmp_path, f"printf new; exit {status}")
    assert file.read_text() == ("old" if status else "new")


def in_sh(
    script: str, folder: Path, stands_in: str
) -> subprocess.CompletedProcess[str]:
    """Run *script* where a script that *stands_in* is called ``kubemetrics``."""
    program = folder / "kubemetrics"
    program.write_text(f"#!/bin/sh\n{stands_in}\n")
    program.chmod(0o755)
    return subprocess.run(
        ["sh", "-eu", "-c", script],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_container_of_the_cronjob_runs_a_command_of_ours() -> None:
    (job,) = yaml.safe_load_all(RECIPES["cronjob"].text)
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    found = find(container["args"])
    build(found.name)[1].read(found.words)
    accounts = [
        found["metadata"]["name"]
        for found in yaml.safe_load_all(RECIPES["rbac"].text)
        if found["kind"] == "ServiceAccount"
    ]
    assert accounts == [pod["serviceAccountName"]]


def test_the_containerfile_copies_what_is_there() -> None:
    text = RECIPES["containerfile"].text
    instructions = [line.split() for line in text.splitlines()]
    copied = [p for words in instructions if words[0] == "COPY" for p in words[1:-1]]
    assert copied
    assert all((ROOT / path).exists() for path in copied)
    assert ["ENTRYPOINT", '["kubemetrics"]'] in instructions


@needs_kubectl
@pytest.mark.parametrize("name", YAML)
def test_kubectl_takes_the_manifests(
    cluster: Cluster, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / f"{name}.yaml"
    manifest.write_text(printed(capsys, "help", "recipes", name))
    done = subprocess.run(
        [KUBECTL, "create", "--dry-run=client", "--validate=false", "-f", manifest],
        env={"KUBECONFIG": str(cluster.kubeconfig("admin")), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    documents = [*yaml.safe_load_all(manifest.read_text())]
    assert done.stdout.count("created (dry run)") == len(documents)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("whre",), "no topic or command \"whre\"; did you mean 'where'?"),
        (("deployments",), "did you mean 'workloads'?"),
        (("having",), "did you mean 'where'?"),
        (("gates",), "did you mean 'where'?"),
        (("exit-codes",), "did you mean 'output'?"),
        (("NodeSilent",), "did you mean 'reasons'?"),
        (("-",), "did you mean 'marks'?"),
        (("--having",), "unknown flag: --having, a flag of pods, "),
        (("zzzz",), "the topics are columns, where, marks, reasons"),
        (("where", "x"), "unrecognized arguments: x"),
        (("recipes", "x"), 'no recipe "x"; there are near-limit, '),
        (("recipes", "rbac", "x"), "unrecognized arguments: rbac x"),
    ],
)
def test_a_topic_that_there_is_not_is_said_so(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, message in err) == ("", True)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("deployments", "kubemetrics workloads"),
        ("Deployments.apps", "kubemetrics workloads"),
        ("sts", "kubemetrics workloads"),
        ("get pods -A", "kubemetrics pods -A"),
        ("get deploy", "kubemetrics workloads"),
        ("describe node worker-1", "kubemetrics nodes worker-1"),
        ("get", "kubemetrics pods"),
        ("version", "kubemetrics --version"),
        ("tree", "kubemetrics nodes --tree"),
        ("exporter", "kubemetrics serve"),
        ("wrokloads", "kubemetrics workloads"),
        ("-n x workload-s", "kubemetrics workloads"),
        ("xyzzy", ""),
    ],
)
def test_a_command_that_there_is_not_is_answered_with_what_may_be_meant(
    line: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    error = capsys.readouterr().err.splitlines()[0]
    assert error.startswith('error: unknown command "')
    assert error.partition("; did you mean ")[2] == (f"'{meant}'?" if meant else "")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pods --colums x", "--colums; did you mean '--columns'"),
        ("pods --limit 3", "--limit; did you mean '--top'?"),
        ("pods --sort_by x", "--sort_by; did you mean '--sort-by'"),
        ("pods -a", "'a' in -a; did you mean '-A'?"),
        ("pods --xyzzy", "unknown flag: --xyzzy\n"),
        ("pods -#", "'#' in -#\n"),
        ("nodes --unused", "--unused, a flag of pods, containers, namespaces"),
        ("cluster --having x", "--having, a flag of pods, containers, namespaces"),
        ("pods --label app=x", "; did you mean '--selector' or '--label-columns'?"),
        ("doctor --where x", "--where, a flag of pods, containers, nodes"),
    ],
)
def test_a_flag_that_there_is_not_is_answered_with_what_may_be_meant(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pods -o jsn", "name, full, not 'jsn'; did you mean 'json'?"),
        ("pods --color=on", "--color takes auto, always, never, not 'on'"),
        ("completion powershell", "SHELL takes bash, zsh, fish, not 'powershell'"),
        ("config context", "did you mean 'kubemetrics config contexts'?"),
        ("config xyzzy", "unrecognized arguments: xyzzy"),
    ],
)
def test_a_value_that_there_is_not_is_answered_with_those_that_there_are(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    assert capsys.readouterr().err.splitlines()[0].endswith(message)


@pytest.mark.parametrize("line", ["pods --colums x", "wokloads", "help n", "get p"])
def test_no_more_than_three_names_are_suggested(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    assert capsys.readouterr().err.splitlines()[0].count(" or '") <= 2


def test_top_has_kubectls_words_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "pods", "--selectr", "x"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == "error: unknown flag: --selectr"


@pytest.mark.parametrize(
    ("state", "words", "line"),
    [
        (
            "absent",
            "pods -n team-b",
            "pod metrics in namespace team-b and node metrics",
        ),
        ("down", "nodes", "pod metrics and node metrics"),
        ("absent", "pods -n a -n b -n c", "pod metrics in namespace c and 1 more"),
    ],
)
def test_one_cause_is_said_once_with_the_command_to_type(
    state: str, words: str, line: str
) -> None:
    with open_scene(state) as cluster:
        lines = run(cluster, *words.split()).err.splitlines()
    (said,) = [one for one in lines if one.startswith("cannot read ")]
    assert f"{line}: the metrics API is {state}" in said
    assert "kubemetrics doctor" in said
