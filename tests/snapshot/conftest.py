"""Parts that could not be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubemetrics.errors import MetricsCause, MetricsUnavailable
from kubemetrics.models.metrics import PodMetrics
from kubemetrics.snapshot import Part


@pytest.fixture
def unavailable() -> Callable[[str], Part[PodMetrics]]:
    """Return what makes the metrics of pods unavailable for a reason."""

    def make(code: str) -> Part[PodMetrics]:
        cause: MetricsCause = "absent" if code == "ApiAbsent" else "down"
        error = MetricsUnavailable("no metrics", cause=cause, status=503)
        return Part(errors={"": error})

    return make
