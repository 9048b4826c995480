"""The fixture of pytest: named by an entry point, and nothing is imported for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .fake import FakeCluster


@pytest.fixture
def fake_cluster() -> Iterator[FakeCluster]:
    """Give a test a cluster of its own, empty until the test fills it."""
    from .fake import FakeCluster  # noqa: PLC0415 - pytest loads this module always

    with FakeCluster() as cluster:
        yield cluster
