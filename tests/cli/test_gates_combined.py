"""A gate's exit code, whatever else is on the command line and becomes of stdout.

Every pair of two of these is tried: a filter, a gate, ``--all``, ``--strict``, a
format, the state of the metrics API, of stdout, a user, and ``--watch``. What is right
is reckoned from the rows of ``-o json`` alone.
"""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from kubemetrics.cli import INTERRUPTED, main
from tests.cluster import Cluster

from .harness import Result, run, streams
from .pairwise import Row, rows

PodRow = Mapping[str, Any]
CONDITIONS: Mapping[str, Callable[[PodRow], bool]] = {
    "": lambda _: True,
    "restarts > 5": lambda row: bool(row["restarts"] > 5),
    "namespace == team-a": lambda row: bool(row["namespace"] == "team-a"),
    "cpu >= 0": lambda row: row["cpu"]["usage"] is not None,
    "name == nope": lambda _: False,
    "mem.limits == none": lambda row: row["mem"]["limits"] is None,
}
WRONG = "cpu >"
ERRORS = {"pipe": errno.EPIPE, "full": errno.ENOSPC}
PARAMETERS: Mapping[str, Sequence[str]] = {
    "where": ("", "restarts > 5", "namespace == team-a", "name == nope", WRONG),
    "fail-on": ("", "restarts > 5", "cpu >= 0", "mem.limits == none", WRONG),
    "all": ("", "--all"),
    "strict": ("", "--strict"),
    "output": (
        "table", "wide", "full", "json", "yaml", "ndjson", "csv", "tsv", "md",
        "prometheus", "name", "custom-columns=N:.name",
    ),
    "state": ("healthy", "absent"),
    "stdout": ("open", *ERRORS),
    "user": ("viewer", "noperm"),
    "watch": ("", "-w"),
}  # fmt: skip
MACHINES = frozenset(PARAMETERS["output"]) - {"table", "wide", "full", "md"}


def causes(row: Row) -> set[frozenset[str]]:
    """Return what ends a run before a row is judged, and so hides the rest."""
    ended = {name for name in ("where", "fail-on") if row[name] == WRONG}
    if row["user"] == "noperm":
        ended.add("user")
    found = {frozenset({name}) for name in ended}
    if row["watch"] and row["output"] == "prometheus":
        found.add(frozenset({"watch", "output"}))
    return found


COMBINATIONS = rows(PARAMETERS, 15, causes)


class Broken(io.StringIO):
    """A stdout that takes nothing."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, text: str) -> int:
        raise OSError(self._number, "not taken" if text else "nothing was written")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> Mapping[str, Sequence[PodRow]]:
    """Return the rows of each state, as the command itself has them."""
    found: dict[str, Sequence[PodRow]] = {}
    for state in PARAMETERS["state"]:
        cluster.state = state
        found[state] = json.loads(run(cluster, "pods", "-A", "-o", "json").out)["items"]
    return found


def attempt(cluster: Cluster, row: Row, stdout: str) -> Result:
    """Run the command; a watch that goes on is interrupted where it would wait."""
    words = ["pods", "-A", row["all"], row["strict"], row["watch"], "-o", row["output"]]
    words += ["--where", row["where"]] if row["where"] else []
    words += ["--fail-on", row["fail-on"]] if row["fail-on"] else []
    cluster.state = row["state"]
    waiting = patch(
        "kubemetrics.cli.watching.time.sleep", side_effect=KeyboardInterrupt
    )
    with streams(cluster, user=row["user"]) as (out, err), waiting:
        stream = Broken(ERRORS[stdout]) if stdout in ERRORS else out
        with redirect_stdout(stream):
            code = main([word for word in words if word])
    return Result(code, out.getvalue(), err.getvalue())


def verdict(row: Row, pods: Sequence[PodRow]) -> int:
    """Return the exit code where both streams are as they should be."""
    if WRONG in {row["where"], row["fail-on"]}:
        return 2
    if row["watch"] and row["output"] == "prometheus":
        return 2
    if row["user"] == "noperm":
        return 1
    if row["fail-on"] and any(map(CONDITIONS[row["fail-on"]], judged(row, pods))):
        return 10
    if row["state"] == "absent":
        return 3
    return 4 if row["strict"] else 0


def judged(row: Row, pods: Sequence[PodRow]) -> list[PodRow]:
    return list(filter(CONDITIONS[row["where"]], pods))


def to_show(row: Row, pods: Sequence[PodRow]) -> list[PodRow]:
    """Return what is shown beside a gate: what matches, unless all is asked for."""
    left = judged(row, pods)
    alone = row["fail-on"] and not row["all"]
    return list(filter(CONDITIONS[row["fail-on"]], left)) if alone else left


def shown(output: str, text: str) -> int:
    """Return how many rows *text* has."""
    if output in {"json", "yaml"}:
        return len((json.loads if output == "json" else yaml.safe_load)(text)["items"])
    heads = {"ndjson": 0, "name": 0, "md": 2}.get(output, 1)
    return max(len(text.splitlines()) - heads, 0)


@pytest.mark.parametrize(
    "row", COMBINATIONS, ids=lambda row: " ".join(filter(None, row.values()))
)
def test_the_code_and_the_rows_of_a_gate_hold_beside_any_other_flag(
    cluster: Cluster, pods: Mapping[str, Sequence[PodRow]], row: Row
) -> None:
    code = verdict(row, pods[row["state"]])
    whole = attempt(cluster, row, "open")
    ended = whole if row["stdout"] == "open" else attempt(cluster, row, row["stdout"])
    goes_on = row["watch"] and code in {0, 3, 4}
    assert whole.code == (INTERRUPTED if goes_on else code), whole.err
    assert ended.code == _after(row["stdout"], code, whole), ended.err
    if row["fail-on"] and code == 10:
        assert f"match '{row['fail-on']}'" in whole.err.replace("matches", "match")
        assert f"match '{row['fail-on']}'" in ended.err.replace("matches", "match")
    if not (causes(row) or row["watch"] or row["output"] == "prometheus"):
        expected = to_show(row, pods[row["state"]])
        printed = MACHINES - {"name", "ndjson"}
        assert shown(row["output"], whole.out) == len(expected)
        assert bool(whole.out) == bool(expected or row["output"] in printed)


def _after(stdout: str, code: int, whole: Result) -> int:
    """Return the code after output that is lost, or that nobody wants any more."""
    if stdout == "open" or not whole.out:
        return whole.code
    return code or (1 if stdout == "full" else 0)
