"""The suite for real clusters, tried on the simulated one with each kind of user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.tools.kubectl import LEAN

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("user", ["viewer", "nslimited", "nometrics"])
def test_it_passes_or_skips_with_a_reason(user: str) -> None:
    with Cluster.recorded() as cluster:
        environment = {
            **os.environ,
            **LEAN,
            "KUBECONFIG": str(cluster.kubeconfig(user=user)),
            "KUBECACHEDIR": str(cluster.folder / "cache"),
        }
        words = ("tests/e2e", "--e2e", "-q", "-p", "no:cacheprovider")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
