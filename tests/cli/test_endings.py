"""The exit code of every command where stdout or stderr is closed, full or unread."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import pytest

from tests.cluster import Cluster

VIEWS = ("pods", "containers", "nodes", "namespaces", "workloads")
STDOUT = ("open", "closed", "full", "unread", "one line")
"""*unread*: a pipe whose reader is gone; *one line*: it goes after the first one."""
PIPES = ("unread", "one line")
STDERR = ("open", "closed", "full", "unread")
LOST = "error: cannot write the output: "
WHY = {"closed": "stdout is closed", "full": "No space left on device"}
SHELL = {"closed": "&-", "full": "/dev/full"}

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command line that ends with *verdict* where both streams are as they should be.

    *prints* says whether it writes to stdout at all.
    """

    command: str
    words: str
    verdict: int
    prints: bool = True
    state: str = "healthy"
    user: str = "admin"

    @property
    def name(self) -> str:
        others = [n for n in (self.state, self.user) if n not in {"healthy", "admin"}]
        return " ".join((self.words, *others, f"({self.verdict})"))


def _view(command: str) -> Iterator[Case]:
    def case(rest: str, verdict: int, **more: str | bool) -> Case:
        words = f"{command} {rest}"
        return Case(command=command, words=words, verdict=verdict, **more)  # type: ignore[arg-type]

    everywhere = "" if command in {"nodes", "namespaces"} else " -A"
    column = "mem.usage" if command != "nodes" else "cpu.usage"
    yield case("-o json", 0)
    yield case("", 1, prints=False, user="noperm")
    yield case("--nope", 2, prints=False)
    yield case("", 3, state="absent")
    yield case(f"-v --strict{everywhere}", 4)
    yield case(f"-o ndjson --strict --fail-on '{column} > 0'", 10)


def _top(kind: str) -> Iterator[Case]:
    command = f"top {kind}"
    silent = {"command": command, "verdict": 1, "prints": False}
    yield Case(command=command, words=command, verdict=0)
    yield Case(command=command, words=f"{command} --help", verdict=0)
    yield Case(**silent, words=f"{command} --nope")  # type: ignore[arg-type]
    yield Case(**silent, words=command, user="noperm")  # type: ignore[arg-type]
    yield Case(**silent, words=command, state="absent")  # type: ignore[arg-type]


def _others() -> Iterator[Case]:
    for words, verdict in (
        ("doctor", 0),
        ("config", 0),
        ("config contexts", 0),
        ("raw /api/v1/pods", 0),
        ("completion bash", 0),
        ("__complete top ", 0),
        ("--help", 0),
        ("--version", 0),
        ("pods --columns help", 0),
    ):
        yield Case(command=words.partition(" /")[0], words=words, verdict=verdict)
    yield Case(command="doctor", words="doctor", verdict=1, state="absent")
    for words, verdict in (
        ("doctor --nope", 2),
        ("config --kubeconfig /nope", 2),
        ("config contexts --kubeconfig /nope/nope --nope", 2),
        ("raw /nope", 1),
        ("raw nope", 2),
        ("completion", 2),
        ("nope", 2),
        ("top", 1),
    ):
        command = words.partition(" -")[0].partition(" /")[0].partition(" n")[0]
        yield Case(command=command, words=words, verdict=verdict, prints=False)


CASES = [
    *(case for view in VIEWS for case in _view(view)),
    *_top("pods"),
    *_top("nodes"),
    *_others(),
]
Row = tuple[int, str, str]
"""A case by its number, and the states of stdout and stderr."""


def _held(row: Row) -> set[tuple[object, ...]]:
    """Return what a row shows: each pair of two of these, and every case by itself.

    A pipe whose reader goes sooner or later is the same to a command.
    """
    number, stdout, stderr = row
    case = CASES[number]
    parts = [("verdict", case.verdict), ("stdout", stdout), ("stderr", stderr)]
    held: set[tuple[object, ...]] = {("case", number), *combinations(parts, 2)}
    if stdout != "open" and case.prints:
        held.add((case.command, "pipe" if stdout in PIPES else stdout))
    return held


def _few(rows: list[Row]) -> list[Row]:
    """Choose rows, greedily, that show all that all of them show."""
    held = {row: _held(row) for row in rows}
    missing = set().union(*held.values())
    found: list[Row] = []
    while missing:
        best = max(rows, key=lambda row: len(missing & held[row]))
        missing -= held[best]
        found.append(best)
    return found


def _all() -> list[Row]:
    return list(product(range(len(CASES)), STDOUT, STDERR))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "row" in metafunc.fixturenames:
        full = metafunc.config.getoption("--full", default=False)
        rows = _all() if full else _few(_all())
        names = ["-".join((CASES[n].name, *streams)) for n, *streams in rows]
        metafunc.parametrize("row", rows, ids=names)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


def right(case: Case, stdout: str) -> int:
    """Return the exit code that is right, whatever became of stderr."""
    lost = case.prints and stdout in WHY
    as_kubectl = case.command.startswith("top ") and stdout == "closed"
    return 1 if lost and not case.verdict and not as_kubectl else case.verdict


def said(case: Case, stdout: str) -> list[str]:
    """Return the lines about the output that stderr should have."""
    as_kubectl = case.command.startswith("top ") and stdout == "closed"
    lost = case.prints and stdout in WHY and not as_kubectl
    return [f"{LOST}{WHY[stdout]}"] if lost else []


def _end(cluster: Cluster, case: Case, stdout: str, stderr: str) -> Ended:
    """Run the command as a process of its own, with such streams."""
    shell = 'eval "exec \\"$PYTHON\\" -m kubemetrics $0"'
    shell += f" >{SHELL[stdout]}" if stdout in SHELL else ""
    shell += f" 2>{SHELL[stderr]}" if stderr in SHELL else ""
    environ = {
        "KUBECONFIG": str(cluster.kubeconfig(case.user)),
        "PYTHON": sys.executable,
        "PYTHONDONTWRITEBYTECODE": "",  # to compile it each time doubles the cost
    }
    first = ""
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                ["/bin/sh", "-c", shell, case.words],
                env=os.environ | environ,
                stdout=_unread(stack) if stdout == "unread" else subprocess.PIPE,
                stderr=_unread(stack) if stderr == "unread" else subprocess.PIPE,
                text=True,
            )
        )
        if stdout == "one line":
            assert process.stdout is not None
            first = process.stdout.readline()
            process.stdout.close()
            process.stdout = None
        out, err = process.communicate()
    return Ended(process.returncode, first + (out or ""), err or "")


def _unread(stack: ExitStack) -> int:
    reader, writer = os.pipe()
    os.close(reader)
    stack.callback(os.close, writer)
    return writer


def test_the_exit_code_is_the_verdict_whatever_becomes_of_the_streams(
    cluster: Cluster, row: Row
) -> None:
    number, stdout, stderr = row
    case = CASES[number]
    cluster.state = case.state
    ended = _end(cluster, case, stdout, stderr)
    assert ended.code == right(case, stdout), ended.err
    if stderr == "open":
        told = [line for line in ended.err.splitlines() if line.startswith(LOST)]
        assert told == said(case, stdout)
        assert "Traceback" not in ended.err
    if stdout in {"open", "one line"}:
        assert bool(ended.out) == case.prints


def test_a_reader_that_goes_ends_a_watch_with_the_verdict_so_far(
    cluster: Cluster,
) -> None:
    cluster.state = "healthy"
    watched = Case(command="pods", words="pods -w", verdict=0)
    assert _end(cluster, watched, "unread", "open").code == 0
    watched = Case(command="pods", words="pods -w --fail-on 'cpu > 0'", verdict=10)
    assert _end(cluster, watched, "unread", "open").code == 10
    assert _end(cluster, watched, "full", "full").code == 10
    watched = Case(command="pods", words="pods -w", verdict=0)
    assert _end(cluster, watched, "full", "open").code == 1
