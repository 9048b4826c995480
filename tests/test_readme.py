"""The scripts of README.md, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import Cluster

STAGING = """\
contexts:
- name: staging
  context: {cluster: simulated, user: viewer}
"""
"""The one context that a script names."""

README = Path(__file__).parent.parent / "README.md"
SCRIPTS = re.findall(
    r"^```python\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


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
