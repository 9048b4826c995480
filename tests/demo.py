"""Show the main job on a simulated cluster: ``make demo``.

The cluster answers as a recorded one did: 10 nodes, 100 pods, 81 with samples. Nothing
outside this machine is contacted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster import Cluster

COMMANDS = (
    ("kubemetrics", "nodes"),
    ("kubemetrics", "pods", "-A"),
    ("kubemetrics", "workloads", "-A", "--sort=-mem.usage", "--top=5"),
    ("kubemetrics", "top", "pods", "-n", "team-a"),
)
SCRIPT = """\
from kubemetrics import Client

with Client() as client:
    samples = client.list_pod_metrics()
    for sample in samples[:3]:
        print(f"{sample.namespace} {sample.name} {sample.cpu:m} {sample.memory:Mi}")
    cpu = sum(sample.cpu for sample in samples)
    print(f"{len(samples)} samples: {cpu:.2f} cores, {cpu / len(samples):m} a pod")
"""


def main() -> int:
    """Run each command and the script; return 1 if any of them fails."""
    failed = False
    with Cluster.recorded() as cluster:
        kubeconfig = str(cluster.kubeconfig(user="viewer"))
        environment = {**os.environ, "KUBECONFIG": kubeconfig, "COLUMNS": "160"}
        for command in COMMANDS:
            print(f"\n$ {' '.join(command)}", flush=True)
            failed |= run(("-m", *command), environment) != 0
        print(f"\n$ cat script.py\n{SCRIPT}\n$ python script.py", flush=True)
        failed |= run(("-c", SCRIPT), environment) != 0
    return int(failed)


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run this Python with *arguments*, from the project's root."""
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=root, check=False
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
