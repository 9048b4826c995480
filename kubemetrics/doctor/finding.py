"""Findings of the doctor: each with its evidence and with what to do."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..frozen import dataclass

Severity: TypeAlias = Literal["ok", "info", "warning", "problem"]

Check: TypeAlias = Literal[
    "configuration",
    "server",
    "server certificate",
    "credential",
    "clock",
    "identity",
    "permissions",
    "metrics API",
    "answers",
    "samples",
    "pods",
    "nodes",
    "node clock",
]
"""The checks in their order; a lower one that fails ends the diagnosis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    *what* was found is one sentence, *evidence* what it was concluded from (the
    server's own words where there are any), *advice* what to do, empty where nothing is
    to be done. *severity*: only a ``problem`` makes the command fail.
    """

    check: Check
    severity: Severity
    what: str
    evidence: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings in the order of the checks; *manifest* grants what is missing.

    *manifest* is the YAML of a Role or ClusterRole and of its binding, or empty.
    """

    findings: tuple[Finding, ...]
    manifest: str = ""

    @property
    def healthy(self) -> bool:
        """Whether nothing is a problem; warnings are none."""
        return all(finding.severity != "problem" for finding in self.findings)
