"""Options of the suite."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, settings

from .leftovers import folder_of_its_own, ledger

# How long an example takes says more of the machine than of the code.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("untimed"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "untimed")

E2E = "tests/e2e runs against a real cluster, and only if asked to: make e2e"


FULL = "the full cross as well, each day with another seed: make test-all"
SEED = "the seed of --full, to have that day's again (default: the date)"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--e2e", action="store_true", help=E2E)
    parser.addoption("--full", action="store_true", help=FULL)
    parser.addoption("--seed", type=int, help=SEED)


def pytest_configure(config: pytest.Config) -> None:
    config.add_cleanup(folder_of_its_own().cleanup)
    config.addinivalue_line("markers", f"full: {FULL}")
    if config.option.seed is None:  # once: workers are given what is decided here
        config.option.seed = int(f"{datetime.now(UTC):%Y%m%d}")


def pytest_collection_finish() -> None:
    """Keep thousands of collected tests out of every later garbage collection."""
    gc.collect()
    gc.freeze()


def pytest_report_header(config: pytest.Config) -> list[str]:
    return [_again(config)] if config.getoption("--full") else []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.getoption("--full"):
        terminalreporter.write_line(_again(config))


def _again(config: pytest.Config) -> str:
    return f"seed of the full cross: --seed {config.getoption('--seed')}"


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if config.getoption("--full"):
        return
    left = [item for item in items if item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if not item.get_closest_marker("full")]


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Fail a test that leaves a process, thread, socket, task or file behind."""
    with ledger() as before:
        yield
        left = before.left()
    assert not left, "left behind:\n" + "\n".join(left)


@pytest.fixture(scope="session")
def daily_seed(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("--seed"))


def pytest_ignore_collect(
    collection_path: object, config: pytest.Config
) -> bool | None:
    if "e2e" in str(collection_path).split("/tests/")[-1].split("/")[:1]:
        return None if config.getoption("--e2e") else True
    return None
