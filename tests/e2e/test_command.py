"""Every command and output, side by side with kubectl where it is there."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from kubemetrics import Config
from kubemetrics.cli import main

PINNED = Path(__file__).parents[2] / ".tools" / "kubectl"
KUBECTL = str(PINNED) if PINNED.exists() else shutil.which("kubectl")
VIEWS = ("pods", "containers", "nodes", "namespaces", "workloads")
ANSWERED = {0, 1, 3}
"""Shown, refused to this user, or no metrics API: never a traceback."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


def ours(*words: str) -> Done:
    """Run the command in this process: starting another takes longer than most reads.

    A defect is then an exception of the test itself.
    """
    out, err = _pipe(), _pipe()
    with patch.dict(os.environ), redirect_stdout(out), redirect_stderr(err):
        os.environ.pop("COLUMNS", None)
        code = main(words)
    return Done(code, _written(out), _written(err))


def _pipe() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def process(*program: str) -> Done:
    done = subprocess.run(
        program, capture_output=True, text=True, check=False, timeout=300
    )
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def theirs(*words: str) -> Done:
    if KUBECTL is None:
        pytest.skip("there is no kubectl to compare with")
    return process(KUBECTL, *words)


@cache
def minor_version() -> int:
    version = json.loads(theirs("version", "--client", "-o", "json").stdout)
    return int(version["clientVersion"]["minor"].rstrip("+"))


@pytest.fixture(scope="session")
def scope(namespace: str | None) -> tuple[str, ...]:
    return ("-A",) if namespace is None else ("-n", namespace)


def shown(done: Done) -> str:
    """Return what was printed, or skip with the reason why nothing was."""
    assert done.returncode in ANSWERED, done.stderr
    if not done.stdout:
        pytest.skip(done.stderr.strip())
    return done.stdout


@pytest.mark.parametrize(
    ("view", "output"),
    [
        *((view, output) for view in VIEWS for output in ("table", "wide")),
        ("pods", "name"),
        ("nodes", "name"),
    ],
)
def test_a_view_has_rows(view: str, output: str, scope: tuple[str, ...]) -> None:
    where = () if view == "nodes" else scope
    assert len(shown(ours(view, *where, "-o", output)).splitlines()) > 1


def who(item: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a row is about, nested as in JSON or flat as in CSV."""
    owner: Mapping[str, str] = item.get("owner") or {}
    own = (item.get(key) or "" for key in ("namespace", "pod", "container", "name"))
    return (*own, owner.get("name") or item.get("owner_name") or "")


@pytest.mark.parametrize("view", VIEWS)
def test_every_machine_output_says_the_same(view: str, scope: tuple[str, ...]) -> None:
    where = () if view == "nodes" else scope
    text = {
        output: shown(ours(view, *where, "-o", output))
        for output in ("json", "yaml", "ndjson", "csv", "prometheus")
    }
    as_json = json.loads(text["json"])
    as_yaml = yaml.load(text["yaml"], yaml.CSafeLoader)
    names = {who(item) for item in as_json["items"]}
    # Two reads of a busy cluster may differ by a pod or two.
    slack = 2 + len(names) // 20
    assert as_json["kind"] == as_yaml["kind"]
    lines = [json.loads(line) for line in text["ndjson"].splitlines()]
    rows = list(csv.DictReader(io.StringIO(text["csv"])))
    for others in (as_yaml["items"], lines, rows):
        assert len({who(item) for item in others} ^ names) <= slack
    assert list(text_string_to_metric_families(text["prometheus"]))


def settled(words: Sequence[str], text: str) -> tuple[list[str], list[str]]:
    """Return the lines, and the values in the order that was asked for.

    kubectl's order of equal values, and of nodes without metrics, is an accident.
    """
    lines = text.splitlines()
    if not any(word.startswith("--sort-by") for word in words):
        known = [line for line in lines if "<unknown>" not in line]
        return known, sorted(set(lines) - set(known))
    place = 1 if "nodes" in words else -1
    return sorted(lines), [line.split()[place] for line in lines]


@pytest.mark.parametrize(
    "words",
    [
        ("top", "pods"),
        ("top", "pods", "-A"),
        ("top", "pods", "-A", "--containers"),
        ("top", "pods", "-A", "--sum", "--no-headers"),
        ("top", "pods", "-A", "--sort-by=memory"),
        ("top", "pods", "-n", "kube-system"),
        ("top", "pods", "-l", "no-such-label=x"),
        ("top", "pods", "no-such-pod"),
        ("top", "nodes"),
        ("top", "nodes", "--sort-by=cpu", "--show-capacity"),
        ("top", "node", "no-such-node"),
    ],
    ids=" ".join,
)
def test_top_prints_what_kubectl_prints(words: tuple[str, ...]) -> None:
    if minor_version() < 37:
        pytest.skip("compared with kubectl 1.37 only: make setup fetches one")
    before, mine = theirs(*words), ours(*words)
    for _ in range(5):  # samples may change between the two
        if settled(words, before.stdout) == settled(words, mine.stdout):
            break
        time.sleep(2)
        before, mine = theirs(*words), ours(*words)
    assert settled(words, mine.stdout) == settled(words, before.stdout)
    assert mine.returncode == before.returncode
    assert ("NotFound" in mine.stderr) == ("NotFound" in before.stderr)
    assert ("Forbidden" in mine.stderr) == ("Forbidden" in before.stderr)


def test_the_pods_are_those_that_kubectl_lists(scope: tuple[str, ...]) -> None:
    listed = theirs("get", "pods", *scope, "-o", "json")
    if listed.returncode:
        pytest.skip(listed.stderr.strip())
    expected = {
        (pod["metadata"]["namespace"], pod["metadata"]["name"])
        for pod in json.loads(listed.stdout)["items"]
    }
    items = json.loads(shown(ours("pods", *scope, "-o", "json")))["items"]
    got = {(item["namespace"], item["name"]) for item in items}
    assert len(got ^ expected) <= 2 + len(expected) // 20


def test_a_raw_path_is_what_kubectl_gets() -> None:
    assert shown(ours("raw", "/version")) == theirs("get", "--raw", "/version").stdout


def test_a_process_prints_what_the_command_prints() -> None:
    command = (sys.executable, "-m", "kubemetrics", "raw", "/version")
    assert shown(process(*command)) == shown(ours("raw", "/version"))


def test_the_doctor_has_findings_and_no_crash() -> None:
    done = ours("doctor", "-o", "json")
    assert done.returncode in {0, 1, 3}
    assert json.loads(done.stdout)["findings"]


def test_the_configuration_is_shown_without_its_secrets(config: Config) -> None:
    text = shown(ours("config")) + shown(ours("config", "-o", "json"))
    assert config.server in text
    for secret in (config.auth.token, config.auth.password):
        assert not secret or secret not in text


def test_the_contexts_are_listed(config: Config) -> None:
    if config.source != "kubeconfig":
        pytest.skip("there is no kubeconfig")
    assert config.context in shown(ours("config", "contexts"))


def test_a_filter_and_a_gate_on_it(scope: tuple[str, ...]) -> None:
    none = ours("pods", *scope, "--all", "--fail-on", "restarts < 0")
    some = ours("pods", *scope, "--fail-on", "restarts >= 0")
    shown(none)
    assert (none.returncode, some.returncode) in {(0, 10), (3, 10)}
