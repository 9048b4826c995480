"""What importing the library imports; the command's start is in cli/test_startup."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

_SHOW: Final = "; import sys; print(*sorted(sys.modules))"

PACKAGE: Final = {"kubemetrics", "kubemetrics._version"}
HEAVY: Final = {
    "anyio",
    "asyncio",
    "concurrent.futures",
    "decimal",
    "fractions",
    "html",
    "msgspec",
    "subprocess",
    "trio",
    "yaml",
}


def imported(code: str) -> set[str]:
    """Return what is imported once *code* has run in an interpreter of its own."""
    command = [sys.executable, "-c", code + _SHOW]
    path = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, capture_output=True, check=True, env=path, text=True)
    return set(done.stdout.splitlines()[-1].split())


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "kubemetrics"}


@pytest.fixture(scope="module")
def before() -> set[str]:
    """Return what httpx imports, which differs from one environment to the next."""
    return imported("import httpx")


def test_the_package_imports_nothing_of_its_own() -> None:
    assert ours(imported("import kubemetrics")) == PACKAGE


def test_an_error_is_caught_without_httpx() -> None:
    found = imported("from kubemetrics import Forbidden")
    assert ours(found) == PACKAGE | {"kubemetrics.errors"}


def test_the_client_imports_what_every_request_needs(before: set[str]) -> None:
    found = imported("from kubemetrics import Client")
    assert not (found - before) & HEAVY
    kinds = {"metrics", "node", "pod"}
    assert not {f"kubemetrics.models.{name}" for name in kinds} & found


def test_listing_samples_reads_neither_pods_nor_nodes() -> None:
    found = imported(
        "from kubemetrics import Client; from kubemetrics.api import Api;"
        " next(Api().list_pod_metrics({}))"
    )
    assert "kubemetrics.models.metrics" in found
    kinds = {"node", "pod"}
    assert not {f"kubemetrics.models.{name}" for name in kinds} & found
