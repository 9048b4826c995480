"""What importing the library imports; the command's start is in cli/test_startup."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import grimp
import pytest

_SHOW: Final = "; import sys; print(*sorted(sys.modules))"

PACKAGE: Final = {"kubemetrics"}
IMPORTED_BY_USERS: Final = ("kubemetrics.testing",)
"""What no other module imports: whoever uses it names it."""

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
    """Return what httpcore imports, which differs from one environment to the next.

    Exact amounts need decimal besides: it is written in C and takes a millisecond.
    """
    return imported("import decimal, httpcore")


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


def test_a_request_is_sent_without_httpx() -> None:
    """Its own half of what it costs to import is of no use here."""
    found = imported(
        "from kubemetrics import Client, Config\n"
        "try: Client(Config(server='http://127.0.0.1:1')).get_raw('/')\n"
        "except Exception as error: print(type(error).__name__)\n"
        "else: raise AssertionError\nimport sys"
    )
    assert "httpcore" in found
    assert "httpx" not in found
    assert not found & {"asyncio", "anyio.to_thread"}


def test_listing_samples_reads_neither_pods_nor_nodes() -> None:
    found = imported(
        "from kubemetrics import Client; from kubemetrics.api import Api;"
        " next(Api().list_pod_metrics({}))"
    )
    assert "kubemetrics.models.metrics" in found
    kinds = {"node", "pod"}
    assert not {f"kubemetrics.models.{name}" for name in kinds} & found


def not_found_from(start: str) -> set[str]:
    """Return the modules that no written import reaches from *start*.

    Whatever imports a module imports the packages it is in.
    """
    graph = grimp.build_graph("kubemetrics", cache_dir=None)
    found, waiting = set[str](), [start]
    while waiting:
        name = waiting.pop()
        if name and name not in found:
            found.add(name)
            waiting.append(name.rpartition(".")[0])
            waiting += graph.find_modules_directly_imported_by(name)
    assert found <= graph.modules
    return graph.modules - found


def test_whoever_freezes_a_program_finds_every_module() -> None:
    """PyInstaller and its like follow imports, those for types too, by their names."""
    missed = not_found_from("kubemetrics.__main__")
    assert not {name for name in missed if not name.startswith(IMPORTED_BY_USERS)}
