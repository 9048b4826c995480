"""Generated clusters: N nodes and M pods from a seed, with the truth about them.

A pod is a template (of its workload and fate) filled with values of its own, so that
10,000 pods take a second to make, and 100,000 need not exist all at once.
"""

from __future__ import annotations

from .build import Generated, generate

__all__ = ["Generated", "generate"]
