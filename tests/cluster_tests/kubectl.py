"""Run the real kubectl against a simulated cluster."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.tools.kubectl import LEAN, unsupported

KUBECTL = Path(__file__).parents[2] / ".tools" / "kubectl"
_KLOG = re.compile(r"^[IWEF]\d{4}")


def skip_reason() -> str:
    """Say why kubectl cannot be run here; "" when it can."""
    if KUBECTL.exists():
        return ""
    fetch = f"python tests/tools/kubectl.py {KUBECTL.relative_to(KUBECTL.parents[1])}"
    return unsupported() or f"kubectl is not fetched yet: {fetch}"


needs_kubectl = pytest.mark.skipif(bool(skip_reason()), reason=skip_reason())


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of kubectl gave, klog lines taken out."""

    code: int
    stdout: str
    stderr: str


def kubectl(
    cluster: Cluster, *arguments: str, user: str = "viewer", binary: Path = KUBECTL
) -> Run:
    config = cluster.kubeconfig(user)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cluster.folder),
        "KUBECONFIG": str(config),
        "KUBECACHEDIR": str(cluster.folder / f"cache-{cluster.state}-{user}"),
        **LEAN,
    }
    done = subprocess.run(
        [binary, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return Run(done.returncode, done.stdout, _without_klog(done.stderr))


def _without_klog(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not _KLOG.match(line))
