"""Environments of their own: the peers, and kubemetrics with and without an extra."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".venv-bench"
KUBECTL = ROOT / ".tools" / "kubectl"

PEERS = ("kubernetes", "lightkube")
MORE_PEERS = ("kubernetes-asyncio", "kr8s", "pykube-ng")


def python(name: str) -> Path:
    """Return the interpreter of an environment."""
    return HOME / name / "bin" / "python"


def prepare(*, every_peer: bool) -> None:
    """Install the project as it stands, and the peers once, where they can be had."""
    prepare_ours()
    if not _environment("peers") and not every_peer:
        return
    try:
        _install("peers", [*PEERS, *(MORE_PEERS if every_peer else ())])
    except subprocess.CalledProcessError:
        print("left out: the peers, which cannot be installed", file=sys.stderr)
        shutil.rmtree(HOME / "peers")


def prepare_ours() -> None:
    """Install the project twice, with its extra and without.

    Without msgspec is an environment that has none, not one that hides it.
    """
    for name, what in (("fast", f"{ROOT}[fast]"), ("plain", str(ROOT))):
        _environment(name)
        _install(name, [what])


def versions(name: str) -> dict[str, str]:
    """Tell which packages an environment has."""
    listed = subprocess.run(
        [python(name), "-m", "pip", "list", "--format=json"],
        check=True,
        capture_output=True,
    )
    return {item["name"]: item["version"] for item in json.loads(listed.stdout)}


def _environment(name: str) -> bool:
    """Make an environment; return whether it is new."""
    if python(name).exists():
        return False
    subprocess.run([sys.executable, "-m", "venv", HOME / name], check=True)
    return True


def _install(name: str, what: Sequence[str]) -> None:
    subprocess.run(
        [python(name), "-m", "pip", "install", "--quiet", "--no-input", *what],
        check=True,
    )
