"""The scripts of README.md, run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubemetrics.cli import build, find
from kubemetrics.cli.help_topics import TOPICS
from tests.cli.harness import run
from tests.cluster import Cluster

STAGING = """\
contexts:
- name: staging
  context: {cluster: simulated, user: viewer}
"""
"""The one context that a script names."""

README = Path(__file__).parent.parent / "README.md"
TEXT, _, _ = README.read_text("utf-8").partition("\n## Changes\n")
SCRIPTS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = sorted(
    {" ".join(line.split()) for line in re.findall(r"`kubemetrics ([^`]*)`", TEXT)}
)
"""The commands in its sentences and tables."""


@pytest.mark.parametrize("script", SCRIPTS, ids=["sync", "async", "library", "testing"])
def test_a_script_of_the_readme_runs(script: str, tmp_path: Path) -> None:
    if "async def show" in script:
        script += "\nimport asyncio\nasyncio.run(show())\n"
    with Cluster.recorded() as cluster:
        kubeconfig = tmp_path / "config"
        text = cluster.kubeconfig("viewer").read_text("utf-8")
        kubeconfig.write_text(text.replace("contexts:\n", STAGING), "utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    state = str(tmp_path_factory.mktemp("state"))
    with pytest.MonkeyPatch.context() as patch, Cluster.recorded() as running:
        patch.setenv("XDG_STATE_HOME", state)
        assert run(running, "record", "--once").code == 0
        yield running


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_is_one(cluster: Cluster, line: str) -> None:
    words = shlex.split(line)
    name, rest, _ = find(words)
    if {"-w", "serve", "record"} & {*words}:  # which would not end
        build(name)[1].read(rest)
        return
    result = run(cluster, *words)
    assert result.code in {0, 4, 10}
    assert result.out or "--fail-on" in words


def test_the_topics_that_the_readme_names_are_there() -> None:
    named = re.findall(r"`help (\w+)`", TEXT)
    assert named
    assert set(named) <= set(TOPICS)


def test_what_a_newcomer_reads_is_short() -> None:
    """What is longer is for ``kubemetrics help``: nobody reads it twice here."""
    assert len(TEXT.partition("\n## Work on it\n")[0].encode()) < 10_600
