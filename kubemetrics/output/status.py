"""How a status looks: quiet, a warning or critical."""

from __future__ import annotations

from typing import Final

from .columns import Severity

_BAD: Final = (
    "CrashLoopBackOff", "Error", "OOMKilled", "ImagePullBackOff", "ErrImagePull",
    "ExitCode:", "Signal:", "Evicted", "Failed", "ContainerCannotRun", "NodeLost",
    "InvalidImageName", "CreateContainer", "RunContainerError", "StartError",
    "DeadlineExceeded", "NotReady", "Unknown",
)  # fmt: skip
_QUIET: Final = frozenset({"Completed", "Succeeded"})
_FINE: Final = frozenset({"Running", "Ready", ""})


def status_severity(word: str) -> Severity | None:
    """Return how *word* looks: what fails is critical, what waits a warning."""
    if word in _FINE:
        return None
    if word in _QUIET:
        return "quiet"
    return "critical" if word.removeprefix("Init:").startswith(_BAD) else "warning"
