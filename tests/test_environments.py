"""The wheel where it may be installed: each Python and httpx, without msgspec, frozen.

Each makes an environment of its own with pip, which takes a minute: `make test-all`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from kubemetrics.cli import COMMANDS
from tests.cluster import Cluster
from tests.tools import dist
from tests.tools.interpreters import interpreters

pytestmark = [pytest.mark.full, pytest.mark.no_cover]

PROGRAM: Final = """
import sys
from importlib.metadata import PackageNotFoundError, version

import anyio
from kubemetrics import AsyncClient, Client, load_config

config = load_config(sys.argv[1])

async def main():
    async with AsyncClient(config) as client:
        return len(await client.list_pods()), len(await client.list_pod_metrics())

with Client(config) as client:
    print(len(client.list_pods()), len(client.list_pod_metrics()))
print(*anyio.run(main))
"""
FAKED: Final = """
from kubemetrics import Client
from kubemetrics.testing import FakeCluster, pod

with FakeCluster([pod("web-0", cpu="250m")]) as cluster:
    with Client(cluster.config) as client:
        print(client.snapshot().pods[0].cpu)
"""
HTTPX: Final = ["httpx==0.27.*", "httpx==0.28.*"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dist.build_packages(tmp_path_factory.mktemp("wheel"))


def environment(
    folder: Path, *packages: Path | str, python: str = sys.executable
) -> Path:
    """Make an environment with *packages*; return the folder of its commands."""
    made = folder / "environment"
    subprocess.run([python, "-m", "venv", made], check=True)
    pip = [made / "bin" / "python", "-m", "pip", "install", "--quiet", *packages]
    subprocess.run(pip, check=True, capture_output=True)
    return made / "bin"


def printed(*command: Path | str) -> str:
    done = subprocess.run(
        command, env={}, cwd="/", capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("httpx", HTTPX)
@pytest.mark.parametrize("extra", ["", "[fast]"])
def test_the_wheel_works_with(
    httpx: str, extra: str, wheel: Path, tmp_path: Path
) -> None:
    commands = environment(tmp_path, f"kubemetrics{extra} @ {wheel.as_uri()}", httpx)
    installed = printed(commands / "pip", "list", "--format=json")
    names = {package["name"] for package in json.loads(installed)}
    assert ("msgspec" in names) == bool(extra)
    assert_it_lists(commands)


@pytest.mark.parametrize("extra", ["", "[fast,socks]"])
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_the_wheel_works_on(
    version: str, extra: str, wheel: Path, tmp_path: Path
) -> None:
    python = interpreters().get(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    package = f"kubemetrics{extra} @ {wheel.as_uri()}"
    commands = environment(tmp_path, package, python=python)
    assert_it_lists(commands)


def assert_it_lists(commands: Path) -> None:
    """Both clients, the command and the fake work in an environment."""
    with Cluster.recorded() as cluster:
        kubeconfig = str(cluster.kubeconfig())
        said = printed(commands / "python", "-c", PROGRAM, kubeconfig)
        table = printed(
            commands / "kubemetrics", "pods", "-A", f"--kubeconfig={kubeconfig}"
        )
        assert printed(commands / "python", "-c", FAKED) == "250m\n"
    assert said == "100 81\n100 81\n"
    assert len(table.splitlines()) == 101


def test_frozen_every_command_is_there(wheel: Path, tmp_path: Path) -> None:
    commands = environment(tmp_path, wheel, "pyinstaller")
    (tmp_path / "start.py").write_bytes(dist.START)
    subprocess.run(
        [commands / "pyinstaller", "--noconfirm", "--name=frozen", "start.py"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    shutil.rmtree(commands.parent)
    frozen = tmp_path / "dist" / "frozen" / "frozen"
    for command in COMMANDS:
        assert printed(frozen, *command.split(), "--help").startswith("usage:")
    with Cluster.recorded() as cluster:
        kubeconfig = f"--kubeconfig={cluster.kubeconfig()}"
        for table in ("pods", "top pods"):
            assert printed(frozen, *table.split(), "-A", kubeconfig)
