"""What is known before the first request, and the first exchange itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..api.status import date_of
from ..config.model import Config
from ..errors import ApiError, KubeMetricsError
from ..flow import Response
from ..frozen import dataclass
from .finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is known before the first request.

    *explanation* says which configuration was chosen and why, a line each. *credential*
    is the kind of what is sent, *expires_at* its end in seconds since the epoch where
    that is known. *clock* gives the local time in seconds since the epoch.
    """

    config: Config
    clock: Callable[[], float]
    explanation: Sequence[str] = ()
    credential: str = "none"
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """The first exchange: its result, and the local times before and after it."""

    result: Response | KubeMetricsError
    sent: float
    received: float

    @property
    def reached(self) -> bool:
        """Whether the API server answered anything, a refusal included."""
        return isinstance(self.result, Response | ApiError)

    @property
    def date(self) -> float | None:
        """The server's clock, in seconds since the epoch."""
        found = date_of(self.result) if isinstance(self.result, Response) else None
        return None if found is None else found.timestamp()


def configuration(setup: Setup) -> Finding:
    """Say which configuration is used, and why."""
    config = setup.config
    context = f", context {config.context}" if config.context else ""
    what = f"{config.source}{context}: {config.server}, namespace {config.namespace}."
    evidence = "\n".join(setup.explanation) or ", ".join(config.files)
    if config.insecure_skip_tls_verify:
        return Finding(
            check="configuration",
            severity="warning",
            what=f"{what} The server's certificate is not verified.",
            evidence="insecure-skip-tls-verify: true",
            advice="Give certificate-authority instead.",
        )
    return Finding(check="configuration", severity="ok", what=what, evidence=evidence)


def misconfigured(error: KubeMetricsError) -> Finding:
    """Say that there is no usable configuration, so that nothing can be asked."""
    return Finding(
        check="configuration",
        severity="problem",
        what="There is no usable configuration.",
        evidence=str(error),
        advice="Name a kubeconfig with --kubeconfig or KUBECONFIG; kubemetrics config "
        "shows what is used.",
    )
