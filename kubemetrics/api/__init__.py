"""One flow an operation: paths, pages, versions, errors and retries; no I/O."""

from __future__ import annotations

from .api import Api
from .lists import ListOptions, Progress, ResourceList
from .retry import RetryPolicy

__all__ = ["Api", "ListOptions", "Progress", "ResourceList", "RetryPolicy"]
