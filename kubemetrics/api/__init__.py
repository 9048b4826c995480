"""One flow an operation: paths, pages, versions, errors and retries; no I/O."""

from __future__ import annotations

from .exchange import Backoff, RetryPolicy
from .lists import ListOptions, Progress, ResourceList
from .operations import Api

__all__ = [
    "Api",
    "Backoff",
    "ListOptions",
    "Progress",
    "ResourceList",
    "RetryPolicy",
]
