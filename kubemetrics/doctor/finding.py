"""The values of a diagnosis: a finding has a severity, evidence and advice."""

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
"""The checks in their order; one that rules out the later ones ends the diagnosis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    *what* was found is one sentence, *evidence* what shows it (the server's own words
    where there are any), *advice* what to do, empty where nothing is to be done. Of the
    severities only ``problem`` makes the command fail.
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
        """Whether no finding is a problem; warnings are not."""
        return all(finding.severity != "problem" for finding in self.findings)
