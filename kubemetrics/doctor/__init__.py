"""Why there are no metrics: checks in a fixed order, each with evidence and advice.

``diagnose(api, setup)`` is the flow; it returns a `Diagnosis` of `Finding`s and checks
what the user may read. Where no configuration can be used, ``misconfigured(error)`` is
the one finding.
"""

from __future__ import annotations

from .connection import Setup, misconfigured
from .diagnose import diagnose
from .finding import Check, Diagnosis, Finding, Severity
from .permissions import Permission, role

__all__ = [
    "Check",
    "Diagnosis",
    "Finding",
    "Permission",
    "Setup",
    "Severity",
    "diagnose",
    "misconfigured",
    "role",
]
