"""The values of a diagnosis: a finding has a severity, evidence and advice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
    where there are any), *advice* what to do, empty where nothing is to be done or the
    *commands* say it, which can be typed as they are. Of the severities only
    ``problem`` makes the command fail.
    """

    check: Check
    severity: Severity
    what: str
    evidence: str = ""
    advice: str = ""
    commands: tuple[str, ...] = ()


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
        return not self.count("problem")

    def count(self, severity: Severity) -> int:
        """Return how many findings have this severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def connected_by(self, flags: str, kubectl: str) -> Diagnosis:
        """Return it with the commands connecting as the doctor was told to.

        *flags* are those of our own commands, *kubectl* those that kubectl has too.
        """
        words = {"kubemetrics": flags, "kubectl": kubectl}
        findings = tuple(
            replace(f, commands=tuple(_connected(c, words) for c in f.commands))
            for f in self.findings
        )
        return replace(self, findings=findings)


def _connected(command: str, words: Mapping[str, str]) -> str:
    program, _, rest = command.partition(" ")
    return " ".join(filter(None, (program, words.get(program, ""), rest)))
