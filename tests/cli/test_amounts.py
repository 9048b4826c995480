"""Amounts that no node has: `top` prints what kubectl's integers make of them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

import pytest

from kubemetrics import Quantity
from kubemetrics.testing.apiserver import encode
from kubemetrics.testing.etcd import Entry
from tests.cluster import Clock, Cluster
from tests.cluster.contents import Contents
from tests.cluster.recorded import moved, recorded_contents
from tests.cluster.samples import Sample, Usage
from tests.cluster_tests.kubectl import Run, needs_kubectl

from .test_against_kubectl import by_viewer, compare, ours, theirs

pytestmark = needs_kubectl

Draw = Callable[[], str]

DIFFERENCES: Final[list[dict[str, str]]] = tomllib.loads(
    (Path(__file__).parents[1] / "data" / "kubectl_differences.toml").read_text()
)["amount"]
EDGES: Final = (
    "9223372036854775807", "9223372036854775808", "9223372036854775809",
    "18446744073709551615", "18446744073709551616", "18446744074",
    "9007199254740992", "9223372036854775", "9223372036854776", "9223372036854775807m",
    "9223372036854775808m", "1e18", "1e19", "1e20", "1e30", "9E", "10E", "99999E",
    "7Ei", "8Ei", "8Pi", "9Pi", "16Pi", "8191Ti", "99Ti", "100Ti", "0", "1", "100m",
)  # fmt: skip
SUFFIXES: Final = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E", "e6", "e18")
BINARY: Final = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
DIGITS: Final = (1, 2, 3, 6, 14, 15, 16, 17, 18, 19, 20, 25)


def drawn(seed: int, *, signs: str = "+-") -> Draw:
    """Draw amounts as an API writes them: in canonical form."""
    random = Random(seed)  # noqa: S311 - no secret

    def amount() -> str:
        digits = random.choice(DIGITS)
        number = random.randrange(10 ** (digits - 1), 10**digits)
        edge = random.choice(EDGES)
        text = f"{number}{random.choice(SUFFIXES + BINARY)}"
        sign = random.choice(signs).strip("+")
        return str(Quantity(sign + random.choice((edge, text, text, text))))

    return amount


def holding(draw: Draw) -> Cluster:
    """Serve the recorded cluster, using these amounts of these amounts."""

    def sample(old: Sample) -> Sample:
        return replace(
            old, usages=tuple(Usage(u.name, draw(), draw()) for u in old.usages)
        )

    def node(old: Entry) -> Entry:
        obj = old.load()
        obj["status"]["allocatable"] |= {"cpu": draw(), "memory": draw()}
        return replace(old, raw=encode(obj))

    was = moved(recorded_contents(), datetime.now(UTC))
    contents: Contents = replace(
        was,
        pod_samples=tuple(map(sample, was.pod_samples)),
        node_samples=tuple(map(sample, was.node_samples)),
        nodes=tuple(map(node, was.nodes)),
    )
    return Cluster(contents, Clock(contents.now))


@pytest.mark.parametrize(
    ("line", "signs"),
    [
        ("pods -A --containers", "+-"),
        ("nodes", "+-"),
        ("pods -A --sum", "+"),
    ],
)
def test_amounts_beyond_64_bits_print_as_with_kubectl(line: str, signs: str) -> None:
    with holding(drawn(20, signs=signs)) as cluster:
        assert not "\n".join(compare(cluster, by_viewer(line)))


@pytest.mark.full
@pytest.mark.parametrize("line", ["pods -A --containers", "nodes"])
def test_other_amounts_each_day_print_as_with_kubectl(
    line: str, daily_seed: int
) -> None:
    with holding(drawn(daily_seed)) as cluster:
        assert not "\n".join(compare(cluster, by_viewer(line)))


@pytest.mark.parametrize("known", DIFFERENCES, ids=lambda known: str(known["given"]))
def test_every_known_difference_of_an_amount_is_still_one(
    known: dict[str, str],
) -> None:
    args = ("pods", "-A", "--no-headers", "--containers")
    with holding(lambda: known["given"]) as cluster:
        mine, other = ours(cluster, args, "viewer"), theirs(cluster, args, "viewer")
    assert set(printed(mine)) == {known["ours"]}
    assert set(printed(other)) == {known["kubectl"]}


def printed(run: Run) -> Iterator[str]:
    """Return the amounts of each line."""
    return (" ".join(line.split()[3:]) for line in run.stdout.splitlines())
