"""Options of the suite."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more of the machine than of the code.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("untimed"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "untimed")

E2E = "tests/e2e runs against a real cluster, and only if asked to: make e2e"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--e2e", action="store_true", help=E2E)


def pytest_ignore_collect(
    collection_path: object, config: pytest.Config
) -> bool | None:
    if "e2e" in str(collection_path).split("/tests/")[-1].split("/")[:1]:
        return None if config.getoption("--e2e") else True
    return None
