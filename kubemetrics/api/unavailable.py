"""What is said when there is no metrics API to ask, and when that may be said."""

from __future__ import annotations

from typing import Final

from ..errors import ApiError, MetricsUnavailable, ServiceUnavailable
from .retry import AGGREGATOR_TEXTS
from .status import foreign_text

GROUP: Final = "metrics.k8s.io"
KNOWN_VERSIONS: Final = ("v1beta1", "v1")
"""v1 is GA in Kubernetes 1.37 (KEP-5207); metrics-server serves v1beta1 only so far."""


def says_down(error: ApiError) -> bool:
    """Say whether these are the aggregator's own words for an API that is down."""
    text = foreign_text(error) or ""
    return isinstance(error, ServiceUnavailable) and text.startswith(AGGREGATOR_TEXTS)


def absent(failure: ApiError) -> MetricsUnavailable:
    """Return the error for a group that is not registered."""
    return MetricsUnavailable(
        f"the metrics API is absent: {GROUP} is not registered",
        cause="absent",
        url=failure.url,
        status=failure.status,
        hint="install metrics-server or another provider",
    )


def down(failure: ApiError) -> MetricsUnavailable:
    """Return the error for a group that is registered and does not answer."""
    return MetricsUnavailable(
        f"the metrics API is down: {GROUP} is registered, but the server says"
        f' "{foreign_text(failure)}"',
        cause="down",
        url=failure.url,
        status=failure.status,
        hint="kubemetrics doctor, or kubectl describe apiservice"
        f" {KNOWN_VERSIONS[0]}.{GROUP}, tells more",
    )


def unserved(failure: ApiError, versions: tuple[str, ...]) -> ApiError:
    """Return the error for a group none of whose *versions* answers."""
    if says_down(failure):
        return down(failure)
    served = ", ".join(versions) or "none"
    return failure.explained(f"{GROUP} is registered with versions: {served}")
