"""What starting costs: nothing is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kubemetrics.cli import COMMANDS

_SHOW = "; import sys; print(*sorted(sys.modules), file=sys.stderr)"
_HEAVY = {"httpx", "yaml", "ssl", "asyncio", "threading", "socket", "subprocess"}
_HEAVY |= {
    "logging",
    "json",
    "dataclasses",
    "decimal",
    "datetime",
    "inspect",
    "sqlite3",
    "anyio",
}


def modules(code: str) -> set[str]:
    """Return what is imported once *code* has run in an interpreter of its own."""
    command = [sys.executable, "-S", "-c", code + _SHOW]
    path = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, capture_output=True, check=True, env=path, text=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("argument", ["--help", "--version", "nope"])
def test_saying_who_we_are_imports_little(argument: str) -> None:
    found = modules(f"from kubemetrics.cli import main; main(['{argument}'])")
    rooms = {"api", "auth", "client", "config", "snapshot", "table", "transport"}
    assert not found & (_HEAVY | {f"kubemetrics.{room}" for room in rooms})


def test_the_package_alone_imports_nothing_heavy() -> None:
    assert not modules("import kubemetrics") & _HEAVY


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_contacts_and_reads_nothing(command: str) -> None:
    words = [*command.split(), "--help"]
    found = modules(f"from kubemetrics.cli import main; assert main({words}) == 0")
    assert not found & {"httpx", "yaml", "ssl", "sqlite3", "anyio", "asyncio"}


def test_top_imports_nothing_for_other_commands() -> None:
    found = modules("import kubemetrics.kubectl_top")
    others = {"accounting", "doctor", "snapshot"}
    assert not {f"kubemetrics.{name}" for name in others} & found


def test_the_network_is_imported_with_the_first_client_not_with_its_class() -> None:
    assert not modules("from kubemetrics import Client") & {"httpcore", "ssl", "socket"}
