"""Real kubectl finds a cluster it can work with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import Cluster
from tests.cluster.recorded import kubectl_runs

from .kubectl import kubectl, needs_kubectl

pytestmark = needs_kubectl
_AGE = re.compile(r"age: [0-9hms.]+")
#: Rows of equal value: kubectl sorts them by an unstable algorithm, yet with the same
#: input in the same order it gives the same result.
RUNS = kubectl_runs()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def _name(run: dict[str, Any]) -> str:
    return f"{run['state']}-{run['as']}-{' '.join(run['args'])}"


@pytest.mark.parametrize("run", RUNS, ids=_name)
def test_kubectl_prints_what_it_printed_against_the_real_cluster(
    cluster: Cluster, run: dict[str, Any]
) -> None:
    cluster.state = run["state"]
    ours = kubectl(cluster, *run["args"], user=run["as"])
    assert ours.stdout == run["stdout"]
    assert _AGE.sub("age: X", ours.stderr) == _AGE.sub("age: X", run["stderr"])
    assert ours.code == run["rc"]
